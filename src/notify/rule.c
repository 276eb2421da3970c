#include "notify/rule.h"

#include <stdlib.h>

#include "base/buf.h"

#define EVENT_GROUP "event.toolkit.fluxcd.io/"

/* ---- life ---- */

static const str *copy_texts(arena *a, const str *texts, size_t count)
{
    str *out = NEW_ARRAY(a, str, count + 1);
    for (size_t i = 0; i < count; i++)
        out[i] = str_dup(a, texts[i]);
    return out;
}

static struct regex **compile(arena *a, const str *patterns, size_t count, buf *trouble)
{
    struct regex **out = NEW_ARRAY(a, struct regex *, count + 1);
    for (size_t i = 0; i < count; i++) {
        err *e AUTO(err_done) = regex_compile(patterns[i], &out[i]);
        if (!e) continue;
        out[i] = NULL;
        buf_printf(trouble, "%s" STR_FMT, trouble->len ? "; " : "", STR_ARG(err_text(e)));
    }
    return out;
}

static void copy_sources(arena *a, struct rule_spec *spec)
{
    struct rule_source *sources = NEW_ARRAY(a, struct rule_source, spec->source_count + 1);
    for (size_t i = 0; i < spec->source_count; i++) {
        struct rule_source source = spec->sources[i];
        sources[i] = (struct rule_source){
            .kind = str_dup(a, source.kind),
            .name = str_dup(a, source.name),
            .namespace = str_dup(a, source.namespace.len ? source.namespace : spec->namespace),
            .match_labels = source.match_labels ? doc_copy(a, source.match_labels) : NULL,
        };
    }
    spec->sources = sources;
}

struct rule *rule_new(const struct rule_spec *from)
{
    arena a = {0};
    struct rule *rule = NEW(&a, struct rule);
    struct rule_spec *spec = &rule->spec;
    *spec = *from;
    str *texts[] = {&spec->namespace, &spec->name, &spec->uid, &spec->provider, &spec->summary};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(&a, *texts[i]);
    copy_sources(&a, spec);
    spec->inclusions = copy_texts(&a, spec->inclusions, spec->inclusion_count);
    spec->exclusions = copy_texts(&a, spec->exclusions, spec->exclusion_count);
    spec->event_metadata = spec->event_metadata ? doc_copy(&a, spec->event_metadata) : NULL;
    spec->object = spec->object ? doc_copy(&a, spec->object) : NULL;
    buf trouble = BUF(&a);
    rule->inclusions = compile(&a, spec->inclusions, spec->inclusion_count, &trouble);
    rule->exclusions = compile(&a, spec->exclusions, spec->exclusion_count, &trouble);
    rule->trouble = buf_str(&trouble);
    rule->key =
        str_printf(&a, "Alert/" STR_FMT "/" STR_FMT, STR_ARG(spec->namespace), STR_ARG(spec->name));
    rule->outlet = str_printf(&a, "Provider/" STR_FMT "/" STR_FMT, STR_ARG(spec->namespace),
                              STR_ARG(spec->provider));
    rule->refs = 1;
    rule->arena = a;
    return rule;
}

struct rule *rule_ref(struct rule *rule)
{
    rule->refs++;
    return rule;
}

void rule_unref(struct rule *rule)
{
    if (!rule || --rule->refs) return;
    for (size_t i = 0; i < rule->spec.inclusion_count; i++)
        regex_free(rule->inclusions[i]);
    for (size_t i = 0; i < rule->spec.exclusion_count; i++)
        regex_free(rule->exclusions[i]);
    arena a = rule->arena;
    arena_done(&a);
}

/* ---- matching ---- */

static bool any_matches(struct regex *const *list, size_t count, str message)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] && regex_match(list[i], message)) return true;
    return false;
}

/* compat: expressions that cannot be read are passed over; a list of only such ones matches
 * nothing, as if it had been looked through in vain. */
static bool wants_message(const struct rule *rule, str message)
{
    const struct rule_spec *spec = &rule->spec;
    if (any_matches(rule->exclusions, spec->exclusion_count, message)) return false;
    return !spec->inclusion_count || any_matches(rule->inclusions, spec->inclusion_count, message);
}

static bool has_labels(const node *wanted, const node *labels)
{
    PAIR_EACH (wanted, pair) {
        const node *value = node_get(labels, pair->key);
        if (!value || !node_equal(value, pair->value)) return false;
    }
    return true;
}

enum rule_verdict rule_match(const struct rule *rule, const struct notice *notice,
                             bool no_cross_namespace, const node *labels)
{
    const struct rule_spec *spec = &rule->spec;
    if (spec->suspended) return RULE_NO;
    if (spec->errors_only && notice->severity != NOTICE_ERROR) return RULE_NO;
    bool found = false, asks = false;
    for (size_t i = 0; i < spec->source_count && !found; i++) {
        const struct rule_source *source = &spec->sources[i];
        if (!str_eq(source->namespace, notice->about.namespace)) continue;
        if (!str_eq(source->kind, notice->about.kind.kind)) continue;
        if (!str_is(source->name, "*") && !str_eq(source->name, notice->about.name)) continue;
        bool needs_labels = source->match_labels && source->match_labels->count;
        if (needs_labels && !labels)
            asks = true;
        else
            found = !needs_labels || has_labels(source->match_labels, labels);
    }
    if ((!found && !asks) || !wants_message(rule, notice->message)) return RULE_NO;
    if (no_cross_namespace && !str_eq(notice->about.namespace, spec->namespace))
        return RULE_BLOCKED;
    return found ? RULE_YES : RULE_ASKS;
}

/* ---- metadata ---- */

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct node_pair *)a)->key, ((const struct node_pair *)b)->key);
}

static void lay(arena *a, node *out, str key, node *value, bool *conflict)
{
    if (node_get(out, key)) *conflict = true;
    node_set(a, out, key, value);
}

node *rule_metadata(arena *a, const struct rule *rule, const struct notice *notice,
                    bool *conflict_out)
{
    node *out = node_map(a);
    bool conflict = false;
    PAIR_EACH (notice->metadata, pair) {
        str key = pair->key;
        if (str_strip_prefix(&key, STR(EVENT_GROUP))) lay(a, out, key, pair->value, &conflict);
    }
    PAIR_EACH (rule->spec.event_metadata, pair)
        lay(a, out, pair->key, pair->value, &conflict);
    if (rule->spec.summary.len)
        lay(a, out, STR("summary"), node_str(a, rule->spec.summary), &conflict);
    str prefix = str_concat(a, notice->about.kind.group, STR("/"));
    PAIR_EACH (notice->metadata, pair) {
        str key = pair->key;
        bool own = prefix.len > 1 && str_strip_prefix(&key, prefix);
        if (own) lay(a, out, key, pair->value, &conflict);
    }
    if (out->count) qsort(out->pairs, out->count, sizeof *out->pairs, by_key);
    *conflict_out = conflict;
    return out;
}
