/* build kustomize: what `kustomize build` prints, byte for byte. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "render/kustomize.h"

struct options {
    str reorder, load_restrictor, output;
    bool managed_by, helm;
};

static const char *const orders[] = {"legacy", "none", "unspecified", NULL};
static const char *const restrictors[] = {"LoadRestrictionsRootOnly", "LoadRestrictionsNone", NULL};

static const struct flag flags[] = {
    FLAG(struct options, output, "output", 'o', FLAG_STR, .value = "file",
         .help = "write to this file instead of standard output"),
    FLAG(struct options, load_restrictor, "load-restrictor", 0, FLAG_STR, .choices = restrictors,
         .fallback = "LoadRestrictionsRootOnly",
         .help = "whether a kustomization may read files outside of its folder"),
    FLAG(struct options, reorder, "reorder", 0, FLAG_STR, .choices = orders,
         .fallback = "unspecified", .help = "order of the objects: by kind, or as they were found"),
    FLAG(struct options, managed_by, "enable-managedby-label", 0, FLAG_BOOL,
         .help = "add the label app.kubernetes.io/managed-by"),
    FLAG(struct options, helm, "enable-helm", 0, FLAG_BOOL,
         .help = "refused: helm charts are rendered by HelmReleases", .hidden = true),
};

static err *build(struct cli *cli, const struct options *options)
{
    struct tree *tree AUTO(tree_unref_done) = NULL;
    char working_dir[PATH_MAX];
    if (!getcwd(working_dir, sizeof working_dir))
        return fs_error("get", STR("the working directory"));
    struct kustomize_options how = KUSTOMIZE_COMMAND;
    how.working_dir = str_of(working_dir);
    how.legacy_order = !str_is(options->reorder, "none");
    how.root_only = !str_is(options->load_restrictor, "LoadRestrictionsNone");
    how.managed_by = options->managed_by;

    struct kustomize_output output;
    TRY(tree_open(STR("/"), &tree));
    str path = cli->arg_count ? cli->args[0] : STR(".");
    err *e = kustomize_build(cli->a, tree, path, &how, &output);
    fprintf(stderr, STR_FMT, STR_ARG(output.warnings));
    return e ? e : kustomize_print(&cli->out, &output);
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    if (options->helm)
        return err_denied("--enable-helm is not supported: charts are rendered by HelmReleases");
    err *e AUTO(err_done) = build(cli, options);
    if (e) {
        buf_clear(&cli->out);
        /* In the words and the form of the reference, for scripts that read it. */
        fprintf(stderr, "Error: %s\n", e->message);
        cli->exit_code = 1;
        return NULL;
    }
    if (!options->output.len) return NULL;
    TRY(fs_write(options->output, buf_str(&cli->out), 0644));
    buf_clear(&cli->out);
    return NULL;
}

COMMAND(build_kustomize) = {
    .path = "build kustomize",
    .usage = "[FOLDER]",
    .summary = "print what `kustomize build` prints, byte for byte",
    .help =
        "Needs no cluster and starts no program. Remote bases, helm charts and external plugins\n"
        "are refused.",
    .examples = "  fixpoint build kustomize ./apps/production",
    COMMAND_FLAGS(flags, struct options),
    .args_max = 1,
    .bare = true,
    .run = run,
};
