#include "kube/kube_status.h"

#include <stdlib.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "doc/json.h"

enum {
    EXCERPT_BYTES = 200,  /* of a body that is no Status */
    SECRET_BYTES_MIN = 4, /* shorter texts occur in any message by chance */
    RETRY_AFTER_MAX_S = 3600,
};

static const char *const redacted = "<redacted>";

/* ---- Status to error ---- */

/* The reason of apimachinery for an answer that names none. */
static const char *reason_of_code(int code)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {
        {400, "BadRequest"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {406, "NotAcceptable"},
        {408, "Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "RequestEntityTooLarge"},
        {415, "UnsupportedMediaType"},
        {422, "Invalid"},
        {429, "TooManyRequests"},
        {500, "InternalError"},
        {503, "ServiceUnavailable"},
        {504, "Timeout"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == code) return rows[i].reason;
    return "";
}

/* Server-side apply answers 500 to an object that does not fit its schema. No retry mends that. */
static bool is_schema_error(str message)
{
    static const char *const words[] = {
        "failed to create typed patch object",
        "failed to convert new object",
        "field not declared in schema",
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_find(message, str_of(words[i])) >= 0) return true;
    return false;
}

static enum err_kind kind_of(int code, str message)
{
    if (code == 404) return ERR_NOT_FOUND;
    if (code == 409) return ERR_CONFLICT;
    if (code == 401 || code == 403) return ERR_DENIED;
    if (code == 500 && is_schema_error(message)) return ERR_INVALID;
    if (code == 408 || code == 410 || code == 429 || code >= 500) return ERR_TRANSIENT;
    return ERR_INVALID;
}

static err *error_of(int code, str reason, str message)
{
    message = str_head_utf8(message, LIMIT_MESSAGE_BYTES);
    err *e = err_new(kind_of(code, message), NULL, STR_FMT, STR_ARG(message));
    snprintf(e->reason, sizeof e->reason, STR_FMT, STR_ARG(str_head(reason, sizeof e->reason - 1)));
    return err_with_status(e, code);
}

static err *error_of_status(const node *status, int code)
{
    str reason = node_get_str(status, STR("reason")),
        message = node_get_str(status, STR("message"));
    if (!reason.len || str_is(reason, "Unknown")) reason = str_of(reason_of_code(code));
    if (message.len) return error_of(code, reason, message);
    arena a AUTO(arena_done) = {0};
    return error_of(code, reason, str_printf(&a, "the API server answered %d", code));
}

/* A proxy in front of the server answers in its own words: the beginning of them, if they are text.
 */
static err *error_of_text(int code, str body)
{
    arena a AUTO(arena_done) = {0};
    str line = {0}, rest = str_trim(body);
    str_next_line(&rest, &line);
    line = str_head(line, EXCERPT_BYTES);
    bool text = line.len && str_valid_utf8(line);
    for (size_t i = 0; i < line.len && text; i++)
        text = (unsigned char)line.data[i] >= ' ' && line.data[i] != 0x7f;
    str message = str_printf(&a, "the API server answered %d%s" STR_FMT, code, text ? ": " : "",
                             STR_ARG(text ? line : (str){0}));
    return error_of(code, str_of(reason_of_code(code)), message);
}

err *kube_status_error(int http_status, str body)
{
    arena a AUTO(arena_done) = {0};
    node *root = NULL;
    err *e = json_parse(&a, body, (struct json_options){.last_wins = true, .borrow = true}, &root);
    bool status = !e && str_is(node_get_str(root, STR("kind")), "Status");
    err_free(e);
    return status ? error_of_status(root, http_status) : error_of_text(http_status, body);
}

err *kube_status_from(const node *status)
{
    int64_t code = node_get_int(status, STR("code"), 0);
    return error_of_status(status, code >= 400 && code < 600 ? (int)code : 500);
}

int64_t kube_status_retry_after_ns(const struct http_response *response)
{
    int64_t seconds;
    if (!str_to_int(str_trim(http_header(response, STR("retry-after"))), &seconds)) return -1;
    return seconds < 0 ? -1 : MIN(seconds, (int64_t)RETRY_AFTER_MAX_S) * CLOCK_SECOND;
}

/* ---- Redaction ---- */

/* The length of a value in Go's notation. Quotes and brackets are passed over; outside of them the
 * bracket that closes the list around the value ends it, and so does `: ` or `, ` in a sentence.
 * What is never closed goes to the end of the text. */
static size_t go_value_len(str s, bool in_sentence)
{
    size_t depth = 0, i = 0;
    for (; i < s.len; i++) {
        char c = s.data[i];
        bool before_space = i + 1 == s.len || s.data[i + 1] == ' ';
        if (c == '"' || c == '`') {
            for (i++; i < s.len && s.data[i] != c; i++)
                if (c == '"' && s.data[i] == '\\') i++;
        } else if (c == '{' || c == '[' || c == '(') {
            depth++;
        } else if (c == '}' || c == ']' || c == ')') {
            if (depth == 0) return i;
            depth--;
        } else if (depth == 0 && in_sentence && (c == ':' || c == ',') && before_space) {
            return i;
        }
    }
    return s.len;
}

static size_t in_braces(str s)
{
    return go_value_len(s, false);
}

static size_t field_value(str s)
{
    return go_value_len(s, true);
}

/* One line of a list of type errors; the value may hold line breaks, the next line begins so. */
static size_t to_next_path(str s)
{
    ptrdiff_t end = str_find(s, STR("\n  ."));
    return end < 0 ? s.len : (size_t)end;
}

static size_t to_into(str s)
{
    ptrdiff_t end = str_find(s, STR(" into Go"));
    return end < 0 ? s.len : (size_t)end;
}

/* An excerpt may hold the mark itself, so it goes to the last one. */
static size_t to_last_mark(str s)
{
    for (size_t end = s.len; end >= 4; end--)
        if (str_eq(str_slice(s, end - 4, end), STR("|..."))) return end - 4;
    return s.len;
}

/* Where Kubernetes and its libraries print a value: after these words, for that long. */
static const struct form {
    const char *lead;
    size_t (*length)(str rest);
} forms[] = {
    {", got ", to_next_path},         /* structured-merge-diff: expected string, got &{..} */
    {"{Value:", in_braces},           /* &value.valueUnstructured{Value:..} */
    {"Invalid value: ", field_value}, /* field.Error */
    {"Unsupported value: ", field_value},
    {"Duplicate value: ", field_value},
    {"Not found: ", field_value},
    {"Too long: ", field_value},
    {"unmarshal number ", to_into}, /* encoding/json */
    {"parsing ", field_value},      /* strconv */
    {"...|", to_last_mark},         /* json-iterator: error found in #10 byte of ...|..|... */
};

static const struct form *form_at(str rest)
{
    for (size_t i = 0; i < COUNT(forms); i++)
        if (str_starts(rest, str_of(forms[i].lead))) return &forms[i];
    return NULL;
}

static str without_forms(arena *a, str message)
{
    buf out = BUF(a);
    while (message.len) {
        const struct form *form = form_at(message);
        if (!form) {
            buf_add_char(&out, message.data[0]);
            message = str_skip(message, 1);
            continue;
        }
        message = str_skip(message, strlen(form->lead));
        buf_add(&out, str_of(form->lead));
        buf_add(&out, str_of(redacted));
        message = str_skip(message, form->length(message));
    }
    return buf_str(&out);
}

/* Texts that must not be seen. */
struct values {
    arena *arena;
    str *items;
    size_t count, room;
};

/* As it is, and as it looks within quotes. */
static void add_value(struct values *values, str value)
{
    value = str_trim(value);
    if (value.len < SECRET_BYTES_MIN) return;
    buf quoted = BUF(values->arena);
    json_write_str(&quoted, value, false);
    str inner = str_slice(buf_str(&quoted), 1, quoted.len - 1);
    *ARENA_PUSH(values->arena, values->items, values->count, values->room) = value;
    if (!str_eq(inner, value))
        *ARENA_PUSH(values->arena, values->items, values->count, values->room) = inner;
}

static void collect(struct values *values, const node *n, bool base64)
{
    PAIR_EACH (n, field)
        collect(values, field->value, base64);
    NODE_EACH (n, item)
        collect(values, item, base64);
    if (!n || (n->kind != NODE_STR && n->kind != NODE_INT && n->kind != NODE_FLOAT)) return;

    add_value(values, n->text);
    str plain;
    err *e = base64 ? b64_decode(values->arena, n->text, &plain) : NULL;
    if (base64 && !e) add_value(values, plain);
    err_free(e);
}

/* The longest first: one value may begin with another. */
static int by_length(const void *left, const void *right)
{
    const str *a = left, *b = right;
    return (a->len < b->len) - (a->len > b->len);
}

/* Names are shown everywhere, so they are no secret. */
static str without_values(arena *a, str message, const node *secret)
{
    struct values values = {.arena = a};
    const node *metadata = node_get(secret, STR("metadata"));
    collect(&values, node_get(secret, STR("data")), true);
    collect(&values, node_get(secret, STR("stringData")), false);
    if (values.count) qsort(values.items, values.count, sizeof(str), by_length);
    for (size_t i = 0; i < values.count; i++) {
        str value = values.items[i];
        bool name = str_eq(value, node_get_str(metadata, STR("name"))) ||
                    str_eq(value, node_get_str(metadata, STR("namespace")));
        if (!name) message = str_replace(a, message, value, str_of(redacted));
    }
    return message;
}

err *kube_status_redact(err *e, const node *secret)
{
    arena a AUTO(arena_done) = {0};
    str message = without_forms(&a, without_values(&a, err_text(e), secret));
    err *clean = err_new(e->kind, e->reason, STR_FMT, STR_ARG(message));
    clean->status = e->status;
    err_free(e);
    return clean;
}
