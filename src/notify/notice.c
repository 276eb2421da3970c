#include "notify/notice.h"

#include "base/clock.h"
#include "base/hash.h"
#include "doc/json.h"

#define EVENT_GROUP "event.toolkit.fluxcd.io/"

/* ---- life ---- */

static struct notice *copy(arena *a, const struct notice *from)
{
    struct notice *notice = NEW(a, struct notice);
    *notice = *from;
    str *texts[] = {
        &notice->about.kind.group, &notice->about.kind.version, &notice->about.kind.kind,
        &notice->about.namespace,  &notice->about.name,         &notice->uid,
        &notice->resource_version, &notice->field_path,         &notice->message,
        &notice->reason,           &notice->controller,         &notice->instance};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
    notice->metadata = from->metadata ? doc_copy(a, from->metadata) : node_map(a);
    notice->refs = 1;
    return notice;
}

/* Thousands may wait for a service that is down: each takes what it needs and no more. */
struct notice *notice_new(const struct notice *from)
{
    arena measure AUTO(arena_done) = {0}, a = {0};
    (void)copy(&measure, from);
    arena_fit(&a, measure.used_bytes);
    struct notice *notice = copy(&a, from);
    notice->arena = a;
    return notice;
}

struct notice *notice_ref(struct notice *notice)
{
    notice->refs++;
    return notice;
}

void notice_unref(struct notice *notice)
{
    if (!notice || --notice->refs) return;
    arena a = notice->arena;
    arena_done(&a);
}

void notice_unref_done(struct notice **notice)
{
    notice_unref(*notice);
}

/* ---- reading ---- */

/* A text of at most `most` bytes; a missing one stays empty. */
static err *take_text(const node *map, const char *key, size_t most, str *out)
{
    const node *value = node_get(map, str_of(key));
    if (node_is_null(value)) return NULL;
    if (!node_to_str(value, out)) return err_invalid("'%s' is not a text", key);
    if (out->len <= most) return NULL;
    return err_invalid("'%s' has %zu bytes, more than the limit of %zu", key, out->len, most);
}

static err *decode_object(const node *object, struct notice *out)
{
    if (!node_is_map(object)) return err_invalid("'involvedObject' is missing or not an object");
    str version = {0};
    struct kube_ref *about = &out->about;
    const struct text {
        const char *key;
        str *out;
    } texts[] = {
        {"kind", &about->kind.kind},     {"namespace", &about->namespace},
        {"name", &about->name},          {"uid", &out->uid},
        {"apiVersion", &version},        {"resourceVersion", &out->resource_version},
        {"fieldPath", &out->field_path},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        err *e = take_text(object, texts[i].key, LIMIT_NOTICE_NAME_BYTES, texts[i].out);
        if (e) return err_wrap(e, "involvedObject");
    }
    str kind = about->kind.kind;
    about->kind = kube_kind_parse(version, kind);
    if (!kind.len) return err_invalid("involvedObject: 'kind' is missing");
    if (!about->name.len) return err_invalid("involvedObject: 'name' is missing");
    return NULL;
}

static err *decode_metadata(arena *a, const node *metadata, struct notice *out)
{
    out->metadata = node_map(a);
    if (node_is_null(metadata)) return NULL;
    if (!node_is_map(metadata)) return err_invalid("'metadata' is not an object");
    if (metadata->count > LIMIT_NOTICE_FIELDS) {
        return err_invalid("'metadata' has %u keys, more than the limit of %d", metadata->count,
                           LIMIT_NOTICE_FIELDS);
    }
    PAIR_EACH (metadata, pair) {
        str text;
        if (!node_to_str(pair->value, &text)) {
            return err_invalid("'metadata' holds a value that is not a text");
        }
    }
    out->metadata = metadata;
    return NULL;
}

static err *decode_severity(const node *event, struct notice *out)
{
    str severity = {0};
    TRY(take_text(event, "severity", LIMIT_NOTICE_NAME_BYTES, &severity));
    bool is_info = str_is(severity, "info") || str_is(severity, "trace");
    if (!is_info && !str_is(severity, "error")) {
        return err_invalid("'severity' is none of info, error, trace");
    }
    out->severity = is_info ? NOTICE_INFO : NOTICE_ERROR;
    return NULL;
}

err *notice_decode(arena *a, str body, struct notice *out)
{
    node *event;
    struct notice notice = {0};
    struct json_options options = {
        .last_wins = true, .borrow = true, .depth_max = LIMIT_NOTICE_DEPTH};
    TRY(json_parse(a, body, options, &event));
    if (!node_is_map(event)) return err_invalid("an event is a JSON object");
    TRY(decode_object(node_get(event, STR("involvedObject")), &notice));
    TRY(decode_severity(event, &notice));
    TRY(decode_metadata(a, node_get(event, STR("metadata")), &notice));
    str timestamp = {0};
    TRY(take_text(event, "timestamp", LIMIT_NOTICE_NAME_BYTES, &timestamp));
    TRY(take_text(event, "message", LIMIT_NOTICE_MESSAGE_BYTES, &notice.message));
    TRY(take_text(event, "reason", LIMIT_NOTICE_NAME_BYTES, &notice.reason));
    TRY(take_text(event, "reportingController", LIMIT_NOTICE_NAME_BYTES, &notice.controller));
    TRY(take_text(event, "reportingInstance", LIMIT_NOTICE_NAME_BYTES, &notice.instance));
    notice.wall_ns = clock_wall_ns();
    bool unset = str_is(timestamp, "0001-01-01T00:00:00Z"); /* what Go makes of no time */
    if (timestamp.len && !unset && !clock_parse(timestamp, &notice.wall_ns)) {
        return err_invalid("'timestamp' is not an RFC 3339 time");
    }
    *out = notice;
    return NULL;
}

/* ---- writing ---- */

static void put(arena *a, node *map, const char *key, str value)
{
    if (value.len) node_set_str(a, map, str_of(key), value);
}

node *notice_node(arena *a, const struct notice *notice)
{
    node *event = node_map(a), *object = node_make_map(a, event, STR("involvedObject"));
    put(a, object, "kind", notice->about.kind.kind);
    put(a, object, "namespace", notice->about.namespace);
    put(a, object, "name", notice->about.name);
    put(a, object, "uid", notice->uid);
    if (notice->about.kind.version.len)
        put(a, object, "apiVersion", kube_api_version(a, notice->about.kind));
    put(a, object, "resourceVersion", notice->resource_version);
    put(a, object, "fieldPath", notice->field_path);
    node_set_str(a, event, STR("severity"), notice_severity_name(notice));
    node_set_str(a, event, STR("timestamp"), clock_format(a, notice->wall_ns));
    node_set_str(a, event, STR("message"), notice->message);
    node_set_str(a, event, STR("reason"), notice->reason);
    if (notice->metadata->count) node_set(a, event, STR("metadata"), (node *)notice->metadata);
    node_set_str(a, event, STR("reportingController"), notice->controller);
    put(a, event, "reportingInstance", notice->instance);
    return event;
}

str notice_json(arena *a, const struct notice *notice)
{
    buf b = BUF(a);
    json_write(&b, notice_node(a, notice), (struct json_style){.html = true});
    return buf_str(&b);
}

str notice_severity_name(const struct notice *notice)
{
    return notice->severity == NOTICE_ERROR ? STR("error") : STR("info");
}

str notice_subject(arena *a, const struct notice *notice)
{
    return str_printf(a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(notice->about.kind.kind),
                      STR_ARG(notice->about.namespace), STR_ARG(notice->about.name));
}

/* ---- metadata ---- */

str notice_value(const struct notice *notice, const char *key)
{
    return node_get_str(notice->metadata, str_of(key));
}

/* The key without "<group of the object>/"; false when it has another prefix. */
static bool strip_group(const struct notice *notice, str *key)
{
    str rest = *key;
    bool own = notice->about.kind.group.len && str_strip_prefix(&rest, notice->about.kind.group) &&
               str_strip_prefix(&rest, STR("/"));
    if (own) *key = rest;
    return own;
}

str notice_own_value(const struct notice *notice, const char *key)
{
    PAIR_EACH (notice->metadata, pair) {
        str name = pair->key;
        if (strip_group(notice, &name) && str_is(name, key)) return pair->value->text;
    }
    return (str){0};
}

bool notice_is_update(const struct notice *notice)
{
    return str_is(notice_own_value(notice, "commit_status"), "update");
}

node *notice_clean_metadata(arena *a, const struct notice *notice)
{
    node *out = node_map(a);
    PAIR_EACH (notice->metadata, pair) {
        str name = pair->key;
        bool own = strip_group(notice, &name);
        if (!own && !str_starts(name, STR(EVENT_GROUP))) continue;
        bool digest = str_eq_fold(name, STR("checksum")) || str_eq_fold(name, STR("digest"));
        if (own && digest) continue;
        node_set(a, out, pair->key, pair->value);
    }
    return out;
}

/* compat: the fields, their order and their names are those of Flux. */
str notice_same_key(arena *a, const struct notice *notice)
{
    buf b = BUF(a);
    buf_printf(&b, "event/name=" STR_FMT "/namespace=" STR_FMT "/kind=" STR_FMT "/message=",
               STR_ARG(notice->about.name), STR_ARG(notice->about.namespace),
               STR_ARG(notice->about.kind.kind));
    buf_add(&b, notice->message);
    static const char *const keys[] = {"originRevision", "revision", "token"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        str value = notice_own_value(notice, keys[i]);
        if (value.len) buf_printf(&b, "/%s=" STR_FMT, keys[i], STR_ARG(value));
    }
    return hash_sha256_hex(a, buf_str(&b));
}
