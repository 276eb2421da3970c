#include "scenario/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apply/inventory.h"
#include "apply/prepare.h"
#include "base/arena.h"
#include "control/status.h"
#include "doc/json.h"
#include "sandbox/store.h"
#include "sandbox/world.h"
#include "scenario/baton.h"
#include "scenario/stage.h"

#define UNITS      "kustomize.toolkit.fluxcd.io/kustomizations"
#define STUCK_NAME "unit-3"

#define USER_NS ((int64_t)60 * 1000000000)

static struct store_listener listener;
static int complaints;
static char first_complaint[512];
static uint64_t writes;
static int64_t acted_ns;

void judge_complain(const char *format, ...)
{
    char text[sizeof first_complaint];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (complaints++ == 0) memcpy(first_complaint, text, sizeof text);
}

int judge_complaints(void)
{
    return complaints;
}

str judge_first_complaint(void)
{
    return str_of(first_complaint);
}

uint64_t judge_writes(void)
{
    return writes;
}

static bool tells_a_secret(str text)
{
    return str_find(text, STR(MODEL_SECRET_MARK)) >= 0 ||
           str_find(text, STR(MODEL_SECRET_BASE64)) >= 0 ||
           str_find(text, STR(MODEL_SECRET_NUMBER)) >= 0;
}

void judge_log(const char *data, size_t len)
{
    if (tells_a_secret(str_from(data, len)))
        judge_complain("a secret is in the log: %.*s", (int)MIN(len, (size_t)300), data);
}

/* ---- At every change ---- */

static struct store *store(void)
{
    return sandbox_world(stage_sandbox())->store;
}

static const node *unit_object(str name)
{
    doc *unit = store_get(store_collection(store(), STR(UNITS)), STR("team"), name);
    return unit ? unit->root : NULL;
}

bool judge_unit_exists(int unit)
{
    arena a AUTO(arena_done) = {0};
    return unit_object(model_unit_name(&a, unit));
}

static bool is_in_inventory(const node *unit, str id)
{
    NODE_EACH (node_find(unit, "status", "inventory", "entries", NULL), entry) {
        if (str_eq(node_get_str(entry, STR("id")), id)) return true;
    }
    return false;
}

static void check_write_ahead(const node *object, str owner)
{
    arena a AUTO(arena_done) = {0};
    str id = inventory_id(&a, kube_ref_of(object));
    const node *unit = unit_object(owner);
    if (is_in_inventory(unit, id)) return;
    judge_complain(STR_FMT " was made before it was in the inventory of " STR_FMT, STR_ARG(id),
                   STR_ARG(owner));
}

/* Versions of revisions that are bad for a unit are negative. */
static void check_all_or_nothing(const node *object, str owner)
{
    str version = node_find_str(object, "metadata", "annotations", "version", NULL);
    if (!str_starts(version, STR("-"))) return;
    judge_complain("an object of a bad revision of " STR_FMT " was applied, version " STR_FMT,
                   STR_ARG(owner), STR_ARG(version));
}

static void check_secrecy(const node *object, const char *what)
{
    arena a AUTO(arena_done) = {0};
    str text = json_text(&a, object);
    baton_trace("%s: " STR_FMT, what, STR_ARG(text));
    if (tells_a_secret(text)) judge_complain("a secret is in %s", what);
}

void judge_user_acts(void)
{
    acted_ns = baton_now_ns();
}

static bool are_there(arena *a, const struct model_revision *revision, int unit)
{
    for (int i = 0; i < MODEL_THINGS; i++) {
        const struct model_thing *thing = &revision->things[i];
        if (!thing->exists || thing->unit != unit) continue;
        struct collection *all = store_collection(store(), str_of(model_collections[thing->kind]));
        if (!store_get(all, STR("apps"), model_name(a, thing, i))) return false;
    }
    return true;
}

/* Of a unit that stays, an object went. */
static void check_prune(const node *object, str owner)
{
    arena a AUTO(arena_done) = {0};
    const node *unit = unit_object(owner);
    str number = owner;
    int64_t index;
    if (!unit || node_find(unit, "metadata", "deletionTimestamp", NULL)) return;
    if (!str_strip_prefix(&number, STR("unit-")) || !str_to_int(number, &index)) return;
    str thing = node_find_str(object, "metadata", "name", NULL);
    if (str_starts(thing, STR("base-")) || baton_now_ns() - acted_ns < USER_NS) return;
    str since = node_find_str(unit, "status", "lastAppliedRevision", NULL);
    for (int at = 0; (at = model_head_without(since, (int)index, thing, at)) >= 0; at++) {
        if (are_there(&a, model_head_at(at), (int)index)) return;
    }
    judge_complain("%s was deleted: unit %d has it, or not yet all else of a revision without it",
                   str_z(&a, thing), (int)index);
}

static bool is_written_by_the_server(const struct store_change *change)
{
    static const char *const own[] = {"/pods",       "apps/replicasets",
                                      "/events",     "coordination.k8s.io/leases",
                                      "/namespaces", "discovery.k8s.io/endpointslices",
                                      "/endpoints",  "events.k8s.io/events"};
    for (size_t i = 0; i < COUNT(own); i++) {
        if (str_is(change->collection->id, own[i])) return true;
    }
    return false;
}

/* What the controller of Services makes has their labels, our own included. */
static bool is_derived(const struct store_change *change)
{
    return str_is(change->collection->id, "/endpoints") ||
           str_is(change->collection->id, "discovery.k8s.io/endpointslices");
}

/* Small controllers of the server write the status of workloads. */
static bool is_of_status(const struct store_change *change)
{
    if (!str_starts(change->collection->id, STR("apps/")) || change->kind != STORE_MODIFIED)
        return false;
    const node *before = change->before->root, *after = change->after->root;
    return node_equal(node_get(before, STR("spec")), node_get(after, STR("spec"))) &&
           node_equal(node_find(before, "metadata", "labels", NULL),
                      node_find(after, "metadata", "labels", NULL));
}

static void on_change(void *context, const struct store_change *change)
{
    (void)context;
    const node *object = change->after->root;
    str owner = node_find_str(object, "metadata", "labels", PREPARE_OWNER_NAME, NULL);
    bool is_event = str_ends(change->collection->id, STR("events"));
    baton_note((uint64_t)change->version);
    baton_note(node_hash(node_find(object, "metadata", "name", NULL)));
    if (!is_written_by_the_server(change) && !is_of_status(change)) writes++;
    baton_trace("change %d of " STR_FMT " " STR_FMT, change->kind, STR_ARG(change->collection->id),
                STR_ARG(node_find_str(object, "metadata", "name", NULL)));
    if (is_event) check_secrecy(object, "an event");
    if (str_is(change->collection->id, UNITS)) check_secrecy(object, "a status");
    if (!owner.len || is_derived(change)) return;
    if (change->kind == STORE_DELETED) {
        check_prune(object, owner);
        return;
    }
    check_all_or_nothing(object, owner);
    if (change->kind == STORE_ADDED) check_write_ahead(object, owner);
}

void judge_start(void)
{
    listener = (struct store_listener){.fn = on_change};
    store_listen(store(), &listener);
}

/* ---- At rest ---- */

static str content_of(arena *a, const struct model_thing *thing, const node *object)
{
    str text = {0};
    const node *port;
    int64_t number = 0;
    switch (thing->kind) {
    case MODEL_CONFIG_MAP:
        return node_find_str(object, "data", "value", NULL);
    case MODEL_SECRET:
        return node_find_str(object, "data", "value", NULL);
    case MODEL_SERVICE:
        port = node_at(node_find(object, "spec", "ports", NULL), 0);
        node_to_int(node_get(port, STR("port")), &number);
        return str_printf(a, "%lld", (long long)number - 1000);
    case MODEL_DEPLOYMENT:
    default:
        text = node_get_str(
            node_at(node_find(object, "spec", "template", "spec", "containers", NULL), 0),
            STR("image"));
        str_strip_prefix(&text, STR("app:"));
        str_strip_prefix(&text, STR("broken-"));
        return text;
    }
}

static str thing_difference(arena *a, const struct model_thing *thing, int index)
{
    str name = model_name(a, thing, index), unit = model_unit_name(a, thing->unit);
    struct collection *all = store_collection(store(), str_of(model_collections[thing->kind]));
    doc *object = store_get(all, STR("apps"), name);
    if (!object) return str_concat(a, name, STR(" is missing"));
    str owner = node_find_str(object->root, "metadata", "labels", PREPARE_OWNER_NAME, NULL);
    if (!str_eq(owner, unit))
        return str_printf(a, STR_FMT " belongs to '" STR_FMT "', not to " STR_FMT, STR_ARG(name),
                          STR_ARG(owner), STR_ARG(unit));
    str wanted = str_printf(a, "%d", thing->version);
    str version = node_find_str(object->root, "metadata", "annotations", "version", NULL);
    str content = content_of(a, thing, object->root);
    bool same = thing->kind == MODEL_SECRET ? content.len > 0 : str_eq(content, wanted);
    if (str_eq(version, wanted) && same) return (str){0};
    return str_printf(a, STR_FMT " has version " STR_FMT " and content '" STR_FMT "', not " STR_FMT,
                      STR_ARG(name), STR_ARG(version), STR_ARG(content), STR_ARG(wanted));
}

/* Objects that carry our labels. */
static int owned_count(str unit)
{
    int count = 0;
    for (int kind = 0; kind < MODEL_KINDS; kind++) {
        struct collection *all = store_collection(store(), str_of(model_collections[kind]));
        MAP_EACH (&all->objects, entry) {
            const node *object = ((doc *)entry->value)->root;
            count +=
                str_eq(node_find_str(object, "metadata", "labels", PREPARE_OWNER_NAME, NULL), unit);
        }
    }
    return count;
}

static str objects_difference(arena *a, const struct model_revision *revision, int unit)
{
    int count = 1; /* its base */
    for (int i = 0; i < MODEL_THINGS; i++) {
        const struct model_thing *thing = &revision->things[i];
        if (!thing->exists || thing->unit != unit) continue;
        str difference = thing_difference(a, thing, i);
        if (difference.len) return difference;
        count++;
    }
    str name = model_unit_name(a, unit);
    if (owned_count(name) == count) return (str){0};
    return str_printf(a, STR_FMT " has %d objects, not %d", STR_ARG(name), owned_count(name),
                      count);
}

static bool is_ready(const node *unit, int64_t generation)
{
    const node *ready = status_condition_of(unit, "Ready");
    return str_is(node_get_str(ready, STR("status")), "True") &&
           node_get_int(ready, STR("observedGeneration"), -1) == generation;
}

/* It is bad, or waits for one that is. */
static bool is_held(const struct model_revision *head, int unit)
{
    return head->bad[unit] || (unit == MODEL_DEPENDENT && head->bad[MODEL_DEPENDENCY]);
}

static str unit_difference(arena *a, const struct model_revision *head, int unit)
{
    str name = model_unit_name(a, unit);
    const node *object = unit_object(name);
    if (!object) return str_concat(a, name, STR(" is missing"));
    const node *ready = status_condition_of(object, "Ready");
    str message = node_get_str(ready, STR("message"));
    str applied = node_find_str(object, "status", "lastAppliedRevision", NULL);
    const struct model_revision *revision = model_find(applied);
    bool stuck = unit == MODEL_STUCK;
    int64_t generation = node_get_int(node_get(object, STR("metadata")), STR("generation"), 0);
    if (is_held(head, unit)) {
        for (int i = 0; i < head->bad[unit]; i++) {
            str fault = str_printf(a, "fault-%d-%d", unit, i);
            if (str_find(message, fault) < 0)
                return str_printf(a, STR_FMT " does not name " STR_FMT ": " STR_FMT, STR_ARG(name),
                                  STR_ARG(fault), STR_ARG(message));
        }
        /* What never became ready is no good revision. */
        return revision && !stuck ? objects_difference(a, revision, unit) : (str){0};
    }
    str attempted = node_find_str(object, "status", "lastAttemptedRevision", NULL);
    if (stuck) {
        if (model_find(attempted) != head) return str_concat(a, name, STR(" did not try"));
        return objects_difference(a, head, unit);
    }
    if (!is_ready(object, generation))
        return str_printf(a, STR_FMT " is not ready: " STR_FMT, STR_ARG(name), STR_ARG(message));
    if (revision != head) return str_concat(a, name, STR(" is at another revision"));
    return objects_difference(a, head, unit);
}

str judge_difference(arena *a, const struct model_revision *head, const bool *gone)
{
    for (int unit = 0; unit < MODEL_UNITS; unit++) {
        str name = model_unit_name(a, unit), difference;
        if (!gone[unit]) {
            difference = unit_difference(a, head, unit);
        } else if (unit_object(name) || owned_count(name)) {
            difference = str_concat(a, name, STR(" is not gone"));
        } else {
            continue;
        }
        if (difference.len) return difference;
    }
    doc *foreign =
        store_get(store_collection(store(), STR("/configmaps")), STR("apps"), STR("foreign"));
    bool left_alone =
        foreign && str_is(node_find_str(foreign->root, "data", "value", NULL), "mine");
    return left_alone ? (str){0} : STR("the object of somebody else was touched");
}
