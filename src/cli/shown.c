#include "cli/shown.h"

#include "base/buf.h"
#include "base/clock.h"

#define HEX_SHORT 8
#define HEX_MIN   40
#define HEX_MAX   128

str shown_path(const node *object, const char *path)
{
    str rest = str_of(path), step;
    const node *at = object;
    while (str_next(&rest, '.', &step)) {
        str name, index;
        bool indexed = str_cut(step, '[', &name, &index);
        at = node_get(at, name);
        int64_t place;
        if (indexed && str_to_int(str_head(index, index.len - 1), &place)) {
            at = node_at(at, (size_t)place);
        }
    }
    return node_is_scalar(at) && !node_is_null(at) ? at->text : (str){0};
}

const node *shown_condition(const node *object, str type)
{
    const node *conditions = node_find(object, "status", "conditions", NULL);
    NODE_EACH (conditions, condition) {
        if (str_eq_fold(node_get_str(condition, STR("type")), type)) return condition;
    }
    return NULL;
}

struct shown_ready shown_ready_of(const node *object)
{
    const node *ready = shown_condition(object, STR("Ready"));
    if (!ready) return (struct shown_ready){STR("False"), STR("waiting to be reconciled")};
    return (struct shown_ready){node_get_str(ready, STR("status")),
                                node_get_str(ready, STR("message"))};
}

bool shown_is_suspended(const node *object)
{
    return node_get_bool(node_get(object, STR("spec")), STR("suspend"), false);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

str shown_short_hex(arena *a, str text)
{
    buf b = BUF(a);
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && is_hex(text.data[end]))
            end++;
        size_t length = end - i;
        bool cut = length >= HEX_MIN && length <= HEX_MAX;
        end = MAX(end, i + 1);
        buf_add(&b, str_slice(text, i, cut ? i + HEX_SHORT : end));
        i = end;
    }
    return buf_str(&b);
}

str shown_age(arena *a, int64_t span_ns)
{
    int64_t seconds = MAX(span_ns, (int64_t)0) / CLOCK_SECOND;
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (seconds < 120) return str_printf(a, "%jds", (intmax_t)seconds);
    if (minutes < 10 && seconds % 60) {
        return str_printf(a, "%jdm%jds", (intmax_t)minutes, (intmax_t)(seconds % 60));
    }
    if (minutes < 180) return str_printf(a, "%jdm", (intmax_t)minutes);
    if (hours < 8 && minutes % 60) {
        return str_printf(a, "%jdh%jdm", (intmax_t)hours, (intmax_t)(minutes % 60));
    }
    if (hours < 48) return str_printf(a, "%jdh", (intmax_t)hours);
    return str_printf(a, "%jdd", (intmax_t)days);
}

err *shown_parse_selector(str text, struct shown_selector *out)
{
    struct shown_selector selector = {0};
    if (!str_cut(text, '=', &selector.type, &selector.status) || !selector.status.len) {
        return err_invalid("expected status selector in type=status format, but found: " STR_FMT,
                           STR_ARG(text));
    }
    selector.negated = str_strip_suffix(&selector.type, STR("!"));
    *out = selector;
    return NULL;
}

bool shown_matches(const node *object, const struct shown_selector *selector)
{
    const node *condition = shown_condition(object, selector->type);
    str status = node_get_str(condition, STR("status"));
    return (condition && str_eq_fold(status, selector->status)) != selector->negated;
}
