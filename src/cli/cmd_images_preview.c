/* images preview: what an ImageUpdateAutomation would write into a checkout, suspended or not. */
#include "base/fs.h"
#include "base/limits.h"
#include "base/tree.h"
#include "cli/cli.h"
#include "cli/grid.h"
#include "control/image_policies.h"
#include "control/imageupdateautomation_spec.h"

struct options {
    str path;
};

static const struct flag flags[] = {
    FLAG(struct options, path, "path", 0, FLAG_STR, .fallback = ".", .value = "folder",
         .help = "the checkout of the repository"),
};

struct preview {
    struct cli *cli;
    struct tree *tree;
    str folder; /* spec.update.path, as the walk names it */
    struct image_policies policies;
    struct grid grid;
    size_t files, problems;
};

static err *get_automation(struct cli *cli, str name, struct imageupdateautomation_spec *out)
{
    node *object;
    struct kube_request get = {
        .verb = KUBE_GET,
        .ref = {{STR("image.toolkit.fluxcd.io"), STR("v1"), STR("ImageUpdateAutomation")},
                cli->globals.namespace,
                name},
    };
    TRY(kube_do(cli->kube, cli->a, &get, &object));
    return imageupdateautomation_spec_decode(cli->a, object, out);
}

static err *get_policies(struct preview *preview, const node *selector)
{
    struct cli *cli = preview->cli;
    node *answer, *items;
    struct kube_request list = {
        .verb = KUBE_LIST,
        .ref = {{STR("image.toolkit.fluxcd.io"), STR("v1"), STR("ImagePolicy")},
                cli->globals.namespace,
                {0}},
    };
    TRY(kube_do(cli->kube, cli->a, &list, &answer));
    items = node_get(answer, STR("items"));
    return image_policies_choose(cli->a, cli->globals.namespace, items ? items->items : NULL,
                                 items ? items->count : 0, selector, &preview->policies);
}

static void add_changes(struct preview *preview, str path, const struct setter_result *result)
{
    arena *a = preview->cli->a;
    preview->files += result->count > 0;
    for (size_t i = 0; i < result->count; i++) {
        const struct setter_change *change = &result->changes[i];
        const struct setter_object *object = &change->object;
        str cells[] = {
            str_printf(a, STR_FMT ":%zu", STR_ARG(path), change->line),
            str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(object->kind), STR_ARG(object->name)),
            change->old_value,
            change->new_value,
            change->setter,
        };
        grid_add(&preview->grid, cells);
    }
}

static err *look_at(struct preview *preview, str path)
{
    arena *a = preview->cli->a;
    struct setter_result result;
    str text;
    if (!setter_takes_name(path)) return NULL;
    err *e = tree_read(a, preview->tree, path, LIMIT_SPAN_BYTES, &text);
    if (!e && !setter_takes_text(text)) return NULL;
    if (!e) e = setter_edit(a, text, &preview->policies.setters, &result);
    if (!e) {
        add_changes(preview, path, &result);
        return NULL;
    }
    cli_warning(STR_FMT ": " STR_FMT, STR_ARG(path), STR_ARG(err_text(e)));
    preview->problems++;
    err_free(e);
    return NULL;
}

static err *walk(struct preview *preview, str folder, int depth)
{
    arena *a = preview->cli->a;
    struct tree_entry *entries;
    size_t count;
    if (depth > LIMIT_TREE_DEPTH) {
        return err_invalid("'" STR_FMT "' is deeper than the limit of %d folders", STR_ARG(folder),
                           LIMIT_TREE_DEPTH);
    }
    TRY(tree_list(a, preview->tree, folder, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        const struct tree_entry *entry = &entries[i];
        str path = folder.len ? fs_join(a, folder, entry->name) : entry->name;
        if (entry->link || str_is(entry->name, ".git")) continue;
        if (entry->kind == TREE_DIR) TRY(walk(preview, path, depth + 1));
        if (entry->kind == TREE_FILE) TRY(look_at(preview, path));
    }
    return NULL;
}

static err *show(struct preview *preview)
{
    struct cli *cli = preview->cli;
    size_t rows = grid_rows(&preview->grid);
    for (size_t i = 0; i < preview->policies.refused_count; i++)
        cli_warning(STR_FMT, STR_ARG(preview->policies.refused[i]));
    if (rows) {
        grid_write(&cli->out, &preview->grid, true);
        TRY(cli_flush(cli));
    }
    if (!rows)
        cli_success("nothing would be updated");
    else
        cli_generate("%zu values in %zu files would be updated", rows, preview->files);
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    static const char *const headers[] = {"File", "Object", "Is", "Would be", "Setter"};
    const struct options *options = given;
    struct preview preview = {.cli = cli, .grid = grid_begin(cli->a, headers, COUNT(headers))};
    struct imageupdateautomation_spec spec;
    struct tree *tree AUTO(tree_unref_done) = NULL;
    TRY(cli_connect(cli));
    TRY(get_automation(cli, cli->args[0], &spec));
    TRY(tree_open(options->path, &tree));
    preview.tree = tree;
    str folder = fs_clean(cli->a, spec.update.path);
    while (str_strip_prefix(&folder, STR("/")))
        continue;
    err *e = get_policies(&preview, spec.policy_selector);
    if (!e) e = walk(&preview, str_is(folder, ".") ? (str){0} : folder, 0);
    if (!e) e = show(&preview);
    image_policies_done(&preview.policies);
    return e;
}

COMMAND(images_preview) = {
    .path = "images preview",
    .usage = "NAME",
    .summary = "show what an image automation would write, without writing it",
    .help = "Reads the setters in a checkout of the repository and the images that the policies of "
            "the cluster have chosen. Nothing is changed. Works for an automation that is "
            "suspended, too.",
    .examples = "fixpoint images preview fleet --path ~/fleet",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
