/* reconcile: asks the operator to look at an object now, and waits for what comes of it. */
#include "base/clock.h"
#include "cli/shown.h"
#include "cli/wait.h"
#include "control/status.h"

struct options {
    bool with_source;
};

static const struct flag flags[] = {
    FLAG(struct options, with_source, "with-source", 0, FLAG_BOOL,
         .help = "reconcile the object's source first"),
};

static err *get_running(struct cli *cli, struct kube_ref ref, node **out)
{
    struct kube_request request = {.verb = KUBE_GET, .ref = ref};
    TRY(kube_do(cli->kube, cli->a, &request, out));
    if (shown_is_suspended(*out)) return err_invalid("resource is suspended");
    return NULL;
}

static err *annotate(struct cli *cli, struct kube_ref ref)
{
    struct kube_request request = {
        .verb = KUBE_MERGE_PATCH,
        .ref = ref,
        .body = status_request(cli->a, clock_format_micro(cli->a, clock_wall_ns())),
    };
    return kube_do(cli->kube, cli->a, &request, NULL);
}

static err *reconcile(struct cli *cli, const struct kind *kind, struct kube_ref ref,
                      const node *object)
{
    cli_action("annotating %s " STR_FMT " in " STR_FMT " namespace", kind->kind, STR_ARG(ref.name),
               STR_ARG(ref.namespace));
    TRY(annotate(cli, ref));
    cli_success("%s annotated", kind->kind);

    cli_waiting("waiting for %s reconciliation", kind->kind);
    str before = node_find_str(object, "status", "lastHandledReconcileAt", NULL);
    node *after;
    TRY(wait_handled(cli, ref, before, &after));
    TRY(wait_verdict(kind, after));
    cli_success(STR_FMT, STR_ARG(wait_result(cli->a, kind, after)));
    return NULL;
}

/* The object that spec.sourceRef names. */
static err *reconcile_source(struct cli *cli, const struct kind *kind, struct kube_ref ref,
                             const node *object)
{
    const node *source_ref = node_find(object, "spec", "sourceRef", NULL);
    if (!source_ref) return err_invalid("--with-source: a %s has no source", kind->kind);
    str source_kind = node_get_str(source_ref, STR("kind"));
    const struct kind *source = kind_find(source_kind);
    if (!source) {
        return err_invalid("--with-source: reconciling a " STR_FMT " is not supported",
                           STR_ARG(source_kind));
    }
    str namespace = node_get_str(source_ref, STR("namespace"));
    struct kube_ref source_at = target_ref(source, namespace.len ? namespace : ref.namespace,
                                           node_get_str(source_ref, STR("name")));
    node *source_object;
    TRY(get_running(cli, source_at, &source_object));
    return reconcile(cli, source, source_at, source_object);
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    struct target target;
    TRY(target_take(cli, false, &target));
    if (cli->arg_count != 1) return err_invalid("expected one name after the kind");
    TRY(cli_connect(cli));

    const struct kind *kind = target.kinds[0];
    struct kube_ref ref = target_ref(kind, cli->globals.namespace, cli->args[0]);
    node *object;
    TRY(get_running(cli, ref, &object));
    if (options->with_source) TRY(reconcile_source(cli, kind, ref, object));
    return reconcile(cli, kind, ref, object);
}

COMMAND(reconcile) = {
    .path = "reconcile",
    .usage = "KIND NAME",
    .summary = "reconcile an object now and wait for the result",
    .details = target_help,
    .examples = "  fixpoint reconcile kustomization apps --with-source\n"
                "  fixpoint reconcile source git fleet",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 2,
    .args_max = 3,
    .run = run,
};
