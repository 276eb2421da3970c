#include "cli/workload.h"

#include <stdlib.h>

struct gathering {
    struct cli *cli;
    struct workload *items;
    size_t count, room;
};

static str running_of(arena *a, const struct reference *ref)
{
    if (ref->tag.len) return ref->tag;
    return ref->digest.len ? str_concat(a, STR("@"), str_head(ref->digest, 15)) : STR("latest");
}

static void add_containers(struct gathering *all, const char *kind, const node *object,
                           const node *containers)
{
    arena *a = all->cli->a;
    NODE_EACH (containers, container) {
        struct workload item = {
            .namespace = node_find_str(object, "metadata", "namespace", NULL),
            .kind = str_of(kind),
            .name = node_find_str(object, "metadata", "name", NULL),
            .container = node_get_str(container, STR("name")),
            .image = node_get_str(container, STR("image")),
        };
        err *e AUTO(err_done) = reference_parse(a, item.image, &item.ref);
        item.running = e ? item.image : running_of(a, &item.ref);
        *ARENA_PUSH(a, all->items, all->count, all->room) = item;
    }
}

static err *gather(struct gathering *all, const char *group, const char *kind, str namespace)
{
    struct kube_request list = {
        .verb = KUBE_LIST,
        .ref = {{str_of(group), STR("v1"), str_of(kind)}, namespace, {0}},
    };
    node *answer;
    TRY(kube_do(all->cli->kube, all->cli->a, &list, &answer));
    NODE_EACH (node_get(answer, STR("items")), object) {
        const node *spec = node_get(object, STR("spec"));
        const node *job = node_find(spec, "jobTemplate", "spec", NULL);
        const node *pod = node_find(job ?: spec, "template", "spec", NULL);
        add_containers(all, kind, object, node_get(pod, STR("initContainers")));
        add_containers(all, kind, object, node_get(pod, STR("containers")));
    }
    return NULL;
}

static int by_name(const void *x, const void *y)
{
    const struct workload *left = x, *right = y;
    int order = str_cmp(left->namespace, right->namespace);
    if (!order) order = str_cmp(left->name, right->name);
    if (!order) order = str_cmp(left->kind, right->kind);
    return order ? order : str_cmp(left->container, right->container);
}

err *workload_list(struct cli *cli, str namespace, struct workload **out, size_t *count_out)
{
    struct gathering all = {.cli = cli};
    TRY(gather(&all, "apps", "Deployment", namespace));
    TRY(gather(&all, "apps", "StatefulSet", namespace));
    TRY(gather(&all, "apps", "DaemonSet", namespace));
    TRY(gather(&all, "batch", "CronJob", namespace));
    if (all.count) qsort(all.items, all.count, sizeof *all.items, by_name);
    *out = all.items;
    *count_out = all.count;
    return NULL;
}

str workload_title(arena *a, const struct workload *workload)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(str_lower(a, workload->kind)),
                      STR_ARG(workload->name));
}

str workload_image(arena *a, const struct workload *workload)
{
    return workload->ref.repository.len ? reference_name(a, &workload->ref) : workload->image;
}
