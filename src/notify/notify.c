#include "notify/notify.h"

#include <ctype.h>
#include <stdarg.h>

#include "base/buf.h"
#include "doc/json.h"
#include "net/url.h"

#define SHOWN_BYTES 512 /* of a refusal that is passed on */

const struct provider *notify_find(str type)
{
    ROSTER_EACH (provider, struct provider, row) {
        if (str_is(type, (*row)->type)) return *row;
    }
    return NULL;
}

err *notify_begin(const struct provider *provider, struct exchange *exchange,
                  struct http_request *out)
{
    if (provider->begin) return provider->begin(exchange, out);
    return provider->format(exchange->a, exchange->notice, exchange->target, out);
}

err *notify_answered(const struct provider *provider, struct exchange *exchange,
                     const struct http_response *answer, struct http_request *out)
{
    err *e = provider->then ? provider->then(exchange, answer, out) : notify_check(answer);
    exchange->step++;
    return e;
}

/* ---- requests ---- */

void notify_header(arena *a, struct http_request *out, const char *name, str value)
{
    struct http_header *headers = NEW_ARRAY(a, struct http_header, out->header_count + 1);
    for (size_t i = 0; i < out->header_count; i++)
        headers[i] = out->headers[i];
    headers[out->header_count++] = (struct http_header){str_of(name), value};
    out->headers = headers;
}

void notify_json(arena *a, struct http_request *out, str url, const node *body)
{
    buf b = BUF(a);
    json_write(&b, body, (struct json_style){.html = true});
    out->url = url;
    out->method = "POST";
    out->body = buf_str(&b);
    notify_header(a, out, "Content-Type", STR("application/json"));
}

node *notify_map(arena *a, const char *key, node *value, ...)
{
    node *map = node_map(a);
    va_list args;
    va_start(args, value);
    while (key) {
        if (value) node_set(a, map, str_of(key), value);
        key = va_arg(args, const char *);
        if (key) value = va_arg(args, node *);
    }
    va_end(args);
    return map;
}

node *notify_list(arena *a, node *item, ...)
{
    node *list = node_list(a);
    va_list args;
    va_start(args, item);
    for (; item; item = va_arg(args, node *))
        node_push(a, list, item);
    va_end(args);
    return list;
}

void notify_authorize(struct http_request *out, const struct target *target)
{
    if (target->token.len) {
        out->bearer = target->token;
    } else if (target->user.len && target->password.len) {
        out->user = target->user;
        out->password = target->password;
    }
}

str notify_one_line(arena *a, str text)
{
    char *copy = str_z(a, text);
    for (size_t i = 0; i < text.len; i++)
        if (iscntrl((unsigned char)copy[i])) copy[i] = ' ';
    return str_from(copy, text.len);
}

static enum err_kind kind_of(int status)
{
    bool later = status == 408 || status == 425 || status == 429 || status >= 500;
    bool denied = status == 401 || status == 403 || status == 404 || status == 407;
    return later ? ERR_TRANSIENT : denied ? ERR_DENIED : ERR_INVALID;
}

err *notify_check(const struct http_response *answer)
{
    if (answer->status >= 200 && answer->status < 300) return NULL;
    arena a AUTO(arena_done) = {0};
    str text = notify_one_line(&a, str_head_utf8(str_trim(answer->body), SHOWN_BYTES));
    err *e = err_new(kind_of(answer->status), "", "request failed with status code %d%s" STR_FMT,
                     answer->status, text.len ? ": " : "", STR_ARG(text));
    return err_with_status(e, answer->status);
}

err *notify_origin(arena *a, str address, str *out)
{
    struct url url;
    err *e = url_parse(address, &url);
    if (e) return err_wrap(e, "address");
    if (!str_eq_fold(url.scheme, STR("http")) && !str_eq_fold(url.scheme, STR("https"))) {
        return err_invalid("address: the scheme is neither http nor https");
    }
    bool is_ipv6 = str_has_char(url.host, ':');
    *out = str_printf(a, STR_FMT "://%s" STR_FMT "%s%s" STR_FMT, STR_ARG(url.scheme),
                      is_ipv6 ? "[" : "", STR_ARG(url.host), is_ipv6 ? "]" : "",
                      url.port.len ? ":" : "", STR_ARG(url.port));
    return NULL;
}

/* ---- words ---- */

str notify_object_name(arena *a, const struct notice *notice)
{
    str kind = str_lower(a, notice->about.kind.kind);
    return str_printf(a, STR_FMT "/" STR_FMT "." STR_FMT, STR_ARG(kind),
                      STR_ARG(notice->about.name), STR_ARG(notice->about.namespace));
}

str notify_first_line(str text)
{
    str line = {0};
    str_next_line(&text, &line);
    return line;
}

str notify_either(const struct notice *notice, const char *info, const char *error)
{
    return str_of(notice->severity == NOTICE_ERROR ? error : info);
}

static bool is_triggered(str text, size_t at, const char *const *triggers)
{
    bool in_word = at > 0 && isalnum((unsigned char)text.data[at - 1]);
    for (size_t i = 0; triggers[i]; i++) {
        bool mention = triggers[i][0] == '@'; /* within a word it is an address or a revision */
        if (str_starts(str_skip(text, at), str_of(triggers[i])) && !(mention && in_word))
            return true;
    }
    return false;
}

str notify_defuse(arena *a, str text, const char *const *triggers)
{
    buf b = BUF(a);
    for (size_t i = 0; i < text.len; i++) {
        buf_add_char(&b, text.data[i]);
        if (is_triggered(text, i, triggers)) BUF_ADD(&b, "\u200b");
    }
    return buf_str(&b);
}

str notify_reason_words(arena *a, str reason)
{
    buf b = BUF(a);
    for (size_t i = 0; i < reason.len; i++) {
        char c = reason.data[i];
        bool starts = isupper((unsigned char)c) && i > 0 &&
                      (!isupper((unsigned char)reason.data[i - 1]) ||
                       (i + 1 < reason.len && islower((unsigned char)reason.data[i + 1])));
        if (starts) buf_add_char(&b, ' ');
        buf_add_char(&b, (char)tolower((unsigned char)c));
    }
    return buf_str(&b);
}

str notify_markdown(arena *a, const struct notice *notice)
{
    buf b = BUF(a);
    str subject = notice_subject(a, notice);
    buf_printf(&b, "## Flux Status\n\n%s " STR_FMT "\n\n" STR_FMT "\n\nMetadata:\n",
               notice->severity == NOTICE_ERROR ? "⚠️" : "ℹ️", STR_ARG(subject),
               STR_ARG(notice->message));
    PAIR_EACH (notice->metadata, field) {
        if (str_is(field->key, "change_request")) continue;
        buf_printf(&b, "* `" STR_FMT "`: " STR_FMT "\n", STR_ARG(field->key),
                   STR_ARG(field->value->text));
    }
    return buf_str(&b);
}
