/* Functions on texts: those of sprig. Counts are bytes where sprig counts bytes. */
#include "base/b64.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/regex.h"
#include "tmpl/call.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
}

static char *copy(struct call *call, str s)
{
    return str_z(call->a, s);
}

FUNC(trim, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    return call_return_str(call, str_trim(s));
}

static err *trim_all(struct call *call)
{
    str cut, s;
    TRY(call_str(call, 0, &cut));
    TRY(call_str(call, 1, &s));
    while (s.len && str_has_char(cut, s.data[0]))
        s = str_skip(s, 1);
    while (s.len && str_has_char(cut, s.data[s.len - 1]))
        s.len--;
    return call_return_str(call, s);
}

FUNC(trimAll, 2, 2)
{
    return trim_all(call);
}

FUNC(trimall, 2, 2)
{
    return trim_all(call);
}

FUNC(trimSuffix, 2, 2)
{
    str cut, s;
    TRY(call_str(call, 0, &cut));
    TRY(call_str(call, 1, &s));
    str_strip_suffix(&s, cut);
    return call_return_str(call, s);
}

FUNC(trimPrefix, 2, 2)
{
    str cut, s;
    TRY(call_str(call, 0, &cut));
    TRY(call_str(call, 1, &s));
    str_strip_prefix(&s, cut);
    return call_return_str(call, s);
}

FUNC(upper, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    return call_return_str(call, str_upper(call->a, s));
}

FUNC(lower, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    return call_return_str(call, str_lower(call->a, s));
}

FUNC(title, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    char *text = copy(call, s), before = ' ';
    for (size_t i = 0; i < s.len; i++) {
        bool word = is_letter(before) || before == '_' || (before >= '0' && before <= '9');
        before = text[i];
        if (!word && text[i] >= 'a' && text[i] <= 'z') text[i] -= 'a' - 'A';
    }
    return call_return_str(call, str_from(text, s.len));
}

FUNC(untitle, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    char *text = copy(call, s);
    for (size_t i = 0; i < s.len; i++) {
        bool first = i == 0 || is_space(s.data[i - 1]);
        if (first && text[i] >= 'A' && text[i] <= 'Z') text[i] += 'a' - 'A';
    }
    return call_return_str(call, str_from(text, s.len));
}

FUNC(repeat, 2, 2)
{
    int64_t count;
    str s;
    TRY(call_int(call, 0, &count));
    TRY(call_str(call, 1, &s));
    if (count < 0) return err_invalid("strings: negative Repeat count");
    if (s.len && count > (int64_t)(LIMIT_TEMPLATE_VALUES / s.len))
        return call_charge(call, LIMIT_TEMPLATE_VALUES + (size_t)1);
    TRY(call_charge(call, s.len * (size_t)count));
    buf b = BUF(call->a);
    for (int64_t i = 0; s.len && i < count; i++)
        buf_add(&b, s);
    return call_return(call, tmpl_str(buf_str(&b)));
}

FUNC(substr, 3, 3)
{
    int64_t from, to;
    str s;
    TRY(call_int(call, 0, &from));
    TRY(call_int(call, 1, &to));
    TRY(call_str(call, 2, &s));
    if (to < 0 || to > (int64_t)s.len) to = (int64_t)s.len;
    if (from < 0) from = 0;
    if (from > to) {
        return err_invalid("runtime error: slice bounds out of range [%lld:%lld]", (long long)from,
                           (long long)to);
    }
    return call_return_str(call, str_slice(s, (size_t)from, (size_t)to));
}

/* trunc 5 "hello world" is "hello"; a negative count keeps the tail. */
FUNC(trunc, 2, 2)
{
    int64_t count;
    str s;
    TRY(call_int(call, 0, &count));
    TRY(call_str(call, 1, &s));
    uint64_t most = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
    if (most >= s.len) return call_return_str(call, s);
    return call_return_str(call, count < 0 ? str_tail(s, most) : str_head(s, most));
}

FUNC(abbrev, 2, 2)
{
    int64_t width;
    str s;
    TRY(call_int(call, 0, &width));
    TRY(call_str(call, 1, &s));
    if (width < 4 || (int64_t)s.len <= width) return call_return_str(call, s);
    return call_return_str(call, str_concat(call->a, str_head(s, (size_t)width - 3), STR("...")));
}

FUNC(nospace, 1, 1)
{
    str s;
    buf b = BUF(call->a);
    TRY(call_str(call, 0, &s));
    for (size_t i = 0; i < s.len; i++) {
        if (!is_space(s.data[i])) buf_add_char(&b, s.data[i]);
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(initials, 1, 1)
{
    str s;
    buf b = BUF(call->a);
    TRY(call_str(call, 0, &s));
    for (size_t i = 0; i < s.len; i++) {
        bool first = !is_space(s.data[i]) && (i == 0 || is_space(s.data[i - 1]));
        if (first) buf_add_char(&b, s.data[i]);
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(contains, 2, 2)
{
    str part, s;
    TRY(call_str(call, 0, &part));
    TRY(call_str(call, 1, &s));
    return call_return(call, tmpl_bool(str_find(s, part) >= 0));
}

FUNC(hasPrefix, 2, 2)
{
    str part, s;
    TRY(call_str(call, 0, &part));
    TRY(call_str(call, 1, &s));
    return call_return(call, tmpl_bool(str_starts(s, part)));
}

FUNC(hasSuffix, 2, 2)
{
    str part, s;
    TRY(call_str(call, 0, &part));
    TRY(call_str(call, 1, &s));
    return call_return(call, tmpl_bool(str_ends(s, part)));
}

/* ---- Quotes, joins ---- */

/* "%q" of printf does the quoting. */
static err *quote_one(struct call *call, struct tmpl_value value, str *out)
{
    struct tmpl_value args[] = {tmpl_str(STR("%q")), tmpl_str(call_text(call, value))};
    struct call inner = *call;
    inner.args = args;
    inner.count = COUNT(args);
    TRY(call_find(STR("printf"))->run(&inner));
    *out = inner.result.text;
    return NULL;
}

FUNC(quote, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    for (size_t i = 0; i < call->count; i++) {
        str text;
        if (call->args[i].kind == TMPL_NIL) continue;
        TRY(quote_one(call, call->args[i], &text));
        if (b.len) buf_add_char(&b, ' ');
        buf_add(&b, text);
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(squote, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    for (size_t i = 0; i < call->count; i++) {
        if (call->args[i].kind == TMPL_NIL) continue;
        buf_printf(&b, "%s'" STR_FMT "'", b.len ? " " : "",
                   STR_ARG(call_text(call, call->args[i])));
    }
    return call_return_str(call, buf_str(&b));
}

FUNC(cat, 0, CALL_MANY)
{
    buf b = BUF(call->a);
    bool first = true;
    for (size_t i = 0; i < call->count; i++) {
        if (call->args[i].kind == TMPL_NIL) continue;
        if (!first) buf_add_char(&b, ' ');
        buf_add(&b, call_text(call, call->args[i]));
        first = false;
    }
    return call_return_str(call, buf_str(&b));
}

static err *indent(struct call *call, const char *before)
{
    int64_t count;
    str s;
    TRY(call_int(call, 0, &count));
    TRY(call_str(call, 1, &s));
    if (count < 0) return err_invalid("strings: negative Repeat count");
    size_t lines = 1;
    for (size_t i = 0; i < s.len; i++)
        lines += s.data[i] == '\n';
    if ((uint64_t)count > LIMIT_TEMPLATE_VALUES / lines)
        return call_charge(call, LIMIT_TEMPLATE_VALUES + (size_t)1);
    TRY(call_charge(call, lines * (size_t)count + s.len));
    buf b = BUF(call->a);
    buf_add(&b, str_of(before));
    buf_fill(&b, ' ', (size_t)count);
    for (size_t i = 0; i < s.len; i++) {
        buf_add_char(&b, s.data[i]);
        if (s.data[i] == '\n') buf_fill(&b, ' ', (size_t)count);
    }
    return call_return(call, tmpl_str(buf_str(&b)));
}

FUNC(indent, 2, 2)
{
    return indent(call, "");
}

FUNC(nindent, 2, 2)
{
    return indent(call, "\n");
}

FUNC(replace, 3, 3)
{
    str from, to, s;
    TRY(call_str(call, 0, &from));
    TRY(call_str(call, 1, &to));
    TRY(call_str(call, 2, &s));
    if (from.len) {
        TRY(call_charge(call, s.len / from.len * to.len + s.len));
        return call_return(call, tmpl_str(str_replace(call->a, s, from, to)));
    }
    TRY(call_charge(call, (s.len + 1) * to.len + s.len));
    buf b = BUF(call->a);
    for (size_t i = 0, len; i < s.len; i += len) {
        uint32_t rune;
        len = MAX(str_rune(str_skip(s, i), &rune), (size_t)1);
        buf_add(&b, to);
        buf_add(&b, str_slice(s, i, i + len));
    }
    buf_add(&b, to);
    return call_return(call, tmpl_str(buf_str(&b)));
}

FUNC(plural, 3, 3)
{
    str one, many;
    int64_t count;
    TRY(call_str(call, 0, &one));
    TRY(call_str(call, 1, &many));
    TRY(call_int(call, 2, &count));
    return call_return_str(call, count == 1 ? one : many);
}

FUNC(toString, 1, 1)
{
    return call_return_str(call, call_text(call, call->args[0]));
}

FUNC(join, 2, 2)
{
    str separator;
    struct tmpl_value from = call->args[1];
    buf b = BUF(call->a);
    TRY(call_str(call, 0, &separator));
    bool first = true;
    for (size_t i = 0; from.kind == TMPL_LIST && i < from.list->count; i++) {
        if (from.list->items[i].kind == TMPL_NIL) continue;
        if (!first) buf_add(&b, separator);
        buf_add(&b, call_text(call, from.list->items[i]));
        first = false;
    }
    if (from.kind != TMPL_LIST && from.kind != TMPL_NIL) buf_add(&b, call_text(call, from));
    return call_return_str(call, buf_str(&b));
}

/* Pieces between separators; with none, the characters. At most `most` of them, if that is not 0.
 */
static struct tmpl_value split(struct call *call, str separator, str s, int64_t most)
{
    struct tmpl_value list = tmpl_list_new(call->a);
    while (most == 0 || (int64_t)list.list->count < most - 1) {
        ptrdiff_t at = str_find(s, separator);
        uint32_t rune;
        if (!separator.len) at = s.len ? (ptrdiff_t)MAX(str_rune(s, &rune), (size_t)1) : -1;
        if (at < 0 || (!separator.len && (size_t)at == s.len)) break;
        tmpl_push(call->a, list, tmpl_str(str_head(s, (size_t)at)));
        s = str_skip(s, (size_t)at + separator.len);
    }
    tmpl_push(call->a, list, tmpl_str(s));
    return list;
}

FUNC(splitList, 2, 2)
{
    str separator, s;
    TRY(call_str(call, 0, &separator));
    TRY(call_str(call, 1, &s));
    TRY(call_charge(call, 64 * s.len));
    return call_return(call, split(call, separator, s, 0));
}

/* A map of _0, _1 ... */
static err *split_map(struct call *call, str separator, str s, int64_t most)
{
    TRY(call_charge(call, 64 * s.len));
    struct tmpl_value list = split(call, separator, s, most), map = tmpl_map_new(call->a, NULL);
    if (list.list->count > LIMIT_TEMPLATE_SPLIT)
        return err_invalid("more parts than the limit of %d", LIMIT_TEMPLATE_SPLIT);
    for (size_t i = 0; i < list.list->count; i++)
        tmpl_put(call->a, map, tmpl_str(str_printf(call->a, "_%zu", i)), list.list->items[i]);
    return call_return(call, map);
}

FUNC(split, 2, 2)
{
    str separator, s;
    TRY(call_str(call, 0, &separator));
    TRY(call_str(call, 1, &s));
    return split_map(call, separator, s, 0);
}

FUNC(splitn, 3, 3)
{
    str separator, s;
    int64_t most;
    TRY(call_str(call, 0, &separator));
    TRY(call_int(call, 1, &most));
    TRY(call_str(call, 2, &s));
    return split_map(call, separator, s, most);
}

/* ---- Encodings, digests ---- */

FUNC(b64enc, 1, 1)
{
    str s;
    TRY(call_str(call, 0, &s));
    return call_return_str(call, b64_encode(call->a, s));
}

FUNC(b64dec, 1, 1)
{
    str s, out = {0};
    TRY(call_str(call, 0, &s));
    err *e = b64_decode(call->a, s, &out);
    if (!e) return call_return_str(call, out);
    out = str_dup(call->a, err_text(e)); /* compat: the error is the result */
    err_free(e);
    return call_return_str(call, out);
}

static err *digest(struct call *call, const char *algorithm)
{
    str s;
    struct hash_state *state AUTO(hash_state_done) = hash_new(algorithm);
    TRY(call_str(call, 0, &s));
    hash_add(state, s);
    return call_return_str(call, hash_hex(call->a, state));
}

FUNC(sha1sum, 1, 1)
{
    return digest(call, "sha1");
}

FUNC(sha256sum, 1, 1)
{
    return digest(call, "sha256");
}

FUNC(sha512sum, 1, 1)
{
    return digest(call, "sha512");
}

/* ---- Regular expressions ---- */

static err *compile(struct call *call, struct regex **out)
{
    str pattern;
    TRY(call_str(call, 0, &pattern));
    return regex_compile(pattern, out);
}

FUNC(regexMatch, 2, 2)
{
    struct regex *regex AUTO(regex_free_done) = NULL;
    str s;
    TRY(call_str(call, 1, &s));
    err *e = compile(call, &regex);
    bool matches = !e && regex_match(regex, s);
    err_free(e); /* compat: a pattern that cannot be read matches nothing */
    return call_return(call, tmpl_bool(matches));
}

FUNC(regexFind, 2, 2)
{
    struct regex *regex AUTO(regex_free_done) = NULL;
    str s, match = {0};
    TRY(call_str(call, 1, &s));
    TRY(compile(call, &regex));
    regex_find(regex, s, 0, &match, 1);
    return call_return_str(call, match);
}

FUNC(regexReplaceAll, 3, 3)
{
    struct regex *regex AUTO(regex_free_done) = NULL;
    str s, form;
    TRY(call_str(call, 1, &s));
    TRY(call_str(call, 2, &form));
    TRY(compile(call, &regex));
    TRY(call_charge(call, (s.len + 1) * (form.len + 1)));
    return call_return(call, tmpl_str(regex_replace(call->a, regex, s, form)));
}
