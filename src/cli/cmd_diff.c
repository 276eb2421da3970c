/* diff kustomization: what applying a local folder would change in the cluster, field by field. */
#include "base/limits.h"
#include "cli/local_build.h"
#include "doc/diff.h"

#define EXIT_DIFFERENT 1
#define EXIT_ERROR     2

struct options {
    str path, file;
    bool strict;
};

static const struct flag flags[] = {
    FLAG(struct options, path, "path", 0, FLAG_STR, .value = "folder",
         .help = "folder with the manifests, in place of spec.path"),
    FLAG(struct options, file, "kustomization-file", 0, FLAG_STR, .value = "file",
         .help = "file with the Kustomization, instead of the one in the cluster"),
    FLAG(struct options, strict, "strict-substitute", 0, FLAG_BOOL,
         .help = "a variable without a value or default is an error"),
};

/* ---- What is in the cluster ---- */

/* Answers in the order of the requests; a missing object is NULL. */
struct fetch {
    arena *a;
    node **objects;
    err *error; /* the first one */
};

static void on_object(void *context, size_t index, arena *a, node *object, err *e)
{
    (void)a;
    struct fetch *fetch = context;
    if (!e) {
        fetch->objects[index] = doc_copy(fetch->a, object);
    } else if (e->kind == ERR_NOT_FOUND || fetch->error) {
        err_free(e);
    } else {
        fetch->error = e;
    }
}

static err *fetch(struct cli *cli, const struct kube_ref *refs, size_t count, node ***out)
{
    struct kube_request *requests = NEW_ARRAY(cli->a, struct kube_request, count);
    for (size_t i = 0; i < count; i++) {
        requests[i] = (struct kube_request){.verb = KUBE_GET, .ref = refs[i]};
    }
    struct fetch fetch = {.a = cli->a, .objects = NEW_ARRAY(cli->a, node *, count)};
    kube_batch(cli->kube, requests, count, NULL, on_object, &fetch);
    *out = fetch.objects;
    return fetch.error;
}

static err *fetch_live(struct cli *cli, struct pieces *pieces)
{
    struct kube_ref *refs = NEW_ARRAY(cli->a, struct kube_ref, pieces->count);
    node **objects;
    for (size_t i = 0; i < pieces->count; i++)
        refs[i] = pieces->items[i].ref;
    TRY(fetch(cli, refs, pieces->count, &objects));
    for (size_t i = 0; i < pieces->count; i++)
        pieces->items[i].live = objects[i];
    return NULL;
}

/* ---- What would change ---- */

static void say(struct cli *cli, struct kube_ref ref, const char *what)
{
    str text = kube_ref_text(cli->a, ref);
    buf_printf(&cli->out, "► " STR_FMT " %s\n", STR_ARG(text), what);
}

/* The fields in which the live object and the answer of the dry run differ. */
static bool show_fields(struct cli *cli, const struct piece *piece)
{
    node *before = diff_desired_part(cli->a, piece->live);
    node *after = diff_desired_part(cli->a, piece->applied);
    struct diff diff;
    diff_mask_secrets(cli->a, &before, &after);
    diff_nodes(cli->a, before, after, LIMIT_DIFF_FIELDS, &diff);
    if (!diff.count) return false;
    say(cli, piece->ref, "drifted");
    diff_write(&cli->out, &diff);
    if (diff.left_out) buf_printf(&cli->out, "  and %zu more\n", diff.left_out);
    return true;
}

/* True when applying the piece would change something. */
static bool show_piece(struct cli *cli, const struct piece *piece)
{
    if (piece->state == SUBMIT_SKIP) {
        say(cli, piece->ref, "skipped");
        return false;
    }
    if (!piece->live) {
        say(cli, piece->ref, "created");
        return true;
    }
    if (piece->recreate) {
        say(cli, piece->ref, "drifted: an immutable field changes, it would be replaced");
        return true;
    }
    return show_fields(cli, piece);
}

/* What the Kustomization has made and the folder no longer holds. */
static err *show_deleted(struct cli *cli, const struct local_build *build, bool *changed)
{
    struct inventory before = {0}, now = {0}, gone = {0};
    size_t bad;
    if (!build->live || !build->spec.prune) return NULL;
    inventory_read(cli->a, node_find(build->live, "status", "inventory", NULL), &before, &bad);
    for (size_t i = 0; i < build->manifests.count; i++) {
        inventory_add(cli->a, &now, build->manifests.pieces[i].ref);
    }
    inventory_minus(cli->a, &before, &now, &gone);

    node **objects;
    TRY(fetch(cli, gone.refs, gone.count, &objects));
    for (size_t i = 0; i < gone.count; i++) {
        if (!objects[i]) continue;
        bool kept = prepare_is_prune_disabled(objects[i]);
        say(cli, gone.refs[i], kept ? "skipped" : "deleted");
        *changed |= !kept;
    }
    return NULL;
}

static err *show_all(struct cli *cli, const struct local_build *build, struct pieces *pieces)
{
    bool changed = false;
    TRY(fetch_live(cli, pieces));
    TRY(submit_validate(cli->kube, pieces, false, NULL));
    for (size_t i = 0; i < pieces->count; i++)
        changed |= show_piece(cli, &pieces->items[i]);
    TRY(show_deleted(cli, build, &changed));
    if (!changed) return NULL;
    cli->exit_code = EXIT_DIFFERENT;
    TRY(cli_flush(cli));
    cli_failure("identified at least one change, exiting with non-zero exit code");
    return NULL;
}

static err *run(struct cli *cli, const void *given)
{
    const struct options *options = given;
    if (!options->path.len) return err_invalid("--path is needed: the folder with the manifests");
    struct local_options local = {
        .path = options->path,
        .file = options->file,
        .strict = options->strict,
    };
    struct local_build build;
    TRY(local_build_run(cli, cli->args[0], &local, &build));

    struct pieces pieces = {
        .items = build.manifests.pieces,
        .count = build.manifests.count,
        .force = build.spec.force,
        .keep_answers = true,
        .a = cli->a,
    };
    err *e = show_all(cli, &build, &pieces);
    submit_done(&pieces);
    return e;
}

COMMAND(diff_kustomization) = {
    .path = "diff kustomization",
    .aliases = "ks",
    .usage = "NAME",
    .summary = "show what applying a local folder would change",
    .help = "Ends with 1 when something would change, with 2 on an error, else with 0. The API\n"
            "server is asked by dry run; nothing is changed. Values of Secrets are masked.",
    .examples = "  fixpoint diff kustomization apps --path ./apps",
    COMMAND_FLAGS(flags, struct options),
    .args_min = 1,
    .args_max = 1,
    .error_exit = EXIT_ERROR,
    .run = run,
};
