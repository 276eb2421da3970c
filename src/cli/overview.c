#include "cli/overview.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/shown.h"

/* ---- one object ---- */

static int64_t time_of(str text)
{
    int64_t at_ns;
    return clock_parse(text, &at_ns) ? at_ns : 0;
}

/* The status is about an older spec. */
static bool is_behind(const node *object)
{
    int64_t generation = node_get_int(node_get(object, STR("metadata")), STR("generation"), 0);
    const node *observed = node_find(object, "status", "observedGeneration", NULL);
    int64_t seen;
    return node_to_int(observed, &seen) && seen != generation;
}

static struct overview_item item_of(arena *a, const struct kind *kind, const node *object)
{
    struct overview_item item = {
        .kind = kind,
        .object = object,
        .namespace = node_find_str(object, "metadata", "namespace", NULL),
        .name = node_find_str(object, "metadata", "name", NULL),
    };
    const node *ready = shown_condition(object, STR("Ready"));
    struct shown_ready shown = shown_ready_of(object);
    item.key = str_printf(a, "%s/" STR_FMT "/" STR_FMT, kind->kind, STR_ARG(item.namespace),
                          STR_ARG(item.name));
    item.reason = node_get_str(ready, STR("reason"));
    item.message = shown.message;
    item.since_ns = time_of(ready ? node_get_str(ready, STR("lastTransitionTime"))
                                  : node_find_str(object, "metadata", "creationTimestamp", NULL));
    if (shown_is_suspended(object))
        item.state = OVERVIEW_SUSPENDED;
    else if (!ready || str_is(shown.status, "Unknown"))
        item.state = OVERVIEW_WAITING;
    else if (str_is(shown.status, "False"))
        item.state = OVERVIEW_FAILING;
    else if (is_behind(object))
        item.state = OVERVIEW_WAITING;
    return item;
}

/* ---- what waits for what ---- */

struct links {
    arena *a;
    struct map by_key;
};

static struct overview_item *find(struct links *links, str kind, str namespace, str name)
{
    str key = str_printf(links->a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(kind),
                         STR_ARG(namespace), STR_ARG(name));
    return map_get(&links->by_key, key);
}

static bool is_held_up(const struct overview_item *item)
{
    return item->state == OVERVIEW_FAILING || item->state == OVERVIEW_WAITING;
}

/* Somebody may wait for what is suspended, too. */
static bool is_ready(const struct overview_item *item)
{
    if (item->state != OVERVIEW_SUSPENDED) return item->state == OVERVIEW_READY;
    return str_is(shown_ready_of(item->object).status, "True");
}

/* Reasons that say: it is another object's fault, or that nothing is known yet. Whoever fails for
 * another reason fails by itself. */
static bool may_be_a_victim(const struct overview_item *item)
{
    static const char *const reasons[] = {"DependencyNotReady", "ArtifactFailed",
                                          "SourceNotReady",     "IncludeUnavailable",
                                          "NoArtifact",         "DependencyNotFound"};
    if (item->state == OVERVIEW_WAITING) return true;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (str_is(item->reason, reasons[i])) return true;
    }
    return false;
}

static struct overview_item *follow_ref(struct links *links, const struct overview_item *item,
                                        const node *ref, str kind)
{
    str namespace = node_get_str(ref, STR("namespace")), given = node_get_str(ref, STR("kind"));
    if (!ref) return NULL;
    return find(links, given.len ? given : kind, namespace.len ? namespace : item->namespace,
                node_get_str(ref, STR("name")));
}

/* The first object that this one refers to and that holds it up. */
static struct overview_item *blocker_of(struct links *links, const struct overview_item *item)
{
    const node *spec = node_get(item->object, STR("spec"));
    const struct {
        const node *ref;
        const char *kind;
    } refs[] = {
        {node_get(spec, STR("sourceRef")), "GitRepository"},
        {node_get(spec, STR("chartRef")), "HelmChart"},
        {node_find(spec, "chart", "spec", "sourceRef", NULL), "HelmRepository"},
        {node_get(spec, STR("imageRepositoryRef")), "ImageRepository"},
        {node_get(spec, STR("providerRef")), "Provider"},
    };
    for (size_t i = 0; i < COUNT(refs); i++) {
        struct overview_item *other = follow_ref(links, item, refs[i].ref, str_of(refs[i].kind));
        if (other && is_held_up(other)) return other;
    }
    NODE_EACH (node_get(spec, STR("dependsOn")), dependency) {
        struct overview_item *other = follow_ref(links, item, dependency, str_of(item->kind->kind));
        if (other && !is_ready(other)) return other;
    }
    NODE_EACH (node_get(spec, STR("include")), include) {
        struct overview_item *other =
            follow_ref(links, item, node_get(include, STR("repository")), STR("GitRepository"));
        if (other && is_held_up(other)) return other;
    }
    return NULL;
}

/* Goes on from one to the next until there is nobody else to blame, or round in a circle. */
static void settle(struct links *links, struct overview_item *item)
{
    struct overview_item *at = item, *next;
    item->cause = item;
    while (may_be_a_victim(at) && (next = blocker_of(links, at)) && !next->visited) {
        at->visited = true;
        at = next;
    }
    next = may_be_a_victim(at) ? blocker_of(links, at) : NULL;
    if (next == item)
        item->reason = STR("DependencyCycle");
    else
        item->cause = next ? next : at;
    for (struct overview_item *seen = item; seen && seen->visited; seen = blocker_of(links, seen))
        seen->visited = false;
}

/* Ready, but at an older revision than its source has. */
static void check_revision(struct links *links, struct overview_item *item)
{
    const node *spec = node_get(item->object, STR("spec"));
    const struct overview_item *source =
        follow_ref(links, item, node_get(spec, STR("sourceRef")), STR("GitRepository"));
    str applied = node_find_str(item->object, "status", "lastAppliedRevision", NULL);
    str fetched =
        source ? node_find_str(source->object, "status", "artifact", "revision", NULL) : (str){0};
    if (item->state != OVERVIEW_READY || !applied.len || !fetched.len) return;
    if (str_eq(applied, fetched)) return;
    item->state = OVERVIEW_WAITING;
    item->reason = STR("OldRevision");
    item->message =
        str_printf(links->a, "revision " STR_FMT " is not applied yet", STR_ARG(fetched));
    item->since_ns =
        time_of(node_find_str(source->object, "status", "artifact", "lastUpdateTime", NULL));
}

/* ---- all of them ---- */

static int by_weight(const void *a, const void *b)
{
    const struct overview_item *x = *(struct overview_item *const *)a;
    const struct overview_item *y = *(struct overview_item *const *)b;
    if (x->state != y->state) return x->state == OVERVIEW_FAILING ? -1 : 1;
    if (x->victims != y->victims) return x->victims > y->victims ? -1 : 1;
    if (x->since_ns != y->since_ns) return x->since_ns < y->since_ns ? -1 : 1;
    return str_cmp(x->key, y->key);
}

static void gather_causes(arena *a, struct links *links, struct overview *out)
{
    size_t room = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct overview_item *item = &out->items[i];
        if (!is_held_up(item)) continue;
        settle(links, item);
        if (item->cause != item) item->cause->victims++;
    }
    for (size_t i = 0; i < out->count; i++) {
        struct overview_item *item = &out->items[i];
        bool own = is_held_up(item) && item->cause == item;
        /* What is suspended is a cause only where somebody waits for it. */
        if (own || item->victims) *ARENA_PUSH(a, out->causes, out->cause_count, room) = item;
    }
    if (out->cause_count) qsort(out->causes, out->cause_count, sizeof *out->causes, by_weight);
}

static void note(struct overview_count *count, const struct overview_item *item)
{
    bool late = count->states[OVERVIEW_FAILING] || count->states[OVERVIEW_WAITING];
    count->total++;
    count->states[item->state]++;
    if (item->state == OVERVIEW_SUSPENDED) return;
    bool first = count->since_ns == 0, held_up = is_held_up(item);
    if (first || (held_up && !late) || (held_up && item->since_ns < count->since_ns) ||
        (!held_up && !late && item->since_ns > count->since_ns))
        count->since_ns = item->since_ns;
}

static void count_kinds(arena *a, struct overview *out)
{
    size_t kind_count;
    const struct kind **kinds = kind_all(a, &kind_count);
    out->kinds = NEW_ARRAY(a, struct overview_count, kind_count + 1);
    out->converged = true;
    for (size_t i = 0; i < kind_count; i++) {
        struct overview_count *count = &out->kinds[out->kind_count];
        *count = (struct overview_count){.kind = kinds[i]};
        for (size_t k = 0; k < out->count; k++) {
            if (out->items[k].kind == kinds[i]) note(count, &out->items[k]);
        }
        if (!count->total) continue;
        out->kind_count++;
        out->since_ns = MAX(out->since_ns, count->since_ns);
        if (count->states[OVERVIEW_FAILING] || count->states[OVERVIEW_WAITING])
            out->converged = false;
    }
}

void overview_make(arena *a, const node *objects, struct overview *out)
{
    struct links links = {.a = a};
    *out = (struct overview){0};
    out->items = NEW_ARRAY(a, struct overview_item, (objects ? objects->count : 0) + 1);
    NODE_EACH (objects, object) {
        const struct kind *kind = kind_find(node_get_str(object, STR("kind")));
        if (kind) out->items[out->count++] = item_of(a, kind, object);
    }
    for (size_t i = 0; i < out->count; i++)
        map_put(&links.by_key, out->items[i].key, &out->items[i]);
    for (size_t i = 0; i < out->count; i++)
        check_revision(&links, &out->items[i]);
    gather_causes(a, &links, out);
    count_kinds(a, out);
    map_done(&links.by_key);
}

/* ---- words ---- */

const char *overview_words(const struct overview_item *item)
{
    static const struct {
        const char *reason, *words;
    } table[] = {
        {"DependencyCycle", "waits for itself, by way of what it depends on"},
        {"DependencyNotReady", "waits for something it depends on"},
        {"OldRevision", "is behind its source"},
        {"ArtifactFailed", "has no files to work with"},
        {"BuildFailed", "cannot be built"},
        {"HealthCheckFailed", "was applied, but is not healthy"},
        {"ReconciliationFailed", "could not be applied"},
        {"PruneFailed", "could not remove what left Git"},
        {"AccessDenied", "refers to something it may not use"},
        {"InvalidCELExpression", "has an expression that is wrong"},
        {"InvalidSpec", "has a spec that is wrong"},
        {"ValidationFailed", "has a spec that is wrong"},
        {"UnsupportedField", "uses a field that is not supported"},
        {"AuthenticationFailed", "is not let in by the other side"},
        {"GitOperationFailed", "cannot be fetched"},
        {"TokenNotFound", "has no token"},
        {"Progressing", "is on its way"},
        {"ProgressingWithRetry", "is being tried again"},
    };
    if (item->state == OVERVIEW_SUSPENDED) return "is suspended, and others wait for it";
    for (size_t i = 0; i < COUNT(table); i++) {
        if (str_is(item->reason, table[i].reason)) return table[i].words;
    }
    return item->state == OVERVIEW_FAILING ? "fails" : "is not there yet";
}

const char *overview_state_name(enum overview_state state)
{
    static const char *const names[OVERVIEW_STATES] = {"ready", "failing", "waiting", "suspended"};
    return names[state];
}

/* ---- documents ---- */

static void put_time(arena *a, node *map, int64_t since_ns)
{
    if (since_ns) node_set_str(a, map, STR("since"), clock_format(a, since_ns));
}

static node *node_of_item(arena *a, const struct overview *overview,
                          const struct overview_item *item)
{
    node *map = node_map(a), *victims = node_list(a);
    node_set_str(a, map, STR("kind"), str_of(item->kind->kind));
    node_set_str(a, map, STR("namespace"), item->namespace);
    node_set_str(a, map, STR("name"), item->name);
    node_set_str(a, map, STR("state"), str_of(overview_state_name(item->state)));
    node_set_str(a, map, STR("summary"), str_of(overview_words(item)));
    if (item->reason.len) node_set_str(a, map, STR("reason"), item->reason);
    node_set_str(a, map, STR("message"), item->message);
    put_time(a, map, item->since_ns);
    for (size_t i = 0; i < overview->count; i++) {
        const struct overview_item *other = &overview->items[i];
        if (other != item && other->cause == item) node_push(a, victims, node_str(a, other->key));
    }
    node_set(a, map, STR("holdsUp"), victims);
    return map;
}

static node *node_of_kind(arena *a, const struct overview_count *count)
{
    node *map = node_map(a);
    node_set_str(a, map, STR("kind"), str_of(count->kind->kind));
    node_set_int(a, map, STR("total"), (int64_t)count->total);
    for (int i = 0; i < OVERVIEW_STATES; i++) {
        node_set_int(a, map, str_of(overview_state_name((enum overview_state)i)),
                     (int64_t)count->states[i]);
    }
    put_time(a, map, count->since_ns);
    return map;
}

node *overview_node(arena *a, const struct overview *overview)
{
    node *root = node_map(a), *kinds = node_list(a), *causes = node_list(a);
    node_set_bool(a, root, STR("converged"), overview->converged);
    if (overview->converged) put_time(a, root, overview->since_ns);
    node_set_int(a, root, STR("objects"), (int64_t)overview->count);
    for (size_t i = 0; i < overview->kind_count; i++)
        node_push(a, kinds, node_of_kind(a, &overview->kinds[i]));
    for (size_t i = 0; i < overview->cause_count; i++)
        node_push(a, causes, node_of_item(a, overview, overview->causes[i]));
    node_set(a, root, STR("kinds"), kinds);
    node_set(a, root, STR("attention"), causes);
    return root;
}
