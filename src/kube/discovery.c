#include "kube/discovery.h"

#include <stdlib.h>

#include "base/log.h"
#include "doc/json.h"

/* v2 is 1.30 and later. A server that knows neither answers with the plain form. */
#define ACCEPT_AGGREGATED                                                                          \
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                        \
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

struct group_version {
    str group, version;
};

struct discovery {
    _Atomic uint32_t refs;
    arena arena; /* holds everything, this struct too */
    struct discovery_row *rows;
    size_t count, room;
    struct group_version *stale;
    size_t stale_count, stale_room;
};

/* The table in the making, and how to ask for its parts. */
struct loader {
    struct discovery *table;
    discovery_get_fn *get;
    void *context;
};

static err *load_root(const struct loader *loader, str path);
static err *load_plain_versions(const struct loader *loader, const node *root);
static void sort_rows(struct discovery *table);

static struct discovery *new_table(void)
{
    arena all = {0};
    struct discovery *table = NEW(&all, struct discovery);
    table->refs = 1;
    table->arena = all;
    return table;
}

err *discovery_load(discovery_get_fn *get, void *context, struct discovery **out)
{
    struct discovery *table AUTO(discovery_unref_done) = new_table();
    struct loader loader = {table, get, context};
    TRY(load_root(&loader, STR("/api")));
    TRY(load_root(&loader, STR("/apis")));
    sort_rows(table);
    *out = table;
    table = NULL;
    return NULL;
}

struct discovery *discovery_ref(struct discovery *discovery)
{
    if (discovery) discovery->refs++;
    return discovery;
}

void discovery_unref(struct discovery *discovery)
{
    if (!discovery || --discovery->refs) return;
    arena all = discovery->arena;
    arena_done(&all);
}

void discovery_unref_done(struct discovery **discovery)
{
    discovery_unref(*discovery);
}

static err *get_json(const struct loader *loader, arena *a, str path, str accept, node **out)
{
    str body;
    TRY(loader->get(loader->context, a, path, accept, &body));
    err *e = json_parse(a, body, (struct json_options){.last_wins = true, .borrow = true}, out);
    return e ? err_wrap(err_because(e, ""), "discovery at " STR_FMT, STR_ARG(path)) : NULL;
}

/* ---- Rows ---- */

/* Texts of a row outlive the answers they came in. Groups and versions are shared by many rows. */
static str keep(struct discovery *table, str text)
{
    return str_dup(&table->arena, text);
}

static void add_stale(struct discovery *table, str group, str version)
{
    *ARENA_PUSH(&table->arena, table->stale, table->stale_count, table->stale_room) =
        (struct group_version){group, version};
}

static bool has_verb(const node *verbs, const char *verb)
{
    NODE_EACH (verbs, it)
        if (it->kind == NODE_STR && str_is(it->text, verb)) return true;
    return false;
}

static void add_row(struct discovery *table, struct discovery_row row, const node *verbs)
{
    if (!row.kind.len || !row.plural.len || str_has_char(row.plural, '/'))
        return; /* a subresource */
    row.kind = keep(table, row.kind);
    row.plural = keep(table, row.plural);
    row.can_list = has_verb(verbs, "list");
    row.can_watch = has_verb(verbs, "watch");
    *ARENA_PUSH(&table->arena, table->rows, table->count, table->room) = row;
}

static int compare_kind(const struct discovery_row *row, str group, str kind)
{
    int order = str_cmp(row->group, group);
    return order ? order : str_cmp(row->kind, kind);
}

static int compare_rows(const void *left, const void *right)
{
    const struct discovery_row *a = left, *b = right;
    int order = compare_kind(a, b->group, b->kind);
    if (order) return order;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return str_cmp(a->plural, b->plural);
}

static void sort_rows(struct discovery *table)
{
    if (table->count) qsort(table->rows, table->count, sizeof *table->rows, compare_rows);
}

/* ---- Aggregated discovery ---- */

static void add_aggregated_version(struct discovery *table, str group, const node *version,
                                   uint16_t rank)
{
    str name = keep(table, node_get_str(version, STR("version")));
    if (str_is(node_get_str(version, STR("freshness")), "Stale")) add_stale(table, group, name);
    NODE_EACH (node_get(version, STR("resources")), resource)
        add_row(table,
                (struct discovery_row){
                    .group = group,
                    .version = name,
                    .kind = node_find_str(resource, "responseKind", "kind", NULL),
                    .plural = node_get_str(resource, STR("resource")),
                    .rank = rank,
                    .namespaced = str_is(node_get_str(resource, STR("scope")), "Namespaced"),
                },
                node_get(resource, STR("verbs")));
}

/* An entry that does not look as it should is passed over: it says nothing about the others. */
static void add_aggregated(struct discovery *table, const node *list)
{
    NODE_EACH (node_get(list, STR("items")), item) {
        str group = keep(table, node_find_str(item, "metadata", "name", NULL));
        uint16_t rank = 0;
        NODE_EACH (node_get(item, STR("versions")), version)
            add_aggregated_version(table, group, version, rank++);
    }
}

/* ---- Plain discovery: servers before 1.27, and front ends that do not know better ---- */

static err *load_root(const struct loader *loader, str path)
{
    arena a AUTO(arena_done) = {0};
    node *root;
    TRY(get_json(loader, &a, path, STR(ACCEPT_AGGREGATED), &root));
    if (!str_is(node_get_str(root, STR("kind")), "APIGroupDiscoveryList"))
        return load_plain_versions(loader, root);
    add_aggregated(loader->table, root);
    return NULL;
}

/* Not being able to list one version says nothing about the others. */
static err *load_plain(const struct loader *loader, str group, str version, uint16_t rank)
{
    arena a AUTO(arena_done) = {0};
    struct discovery *table = loader->table;
    str path = group.len
                   ? str_printf(&a, "/apis/" STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version))
                   : str_printf(&a, "/api/" STR_FMT, STR_ARG(version));
    group = keep(table, group);
    version = keep(table, version);
    node *list;
    err *e = get_json(loader, &a, path, (str){0}, &list);
    if (err_is(e, ERR_CANCELED)) return e;
    if (e) {
        log_debug("discovery is incomplete", LOG_STR("path", path), LOG_ERR(e));
        err_free(e);
        add_stale(table, group, version);
        return NULL;
    }
    NODE_EACH (node_get(list, STR("resources")), resource)
        add_row(table,
                (struct discovery_row){
                    .group = group,
                    .version = version,
                    .kind = node_get_str(resource, STR("kind")),
                    .plural = node_get_str(resource, STR("name")),
                    .rank = rank,
                    .namespaced = node_get_bool(resource, STR("namespaced"), false),
                },
                node_get(resource, STR("verbs")));
    return NULL;
}

/* The preferred version may stand anywhere in the list. */
static err *load_plain_group(const struct loader *loader, const node *group)
{
    str name = node_get_str(group, STR("name"));
    str preferred = node_find_str(group, "preferredVersion", "version", NULL);
    uint16_t rank = 0;
    if (preferred.len) TRY(load_plain(loader, name, preferred, rank++));
    NODE_EACH (node_get(group, STR("versions")), it) {
        str version = node_get_str(it, STR("version"));
        if (version.len && !str_eq(version, preferred))
            TRY(load_plain(loader, name, version, rank++));
    }
    return NULL;
}

/* The body of /api (APIVersions) or of /apis (APIGroupList). */
static err *load_plain_versions(const struct loader *loader, const node *root)
{
    uint16_t rank = 0;
    NODE_EACH (node_get(root, STR("versions")), version)
        if (version->kind == NODE_STR) TRY(load_plain(loader, STR(""), version->text, rank++));
    NODE_EACH (node_get(root, STR("groups")), group)
        TRY(load_plain_group(loader, group));
    return NULL;
}

/* ---- Questions ---- */

const struct discovery_row *discovery_find(const struct discovery *discovery, struct kube_kind kind)
{
    size_t low = 0, high = discovery->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_kind(&discovery->rows[middle], kind.group, kind.kind) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < discovery->count; low++) {
        const struct discovery_row *row = &discovery->rows[low];
        if (compare_kind(row, kind.group, kind.kind) != 0) return NULL;
        if (!kind.version.len || str_eq(row->version, kind.version)) return row;
    }
    return NULL;
}

bool discovery_is_stale(const struct discovery *discovery, str group, str version)
{
    for (size_t i = 0; i < discovery->stale_count; i++) {
        const struct group_version *stale = &discovery->stale[i];
        if (str_eq(stale->group, group) && (!version.len || str_eq(stale->version, version)))
            return true;
    }
    return false;
}

const struct discovery_row *discovery_rows(const struct discovery *discovery, size_t *count_out)
{
    *count_out = discovery->count;
    return discovery->rows;
}
