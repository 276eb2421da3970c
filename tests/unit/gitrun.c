/* gitrun: what the program gets to see, and what it cannot do to us. A script stands in for git. */
#include "git/gitrun.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"

static arena texts;
static arena *a = &texts;
static str root;

static int setup(void **state UNUSED)
{
    setenv("GIT_SSH_COMMAND", "evil", 1);
    setenv("GIT_DIR", "/nowhere", 1);
    setenv("SECRET_OF_OURS", "s3cret", 1);
    err *e = fs_temp_dir(a, STR("/tmp"), STR("gitrun-test-"), &root);
    return e ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
    err *e = fs_remove_tree(root);
    arena_done(a);
    return e ? -1 : 0;
}

static struct gitrun run_of(const char *script)
{
    static const char *const args[] = {"fetch", "origin", NULL};
    str path = fs_join(a, root, STR("git"));
    err *e = fs_write(path, str_printf(a, "#!/bin/sh\n%s\n", script), 0700);
    assert_null(e);
    return (struct gitrun){.git = path, .folder = root, .args = args};
}

static str output_of(const struct gitrun *run)
{
    str out = {0};
    err *e = gitrun_do(a, run, &out);
    if (e) fail_msg("%s", e->message);
    return out;
}

static err *error_of(const struct gitrun *run)
{
    err *e = gitrun_do(a, run, NULL);
    if (!e) fail_msg("must fail");
    return e;
}

static void test_environment(void **state UNUSED)
{
    struct remote remote = {.url = STR("https://h/a"),
                            .user = STR("u"),
                            .password = STR("s3cret"),
                            .ca_pem = STR("the CA"),
                            .cert_pem = STR("the cert"),
                            .key_pem = STR("the key"),
                            .proxy = STR("http://proxy:1"),
                            .proxy_user = STR("p"),
                            .proxy_password = STR("a:b")};
    struct gitrun run = run_of("echo \"$@\"; env | sort");
    run.remote = &remote;
    str out = output_of(&run);
    assert_true(str_starts(out, STR("fetch origin\n"))); /* all there is on the command line */
    static const char *const there[] = {"GIT_CONFIG_NOSYSTEM=1\n",
                                        "GIT_CONFIG_GLOBAL=/dev/null\n",
                                        "GIT_TERMINAL_PROMPT=0\n",
                                        "GIT_ALLOW_PROTOCOL=http:https\n",
                                        "=Authorization: Basic dTpzM2NyZXQ=\n",
                                        "=core.hooksPath\n",
                                        "=http.followRedirects\n",
                                        "=http://p:a%3Ab@proxy:1\n",
                                        "GIT_DIR=.\n",
                                        "LC_ALL=C\n"};
    for (size_t i = 0; i < COUNT(there); i++) {
        if (str_find(out, str_of(there[i])) < 0) fail_msg("'%s' is missing", there[i]);
    }
    assert_true(str_find(out, STR("SECRET_OF_OURS")) < 0);
    assert_true(str_find(out, STR("GIT_SSH_COMMAND")) < 0);
    /* Certificates and keys are files that exist in memory only. */
    run = run_of("for k in sslCAInfo sslCert sslKey; do n=$(env | sed -n "
                 "\"s/^GIT_CONFIG_KEY_\\(.*\\)=http.$k\\$/\\1/p\");"
                 "eval \"cat \\$GIT_CONFIG_VALUE_$n\" | tail -n1; echo; done");
    run.remote = &remote;
    assert_true(str_is(output_of(&run), "the CA\nthe cert\nthe key\n"));
    run = run_of("echo $GIT_ALLOW_PROTOCOL; pwd; ls /proc/self/fd | wc -l");
    assert_true(str_eq(output_of(&run), str_printf(a, "none\n" STR_FMT "\n4\n", STR_ARG(root))));
}

static void test_input(void **state UNUSED)
{
    struct gitrun run = run_of("cat; cat");
    run.input = STR("one\ntwo");
    assert_true(str_is(output_of(&run), "one\ntwo"));
    run.input = (str){0};
    assert_int_equal(output_of(&run).len, 0);
}

static void test_errors(void **state UNUSED)
{
    struct remote remote = {.url = STR("https://h/a"), .user = STR("u"), .password = STR("s3cret")};
    static const char *const rows[][2] = {
        {"echo 'Fetching 10%' >&2; echo 'fatal: no way' >&2; exit 128", "no way"},
        {"printf 'remote: Counting 1\\rremote: Counting 2\\nerror: a\\nfatal: b\\n' >&2; exit 1",
         "Counting 1; Counting 2; a; b"},
        {"echo 'fatal: Failed to connect to h port 1 after 12 ms: refused' >&2; exit 1",
         "Failed to connect to h port 1: refused"},
        {"echo 'fatal: took place after 12 days' >&2; exit 1", "took place after 12 days"},
        {"echo 'fatal: s3cret and dTpzM2NyZXQ= of u' >&2; exit 1", "*** and *** of u"},
        {"printf 'fatal: \\033[31mred\\n' >&2; exit 1", "[31mred"},
        {"echo \"fatal: cannot open $PWD/x\" >&2; exit 1", "cannot open the mirror/x"},
        {"echo odd >&2; exit 3", "odd"},
        {"exit 3", "git ended with status 3"},
        {"kill -9 $$", "git was killed by signal 9"},
        {"exec /nowhere/at/all", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gitrun run = run_of(rows[i][0]);
        run.remote = &remote;
        err *e AUTO(err_done) = error_of(&run);
        if (rows[i][1]) assert_string_equal(e->message, rows[i][1]);
    }
    struct gitrun flood = run_of(
        "i=0; while [ $i -lt 3000 ]; do echo \"error: line $i\" >&2; i=$((i+1)); done; exit 1");
    err *e AUTO(err_done) = error_of(&flood);
    assert_true(e->len <= 1024);
    struct gitrun missing = {.git = STR("no-such-program"), .folder = root, .args = flood.args};
    err *f AUTO(err_done) = error_of(&missing);
    assert_true(err_is(f, ERR_INTERNAL));
    missing.git = STR("/no/such/program");
    err *g AUTO(err_done) = error_of(&missing);
    assert_string_equal(g->message, "the git program could not be started");
}

static err *stop(void *context, str bytes)
{
    *(size_t *)context += bytes.len;
    return err_invalid("enough");
}

static void test_output_is_bounded(void **state UNUSED)
{
    struct gitrun run = run_of("exec yes");
    run.output_limit = 100000;
    err *e AUTO(err_done) = error_of(&run);
    assert_string_equal(e->message, "git printed more than 100000 bytes, the limit");
    size_t seen = 0;
    run.take = stop;
    run.context = &seen;
    err *f AUTO(err_done) = error_of(&run);
    assert_string_equal(f->message, "enough");
    assert_true(seen > 0 && seen <= 65536);
    /* One file has a bound as well. */
    run = run_of("truncate -s 3G big");
    err *g AUTO(err_done) = error_of(&run);
    assert_non_null(g);
}

static bool is_alive(const char *file)
{
    str text;
    uint64_t pid;
    err *e = fs_read(a, fs_join(a, root, str_of(file)), 100, &text);
    assert_null(e);
    assert_true(str_to_uint(str_trim(text), &pid));
    return kill((pid_t)pid, 0) == 0;
}

static void test_time(void **state UNUSED)
{
    /* It ignores a polite request, and so does its child. */
    struct gitrun run =
        run_of("trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >child; while :; do sleep 1; done' &"
               "echo $$ >leader; while :; do sleep 1; done");
    run.due_ns = clock_now_ns() + CLOCK_SECOND / 2;
    int64_t before_ns = clock_now_ns();
    err *e AUTO(err_done) = error_of(&run);
    assert_string_equal(e->reason, "Timeout");
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_true(clock_now_ns() - before_ns < 4 * CLOCK_SECOND);
    /* Killed at once; it takes the system a moment until an orphan is gone. */
    for (int i = 0; i < 100 && (is_alive("leader") || is_alive("child")); i++)
        poll(NULL, 0, 50);
    assert_false(is_alive("leader"));
    assert_false(is_alive("child"));
    run.due_ns = clock_now_ns() - 1;
    err *f AUTO(err_done) = error_of(&run);
    assert_string_equal(f->reason, "Timeout");
}

static void *set_soon(void *flag)
{
    poll(NULL, 0, 200);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

static void test_cancel(void **state UNUSED)
{
    atomic_bool cancel = false;
    pthread_t thread;
    struct gitrun run = run_of("sleep 30");
    run.cancel = &cancel;
    pthread_create(&thread, NULL, set_soon, &cancel);
    int64_t before_ns = clock_now_ns();
    err *e AUTO(err_done) = error_of(&run);
    pthread_join(thread, NULL);
    assert_true(err_is(e, ERR_CANCELED));
    assert_true(clock_now_ns() - before_ns < 3 * CLOCK_SECOND);
}

/* A process that git leaves behind, with our pipes open, holds nobody up. */
static void test_orphans(void **state UNUSED)
{
    struct gitrun run = run_of("sleep 30 & echo done");
    int64_t before_ns = clock_now_ns();
    assert_true(str_is(output_of(&run), "done\n"));
    assert_true(clock_now_ns() - before_ns < 5 * CLOCK_SECOND);
}

/* Starting a program does not copy our memory: what we write to afterwards is still ours. Counted
 * in page faults; a fork costs one per page. */
static void test_memory_is_not_copied(void **state UNUSED)
{
    enum { PAGE_BYTES = 4096, PAGES = 8192 };
    struct gitrun run = run_of("echo done");
    struct rusage before, after;
    volatile char *memory = arena_zalloc(a, PAGES * PAGE_BYTES);
    assert_true(str_is(output_of(&run), "done\n"));
    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < PAGES; i++)
        memory[i * PAGE_BYTES]++;
    getrusage(RUSAGE_THREAD, &after);
#ifndef __SANITIZE_THREAD__ /* which cannot do without the copy */
    assert_in_range(after.ru_minflt - before.ru_minflt, 0, PAGES / 8);
#endif
}

/* Signals that came while the child was started reach us, and what is blocked stays so. */
static void test_signals_are_as_before(void **state UNUSED)
{
    sigset_t wanted, now;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &wanted, NULL);
    struct gitrun run = run_of("grep SigBlk /proc/$$/status\n"
                               "ignored=$(sed -n 's/SigIgn:[^0-9a-f]*//p' /proc/$$/status)\n"
                               "[ $((0x$ignored & 0x1000)) = 0 ] && echo SIGPIPE kills");
    str out = output_of(&run);
    assert_true(str_find(out, STR("SigBlk:\t0000000000000000")) >= 0);
    assert_true(str_find(out, STR("SIGPIPE kills")) >= 0);
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    assert_true(sigismember(&now, SIGUSR1));
    assert_false(sigismember(&now, SIGTERM));
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_not_copied),
        cmocka_unit_test(test_signals_are_as_before),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_orphans),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
