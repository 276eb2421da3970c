/* check: whether the cluster can run us, and whether what is installed works. */
#include "base/semver.h"
#include "cli/installed.h"
#include "doc/json.h"
#include "kube/health.h"

#define KUBERNETES_RANGE ">=1.33.0-0" /* what Flux 2.9 supports */

struct options {
    bool pre;
};

static const struct flag flags[] = {
    FLAG(struct options, pre, "pre", 0, FLAG_BOOL, .help = "only whether we could be installed"),
};

/* Everything is looked at, whatever failed before; the end tells. */
struct check {
    struct cli *cli;
    bool failed;
};

#define FAIL(check, ...) ((check)->failed = true, cli_failure(__VA_ARGS__))

/* A version that cannot be read is none that is known to work. */
static bool is_supported(arena *a, str given)
{
    struct semver version;
    struct semver_range *range;
    err *e = semver_range_parse(a, STR(KUBERNETES_RANGE), &range);
    must(!e);
    e = semver_parse(given, &version);
    bool supported = !e && semver_range_has(range, &version);
    err_free(e);
    return supported;
}

static err *check_kubernetes(struct check *check)
{
    arena *a = check->cli->a;
    str text;
    node *answer;
    TRY(kube_raw(check->cli->kube, a, STR("/version"), &text));
    TRY(json_parse(a, text, (struct json_options){.last_wins = true}, &answer));
    str given = node_get_str(answer, STR("gitVersion"));
    str_strip_prefix(&given, STR("v"));
    if (is_supported(a, given)) {
        cli_success("Kubernetes " STR_FMT " " KUBERNETES_RANGE, STR_ARG(given));
    } else {
        FAIL(check, "Kubernetes version " STR_FMT " does not match " KUBERNETES_RANGE,
             STR_ARG(given));
    }
    return NULL;
}

static err *check_distribution(struct check *check)
{
    node *crd;
    cli_action("checking version in cluster");
    TRY(installed_crd(check->cli, &crd));
    const node *labels = node_find(crd, "metadata", "labels", NULL);
    str part = node_get_str(labels, STR("app.kubernetes.io/part-of"));
    str version = node_get_str(labels, STR("app.kubernetes.io/version"));
    if (!part.len || !version.len) {
        return err_not_found("no version label on the CRD of GitRepository: is it installed?");
    }
    cli_success("distribution: " STR_FMT "-" STR_FMT, STR_ARG(part), STR_ARG(version));
    bool bootstrapped = node_get(labels, STR("kustomize.toolkit.fluxcd.io/namespace")) != NULL;
    cli_success("bootstrapped: %s", bootstrapped ? "true" : "false");
    return NULL;
}

static void check_deployment(struct check *check, const node *deployment)
{
    str message, name = node_find_str(deployment, "metadata", "name", NULL);
    if (health_of(check->cli->a, deployment, &message) == HEALTH_CURRENT) {
        cli_success(STR_FMT ": deployment ready", STR_ARG(name));
    } else {
        FAIL(check, STR_FMT ": deployment not ready", STR_ARG(name));
        cli_action(STR_FMT, STR_ARG(message));
    }
    const node *pod = node_find(deployment, "spec", "template", "spec", NULL);
    NODE_EACH (node_get(pod, STR("containers")), container) {
        str image = node_get_str(container, STR("image"));
        cli_action(STR_FMT, STR_ARG(image));
    }
}

static err *check_controllers(struct check *check)
{
    node *deployments;
    cli_action("checking controllers");
    TRY(installed_deployments(check->cli, &deployments));
    if (!deployments->count) {
        FAIL(check,
             "no controllers found in the '" STR_FMT
             "' namespace with the label selector 'app.kubernetes.io/part-of=flux'",
             STR_ARG(check->cli->globals.namespace));
    }
    NODE_EACH (deployments, deployment)
        check_deployment(check, deployment);
    return NULL;
}

static err *check_crds(struct check *check)
{
    struct kube_request request = {
        .verb = KUBE_LIST,
        .ref = {.kind = {STR("apiextensions.k8s.io"), STR("v1"), STR("CustomResourceDefinition")}},
        .label_selector = STR("app.kubernetes.io/part-of=flux"),
    };
    node *answer;
    cli_action("checking crds");
    TRY(kube_do(check->cli->kube, check->cli->a, &request, &answer));
    NODE_EACH (node_get(answer, STR("items")), crd) {
        str name = node_find_str(crd, "metadata", "name", NULL);
        const node *stored = node_find(crd, "status", "storedVersions", NULL);
        const node *last = stored && stored->count ? node_at(stored, stored->count - 1) : NULL;
        if (last) {
            cli_success(STR_FMT "/" STR_FMT, STR_ARG(name), STR_ARG(last->text));
        } else {
            FAIL(check, "no stored versions for " STR_FMT, STR_ARG(name));
        }
    }
    return NULL;
}

/* The lines are those of flux: other programs read them. */
static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct check check = {.cli = cli};
    TRY(cli_connect(cli));
    cli_action("checking prerequisites");
    TRY(check_kubernetes(&check));
    if (options->pre) {
        if (check.failed) return err_invalid("check failed");
        cli_success("prerequisites checks passed");
        return NULL;
    }
    TRY(check_distribution(&check));
    TRY(check_controllers(&check));
    TRY(check_crds(&check));
    if (check.failed) return err_invalid("check failed");
    cli_success("all checks passed");
    return NULL;
}

COMMAND(check) = {
    .path = "check",
    .summary = "check the cluster and what is installed in it",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
