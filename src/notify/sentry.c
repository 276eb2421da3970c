/* Sentry: errors as events, all else as transactions with one span (the envelope protocol). */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "doc/json.h"
#include "net/url.h"
#include "notify/notify.h"

/* Repeatable, so that a notice that is sent twice is one there. */
static str id_of(arena *a, const struct notice *notice, const char *what, size_t digits)
{
    str text = str_concat(a, str_of(what), notice_json(a, notice));
    return str_head(hash_sha256_hex(a, text), digits);
}

static node *seconds(arena *a, const struct notice *notice)
{
    return node_int(a, notice->wall_ns / CLOCK_SECOND);
}

static str transaction_name(arena *a, const struct notice *notice)
{
    return str_printf(a, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(notice->about.kind.kind),
                      STR_ARG(notice->about.namespace), STR_ARG(notice->about.name));
}

static node *error_event(arena *a, const struct notice *notice, const struct target *target, str id)
{
    node *contexts = notify_map(a, "metadata", (node *)notice->metadata, NULL);
    return notify_map(a, "event_id", node_str(a, id), "timestamp", seconds(a, notice), "level",
                      node_str(a, STR("error")), "environment",
                      target->channel.len ? node_str(a, target->channel) : NULL, "server_name",
                      node_str(a, notice->controller), "transaction",
                      node_str(a, transaction_name(a, notice)), "message",
                      node_str(a, notice->message), "contexts", contexts, NULL);
}

static node *tags_of(arena *a, const struct notice *notice)
{
    node *tags = notify_map(a, "flux_involved_object_kind", node_str(a, notice->about.kind.kind),
                            "flux_involved_object_namespace", node_str(a, notice->about.namespace),
                            "flux_involved_object_name", node_str(a, notice->about.name),
                            "flux_reporting_controller", node_str(a, notice->controller),
                            "flux_reporting_instance", node_str(a, notice->instance), "flux_reason",
                            node_str(a, notice->reason), NULL);
    PAIR_EACH (notice->metadata, field)
        node_set(a, tags, field->key, field->value);
    return tags;
}

static node *transaction(arena *a, const struct notice *notice, const struct target *target, str id)
{
    str trace = id_of(a, notice, "trace", 32), root = id_of(a, notice, "root", 16);
    str span = id_of(a, notice, "span", 16);
    node *context = notify_map(a, "trace_id", node_str(a, trace), "span_id", node_str(a, root),
                               "op", node_str(a, STR("event")), NULL);
    node *part = notify_map(a, "trace_id", node_str(a, trace), "span_id", node_str(a, span),
                            "parent_span_id", node_str(a, root), "op", node_str(a, STR("event")),
                            "description", node_str(a, notice->message), "start_timestamp",
                            seconds(a, notice), "timestamp", seconds(a, notice), "tags",
                            tags_of(a, notice), NULL);
    return notify_map(a, "event_id", node_str(a, id), "type", node_str(a, STR("transaction")),
                      "transaction", node_str(a, transaction_name(a, notice)), "environment",
                      target->channel.len ? node_str(a, target->channel) : NULL, "server_name",
                      node_str(a, notice->controller), "start_timestamp", seconds(a, notice),
                      "timestamp", seconds(a, notice), "tags", tags_of(a, notice), "contexts",
                      notify_map(a, "trace", context, NULL), "spans", notify_list(a, part, NULL),
                      NULL);
}

/* https://<key>@<host>/<path><project> */
static err *take_dsn(arena *a, str dsn, str *url_out, str *key_out)
{
    struct url url;
    str prefix, project;
    err *e = url_parse(dsn, &url);
    if (e) return err_wrap(e, "address");
    if (!url.user.len || !str_cut_last(url.path, '/', &prefix, &project) || !project.len)
        return err_invalid("address: a DSN of Sentry looks like https://<key>@<host>/<project>");
    str bare = str_printf(a, STR_FMT "://" STR_FMT "%s" STR_FMT, STR_ARG(url.scheme),
                          STR_ARG(url.host), url.port.len ? ":" : "", STR_ARG(url.port));
    *url_out = str_printf(a, STR_FMT STR_FMT "/api/" STR_FMT "/envelope/", STR_ARG(bare),
                          STR_ARG(prefix), STR_ARG(project));
    *key_out = url.user;
    return NULL;
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    bool error = notice->severity == NOTICE_ERROR;
    str key = {0}, id = id_of(a, notice, "event", 32);
    TRY(take_dsn(a, target->address, &out->url, &key));
    str item = json_text(a, error ? error_event(a, notice, target, id)
                                  : transaction(a, notice, target, id));
    buf b = BUF(a);
    str sent = clock_format(a, notice->wall_ns);
    buf_printf(&b, "{\"event_id\":\"" STR_FMT "\",\"sent_at\":\"" STR_FMT "\"}\n", STR_ARG(id),
               STR_ARG(sent));
    buf_printf(&b, "{\"type\":\"%s\",\"length\":%zu}\n", error ? "event" : "transaction", item.len);
    buf_add(&b, item);
    buf_add_char(&b, '\n');
    out->method = "POST";
    out->body = buf_str(&b);
    notify_header(a, out, "Content-Type", STR("application/x-sentry-envelope"));
    notify_header(a, out, "X-Sentry-Auth",
                  str_printf(a,
                             "Sentry sentry_version=7, sentry_client=fixpoint/1, "
                             "sentry_key=" STR_FMT,
                             STR_ARG(key)));
    return NULL;
}

PROVIDER(sentry) = {.type = "sentry", .flags = NOTIFY_ADDRESS, .format = format};
