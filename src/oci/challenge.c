#include "oci/challenge.h"

#include <string.h>

#include "base/buf.h"

/* RFC 9110, section 11: schemes, each with parameters, all separated by commas. */
static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_blanks(str *rest)
{
    while (rest->len && (rest->data[0] == ' ' || rest->data[0] == '\t' || rest->data[0] == ','))
        *rest = str_skip(*rest, 1);
}

static str take_token(str *rest)
{
    size_t len = 0;
    while (len < rest->len && is_token_char(rest->data[len]))
        len++;
    str token = str_head(*rest, len);
    *rest = str_skip(*rest, len);
    return token;
}

/* A quoted text, up to its end or that of the header. */
static str take_quoted(arena *a, str *rest)
{
    buf b = BUF(a);
    size_t at = 1;
    for (; at < rest->len && rest->data[at] != '"'; at++) {
        if (rest->data[at] == '\\' && at + 1 < rest->len) at++;
        buf_add_char(&b, rest->data[at]);
    }
    *rest = str_skip(*rest, at + 1);
    return buf_str(&b);
}

static str take_value(arena *a, str *rest)
{
    return str_starts(*rest, STR("\"")) ? take_quoted(a, rest) : take_token(rest);
}

static void set_parameter(struct challenge *challenge, str name, str value)
{
    if (str_eq_fold(name, STR("realm"))) challenge->realm = value;
    if (str_eq_fold(name, STR("service"))) challenge->service = value;
    if (str_eq_fold(name, STR("scope"))) challenge->scope = value;
}

static enum challenge_scheme scheme_of(str name)
{
    if (str_eq_fold(name, STR("bearer"))) return CHALLENGE_BEARER;
    return str_eq_fold(name, STR("basic")) ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

struct challenge challenge_parse(arena *a, str header)
{
    struct challenge best = {0}, now = {0};
    str rest = header;
    for (skip_blanks(&rest); rest.len; skip_blanks(&rest)) {
        str name = take_token(&rest);
        if (!name.len) { /* nothing that belongs here */
            rest = str_skip(rest, 1);
            continue;
        }
        str behind = rest;
        skip_blanks(&behind);
        if (str_strip_prefix(&behind, STR("="))) {
            skip_blanks(&behind);
            rest = behind;
            str value = take_value(a, &rest);
            set_parameter(&now, name, value);
        } else {
            if (now.scheme > best.scheme) best = now;
            now = (struct challenge){.scheme = scheme_of(name)};
        }
    }
    return now.scheme > best.scheme ? now : best;
}
