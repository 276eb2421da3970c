/*
 * The GitRepository controller: asks the server where the reference is, and
 * publishes an artifact when it moved. Texts and reasons are Flux's.
 */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "control/git_access.h"
#include "control/status.h"
#include "net/talk.h"
#include "source/from_git.h"

#define FIELD_MANAGER "source-controller"
#define TIMEOUT_NS    (60 * CLOCK_SECOND)
#define BUSY_NS       (CLOCK_SECOND / 2)

/* What is remembered of a repository between runs. */
struct pull_memory {
    struct from_git_question *question; /* what a server was asked; NULL: nothing */
    struct remote remote;               /* with the credentials of then; in the arena */
    arena arena;
    arena own;
    uint64_t asked_for; /* the spec and the request because of which it was asked */
};

/* One run over one repository. */
struct pull {
    struct work *work;
    arena *a;
    struct pull_memory *memory;
    struct status status;
    struct gitrepository_spec spec;
    struct from_git_spec git;
    struct artifact artifact; /* of the status; digest empty when there is none */
    node *includes;           /* status.includedArtifacts as it is to be */
    struct outcome *out;
};

static struct artifact_owner owner_of(const struct work *work)
{
    return (struct artifact_owner){STR("GitRepository"), work->namespace, work->name};
}

/* ---- saying how it went ---- */

static err *save(struct pull *pull)
{
    status_handled(&pull->status);
    return status_save(&pull->status);
}

static void report(struct pull *pull, enum manager_severity severity, const char *reason,
                   str message)
{
    struct http_header metadata[] = {
        {STR("source.toolkit.fluxcd.io/revision"), pull->artifact.revision},
        {STR("source.toolkit.fluxcd.io/digest"), pull->artifact.digest},
    };
    manager_event(pull->work, severity, reason, message, metadata,
                  pull->artifact.digest.len ? 2 : 0);
}

/* compat: a failure is a condition of its own (its name says which step), and Ready=False. */
static void set_failed(struct pull *pull, const char *condition, str reason, str message)
{
    if (condition) status_set(&pull->status, condition, "True", reason, message);
    if (status_ready(&pull->status, "False", reason, message))
        report(pull, MANAGER_ERROR, str_z(pull->a, reason), message);
}

static err *stall(struct pull *pull, const char *condition, str reason, str message)
{
    set_failed(pull, condition, reason, message);
    status_stalled(&pull->status, reason, message);
    status_observed(&pull->status);
    return save(pull);
}

/* compat: the condition that a reason belongs to. */
static const char *condition_of(str reason)
{
    static const char *const storage[] = {"ArchiveOperationFailed", "CopyFailure", "IllegalPath"};
    for (size_t i = 0; i < COUNT(storage); i++) {
        if (str_is(reason, storage[i])) return "StorageOperationFailed";
    }
    return "FetchFailed";
}

/* Takes the error. What only a change of the object can help is stalled; the rest is tried again.
 */
static err *fail(struct pull *pull, err *e)
{
    if (err_is(e, ERR_CANCELED)) return e;
    if (err_is(e, ERR_CONFLICT) && str_is(str_of(e->reason), "Busy")) {
        err_free(e);
        pull->out->again_ns = BUSY_NS;
        return NULL;
    }
    str reason = str_dup(pull->a, e->reason[0] ? str_of(e->reason) : STR("GitOperationFailed"));
    str message = str_dup(pull->a, err_text(e));
    const char *condition = condition_of(reason);
    err_free(e);
    if (str_is(reason, "URLInvalid")) return stall(pull, condition, reason, message);
    set_failed(pull, condition, reason, message);
    status_reconciling(&pull->status, STR("ProgressingWithRetry"), STR("building artifact"));
    pull->out->retry = true;
    return save(pull);
}

static err *wait_for(struct pull *pull, const char *condition, const char *reason, str message)
{
    set_failed(pull, condition, str_of(reason), message);
    status_reconciling(&pull->status, STR("ProgressingWithRetry"), STR("building artifact"));
    pull->out->again_ns = manager_options_of(pull->work->manager)->requeue_dependency_ns;
    return save(pull);
}

/* Everything is as the spec says. */
static err *succeed(struct pull *pull, str message)
{
    struct status *status = &pull->status;
    static const char *const gone[] = {"FetchFailed",        "StorageOperationFailed",
                                       "IncludeUnavailable", "ArtifactOutdated",
                                       "Reconciling",        "Stalled"};
    for (size_t i = 0; i < COUNT(gone); i++)
        status_unset(status, gone[i]);
    status_set(status, "ArtifactInStorage", "True", STR("Succeeded"), message);
    status_set(status, "Ready", "True", STR("Succeeded"), message);
    status_observed(status);
    pull->out->again_ns = manager_jitter(pull->work->manager, pull->spec.interval_ns);
    return save(pull);
}

/* ---- what is asked for ---- */

/* The artifacts to be copied into ours. An error's reason says which kind of wait it is. */
static err *take_includes(struct pull *pull)
{
    size_t count = pull->spec.include.count;
    struct from_git_include *includes = NEW_ARRAY(pull->a, struct from_git_include, count + 1);
    pull->includes = count ? node_list(pull->a) : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct gitrepository_include *from = &pull->spec.include.items[i];
        str name = from->repository.name;
        node *source = manager_get(pull->work->manager, pull->a, STR("GitRepository"),
                                   pull->work->namespace, name);
        node *artifact = node_find(source, "status", "artifact", NULL);
        if (!source) {
            return err_new(ERR_TRANSIENT, "NotFound",
                           "could not get resource for include '" STR_FMT
                           "': gitrepositories.source.toolkit.fluxcd.io \"" STR_FMT "\" not found",
                           STR_ARG(name), STR_ARG(name));
        }
        if (!artifact_from_node(artifact, &includes[i].artifact)) {
            return err_new(ERR_TRANSIENT, "NoArtifact",
                           "no artifact available for include '" STR_FMT "'", STR_ARG(name));
        }
        includes[i].name = name;
        includes[i].from_path = from->from_path;
        includes[i].to_path = from->to_path;
        node_push(pull->a, pull->includes, artifact);
    }
    pull->git.includes = includes;
    pull->git.include_count = count;
    return NULL;
}

static void take_spec(struct pull *pull)
{
    const struct gitrepository_spec *spec = &pull->spec;
    str *sparse = NEW_ARRAY(pull->a, str, spec->sparse_checkout.count + 1);
    for (size_t i = 0; i < spec->sparse_checkout.count; i++) {
        sparse[i] = spec->sparse_checkout.items[i];
        str_strip_prefix(&sparse[i], STR("./"));
    }
    pull->git.ref.branch = spec->ref.branch;
    pull->git.ref.tag = spec->ref.tag;
    pull->git.ref.semver = spec->ref.semver;
    pull->git.ref.name = spec->ref.name;
    pull->git.ref.commit = spec->ref.commit;
    pull->git.ignore = spec->ignore;
    pull->git.sparse = sparse;
    pull->git.sparse_count = spec->sparse_checkout.count;
    pull->git.timeout_ns = spec->timeout_ns ? spec->timeout_ns : TIMEOUT_NS;
    pull->git.have_revision = pull->artifact.revision;
    pull->git.waker =
        objects_key(pull->a, STR("GitRepository"), pull->work->namespace, pull->work->name);
    pull->git.cancel = pull->work->cancel;
}

/* What decides the content besides the revision is kept in the status. */
static void set_observed(struct pull *pull, struct status *status)
{
    const struct gitrepository_spec *spec = &pull->spec;
    const node *object_spec = node_get(pull->work->object, STR("spec"));
    status_put(status, "observedIgnore", node_get(object_spec, STR("ignore")));
    status_put(status, "observedInclude",
               spec->include.count ? node_get(object_spec, STR("include")) : NULL);
    status_put(status, "observedSparseCheckout",
               spec->sparse_checkout.count ? node_get(object_spec, STR("sparseCheckout")) : NULL);
    status_put(status, "includedArtifacts", pull->includes);
}

static bool is_content_changed(struct pull *pull)
{
    static const char *const fields[] = {"observedIgnore", "observedInclude",
                                         "observedSparseCheckout", "includedArtifacts"};
    struct status probe = pull->status;
    probe.now = doc_copy_top(pull->a, pull->status.now);
    set_observed(pull, &probe);
    for (size_t i = 0; i < COUNT(fields); i++) {
        const node *is = status_get(&probe, fields[i]), *was = status_get(&pull->status, fields[i]);
        if (!is != !was || (is && !node_equal(is, was))) return true;
    }
    return false;
}

/* ---- the steps ---- */

/* The artifact of the status has to be in the storage, under the address we have now. */
static err *check_storage(struct pull *pull)
{
    struct artifacts *store = manager_artifacts(pull->work->manager);
    node *kept = status_get(&pull->status, "artifact");
    if (!artifact_from_node(kept, &pull->artifact)) return NULL;
    err *e = artifact_verify(store, &pull->artifact);
    if (e) {
        if (e->kind == ERR_INVALID) {
            str text = str_printf(pull->a, "failed to verify integrity of artifact: " STR_FMT,
                                  STR_ARG(err_text(e)));
            report(pull, MANAGER_ERROR, "ArtifactVerificationFailed", text);
        }
        err_free(e);
        pull->artifact = (struct artifact){0};
        status_put(&pull->status, "artifact", NULL);
        status_unset(&pull->status, "ArtifactInStorage");
        return NULL;
    }
    str url = artifact_url(store, pull->a, pull->artifact.path);
    if (str_eq(url, pull->artifact.url)) return NULL;
    pull->artifact.url = url;
    status_put(&pull->status, "artifact", artifact_to_node(pull->a, &pull->artifact));
    return NULL;
}

static void collect_garbage(struct pull *pull)
{
    int removed = 0;
    err *e AUTO(err_done) = artifact_collect(manager_artifacts(pull->work->manager),
                                             owner_of(pull->work), &pull->artifact, &removed);
    if (e) {
        log_error("cannot collect old artifacts", LOG_STR("namespace", pull->work->namespace),
                  LOG_STR("name", pull->work->name), LOG_ERR(e));
    } else if (removed) {
        report(pull, MANAGER_TRACE, "GarbageCollectionSucceeded",
               str_printf(pull->a, "garbage collected %d artifacts", removed));
    }
}

/* "stored artifact for commit 'the first line, cut'" */
static str news(arena *a, str message)
{
    str line = (str){0};
    str_next_line(&message, &line);
    bool cut = line.len > 50;
    line = str_head_utf8(line, 50);
    return str_printf(a, "stored artifact for commit '" STR_FMT "%s'", STR_ARG(line),
                      cut ? "..." : "");
}

static err *publish(struct pull *pull, const struct from_git_target *target)
{
    struct from_git_result result;
    bool failed_before = status_is(&pull->status, "FetchFailed", "True") ||
                         status_is(&pull->status, "StorageOperationFailed", "True");
    str digest_before = pull->artifact.digest;
    err *e = from_git_build(manager_git(pull->work->manager), pull->a, &pull->git, target,
                            owner_of(pull->work), &result);
    if (e) return fail(pull, e);
    pull->artifact = result.artifact;
    status_put(&pull->status, "artifact", artifact_to_node(pull->a, &result.artifact));
    set_observed(pull, &pull->status);
    str message = str_printf(pull->a, "stored artifact for revision '" STR_FMT "'",
                             STR_ARG(result.artifact.revision));
    TRY(succeed(pull, message));
    if (!str_eq(result.artifact.digest, digest_before)) {
        report(pull, MANAGER_INFO, "NewArtifact", news(pull->a, result.message));
    } else if (failed_before) {
        report(pull, MANAGER_INFO, "Succeeded", news(pull->a, result.message));
    }
    collect_garbage(pull);
    return NULL;
}

static err *stay(struct pull *pull)
{
    bool failed_before = status_is(&pull->status, "FetchFailed", "True");
    str message = str_printf(pull->a, "stored artifact for revision '" STR_FMT "'",
                             STR_ARG(pull->artifact.revision));
    TRY(succeed(pull, message));
    if (failed_before)
        report(pull, MANAGER_INFO, "Succeeded", news(pull->a, pull->artifact.revision));
    collect_garbage(pull);
    return NULL;
}

static void drop_question(struct pull_memory *memory)
{
    from_git_forget(memory->question);
    memory->question = NULL;
    arena_done(&memory->arena);
}

static void forget(void *context)
{
    struct pull_memory *memory = context;
    drop_question(memory);
    arena a = memory->own;
    arena_done(&a);
}

static struct pull_memory *remember(void)
{
    arena a = {0};
    struct pull_memory *memory = NEW(&a, struct pull_memory);
    memory->own = a;
    return memory;
}

/* An answer to what was asked before the spec changed, or before somebody requested a run, may be
 * older than what it is wanted for. */
static uint64_t asked_for(const struct pull *pull)
{
    const node *metadata = node_get(pull->work->object, STR("metadata"));
    str requested = node_find_str(metadata, "annotations", "reconcile.fluxcd.io/requestedAt", NULL);
    return hash_mix(hash_stable(requested), (uint64_t)node_get_int(metadata, STR("generation"), 0));
}

/* Where the reference is. Returns with *pending_out while nobody knows: the answer wakes us. */
static err *find_target(struct pull *pull, struct from_git_target *out, bool *pending_out)
{
    struct pull_memory *memory = pull->memory;
    if (!memory->question) {
        struct remote *remote = &pull->git.remote;
        TRY(git_access_take(pull->work, pull->work->namespace, &pull->spec, remote));
        memory->remote = remote_dup(&memory->arena, remote);
        memory->asked_for = asked_for(pull);
    }
    pull->git.remote = remote_dup(pull->a, &memory->remote);
    err *e = from_git_resolve(manager_git(pull->work->manager), pull->a, &pull->git,
                              &memory->question, out);
    *pending_out = talk_is_pending(e);
    if (!*pending_out) {
        drop_question(memory);
        return e;
    }
    err_free(e);
    pull->out->again_ns = pull->git.timeout_ns;
    return NULL;
}

static err *pull_once(struct pull *pull)
{
    const char *field = git_access_refused(&pull->spec);
    struct from_git_target target;
    bool pending;
    if (field) {
        return stall(pull, NULL, STR("UnsupportedField"),
                     str_printf(pull->a, "%s is not supported by this version of fixpoint", field));
    }
    TRY(check_storage(pull));
    take_spec(pull);
    err *e = take_includes(pull);
    if (e) {
        str reason = str_dup(pull->a, str_of(e->reason)), message = str_dup(pull->a, err_text(e));
        err_free(e);
        return wait_for(pull, "IncludeUnavailable", str_z(pull->a, reason), message);
    }
    e = find_target(pull, &target, &pending);
    if (e) return fail(pull, e);
    if (pending) return NULL;
    bool known = target.unchanged && pull->artifact.digest.len && !is_content_changed(pull);
    return known ? stay(pull) : publish(pull, &target);
}

static err *reconcile(struct work *work, struct outcome *out)
{
    struct pull_memory *memory = *work->memory ?: (*work->memory = remember());
    struct pull pull = {.work = work,
                        .a = work->a,
                        .memory = memory,
                        .status = status_begin(work, FIELD_MANAGER),
                        .out = out};
    if (memory->question && memory->asked_for != asked_for(&pull)) drop_question(memory);
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL)) {
        TRY(artifact_remove(manager_artifacts(work->manager), owner_of(work)));
        return status_remove_finalizer(work);
    }
    err *e = gitrepository_spec_decode(work->a, work->object, &pull.spec);
    if (e) {
        str message = str_dup(work->a, err_text(e));
        err_free(e);
        return stall(&pull, NULL, STR("InvalidSpec"), message);
    }
    TRY(status_add_finalizer(work));
    if (pull.spec.suspend) {
        drop_question(memory);
        return NULL;
    }
    return pull_once(&pull);
}

static void refs(arena *a, const node *object, str **keys_out, size_t *count_out)
{
    str *keys = NULL;
    size_t count = 0, room = 0;
    str namespace = node_find_str(object, "metadata", "namespace", NULL);
    NODE_EACH (node_find(object, "spec", "include", NULL), include) {
        str name = node_find_str(include, "repository", "name", NULL);
        *ARENA_PUSH(a, keys, count, room) = objects_key(a, STR("GitRepository"), namespace, name);
    }
    *keys_out = keys;
    *count_out = count;
}

CONTROLLER(gitrepository) = {
    .name = "gitrepository",
    .kind = {{"source.toolkit.fluxcd.io", 24}, {"v1", 2}, {"GitRepository", 13}},
    .plural = "gitrepositories",
    .component = "source-controller",
    .workers_least = 32,
    .reconcile = reconcile,
    .refs = refs,
    .forget = forget,
};
