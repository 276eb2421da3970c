/* OpenTelemetry: each notice is a span (OTLP over HTTP, as JSON). Notices of one Alert and revision
 * are one trace. */
#include "base/hash.h"
#include "notify/notify.h"

static node *attribute(arena *a, const char *key, str value)
{
    return notify_map(a, "key", node_str(a, str_of(key)), "value",
                      notify_map(a, "stringValue", node_str(a, value), NULL), NULL);
}

/* compat: a chart is known by version and digest, anything else by its revision. */
static str revision_of(arena *a, const struct notice *notice)
{
    str version = notice_value(notice, "app-version"), digest = notice_value(notice, "oci-digest");
    if (version.len && digest.len)
        return str_printf(a, STR_FMT "@" STR_FMT, STR_ARG(version), STR_ARG(digest));
    str revision = notice_value(notice, "revision");
    return revision.len ? revision : STR("unknown");
}

static node *span_of(arena *a, const struct notice *notice, const struct target *target)
{
    str revision = revision_of(a, notice);
    str trace = hash_sha256_hex(
        a, str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(target->alert_uid), STR_ARG(revision)));
    str span = hash_sha256_hex(a, notice_json(a, notice));
    str name = str_printf(a, STR_FMT ": " STR_FMT "/" STR_FMT, STR_ARG(notice->about.kind.kind),
                          STR_ARG(notice->about.namespace), STR_ARG(notice->about.name));
    str at = str_printf(a, "%lld", (long long)notice->wall_ns);
    node *attributes = notify_list(a, attribute(a, "object.uid", notice->uid),
                                   attribute(a, "object.kind", notice->about.kind.kind),
                                   attribute(a, "object.name", notice->about.name),
                                   attribute(a, "object.namespace", notice->about.namespace), NULL);
    PAIR_EACH (notice->metadata, field)
        node_push(a, attributes, attribute(a, str_z(a, field->key), field->value->text));
    bool error = notice->severity == NOTICE_ERROR;
    node *status = notify_map(a, "message", error ? node_str(a, notice->message) : NULL, "code",
                              node_int(a, error ? 2 : 1), NULL);
    return notify_map(a, "traceId", node_str(a, str_head(trace, 32)), "spanId",
                      node_str(a, str_head(span, 16)), "name", node_str(a, name), "kind",
                      node_int(a, 1), "startTimeUnixNano", node_str(a, at), "endTimeUnixNano",
                      node_str(a, at), "attributes", attributes, "status", status, NULL);
}

static bool has_authorization(const struct target *target)
{
    for (size_t i = 0; i < target->header_count; i++)
        if (str_eq_fold(target->headers[i].name, STR("authorization"))) return true;
    return false;
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    if (str_is(notice->about.kind.kind, "HelmRepository")) return NULL;
    str service = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(target->alert_namespace),
                             STR_ARG(target->alert_name));
    node *resource =
        notify_map(a, "attributes",
                   notify_list(a, attribute(a, "service.name", service),
                               attribute(a, "service.namespace", target->alert_namespace),
                               attribute(a, "service.instance.id", target->alert_uid), NULL),
                   NULL);
    node *scope = notify_map(
        a, "scope", notify_map(a, "name", node_str(a, STR("flux:notification-controller")), NULL),
        "spans", notify_list(a, span_of(a, notice, target), NULL), NULL);
    node *spans =
        notify_map(a, "resource", resource, "scopeSpans", notify_list(a, scope, NULL), NULL);
    notify_json(a, out, target->address,
                notify_map(a, "resourceSpans", notify_list(a, spans, NULL), NULL));
    for (size_t i = 0; i < target->header_count; i++)
        notify_header(a, out, str_z(a, target->headers[i].name), target->headers[i].value);
    if (has_authorization(target)) return NULL;
    if (target->user.len && target->password.len) {
        out->user = target->user;
        out->password = target->password;
    } else {
        out->bearer = target->token.len ? target->token : target->password;
    }
    return NULL;
}

PROVIDER(otel) = {.type = "otel", .flags = NOTIFY_ADDRESS, .format = format};
