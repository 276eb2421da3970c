#pragma once
/*
 * An Alert made ready to be compared with events: which events of which objects
 * go to which Provider. Counted; immutable once made. Pure.
 */
#include "base/regex.h"
#include "notify/notice.h"

struct rule_source {
    str kind, name, namespace; /* name "*": every one; namespace empty: the Alert's own */
    const node *match_labels;  /* NULL: any */
};

struct rule_spec {
    str namespace, name, uid, provider;
    bool errors_only, suspended;
    const struct rule_source *sources;
    size_t source_count;
    const str *inclusions, *exclusions; /* regular expressions on the message */
    size_t inclusion_count, exclusion_count;
    const node *event_metadata; /* NULL: none */
    str summary;
    const node *object; /* the Alert itself; may be NULL */
};

struct rule {
    struct rule_spec spec;
    struct regex **inclusions, **exclusions; /* NULL in place of one that cannot be read */
    str key;                                 /* "Alert/ns/name" */
    str outlet;                              /* "Provider/ns/name" */
    str trouble; /* what is wrong with the expressions; empty: nothing is */
    arena arena;
    uint32_t refs;
};

/* One reference; everything of the spec is copied. */
struct rule *rule_new(const struct rule_spec *spec);
struct rule *rule_ref(struct rule *rule);
void rule_unref(struct rule *rule);

enum rule_verdict {
    RULE_NO,
    RULE_YES,
    RULE_ASKS,    /* depends on the labels of the object */
    RULE_BLOCKED, /* would match, but the object is in another namespace, and that is not allowed */
};
/* labels: of the object; NULL as long as they are not known. */
enum rule_verdict rule_match(const struct rule *rule, const struct notice *notice,
                             bool no_cross_namespace, const node *labels);

/* The metadata as the provider sees it, sorted by key, keys without prefix: of the object's
 * annotations, of the Alert, of the event, the later going before the earlier. *conflict_out: a key
 * came from two. */
node *rule_metadata(arena *a, const struct rule *rule, const struct notice *notice,
                    bool *conflict_out);
