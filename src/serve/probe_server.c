#include "serve/probe_server.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/metrics.h"

struct probe_server {
    struct probe_options options;
    struct httpd *httpd;
};

static void say(struct httpd_answer *answer, int status, str text)
{
    answer->status = status;
    answer->body = text;
    answer->content_type = STR("text/plain; charset=utf-8");
}

static void handle(void *context, arena *a, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    const struct probe_server *server = context;
    const struct probe_options *options = &server->options;
    if (!str_is(request->method, "GET") && !str_is(request->method, "HEAD")) {
        say(answer, 405, STR("only GET and HEAD are allowed\n"));
    } else if (options->metrics && str_is(request->path, "/metrics")) {
        buf text = BUF(a);
        metrics_write(&text);
        say(answer, 200, buf_str(&text));
        answer->content_type = STR("text/plain; version=0.0.4; charset=utf-8");
    } else if (!options->metrics && str_is(request->path, "/healthz")) {
        say(answer, 200, STR("ok"));
    } else if (!options->metrics && str_is(request->path, "/readyz")) {
        bool ready = options->is_ready(options->context);
        say(answer, ready ? 200 : 503, ready ? STR("ok") : STR("not ready yet"));
    } else {
        say(answer, 404, STR("not found\n"));
    }
}

err *probe_server_start(struct loop *loop, struct probe_options options, struct probe_server **out)
{
    struct probe_server *server = lang_zalloc(sizeof *server);
    server->options = options;
    err *e = httpd_start(
        loop,
        (struct httpd_options){.address = options.address, .handler = handle, .context = server},
        &server->httpd);
    if (e) {
        free(server);
        return e;
    }
    *out = server;
    return NULL;
}

void probe_server_stop(struct probe_server *server)
{
    if (!server) return;
    httpd_stop(server->httpd);
    free(server);
}
