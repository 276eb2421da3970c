#include "render/subst.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "base/limits.h"
#include "doc/yaml.h"
#include "doc/yaml_emit.h"

#define SUBSTITUTE_KEY "kustomize.toolkit.fluxcd.io/substitute"

struct parser {
    arena *a;
    str text;
    size_t at;
    const struct map *variables;
    bool strict;
    int depth;
    size_t limit, made; /* bytes of output, over all nested values */
};

static err *bad(const char *what)
{
    return err_invalid("%s", what);
}

static char peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.data[p->at] : '\0';
}

static bool take(struct parser *p, char c)
{
    if (p->at >= p->text.len || p->text.data[p->at] != c) return false;
    p->at++;
    return true;
}

static bool opens(const struct parser *p)
{
    return str_starts(str_skip(p->text, p->at), STR("${"));
}

static err *within_limit(struct parser *p, size_t more)
{
    p->made += more;
    if (p->made <= p->limit) return NULL;
    return err_invalid("the text is larger than the limit of %zu bytes after substitution",
                       p->limit);
}

/* ---- Unicode: letters of names, upper and lower case ---- */

static locale_t unicode;

static void open_unicode(void)
{
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static locale_t unicode_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_unicode);
    return unicode;
}

static bool is_name_rune(uint32_t rune)
{
    if (rune < 0x80) {
        return rune == '_' || (rune >= '0' && rune <= '9') || (rune >= 'a' && rune <= 'z') ||
               (rune >= 'A' && rune <= 'Z');
    }
    return unicode_locale() && iswalnum_l((wint_t)rune, unicode_locale());
}

static uint32_t change_case(uint32_t rune, bool upper)
{
    if (rune < 0x80 || !unicode_locale()) {
        if (upper) return rune >= 'a' && rune <= 'z' ? rune - 32 : rune;
        return rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
    }
    return upper ? (uint32_t)towupper_l((wint_t)rune, unicode_locale())
                 : (uint32_t)towlower_l((wint_t)rune, unicode_locale());
}

static str recased(arena *a, str s, bool upper, bool first_only)
{
    buf out = BUF(a);
    while (s.len) {
        uint32_t rune;
        size_t len = str_rune(s, &rune);
        if (!len) {
            buf_add_char(&out, s.data[0]);
            len = 1;
        } else {
            char bytes[4];
            buf_add_bytes(&out, bytes, str_put_rune(bytes, change_case(rune, upper)));
        }
        s = str_skip(s, len);
        if (!first_only) continue;
        buf_add(&out, s);
        break;
    }
    return buf_str(&out);
}

/* ---- strip by glob ---- */

/* The member of a [...] class; *pattern is behind the "[". */
static bool in_class(str *pattern, char c, bool *matched)
{
    bool negated = pattern->len && pattern->data[0] == '^', hit = false;
    if (negated) *pattern = str_skip(*pattern, 1);
    for (size_t count = 0;; count++) {
        if (!pattern->len) return false;
        if (pattern->data[0] == ']' && count) break;
        if (pattern->data[0] == '\\') *pattern = str_skip(*pattern, 1);
        if (!pattern->len) return false;
        char low = pattern->data[0], high = low;
        *pattern = str_skip(*pattern, 1);
        if (pattern->len > 1 && pattern->data[0] == '-' && pattern->data[1] != ']') {
            high = pattern->data[1];
            *pattern = str_skip(*pattern, 2);
        }
        hit |= (unsigned char)low <= (unsigned char)c && (unsigned char)c <= (unsigned char)high;
    }
    *pattern = str_skip(*pattern, 1);
    *matched = hit != negated;
    return true;
}

/* One pattern element against the first byte of s. False when the pattern cannot be read. */
static bool match_one(str *pattern, str s, bool *matched)
{
    char c = pattern->data[0];
    *pattern = str_skip(*pattern, 1);
    *matched = s.len;
    if (c == '?') return true;
    if (c == '[') {
        bool hit;
        if (!in_class(pattern, s.len ? s.data[0] : '\0', &hit)) return false;
        *matched = s.len && hit;
        return true;
    }
    if (c == '\\') {
        if (!pattern->len) return false;
        c = pattern->data[0];
        *pattern = str_skip(*pattern, 1);
    }
    *matched = s.len && s.data[0] == c;
    return true;
}

/* Does the glob match all of s? '*' takes anything, '/' too. Backtracks to the last '*' only, so it
 * takes at most length * length steps. A pattern that cannot be read matches nothing. */
static bool matches(str pattern, str s)
{
    str star_pattern = {0}, star_text = {0};
    while (s.len || pattern.len) {
        if (pattern.len && pattern.data[0] == '*') {
            pattern = str_skip(pattern, 1);
            star_pattern = pattern;
            star_text = s;
            continue;
        }
        str rest = pattern;
        bool matched = false;
        if (pattern.len && !match_one(&rest, s, &matched)) return false;
        if (matched) {
            pattern = rest;
            s = str_skip(s, 1);
            continue;
        }
        if (!star_pattern.data || !star_text.len) return false;
        star_text = str_skip(star_text, 1);
        s = star_text;
        pattern = star_pattern;
    }
    return true;
}

/* compat: an empty match strips nothing, so the shortest match of '*' is one byte. */
static str stripped(str s, str pattern, bool suffix, bool longest)
{
    for (size_t i = 1; i <= s.len; i++) {
        size_t count = longest ? s.len + 1 - i : i;
        str part = suffix ? str_tail(s, count) : str_head(s, count);
        if (!matches(pattern, part)) continue;
        return suffix ? str_head(s, s.len - count) : str_skip(s, count);
    }
    return s;
}

/* ---- replace ---- */

static str replaced(struct parser *p, str s, str from, str to, bool all)
{
    if (from.len && all) return str_replace(p->a, s, from, to);
    if (from.len) {
        ptrdiff_t at = str_find(s, from);
        if (at < 0) return s;
        str front = str_concat(p->a, str_head(s, (size_t)at), to);
        return str_concat(p->a, front, str_skip(s, (size_t)at + from.len));
    }
    /* compat: an empty text is found before each character, and at the end. */
    if (!all) return str_concat(p->a, to, s);
    buf out = BUF(p->a);
    buf_add(&out, to);
    while (s.len) {
        uint32_t rune;
        size_t len = MAX(str_rune(s, &rune), (size_t)1);
        buf_add(&out, str_head(s, len));
        buf_add(&out, to);
        s = str_skip(s, len);
    }
    return buf_str(&out);
}

/* ---- the grammar ---- */

static err *function(struct parser *p, str *out);

/* Text up to `stop` or a nested "${"; with `escapes`, "\/", "\\" and "$$" stand for the second
 * byte. */
static str plain(struct parser *p, const char *stop, bool escapes)
{
    buf out = BUF(p->a);
    while (p->at < p->text.len && !str_has_char(str_of(stop), peek(p)) && !opens(p)) {
        char next = p->at + 1 < p->text.len ? p->text.data[p->at + 1] : '\0';
        bool escaped = escapes && ((peek(p) == '\\' && (next == '/' || next == '\\')) ||
                                   (peek(p) == '$' && next == '$'));
        if (escaped) p->at++;
        buf_add_char(&out, p->text.data[p->at++]);
    }
    return buf_str(&out);
}

/* One argument: a nested function or text; it cannot be empty. */
static err *argument(struct parser *p, const char *stop, bool escapes, str *out)
{
    if (opens(p)) {
        p->at += 2;
        return function(p, out);
    }
    *out = plain(p, stop, escapes);
    return out->len ? NULL : bad("unable to parse substitution within function");
}

static err *close_brace(struct parser *p)
{
    return take(p, '}') ? NULL : bad("missing closing brace");
}

static err *name(struct parser *p, str *out)
{
    size_t from = p->at;
    for (uint32_t rune; p->at < p->text.len;) {
        size_t len = str_rune(str_skip(p->text, p->at), &rune);
        if (!len || !is_name_rune(rune)) break;
        p->at += len;
    }
    *out = str_slice(p->text, from, p->at);
    return out->len ? NULL : bad("unable to parse variable name");
}

static err *value_of(struct parser *p, str variable, bool has_default, str *out)
{
    const str *value = map_get(p->variables, variable);
    if (!value && p->strict && !has_default) {
        return err_invalid("variable not set (strict mode): \"" STR_FMT "\"", STR_ARG(variable));
    }
    *out = value ? *value : (str){"", 0};
    return NULL;
}

static err *default_function(struct parser *p, str value, str *out)
{
    buf fallback = BUF(p->a);
    while (peek(p) != '}') {
        str part;
        if (p->at >= p->text.len) return bad("unable to parse default function");
        TRY(argument(p, "}", false, &part));
        TRY(within_limit(p, part.len));
        buf_add(&fallback, part);
    }
    *out = value.len ? value : buf_str(&fallback);
    return close_brace(p);
}

/* compat: what is no integer leaves the whole value; all counts are bytes. */
static err *substring(struct parser *p, str value, str *out)
{
    str position, length = {0};
    int64_t from, count;
    TRY(argument(p, ":}", false, &position));
    bool has_length = take(p, ':');
    if (has_length) TRY(argument(p, "}", false, &length));
    TRY(close_brace(p));
    *out = value;
    if (!str_to_int(position, &from)) return NULL;
    if (from < 0) from = MAX((int64_t)value.len + from, (int64_t)0);
    str rest = str_skip(value, (size_t)from);
    if (!has_length) {
        *out = rest;
    } else if (str_to_int(length, &count)) {
        *out = str_head(rest, (size_t)MAX(count, (int64_t)0));
    }
    return NULL;
}

static err *strip_function(struct parser *p, char mark, str value, str *out)
{
    str pattern;
    bool longest = take(p, mark);
    TRY(argument(p, "}", false, &pattern));
    TRY(close_brace(p));
    if (pattern.len * value.len > LIMIT_SUBST_STEPS / MAX(value.len, (size_t)1)) {
        return err_invalid("the pattern and the value are too long to be matched");
    }
    *out = stripped(value, pattern, mark == '%', longest);
    return NULL;
}

static err *replace_function(struct parser *p, str value, str *out)
{
    str from, to = {"", 0};
    char how = peek(p);
    if (how == '/' || how == '#' || how == '%') p->at++;
    TRY(argument(p, "/", true, &from));
    if (!take(p, '/')) return bad("unable to parse substitution within function");
    bool has_to = peek(p) != '}';
    if (has_to) TRY(argument(p, "}", true, &to));
    TRY(close_brace(p));
    TRY(within_limit(p, (value.len + 1) * (to.len + 1)));
    if (how == '#') {
        bool hit = has_to && str_starts(value, from);
        *out = hit ? str_concat(p->a, to, str_skip(value, from.len)) : value;
    } else if (how == '%') {
        bool hit = has_to && str_ends(value, from);
        *out = hit ? str_concat(p->a, str_head(value, value.len - from.len), to) : value;
    } else {
        *out = replaced(p, value, from, to, how == '/');
    }
    return NULL;
}

static err *case_function(struct parser *p, char mark, str value, str *out)
{
    bool all = take(p, mark);
    TRY(close_brace(p));
    *out = recased(p->a, value, mark == '^', !all);
    return NULL;
}

static err *length_function(struct parser *p, str *out)
{
    str variable, value = {0};
    TRY(name(p, &variable));
    TRY(close_brace(p));
    TRY(value_of(p, variable, false, &value));
    *out = str_printf(p->a, "%zu", value.len);
    return NULL;
}

/* What follows the name decides. */
static err *operator_function(struct parser *p, str variable, str *out)
{
    str value;
    char mark = peek(p), next = p->at + 1 < p->text.len ? p->text.data[p->at + 1] : '\0';
    bool colon_default = mark == ':' && str_has_char(STR("=-?+"), next) && next;
    bool has_default = mark == '=' || colon_default;
    TRY(value_of(p, variable, has_default, &value));
    if (mark == '}') {
        *out = value;
        return close_brace(p);
    }
    if (!mark || !str_has_char(STR(":=,^/#%"), mark)) return bad("missing closing brace");
    p->at += colon_default ? 2 : 1;
    if (has_default) return default_function(p, value, out);
    if (mark == ':') return substring(p, value, out);
    if (mark == ',' || mark == '^') return case_function(p, mark, value, out);
    if (mark == '/') return replace_function(p, value, out);
    return strip_function(p, mark, value, out);
}

/* Behind "${". */
static err *function(struct parser *p, str *out)
{
    if (++p->depth > LIMIT_SUBST_DEPTH) {
        return err_invalid("substitutions are nested deeper than the limit of %d",
                           LIMIT_SUBST_DEPTH);
    }
    str variable;
    if (take(p, '#')) {
        TRY(length_function(p, out));
    } else {
        TRY(name(p, &variable));
        TRY(operator_function(p, variable, out));
    }
    p->depth--;
    return within_limit(p, out->len);
}

err *subst_text(arena *a, str text, const struct map *variables, struct subst_options options,
                str *out)
{
    ptrdiff_t end = str_find_char(text, '\0');
    struct parser p = {
        .a = a,
        .text = end < 0 ? text : str_head(text, (size_t)end),
        .variables = variables,
        .strict = options.strict,
        .limit = options.output_limit ? options.output_limit : LIMIT_RENDER_BYTES,
    };
    buf result = BUF(a);
    while (p.at < p.text.len) {
        ptrdiff_t dollar = str_find_char(str_skip(p.text, p.at), '$');
        size_t literal = dollar < 0 ? p.text.len - p.at : (size_t)dollar;
        TRY(within_limit(&p, literal));
        buf_add(&result, str_slice(p.text, p.at, p.at + literal));
        p.at += literal;
        if (opens(&p)) {
            str value;
            p.at += 2;
            TRY(function(&p, &value));
            buf_add(&result, value);
        } else if (take(&p, '$')) {
            take(&p, '$'); /* "$$" is one dollar, and does not begin a "${" */
            buf_add_char(&result, '$');
        }
    }
    *out = buf_str(&result);
    return NULL;
}

err *subst_check_name(str variable)
{
    bool valid = variable.len;
    for (size_t i = 0; i < variable.len && valid; i++) {
        char c = variable.data[i];
        bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        valid = letter || (i > 0 && c >= '0' && c <= '9');
    }
    if (valid) return NULL;
    return err_invalid("'" STR_FMT "' var name is invalid, must match "
                       "'^[_[:alpha:]][_[:alpha:][:digit:]]*$'",
                       STR_ARG(variable));
}

str subst_clean(arena *a, str value)
{
    return str_replace(a, value, STR("\n"), STR(""));
}

/* ---- objects ---- */

static bool is_disabled(const node *object)
{
    node *metadata = node_get(object, STR("metadata"));
    str key = STR(SUBSTITUTE_KEY);
    return str_is(node_get_str(node_get(metadata, STR("labels")), key), "disabled") ||
           str_is(node_get_str(node_get(metadata, STR("annotations")), key), "disabled");
}

/* "Deployment.v1.apps/name", the core group as "[noGrp]". */
static str title(arena *a, const node *object)
{
    str api_version = node_get_str(object, STR("apiVersion")), group, version;
    if (!str_cut(api_version, '/', &group, &version)) {
        version = api_version;
        group = STR("[noGrp]");
    }
    str kind = node_get_str(object, STR("kind"));
    str object_name = node_find_str(object, "metadata", "name", NULL);
    return str_printf(a, STR_FMT "." STR_FMT "." STR_FMT "/" STR_FMT, STR_ARG(kind),
                      STR_ARG(version), STR_ARG(group), STR_ARG(object_name));
}

err *subst_object(arena *a, const struct map *variables, struct subst_options options,
                  node **object)
{
    if (is_disabled(*object)) return NULL;
    buf yaml = BUF(a);
    str text;
    node *result = NULL;
    err *e = yaml_emit(&yaml, *object);
    if (!e && !str_has_char(buf_str(&yaml), '$')) return NULL;
    if (!e) {
        e = subst_text(a, buf_str(&yaml), variables, options, &text);
        if (e) e = err_wrap(e, "envsubst error: variable substitution failed");
    }
    if (!e) e = yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V3}, &result);
    if (!e && !node_is_map(result)) e = err_invalid("the result is no object");
    if (e) {
        str name_text = title(a, *object);
        return err_wrap(e, "post build failed for '" STR_FMT "'", STR_ARG(name_text));
    }
    *object = result;
    return NULL;
}
