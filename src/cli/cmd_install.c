/* install: the CRDs and the controller, to standard output or into the cluster. */
#include "base/clock.h"
#include "cli/components.h"
#include "cli/installed.h"
#include "cli/wait.h"
#include "doc/yaml_emit.h"
#include "version.h"

struct options {
    bool export, force, watch_all_namespaces, network_policy;
    str version, registry, image_pull_secret, log_level, cluster_domain;
    struct flag_list toleration_keys;
};

static const char *const log_levels[] = {"trace", "debug", "info", "error", NULL};

static const struct flag flags[] = {
    FLAG(struct options, export, "export", 0, FLAG_BOOL,
         .help = "write the manifests to standard output, touch no cluster"),
    FLAG(struct options, version, "version", 'v', FLAG_STR, .value = "tag",
         .help = "tag of the image (default: the version of this program)"),
    FLAG(struct options, registry, "registry", 0, FLAG_STR, .value = "host/path",
         .help = "where the image is pulled from"),
    FLAG(struct options, image_pull_secret, "image-pull-secret", 0, FLAG_STR, .value = "name",
         .help = "Secret with the credentials of the registry"),
    FLAG(struct options, watch_all_namespaces, "watch-all-namespaces", 0, FLAG_BOOL,
         .fallback = "true", .help = "reconcile objects of every namespace, not only of its own"),
    FLAG(struct options, network_policy, "network-policy", 0, FLAG_BOOL, .fallback = "true",
         .help = "install NetworkPolicies too"),
    FLAG(struct options, log_level, "log-level", 0, FLAG_STR, .fallback = "info",
         .choices = log_levels, .value = "level", .help = "how much the controller logs"),
    FLAG(struct options, cluster_domain, "cluster-domain", 0, FLAG_STR, .fallback = "cluster.local",
         .value = "name", .help = "internal domain of the cluster"),
    FLAG(struct options, toleration_keys, "toleration-keys", 0, FLAG_LIST, .value = "key",
         .help = "taints that the controller's pod tolerates"),
    FLAG(struct options, force, "force", 0, FLAG_BOOL,
         .help = "install although another Flux, or a bootstrap, is in the way"),
};

static err *build(struct cli *cli, const struct options *options, node ***out, size_t *count_out)
{
    str version = options->version.len ? options->version : STR(FIXPOINT_VERSION);
    struct components_options components = {
        .namespace = cli->globals.namespace,
        .image = str_printf(cli->a, STR_FMT "%sfixpoint:" STR_FMT, STR_ARG(options->registry),
                            options->registry.len ? "/" : "", STR_ARG(version)),
        .image_pull_secret = options->image_pull_secret,
        .log_level = options->log_level,
        .cluster_domain = options->cluster_domain,
        .watch_all_namespaces = options->watch_all_namespaces,
        .network_policy = options->network_policy,
        .toleration_keys = options->toleration_keys.items,
        .toleration_count = options->toleration_keys.count,
    };
    return components_build(cli->a, &components, out, count_out);
}

static err *export(struct cli *cli, node **objects, size_t count)
{
    buf_printf(&cli->out, "---\n# Made by fixpoint %s. It serves the API of Flux %s.\n",
               FIXPOINT_VERSION, COMPONENTS_FLUX_VERSION);
    for (size_t i = 0; i < count; i++) {
        if (i) BUF_ADD(&cli->out, "---\n");
        TRY(yaml_emit(&cli->out, objects[i]));
    }
    return NULL;
}

/* ---- What may be in the way ---- */

static err *check_bootstrap(struct cli *cli)
{
    node *crd;
    TRY(installed_crd(cli, &crd));
    str owner = node_find_str(crd, "metadata", "labels", "kustomize.toolkit.fluxcd.io/name", NULL);
    if (!owner.len) return NULL;
    return err_conflict("this cluster is bootstrapped: the Kustomization '" STR_FMT
                        "' installs the CRDs from Git; change them there, or use --force",
                        STR_ARG(owner));
}

/* Two operators for the same objects would take turns in undoing each other's work. */
static err *check_controllers(struct cli *cli)
{
    node *deployments;
    TRY(installed_deployments(cli, &deployments));
    buf others = BUF(cli->a);
    NODE_EACH (deployments, item) {
        str name = node_find_str(item, "metadata", "name", NULL);
        if (str_is(name, COMPONENTS_DEPLOYMENT)) continue;
        buf_printf(&others, " " STR_FMT, STR_ARG(name));
    }
    if (!others.len) return NULL;
    return err_conflict("controllers of another Flux run in '" STR_FMT "':" STR_FMT
                        "; delete their Deployments first (the objects stay), or use --force",
                        STR_ARG(cli->globals.namespace), STR_ARG(buf_str(&others)));
}

/* ---- Installing ---- */

static err *apply(struct cli *cli, node **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kube_ref ref = kube_ref_of(objects[i]);
        struct kube_request request = {
            .verb = KUBE_APPLY,
            .ref = ref,
            .body = objects[i],
            .force = true,
        };
        str text = kube_ref_text(cli->a, ref);
        err *e = kube_do(cli->kube, cli->a, &request, NULL);
        if (e) return err_wrap(e, STR_FMT, STR_ARG(text));
        if (cli->globals.verbose) cli_success(STR_FMT " applied", STR_ARG(text));
    }
    return NULL;
}

static err *install(struct cli *cli, const struct options *options, node **objects, size_t count)
{
    TRY(cli_connect(cli));
    if (!options->force) {
        TRY(check_bootstrap(cli));
        TRY(check_controllers(cli));
    }
    cli_action("installing components in " STR_FMT " namespace", STR_ARG(cli->globals.namespace));
    TRY(apply(cli, objects, count));
    cli_success("components applied");

    cli_waiting("verifying installation");
    for (size_t i = 0; i < count; i++) {
        str kind = node_get_str(objects[i], STR("kind"));
        bool waits = str_is(kind, "CustomResourceDefinition") || str_is(kind, "Deployment");
        if (waits) TRY(wait_current(cli, kube_ref_of(objects[i])));
    }
    cli_success(COMPONENTS_DEPLOYMENT ": deployment ready");
    cli_success("install finished");
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    node **objects;
    size_t count;
    if (!options->export) cli_generate("generating manifests");
    TRY(build(cli, options, &objects, &count));
    if (options->export) return export(cli, objects, count);
    cli_success("manifests build completed");
    return install(cli, options, objects, count);
}

COMMAND(install) = {
    .path = "install",
    .summary = "install the CRDs and the controller, or print them",
    .examples = "  fixpoint install --export | kubectl apply --server-side -f -\n"
                "  fixpoint install --registry registry.example.com/platform",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
