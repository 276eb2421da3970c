/* build kustomization: the objects that the controller would apply. */
#include "cli/local_build.h"
#include "doc/yaml_emit.h"

struct options {
    str path, file;
    bool dry_run, strict, show_secrets;
};

static const struct flag flags[] = {
    FLAG(struct options, path, "path", 0, FLAG_STR, .value = "folder",
         .help = "folder with the manifests, in place of spec.path"),
    FLAG(struct options, file, "kustomization-file", 0, FLAG_STR, .value = "file",
         .help = "file with the Kustomization, instead of the one in the cluster"),
    FLAG(struct options, dry_run, "dry-run", 0, FLAG_BOOL,
         .help = "ask no cluster: variables of ConfigMaps and Secrets are left out"),
    FLAG(struct options, strict, "strict-substitute", 0, FLAG_BOOL,
         .help = "a variable without a value or default is an error"),
    FLAG(struct options, show_secrets, "show-secrets", 0, FLAG_BOOL,
         .help = "print the values of Secrets"),
};

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    if (!options->path.len) return err_invalid("--path is needed: the folder with the manifests");
    struct local_options local = {
        .path = options->path,
        .file = options->file,
        .dry_run = options->dry_run,
        .strict = options->strict,
    };
    struct local_build build;
    TRY(local_build_run(cli, cli->args[0], &local, &build));
    for (size_t i = 0; i < build.manifests.count; i++) {
        node *object = build.manifests.pieces[i].object;
        if (!options->show_secrets) prepare_mask_secret(cli->a, object);
        BUF_ADD(&cli->out, "---\n");
        TRY(yaml_emit(&cli->out, object));
    }
    return NULL;
}

COMMAND(build_kustomization) = {
    .path = "build kustomization",
    .aliases = "ks",
    .usage = "NAME",
    .summary = "print the objects that a Kustomization would apply",
    .examples = "  fixpoint build kustomization apps --path ./apps\n"
                "  fixpoint build ks apps --path ./apps --kustomization-file ./apps.yaml --dry-run",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
