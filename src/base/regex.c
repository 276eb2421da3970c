#include "base/regex.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/re2_shim.h"

struct regex {
    void *expression; /* of re2_shim */
};

/* The words of Go's regexp/syntax for what RE2 found. */
static const char *const error_words[] = {
    [RE2_SHIM_BAD_ESCAPE] = "invalid escape sequence",
    [RE2_SHIM_BAD_CLASS] = "invalid character class",
    [RE2_SHIM_BAD_RANGE] = "invalid character class range",
    [RE2_SHIM_NO_BRACKET] = "missing closing ]",
    [RE2_SHIM_NO_PAREN] = "missing closing )",
    [RE2_SHIM_EXTRA_PAREN] = "unexpected )",
    [RE2_SHIM_TRAILING_BACKSLASH] = "trailing backslash at end of expression",
    [RE2_SHIM_REPEAT_NOTHING] = "missing argument to repetition operator",
    [RE2_SHIM_REPEAT_SIZE] = "invalid repeat count",
    [RE2_SHIM_REPEAT_REPEAT] = "invalid nested repetition operator",
    [RE2_SHIM_BAD_PERL] = "invalid or unsupported Perl syntax",
    [RE2_SHIM_BAD_UTF8] = "invalid UTF-8",
    [RE2_SHIM_BAD_NAME] = "invalid named capture",
    [RE2_SHIM_TOO_LARGE] = "expression too large",
    [RE2_SHIM_INTERNAL] = "regexp/syntax: internal error",
};

/* Bytes from one syntax element to the next, so that what only looks like syntax is passed over. */
static size_t element_length(str rest)
{
    if (str_starts(rest, STR("\\Q"))) {
        ptrdiff_t end = str_find(rest, STR("\\E"));
        return end < 0 ? rest.len : (size_t)end + 2;
    }
    if (rest.data[0] == '\\') return MIN(rest.len, (size_t)2);
    if (rest.data[0] != '[') return 1;

    size_t at = 1;
    if (at < rest.len && rest.data[at] == '^') at++;
    if (at < rest.len && rest.data[at] == ']') at++;
    while (at < rest.len && rest.data[at] != ']') {
        ptrdiff_t named_end = -1;
        if (str_starts(str_skip(rest, at), STR("[:"))) {
            named_end = str_find(str_skip(rest, at), STR(":]"));
        }
        at += named_end > 0 ? (size_t)named_end + 2 : rest.data[at] == '\\' ? 2 : 1;
    }
    return MIN(at + 1, rest.len);
}

/* What Go reads otherwise than RE2: (?<name>...) is a group, \C (one byte) is an error. */
static err *go_syntax(buf *b, str pattern)
{
    for (size_t length; pattern.len; pattern = str_skip(pattern, length)) {
        length = element_length(pattern);
        if (str_starts(pattern, STR("\\C")))
            return err_invalid("error parsing regexp: invalid escape sequence: `\\C`");
        if (str_starts(pattern, STR("(?<"))) {
            BUF_ADD(b, "(?P<");
            length = 3;
        } else {
            buf_add(b, str_head(pattern, length));
        }
    }
    return NULL;
}

err *regex_compile(str pattern, struct regex **out)
{
    buf translated AUTO(buf_done) = {0};
    TRY(go_syntax(&translated, pattern));

    void *expression = re2_shim_new(translated.data ? translated.data : "", translated.len);
    const char *fault;
    size_t fault_len;
    enum re2_shim_error error = re2_shim_error(expression, &fault, &fault_len);
    if (error) {
        err *e = err_invalid("error parsing regexp: %s: `%.*s`", error_words[error], (int)fault_len,
                             fault);
        re2_shim_free(expression);
        return e;
    }
    struct regex *regex = lang_alloc(sizeof *regex);
    regex->expression = expression;
    *out = regex;
    return NULL;
}

err *regex_compile_full(str pattern, struct regex **out)
{
    buf whole AUTO(buf_done) = {0};
    buf_printf(&whole, "^(?:" STR_FMT ")$", STR_ARG(pattern));
    return regex_compile(buf_str(&whole), out);
}

void regex_free(struct regex *regex)
{
    if (!regex) return;
    re2_shim_free(regex->expression);
    free(regex);
}

void regex_free_done(struct regex **regex)
{
    regex_free(*regex);
    *regex = NULL;
}

bool regex_match(const struct regex *regex, str text)
{
    return re2_shim_find(regex->expression, text.data, text.len, 0, NULL, 0);
}

enum { SPANS_ON_STACK = 16 };

bool regex_find(const struct regex *regex, str text, size_t from, str *groups, size_t group_count)
{
    if (from > text.len) return false;
    struct re2_shim_span few[SPANS_ON_STACK], *spans = few;
    size_t count = MIN(group_count, regex_groups(regex) + 1);
    if (count > SPANS_ON_STACK) spans = lang_alloc(count * sizeof *spans);

    bool found = re2_shim_find(regex->expression, text.data, text.len, from, spans, count);
    for (size_t i = 0; found && i < group_count; i++)
        groups[i] = i < count ? (str){spans[i].data, spans[i].len} : (str){0};
    if (spans != few) free(spans);
    return found;
}

size_t regex_groups(const struct regex *regex)
{
    return re2_shim_groups(regex->expression);
}

size_t regex_group(const struct regex *regex, str name)
{
    return re2_shim_group(regex->expression, name.data, name.len);
}

/* Takes "name" or "{name}" off the front of *form; false, and nothing taken, if neither is there.
 */
static bool take_name(str *form, str *name)
{
    size_t open = str_starts(*form, STR("{")), len = 0;
    while (open + len < form->len) {
        char c = form->data[open + len];
        bool in_name =
            c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!in_name) break;
        len++;
    }
    if (!len) return false;
    if (open && !str_starts(str_skip(*form, open + len), STR("}"))) return false;
    *name = str_slice(*form, open, open + len);
    *form = str_skip(*form, open + len + open);
    return true;
}

enum { NO_GROUP = -1 };

/* NO_GROUP for one that the expression does not have. */
static ptrdiff_t group_of(const struct regex *regex, str name)
{
    int64_t number;
    bool plain = name.data[0] != '0' || name.len == 1;
    if (plain && str_to_int(name, &number))
        return (uint64_t)number <= regex_groups(regex) ? (ptrdiff_t)number : NO_GROUP;
    size_t index = regex_group(regex, name);
    return index ? (ptrdiff_t)index : NO_GROUP;
}

struct piece {
    str text;        /* as it stands, */
    ptrdiff_t group; /* and a group behind it, if not NO_GROUP */
};

struct regex_form {
    struct piece *pieces;
    size_t count, room;
};

struct regex_form *regex_form_read(struct arena *a, const struct regex *regex, str form)
{
    struct regex_form *read = NEW(a, struct regex_form);
    str before, name, dollar = STR("$");
    while (str_cut(form, '$', &before, &form)) {
        struct piece piece = {before, NO_GROUP};
        struct piece sign = {dollar, NO_GROUP};
        bool is_name = !str_starts(form, dollar) && take_name(&form, &name);
        if (is_name) piece.group = group_of(regex, name);
        *ARENA_PUSH(a, read->pieces, read->count, read->room) = piece;
        if (is_name) continue;
        str_strip_prefix(&form, dollar);
        *ARENA_PUSH(a, read->pieces, read->count, read->room) = sign;
    }
    *ARENA_PUSH(a, read->pieces, read->count, read->room) = (struct piece){before, NO_GROUP};
    return read;
}

static void expand(buf *b, const struct regex_form *form, const str *groups)
{
    for (size_t i = 0; i < form->count; i++) {
        buf_add(b, form->pieces[i].text);
        if (form->pieces[i].group != NO_GROUP) buf_add(b, groups[form->pieces[i].group]);
    }
}

str regex_form_expand(struct arena *a, const struct regex_form *form, const str *groups)
{
    buf b = BUF(a);
    expand(&b, form, groups);
    return buf_str(&b);
}

str regex_expand(struct arena *a, const struct regex *regex, str form, const str *groups)
{
    return regex_form_expand(a, regex_form_read(a, regex, form), groups);
}

str regex_replace(struct arena *a, const struct regex *regex, str text, str form)
{
    size_t group_count = regex_groups(regex) + 1, search = 0, done = 0;
    str *groups = NEW_ARRAY(a, str, group_count);
    const struct regex_form *read = regex_form_read(a, regex, form);
    buf b = BUF(a);
    if (!text.data) text = STR(""); /* an empty match has a place, too */
    while (regex_find(regex, text, search, groups, group_count)) {
        size_t start = (size_t)(groups[0].data - text.data);
        size_t end = start + groups[0].len;
        buf_add(&b, str_slice(text, done, start));
        /* Not for an empty match right behind another match. */
        if (end > done || start == 0) expand(&b, read, groups);
        done = end;
        uint32_t rune;
        size_t width = str_rune(str_skip(text, search), &rune);
        search = MAX(end, search + (width ? width : 1));
    }
    buf_add(&b, str_skip(text, done));
    return buf_str(&b);
}
