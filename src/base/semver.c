#include "base/semver.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* compat: the reference's character class for a part of a range has a stray "|" in it. */
static bool is_pattern(char c)
{
    return is_digit(c) || c == 'x' || c == 'X' || c == '*' || c == '|';
}

static bool all(str s, bool (*is)(char))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is(s.data[i])) return false;
    }
    return s.len > 0;
}

/* ---- The shape that versions and the patterns of ranges share ---- */

struct shape {
    str part[3]; /* a missing one is empty */
    str pre, meta;
};

/* The longest run of characters of a kind at the front of *rest, taken off. */
static str take(str *rest, bool (*is)(char))
{
    size_t count = 0;
    while (count < rest->len && is(rest->data[count]))
        count++;
    str taken = str_head(*rest, count);
    *rest = str_skip(*rest, count);
    return taken;
}

/* "a.b.c" after a mark such as "-"; leaves *rest alone when there is none. */
static str take_identifiers(str *rest, char mark)
{
    if (!rest->len || rest->data[0] != mark) return (str){0};
    str from = str_skip(*rest, 1), at = from;
    if (!take(&at, is_identifier).len) return (str){0};
    for (str next; at.len && at.data[0] == '.'; at = next) {
        next = str_skip(at, 1);
        if (!take(&next, is_identifier).len) break;
    }
    *rest = at;
    return str_head(from, from.len - at.len);
}

/* Takes v?PART[.PART[.PART]][-PRE][+META] off the front of *rest; false, with nothing taken, if
 * not. */
static bool take_shape(str *rest, bool (*is_part)(char), struct shape *out)
{
    str at = *rest;
    *out = (struct shape){0};
    str_strip_prefix(&at, STR("v"));
    out->part[0] = take(&at, is_part);
    if (!out->part[0].len) return false;
    for (int i = 1; i < 3 && at.len && at.data[0] == '.'; i++) {
        str next = str_skip(at, 1);
        out->part[i] = take(&next, is_part);
        if (!out->part[i].len) break;
        at = next;
    }
    out->pre = take_identifiers(&at, '-');
    out->meta = take_identifiers(&at, '+');
    *rest = at;
    return true;
}

/* ---- Versions ---- */

static err *check_pre(str pre)
{
    for (str piece; str_next(&pre, '.', &piece);) {
        if (!all(piece, is_identifier)) return err_invalid("invalid prerelease string");
        if (all(piece, is_digit) && piece.len > 1 && piece.data[0] == '0') {
            return err_invalid("version segment starts with 0");
        }
    }
    return NULL;
}

static err *check_meta(str meta)
{
    for (str piece; str_next(&meta, '.', &piece);) {
        if (!all(piece, is_identifier)) return err_invalid("invalid metadata string");
    }
    return NULL;
}

static err *parse_number(str text, uint64_t *out)
{
    if (text.len && !str_to_uint(text, out)) {
        return err_invalid("error parsing version segment: strconv.ParseUint: parsing \"" STR_FMT
                           "\": value out of range",
                           STR_ARG(text));
    }
    return NULL;
}

static err *check_length(str text)
{
    if (text.len <= LIMIT_SEMVER_BYTES) return NULL;
    return err_invalid("version string is too long (max %d bytes)", LIMIT_SEMVER_BYTES);
}

err *semver_parse(str text, struct semver *out)
{
    TRY(check_length(text));
    struct shape shape;
    str rest = text;
    if (!take_shape(&rest, is_digit, &shape) || rest.len) {
        return err_invalid("invalid semantic version");
    }
    struct semver v = {.pre = shape.pre, .meta = shape.meta, .original = text};
    TRY(parse_number(shape.part[0], &v.major));
    TRY(parse_number(shape.part[1], &v.minor));
    TRY(parse_number(shape.part[2], &v.patch));
    if (v.pre.len) TRY(check_pre(v.pre));
    *out = v;
    return NULL;
}

err *semver_parse_strict(str text, struct semver *out)
{
    if (!text.len) return err_invalid("version string empty");
    TRY(check_length(text));
    str part[3], rest;
    if (!str_cut(text, '.', &part[0], &rest) || !str_cut(rest, '.', &part[1], &part[2])) {
        return err_invalid("invalid semantic version");
    }
    struct semver v = {.original = text};
    if (str_cut(part[2], '+', &part[2], &v.meta)) TRY(check_meta(v.meta));
    if (str_cut(part[2], '-', &part[2], &v.pre)) TRY(check_pre(v.pre));
    for (size_t i = 0; i < COUNT(part); i++) {
        if (!all(part[i], is_digit)) return err_invalid("invalid characters in version");
        if (part[i].len > 1 && part[i].data[0] == '0') {
            return err_invalid("version segment starts with 0");
        }
        TRY(parse_number(part[i], (uint64_t *[]){&v.major, &v.minor, &v.patch}[i]));
    }
    *out = v;
    return NULL;
}

bool semver_parse_tag(str text, struct semver *out)
{
    ptrdiff_t dot = str_find_char(text, '.');
    if (dot < 0 || !str_has_char(str_skip(text, (size_t)dot + 1), '.')) return false;
    err *e AUTO(err_done) = semver_parse(text, out);
    return !e;
}

static int cmp_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Numbers come before words; a number too big for 64 bits counts as a word, as in the reference. */
static int cmp_identifier(str a, str b)
{
    uint64_t number_a, number_b;
    bool is_a = all(a, is_digit) && str_to_uint(a, &number_a);
    bool is_b = all(b, is_digit) && str_to_uint(b, &number_b);
    if (is_a && is_b) return cmp_number(number_a, number_b);
    if (is_a != is_b) return is_a ? -1 : 1;
    int order = str_cmp(a, b);
    return order < 0 ? -1 : order > 0;
}

static int cmp_pre(str a, str b)
{
    if (!a.len || !b.len) return (b.len > 0) - (a.len > 0);
    for (;;) {
        str piece_a, piece_b;
        bool more_a = str_next(&a, '.', &piece_a), more_b = str_next(&b, '.', &piece_b);
        if (!more_a || !more_b) return more_a - more_b;
        int order = cmp_identifier(piece_a, piece_b);
        if (order) return order;
    }
}

int semver_cmp(const struct semver *a, const struct semver *b)
{
    int order = cmp_number(a->major, b->major);
    if (!order) order = cmp_number(a->minor, b->minor);
    if (!order) order = cmp_number(a->patch, b->patch);
    return order ? order : cmp_pre(a->pre, b->pre);
}

str semver_text(arena *a, const struct semver *v)
{
    return str_printf(a, "%llu.%llu.%llu%s" STR_FMT "%s" STR_FMT, (unsigned long long)v->major,
                      (unsigned long long)v->minor, (unsigned long long)v->patch,
                      v->pre.len ? "-" : "", STR_ARG(v->pre), v->meta.len ? "+" : "",
                      STR_ARG(v->meta));
}

/* ---- Ranges ---- */

enum op { OP_EQUAL, OP_NOT, OP_MORE, OP_LESS, OP_MORE_EQUAL, OP_LESS_EQUAL, OP_TILDE, OP_CARET };

struct term {
    enum op op;
    struct semver base;
    /* A part was missing or a wildcard; and which one it was, unless it was the first. */
    bool open, minor_open, patch_open;
};

struct group { /* all of its terms have to hold */
    struct term *terms;
    size_t count, room;
    bool has_pre; /* a term names a pre-release: the group may match pre-releases */
};

struct semver_range { /* one of its groups has to hold */
    struct group *groups;
    size_t count, room;
};

/* The longer spellings come first. */
static const struct {
    const char *text;
    enum op op;
} ops[] = {
    {">=", OP_MORE_EQUAL}, {"=>", OP_MORE_EQUAL}, {"<=", OP_LESS_EQUAL}, {"=<", OP_LESS_EQUAL},
    {"!=", OP_NOT},        {"~>", OP_TILDE},      {"=", OP_EQUAL},       {">", OP_MORE},
    {"<", OP_LESS},        {"~", OP_TILDE},       {"^", OP_CARET},       {"", OP_EQUAL},
};

static bool is_wild(str part)
{
    return !part.len || str_is(part, "x") || str_is(part, "X") || str_is(part, "*");
}

static err *quoted_error(arena *a, str text)
{
    buf b = BUF(a);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') buf_add_char(&b, '\\');
        if (c < 0x20 || c == 0x7f) {
            buf_printf(&b, c == '\t' ? "\\t" : c == '\n' ? "\\n" : "\\x%02x", c);
        } else {
            buf_add_char(&b, (char)c);
        }
    }
    return err_invalid("improper constraint: \"" STR_FMT "\"", STR_ARG(buf_str(&b)));
}

/* The version that a pattern starts from: what is missing or wild is 0. */
static err *term_base(const struct shape *shape, struct term *term)
{
    int given = 3;
    if (is_wild(shape->part[0])) {
        given = 0;
    } else if (is_wild(shape->part[1])) {
        given = 1;
        term->minor_open = true;
    } else if (is_wild(shape->part[2])) {
        given = 2;
        term->patch_open = true;
    }
    term->open = given < 3;
    uint64_t *numbers[] = {&term->base.major, &term->base.minor, &term->base.patch};
    for (int i = 0; i < given; i++) {
        if (!all(shape->part[i], is_digit) || !str_to_uint(shape->part[i], numbers[i])) {
            return err_invalid("constraint parser error");
        }
    }
    term->base.pre = shape->pre;
    if (!shape->pre.len) return NULL;
    err *e AUTO(err_done) = check_pre(shape->pre);
    return e ? err_invalid("constraint parser error") : NULL;
}

/* OP VERSION off the front of *rest; false when there is none. */
static bool take_term(str *rest, enum op *op, struct shape *shape)
{
    for (size_t i = 0; i < COUNT(ops); i++) {
        str at = *rest;
        if (!str_strip_prefix(&at, str_of(ops[i].text))) continue;
        take(&at, is_space);
        if (!take_shape(&at, is_pattern, shape)) continue;
        *op = ops[i].op;
        *rest = at;
        return true;
    }
    return false;
}

/* Terms are separated by white space, a comma, or both. */
static err *parse_group(arena *a, str text, struct group *group)
{
    struct shape *shapes = NULL;
    size_t shape_count = 0, shape_room = 0;
    str rest = text;
    take(&rest, is_space);
    do {
        struct shape shape;
        struct term term = {0};
        if (!take_term(&rest, &term.op, &shape)) return quoted_error(a, text);
        *ARENA_PUSH(a, shapes, shape_count, shape_room) = shape;
        *ARENA_PUSH(a, group->terms, group->count, group->room) = term;
        bool apart = take(&rest, is_space).len > 0;
        if (str_strip_prefix(&rest, STR(","))) {
            take(&rest, is_space);
            if (!rest.len) return quoted_error(a, text);
        } else if (rest.len && !apart) {
            return quoted_error(a, text);
        }
    } while (rest.len);

    for (size_t i = 0; i < group->count; i++) {
        TRY(term_base(&shapes[i], &group->terms[i]));
        if (shapes[i].pre.len) group->has_pre = true;
    }
    return NULL;
}

/* "A - B" with blanks around, off the front of *rest. */
static bool take_hyphen(str *rest, str *from, str *to)
{
    struct shape shape;
    str at = *rest;
    take(&at, is_space);
    str begin = at;
    if (!take_shape(&at, is_pattern, &shape)) return false;
    *from = str_head(begin, begin.len - at.len);
    if (!take(&at, is_space).len || !str_strip_prefix(&at, STR("-")) || !take(&at, is_space).len) {
        return false;
    }
    begin = at;
    if (!take_shape(&at, is_pattern, &shape)) return false;
    *to = str_head(begin, begin.len - at.len);
    take(&at, is_space);
    *rest = at;
    return true;
}

/* Every "A - B" becomes ">= A, <= B ", before anything else is looked at. */
static str expand_hyphens(arena *a, str text)
{
    buf b = BUF(a);
    while (text.len) {
        str from, to;
        if (take_hyphen(&text, &from, &to)) {
            buf_printf(&b, ">= " STR_FMT ", <= " STR_FMT " ", STR_ARG(from), STR_ARG(to));
        } else {
            buf_add_char(&b, text.data[0]);
            text = str_skip(text, 1);
        }
    }
    return buf_str(&b);
}

err *semver_range_parse(arena *a, str text, struct semver_range **out)
{
    if (text.len > LIMIT_SEMVER_RANGE_BYTES) {
        return err_invalid("constraint string is too long (max %d bytes)",
                           LIMIT_SEMVER_RANGE_BYTES);
    }
    struct semver_range *range = NEW(a, struct semver_range);
    str rest = expand_hyphens(a, text);
    for (bool last = false; !last;) {
        if (range->count == LIMIT_SEMVER_RANGE_GROUPS) {
            return err_invalid("too many constraint groups (max %d)", LIMIT_SEMVER_RANGE_GROUPS);
        }
        ptrdiff_t at = str_find(rest, STR("||"));
        last = at < 0;
        struct group group = {0};
        TRY(parse_group(a, last ? rest : str_head(rest, (size_t)at), &group));
        *ARENA_PUSH(a, range->groups, range->count, range->room) = group;
        if (!last) rest = str_skip(rest, (size_t)at + 2);
    }
    *out = range;
    return NULL;
}

/* ---- Does a version satisfy a term? ---- */

static bool holds_tilde(const struct term *t, const struct semver *v)
{
    const struct semver *base = &t->base;
    if (semver_cmp(v, base) < 0) return false;
    bool any = !base->major && !base->minor && !base->patch && !t->minor_open && !t->patch_open;
    if (any) return true;
    return v->major == base->major && (v->minor == base->minor || t->minor_open);
}

static bool holds_caret(const struct term *t, const struct semver *v)
{
    const struct semver *base = &t->base;
    if (semver_cmp(v, base) < 0 || v->major != base->major) return false;
    if (base->major || t->minor_open) return true;
    if (v->minor != base->minor) return false;
    return base->minor || t->patch_open || v->patch == base->patch;
}

static bool holds_not(const struct term *t, const struct semver *v)
{
    const struct semver *base = &t->base;
    if (!t->open || (!t->minor_open && !t->patch_open && v->major == base->major)) {
        return semver_cmp(v, base) != 0;
    }
    if (v->major != base->major) return true;
    if (t->minor_open) return false;
    return v->minor != base->minor || cmp_pre(v->pre, base->pre) != 0;
}

static bool holds_more(const struct term *t, const struct semver *v)
{
    const struct semver *base = &t->base;
    if (!t->open) return semver_cmp(v, base) > 0;
    if (v->major != base->major) return v->major > base->major;
    if (t->minor_open) return false;
    return t->patch_open ? v->minor > base->minor : semver_cmp(v, base) > 0;
}

static bool holds_less_equal(const struct term *t, const struct semver *v)
{
    const struct semver *base = &t->base;
    if (!t->open) return semver_cmp(v, base) <= 0;
    if (v->major != base->major) return v->major < base->major;
    return t->minor_open || v->minor <= base->minor;
}

static bool holds(const struct term *t, const struct semver *v)
{
    switch (t->op) {
    case OP_EQUAL:
        return t->open ? holds_tilde(t, v) : semver_cmp(v, &t->base) == 0;
    case OP_NOT:
        return holds_not(t, v);
    case OP_MORE:
        return holds_more(t, v);
    case OP_LESS:
        return semver_cmp(v, &t->base) < 0;
    case OP_MORE_EQUAL:
        return semver_cmp(v, &t->base) >= 0;
    case OP_LESS_EQUAL:
        return holds_less_equal(t, v);
    case OP_TILDE:
        return holds_tilde(t, v);
    case OP_CARET:
        return holds_caret(t, v);
    }
    return false;
}

static bool group_has(const struct group *group, const struct semver *version)
{
    if (version->pre.len && !group->has_pre) return false;
    for (size_t i = 0; i < group->count; i++) {
        if (!holds(&group->terms[i], version)) return false;
    }
    return true;
}

bool semver_range_has(const struct semver_range *range, const struct semver *version)
{
    for (size_t i = 0; i < range->count; i++) {
        if (group_has(&range->groups[i], version)) return true;
    }
    return false;
}
