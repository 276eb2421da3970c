/* tree: what a Kustomization has created, down through the Kustomizations among it. */
#include "base/limits.h"
#include "cli/offspring.h"
#include "cli/shown.h"
#include "cli/target.h"
#include "doc/json.h"
#include "doc/yaml_emit.h"

struct options {
    bool compact;
    str output;
};

static const char *const outputs[] = {"json", "yaml", NULL};

static const struct flag flags[] = {
    FLAG(struct options, compact, "compact", 0, FLAG_BOOL, .help = "only objects of the Flux API"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "format", .choices = outputs,
         .help = "instead of lines"),
};

struct walk {
    struct cli *cli;
    bool compact;
    struct map seen; /* Kustomizations on the way: an inventory may name its own owner */
};

static bool is_shown(const struct walk *walk, struct kube_ref ref)
{
    return !walk->compact || str_find(ref.kind.group, STR("toolkit.fluxcd.io")) >= 0;
}

static bool is_kustomization(struct kube_ref ref)
{
    return str_is(ref.kind.group, "kustomize.toolkit.fluxcd.io") &&
           str_is(ref.kind.kind, "Kustomization");
}

static err *grow(struct walk *walk, struct offspring *item, int depth);

static err *grow_children(struct walk *walk, struct offspring *parent, const node *object,
                          int depth)
{
    arena *a = walk->cli->a;
    struct inventory inventory = {0};
    size_t bad;
    inventory_read(a, node_find(object, "status", "inventory", NULL), &inventory, &bad);
    if (bad)
        cli_warning("%zu inventory entries of '" STR_FMT "' cannot be read", bad,
                    STR_ARG(parent->ref.name));

    parent->items = NEW_ARRAY(a, struct offspring, inventory.count);
    for (size_t i = 0; i < inventory.count; i++) {
        if (!is_shown(walk, inventory.refs[i])) continue;
        struct offspring *item = &parent->items[parent->count++];
        item->ref = inventory.refs[i];
        /* Objects of another cluster are not to be looked for in this one. */
        bool remote = node_find(object, "spec", "kubeConfig", NULL) != NULL;
        if (is_kustomization(item->ref) && !remote) TRY(grow(walk, item, depth + 1));
    }
    return NULL;
}

static err *grow(struct walk *walk, struct offspring *item, int depth)
{
    arena *a = walk->cli->a;
    str key = kube_ref_text(a, item->ref);
    if (depth > LIMIT_OFFSPRING_DEPTH || map_has(&walk->seen, key)) return NULL;
    map_put(&walk->seen, key, item);

    node *object;
    struct kube_request request = {.verb = KUBE_GET, .ref = item->ref};
    err *e = kube_do(walk->cli->kube, a, &request, &object);
    if (err_is(e, ERR_NOT_FOUND) && depth > 0) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    return grow_children(walk, item, object, depth);
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    TRY(cli_connect(cli));
    struct walk walk = {cli, options->compact, {0}};
    const struct kind *kind = kind_find(STR("Kustomization"));
    struct offspring root = {.ref = target_ref(kind, cli->globals.namespace, cli->args[0])};
    err *e = grow(&walk, &root, 0);
    map_done(&walk.seen);
    if (e) return e;

    if (!options->output.len) {
        offspring_write(&cli->out, &root);
        return NULL;
    }
    node *document = offspring_node(cli->a, &root);
    if (str_is(options->output, "yaml")) return yaml_emit(&cli->out, document);
    json_write(&cli->out, document, (struct json_style){.indent = 2});
    BUF_ADD(&cli->out, "\n");
    return NULL;
}

COMMAND(tree_kustomization) = {
    .path = "tree kustomization",
    .aliases = "ks kustomizations",
    .usage = "NAME",
    .summary = "show what a Kustomization has created",
    .examples = "  fixpoint tree kustomization flux-system --compact",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
