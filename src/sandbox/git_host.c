#include "sandbox/git_host.h"

#include <stdatomic.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "git/gitrun.h"
#include "net/httpd.h"

#define ANSWER_NS (60 * CLOCK_SECOND)

struct git_host {
    arena arena;
    struct git_host_options options;
    str name, authorization, url;
    struct httpd *httpd;
    err *error; /* of its start */
    atomic_bool stopped;
};

/* One request, from the handler to a worker and back. */
struct ask {
    struct git_host *host;
    arena arena;
    struct httpd_ticket *ticket;
    str input;
    const char *variables[16]; /* of the program's environment */
    struct httpd_answer answer;
};

static void fail(struct httpd_answer *answer, int status, str text)
{
    *answer = (struct httpd_answer){
        .status = status, .content_type = STR("text/plain; charset=utf-8"), .body = text};
}

/* ---- What git answers: the header lines of CGI, an empty line, the body ---- */

static void read_answer(struct ask *ask, str text)
{
    struct httpd_answer *answer = &ask->answer;
    answer->status = 200;
    for (str line; str_next_line(&text, &line) && line.len;) {
        str name, value;
        uint64_t status;
        str_cut(line, ':', &name, &value);
        value = str_trim(value);
        if (str_eq_fold(name, STR("Content-Type"))) answer->content_type = value;
        if (str_eq_fold(name, STR("Status")) && str_to_uint(str_head(value, 3), &status))
            answer->status = (int)status;
    }
    answer->body = text;
}

static void reply(void *context)
{
    struct ask *ask = context;
    httpd_reply(ask->ticket, &ask->answer);
    arena a = ask->arena;
    arena_done(&a);
}

/* [worker] */
static void work(void *context)
{
    struct ask *ask = context;
    struct git_host *host = ask->host;
    const char *const args[] = {"http-backend", NULL};
    struct gitrun run = {.folder = fs_dir(host->options.repository),
                         .args = args,
                         .input = ask->input,
                         .variables = ask->variables,
                         .due_ns = clock_now_ns() + ANSWER_NS,
                         .cancel = &host->stopped};
    str text;
    err *e AUTO(err_done) = gitrun_do(&ask->arena, &run, &text);
    if (e)
        fail(&ask->answer, 500, str_dup(&ask->arena, err_text(e)));
    else
        read_answer(ask, text);
    loop_post(host->options.loop, reply, ask);
}

/* ---- Requests ---- */

static struct ask *ask_of(struct git_host *host, const struct httpd_request *request)
{
    arena a = {0};
    struct ask *ask = NEW(&a, struct ask);
    size_t count = 0;
    const struct {
        const char *name;
        str value;
    } variables[] = {
        {"GIT_PROJECT_ROOT", fs_dir(host->options.repository)},
        {"GIT_HTTP_EXPORT_ALL", STR("1")},
        {"PATH_INFO", request->path},
        {"QUERY_STRING", request->query},
        {"REQUEST_METHOD", request->method},
        {"REMOTE_ADDR", request->peer},
        {"CONTENT_LENGTH", str_printf(&a, "%zu", request->body.len)},
        {"CONTENT_TYPE", httpd_header(request, "Content-Type")},
        {"GIT_PROTOCOL", httpd_header(request, "Git-Protocol")},
        {"HTTP_CONTENT_ENCODING", httpd_header(request, "Content-Encoding")},
    };
    ask->host = host;
    ask->input = str_dup(&a, request->body);
    _Static_assert(COUNT(variables) < COUNT(ask->variables), "the last one is NULL");
    for (size_t i = 0; i < COUNT(variables); i++) {
        str variable =
            str_printf(&a, "%s=" STR_FMT, variables[i].name, STR_ARG(variables[i].value));
        ask->variables[count++] = str_z(&a, variable);
    }
    ask->ticket = httpd_defer(request);
    ask->arena = a;
    return ask;
}

/* Reading alone: what `git fetch` sends. */
static bool is_known(const struct git_host *host, const struct httpd_request *request)
{
    str path = request->path;
    if (!str_strip_prefix(&path, host->name)) return false;
    if (str_is(request->method, "GET"))
        return str_is(path, "/info/refs") && str_is(request->query, "service=git-upload-pack");
    return str_is(request->method, "POST") && str_is(path, "/git-upload-pack");
}

static void handle(void *context, arena *a, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    struct git_host *host = context;
    if (!hash_equal(httpd_header(request, "Authorization"), host->authorization)) {
        static const struct httpd_field challenge = {{"WWW-Authenticate", 16},
                                                     {"Basic realm=\"sandbox\"", 21}};
        fail(answer, 401, STR("this repository belongs to a sandbox\n"));
        answer->fields = &challenge;
        answer->field_count = 1;
    } else if (!is_known(host, request)) {
        fail(answer, 404,
             str_printf(a, "nothing but " STR_FMT " can be read here\n", STR_ARG(host->name)));
    } else {
        pool_run(host->options.pool, work, ask_of(host, request));
    }
}

/* ---- Its life ---- */

static void start(void *context)
{
    struct git_host *host = context;
    host->error = httpd_start(host->options.loop,
                              (struct httpd_options){.address = STR("127.0.0.1:0"),
                                                     .body_limit = LIMIT_SANDBOX_BODY_BYTES,
                                                     .handler = handle,
                                                     .context = host},
                              &host->httpd);
}

err *git_host_start(struct git_host_options options, struct git_host **out)
{
    arena a = {0};
    struct git_host *host = NEW(&a, struct git_host);
    host->options = options;
    host->options.repository = str_dup(&a, options.repository);
    host->name = str_concat(&a, STR("/"), fs_base(host->options.repository));
    str user = str_printf(&a, GIT_HOST_USER ":" STR_FMT, STR_ARG(options.password));
    host->authorization = str_concat(&a, STR("Basic "), b64_encode(&a, user));
    loop_call(options.loop, start, host);
    err *e = host->error;
    if (!e)
        host->url = str_printf(&a, "http://127.0.0.1:%d" STR_FMT, httpd_port(host->httpd),
                               STR_ARG(host->name));
    host->arena = a;
    if (e)
        git_host_free(host);
    else
        *out = host;
    return e;
}

static void stop(void *context)
{
    struct git_host *host = context;
    atomic_store(&host->stopped, true);
    httpd_stop(host->httpd);
    host->httpd = NULL;
}

void git_host_stop(struct git_host *host)
{
    if (host) loop_call(host->options.loop, stop, host);
}

void git_host_free(struct git_host *host)
{
    if (!host) return;
    must(!host->httpd);
    arena a = host->arena;
    arena_done(&a);
}

str git_host_url(const struct git_host *host)
{
    return host->url;
}
