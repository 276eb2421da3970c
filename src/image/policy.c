#include "image/policy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/regex.h"
#include "base/semver.h"

/* What is ranked, and the tag that it stands for. */
struct candidate {
    str value, tag;
};

struct candidates {
    struct candidate *items;
    size_t count;
};

/* ---- filterTags ---- */

static void filter_with(arena *a, const struct regex *regex, str extract, const str *tags,
                        size_t count, struct candidates *out)
{
    size_t group_count = regex_groups(regex) + 1;
    str *groups = NEW_ARRAY(a, str, group_count);
    const struct regex_form *form = regex_form_read(a, regex, extract);
    out->items = NEW_ARRAY(a, struct candidate, count + 1);
    for (size_t i = 0; i < count; i++) {
        str value = tags[i];
        if (!extract.len && !regex_match(regex, tags[i])) continue;
        if (extract.len) {
            if (!regex_find(regex, tags[i], 0, groups, group_count)) continue;
            value = regex_form_expand(a, form, groups);
        }
        out->items[out->count++] = (struct candidate){value, tags[i]};
    }
}

static err *filter(arena *a, const struct policy *policy, const str *tags, size_t count,
                   struct candidates *out)
{
    if (!policy->pattern.len) {
        out->items = NEW_ARRAY(a, struct candidate, count + 1);
        for (size_t i = 0; i < count; i++)
            out->items[out->count++] = (struct candidate){tags[i], tags[i]};
        return NULL;
    }
    struct regex *regex AUTO(regex_free_done) = NULL;
    err *e = regex_compile(policy->pattern, &regex);
    if (e) {
        e = err_wrap(e, "failed to filter tags: invalid regular expression pattern '" STR_FMT "'",
                     STR_ARG(policy->pattern));
        return err_because(e, "InvalidPolicy");
    }
    filter_with(a, regex, policy->extract, tags, count, out);
    return NULL;
}

/* ---- ranks ---- */

static err *nothing_found(void)
{
    return err_not_found("unable to determine latest version from provided list");
}

static err *choose_semver(arena *a, const struct policy *policy, const struct candidates *all,
                          const struct candidate **out)
{
    struct semver_range *range;
    struct semver best = {0}, version;
    const struct candidate *found = NULL;
    err *e = semver_range_parse(a, policy->range, &range);
    if (e) return err_because(err_wrap(e, "invalid policy"), "InvalidPolicy");
    for (size_t i = 0; i < all->count; i++) {
        if (!semver_parse_tag(all->items[i].value, &version)) continue;
        if (!semver_range_has(range, &version)) continue;
        if (found && semver_cmp(&version, &best) <= 0) continue;
        best = version;
        found = &all->items[i];
    }
    if (!found) return nothing_found();
    *out = found;
    return NULL;
}

static err *choose_alphabetical(const struct policy *policy, const struct candidates *all,
                                const struct candidate **out)
{
    const struct candidate *found = &all->items[0];
    for (size_t i = 1; i < all->count; i++) {
        int order = str_cmp(all->items[i].value, found->value);
        if (policy->lowest ? order < 0 : order > 0) found = &all->items[i];
    }
    *out = found;
    return NULL;
}

static bool is_digit(char c, bool hex)
{
    return (c >= '0' && c <= '9') || (hex && ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'));
}

/* Go's floating-point literals: the parts there, underscores between digits only, an exponent
 * where hexadecimal wants one. `out`, as long as the text, is it without underscores. */
static bool is_number(str text, char *out)
{
    size_t at = 0, len = 0, digits = 0;
    bool hex = false, point = false, exponent = false, base = false;
    if (text.len && (text.data[0] == '+' || text.data[0] == '-')) out[len++] = text.data[at++];
    if (at + 2 < text.len && text.data[at] == '0' && (text.data[at + 1] | 0x20) == 'x') {
        hex = base = true;
        out[len++] = text.data[at++];
        out[len++] = text.data[at++];
    }
    for (; at < text.len; at++) {
        char c = text.data[at];
        if (c == '_') {
            bool left = at > 0 && (is_digit(text.data[at - 1], hex && !exponent) ||
                                   (base && digits == 0 && !point));
            if (!left || at + 1 == text.len || !is_digit(text.data[at + 1], hex && !exponent))
                return false;
            continue;
        }
        if (is_digit(c, hex && !exponent)) {
            digits += !exponent;
        } else if (c == '.' && !point && !exponent) {
            point = true;
        } else if ((c | 0x20) == (hex ? 'p' : 'e') && !exponent && digits) {
            exponent = true;
            out[len++] = c;
            if (at + 1 < text.len && (text.data[at + 1] == '+' || text.data[at + 1] == '-'))
                out[len++] = text.data[++at];
            if (at + 1 >= text.len || !is_digit(text.data[at + 1], false)) return false;
            continue;
        } else {
            return false;
        }
        out[len++] = c;
    }
    out[len] = 0;
    return digits > 0 && (!hex || exponent);
}

static bool to_number(arena *a, str text, double *out)
{
    static const char *const words[] = {"inf", "infinity", "nan"};
    str word = text;
    bool minus = str_strip_prefix(&word, STR("-"));
    if (!minus) str_strip_prefix(&word, STR("+"));
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!str_eq_fold(word, str_of(words[i]))) continue;
        if (i == 2 && word.len != text.len) return false; /* NaN has no sign */
        *out = i == 2 ? NAN : minus ? -INFINITY : INFINITY;
        return true;
    }
    char few[64], *plain = few;
    if (text.len >= sizeof few) plain = arena_alloc(a, text.len + 1);
    if (!is_number(text, plain)) return false;
    *out = strtod(plain, NULL);
    return !isinf(*out);
}

static err *choose_numerical(arena *a, const struct policy *policy, const struct candidates *all,
                             const struct candidate **out)
{
    double best = 0, number;
    const struct candidate *found = NULL;
    for (size_t i = 0; i < all->count; i++) {
        str value = all->items[i].value;
        if (!to_number(a, value, &number))
            return err_invalid("failed to parse invalid numeric value '" STR_FMT "'",
                               STR_ARG(value));
        /* compat: of equal numbers the later one counts. */
        if (found && (policy->lowest ? number > best : number < best)) continue;
        best = number;
        found = &all->items[i];
    }
    *out = found;
    return NULL;
}

static err *choose(arena *a, const struct policy *policy, const struct candidates *all,
                   const struct candidate **out)
{
    switch (policy->rank) {
    case POLICY_SEMVER:
        return choose_semver(a, policy, all, out);
    case POLICY_NUMERICAL:
        return choose_numerical(a, policy, all, out);
    default:
        return choose_alphabetical(policy, all, out);
    }
}

err *policy_choose(arena *a, const struct policy *policy, const str *tags, size_t count, str *out)
{
    struct candidates all = {0};
    const struct candidate *best = NULL;
    TRY(filter(a, policy, tags, count, &all));
    if (!all.count) return err_not_found("version list argument cannot be empty");
    TRY(choose(a, policy, &all, &best));
    /* compat: of tags with the same value the last one counts. */
    const struct candidate *last = &all.items[all.count - 1];
    while (last > best && !str_eq(last->value, best->value))
        last--;
    *out = last->tag;
    return NULL;
}
