#include "sandbox/write.h"

#include "base/b64.h"
#include "base/clock.h"
#include "base/rand.h"
#include "doc/json.h"
#include "doc/patch.h"
#include "doc/selector.h"
#include "sandbox/admit.h"
#include "sandbox/body.h"
#include "sandbox/managed.h"
#include "sandbox/removal.h"
#include "sandbox/strategic_patch.h"

/* One change on its way. */
struct change {
    struct world *world;
    arena *a;
    const struct served *served;
    str namespace, manager, subresource;
    const node *before; /* NULL: a creation */
    node *after;
    bool applied; /* managedFields are settled */
    bool dry_run;
    node *causes;
};

static str now_text(arena *a)
{
    return clock_format(a, clock_wall_ns());
}

static bool is_status(const struct change *change)
{
    return str_is(change->subresource, "status");
}

/* ---- what the server sets ---- */

static node *own_metadata(struct change *change)
{
    arena *a = change->a;
    const node *old = node_get(change->after, STR("metadata"));
    node *metadata = node_is_map(old) ? doc_copy_top(a, old) : node_map(a);
    node_set(a, change->after, STR("metadata"), metadata);
    return metadata;
}

static void keep_fields(arena *a, node *metadata, const node *before)
{
    static const char *const kept[] = {"uid",
                                       "creationTimestamp",
                                       "name",
                                       "namespace",
                                       "generation",
                                       "deletionTimestamp",
                                       "deletionGracePeriodSeconds",
                                       "generateName"};
    for (size_t i = 0; i < COUNT(kept); i++) {
        node *value = node_get(before, str_of(kept[i]));
        if (value)
            node_set(a, metadata, str_of(kept[i]), value);
        else
            node_unset(metadata, str_of(kept[i]));
    }
}

static void set_metadata(struct change *change)
{
    arena *a = change->a;
    node *metadata = own_metadata(change);
    node_unset(metadata, STR("selfLink"));
    if (change->before) {
        keep_fields(a, metadata, node_get(change->before, STR("metadata")));
        return;
    }
    str prefix = node_get_str(metadata, STR("generateName"));
    if (!node_get_str(metadata, STR("name")).len && prefix.len) {
        static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
        char end[5];
        for (size_t i = 0; i < sizeof end; i++)
            end[i] = letters[rand_below(sizeof letters - 1)];
        node_set_str(a, metadata, STR("name"),
                     str_dup(a, str_concat(a, prefix, str_from(end, sizeof end))));
    }
    if (change->served->namespaced)
        node_set_str(a, metadata, STR("namespace"), change->namespace);
    else
        node_unset(metadata, STR("namespace"));
    node_set_str(a, metadata, STR("uid"), rand_uuid(a));
    node_set_str(a, metadata, STR("creationTimestamp"), now_text(a));
    node_unset(metadata, STR("deletionTimestamp"));
    node_unset(metadata, STR("resourceVersion"));
    node_unset(metadata, STR("generation"));
    if (served_has_generation(change->served)) node_set_int(a, metadata, STR("generation"), 1);
    if (str_is(change->served->kind, "Namespace")) {
        node *labels = node_get(metadata, STR("labels"));
        labels = node_is_map(labels) ? doc_copy_top(a, labels) : node_map(a);
        node_set_str(a, labels, STR("kubernetes.io/metadata.name"),
                     node_get_str(metadata, STR("name")));
        node_set(a, metadata, STR("labels"), labels);
    }
}

/* Only the part that is written changes. */
static void keep_parts(struct change *change)
{
    arena *a = change->a;
    const node *before = change->before;
    if (before && is_status(change)) {
        node *status = node_get(change->after, STR("status"));
        node *metadata = node_get(change->after, STR("metadata"));
        node *whole = doc_copy_top(a, before), *kept;
        node_unset(whole, STR("status"));
        if (status) node_set(a, whole, STR("status"), status);
        kept = doc_copy_top(a, node_get(before, STR("metadata")));
        node *managers = node_get(metadata, STR("managedFields"));
        if (change->applied && managers) node_set(a, kept, STR("managedFields"), managers);
        /* Upstream's strategy for them keeps labels and spec, but not annotations: that is how the
         * controller notes the revision. */
        node *notes = node_get(metadata, STR("annotations"));
        if (str_is(change->served->kind, "Deployment") && notes)
            node_set(a, kept, STR("annotations"), notes);
        node_set(a, whole, STR("metadata"), kept);
        change->after = whole;
    } else if (change->served->has_status) {
        node_unset(change->after, STR("status"));
        node *status = node_get(before, STR("status"));
        if (status) node_set(a, change->after, STR("status"), status);
    }
}

static void bump_generation(struct change *change)
{
    if (!change->before || !served_has_generation(change->served)) return;
    arena *a = change->a;
    node *x = doc_copy_top(a, change->before), *y = doc_copy_top(a, change->after);
    static const char *const apart[] = {"metadata", "status", "apiVersion"};
    for (size_t i = 0; i < COUNT(apart); i++) {
        if (i == 1 && !change->served->has_status) continue;
        node_unset(x, str_of(apart[i]));
        node_unset(y, str_of(apart[i]));
    }
    if (node_equal(x, y)) return;
    node *metadata = own_metadata(change);
    node_set_int(a, metadata, STR("generation"), node_get_int(metadata, STR("generation"), 0) + 1);
}

static bool is_builtin(const struct change *change, const char *kind)
{
    return !change->served->custom && str_is(change->served->kind, kind);
}

/* What upstream's admission adds to a new pod. */
static void admit_pod(struct change *change, node *spec)
{
    static const char *const keys[] = {"node.kubernetes.io/not-ready",
                                       "node.kubernetes.io/unreachable"};
    arena *a = change->a;
    if (!node_get(spec, STR("priority"))) node_set_int(a, spec, STR("priority"), 0);
    if (!node_get(spec, STR("preemptionPolicy")))
        node_set_str(a, spec, STR("preemptionPolicy"), STR("PreemptLowerPriority"));
    node *list = node_get(spec, STR("tolerations"));
    if (!list) {
        list = node_list(a);
        node_set(a, spec, STR("tolerations"), list);
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        bool there = false;
        NODE_EACH (list, item) {
            str key = node_get_str(item, STR("key"));
            there = there || !key.len || str_is(key, keys[i]);
        }
        if (there) continue;
        node *toleration = node_map(a);
        node_set_str(a, toleration, STR("key"), str_of(keys[i]));
        node_set_str(a, toleration, STR("operator"), STR("Exists"));
        node_set_str(a, toleration, STR("effect"), STR("NoExecute"));
        node_set_int(a, toleration, STR("tolerationSeconds"), 300);
        node_push(a, list, toleration);
    }
}

/* Fields of events that Go writes even when they are empty. */
static void fill_event(struct change *change)
{
    static const char *const times[] = {"firstTimestamp", "lastTimestamp", "eventTime"};
    static const char *const texts[] = {"reportingComponent", "reportingInstance"};
    arena *a = change->a;
    node *event = change->after;
    if (!node_get(event, STR("source"))) node_set(a, event, STR("source"), node_map(a));
    for (size_t i = 0; i < COUNT(times); i++)
        if (!node_get(event, str_of(times[i]))) node_set(a, event, str_of(times[i]), node_null(a));
    for (size_t i = 0; i < COUNT(texts); i++)
        if (!node_get(event, str_of(texts[i]))) node_set_str(a, event, str_of(texts[i]), STR(""));
}

/* What upstream allocates after everything else. */
static void allocate(struct change *change)
{
    arena *a = change->a;
    node *spec = node_get(change->after, STR("spec"));
    if (change->before) return;
    if (is_builtin(change, "Pod") && node_is_map(spec)) admit_pod(change, spec);
    if (is_builtin(change, "Event") && !change->served->group.len) fill_event(change);
    if (is_builtin(change, "PersistentVolumeClaim")) {
        node *metadata = own_metadata(change), *list = node_get(metadata, STR("finalizers"));
        list = node_is_list(list) ? doc_copy_top(a, list) : node_list(a);
        node_push(a, list, node_str(a, STR("kubernetes.io/pvc-protection")));
        node_set(a, metadata, STR("finalizers"), list);
    }
    if (str_is(change->served->kind, "Namespace") && !change->served->group.len) {
        node *finalizers = node_list(a);
        node_push(a, finalizers, node_str(a, STR("kubernetes")));
        spec = node_is_map(spec) ? spec : node_map(a);
        node_set(a, spec, STR("finalizers"), finalizers);
        node_set(a, change->after, STR("spec"), spec);
    }
    if (!str_is(change->served->kind, "Service") || change->served->group.len) return;
    if (str_is(node_get_str(spec, STR("type")), "ExternalName")) return;
    str address = node_get_str(spec, STR("clusterIP"));
    if (!address.len) {
        uint32_t n = change->dry_run ? 0 : ++change->world->next_address;
        address = str_printf(a, "10.0.%u.%u", (n / 250) % 250 + 1, n % 250 + 1);
        node_set_str(a, spec, STR("clusterIP"), address);
    }
    node *list = node_list(a), *families = node_list(a);
    node_push(a, list, node_str(a, address));
    node_push(a, families, node_str(a, STR("IPv4")));
    bool any = str_is(address, "None") && !node_get(spec, STR("selector"));
    if (any) node_push(a, families, node_str(a, STR("IPv6")));
    if (!node_get(spec, STR("clusterIPs"))) node_set(a, spec, STR("clusterIPs"), list);
    if (!node_get(spec, STR("ipFamilies"))) node_set(a, spec, STR("ipFamilies"), families);
    if (!node_get(spec, STR("ipFamilyPolicy")))
        node_set_str(a, spec, STR("ipFamilyPolicy"),
                     any ? STR("RequireDualStack") : STR("SingleStack"));
}

/* stringData is another way to write data. */
static void settle_secret(struct change *change)
{
    arena *a = change->a;
    node *texts = node_get(change->after, STR("stringData"));
    if (!str_is(change->served->kind, "Secret") || !texts) return;
    const node *old = node_get(change->after, STR("data"));
    node *data = node_is_map(old) ? doc_copy_top(a, old) : node_map(a);
    PAIR_EACH (texts, pair) {
        str text;
        if (node_to_str(pair->value, &text)) node_set_str(a, data, pair->key, b64_encode(a, text));
    }
    node_set(a, change->after, STR("data"), data);
    node_unset(change->after, STR("stringData"));
}

/* A Job's pods are told apart by labels of its own, which nobody owns. */
static void settle_job(struct change *change)
{
    arena *a = change->a;
    node *spec = node_get(change->after, STR("spec"));
    if (change->before || !str_is(change->served->kind, "Job") || !node_is_map(spec)) return;
    if (node_get_bool(spec, STR("manualSelector"), false)) return;
    str uid = node_find_str(change->after, "metadata", "uid", NULL);
    str name = node_find_str(change->after, "metadata", "name", NULL);
    node *template = node_make_map(a, spec, STR("template"));
    node *labels = node_make_map(a, node_make_map(a, template, STR("metadata")), STR("labels"));
    const char *const pairs[][2] = {{"batch.kubernetes.io/controller-uid", str_z(a, uid)},
                                    {"batch.kubernetes.io/job-name", str_z(a, name)},
                                    {"controller-uid", str_z(a, uid)},
                                    {"job-name", str_z(a, name)}};
    for (size_t i = 0; i < COUNT(pairs); i++)
        node_set_str(a, labels, str_of(pairs[i][0]), str_of(pairs[i][1]));
    node *metadata = own_metadata(change);
    if (!node_get(metadata, STR("labels")))
        node_set(a, metadata, STR("labels"), doc_copy(a, labels));
    node *match = node_make_map(a, node_make_map(a, spec, STR("selector")), STR("matchLabels"));
    node_set_str(a, match, STR("batch.kubernetes.io/controller-uid"), uid);
}

/* ---- storing ---- */

static node *timeless(arena *a, const node *object)
{
    node *out = doc_copy(a, object);
    node *metadata = node_get(out, STR("metadata"));
    node_unset(metadata, STR("resourceVersion"));
    NODE_EACH (node_get(metadata, STR("managedFields")), entry) {
        node_unset(entry, STR("time"));
    }
    return out;
}

static err *settle(struct change *change)
{
    arena *a = change->a;
    change->after = doc_copy_tree(a, change->after);
    node_set_str(a, change->after, STR("kind"), change->served->kind);
    node_set_str(a, change->after, STR("apiVersion"), change->served->api_version);
    keep_parts(change);
    set_metadata(change);
    settle_secret(change);
    change->after = admit_prune(a, change->served, change->after, NULL);
    change->after = doc_copy_tree(a, change->after);
    admit_defaults(a, change->served, change->after);
    node *causes = admit_causes(a, change->served, change->before, change->after);
    for (uint32_t i = 0; change->causes && i < causes->count; i++)
        node_push(a, change->causes, causes->items[i]);
    str name = node_find_str(change->after, "metadata", "name", NULL);
    TRY(admit_error(change->served, name, causes));
    if (change->applied) return NULL;
    struct managed_writer writer = {
        .typing = change->served->typing,
        .api_version = change->served->api_version,
        .manager = change->manager,
        .subresource = change->subresource,
        .time = now_text(a),
        .exists = change->before != NULL,
        .resets_status = change->served->has_status && !is_status(change),
    };
    /* Upstream's handler of the scale of custom kinds notes no time. */
    if (change->served->custom && str_is(change->subresource, "scale")) writer.time = (str){0};
    const node *before = change->before;
    if (!before && !change->served->custom) before = typing_zero(a, change->served->typing);
    if (!before) before = node_map(a);
    return managed_update(a, &writer, before, change->after);
}

/* Like upstream, after everything else was found to be right. */
static err *check_new(const struct change *change)
{
    str name = node_find_str(change->after, "metadata", "name", NULL);
    str namespace = node_find_str(change->after, "metadata", "namespace", NULL);
    if (!store_get(change->served->collection, namespace, name)) return NULL;
    str resource = world_resource(change->a, change->served);
    return err_with_status(err_new(ERR_CONFLICT, "AlreadyExists",
                                   STR_FMT " \"" STR_FMT "\" already exists", STR_ARG(resource),
                                   STR_ARG(name)),
                           409);
}

/* Puts the change in force. *out is the object as it is then. */
static err *store_change(struct change *change, const node **out)
{
    arena *a = change->a;
    TRY(settle(change));
    admit_default_status(a, change->served, change->after);
    if (!change->before) TRY(check_new(change));
    bump_generation(change);
    settle_job(change);
    allocate(change);
    const node *metadata = node_get(change->after, STR("metadata"));
    if (change->before && node_equal(timeless(a, change->before), timeless(a, change->after))) {
        *out = change->before;
        return NULL;
    }
    const node *finalizers = node_get(metadata, STR("finalizers"));
    bool ends = node_get(metadata, STR("deletionTimestamp")) &&
                (!finalizers || !finalizers->count) &&
                !node_find(change->after, "spec", "finalizers", NULL);
    if (change->dry_run) {
        *out = change->after;
        return NULL;
    }
    struct collection *collection = change->served->collection;
    if (ends) {
        doc_unref(store_remove(change->world->store, collection,
                               node_get_str(metadata, STR("namespace")),
                               node_get_str(metadata, STR("name"))));
        *out = change->after;
        return NULL;
    }
    doc *stored;
    TRY(store_put(change->world->store, collection, change->after, &stored));
    *out = stored->root;
    return NULL;
}

/* ---- requests ---- */

static str manager_of(const struct call *call)
{
    str manager = world_query(call, "fieldManager"), rest;
    if (manager.len) return manager;
    str agent = call->user_agent;
    str_cut(agent, '/', &agent, &rest);
    return agent.len ? agent : STR("unknown");
}

static err *check_manager(struct call *call)
{
    enum { MANAGER_BYTES_MAX = 128 };
    const char *kind = call->verb == CALL_CREATE   ? "CreateOptions"
                       : call->verb == CALL_UPDATE ? "UpdateOptions"
                                                   : "PatchOptions";
    if (world_query(call, "fieldManager").len <= MANAGER_BYTES_MAX) return NULL;
    return world_wrong_options(call, kind, "FieldValueTooLong", "fieldManager",
                               STR("Too long: may not be more than 128 bytes"));
}

static struct change change_of(const struct call *call)
{
    return (struct change){.world = call->world,
                           .a = call->a,
                           .served = call->served,
                           .namespace = call->namespace,
                           .manager = manager_of(call),
                           .subresource = call->subresource,
                           .dry_run = call->dry_run,
                           .causes = call->causes};
}

static err *check_object(const struct call *call, const node *object)
{
    const struct served *served = call->served;
    str version = node_get_str(object, STR("apiVersion")), kind = node_get_str(object, STR("kind"));
    if (!node_is_map(object)) return world_bad_request("the body is no object");
    if ((kind.len && !str_eq(kind, served->kind)) ||
        (version.len && !str_eq(version, served->api_version)))
        return world_bad_request(
            "the API version in the data (" STR_FMT ", Kind=" STR_FMT
            ") does not match the expected API version (" STR_FMT ", Kind=" STR_FMT ")",
            STR_ARG(version), STR_ARG(kind), STR_ARG(served->api_version), STR_ARG(served->kind));
    str name = node_find_str(object, "metadata", "name", NULL);
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    if (call->name.len && name.len && !str_eq(name, call->name))
        return world_bad_request("the name of the object (" STR_FMT
                                 ") does not match the name on the URL (" STR_FMT ")",
                                 STR_ARG(name), STR_ARG(call->name));
    if (call->namespace.len && namespace.len && !str_eq(namespace, call->namespace))
        return world_bad_request("the namespace of the provided object does not match the "
                                 "namespace sent on the request");
    return NULL;
}

/* What upstream's decoder says of a value of another type, and of unknown fields when asked. */
static err *check_decodes(const struct call *call, const node *object)
{
    arena *a = call->a;
    const struct served *served = call->served;
    if (!served->custom) {
        err *e AUTO(err_done) = admit_types(a, served->typing, object, false);
        if (e)
            return world_bad_request(STR_FMT " in version \"" STR_FMT
                                             "\" cannot be handled as a " STR_FMT
                                             ": json: cannot unmarshal: " STR_FMT,
                                     STR_ARG(served->kind), STR_ARG(served->version),
                                     STR_ARG(served->kind), STR_ARG(err_text(e)));
    }
    err *bytes AUTO(err_done) = admit_bytes(a, served, object);
    if (bytes)
        return world_bad_request(STR_FMT " in version \"" STR_FMT
                                         "\" cannot be handled as a " STR_FMT ": " STR_FMT,
                                 STR_ARG(served->kind), STR_ARG(served->version),
                                 STR_ARG(served->kind), STR_ARG(err_text(bytes)));
    if (!str_is(world_query(call, "fieldValidation"), "Strict")) return NULL;
    node *dropped = node_list(a);
    admit_prune(a, served, object, dropped);
    if (!dropped->count) return NULL;
    buf text = BUF(a);
    for (uint32_t i = 0; i < dropped->count; i++)
        buf_printf(&text, "%sunknown field \"" STR_FMT "\"", i ? ", " : "",
                   STR_ARG(dropped->items[i]->text));
    return world_bad_request(STR_FMT " in version \"" STR_FMT "\" cannot be handled as a " STR_FMT
                                     ": strict decoding error: " STR_FMT,
                             STR_ARG(served->kind), STR_ARG(served->version), STR_ARG(served->kind),
                             STR_ARG(buf_str(&text)));
}

static err *check_namespace(struct call *call, str name)
{
    if (!call->served->namespaced) return NULL;
    const struct served *spaces =
        served_find(call->world->served, STR(""), STR("v1"), STR("namespaces"));
    const doc *space = store_get(spaces->collection, STR(""), call->namespace);
    if (!space) {
        call->about_name = call->namespace;
        call->about_kind = STR("namespaces");
        call->about_group = (str){0};
        return world_not_found(call, spaces, call->namespace);
    }
    if (!node_find(space->root, "metadata", "deletionTimestamp", NULL)) return NULL;
    if (call->causes)
        admit_add_cause(call->a, call->causes, "NamespaceTerminating", STR("metadata.namespace"),
                        str_printf(call->a, "namespace " STR_FMT " is being terminated",
                                   STR_ARG(call->namespace)));
    return world_forbidden(
        STR_FMT " \"" STR_FMT "\" is forbidden: unable to create new content in namespace " STR_FMT
                " because it is being terminated",
        STR_ARG(world_resource(call->a, call->served)), STR_ARG(name), STR_ARG(call->namespace));
}

static err *create(struct call *call, node *object, struct change *change, const node **out)
{
    str name = node_find_str(object, "metadata", "name", NULL);
    if (name.len) call->about_name = name;
    TRY(check_namespace(call, name));
    change->after = object;
    call->status = 201;
    return store_change(change, out);
}

static err *check_version(const struct call *call, const node *before, const node *object)
{
    str wanted = node_find_str(object, "metadata", "resourceVersion", NULL);
    str uid = node_find_str(object, "metadata", "uid", NULL);
    str version = node_find_str(before, "metadata", "resourceVersion", NULL);
    bool other = uid.len && !str_eq(uid, node_find_str(before, "metadata", "uid", NULL));
    if (!other && (!wanted.len || str_eq(wanted, version))) return NULL;
    str why = STR("the object has been modified; please apply your changes to the latest version "
                  "and try again");
    if (other)
        why =
            str_printf(call->a,
                       "StorageError: invalid object, Code: 4, Key: /registry/" STR_FMT "/" STR_FMT
                       "/" STR_FMT ", ResourceVersion: 0, AdditionalErrorMsg: Precondition "
                       "failed: UID in precondition: " STR_FMT ", UID in object meta: " STR_FMT,
                       STR_ARG(call->served->plural), STR_ARG(call->namespace), STR_ARG(call->name),
                       STR_ARG(uid), STR_ARG(node_find_str(before, "metadata", "uid", NULL)));
    return err_with_status(err_conflict("Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT
                                        "\": " STR_FMT,
                                        STR_ARG(world_resource(call->a, call->served)),
                                        STR_ARG(call->name), STR_ARG(why)),
                           409);
}

static err *check_bytes(const struct call *call, const node *object)
{
    const struct served *served = call->served;
    err *e = admit_bytes(call->a, served, object);
    if (!e) return NULL;
    e = err_wrap(e,
                 "failed to convert new object (" STR_FMT "/" STR_FMT "; /" STR_FMT
                 ", Kind=" STR_FMT ") to proper version: unable to convert unstructured object to "
                 "/" STR_FMT ", Kind=" STR_FMT ": error decoding from json",
                 STR_ARG(node_find_str(object, "metadata", "namespace", NULL)), STR_ARG(call->name),
                 STR_ARG(served->version), STR_ARG(served->kind), STR_ARG(served->version),
                 STR_ARG(served->kind));
    return err_with_status(e, 500);
}

static err *check_applied_kind(const struct call *call, const node *body)
{
    const struct served *served = call->served;
    str version = node_get_str(body, STR("apiVersion")), kind = node_get_str(body, STR("kind"));
    bool same = (!version.len || str_eq(version, served->api_version)) &&
                (!kind.len || str_eq(kind, served->kind));
    if (same) return NULL;
    return world_bad_request("invalid object type: %s" STR_FMT ", Kind=" STR_FMT,
                             str_has_char(version, '/') ? "" : "/", STR_ARG(version),
                             STR_ARG(kind));
}

/* Who names the uid of an object means one that is there. */
static err *check_no_uid(const struct call *call, const node *body)
{
    str uid = node_find_str(body, "metadata", "uid", NULL);
    if (!uid.len) return NULL;
    return err_with_status(
        err_conflict("Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT
                     "\": uid mismatch: the provided object specified uid " STR_FMT
                     ", and no existing object was found",
                     STR_ARG(world_resource(call->a, call->served)), STR_ARG(call->name),
                     STR_ARG(uid)),
        409);
}

static err *apply(struct call *call, const node *before, node *body, const node **out)
{
    arena *a = call->a;
    const struct served *served = call->served;
    struct change change = change_of(call);
    if (!world_query(call, "fieldManager").len) {
        return world_wrong_options(call, "PatchOptions", "FieldValueRequired", "fieldManager",
                                   STR("Required value: is required for apply patch"));
    }
    if (node_find(body, "metadata", "managedFields", NULL))
        return world_bad_request("metadata.managedFields must be nil");
    TRY(check_applied_kind(call, body));
    TRY(check_object(call, body));
    err *e = admit_types(a, served->typing, body, true);
    if (!e) e = typed_check(a, served->typing, body);
    if (e) {
        str namespace = node_find_str(body, "metadata", "namespace", NULL);
        str group_version =
            served->group.len ? served->api_version : str_concat(a, STR("/"), served->version);
        return err_with_status(err_wrap(e,
                                        "failed to create typed patch object (" STR_FMT "/" STR_FMT
                                        "; " STR_FMT ", Kind=" STR_FMT ")",
                                        STR_ARG(namespace), STR_ARG(call->name),
                                        STR_ARG(group_version), STR_ARG(served->kind)),
                               500);
    }
    TRY(before ? check_version(call, before, body) : check_no_uid(call, body));
    body = doc_copy_top(a, body);
    if (served->has_status && !is_status(&change)) node_unset(body, STR("status"));
    if (is_status(&change)) {
        node_unset(body, STR("spec"));
        node_unset(body, STR("metadata"));
    }
    struct managed_writer writer = {.typing = served->typing,
                                    .api_version = served->api_version,
                                    .manager = change.manager,
                                    .subresource = call->subresource,
                                    .time = now_text(a),
                                    .exists = before != NULL};
    struct managed_apply options = {str_is(world_query(call, "force"), "true"), call->causes};
    node *live = before           ? (node *)before
                 : served->custom ? node_map(a)
                                  : typing_zero(a, served->typing),
         *after;
    TRY(managed_apply(a, &writer, options, live, body, &after));
    TRY(check_bytes(call, after));
    change.before = before;
    change.applied = true;
    if (before) {
        change.after = after;
        return store_change(&change, out);
    }
    node *metadata = doc_copy_top(a, node_get(after, STR("metadata")));
    node_set_str(a, metadata, STR("name"), call->name);
    node_set(a, after, STR("metadata"), metadata);
    return create(call, after, &change, out);
}

/* Upstream does not tell why a JSON patch cannot be applied. Takes the error. */
static err *rejected(struct call *call, err *e)
{
    err_free(e);
    call->about_name = call->about_group = call->about_kind = (str){0};
    call->names_resource = true;
    return err_with_status(
        err_new(ERR_INVALID, "Invalid",
                "the server rejected our request due to an error in our request"),
        422);
}

/* The object after a patch of one of the three old kinds. */
static err *patched(struct call *call, const node *before, node *body, node **out)
{
    arena *a = call->a;
    node *object = doc_copy(a, before);
    str type = call->content_type;
    err *e = NULL;
    if (str_starts(type, STR("application/json-patch+json"))) {
        struct patch patch;
        e = patch_read(a, body, &patch);
        if (!e) e = patch_apply(a, &patch, &object);
        if (e) return rejected(call, e);
    } else if (str_starts(type, STR("application/merge-patch+json"))) {
        patch_merge(a, body, &object);
    } else if (str_starts(type, STR("application/strategic-merge-patch+json")) &&
               !call->served->custom) {
        bool whole = !str_is(call->subresource, "scale");
        struct typing typing = whole ? call->served->typing : (struct typing){0};
        e = strategic_patch_apply(a, typing, body, object);
        if (e) return err_with_status(e, 500);
    } else if (!call->served->custom) {
        call->about_name = call->about_group = call->about_kind = (str){0};
        call->names_resource = true;
        return err_with_status(
            err_new(ERR_INVALID, "UnsupportedMediaType", "415: Unsupported Media Type"), 415);
    } else {
        return body_unsupported("application/json-patch+json, application/merge-patch+json, "
                                "application/apply-patch+yaml");
    }
    if (!node_is_map(object) || node_is_too_deep(object))
        return world_bad_request("the patch leaves no object");
    *out = object;
    return NULL;
}

/* A patch that makes a value of another type. */
static err *check_patched(struct call *call, const node *object)
{
    if (call->served->custom) return check_decodes(call, object);
    err *e AUTO(err_done) = admit_types(call->a, call->served->typing, object, false);
    if (!e) return check_decodes(call, object);
    str message =
        str_printf(call->a, "Invalid value: " STR_FMT ": json: cannot unmarshal: " STR_FMT,
                   STR_ARG(json_text(call->a, node_str(call->a, json_text(call->a, object)))),
                   STR_ARG(err_text(e)));
    call->about_name = call->about_group = call->about_kind = (str){0};
    call->names_resource = true;
    admit_add_cause(call->a, call->causes, "FieldValueInvalid", STR("patch"), message);
    return err_with_status(
        err_new(ERR_INVALID, "Invalid", " \"\" is invalid: patch: " STR_FMT, STR_ARG(message)),
        422);
}

/* Only built-in kinds may be replaced without saying which version is meant. */
static err *check_conditional(struct call *call, const node *object)
{
    const struct served *served = call->served;
    bool says = node_find_str(object, "metadata", "resourceVersion", NULL).len > 0;
    if (!served->custom || says || call->verb != CALL_UPDATE) return NULL;
    str message = STR("Invalid value: 0: must be specified for an update");
    call->about_kind = served->plural;
    call->names_resource = true;
    admit_add_cause(call->a, call->causes, "FieldValueInvalid", STR("metadata.resourceVersion"),
                    message);
    return err_with_status(
        err_new(ERR_INVALID, "Invalid",
                STR_FMT " \"" STR_FMT "\" is invalid: metadata.resourceVersion: " STR_FMT,
                STR_ARG(world_resource(call->a, served)), STR_ARG(call->name), STR_ARG(message)),
        422);
}

static err *update(struct call *call, const node *before, node *object, const node **out)
{
    TRY(check_object(call, object));
    if (call->verb == CALL_PATCH)
        TRY(check_patched(call, object));
    else
        TRY(check_decodes(call, object));
    TRY(check_conditional(call, object));
    TRY(check_version(call, before, object));
    struct change change = change_of(call);
    change.before = before;
    change.after = object;
    return store_change(&change, out);
}

/* ---- scale ---- */

static node *scale_of(const struct call *call, const node *object)
{
    arena *a = call->a;
    node *out = node_map(a), *metadata = node_make_map(a, out, STR("metadata"));
    node_set_str(a, out, STR("kind"), STR("Scale"));
    node_set_str(a, out, STR("apiVersion"), STR("autoscaling/v1"));
    static const char *const kept[] = {"name", "namespace", "uid", "resourceVersion",
                                       "creationTimestamp"};
    for (size_t i = 0; i < COUNT(kept); i++) {
        node *value = node_find(object, "metadata", kept[i], NULL);
        if (value) node_set(a, metadata, str_of(kept[i]), value);
    }
    node *spec = node_get(object, STR("spec")), *status = node_get(object, STR("status"));
    int64_t replicas = node_get_int(spec, STR("replicas"), 0);
    node *wanted = node_make_map(a, out, STR("spec")), *have = node_make_map(a, out, STR("status"));
    if (replicas) node_set_int(a, wanted, STR("replicas"), replicas);
    node_set_int(a, have, STR("replicas"), node_get_int(status, STR("replicas"), 0));
    struct selector selector;
    err *e AUTO(err_done) = selector_from_node(a, node_get(spec, STR("selector")), &selector);
    if (!e && !selector.nothing)
        node_set_str(a, have, STR("selector"), selector_text(a, &selector));
    return out;
}

static err *negative_scale(struct call *call, int64_t replicas)
{
    str message = str_printf(call->a, "Invalid value: %lld: must be greater than or equal to 0",
                             (long long)replicas);
    call->about_group = STR("autoscaling");
    call->about_kind = STR("Scale");
    call->names_resource = true;
    admit_add_cause(call->a, call->causes, "FieldValueInvalid", STR("spec.replicas"), message);
    return err_with_status(err_new(ERR_INVALID, "Invalid",
                                   "Scale.autoscaling \"" STR_FMT
                                   "\" is invalid: spec.replicas: " STR_FMT,
                                   STR_ARG(call->name), STR_ARG(message)),
                           422);
}

static err *scale(struct call *call, const node *before, const node **out)
{
    arena *a = call->a;
    node *wanted = scale_of(call, before);
    if (call->verb != CALL_GET) {
        node *body;
        if (call->verb == CALL_UPDATE) {
            TRY(body_object(call, &wanted));
        } else {
            TRY(body_patch(call, &body));
            TRY(patched(call, wanted, body, &wanted));
        }
        TRY(check_version(call, before, wanted));
        struct change change = change_of(call);
        change.before = before;
        change.after = doc_copy(a, before);
        int64_t replicas = 0;
        const node *number = node_find(wanted, "spec", "replicas", NULL);
        if (number && !node_to_int(number, &replicas))
            return world_bad_request("Scale: spec.replicas is no number");
        if (replicas < 0) return negative_scale(call, replicas);
        node_set_int(a, node_make_map(a, change.after, STR("spec")), STR("replicas"), replicas);
        TRY(store_change(&change, &before));
    }
    *out = scale_of(call, before);
    return NULL;
}

/* ---- all of it ---- */

static err *patch(struct call *call, const node *before, const node **out)
{
    node *body, *object;
    bool applies = str_starts(call->content_type, STR("application/apply-patch"));
    if (!before && !applies) return world_not_found(call, call->served, call->name);
    TRY(body_patch(call, &body));
    if (applies) return apply(call, before, body, out);
    TRY(patched(call, before, body, &object));
    return update(call, before, object, out);
}

err *write_do(struct call *call, const node **out)
{
    call->status = 200;
    if (call->verb <= CALL_PATCH) TRY(check_manager(call));
    const doc *stored =
        call->name.len ? store_get(call->served->collection, call->namespace, call->name) : NULL;
    const node *before = stored ? doc_copy(call->a, stored->root) : NULL;
    if (call->verb == CALL_CREATE) {
        node *object;
        TRY(body_object(call, &object));
        TRY(check_object(call, object));
        TRY(check_decodes(call, object));
        struct change change = change_of(call);
        return create(call, object, &change, out);
    }
    if (call->verb == CALL_PATCH && !str_is(call->subresource, "scale"))
        return patch(call, before, out);
    if (!before) return world_not_found(call, call->served, call->name);
    if (str_is(call->subresource, "scale")) return scale(call, before, out);
    if (call->verb == CALL_DELETE) return removal_do(call, before, out);
    node *object;
    TRY(body_object(call, &object));
    return update(call, before, object, out);
}

/* ---- for controllers ---- */

err *write_put(struct world *world, const struct served *served, const char *manager,
               const char *subresource, node *object)
{
    arena a AUTO(arena_done) = {0};
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    const doc *stored =
        store_get(served->collection, namespace, node_find_str(object, "metadata", "name", NULL));
    const node *before = stored ? doc_copy(&a, stored->root) : NULL, *out;
    struct change change = {.world = world,
                            .a = &a,
                            .served = served,
                            .namespace = namespace,
                            .manager = str_of(manager),
                            .subresource = str_of(subresource),
                            .before = before,
                            .after = doc_copy(&a, object)};
    return store_change(&change, &out);
}
