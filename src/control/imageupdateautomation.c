/*
 * The ImageUpdateAutomation controller: writes the images that policies have
 * chosen into a Git repository, one commit for all that changed. Texts and
 * reasons are Flux's; what it does better (bytes that stay, a push that is lost
 * to another is done again at once) is in docs/compatibility.md.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "control/commit_message.h"
#include "control/commit_signing.h"
#include "control/git_access.h"
#include "control/image_edit.h"
#include "control/image_policies.h"
#include "control/imageupdateautomation_spec.h"
#include "control/status.h"
#include "control/writers.h"
#include "git/push.h"
#include "source/from_git.h"

#define FIELD_MANAGER "image-automation-controller"
#define TIMEOUT_NS    (60 * CLOCK_SECOND)
#define BUSY_NS       (CLOCK_SECOND / 10)
#define WAIT_NS       (60 * CLOCK_SECOND) /* for another writer, should its end go unnoticed */
#define UP_TO_DATE    "repository up-to-date"
#define UNCHANGED     "no change since last reconciliation"

METRIC(image_pushes) = {
    .name = "fixpoint_image_pushes_total",
    .help = "Commits pushed by image automations.",
    .type = METRIC_COUNTER,
    .labels = {"name", "namespace"},
};

/* One run of one automation. */
struct run {
    struct work *work;
    arena *a;
    struct outcome *out;
    struct status status;
    struct imageupdateautomation_spec spec;
    struct image_policies policies;
    bool was_failed;

    str source_namespace, push_branch, place; /* place: of the writer */
    bool switches;                            /* push_branch is not what is checked out */
    str refspec_to; /* where spec.git.push.refspec leads; empty: nowhere */
    bool refspec_force;
    struct from_git_spec git;
    struct from_git_target checkout, base; /* base: what the commit is put upon */
    struct commit_signing signing;

    bool pushed;
    str commit, message;
};

/* ---- saying how it went ---- */

static err *save(struct run *run)
{
    status_handled(&run->status);
    return status_save(&run->status);
}

static void report(struct run *run, enum manager_severity severity, const char *reason, str message)
{
    manager_event(run->work, severity, reason, message, NULL, 0);
}

static void set_failed(struct run *run, str reason, str message)
{
    status_tell_ready(&run->status, "False", reason, message);
}

static err *stall(struct run *run, str reason, str message)
{
    set_failed(run, reason, message);
    status_stalled(&run->status, reason, message);
    status_observed(&run->status);
    return save(run);
}

/* Takes the error. Its reason is the condition's. */
static err *fail(struct run *run, err *e)
{
    static const char *const lasting[] = {"AccessDenied",          "InvalidSourceConfiguration",
                                          "InvalidPolicySelector", "RemovedTemplateField",
                                          "InvalidSpec",           "UnsupportedField"};
    if (err_is(e, ERR_CANCELED)) return e;
    if (err_is(e, ERR_CONFLICT) && str_is(str_of(e->reason), "Busy")) {
        err_free(e);
        run->out->again_ns = BUSY_NS;
        return NULL;
    }
    str reason = str_dup(run->a, str_of(e->reason)), message = str_dup(run->a, err_text(e));
    err_free(e);
    for (size_t i = 0; i < COUNT(lasting); i++) {
        if (str_is(reason, lasting[i])) return stall(run, reason, message);
    }
    set_failed(run, reason, message);
    status_reconciling(&run->status, STR("ProgressingWithRetry"), message);
    run->out->retry = true;
    return save(run);
}

/* An error of a step, in the words of the reference. */
static err *in_step(err *e, const char *reason, const char *context)
{
    if (!e || e->kind == ERR_CANCELED) return e;
    if (str_is(str_of(e->reason), "Busy") || str_is(str_of(e->reason), "Moved") ||
        str_is(str_of(e->reason), "RemovedTemplateField")) {
        return e;
    }
    return err_because(err_wrap(e, "%s", context), reason);
}

static str pushed_text(struct run *run)
{
    str refspec = run->spec.git.push.refspec;
    return str_printf(
        run->a, "pushed commit '" STR_FMT "' to branch '" STR_FMT "'%s" STR_FMT "%s\n" STR_FMT,
        STR_ARG(str_head(run->commit, 7)), STR_ARG(run->push_branch),
        refspec.len ? " and refspecs '" : "", STR_ARG(refspec), refspec.len ? "'" : "",
        STR_ARG(run->message));
}

static err *succeed(struct run *run, const char *quiet)
{
    struct status *status = &run->status;
    status_unset(status, "Reconciling");
    status_unset(status, "Stalled");
    status_set(status, "Ready", "True", STR("Succeeded"), STR(UP_TO_DATE));
    status_put(status, "observedPolicies", run->policies.observed);
    status_observed(status);
    run->out->again_ns = manager_jitter(run->work->manager, run->spec.interval_ns);
    TRY(save(run));
    if (run->pushed)
        report(run, MANAGER_INFO, "Succeeded", pushed_text(run));
    else if (run->was_failed)
        report(run, MANAGER_INFO, "Succeeded", STR(UP_TO_DATE));
    else
        report(run, MANAGER_TRACE, "Succeeded", str_of(quiet));
    return NULL;
}

/* ---- where to read and write ---- */

static err *bad_source(const char *format, ...) PRINTF(1, 2);
static err *bad_source(const char *format, ...)
{
    arena a AUTO(arena_done) = {0};
    va_list args;
    va_start(args, format);
    str text = str_vprintf(&a, format, args);
    va_end(args);
    return err_new(ERR_INVALID, "InvalidSourceConfiguration",
                   STR_FMT ": invalid source configuration", STR_ARG(text));
}

/* Names that end up in the header of a commit, or in arguments of git. */
static err *check_names(struct run *run)
{
    const struct imageupdateautomation_git *git = &run->spec.git;
    err *e = change_check_person(git->commit.author.name);
    if (e)
        return err_because(err_wrap(e, "spec.git.commit.author.name"),
                           "InvalidSourceConfiguration");
    e = change_check_person(git->commit.author.email);
    if (e)
        return err_because(err_wrap(e, "spec.git.commit.author.email"),
                           "InvalidSourceConfiguration");
    str branch = git->push.branch;
    str ref = str_concat(run->a, STR("refs/heads/"), branch);
    if (branch.len && (!remote_ref_is_valid(ref) || branch.data[0] == '-')) {
        return bad_source("spec.git.push.branch: '" STR_FMT "' is not a valid name of a branch",
                          STR_ARG(str_head_utf8(branch, 100)));
    }
    PAIR_EACH (git->push.options, pair) {
        if (str_has_char(pair->key, '\n') || str_has_char(pair->value->text, '\n'))
            return bad_source("spec.git.push.options: a line break is not allowed");
    }
    return NULL;
}

static err *check_spec(struct run *run)
{
    const struct imageupdateautomation_spec *spec = &run->spec;
    run->source_namespace =
        spec->source_ref.namespace.len ? spec->source_ref.namespace : run->work->namespace;
    bool foreign = !str_eq(run->source_namespace, run->work->namespace);
    if (foreign && manager_options_of(run->work->manager)->no_cross_namespace_refs) {
        return err_new(ERR_DENIED, "AccessDenied",
                       "can't access 'GitRepository/" STR_FMT "/" STR_FMT
                       "', cross-namespace references have been blocked",
                       STR_ARG(run->source_namespace), STR_ARG(spec->source_ref.name));
    }
    if (!spec->has_git)
        return bad_source("source kind 'GitRepository' necessitates field .spec.git");
    return check_names(run);
}

static void take_ref(struct run *run, const struct gitrepository_ref *ref)
{
    run->git.ref.branch = ref->branch;
    run->git.ref.tag = ref->tag;
    run->git.ref.semver = ref->semver;
    run->git.ref.name = ref->name;
    run->git.ref.commit = ref->commit;
}

/* From the object of the source; its artifact is not needed. */
static err *find_source(struct run *run)
{
    const struct imageupdateautomation_spec *spec = &run->spec;
    str name = spec->source_ref.name;
    struct gitrepository_spec source;
    node *object =
        manager_get(run->work->manager, run->a, STR("GitRepository"), run->source_namespace, name);
    if (!object) {
        return err_not_found("referenced git repository does not exist: "
                             "gitrepositories.source.toolkit.fluxcd.io \"" STR_FMT "\" not found",
                             STR_ARG(name));
    }
    TRY(gitrepository_spec_decode(run->a, object, &source));
    struct gitrepository_spec reach = source; /* what only concerns artifacts is of no interest */
    reach.verify.secret_ref.name = (str){0};
    reach.recurse_submodules = false;
    const char *field = git_access_refused(&reach);
    if (field) {
        return err_new(ERR_INVALID, "UnsupportedField",
                       "%s of the GitRepository is not supported by this version of fixpoint",
                       field);
    }
    TRY(git_access_take(run->work, run->source_namespace, &source, &run->git.remote));
    take_ref(run, spec->has_checkout_ref ? &spec->git.checkout.ref : &source.ref);
    run->git.timeout_ns = source.timeout_ns ? source.timeout_ns : TIMEOUT_NS;
    run->git.have_revision = node_get_str(run->status.now, STR("observedSourceRevision"));
    run->git.cancel = run->work->cancel;
    str checked_out = run->git.ref.branch;
    bool none = !checked_out.len && !run->git.ref.tag.len && !run->git.ref.semver.len &&
                !run->git.ref.name.len && !run->git.ref.commit.len;
    run->push_branch = spec->git.push.branch.len ? spec->git.push.branch : checked_out;
    if (!run->push_branch.len) {
        return err_invalid("push spec not provided, and cannot be inferred from "
                           ".spec.git.checkout.ref or GitRepository .spec.ref");
    }
    run->switches = !str_eq(run->push_branch, none ? STR("master") : checked_out);
    run->place =
        str_printf(run->a, STR_FMT "/" STR_FMT, STR_ARG(remote_id(run->a, &run->git.remote)),
                   STR_ARG(run->push_branch));
    return NULL;
}

/* "src:dst", where src is what we have: the branch, HEAD, or a pattern that takes the branch in. */
static err *read_refspec(struct run *run)
{
    str spec = run->spec.git.push.refspec, from, to, prefix, rest;
    if (!spec.len) return NULL;
    str own = str_concat(run->a, STR("refs/heads/"), run->push_branch);
    run->refspec_force = str_strip_prefix(&spec, STR("+"));
    if (!str_cut(spec, ':', &from, &to)) to = from;
    bool pattern = str_cut(from, '*', &prefix, &rest) && !rest.len && str_starts(own, prefix);
    if (pattern) {
        to = str_replace(run->a, to, STR("*"), str_skip(own, prefix.len));
        from = own;
    }
    bool ours = str_eq(from, own) || str_is(from, "HEAD") || str_eq(from, run->push_branch);
    run->refspec_to = to;
    if (ours && str_starts(to, STR("refs/")) && remote_ref_is_valid(to)) return NULL;
    return bad_source("spec.git.push.refspec: '" STR_FMT "' does not push the branch '" STR_FMT
                      "' to a valid reference",
                      STR_ARG(str_head_utf8(spec, 200)), STR_ARG(run->push_branch));
}

static err *prepare(struct run *run)
{
    err *e = find_source(run);
    if (!e) e = read_refspec(run);
    if (!e) {
        e = commit_signing_read(run->work, &run->spec.git.commit.signing_key, &run->signing);
    }
    bool lasting = e && (str_is(str_of(e->reason), "UnsupportedField") ||
                         str_is(str_of(e->reason), "InvalidSourceConfiguration"));
    if (!e || lasting) return e;
    return in_step(e, "SourceManagerFailed", "failed configuring source manager");
}

/* ---- one attempt ---- */

static err *resolve(struct run *run)
{
    struct from_git *git = manager_git(run->work->manager);
    err *e = from_git_resolve_wait(git, run->a, &run->git, &run->checkout);
    run->base = run->checkout;
    if (e || !run->switches) return e;
    struct from_git_spec there = run->git;
    there.ref.branch = run->push_branch;
    there.ref.tag = there.ref.semver = there.ref.name = there.ref.commit = (str){0};
    there.have_revision = (str){0};
    e = from_git_resolve_wait(git, run->a, &there, &run->base);
    if (!err_is(e, ERR_NOT_FOUND)) return e;
    err_free(e); /* the branch will be made */
    run->base = run->checkout;
    return NULL;
}

static bool is_synced(const struct run *run)
{
    bool same = node_equal(status_get(&run->status, "observedPolicies"), run->policies.observed) ||
                (!status_get(&run->status, "observedPolicies") && !run->policies.observed->count);
    return same && !run->switches && !run->spec.git.push.refspec.len && run->checkout.unchanged &&
           run->git.have_revision.len;
}

static err *push_to(struct run *run, struct mirror *mirror, str to, bool force)
{
    const node *options = run->spec.git.push.options;
    struct push push = {.sha = run->commit, .to = to, .force = force};
    str *texts = NEW_ARRAY(run->a, str, (options ? options->count : 0) + 1);
    PAIR_EACH (options, pair) {
        texts[push.option_count++] =
            str_printf(run->a, STR_FMT "=" STR_FMT, STR_ARG(pair->key), STR_ARG(pair->value->text));
    }
    push.options = texts;
    err *e = push_do(mirror, run->a, &push);
    return e && e->kind != ERR_CANCELED ? err_wrap(e, "failed to push to remote") : e;
}

static err *push_refspec(struct run *run, struct mirror *mirror)
{
    if (!run->refspec_to.len) return NULL;
    return push_to(run, mirror, run->refspec_to, run->refspec_force);
}

/* What an earlier run has pushed to the branch, and failed to push further. */
static err *push_rest(struct run *run, struct mirror *mirror)
{
    str last = node_get_str(run->status.now, STR("lastPushCommit"));
    if (!run->was_failed || !str_eq(last, run->base.sha)) return NULL;
    run->commit = run->base.sha;
    return push_refspec(run, mirror);
}

static err *commit(struct run *run, struct mirror *mirror, const struct image_edit *edit)
{
    const struct imageupdateautomation_commit *how = &run->spec.git.commit;
    str to = str_concat(run->a, STR("refs/heads/"), run->push_branch);
    TRY(commit_message_make(run->work, how->message_template, how->message_values, edit,
                            &run->message));
    struct change change = {
        .parent = run->base.sha,
        .files = edit->files,
        .file_count = edit->count,
        .name = how->author.name,
        .email = how->author.email,
        .wall_ns = clock_wall_ns(),
        .message = run->message,
        .sign = run->signing.sign,
        .sign_context = &run->signing,
    };
    TRY(change_commit(mirror, run->a, &change, &run->commit));
    TRY(push_to(run, mirror, to, false));
    run->pushed = true;
    if (str_eq(run->base.ref, to)) TRY(mirror_keep(mirror, to, run->commit));
    return push_refspec(run, mirror);
}

static struct image_edit_memory *memory_of(struct run *run)
{
    if (!*run->work->memory) *run->work->memory = image_edit_new();
    return *run->work->memory;
}

static void report_problems(struct run *run, const struct image_edit *edit)
{
    for (size_t i = 0; i < edit->problem_count; i++) {
        log_info("a file with setters cannot be read",
                 LOG_OBJECT("ImageUpdateAutomation", run->work->namespace, run->work->name),
                 LOG_STR("problem", edit->problems[i]));
    }
}

/* Fetches, edits, commits, pushes. CONFLICT "Moved" when another push came between. */
static err *attempt(struct run *run)
{
    struct mirror *mirror AUTO(mirror_given) = NULL;
    struct mirror_until until = {clock_now_ns() + run->git.timeout_ns, run->git.cancel};
    struct image_edit edit;
    struct commit parent;
    err *e = mirror_take(from_git_mirrors(manager_git(run->work->manager)), &run->base.remote,
                         until, &mirror);
    if (!e)
        e = mirror_fetch(mirror, run->a, run->base.ref, run->base.sha, run->git.ref.branch,
                         &parent);
    if (e) return in_step(e, "GitOperationFailed", "failed to checkout source");
    run->base.sha = parent.sha;
    e = image_edit_run(mirror, run->a, parent.sha, run->spec.update.path, &run->policies.setters,
                       memory_of(run), &edit);
    if (e) return in_step(e, "UpdateFailed", "failed to apply policies");
    report_problems(run, &edit);
    e = edit.count ? commit(run, mirror, &edit) : push_rest(run, mirror);
    return in_step(e, "GitOperationFailed", "failed to update source");
}

/* ---- the steps ---- */

/* Who reads the branch is told now, whatever its interval. */
static void wake_source(struct run *run)
{
    manager_enqueue(run->work->manager,
                    objects_key(run->a, STR("GitRepository"), run->source_namespace,
                                run->spec.source_ref.name));
}

static void set_revision(struct run *run)
{
    struct status *status = &run->status;
    str revision = run->checkout.revision;
    if (!run->switches && run->checkout.ref.len) {
        str sha = run->pushed ? run->commit : run->base.sha;
        revision = str_printf(run->a, STR_FMT "@sha1:" STR_FMT, STR_ARG(run->checkout.label),
                              STR_ARG(sha));
    }
    status_put_str(status, "observedSourceRevision", revision);
    if (!run->pushed) return;
    status_put_str(status, "lastPushCommit", run->commit);
    status_put_str(status, "lastPushTime", clock_format(run->a, clock_wall_ns()));
    metrics_add(&metric_image_pushes, (str[]){run->work->name, run->work->namespace}, 1);
}

static err *write_once(struct run *run)
{
    err *e = NULL;
    for (int i = 0; i < LIMIT_PUSH_TRIES; i++) {
        err_free(e);
        e = resolve(run);
        if (e) {
            str text = str_dup(run->a, err_text(e)); /* the step is named once */
            str_strip_prefix(&text, STR("failed to checkout and determine revision: "));
            bool ours = e->kind == ERR_CANCELED || str_is(str_of(e->reason), "Busy");
            if (ours) return fail(run, e);
            err_free(e);
            return fail(run, err_new(ERR_TRANSIENT, "GitOperationFailed",
                                     "failed to checkout source: " STR_FMT, STR_ARG(text)));
        }
        if (is_synced(run)) return succeed(run, UNCHANGED);
        e = attempt(run);
        if (!err_is(e, ERR_CONFLICT) || !str_is(str_of(e->reason), "Moved")) break;
    }
    if (e && str_is(str_of(e->reason), "Moved")) {
        e = err_because(err_wrap(e, "failed to update source"), "GitOperationFailed");
    }
    if (run->pushed) wake_source(run);
    if (!e || run->pushed) set_revision(run);
    if (e) return fail(run, e);
    return succeed(run, UP_TO_DATE);
}

static err *automate(struct run *run)
{
    str key =
        objects_key(run->a, STR("ImageUpdateAutomation"), run->work->namespace, run->work->name);
    err *e = check_spec(run);
    if (!e) e = image_policies_read(run->work, run->spec.policy_selector, &run->policies);
    if (!e) e = prepare(run);
    if (e) return fail(run, e);
    for (size_t i = 0; i < run->policies.refused_count; i++)
        report(run, MANAGER_ERROR, "InvalidImage", run->policies.refused[i]);
    if (!writers_take(run->place, key)) {
        run->out->again_ns = WAIT_NS;
        return NULL;
    }
    status_put_str(&run->status, "lastAutomationRunTime", clock_format(run->a, clock_wall_ns()));
    e = write_once(run);
    writers_give(run->work->manager, run->place);
    return e;
}

static err *reconcile(struct work *work, struct outcome *out)
{
    struct run run = {
        .work = work, .a = work->a, .status = status_begin(work, FIELD_MANAGER), .out = out};
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL))
        return status_remove_finalizer(work);
    err *e = imageupdateautomation_spec_decode(work->a, work->object, &run.spec);
    if (e) return fail(&run, err_because(e, "InvalidSpec"));
    TRY(status_add_finalizer(work));
    if (run.spec.suspend) return NULL;
    run.was_failed = status_is(&run.status, "Ready", "False");
    e = automate(&run);
    commit_signing_done(&run.signing);
    image_policies_done(&run.policies);
    return e;
}

static str source_key(arena *a, const node *object)
{
    str namespace = node_find_str(object, "spec", "sourceRef", "namespace", NULL);
    if (!namespace.len) namespace = node_find_str(object, "metadata", "namespace", NULL);
    return objects_key(a, STR("GitRepository"), namespace,
                       node_find_str(object, "spec", "sourceRef", "name", NULL));
}

static void refs(arena *a, const node *object, str **keys_out, size_t *count_out)
{
    *keys_out = NEW_ARRAY(a, str, 2);
    (*keys_out)[0] = source_key(a, object);
    (*keys_out)[1] = objects_key(a, STR("ImagePolicy"),
                                 node_find_str(object, "metadata", "namespace", NULL), STR("*"));
    *count_out = 2;
}

/* A policy with the image that is in the status already, and a source at the revision that we have
 * seen, need nothing. */
static bool wants(const node *object, str changed_key, const node *changed)
{
    const node *status = node_get(object, STR("status"));
    if (str_starts(changed_key, STR("ImagePolicy/"))) {
        str folder, name;
        str_cut_last(changed_key, '/', &folder, &name);
        const node *image = node_find(changed, "status", "latestRef", NULL);
        const node *seen = node_get(node_get(status, STR("observedPolicies")), name);
        return image && !(seen && node_equal(image, seen));
    }
    str revision = node_find_str(changed, "status", "artifact", "revision", NULL);
    const node *ready = status_condition_of(object, "Ready");
    return !str_is(node_get_str(ready, STR("status")), "True") ||
           !str_eq(revision, node_get_str(status, STR("observedSourceRevision")));
}

static void forget(void *memory)
{
    image_edit_free(memory);
}

CONTROLLER(imageupdateautomation) = {
    .name = "imageupdateautomation",
    .kind = {{"image.toolkit.fluxcd.io", 23}, {"v1", 2}, {"ImageUpdateAutomation", 21}},
    .plural = "imageupdateautomations",
    .component = "image-automation-controller",
    .workers_least = 16,
    .reconcile = reconcile,
    .refs = refs,
    .wants = wants,
    .forget = forget,
};
