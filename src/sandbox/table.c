#include "sandbox/table.h"

#include "base/clock.h"
#include "doc/json.h"
#include "doc/selector.h"

/* What upstream prints of its own kinds beside the name: a path, or "word:" with what it needs. Age
 * comes last where it is not named. */
static const struct column {
    const char *kinds, *name, *path;
    int priority;     /* 1: only when much is to be shown */
    const char *type; /* NULL: string */
} columns[] = {
    {"Deployment", "Ready", "ready:.status.readyReplicas", 0},
    {"Deployment", "Up-to-date", "number:.status.updatedReplicas", 0},
    {"Deployment", "Available", "number:.status.availableReplicas", 0},
    {"ReplicaSet", "Desired", "number:.spec.replicas", 0},
    {"ReplicaSet", "Current", "number:.status.replicas", 0},
    {"ReplicaSet", "Ready", "number:.status.readyReplicas", 0},
    {"StatefulSet", "Ready", "ready:.status.readyReplicas", 0},
    {"DaemonSet", "Desired", "number:.status.desiredNumberScheduled", 0, "integer"},
    {"DaemonSet", "Current", "number:.status.currentNumberScheduled", 0, "integer"},
    {"DaemonSet", "Ready", "number:.status.numberReady", 0, "integer"},
    {"DaemonSet", "Up-to-date", "number:.status.updatedNumberScheduled", 0, "integer"},
    {"DaemonSet", "Available", "number:.status.numberAvailable", 0, "integer"},
    {"DaemonSet", "Node Selector", "labels:.spec.template.spec.nodeSelector", 0},
    {"Job", "Status", "job:", 0},
    {"Job", "Completions", "done:.status.succeeded", 0},
    {"Job", "Duration", "duration:", 0},
    {"CronJob", "Schedule", ".spec.schedule", 0},
    {"CronJob", "Timezone", "text:.spec.timeZone", 0},
    {"CronJob", "Suspend", "title:.spec.suspend", 0, "boolean"},
    {"CronJob", "Active", "size:.status.active", 0, "integer"},
    {"CronJob", "Last Schedule", "since:.status.lastScheduleTime", 0},
    {"Pod", "Ready", "pod:", 0},
    {"Pod", "Status", "phase:", 0},
    {"Pod", "Restarts", "restarts:", 0},
    {"Service", "Type", ".spec.type", 0},
    {"Service", "Cluster-IP", "text:.spec.clusterIP", 0},
    {"Service", "External-IP", "external:", 0},
    {"Service", "Port(s)", "ports:", 0},
    {"Ingress", "Class", "text:.spec.ingressClassName", 0},
    {"Ingress", "Hosts", "hosts:", 0},
    {"Ingress", "Address", "address:", 0},
    {"Ingress", "Ports", "tls:", 0},
    {"Endpoints", "Endpoints", "subsets:", 0},
    {"NetworkPolicy", "Pod-Selector", "selector:.spec.podSelector", 0},
    {"PodDisruptionBudget", "Min Available", "some:.spec.minAvailable", 0},
    {"PodDisruptionBudget", "Max Unavailable", "some:.spec.maxUnavailable", 0},
    {"PodDisruptionBudget", "Allowed Disruptions", "number:.status.disruptionsAllowed", 0,
     "integer"},
    {"Namespace", "Status", ".status.phase", 0},
    {"PersistentVolumeClaim", "Status", ".status.phase", 0},
    {"PersistentVolumeClaim", "Volume", "plain:.spec.volumeName", 0},
    {"PersistentVolumeClaim", "Capacity", "plain:.status.capacity.storage", 0},
    {"PersistentVolumeClaim", "Access Modes", "modes:.status.accessModes", 0},
    {"PersistentVolumeClaim", "StorageClass", "plain:.spec.storageClassName", 0},
    {"PersistentVolumeClaim", "VolumeAttributesClass", "unset:.spec.volumeAttributesClassName", 0},
    {"Secret", "Type", ".type", 0},
    {"ConfigMap Secret", "Data", "size:.data", 0},
    {"Lease", "Holder", ".spec.holderIdentity", 0},
    {"RoleBinding ClusterRoleBinding", "Role", "role:", 0},
    {"Role ClusterRole CustomResourceDefinition", "Created At", "plain:.metadata.creationTimestamp",
     0, "date"},
    {"Event", "Last Seen", "seen:", 0},
    {"Event", "Type", ".type", 0},
    {"Event", "Reason", ".reason", 0},
    {"Event", "Object", "object:", 0},
    {"Event", "Subobject", "plain:.involvedObject.fieldPath", 1},
    {"Event", "Source", "plain:.source.component", 1},
    {"Event", "Message", ".message", 0},
    {"Event", "First Seen", "seen:", 1},
    {"Event", "Count", "count:", 1},
    {"Event", "Name", ".metadata.name", 1},
};
/* After the age. */
static const struct column wide_columns[] = {
    {"Pod", "IP", "text:.status.podIP", 1},
    {"Pod", "Node", "text:.spec.nodeName", 1},
    {"Pod", "Nominated Node", "text:.status.nominatedNodeName", 1},
    {"Pod", "Readiness Gates", "text:.spec.none", 1},
    {"Deployment ReplicaSet StatefulSet DaemonSet", "Containers",
     "each:name .spec.template.spec.containers", 1},
    {"Deployment ReplicaSet StatefulSet DaemonSet", "Images",
     "each:image .spec.template.spec.containers", 1},
    {"Job", "Containers", "each:name .spec.template.spec.containers", 1},
    {"Job", "Images", "each:image .spec.template.spec.containers", 1},
    {"CronJob", "Containers", "each:name .spec.jobTemplate.spec.template.spec.containers", 1},
    {"CronJob", "Images", "each:image .spec.jobTemplate.spec.template.spec.containers", 1},
    {"Deployment ReplicaSet DaemonSet Job", "Selector", "selector:.spec.selector", 1},
    {"CronJob", "Selector", "selector:.spec.jobTemplate.spec.selector", 1},
    {"Service", "Selector", "labels:.spec.selector", 1},
    {"PersistentVolumeClaim", "VolumeMode", "text:.spec.volumeMode", 1},
    {"RoleBinding ClusterRoleBinding", "Users", "subjects:User", 1},
    {"RoleBinding ClusterRoleBinding", "Groups", "subjects:Group", 1},
    {"RoleBinding ClusterRoleBinding", "ServiceAccounts", "subjects:ServiceAccount", 1},
};

static bool names(const char *list, str word)
{
    for (str rest = str_of(list), item; str_next(&rest, ' ', &item);)
        if (str_eq(item, word)) return true;
    return false;
}

/* One step of a JSONPath: ".name" with "\." for a dot, or "[?(@.key=="value")]". */
static const node *step(arena *a, str *path, const node *at)
{
    if (str_strip_prefix(path, STR("[?(@."))) {
        str filter, key, value;
        ptrdiff_t end = str_find(*path, STR(")]"));
        if (end < 0) return *path = (str){0}, NULL;
        filter = str_head(*path, (size_t)end);
        *path = str_skip(*path, (size_t)end + 2);
        ptrdiff_t equal = str_find(filter, STR("=="));
        if (equal < 0) return NULL;
        key = str_trim(str_head(filter, (size_t)equal));
        value = str_trim_char(str_trim(str_skip(filter, (size_t)equal + 2)), '"');
        value = str_trim_char(value, '\'');
        NODE_EACH (at, item) {
            if (str_eq(node_get_str(item, key), value)) return item;
        }
        return NULL;
    }
    if (!str_strip_prefix(path, STR("."))) return *path = (str){0}, NULL;
    buf name = BUF(a);
    while (path->len && path->data[0] != '.' && path->data[0] != '[') {
        if (path->data[0] == '\\' && path->len > 1) *path = str_skip(*path, 1);
        buf_add_char(&name, path->data[0]);
        *path = str_skip(*path, 1);
    }
    return node_get(at, buf_str(&name));
}

static const node *follow(arena *a, str path, const node *at)
{
    str_strip_prefix(&path, STR("{"));
    str_strip_suffix(&path, STR("}"));
    while (path.len && at)
        at = step(a, &path, at);
    return at;
}

/* As kubectl writes ages: 5s, 3m, 2h, 4d. */
static str age_of(arena *a, int64_t span_ns)
{
    int64_t s = MAX(span_ns / CLOCK_SECOND, (int64_t)0);
    if (s < 120) return str_printf(a, "%llds", (long long)s);
    if (s < 7200) return str_printf(a, "%lldm", (long long)(s / 60));
    if (s < 172800) return str_printf(a, "%lldh", (long long)(s / 3600));
    return str_printf(a, "%lldd", (long long)(s / 86400));
}

static str age(arena *a, const node *time)
{
    int64_t then;
    str text;
    if (!node_to_str(time, &text) || !clock_parse(text, &then)) return STR("<unknown>");
    return age_of(a, clock_wall_ns() - then);
}

static const str none = {"<none>", 6};

static str text_at(arena *a, str path, const node *object)
{
    const node *found = follow(a, path, object);
    return node_is_scalar(found) && !node_is_null(found) ? found->text : STR("");
}

/* The field of each item, with commas. */
static str join_items(arena *a, const node *list, str field)
{
    buf b = BUF(a);
    NODE_EACH (list, item) {
        const node *value = field.len ? node_get(item, field) : item;
        buf_printf(&b, "%s" STR_FMT, b.len ? "," : "",
                   STR_ARG(node_is_scalar(value) ? value->text : STR("")));
    }
    return buf_str(&b);
}

static str labels_text(arena *a, const node *labels)
{
    buf b = BUF(a);
    PAIR_EACH (labels, pair) {
        buf_printf(&b, "%s" STR_FMT "=" STR_FMT, b.len ? "," : "", STR_ARG(pair->key),
                   STR_ARG(node_is_scalar(pair->value) ? pair->value->text : STR("")));
    }
    return b.len ? buf_str(&b) : none;
}

static str selector_cell(arena *a, const node *wanted)
{
    struct selector selector;
    if (!wanted) return none;
    err *e AUTO(err_done) = selector_from_node(a, wanted, &selector);
    str text = e ? STR("") : selector_text(a, &selector);
    return text.len ? text : none;
}

static str ports_text(arena *a, const node *object)
{
    buf b = BUF(a);
    NODE_EACH (node_find(object, "spec", "ports", NULL), port) {
        int64_t on_node = node_get_int(port, STR("nodePort"), 0);
        buf_printf(&b, "%s%lld", b.len ? "," : "", (long long)node_get_int(port, STR("port"), 0));
        if (on_node) buf_printf(&b, ":%lld", (long long)on_node);
        buf_printf(&b, "/" STR_FMT, STR_ARG(node_get_str(port, STR("protocol"))));
    }
    return b.len ? buf_str(&b) : none;
}

static str external_text(arena *a, const node *object)
{
    const node *spec = node_get(object, STR("spec"));
    str type = node_get_str(spec, STR("type"));
    if (str_is(type, "ExternalName")) return node_get_str(spec, STR("externalName"));
    str own = join_items(a, node_get(spec, STR("externalIPs")), (str){0});
    if (own.len) return own;
    return str_is(type, "LoadBalancer") ? STR("<pending>") : none;
}

static str subsets_text(arena *a, const node *object)
{
    buf b = BUF(a);
    NODE_EACH (node_get(object, STR("subsets")), subset) {
        NODE_EACH (node_get(subset, STR("addresses")), address) {
            NODE_EACH (node_get(subset, STR("ports")), port) {
                buf_printf(&b, "%s" STR_FMT ":%lld", b.len ? "," : "",
                           STR_ARG(node_get_str(address, STR("ip"))),
                           (long long)node_get_int(port, STR("port"), 0));
            }
        }
    }
    return b.len ? buf_str(&b) : none;
}

/* Why a container waits says more than the phase. */
static str phase_text(const node *pod)
{
    str phase = node_find_str(pod, "status", "phase", NULL);
    if (node_find(pod, "metadata", "deletionTimestamp", NULL)) return STR("Terminating");
    NODE_EACH (node_find(pod, "status", "containerStatuses", NULL), status) {
        str waits = node_find_str(status, "state", "waiting", "reason", NULL);
        str ended = node_find_str(status, "state", "terminated", "reason", NULL);
        if (waits.len) return waits;
        if (ended.len) return ended;
    }
    return str_is(phase, "Succeeded") ? STR("Completed") : phase;
}

static bool has_condition(const node *object, const char *type)
{
    NODE_EACH (node_find(object, "status", "conditions", NULL), condition) {
        if (str_is(node_get_str(condition, STR("type")), type))
            return str_is(node_get_str(condition, STR("status")), "True");
    }
    return false;
}

static str job_text(const node *job)
{
    if (has_condition(job, "Complete")) return STR("Complete");
    if (has_condition(job, "Failed")) return STR("Failed");
    if (node_find(job, "metadata", "deletionTimestamp", NULL)) return STR("Terminating");
    if (has_condition(job, "Suspended")) return STR("Suspended");
    return STR("Running");
}

static str duration_text(arena *a, const node *job)
{
    int64_t from, to = clock_wall_ns();
    str start = node_find_str(job, "status", "startTime", NULL);
    str end = node_find_str(job, "status", "completionTime", NULL);
    if (!start.len || !clock_parse(start, &from)) return STR("");
    if (end.len && !clock_parse(end, &to)) return STR("");
    return age_of(a, to - from);
}

/* "RWO" of ["ReadWriteOnce"] */
static str modes_text(arena *a, const node *list)
{
    static const char *const modes[][2] = {{"ReadWriteOnce", "RWO"},
                                           {"ReadOnlyMany", "ROX"},
                                           {"ReadWriteMany", "RWX"},
                                           {"ReadWriteOncePod", "RWOP"}};
    buf b = BUF(a);
    for (size_t i = 0; i < COUNT(modes); i++) {
        NODE_EACH (list, item) {
            if (str_is(item->text, modes[i][0]))
                buf_printf(&b, "%s%s", b.len ? "," : "", modes[i][1]);
        }
    }
    return buf_str(&b);
}

static str subjects_text(arena *a, const node *object, str kind)
{
    buf b = BUF(a);
    NODE_EACH (node_get(object, STR("subjects")), subject) {
        str namespace = node_get_str(subject, STR("namespace"));
        if (!str_eq(node_get_str(subject, STR("kind")), kind)) continue;
        if (b.len) BUF_ADD(&b, ", ");
        if (str_is(kind, "ServiceAccount")) buf_printf(&b, STR_FMT "/", STR_ARG(namespace));
        buf_add(&b, node_get_str(subject, STR("name")));
    }
    return buf_str(&b);
}

static str seen_text(arena *a, const node *event)
{
    static const char *const fields[] = {"lastTimestamp", "eventTime", "firstTimestamp"};
    for (size_t i = 0; i < COUNT(fields); i++) {
        const node *time = node_get(event, str_of(fields[i]));
        if (node_is_scalar(time) && !node_is_null(time)) return age(a, time);
    }
    return STR("<unknown>");
}

static str object_text(arena *a, const node *event)
{
    const node *object = node_get(event, STR("involvedObject"));
    str name = node_get_str(object, STR("name")), kind = node_get_str(object, STR("kind"));
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(str_lower(a, kind)), STR_ARG(name));
}

static str role_text(arena *a, const node *binding)
{
    const node *ref = node_get(binding, STR("roleRef"));
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(node_get_str(ref, STR("kind"))),
                      STR_ARG(node_get_str(ref, STR("name"))));
}

static str hosts_text(arena *a, const node *ingress)
{
    str hosts = join_items(a, node_find(ingress, "spec", "rules", NULL), STR("host"));
    return hosts.len ? hosts : STR("*");
}

/* Cells that look at several fields. */
static bool whole_cell(arena *a, str word, str rest, const node *object, str *out)
{
    if (str_is(word, "phase")) return *out = phase_text(object), true;
    if (str_is(word, "job")) return *out = job_text(object), true;
    if (str_is(word, "duration")) return *out = duration_text(a, object), true;
    if (str_is(word, "ports")) return *out = ports_text(a, object), true;
    if (str_is(word, "external")) return *out = external_text(a, object), true;
    if (str_is(word, "hosts")) return *out = hosts_text(a, object), true;
    if (str_is(word, "address")) return *out = STR(""), true;
    if (str_is(word, "subsets")) return *out = subsets_text(a, object), true;
    if (str_is(word, "seen")) return *out = seen_text(a, object), true;
    if (str_is(word, "object")) return *out = object_text(a, object), true;
    if (str_is(word, "role")) return *out = role_text(a, object), true;
    if (str_is(word, "subjects")) return *out = subjects_text(a, object, rest), true;
    if (str_is(word, "tls")) {
        bool tls = node_find(object, "spec", "tls", NULL) != NULL;
        return *out = tls ? STR("80, 443") : STR("80"), true;
    }
    if (!str_is(word, "each")) return false;
    str field, path;
    str_cut(rest, ' ', &field, &path);
    return *out = join_items(a, follow(a, path, object), field), true;
}

static str share_text(arena *a, str word, const node *have, const node *object)
{
    const node *spec = node_get(object, STR("spec"));
    str field = str_is(word, "ready") ? STR("replicas") : STR("completions");
    return str_printf(a, STR_FMT "/%lld", STR_ARG(have ? have->text : STR("0")),
                      (long long)node_get_int(spec, field, str_is(word, "ready") ? 0 : 1));
}

static str pod_text(arena *a, const node *pod, int64_t *restarts_out)
{
    int64_t ready = 0;
    const node *all = node_find(pod, "spec", "containers", NULL);
    *restarts_out = 0;
    NODE_EACH (node_find(pod, "status", "containerStatuses", NULL), status) {
        ready += node_get_bool(status, STR("ready"), false);
        *restarts_out += node_get_int(status, STR("restartCount"), 0);
    }
    return str_printf(a, "%lld/%u", (long long)ready, all ? all->count : 0);
}

/* "word:rest"; NULL for a plain path. */
static node *special(arena *a, str path, const node *object)
{
    str word, rest, text;
    int64_t restarts;
    if (str_starts(path, STR(".")) || !str_cut(path, ':', &word, &rest)) return NULL;
    if (whole_cell(a, word, rest, object, &text)) return node_str(a, text);
    const node *found = follow(a, rest, object);
    text = text_at(a, rest, object);
    if (str_is(word, "ready") || str_is(word, "done"))
        return node_str(a, share_text(a, word, found, object));
    if (str_is(word, "number")) return found ? (node *)found : node_int(a, 0);
    if (str_is(word, "size")) return node_int(a, found ? found->count : 0);
    if (str_is(word, "count")) return node_int(a, node_get_int(object, STR("count"), 1));
    if (str_is(word, "labels")) return node_str(a, labels_text(a, found));
    if (str_is(word, "selector")) return node_str(a, selector_cell(a, found));
    if (str_is(word, "modes")) return node_str(a, modes_text(a, found));
    if (str_is(word, "plain")) return node_str(a, text);
    if (str_is(word, "title"))
        return node_str(a, str_is(text, "true") ? STR("True") : STR("False"));
    if (str_is(word, "age")) return node_str(a, found ? age(a, found) : STR("<unknown>"));
    if (str_is(word, "since")) return node_str(a, text.len ? age(a, found) : none);
    if (str_is(word, "unset")) return node_str(a, text.len ? text : STR("<unset>"));
    if (str_is(word, "some")) return node_str(a, text.len ? text : STR("N/A"));
    if (str_is(word, "text")) return node_str(a, text.len ? text : none);
    text = pod_text(a, object, &restarts);
    return str_is(word, "pod") ? node_str(a, text)
                               : node_str(a, str_printf(a, "%lld", (long long)restarts));
}

static node *cell(arena *a, bool builtin, str path, str type, const node *object)
{
    node *value = builtin ? special(a, path, object) : NULL;
    if (value) return value;
    const node *found = follow(a, path, object);
    if (str_is(type, "date") && found) return node_str(a, age(a, found));
    if (!found) return str_is(type, "integer") ? node_int(a, 0) : node_null(a);
    if (node_is_scalar(found)) return (node *)found;
    return node_str(a, json_text(a, found));
}

static void add_column(arena *a, node *definitions, str name, str type, const node *from,
                       int priority)
{
    node *column = node_map(a);
    node_set_str(a, column, STR("name"), name);
    node_set_str(a, column, STR("type"), type);
    str format = node_get_str(from, STR("format"));
    node_set_str(a, column, STR("format"), str_is(name, "Name") ? STR("name") : format);
    node_set_str(a, column, STR("description"), node_get_str(from, STR("description")));
    node_set_int(a, column, STR("priority"), node_get_int(from, STR("priority"), priority));
    node_push(a, definitions, column);
}

struct shown {
    str *paths, *types;
    size_t count, path_room, type_room;
};

static void show(arena *a, struct shown *shown, node *definitions, str name, str type, str path,
                 const node *from, int priority)
{
    add_column(a, definitions, name, type, from, priority);
    size_t count = shown->count;
    *ARENA_PUSH(a, shown->paths, count, shown->path_room) = path;
    *ARENA_PUSH(a, shown->types, shown->count, shown->type_room) = type;
}

static void show_builtin(arena *a, str kind, struct shown *shown, node *definitions)
{
    for (size_t i = 0; i < COUNT(columns); i++)
        if (names(columns[i].kinds, kind))
            show(a, shown, definitions, str_of(columns[i].name),
                 columns[i].type ? str_of(columns[i].type) : STR("string"), str_of(columns[i].path),
                 NULL, columns[i].priority);
    if (!names("Role ClusterRole CustomResourceDefinition Event", kind))
        show(a, shown, definitions, STR("Age"), STR("string"),
             STR("age:.metadata.creationTimestamp"), NULL, 0);
    for (size_t i = 0; i < COUNT(wide_columns); i++)
        if (names(wide_columns[i].kinds, kind))
            show(a, shown, definitions, str_of(wide_columns[i].name), STR("string"),
                 str_of(wide_columns[i].path), NULL, wide_columns[i].priority);
}

static void choose(arena *a, const struct served *served, struct shown *shown, node *definitions)
{
    if (!str_is(served->kind, "Event") || served->custom)
        show(a, shown, definitions, STR("Name"), STR("string"), STR(".metadata.name"), NULL, 0);
    if (!served->custom) {
        show_builtin(a, served->kind, shown, definitions);
        return;
    }
    NODE_EACH (served->columns, column) {
        show(a, shown, definitions, node_get_str(column, STR("name")),
             node_get_str(column, STR("type")), node_get_str(column, STR("jsonPath")), column, 0);
    }
    if (!served->columns)
        show(a, shown, definitions, STR("Age"), STR("date"), STR(".metadata.creationTimestamp"),
             NULL, 0);
}

node *table_partial(arena *a, const node *object)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("kind"), STR("PartialObjectMetadata"));
    node_set_str(a, out, STR("apiVersion"), STR("meta.k8s.io/v1"));
    node_set(a, out, STR("metadata"), node_get(object, STR("metadata")));
    return out;
}

node *table_of(arena *a, const struct served *served, const node *const *objects, size_t count,
               str version, str include)
{
    node *out = node_map(a), *definitions = node_list(a), *rows = node_list(a);
    node_set_str(a, out, STR("kind"), STR("Table"));
    node_set_str(a, out, STR("apiVersion"), STR("meta.k8s.io/v1"));
    node_set_str(a, node_make_map(a, out, STR("metadata")), STR("resourceVersion"), version);
    struct shown shown = {0};
    choose(a, served, &shown, definitions);
    node_set(a, out, STR("columnDefinitions"), definitions);
    node_set(a, out, STR("rows"), rows);
    for (size_t i = 0; i < count; i++) {
        node *row = node_map(a), *cells = node_list(a);
        for (size_t j = 0; j < shown.count; j++)
            node_push(a, cells,
                      cell(a, !served->custom, shown.paths[j], shown.types[j], objects[i]));
        node_set(a, row, STR("cells"), cells);
        if (str_is(include, "Object"))
            node_set(a, row, STR("object"), (node *)objects[i]);
        else if (str_is(include, "None"))
            node_set(a, row, STR("object"), node_null(a));
        else
            node_set(a, row, STR("object"), table_partial(a, objects[i]));
        node_push(a, rows, row);
    }
    return out;
}
