/* version: of this program, and of what runs in the cluster. */
#include "cli/components.h"
#include "cli/installed.h"
#include "doc/json.h"
#include "doc/yaml_emit.h"
#include "version.h"

struct options {
    bool client;
    str output;
};

static const char *const outputs[] = {"yaml", "json", NULL};

static const struct flag flags[] = {
    FLAG(struct options, client, "client", 0, FLAG_BOOL, .help = "only of this program"),
    FLAG(struct options, output, "output", 'o', FLAG_STR, .fallback = "yaml", .value = "format",
         .choices = outputs, .help = "how it is written"),
};

static err *add_distribution(struct cli *cli, node *versions)
{
    node *crd;
    TRY(installed_crd(cli, &crd));
    if (!crd) return err_not_found("no CRD of GitRepository in this cluster: nothing is installed");
    const node *labels = node_find(crd, "metadata", "labels", NULL);
    str part = node_get_str(labels, STR("app.kubernetes.io/part-of"));
    str version = node_get_str(labels, STR("app.kubernetes.io/version"));
    node_set_str(cli->a, versions, STR("distribution"),
                 str_printf(cli->a, STR_FMT "-" STR_FMT, STR_ARG(part), STR_ARG(version)));
    return NULL;
}

/* "registry/path/name:tag@digest" as name and tag. */
static void add_image(arena *a, node *versions, str image)
{
    str path, name, tag, digest;
    if (!str_cut_last(image, '/', &path, &name)) name = image;
    str_cut(name, '@', &name, &digest);
    if (!str_cut(name, ':', &name, &tag)) tag = digest;
    node_set_str(a, versions, name, tag);
}

static err *add_controllers(struct cli *cli, node *versions)
{
    node *deployments;
    TRY(installed_deployments(cli, &deployments));
    if (!deployments->count) {
        return err_not_found("no controllers found in the '" STR_FMT "' namespace",
                             STR_ARG(cli->globals.namespace));
    }
    NODE_EACH (deployments, deployment) {
        const node *pod = node_find(deployment, "spec", "template", "spec", NULL);
        NODE_EACH (node_get(pod, STR("containers")), container) {
            add_image(cli->a, versions, node_get_str(container, STR("image")));
        }
    }
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    node *versions = node_map(cli->a);
    node_set_str(cli->a, versions, STR("flux"), STR(COMPONENTS_FLUX_VERSION));
    node_set_str(cli->a, versions, STR("fixpoint-cli"), STR(FIXPOINT_VERSION));
    if (!options->client) {
        TRY(cli_connect(cli));
        TRY(add_distribution(cli, versions));
        TRY(add_controllers(cli, versions));
    }

    if (str_is(options->output, "json")) {
        json_write(&cli->out, versions, (struct json_style){.indent = 2});
        BUF_ADD(&cli->out, "\n");
        return NULL;
    }
    /* The order says what belongs together; the YAML writer would sort. */
    PAIR_EACH (versions, pair) {
        buf_printf(&cli->out, STR_FMT ": " STR_FMT "\n", STR_ARG(pair->key),
                   STR_ARG(pair->value->text));
    }
    return NULL;
}

COMMAND(version) = {
    .path = "version",
    .summary = "show the version of this program and of the controllers",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
