#pragma once
/*
 * Repositories in a temporary folder, the host that serves them (see
 * git_faults.py), and a loop for clients. For programs of tests/unit; one at a time.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/loop.h"
#include "net/http.h"

static struct git_server {
    arena arena;
    str root; /* work/ is a checkout, NAME.git are served */
    pid_t pid;
    int input; /* the host ends with it */
    int port, other_port, tls_port;
    str certificate, key; /* of the TLS port, and of its clients */
    struct loop *loop;
    pthread_t thread;
    struct http *http;
} git_server;

static void git_ok(err *e)
{
    if (e) fail_msg("%s", e->message);
}

/* Runs a shell script in the root; its output. */
UNUSED static str git_sh(const char *format, ...)
{
    arena *a = &git_server.arena;
    va_list args;
    va_start(args, format);
    str script = str_vprintf(a, format, args);
    va_end(args);
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        close(out[0]);
        close(out[1]);
        close(git_server.input);
        if (chdir(git_server.root.data) != 0) _exit(1);
        setenv("HOME", git_server.root.data, 1);
        setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
        setenv("GIT_AUTHOR_NAME", "A U Thor", 1);
        setenv("GIT_AUTHOR_EMAIL", "a@example.org", 1);
        setenv("GIT_COMMITTER_NAME", "C", 1);
        setenv("GIT_COMMITTER_EMAIL", "c@example.org", 1);
        execl("/bin/sh", "sh", "-ec", str_z(a, script), (char *)NULL);
        _exit(1);
    }
    close(out[1]);
    buf b = BUF(a);
    for (ssize_t got; (got = read(out[0], buf_room(&b, 4096), 4096)) > 0;)
        buf_grew(&b, (size_t)got);
    close(out[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status) fail_msg("script: " STR_FMT, STR_ARG(script));
    return str_trim(buf_str(&b));
}

/* work/ with one commit on main, pushed to NAME.git. */
UNUSED static void git_new(const char *name)
{
    git_sh("rm -rf work '%s.git'; git init -q --bare -b main '%s.git'; git init -q -b main work; "
           "cd work;"
           "git remote add origin '../%s.git'; mkdir -p apps/a docs; echo 'a: 1' >apps/a/a.yaml;"
           "echo '#!/bin/sh' >run; chmod +x run; echo hi >docs/x.md; echo '*.md' >.sourceignore;"
           "ln -s /etc/passwd link; git add -A; git commit -qm 'first\n\nbody'; git push -q origin "
           "main",
           name, name, name);
}

/* Changes a file on main and pushes; the new commit. */
UNUSED static str git_push(const char *content)
{
    return git_sh("cd work; echo '%s' >apps/a/a.yaml; git add -A; git commit -qm 'set %s';"
                  "git push -qf origin HEAD:main; git rev-parse HEAD",
                  content, content);
}

/* For clients that are woken, and wait until then. */
static struct {
    pthread_mutex_t lock; /* guards count */
    pthread_cond_t more;
    unsigned count;
} git_wakings = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

UNUSED static void git_wake(void *context UNUSED, str waker UNUSED)
{
    pthread_mutex_lock(&git_wakings.lock);
    git_wakings.count++;
    pthread_cond_broadcast(&git_wakings.more);
    pthread_mutex_unlock(&git_wakings.lock);
}

/* Until somebody is woken that was not in `seen`. A look a second is for those without a waking. */
UNUSED static void git_wait(unsigned *seen)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_mutex_lock(&git_wakings.lock);
    int status = 0;
    while (git_wakings.count == *seen && !status)
        status = pthread_cond_timedwait(&git_wakings.more, &git_wakings.lock, &until);
    *seen = git_wakings.count;
    pthread_mutex_unlock(&git_wakings.lock);
}

UNUSED static str git_url(const char *behaviour, const char *name)
{
    return str_printf(&git_server.arena, "http://127.0.0.1:%d/%s/%s.git", git_server.port,
                      behaviour, name);
}

/* What was asked of the host since the last time, a request per line. */
UNUSED static str git_log(void)
{
    struct http_request request = {
        .url = str_printf(&git_server.arena, "http://127.0.0.1:%d/log", git_server.port)};
    struct http_response response;
    git_ok(http_do(git_server.http, &git_server.arena, &request, &response));
    return response.body;
}

UNUSED static int git_log_count(void)
{
    str lines = git_log(), line;
    int count = 0;
    while (str_next_line(&lines, &line))
        count++;
    return count;
}

static void *git_run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void git_make_certificate(void)
{
    git_sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
           "/CN=test "
           "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null;"
           "cat cert.pem key.pem >tls.pem");
    git_server.certificate = git_sh("cat cert.pem");
    git_server.key = git_sh("cat key.pem");
}

static void git_start_host(void)
{
    int in[2], out[2];
    assert_int_equal(pipe(in) | pipe(out), 0);
    git_server.pid = fork();
    if (git_server.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execlp("python3", "python3", "-I", "tests/harness/git_faults.py", git_server.root.data,
               (char *)NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    git_server.input = in[1];
    FILE *ports = fdopen(out[0], "r");
    assert_int_equal(
        fscanf(ports, "%d %d %d", &git_server.port, &git_server.other_port, &git_server.tls_port),
        3);
    fclose(ports);
}

/* Run from the top of the tree. */
UNUSED static int git_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    git_ok(fs_temp_dir(&git_server.arena, STR("/tmp"), STR("git-test-"), &git_server.root));
    git_make_certificate();
    git_start_host();
    git_server.loop = loop_new();
    pthread_create(&git_server.thread, NULL, git_run_loop, git_server.loop);
    git_ok(http_new(git_server.loop, (struct http_options){.no_proxy = true}, &git_server.http));
    return 0;
}

UNUSED static int git_teardown(void **state)
{
    (void)state;
    http_free(git_server.http);
    loop_stop(git_server.loop);
    pthread_join(git_server.thread, NULL);
    loop_free(git_server.loop);
    close(git_server.input);
    waitpid(git_server.pid, NULL, 0);
    git_ok(fs_remove_tree(git_server.root));
    arena_done(&git_server.arena);
    return 0;
}
