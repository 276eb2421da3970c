#include "cli/local_build.h"

#include <limits.h>

#include "base/fs.h"
#include "base/limits.h"
#include "cli/target.h"
#include "doc/yaml.h"

/* ---- The Kustomization ---- */

static bool is_it(const struct local_build *build, const node *object)
{
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    return str_eq(node_get_str(object, STR("kind")), build->ref.kind.kind) &&
           str_starts(node_get_str(object, STR("apiVersion")), build->ref.kind.group) &&
           str_eq(node_find_str(object, "metadata", "name", NULL), build->ref.name) &&
           (!namespace.len || str_eq(namespace, build->ref.namespace));
}

static err *read_file(struct cli *cli, const struct local_build *build, str path, const node **out)
{
    str text;
    node **parts;
    size_t count;
    TRY(fs_read(cli->a, path, LIMIT_FILE_BYTES, &text));
    err *e =
        yaml_parse_all(cli->a, text, (struct yaml_options){.dialect = YAML_V3}, &parts, &count);
    if (e) return err_wrap(e, "reading '" STR_FMT "'", STR_ARG(path));
    for (size_t i = 0; i < count; i++) {
        if (!is_it(build, parts[i])) continue;
        *out = parts[i];
        return NULL;
    }
    return err_not_found("'" STR_FMT "' holds no Kustomization '" STR_FMT "/" STR_FMT "'",
                         STR_ARG(path), STR_ARG(build->ref.namespace), STR_ARG(build->ref.name));
}

/* One that is only in a file need not be in the cluster. */
static err *read_live(struct cli *cli, struct local_build *build, bool optional)
{
    struct kube_request request = {.verb = KUBE_GET, .ref = build->ref};
    node *live;
    err *e = kube_do(cli->kube, cli->a, &request, &live);
    if (err_is(e, ERR_NOT_FOUND) && optional) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    build->live = live;
    return NULL;
}

static err *find_object(struct cli *cli, const struct local_options *options,
                        struct local_build *build, const node **out)
{
    if (options->dry_run && !options->file.len) {
        return err_invalid("--dry-run needs the Kustomization in a file: --kustomization-file");
    }
    if (!options->dry_run) TRY(read_live(cli, build, options->file.len > 0));
    if (options->file.len) return read_file(cli, build, options->file, out);
    *out = build->live;
    return NULL;
}

/* ---- The objects ---- */

/* The tree is the whole file system: a folder may refer to its neighbours, as in a checkout. */
static err *absolute(struct cli *cli, str path, str *out)
{
    char real[PATH_MAX];
    if (!realpath(str_z(cli->a, path), real)) return fs_error("open", path);
    *out = str_dup(cli->a, str_of(real));
    return NULL;
}

static err *build_objects(struct cli *cli, const struct local_options *options,
                          const struct map *variables, struct local_build *build)
{
    struct tree *tree AUTO(tree_unref_done) = NULL;
    str path;
    TRY(absolute(cli, options->path, &path));
    TRY(tree_open(STR("/"), &tree));
    struct manifests_options manifests = {
        .tree = tree,
        .path = path,
        .name = build->ref.name,
        .namespace = build->ref.namespace,
        .spec = &build->spec,
        .variables = variables,
        .lenient = !options->strict,
        .keep_encrypted = true,
    };
    return manifests_build(cli->a, &manifests, &build->manifests);
}

/* What only the controller's key opens is shown as masked, and cannot be compared. */
static void mask_encrypted(struct cli *cli, struct manifests *manifests)
{
    for (size_t i = 0; i < manifests->count; i++) {
        node *object = manifests->pieces[i].object;
        if (!node_get(object, STR("sops"))) continue;
        node_unset(object, STR("sops"));
        prepare_mask_secret(cli->a, object);
        manifests->pieces[i].state = SUBMIT_SKIP;
    }
}

static err *build_with_variables(struct cli *cli, const struct local_options *options,
                                 struct map *variables, struct local_build *build)
{
    uint64_t digest;
    struct kustomization_spec spec = build->spec;
    if (options->dry_run) spec.post_build.substitute_from.count = 0;
    TRY(manifests_variables(cli->kube, cli->a, &spec, build->ref.namespace, variables, &digest));
    TRY(build_objects(cli, options, variables, build));
    mask_encrypted(cli, &build->manifests);
    if (build->manifests.warnings.len) cli_warning(STR_FMT, STR_ARG(build->manifests.warnings));
    return NULL;
}

err *local_build_run(struct cli *cli, str name, const struct local_options *options,
                     struct local_build *out)
{
    if (!options->dry_run) TRY(cli_connect(cli));
    const node *object = NULL;
    *out = (struct local_build){
        .ref = target_ref(kind_find(STR("Kustomization")), cli->globals.namespace, name),
    };
    TRY(find_object(cli, options, out, &object));
    err *e = kustomization_spec_decode(cli->a, object, &out->spec);
    if (e) return err_wrap(e, STR_FMT, STR_ARG(kube_ref_text(cli->a, out->ref)));

    struct map variables = {0};
    e = build_with_variables(cli, options, &variables, out);
    map_done(&variables);
    return e;
}
