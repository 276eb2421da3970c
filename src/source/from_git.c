#include "source/from_git.h"

#include <pthread.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/semver.h"
#include "git/lsrefs.h"
#include "git/mirror.h"
#include "net/talk.h"
#include "source/ignore.h"
#include "source/include.h"

#define BRANCH_DEFAULT "master"

enum { WAIT_LOOK_MS = 200 }; /* how often one who waits looks at cancel and the time */

struct from_git {
    arena arena;
    struct from_git_options options;
    struct lsrefs *lsrefs;
    struct mirrors *mirrors;
    pthread_mutex_t lock; /* guards answers */
    pthread_cond_t more;
    uint64_t answers; /* for those who wait */
};

/* A resolver without a waker waits. */
static void on_answer(void *context, str waker)
{
    struct from_git *git = context;
    if (waker.len) {
        git->options.wake(git->options.context, waker);
        return;
    }
    pthread_mutex_lock(&git->lock);
    git->answers++;
    pthread_cond_broadcast(&git->more);
    pthread_mutex_unlock(&git->lock);
}

err *from_git_new(struct from_git_options options, struct from_git **out)
{
    struct mirrors *mirrors;
    TRY(mirror_open((struct mirror_options){.folder = options.folder, .git = options.git},
                    &mirrors));
    arena a = {0};
    struct from_git *git = NEW(&a, struct from_git);
    git->options = options;
    git->mirrors = mirrors;
    git->lsrefs = lsrefs_new((struct lsrefs_options){
        .loop = options.loop,
        .wake = on_answer,
        .context = git,
    });
    pthread_mutex_init(&git->lock, NULL);
    pthread_cond_init(&git->more, NULL);
    git->arena = a;
    *out = git;
    return NULL;
}

void from_git_free(struct from_git *git)
{
    if (!git) return;
    mirror_close(git->mirrors);
    lsrefs_free(git->lsrefs);
    pthread_cond_destroy(&git->more);
    pthread_mutex_destroy(&git->lock);
    arena a = git->arena;
    arena_done(&a);
}

struct mirrors *from_git_mirrors(struct from_git *git)
{
    return git->mirrors;
}

/* ---- Asking ---- */

/* Polls of one repository, by prefix. Lives in its own arena. */
struct from_git_question {
    arena arena;
    str waker;
    int64_t due_ns;
    struct {
        str prefix;
        struct lsrefs_poll *poll;
    } asked[2]; /* a reference; then whether there is any */
    size_t count;
};

static struct from_git_question *question_new(const struct from_git_spec *spec)
{
    arena a = {0};
    struct from_git_question *question = NEW(&a, struct from_git_question);
    question->waker = str_dup(&a, spec->waker);
    question->due_ns = clock_now_ns() + spec->timeout_ns;
    question->arena = a;
    return question;
}

void from_git_forget(struct from_git_question *question)
{
    if (!question) return;
    for (size_t i = 0; i < question->count; i++)
        lsrefs_drop(question->asked[i].poll, question->waker);
    arena a = question->arena;
    arena_done(&a);
}

/* ---- Resolving ---- */

struct resolving {
    struct from_git *git;
    arena *a;
    const struct from_git_spec *spec;
    struct from_git_question *question;
    struct remote remote; /* as the last answer has it */
};

static str revision_of(arena *a, str label, str sha)
{
    return str_printf(a, STR_FMT "%ssha1:" STR_FMT, STR_ARG(label), label.len ? "@" : "",
                      STR_ARG(sha));
}

/* Revisions of before Flux 2.0: "main/<sha>", "HEAD/<sha>". */
static str modern_revision(arena *a, str revision)
{
    str label, sha;
    if (str_has_char(revision, ':') || !str_cut_last(revision, '/', &label, &sha)) return revision;
    return revision_of(a, str_is(label, "HEAD") ? (str){0} : label, sha);
}

static struct from_git_target target_of(const struct resolving *r, str label, str sha, str ref)
{
    struct from_git_target target = {.sha = sha, .label = label, .ref = ref, .remote = r->remote};
    target.revision = revision_of(r->a, label, sha);
    target.unchanged = str_eq(target.revision, modern_revision(r->a, r->spec->have_revision));
    return target;
}

static err *check_ref(str ref)
{
    if (str_starts(ref, STR("/")) || str_ends(ref, STR("/"))) {
        return err_invalid("ref " STR_FMT
                           " is invalid; Git refs cannot begin or end with a slash '/'",
                           STR_ARG(ref));
    }
    if (remote_ref_is_valid(ref)) return NULL;
    return err_invalid("ref '" STR_FMT "' is not a valid name", STR_ARG(str_head_utf8(ref, 100)));
}

/* compat: the reference lists only when it has something to compare with, and clones otherwise. */
static err *wrap_listing(const struct resolving *r, err *e)
{
    const struct from_git_spec *spec = r->spec;
    bool lists = spec->ref.name.len || (spec->have_revision.len && !spec->ref.commit.len &&
                                        (spec->ref.tag.len || !spec->ref.semver.len));
    const char *what = lists ? "list remote for" : "clone";
    return err_wrap(e, "unable to %s '" STR_FMT "'", what, STR_ARG(spec->remote.url));
}

static err *poll_of(struct resolving *r, str prefix, struct lsrefs_poll **out)
{
    struct from_git_question *question = r->question;
    for (size_t i = 0; i < question->count; i++) {
        *out = question->asked[i].poll;
        if (str_eq(question->asked[i].prefix, prefix)) return NULL;
    }
    must(question->count < COUNT(question->asked));
    struct lsrefs_request request = {&r->spec->remote, prefix, r->spec->timeout_ns};
    TRY(lsrefs_ask(r->git->lsrefs, &request, out));
    question->asked[question->count].prefix = str_dup(&question->arena, prefix);
    question->asked[question->count++].poll = *out;
    return NULL;
}

/* A poll that others began may have more time than we do. */
static err *check_time(const struct resolving *r, err *e)
{
    if (!talk_is_pending(e) || clock_now_ns() < r->question->due_ns) return e;
    err_free(e);
    return err_new(ERR_TRANSIENT, "Timeout", "the server took too long");
}

static err *list(struct resolving *r, str prefix, struct lsrefs_answer *out)
{
    struct lsrefs_poll *poll;
    err *e = poll_of(r, prefix, &poll);
    if (!e) e = check_time(r, lsrefs_answer(poll, r->question->waker, out));
    if (e) return wrap_listing(r, e);
    r->remote = remote_dup(r->a, &out->remote);
    return NULL;
}

/* Why a reference was not found: because there is none at all? */
static err *check_not_empty(struct resolving *r)
{
    struct lsrefs_answer all;
    TRY(list(r, (str){0}, &all));
    if (all.count) return NULL;
    return err_new(ERR_NOT_FOUND, "EmptyGitRepository", "git repository is empty");
}

/* The commit that a reference stands for. *sha is empty when there is no such reference. */
static err *look_up(struct resolving *r, str ref, str *sha)
{
    struct lsrefs_answer answer;
    *sha = (str){0};
    TRY(check_ref(ref));
    TRY(list(r, ref, &answer));
    for (size_t i = 0; i < answer.count; i++) {
        const struct reflist_ref *found = &answer.refs[i];
        if (str_eq(found->name, ref)) *sha = found->peeled.len ? found->peeled : found->sha;
    }
    return sha->len ? NULL : check_not_empty(r);
}

static err *resolve_ref(struct resolving *r, str label, str ref, struct from_git_target *out)
{
    str sha;
    TRY(look_up(r, ref, &sha));
    if (!sha.len) {
        err *e = err_not_found("couldn't find remote ref \"" STR_FMT "\"", STR_ARG(ref));
        return err_wrap(e, "unable to clone '" STR_FMT "'", STR_ARG(r->spec->remote.url));
    }
    *out = target_of(r, label, sha, ref);
    return NULL;
}

static err *resolve_name(struct resolving *r, struct from_git_target *out)
{
    str name = r->spec->ref.name, ref = name, sha;
    str_strip_suffix(&ref, STR("^{}"));
    TRY(look_up(r, ref, &sha));
    if (!sha.len) {
        return err_not_found("unable to resolve ref '" STR_FMT "' to a specific commit",
                             STR_ARG(name));
    }
    *out = target_of(r, name, sha, ref);
    return NULL;
}

/* A commit does not move: once it is here, nobody has to be asked. */
static err *resolve_commit(struct resolving *r, struct from_git_target *out)
{
    const struct from_git_spec *spec = r->spec;
    str sha = str_lower(r->a, spec->ref.commit);
    if (!remote_sha_is_valid(sha)) {
        return err_not_found("unable to resolve commit object for '" STR_FMT "': object not found",
                             STR_ARG(str_head_utf8(sha, 100)));
    }
    str label = spec->ref.name.len ? spec->ref.name : spec->ref.branch;
    if (spec->ref.branch.len)
        TRY(check_ref(str_concat(r->a, STR("refs/heads/"), spec->ref.branch)));
    *out = target_of(r, label, sha, (str){0});
    if (out->unchanged) return NULL;
    struct lsrefs_answer
        answer; /* for redirects, and errors that say what is wrong with the server */
    TRY(list(r, STR("HEAD"), &answer));
    out->remote = r->remote;
    return NULL;
}

/* ---- Tags by version ---- */

struct candidate {
    const struct reflist_ref *ref;
    str tag;
    struct semver version;
};

static str commit_of(const struct reflist_ref *ref)
{
    return ref->peeled.len ? ref->peeled : ref->sha;
}

/* Those that are in the range and as high as the highest: more than one if only metadata differs.
 */
static err *highest(struct resolving *r, const struct lsrefs_answer *tags, struct candidate **out,
                    size_t *count_out)
{
    struct semver_range *range;
    struct candidate *best = NULL;
    size_t count = 0, room = 0;
    err *e = semver_range_parse(r->a, r->spec->ref.semver, &range);
    if (e) return err_wrap(e, "semver parse error");
    for (size_t i = 0; i < tags->count; i++) {
        struct candidate candidate = {.ref = &tags->refs[i], .tag = tags->refs[i].name};
        str_strip_prefix(&candidate.tag, STR("refs/tags/"));
        if (!semver_parse_tag(candidate.tag, &candidate.version)) continue;
        if (!semver_range_has(range, &candidate.version)) continue;
        int order = count ? semver_cmp(&candidate.version, &best[0].version) : 1;
        if (order > 0) count = 0;
        if (order >= 0) *ARENA_PUSH(r->a, best, count, room) = candidate;
    }
    *out = best;
    *count_out = count;
    return NULL;
}

/* Among equals the newest commit wins; its date is in the commit, which has to be fetched. */
static err *newest(struct resolving *r, struct candidate *candidates, size_t count, size_t *out)
{
    struct mirror_until until = {clock_now_ns() + r->spec->timeout_ns, r->spec->cancel};
    struct mirror *mirror AUTO(mirror_given) = NULL;
    int64_t best_ns = INT64_MIN;
    TRY(mirror_take(r->git->mirrors, &r->remote, until, &mirror));
    for (size_t i = 0; i < MIN(count, (size_t)LIMIT_SEMVER_TIES); i++) {
        struct commit commit;
        const struct reflist_ref *ref = candidates[i].ref;
        TRY(mirror_fetch(mirror, r->a, ref->name, commit_of(ref), (str){0}, &commit));
        if (commit.committer_wall_ns >= best_ns) *out = i;
        best_ns = MAX(best_ns, commit.committer_wall_ns);
    }
    return NULL;
}

static err *resolve_semver(struct resolving *r, struct from_git_target *out)
{
    struct lsrefs_answer tags;
    struct candidate *candidates = NULL;
    size_t count = 0, chosen = 0;
    TRY(list(r, STR("refs/tags/"), &tags));
    if (tags.count == 0) TRY(check_not_empty(r));
    TRY(highest(r, &tags, &candidates, &count));
    if (count == 0) {
        return err_not_found("no match found for semver: " STR_FMT, STR_ARG(r->spec->ref.semver));
    }
    if (count > 1) TRY(newest(r, candidates, count, &chosen));
    const struct candidate *best = &candidates[chosen];
    *out = target_of(r, best->tag, commit_of(best->ref), best->ref->name);
    return NULL;
}

/* compat: a tag wins over a range, though the documentation has it the other way round. */
static err *resolve(struct resolving *r, struct from_git_target *out)
{
    const struct from_git_spec *spec = r->spec;
    if (spec->ref.commit.len) return resolve_commit(r, out);
    if (spec->ref.name.len) return resolve_name(r, out);
    if (spec->ref.tag.len) {
        return resolve_ref(r, spec->ref.tag, str_concat(r->a, STR("refs/tags/"), spec->ref.tag),
                           out);
    }
    if (spec->ref.semver.len) return resolve_semver(r, out);
    str branch = spec->ref.branch.len ? spec->ref.branch : STR(BRANCH_DEFAULT);
    return resolve_ref(r, branch, str_concat(r->a, STR("refs/heads/"), branch), out);
}

/* What went wrong with Git, in the words of the reference. */
static err *report(err *e)
{
    static const char *const as_they_are[] = {"Busy", "Pending", "EmptyGitRepository",
                                              "AuthenticationFailed", "CopyFailure"};
    if (!e || e->kind == ERR_CANCELED) return e;
    for (size_t i = 0; i < COUNT(as_they_are); i++) {
        if (str_is(str_of(e->reason), as_they_are[i])) return e;
    }
    return err_because(err_wrap(e, "failed to checkout and determine revision"),
                       "GitOperationFailed");
}

/* The texts of a target are the resolver's; those of an answer go with the question. */
static void keep_target(arena *a, struct from_git_target *target)
{
    str *texts[] = {&target->revision, &target->sha, &target->label, &target->ref};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
}

err *from_git_resolve(struct from_git *git, arena *a, const struct from_git_spec *spec,
                      struct from_git_question **question, struct from_git_target *out)
{
    if (!*question) *question = question_new(spec);
    struct resolving resolving = {
        .git = git,
        .a = a,
        .spec = spec,
        .question = *question,
        .remote = spec->remote,
    };
    err *e = report(resolve(&resolving, out));
    if (talk_is_pending(e)) return e;
    if (!e) keep_target(a, out);
    from_git_forget(*question);
    *question = NULL;
    if (e) return e;
    mirror_touch(git->mirrors, &out->remote);
    return NULL;
}

/* Until somebody got an answer since, or a while. */
static void wait_for_answer(struct from_git *git, uint64_t *seen)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&git->lock);
    int status = 0;
    while (git->answers == *seen && !status)
        status = pthread_cond_timedwait(&git->more, &git->lock, &until);
    *seen = git->answers;
    pthread_mutex_unlock(&git->lock);
}

err *from_git_resolve_wait(struct from_git *git, arena *a, const struct from_git_spec *spec,
                           struct from_git_target *out)
{
    struct from_git_spec own = *spec;
    struct from_git_question *question = NULL;
    uint64_t seen = 0;
    own.waker = (str){0};
    for (;;) {
        err *e = from_git_resolve(git, a, &own, &question, out);
        if (!talk_is_pending(e)) return e;
        err_free(e);
        if (spec->cancel && atomic_load(spec->cancel)) {
            from_git_forget(question);
            return err_new(ERR_CANCELED, "", "the answer is no longer wanted");
        }
        wait_for_answer(git, &seen);
    }
}

/* ---- Building ---- */

struct building {
    struct from_git *git;
    arena *a;
    const struct from_git_spec *spec;
    const struct from_git_target *target;
    struct mirror *mirror;
    struct commit commit;
};

static err *fetch(struct building *b)
{
    const struct from_git_target *target = b->target;
    err *e =
        mirror_fetch(b->mirror, b->a, target->ref, target->sha, b->spec->ref.branch, &b->commit);
    if (!e) return NULL;
    if (!target->ref.len && err_is(e, ERR_NOT_FOUND)) {
        return err_wrap(e, "unable to resolve commit object for '" STR_FMT "'",
                        STR_ARG(target->sha));
    }
    return err_wrap(e, "unable to clone '" STR_FMT "'", STR_ARG(b->spec->remote.url));
}

/* compat: a sparse folder is a prefix of paths, as in go-git; "app" takes "apps/", too. */
static bool is_checked_out(const struct from_git_spec *spec, str path)
{
    for (size_t i = 0; i < spec->sparse_count; i++) {
        str folder = spec->sparse[i];
        str_strip_prefix(&folder, STR("./"));
        if (str_starts(path, folder)) return true;
    }
    return spec->sparse_count == 0;
}

/* Is the path the folder, or below it? */
static bool is_at(str path, str folder)
{
    return str_strip_prefix(&path, folder) && (!path.len || path.data[0] == '/');
}

static err *check_sparse(const struct from_git_spec *spec, const struct entry *const *entries,
                         size_t count)
{
    for (size_t i = 0; i < spec->sparse_count; i++) {
        str folder = spec->sparse[i];
        str_strip_prefix(&folder, STR("./"));
        str_strip_suffix(&folder, STR("/"));
        bool found = !folder.len;
        for (size_t k = 0; k < count && !found; k++)
            found = is_at(entries[k]->path, folder);
        if (found) continue;
        return err_not_found("failed to sparse checkout directories : sparse checkout dir '" STR_FMT
                             "' does not exist in repository: lstat " STR_FMT
                             ": no such file or directory",
                             STR_ARG(folder), STR_ARG(folder));
    }
    return NULL;
}

struct tree { /* what goes into the artifact */
    const struct entry **entries;
    size_t count, room;
    struct include_list included;
    struct ignore *ignore;
};

static err *list_entries(struct building *b, struct tree *tree)
{
    struct entry *all;
    size_t count = 0;
    TRY(mirror_list(b->mirror, b->a, b->commit.sha, &all, &count));
    for (size_t i = 0; i < count; i++) {
        if (is_checked_out(b->spec, all[i].path)) {
            *ARENA_PUSH(b->a, tree->entries, tree->count, tree->room) = &all[i];
        }
    }
    return check_sparse(b->spec, tree->entries, tree->count);
}

static size_t depth_of(str path)
{
    size_t depth = 0;
    for (size_t i = 0; i < path.len; i++)
        depth += path.data[i] == '/';
    return depth;
}

static int by_depth(const void *a, const void *b)
{
    size_t x = depth_of((*(const struct entry *const *)a)->path);
    size_t y = depth_of((*(const struct entry *const *)b)->path);
    return x < y ? -1 : x > y;
}

/* The .sourceignore files, those of outer folders first, and spec.ignore last. */
static err *read_ignores(struct building *b, struct tree *tree)
{
    const struct entry **files = NULL;
    size_t count = 0, room = 0;
    for (size_t i = 0; i < tree->count; i++) {
        const struct entry *entry = tree->entries[i];
        bool is_rules = entry->kind == ENTRY_FILE && str_is(fs_base(entry->path), IGNORE_FILE);
        if (is_rules) *ARENA_PUSH(b->a, files, count, room) = entry;
    }
    if (count) qsort(files, count, sizeof(struct entry *), by_depth);
    str *texts = NEW_ARRAY(b->a, str, count);
    TRY(mirror_read(b->mirror, b->a, files, count, LIMIT_IGNORE_BYTES, texts));
    tree->ignore = ignore_new(b->a, false);
    for (size_t i = 0; i < count; i++) {
        ignore_add(tree->ignore, fs_dir(files[i]->path), texts[i]);
    }
    TRY(include_read_ignores(b->a, &tree->included, tree->ignore));
    ignore_add(tree->ignore, (str){0}, b->spec->ignore);
    return NULL;
}

static bool is_taken(const struct tree *tree, str path)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (str_eq(tree->entries[i]->path, path)) return true;
    }
    for (size_t i = 0; i < tree->included.count; i++) {
        if (str_eq(tree->included.files[i].path, path)) return true;
    }
    return false;
}

static err *add_include(struct building *b, struct tree *tree,
                        const struct from_git_include *include, struct artifact_tree *source)
{
    str to = include->to_path.len ? include->to_path : include->name;
    str target = str_skip(fs_clean(b->a, str_concat(b->a, STR("/"), to)), 1);
    err *e = is_taken(tree, target)
                 ? err_invalid("'" STR_FMT "' is in the repository already", STR_ARG(target))
                 : include_add(b->a, artifact_tree_folder(source), include->from_path, to,
                               &tree->included);
    if (!e) return NULL;
    e = err_wrap(e, "failed to copy '" STR_FMT "' include from " STR_FMT " to " STR_FMT,
                 STR_ARG(include->name), STR_ARG(include->from_path), STR_ARG(to));
    return err_because(e, "CopyFailure");
}

/* Writes the tree into the folder. The mirror is needed no longer than that. */
static err *write_tree(struct building *b, struct tree *tree, str folder)
{
    struct crate crate AUTO(crate_close) = {0};
    size_t kept = 0;
    for (size_t i = 0; i < tree->count; i++) {
        const struct entry *entry = tree->entries[i];
        bool is_dir = entry->kind == ENTRY_DIR || entry->kind == ENTRY_SUBMODULE;
        if (!ignore_has(tree->ignore, entry->path, is_dir)) tree->entries[kept++] = entry;
    }
    tree->count = kept;
    TRY(crate_open(folder, &crate));
    TRY(mirror_write(b->mirror, b->a, tree->entries, tree->count, &crate));
    return include_copy(&tree->included, tree->ignore, &crate);
}

static err *make_tree(struct building *b, struct artifact_tree **sources, str folder)
{
    struct tree tree = {0};
    struct mirror_until until = {clock_now_ns() + b->spec->timeout_ns, b->spec->cancel};
    struct mirror *mirror AUTO(mirror_given) = NULL;
    TRY(mirror_take(b->git->mirrors, &b->target->remote, until, &mirror));
    b->mirror = mirror;
    TRY(fetch(b));
    TRY(list_entries(b, &tree));
    for (size_t i = 0; i < b->spec->include_count; i++) {
        TRY(add_include(b, &tree, &b->spec->includes[i], sources[i]));
    }
    TRY(read_ignores(b, &tree));
    return write_tree(b, &tree, folder);
}

static err *publish(struct building *b, struct artifact_owner owner, str folder,
                    struct from_git_result *out)
{
    str file = str_concat(b->a, b->commit.sha, STR(".tar.gz"));
    str revision = revision_of(b->a, b->target->label, b->commit.sha);
    struct artifact artifact;
    err *e =
        artifact_put_tree(b->git->options.store, b->a, owner, file, revision, folder, &artifact);
    if (e)
        return err_because(err_wrap(e, "unable to archive artifact to storage"),
                           "ArchiveOperationFailed");
    *out = (struct from_git_result){
        .artifact = artifact,
        .sha = b->commit.sha,
        .message = b->commit.message,
        .author = b->commit.author,
        .author_wall_ns = b->commit.author_wall_ns,
    };
    return NULL;
}

/* The trees of the included artifacts, which stay until the new one is made. */
static err *open_includes(struct building *b, struct artifact_tree **trees)
{
    for (size_t i = 0; i < b->spec->include_count; i++) {
        const struct from_git_include *include = &b->spec->includes[i];
        err *e =
            artifact_tree(b->git->options.store, &include->artifact, b->spec->cancel, &trees[i]);
        if (!e) continue;
        e = err_wrap(e, "failed to copy '" STR_FMT "' include", STR_ARG(include->name));
        return err_is(e, ERR_CANCELED) ? e : err_because(e, "CopyFailure");
    }
    return NULL;
}

err *from_git_build(struct from_git *git, arena *a, const struct from_git_spec *spec,
                    const struct from_git_target *target, struct artifact_owner owner,
                    struct from_git_result *out)
{
    struct building building = {.git = git, .a = a, .spec = spec, .target = target};
    struct artifact_tree **sources = NEW_ARRAY(a, struct artifact_tree *, spec->include_count + 1);
    str folder;
    TRY(artifact_stage(git->options.store, a, &folder));
    err *e = open_includes(&building, sources);
    if (!e) e = report(make_tree(&building, sources, folder));
    if (!e) e = publish(&building, owner, folder, out);
    if (e) err_free(fs_remove_tree(folder));
    for (size_t i = 0; i < spec->include_count; i++)
        artifact_tree_unref(sources[i]);
    return e;
}
