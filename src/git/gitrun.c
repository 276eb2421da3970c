#include "git/gitrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "net/tls.h"
#include "net/url.h"

enum {
    CONFIG_MAX = 64,
    POLL_MS = 100,
    GRACE_MS = 1000,
    KEY_FD = 9, /* of GITRUN_KEY */
    PIECE_BYTES = 64 * 1024,
    CANNOT_START = 127
};
#define CA_LIMIT_BYTES ((size_t)4 * 1024 * 1024)

/* ---- The environment ---- */

/* Text, NULL-terminated, of the child: its environment and its open files. */
struct setting {
    arena *a;
    char **items;
    size_t count, room;
    int config_count;
    int files[4]; /* memory files that it may read */
    int file_count;
};

static void setting_done(struct setting *s)
{
    for (int i = 0; i < s->file_count; i++)
        close(s->files[i]);
}

static void set(struct setting *s, const char *name, str value)
{
    str item = str_printf(s->a, "%s=" STR_FMT, name, STR_ARG(value));
    *ARENA_PUSH(s->a, s->items, s->count, s->room) = str_z(s->a, item);
}

static void set_config(struct setting *s, const char *key, str value)
{
    set(s, str_z(s->a, str_printf(s->a, "GIT_CONFIG_KEY_%d", s->config_count)), str_of(key));
    set(s, str_z(s->a, str_printf(s->a, "GIT_CONFIG_VALUE_%d", s->config_count)), value);
    s->config_count++;
    must(s->config_count <= CONFIG_MAX);
}

/* A setting whose value is a file that exists in memory only. */
static err *set_config_file(struct setting *s, const char *key, str content)
{
    int fd = memfd_create("git", MFD_CLOEXEC);
    if (fd < 0) return fs_error("create", STR("a file in memory"));
    s->files[s->file_count++] = fd;
    for (str rest = content; rest.len;) {
        ssize_t put = write(fd, rest.data, rest.len);
        if (put < 0) return fs_error("write", STR("a file in memory"));
        rest = str_skip(rest, (size_t)put);
    }
    set_config(s, key, str_printf(s->a, "/proc/self/fd/%d", fd));
    return NULL;
}

static const char *const fixed_environment[] = {
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_ATTR_NOSYSTEM=1",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_ASKPASS=",
    "GIT_OPTIONAL_LOCKS=0",
    "GIT_DIR=.",
    "LC_ALL=C",
};

static const char *const fixed_config[][2] = {
    {"core.hooksPath", "/dev/null"},
    {"core.fsmonitor", "false"},
    {"core.attributesFile", "/dev/null"},
    {"core.fsync", "none"}, /* a mirror can be fetched again */
    {"credential.helper", ""},
    {"gc.auto", "0"},
    {"maintenance.auto", "false"},
    {"fetch.unpackLimit", "1"},
    {"fetch.recurseSubmodules", "false"},
    {"safe.directory", "*"},
    {"transfer.fsckObjects", "true"},
    /* Flaws of old commits that harm nobody. What is dangerous in a tree is refused at checkout. */
    {"fetch.fsck.badTimezone", "ignore"},
    {"fetch.fsck.missingEmail", "ignore"},
    {"fetch.fsck.missingNameBeforeEmail", "ignore"},
    {"fetch.fsck.missingSpaceBeforeDate", "ignore"},
    {"fetch.fsck.missingSpaceBeforeEmail", "ignore"},
    {"fetch.fsck.zeroPaddedFilemode", "ignore"},
};

/* git's libcurl reads some of these in lower case only. */
static void pass_proxies(struct setting *s)
{
    static const char *const names[][2] = {
        {"HTTP_PROXY", "http_proxy"}, {"HTTPS_PROXY", "https_proxy"}, {"NO_PROXY", "no_proxy"}};
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *value = getenv(names[i][0]);
        if (!value || !*value) value = getenv(names[i][1]);
        if (value && *value) set(s, names[i][1], str_of(value));
    }
}

static str proxy_url(arena *a, const struct remote *remote)
{
    ptrdiff_t at = str_find(remote->proxy, STR("://"));
    if (at < 0 || !remote->proxy_user.len) return remote->proxy;
    size_t host = (size_t)at + 3;
    return str_printf(
        a, STR_FMT STR_FMT ":" STR_FMT "@" STR_FMT, STR_ARG(str_head(remote->proxy, host)),
        STR_ARG(url_escape(a, remote->proxy_user)), STR_ARG(url_escape(a, remote->proxy_password)),
        STR_ARG(str_skip(remote->proxy, host)));
}

static err *set_certificates(struct setting *s, const struct remote *remote)
{
    str bundle = tls_system_bundle(), usual = {0};
    if (remote->ca_pem.len) {
        if (bundle.len) TRY(fs_read(s->a, bundle, CA_LIMIT_BYTES, &usual));
        str all = str_printf(s->a, STR_FMT "\n" STR_FMT, STR_ARG(usual), STR_ARG(remote->ca_pem));
        TRY(set_config_file(s, "http.sslCAInfo", all));
    } else if (bundle.len) {
        set_config(s, "http.sslCAInfo", bundle);
    }
    if (!remote->cert_pem.len) return NULL;
    TRY(set_config_file(s, "http.sslCert", remote->cert_pem));
    return set_config_file(s, "http.sslKey", remote->key_pem);
}

static err *set_remote(struct setting *s, const struct remote *remote)
{
    set_config(s, "remote.origin.url", remote->url);
    if (remote_is_ssh(remote)) return NULL;
    /* Redirects are followed by lsrefs, which knows where credentials may go. */
    set_config(s, "http.followRedirects", STR("false"));
    set_config(s, "http.lowSpeedLimit", STR("1"));
    set_config(s, "http.lowSpeedTime", STR("30"));
    str authorization = remote_authorization(s->a, remote);
    if (authorization.len) {
        set_config(s, "http.extraHeader", str_concat(s->a, STR("Authorization: "), authorization));
    }
    if (remote->proxy.len) {
        set_config(s, "http.proxy", proxy_url(s->a, remote));
    } else {
        pass_proxies(s);
    }
    return set_certificates(s, remote);
}

static void add_variables(struct setting *s, const char *const *variables)
{
    for (; variables && *variables; variables++)
        *ARENA_PUSH(s->a, s->items, s->count, s->room) = (char *)*variables;
}

static str protocols(const struct remote *remote)
{
    if (!remote) return STR("none");
    return remote_is_ssh(remote) ? STR("ssh") : STR("http:https");
}

static err *make_setting(struct setting *s, const struct gitrun *run)
{
    const char *path = getenv("PATH");
    set(s, "PATH", path && *path ? str_of(path) : STR("/usr/local/bin:/usr/bin:/bin"));
    set(s, "HOME", run->folder); /* nothing of ours or the user's is there */
    set(s, "GIT_ALLOW_PROTOCOL", protocols(run->remote));
    for (size_t i = 0; i < COUNT(fixed_environment); i++) {
        *ARENA_PUSH(s->a, s->items, s->count, s->room) = (char *)fixed_environment[i];
    }
    for (size_t i = 0; i < COUNT(fixed_config); i++) {
        set_config(s, fixed_config[i][0], str_of(fixed_config[i][1]));
    }
    if (run->remote) TRY(set_remote(s, run->remote));
    add_variables(s, run->variables);
    if (run->ssh) add_variables(s, run->ssh->variables);
    set(s, "GIT_CONFIG_COUNT", str_printf(s->a, "%d", s->config_count));
    *ARENA_PUSH(s->a, s->items, s->count, s->room) = NULL;
    return NULL;
}

/* ---- The process ---- */

struct child {
    pid_t pid;
    int done;        /* pidfd: readable when the process has ended */
    int out, errors; /* its output; -1 at the end */
};

static void child_done(struct child *child)
{
    if (child->pid > 0) { /* it still runs; the whole group goes */
        kill(-child->pid, SIGTERM);
        struct pollfd done = {.fd = child->done, .events = POLLIN};
        if (child->done >= 0) poll(&done, 1, GRACE_MS);
        kill(-child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (child->done >= 0) close(child->done);
    if (child->out >= 0) close(child->out);
    if (child->errors >= 0) close(child->errors);
}

struct launch { /* what the child needs before exec, where nothing may be allocated */
    char *program, *folder;
    char **argv, **environment;
    int in, out, errors, key;
    const int *files;
    int file_count;
};

/* The child shares our memory on a stack of its own until exec, which sanitizers cannot know. */
#define IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined")))

IN_CHILD static void limit(int what, int64_t most)
{
    struct rlimit value = {(rlim_t)most, (rlim_t)most};
    setrlimit(what, &value);
}

/* The thread sanitizer takes every clone for a fork, and its state must not be shared. */
#ifdef __SANITIZE_THREAD__
#define SHARING 0
#else
#define SHARING CLONE_VM
#endif

/* No handler of ours may run in the child. What is ignored stays so, but for SIGPIPE. */
IN_CHILD static void reset_signals(void)
{
    struct sigaction now, standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++) {
        if (sigaction(number, NULL, &now) != 0) continue;
        if (now.sa_handler != SIG_IGN || number == SIGPIPE) sigaction(number, &standard, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

IN_CHILD static int become(void *context)
{
    const struct launch *launch = context;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, LIMIT_GIT_FILE_BYTES);
    limit(RLIMIT_DATA, LIMIT_GIT_MEMORY_BYTES);
    reset_signals();
    bool ready = dup2(launch->in, 0) >= 0 && dup2(launch->out, 1) >= 0 &&
                 dup2(launch->errors, 2) >= 0 && chdir(launch->folder) == 0;
    if (launch->key >= 0) ready = ready && dup2(launch->key, KEY_FD) >= 0;
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    if (launch->key >= 0) fcntl(KEY_FD, F_SETFD, 0);
    for (int i = 0; i < launch->file_count; i++)
        fcntl(launch->files[i], F_SETFD, 0);
    if (ready) execve(launch->program, launch->argv, launch->environment);
    _exit(CANNOT_START);
}

/* The input as a file: a pipe would have to be fed while the output is read. */
static err *open_input(str input, int *fd_out)
{
    int fd =
        input.len ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fs_error("open", STR("the input of git"));
    *fd_out = fd;
    for (str rest = input; rest.len;) {
        ssize_t put = write(fd, rest.data, rest.len);
        if (put < 0) return fs_error("write", STR("the input of git"));
        rest = str_skip(rest, (size_t)put);
    }
    return lseek(fd, 0, SEEK_SET) == 0 || !input.len ? NULL
                                                     : fs_error("rewind", STR("the input of git"));
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

/* As vfork: the costs of fork grow with our memory, before it for the copy of its map and after it
 * for each page that is written to. Signals wait, so that no handler runs in the shared memory. */
static pid_t start_child(arena *a, struct launch *launch)
{
    enum { STACK_BYTES = 64 * 1024 };
    char *stack = arena_alloc(a, STACK_BYTES);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = clone(become, stack + STACK_BYTES, SHARING | CLONE_VFORK | SIGCHLD, launch);
    int failure = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return pid;
}

static err *launch_child(arena *a, const struct gitrun *run, struct launch *launch,
                         struct child *child)
{
    int in AUTO(close_fd) = -1, out_end AUTO(close_fd) = -1, errors_end AUTO(close_fd) = -1;
    int key AUTO(close_fd) = -1;
    int out[2], errors[2];
    TRY(open_input(run->input, &in));
    if (pipe2(out, O_CLOEXEC) != 0) return fs_error("open a pipe to", run->git);
    child->out = out[0];
    out_end = out[1];
    if (pipe2(errors, O_CLOEXEC) != 0) return fs_error("open a pipe to", run->git);
    child->errors = errors[0];
    errors_end = errors[1];
    if (run->key.len) {
        must(!launch->file_count); /* one of them might be in the place of the key */
        TRY(open_input(run->key, &key));
        if (fchmod(key, 0600) != 0) return fs_error("protect", STR("the key"));
    }
    launch->key = key;
    launch->in = in;
    launch->out = out_end;
    launch->errors = errors_end;
    pid_t pid = start_child(a, launch);
    if (pid < 0) return fs_error("start", str_of(launch->program));
    child->pid = pid;
    child->done = (int)syscall(SYS_pidfd_open, pid, 0);
    return child->done >= 0 ? NULL : fs_error("watch", str_of(launch->program));
}

/* The program as a path, looked for where a shell would. */
static err *find_program(arena *a, str name, char **out)
{
    if (!name.len) name = STR("git");
    *out = str_z(a, name);
    if (str_has_char(name, '/')) return NULL;
    const char *path = getenv("PATH");
    str rest = path && *path ? str_of(path) : STR("/usr/local/bin:/usr/bin:/bin"), folder;
    while (str_next(&rest, ':', &folder)) {
        *out = str_z(a, fs_join(a, folder, name));
        if (folder.len && access(*out, X_OK) == 0) return NULL;
    }
    return err_internal("the program '" STR_FMT "' is not installed", STR_ARG(name));
}

static err *start(arena *a, const struct gitrun *run, struct child *child)
{
    struct setting setting AUTO(setting_done) = {.a = a};
    struct launch launch = {.folder = str_z(a, run->folder)};
    TRY(find_program(a, run->git, &launch.program));
    TRY(make_setting(&setting, run));
    char **argv = NULL;
    size_t count = 0, room = 0;
    *ARENA_PUSH(a, argv, count, room) = (char *)"git";
    for (const char *const *arg = run->args; *arg; arg++)
        *ARENA_PUSH(a, argv, count, room) = (char *)*arg;
    *ARENA_PUSH(a, argv, count, room) = NULL;
    launch.argv = argv;
    launch.environment = setting.items;
    launch.files = setting.files;
    launch.file_count = setting.file_count;
    return launch_child(a, run, &launch, child);
}

/* ---- What it says ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* libcurl says how long it tried: " after 12 ms". Two runs have to give the same text. */
static void add_without_times(buf *b, str line)
{
    static const char mark[] = " after ";
    for (ptrdiff_t at; (at = str_find(line, str_of(mark))) >= 0;) {
        size_t from = (size_t)at + sizeof mark - 1, end = from;
        while (end < line.len && is_digit(line.data[end]))
            end++;
        str unit = str_skip(line, end);
        bool is_time = end > from && str_strip_prefix(&unit, STR(" ms"));
        buf_add(b, str_head(line, is_time ? (size_t)at : end));
        line = is_time ? unit : str_skip(line, end);
    }
    buf_add(b, line);
}

/* The lines that say what went wrong, as one text; all of it when there is no such line. */
static str reason_of(arena *a, str text)
{
    buf b = BUF(a);
    for (str line, rest = text; str_next_line(&rest, &line);) {
        bool wrong = str_strip_prefix(&line, STR("fatal: ")) ||
                     str_strip_prefix(&line, STR("error: ")) ||
                     str_strip_prefix(&line, STR("remote: "));
        line = str_trim(line);
        if (!wrong || !line.len) continue;
        if (b.len) BUF_ADD(&b, "; ");
        add_without_times(&b, line);
    }
    return b.len ? buf_str(&b) : str_trim(text);
}

/* Secrets never come out, whoever echoes them; nor do escapes for terminals or folders of ours. */
static str without_secrets(arena *a, const struct gitrun *run, str text)
{
    text = str_replace(a, text, run->folder, STR("the mirror"));
    if (run->remote) {
        const struct remote *remote = run->remote;
        str scheme, encoded;
        str_cut(remote_authorization(a, remote), ' ', &scheme, &encoded);
        str secrets[] = {encoded, remote->password, remote->bearer, remote->proxy_password,
                         remote->passphrase};
        for (size_t i = 0; i < COUNT(secrets); i++) {
            if (secrets[i].len) text = str_replace(a, text, secrets[i], STR("***"));
        }
    }
    char *bytes = str_z(a, text);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\r') bytes[i] = '\n';
        if ((c < ' ' && c != '\r' && c != '\n') || c == 0x7f) bytes[i] = ' ';
    }
    return str_from(bytes, text.len);
}

/* ---- The run ---- */

struct output {
    const struct gitrun *run;
    buf gathered, errors;
};

static err *take_output(struct output *output, str bytes)
{
    const struct gitrun *run = output->run;
    if (run->take) return run->take(run->context, bytes);
    size_t most = run->output_limit ? run->output_limit : LIMIT_GIT_OUTPUT_BYTES;
    if (output->gathered.len + bytes.len > most) {
        return err_invalid("git printed more than %zu bytes, the limit", most);
    }
    buf_add(&output->gathered, bytes);
    return NULL;
}

/* What git says last counts: the front is dropped when there is too much. */
static void take_errors(struct output *output, str bytes)
{
    buf *errors = &output->errors;
    buf_add(errors, bytes);
    if (errors->len <= 2 * LIMIT_GIT_ERROR_BYTES) return;
    str end = str_tail(buf_str(errors), LIMIT_GIT_ERROR_BYTES);
    memmove(errors->data, end.data, end.len);
    errors->len = end.len;
}

/* Reads what is there. At the end the descriptor becomes -1. */
static err *pump(struct output *output, int *fd, char *piece, bool is_error)
{
    ssize_t got = read(*fd, piece, PIECE_BYTES);
    if (got < 0) return errno == EINTR ? NULL : fs_error("read from", STR("git"));
    if (got == 0) {
        close(*fd);
        *fd = -1;
        return NULL;
    }
    str bytes = str_from(piece, (size_t)got);
    if (!is_error) return take_output(output, bytes);
    take_errors(output, bytes);
    return NULL;
}

static err *check_time(const struct gitrun *run)
{
    if (run->cancel && atomic_load(run->cancel))
        return err_new(ERR_CANCELED, "Canceled", "canceled");
    if (!run->due_ns || clock_now_ns() < run->due_ns) return NULL;
    return err_new(ERR_TRANSIENT, "Timeout", "git took too long");
}

/* Until the program has ended and all that it wrote is read. */
static err *follow(arena *a, struct output *output, struct child *child)
{
    char *piece = arena_alloc(a, PIECE_BYTES);
    bool ended = false;
    while (!ended || child->out >= 0 || child->errors >= 0) {
        struct pollfd fds[] = {{.fd = child->out, .events = POLLIN},
                               {.fd = child->errors, .events = POLLIN},
                               {.fd = ended ? -1 : child->done, .events = POLLIN}};
        if (poll(fds, COUNT(fds), POLL_MS) < 0 && errno != EINTR)
            return fs_error("wait for", STR("git"));
        TRY(check_time(output->run));
        if (fds[0].revents) TRY(pump(output, &child->out, piece, false));
        if (fds[1].revents) TRY(pump(output, &child->errors, piece, true));
        if (fds[2].revents) {
            ended = true;
            kill(-child->pid, SIGKILL); /* a child it left behind must not keep our pipes open */
        }
    }
    return NULL;
}

static err *judge(arena *a, struct output *output, int status)
{
    if (WIFSIGNALED(status)) {
        int signal_number = WTERMSIG(status);
        if (signal_number != SIGXFSZ)
            return err_transient("git was killed by signal %d", signal_number);
        return err_invalid("the repository needs a file of more than %lld bytes, the limit",
                           LIMIT_GIT_FILE_BYTES);
    }
    int code = WEXITSTATUS(status);
    if (code == 0) return NULL;
    if (code == CANNOT_START) return err_internal("the git program could not be started");
    str said = without_secrets(a, output->run, buf_str(&output->errors));
    err *e = output->run->ssh ? ssh_error(said) : NULL;
    if (e) return e;
    str text = reason_of(a, said);
    if (!text.len) return err_transient("git ended with status %d", code);
    return err_transient(STR_FMT, STR_ARG(str_head_utf8(text, LIMIT_GIT_ERROR_BYTES / 4)));
}

static err *run_program(arena *a, const struct gitrun *run, str *out)
{
    struct child child AUTO(child_done) = {.done = -1, .out = -1, .errors = -1};
    struct output output = {.run = run, .gathered = BUF(a), .errors = BUF(a)};
    TRY(check_time(run));
    TRY(start(a, run, &child));
    TRY(follow(a, &output, &child));
    int status = 0;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    child.pid = 0;
    TRY(judge(a, &output, status));
    if (out) *out = buf_str(&output.gathered);
    return NULL;
}

err *gitrun_do(arena *a, const struct gitrun *run, str *out)
{
    if (!run->remote || !remote_is_ssh(run->remote) || run->ssh) return run_program(a, run, out);
    struct ssh ssh AUTO(ssh_close) = {0};
    struct gitrun with_ssh = *run;
    TRY(ssh_open(a, run->remote, &ssh));
    with_ssh.ssh = &ssh;
    return run_program(a, &with_ssh, out);
}
