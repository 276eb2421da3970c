#include "base/glob.h"

/* A code point off the front; a byte that begins none counts as one. */
static uint32_t take_rune(str *s)
{
    uint32_t rune;
    size_t len = str_rune(*s, &rune);
    *s = str_skip(*s, len ? len : 1);
    return len ? rune : 0xfffd;
}

/* One end of a range within brackets. The bracket has to be closed later, so something follows. */
static bool take_class_rune(str *pattern, uint32_t *out)
{
    if (!pattern->len || pattern->data[0] == '-' || pattern->data[0] == ']') return false;
    if (pattern->data[0] == '\\') *pattern = str_skip(*pattern, 1);
    if (!pattern->len || !str_rune(*pattern, out)) return false;
    take_rune(pattern);
    return pattern->len > 0;
}

/* The rest of "[...]", after the bracket. False when it is malformed. */
static bool take_class(str *pattern, uint32_t rune, bool *matches)
{
    bool negated = str_strip_prefix(pattern, STR("^")), found = false;
    for (bool first = true; first || !str_strip_prefix(pattern, STR("]")); first = false) {
        uint32_t low, high;
        if (!take_class_rune(pattern, &low)) return false;
        high = low;
        if (str_strip_prefix(pattern, STR("-")) && !take_class_rune(pattern, &high)) return false;
        if (low <= rune && rune <= high) found = true;
    }
    *matches = found != negated;
    return true;
}

bool glob_is_valid(str pattern)
{
    while (pattern.len) {
        char c = pattern.data[0];
        bool matches;
        pattern = str_skip(pattern, 1);
        if (c == '[' && !take_class(&pattern, 0, &matches)) return false;
        if (c != '\\') continue;
        if (!pattern.len) return false;
        pattern = str_skip(pattern, 1);
    }
    return true;
}

/* Matches one item of a valid pattern that is not "*" against the front of the name, and takes
 * both. */
static bool take_item(str *pattern, str *name)
{
    char c = pattern->data[0];
    if (!name->len) return false;
    *pattern = str_skip(*pattern, 1);
    if (c == '[') {
        bool matches = false;
        return take_class(pattern, take_rune(name), &matches) && matches;
    }
    if (c == '?') return name->data[0] != '/' && (take_rune(name), true);
    if (c == '\\') {
        c = pattern->data[0];
        *pattern = str_skip(*pattern, 1);
    }
    bool same = name->data[0] == c;
    *name = str_skip(*name, 1);
    return same;
}

bool glob_match(str pattern, str name)
{
    if (!glob_is_valid(pattern)) return false;
    /* Where the last "*" is, and where the name goes on after what it has swallowed so far. */
    str star_pattern = {0}, star_name = {0};
    bool star = false;
    while (pattern.len || name.len) {
        if (pattern.len && pattern.data[0] == '*') {
            star = true;
            star_pattern = pattern = str_skip(pattern, 1);
            star_name = name;
            continue;
        }
        if (pattern.len && take_item(&pattern, &name)) continue;
        /* Only the last star has to be tried again: an earlier one that took more gains nothing. */
        if (!star || !star_name.len || star_name.data[0] == '/') return false;
        star_name = str_skip(star_name, 1);
        pattern = star_pattern;
        name = star_name;
    }
    return true;
}
