#include "cli/installed.h"

err *installed_crd(struct cli *cli, node **out)
{
    struct kube_request request = {
        .verb = KUBE_GET,
        .ref = {{STR("apiextensions.k8s.io"), STR("v1"), STR("CustomResourceDefinition")},
                {0},
                STR("gitrepositories.source.toolkit.fluxcd.io")},
        .metadata_only = true,
    };
    *out = NULL;
    err *e = kube_do(cli->kube, cli->a, &request, out);
    if (!err_is(e, ERR_NOT_FOUND)) return e;
    err_free(e);
    return NULL;
}

err *installed_deployments(struct cli *cli, node **out)
{
    struct kube_request request = {
        .verb = KUBE_LIST,
        .ref = {{STR("apps"), STR("v1"), STR("Deployment")}, cli->globals.namespace, {0}},
        .label_selector = STR("app.kubernetes.io/part-of=flux"),
    };
    node *answer;
    TRY(kube_do(cli->kube, cli->a, &request, &answer));
    node *items = node_get(answer, STR("items"));
    *out = items ? items : node_list(cli->a);
    return NULL;
}
