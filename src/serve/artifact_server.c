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
    const struct artifact_server *server = context;
    if (str_is(request->method, "POST") && server->post) {
        server->post(server->post_context, a, request, answer);
        return;
    }
    if (!str_is(request->method, "GET") && !str_is(request->method, "HEAD")) {
        refuse(answer, 405, STR("only GET and HEAD are allowed here\n"));
        return;
    }
    str file;
    err *e AUTO(err_done) = artifact_locate(server->artifacts, a, request->path, &file);
    if (e) {
        refuse(answer, 404, STR("there is no such artifact\n"));
        return;
    }
    answer->status = 200;
    answer->file = file;
    answer->content_type = STR("application/gzip");
}

err *artifact_server_start(struct loop *loop, struct artifact_server *server, struct httpd **out)
{
    struct httpd_options options = {
        .address = server->address,
        .body_limit = server->post ? server->post_limit : 0,
        .handler = handle,
        .context = server,
    };
    return httpd_start(loop, options, out);
}
