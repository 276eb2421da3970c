#include "sandbox/table.h"

#include "base/clock.h"
#include "doc/json.h"

/* What upstream prints of its own kinds: a path, or a kind of value. */
static const struct column {
    const char *kinds, *name, *type, *path;
} columns[] = {
    {"Deployment", "Ready", "string", "ready:.status.readyReplicas"},
    {"Deployment", "Up-to-date", "integer", ".status.updatedReplicas"},
    {"Deployment", "Available", "integer", ".status.availableReplicas"},
    {"ReplicaSet", "Desired", "integer", ".spec.replicas"},
    {"ReplicaSet", "Current", "integer", ".status.replicas"},
    {"ReplicaSet", "Ready", "integer", ".status.readyReplicas"},
    {"StatefulSet", "Ready", "string", "ready:.status.readyReplicas"},
    {"DaemonSet", "Desired", "integer", ".status.desiredNumberScheduled"},
    {"DaemonSet", "Ready", "integer", ".status.numberReady"},
    {"Job", "Completions", "string", "done:.status.succeeded"},
    {"Pod", "Ready", "string", "pod:"},
    {"Pod", "Status", "string", ".status.phase"},
    {"Service", "Type", "string", ".spec.type"},
    {"Service", "Cluster-IP", "string", ".spec.clusterIP"},
    {"Namespace PersistentVolumeClaim", "Status", "string", ".status.phase"},
    {"ConfigMap Secret", "Data", "integer", "count:data"},
    {"Event", "Type", "string", ".type"},
    {"Event", "Reason", "string", ".reason"},
    {"Event", "Message", "string", ".message"},
    {"CustomResourceDefinition", "Created At", "date", ".metadata.creationTimestamp"},
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
static str age(arena *a, const node *time)
{
    int64_t then;
    str text;
    if (!node_to_str(time, &text) || !clock_parse(text, &then)) return STR("<unknown>");
    int64_t s = MAX((clock_wall_ns() - then) / CLOCK_SECOND, (int64_t)0);
    if (s < 120) return str_printf(a, "%llds", (long long)s);
    if (s < 7200) return str_printf(a, "%lldm", (long long)(s / 60));
    if (s < 172800) return str_printf(a, "%lldh", (long long)(s / 3600));
    return str_printf(a, "%lldd", (long long)(s / 86400));
}

static node *special(arena *a, str path, const node *object)
{
    if (str_strip_prefix(&path, STR("ready:")) || str_strip_prefix(&path, STR("done:"))) {
        const node *have = follow(a, path, object);
        const node *spec = node_get(object, STR("spec"));
        int64_t want = node_get_int(spec, STR("replicas"), -1);
        if (want < 0) want = node_get_int(spec, STR("completions"), 1);
        return node_str(a, str_printf(a, STR_FMT "/%lld", STR_ARG(have ? have->text : STR("0")),
                                      (long long)want));
    }
    if (str_is(path, "pod:")) {
        int64_t ready = 0, all = 0;
        NODE_EACH (node_find(object, "spec", "containers", NULL), container) {
            all += container != NULL;
        }
        NODE_EACH (node_find(object, "status", "containerStatuses", NULL), status) {
            ready += node_get_bool(status, STR("ready"), false);
        }
        return node_str(a, str_printf(a, "%lld/%lld", (long long)ready, (long long)all));
    }
    if (str_strip_prefix(&path, STR("count:"))) {
        const node *map = node_get(object, path);
        return node_int(a, map ? map->count : 0);
    }
    return NULL;
}

static node *cell(arena *a, str path, str type, const node *object)
{
    node *value = special(a, path, object);
    if (value) return value;
    const node *found = follow(a, path, object);
    if (str_is(type, "date") && found) return node_str(a, age(a, found));
    if (!found) return str_is(type, "integer") ? node_int(a, 0) : node_null(a);
    if (node_is_scalar(found)) return (node *)found;
    return node_str(a, json_text(a, found));
}

static void add_column(arena *a, node *definitions, str name, str type, const node *from)
{
    node *column = node_map(a);
    node_set_str(a, column, STR("name"), name);
    node_set_str(a, column, STR("type"), type);
    str format = node_get_str(from, STR("format"));
    node_set_str(a, column, STR("format"), str_is(name, "Name") ? STR("name") : format);
    node_set_str(a, column, STR("description"), node_get_str(from, STR("description")));
    node_set_int(a, column, STR("priority"), node_get_int(from, STR("priority"), 0));
    node_push(a, definitions, column);
}

struct shown {
    str *paths, *types;
    size_t count, path_room, type_room;
};

static void show(arena *a, struct shown *shown, node *definitions, str name, str type, str path,
                 const node *from)
{
    add_column(a, definitions, name, type, from);
    size_t count = shown->count;
    *ARENA_PUSH(a, shown->paths, count, shown->path_room) = path;
    *ARENA_PUSH(a, shown->types, shown->count, shown->type_room) = type;
}

static void choose(arena *a, const struct served *served, struct shown *shown, node *definitions)
{
    show(a, shown, definitions, STR("Name"), STR("string"), STR(".metadata.name"), NULL);
    NODE_EACH (served->columns, column) {
        show(a, shown, definitions, node_get_str(column, STR("name")),
             node_get_str(column, STR("type")), node_get_str(column, STR("jsonPath")), column);
    }
    if (served->custom && served->columns) return;
    bool crd = str_is(served->kind, "CustomResourceDefinition");
    for (size_t i = 0; i < COUNT(columns); i++) {
        if (served->custom || !names(columns[i].kinds, served->kind)) continue;
        show(a, shown, definitions, str_of(columns[i].name), str_of(columns[i].type),
             str_of(columns[i].path), NULL);
    }
    if (!crd)
        show(a, shown, definitions, STR("Age"), STR("date"), STR(".metadata.creationTimestamp"),
             NULL);
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
            node_push(a, cells, cell(a, shown.paths[j], shown.types[j], objects[i]));
        node_set(a, row, STR("cells"), cells);
        if (str_is(include, "Object"))
            node_set(a, row, STR("object"), (node *)objects[i]);
        else if (!str_is(include, "None"))
            node_set(a, row, STR("object"), table_partial(a, objects[i]));
        node_push(a, rows, row);
    }
    return out;
}
