/* suspend and resume: spec.suspend of one object, several, or all of a namespace. */
#include "cli/wait.h"

struct options {
    bool all, wait;
};

static const struct flag suspend_flags[] = {
    FLAG(struct options, all, "all", 0, FLAG_BOOL, .help = "every object of the namespace"),
};

static const struct flag resume_flags[] = {
    FLAG(struct options, all, "all", 0, FLAG_BOOL, .help = "every object of the namespace"),
    FLAG(struct options, wait, "wait", 0, FLAG_BOOL,
         .help = "wait for each object, also when there are several"),
};

/* The names to work on: those given, or all there are. */
static err *check_names(const struct cli *cli, bool all)
{
    if (all && cli->arg_count) return err_invalid("names and --all exclude each other");
    if (all || cli->arg_count) return NULL;
    return err_invalid("expected a name after the kind, or --all");
}

static err *names_of(struct cli *cli, const struct kind *kind, bool all, str **out,
                     size_t *count_out)
{
    *out = cli->args;
    *count_out = cli->arg_count;
    if (!all) return NULL;
    struct kube_request request = {
        .verb = KUBE_LIST,
        .ref = target_ref(kind, cli->globals.namespace, (str){0}),
        .metadata_only = true,
    };
    node *answer;
    TRY(kube_do(cli->kube, cli->a, &request, &answer));
    const node *items = node_get(answer, STR("items"));
    *out = NEW_ARRAY(cli->a, str, items ? items->count : 0);
    NODE_EACH (items, item)
        (*out)[(*count_out)++] = node_find_str(item, "metadata", "name", NULL);
    if (*count_out) return NULL;
    return err_not_found("no %s objects found in " STR_FMT " namespace", kind->kind,
                         STR_ARG(cli->globals.namespace));
}

static err *set_suspend(struct cli *cli, struct kube_ref ref, bool suspend)
{
    struct kube_request request = {
        .verb = KUBE_MERGE_PATCH,
        .ref = ref,
        .body_json =
            suspend ? STR("{\"spec\":{\"suspend\":true}}") : STR("{\"spec\":{\"suspend\":false}}"),
    };
    return kube_do(cli->kube, cli->a, &request, NULL);
}

static err *await(struct cli *cli, const struct kind *kind, struct kube_ref ref)
{
    cli_waiting("waiting for %s reconciliation", kind->kind);
    node *object;
    TRY(wait_ready(cli, ref, &object));
    TRY(wait_verdict(kind, object));
    cli_success("%s " STR_FMT " reconciliation completed", kind->kind, STR_ARG(ref.name));
    cli_success(STR_FMT, STR_ARG(wait_result(cli->a, kind, object)));
    return NULL;
}

static err *change(struct cli *cli, const struct kind *kind, struct kube_ref ref, bool suspend)
{
    cli_action("%s %s " STR_FMT " in " STR_FMT " namespace", suspend ? "suspending" : "resuming",
               kind->human, STR_ARG(ref.name), STR_ARG(ref.namespace));
    TRY(set_suspend(cli, ref, suspend));
    cli_success("%s %s", kind->human, suspend ? "suspended" : "resumed");
    return NULL;
}

/* An object that cannot be changed does not keep the others from their turn. */
static bool went_well(struct cli *cli, err *e)
{
    if (!e) return true;
    cli_failure(STR_FMT, STR_ARG(err_text(e)));
    err_free(e);
    cli->exit_code = 1;
    return false;
}

static err *change_all(struct cli *cli, const struct options *options, bool suspend)
{
    struct target target;
    TRY(target_take(cli, false, &target));
    TRY(check_names(cli, options->all));
    TRY(cli_connect(cli));
    const struct kind *kind = target.kinds[0];
    str *names;
    size_t count, changed = 0;
    TRY(names_of(cli, kind, options->all, &names, &count));

    struct kube_ref *refs = NEW_ARRAY(cli->a, struct kube_ref, count);
    for (size_t i = 0; i < count; i++) {
        struct kube_ref ref = target_ref(kind, cli->globals.namespace, names[i]);
        if (went_well(cli, change(cli, kind, ref, suspend))) refs[changed++] = ref;
    }
    if (suspend || (count > 1 && !options->wait)) return NULL;
    for (size_t i = 0; i < changed; i++)
        went_well(cli, await(cli, kind, refs[i]));
    return NULL;
}

static err *run_suspend(struct cli *cli, const void *options)
{
    return change_all(cli, options, true);
}

static err *run_resume(struct cli *cli, const void *options)
{
    return change_all(cli, options, false);
}

COMMAND(suspend) = {
    .path = "suspend",
    .usage = "KIND NAME...",
    .summary = "stop reconciling an object",
    .details = target_help,
    .examples = "  fixpoint suspend kustomization apps infra\n"
                "  fixpoint suspend source git --all",
    COMMAND_FLAGS(suspend_flags, struct options),
    .args_min = 1,
    .args_max = -1,
    .run = run_suspend,
};

COMMAND(resume) = {
    .path = "resume",
    .usage = "KIND NAME...",
    .summary = "go on reconciling a suspended object",
    .details = target_help,
    .examples = "  fixpoint resume kustomization apps\n"
                "  fixpoint resume source git --all --wait",
    COMMAND_FLAGS(resume_flags, struct options),
    .args_min = 1,
    .args_max = -1,
    .run = run_resume,
};
