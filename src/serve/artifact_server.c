#include "serve/artifact_server.h"

#include "base/arena.h"

static void refuse(struct httpd_answer *answer, int status, str text)
{
    answer->status = status;
    answer->body = text;
    answer->content_type = STR("text/plain; charset=utf-8");
}

static void handle(void *context, arena *a, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    if (str_is(request->method, "POST")) {
        refuse(answer, 501, STR("events are not taken in by this version of fixpoint\n"));
        return;
    }
    if (!str_is(request->method, "GET") && !str_is(request->method, "HEAD")) {
        refuse(answer, 405, STR("only GET, HEAD and POST are allowed\n"));
        return;
    }
    str file;
    err *e AUTO(err_done) = artifact_locate(context, a, request->path, &file);
    if (e) {
        refuse(answer, 404, STR("there is no such artifact\n"));
        return;
    }
    answer->status = 200;
    answer->file = file;
    answer->content_type = STR("application/gzip");
}

err *artifact_server_start(struct loop *loop, struct artifacts *artifacts, str address,
                           struct httpd **out)
{
    struct httpd_options options = {
        .address = address,
        .body_limit = 1024 * 1024,
        .handler = handle,
        .context = artifacts,
    };
    return httpd_start(loop, options, out);
}
