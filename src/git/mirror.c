#include "git/mirror.h"

#include <pthread.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "git/batch.h"
#include "git/gitrun.h"
#include "git/turn.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600, REF_DIGITS = 16 };
#define COMMIT_LIMIT_BYTES ((size_t)1024 * 1024)

struct mirror { /* lives in its own arena */
    arena arena;
    struct mirrors *mirrors;
    str id, folder;
    bool taken;      /* guarded by the lock of all, as is used_ns */
    int64_t used_ns; /* when it was last asked for */
    /* Of the one who has it: */
    const struct remote *remote;
    struct mirror_until until;
};

struct mirrors {
    arena arena;
    struct mirror_options options;
    struct turns *turns;  /* at each mirror, one user at a time */
    pthread_mutex_t lock; /* guards by_id and the fields named above */
    struct map by_id;
};

/* ---- The table ---- */

static struct mirror *mirror_new(struct mirrors *mirrors, str id)
{
    arena a = {0};
    struct mirror *mirror = NEW(&a, struct mirror);
    mirror->mirrors = mirrors;
    mirror->id = str_dup(&a, id);
    mirror->folder = fs_join(&a, mirrors->options.folder, mirror->id);
    mirror->used_ns = clock_now_ns();
    mirror->arena = a;
    return mirror;
}

static void mirror_free(struct mirror *mirror)
{
    arena a = mirror->arena;
    arena_done(&a);
}

/* What an earlier process has left is used on; half-made ones are removed. */
static err *adopt(struct mirrors *mirrors)
{
    arena a AUTO(arena_done) = {0};
    str *names;
    size_t count;
    TRY(fs_list(&a, mirrors->options.folder, &names, &count));
    for (size_t i = 0; i < count; i++) {
        if (str_has_char(names[i], '.')) {
            TRY(fs_remove_tree(fs_join(&a, mirrors->options.folder, names[i])));
        } else {
            map_put(&mirrors->by_id, names[i], mirror_new(mirrors, names[i]));
        }
    }
    return NULL;
}

err *mirror_open(struct mirror_options options, struct mirrors **out)
{
    TRY(fs_make_dirs(options.folder, DIR_MODE));
    arena a = {0};
    struct mirrors *mirrors = NEW(&a, struct mirrors);
    mirrors->options.folder = str_dup(&a, options.folder);
    mirrors->options.git = str_dup(&a, options.git);
    mirrors->arena = a;
    mirrors->turns = turn_new(1);
    pthread_mutex_init(&mirrors->lock, NULL);
    err *e = adopt(mirrors);
    if (e) {
        mirror_close(mirrors);
        return e;
    }
    *out = mirrors;
    return NULL;
}

void mirror_close(struct mirrors *mirrors)
{
    if (!mirrors) return;
    MAP_EACH (&mirrors->by_id, entry) {
        struct mirror *mirror = entry->value;
        must(!mirror->taken);
        mirror_free(mirror);
    }
    map_done(&mirrors->by_id);
    pthread_mutex_destroy(&mirrors->lock);
    turn_free(mirrors->turns);
    arena a = mirrors->arena;
    arena_done(&a);
}

/* Takes the one that was unused for longest, if it is to go. */
static struct mirror *take_unused(struct mirrors *mirrors)
{
    struct mirror *oldest = NULL;
    pthread_mutex_lock(&mirrors->lock);
    MAP_EACH (&mirrors->by_id, entry) {
        struct mirror *mirror = entry->value;
        if (!mirror->taken && (!oldest || mirror->used_ns < oldest->used_ns)) oldest = mirror;
    }
    bool goes = oldest && (mirrors->by_id.count > LIMIT_MIRRORS ||
                           clock_now_ns() - oldest->used_ns > LIMIT_MIRROR_IDLE_NS);
    goes = goes && turn_try(mirrors->turns, oldest->id);
    if (goes) oldest->taken = true;
    pthread_mutex_unlock(&mirrors->lock);
    return goes ? oldest : NULL;
}

/* Drops mirrors that are no longer used. */
static void sweep(struct mirrors *mirrors)
{
    for (struct mirror *unused; (unused = take_unused(mirrors));) {
        err_free(fs_remove_tree(unused->folder));
        pthread_mutex_lock(&mirrors->lock);
        map_remove(&mirrors->by_id, unused->id);
        pthread_mutex_unlock(&mirrors->lock);
        turn_give(mirrors->turns, unused->id);
        mirror_free(unused);
    }
}

static err *check_until(struct mirror_until until)
{
    if (until.cancel && atomic_load(until.cancel))
        return err_new(ERR_CANCELED, "Canceled", "canceled");
    if (clock_now_ns() < until.due_ns) return NULL;
    return err_new(ERR_TRANSIENT, "Timeout", "git took too long");
}

err *mirror_take(struct mirrors *mirrors, const struct remote *remote, struct mirror_until until,
                 struct mirror **out)
{
    arena a AUTO(arena_done) = {0};
    str id = remote_id(&a, remote);
    TRY(check_until(until));
    if (!turn_take(mirrors->turns, id)) {
        return err_new(ERR_CONFLICT, "Busy", "the mirror of '" STR_FMT "' is in use",
                       STR_ARG(remote->url));
    }
    pthread_mutex_lock(&mirrors->lock);
    struct mirror *mirror = map_get(&mirrors->by_id, id);
    if (!mirror) map_put(&mirrors->by_id, id, mirror = mirror_new(mirrors, id));
    mirror->taken = true;
    mirror->used_ns = clock_now_ns();
    pthread_mutex_unlock(&mirrors->lock);
    mirror->remote = remote;
    mirror->until = until;
    *out = mirror;
    return NULL;
}

void mirror_give(struct mirror *mirror)
{
    if (!mirror) return;
    struct mirrors *mirrors = mirror->mirrors;
    arena a AUTO(arena_done) = {0};
    str id = str_dup(&a, mirror->id); /* once given, it may be dropped by anyone */
    pthread_mutex_lock(&mirrors->lock);
    mirror->remote = NULL;
    mirror->taken = false;
    pthread_mutex_unlock(&mirrors->lock);
    turn_give(mirrors->turns, id);
    sweep(mirrors);
}

void mirror_given(struct mirror **mirror)
{
    mirror_give(*mirror);
    *mirror = NULL;
}

void mirror_touch(struct mirrors *mirrors, const struct remote *remote)
{
    arena a AUTO(arena_done) = {0};
    str id = remote_id(&a, remote);
    pthread_mutex_lock(&mirrors->lock);
    struct mirror *mirror = map_get(&mirrors->by_id, id);
    if (mirror) mirror->used_ns = clock_now_ns();
    pthread_mutex_unlock(&mirrors->lock);
}

/* ---- Running git in it ---- */

static struct gitrun run_of(const struct mirror *mirror, str folder, const char *const *args)
{
    return (struct gitrun){
        .git = mirror->mirrors->options.git,
        .folder = folder,
        .args = args,
        .due_ns = mirror->until.due_ns,
        .cancel = mirror->until.cancel,
    };
}

/* Objects by their names, in their order. */
static err *cat(struct mirror *mirror, arena *a, const str *names, size_t count,
                const struct batch_events *events, void *context)
{
    static const char *const args[] = {"cat-file", "--batch", "--buffer", NULL};
    struct batch *batch = batch_new(a, count, events, context);
    struct gitrun run = run_of(mirror, mirror->folder, args);
    run.input = str_concat(a, str_join(a, names, count, STR("\n")), STR("\n"));
    run.take = batch_take;
    run.context = batch;
    TRY(gitrun_do(a, &run, NULL));
    return batch_end(batch);
}

/* Whole objects in memory. */
struct gathering {
    arena *a;
    size_t limit_bytes, index;
    str *shas, *contents;
    buf content;
};

static err *gather_begin(void *context, size_t index, str sha, uint64_t size)
{
    struct gathering *g = context;
    if (size > g->limit_bytes) {
        return err_invalid("object " STR_FMT " has more than %zu bytes, the limit", STR_ARG(sha),
                           g->limit_bytes);
    }
    g->index = index;
    g->shas[index] = str_dup(g->a, sha);
    g->content = BUF(g->a);
    buf_room(&g->content, size);
    return NULL;
}

static err *gather_data(void *context, str bytes)
{
    buf_add(&((struct gathering *)context)->content, bytes);
    return NULL;
}

static err *gather_end(void *context)
{
    struct gathering *g = context;
    g->contents[g->index] = buf_str(&g->content);
    return NULL;
}

static err *gather(struct mirror *mirror, arena *a, const str *names, size_t count,
                   size_t limit_bytes, str *shas_out, str *contents_out)
{
    static const struct batch_events events = {gather_begin, gather_data, gather_end};
    struct gathering gathering = {
        .a = a, .limit_bytes = limit_bytes, .shas = shas_out, .contents = contents_out};
    return cat(mirror, a, names, count, &events, &gathering);
}

static bool exists(const struct mirror *mirror)
{
    return fs_is_dir(mirror->folder);
}

/* The commit that a name ("<sha>", "refs/keep/x") stands for, if the mirror has it. */
static err *find_commit(struct mirror *mirror, arena *a, str name, struct commit *out)
{
    if (!exists(mirror)) return err_not_found("object not found");
    str peeled = str_concat(a, name, STR("^{commit}"));
    str full_sha, content;
    TRY(gather(mirror, a, &peeled, 1, COMMIT_LIMIT_BYTES, &full_sha, &content));
    return commit_parse(full_sha, content, out);
}

/* ---- Fetching ---- */

/* What `git init --bare` makes, without hooks and templates, and without a process. */
static err *init(arena *a, str folder)
{
    TRY(fs_remove_tree(folder));
    TRY(fs_make_dirs(fs_join(a, folder, STR("objects/pack")), DIR_MODE));
    TRY(fs_make_dirs(fs_join(a, folder, STR("refs")), DIR_MODE));
    TRY(fs_write(fs_join(a, folder, STR("config")),
                 STR("[core]\n\trepositoryformatversion = 0\n\tbare = true\n"), FILE_MODE));
    return fs_write(fs_join(a, folder, STR("HEAD")), STR("ref: refs/heads/none\n"), FILE_MODE);
}

/* The name under which we keep a reference: flat, so that "a" and "a/b" may follow each other. */
static str kept_ref(arena *a, str ref)
{
    return str_concat(a, STR("refs/keep/"), str_head(hash_sha256_hex(a, ref), REF_DIGITS));
}

static err *fetch_into(struct mirror *mirror, arena *a, str folder, str refspec, bool history)
{
    /* Depth 2147483647 is git's word for "all of it". */
    const char *const args[] = {"fetch",
                                "--quiet",
                                "--force",
                                "--no-tags",
                                "--no-write-fetch-head",
                                "--update-shallow",
                                history ? "--depth=2147483647" : "--depth=1",
                                "origin",
                                str_z(a, refspec),
                                NULL};
    struct gitrun run = run_of(mirror, folder, args);
    run.remote = mirror->remote;
    return gitrun_do(a, &run, NULL);
}

/* Fetches into a new repository beside the mirror, then puts it in its place: a failure leaves the
 * mirror as it was. */
static err *fetch_anew(struct mirror *mirror, arena *a, str refspec, bool history)
{
    str folder = str_concat(a, mirror->folder, STR(".new"));
    err *e = init(a, folder);
    if (!e) e = fetch_into(mirror, a, folder, refspec, history);
    if (!e) e = fs_remove_tree(mirror->folder);
    if (!e) e = fs_rename(folder, mirror->folder);
    if (e) err_free(fs_remove_tree(folder));
    return e;
}

/* Every commit of ours leaves loose objects. Their names are random, so one folder of the 256 tells
 * how many there are. */
static bool has_many_loose(struct mirror *mirror, arena *a)
{
    str *names, folder = fs_join(a, mirror->folder, STR("objects/17"));
    size_t count = 0;
    if (!fs_is_dir(folder)) return false;
    err *e AUTO(err_done) = fs_list(a, folder, &names, &count);
    return !e && count >= LIMIT_MIRROR_LOOSE / 256;
}

/* Every fetch leaves a pack; old objects are never taken out of them. */
static bool is_full(struct mirror *mirror, arena *a)
{
    str *names;
    size_t count, packs = 0;
    if (has_many_loose(mirror, a)) return true;
    err *e AUTO(err_done) =
        fs_list(a, fs_join(a, mirror->folder, STR("objects/pack")), &names, &count);
    if (e) return true;
    for (size_t i = 0; i < count; i++)
        packs += str_ends(names[i], STR(".pack"));
    return packs >= LIMIT_MIRROR_PACKS;
}

static err *fetch(struct mirror *mirror, arena *a, str refspec, bool history)
{
    if (!exists(mirror) || is_full(mirror, a)) return fetch_anew(mirror, a, refspec, history);
    err *e = fetch_into(mirror, a, mirror->folder, refspec, history);
    if (!e) return NULL;
    /* It may be the mirror that is damaged, or left with a lock. It is made anew either way. */
    err_free(fs_remove_tree(mirror->folder));
    err *late = check_until(mirror->until);
    if (late || e->kind != ERR_TRANSIENT) {
        err_free(late);
        return e;
    }
    err_free(e);
    return fetch_anew(mirror, a, refspec, history);
}

/* Will another way of asking help, or is that the end of it? */
static bool is_refused(const err *e)
{
    return e->kind == ERR_TRANSIENT && !str_is(str_of(e->reason), "Timeout");
}

/* A commit that no reference of ours names: by its sha, else out of the history of its branch or of
 * all branches. */
static err *fetch_commit(struct mirror *mirror, arena *a, str sha, str branch, struct commit *out)
{
    str kept = kept_ref(a, sha);
    err *e = fetch(mirror, a, str_printf(a, "+" STR_FMT ":" STR_FMT, STR_ARG(sha), STR_ARG(kept)),
                   false);
    if (!e) return find_commit(mirror, a, sha, out);
    if (!is_refused(e)) return e;
    bool unknown = str_find(err_text(e), STR("not our ref")) >= 0;
    err_free(e);
    if (unknown) return err_not_found("object not found");
    str wanted = STR("+refs/heads/*:refs/all/*");
    if (branch.len) {
        kept = kept_ref(a, branch);
        wanted = str_printf(a, "+refs/heads/" STR_FMT ":" STR_FMT, STR_ARG(branch), STR_ARG(kept));
    }
    TRY(fetch_anew(mirror, a, wanted, true));
    return find_commit(mirror, a, sha, out);
}

err *mirror_fetch(struct mirror *mirror, arena *a, str ref, str sha, str branch, struct commit *out)
{
    must(!ref.len || remote_ref_is_valid(ref));
    must(!sha.len || remote_sha_is_valid(sha));
    if (sha.len) {
        err *e AUTO(err_done) = find_commit(mirror, a, sha, out);
        if (!e) return NULL;
        TRY(check_until(mirror->until));
    }
    if (!ref.len) return fetch_commit(mirror, a, sha, branch, out);
    str kept = kept_ref(a, ref);
    TRY(fetch(mirror, a, str_printf(a, "+" STR_FMT ":" STR_FMT, STR_ARG(ref), STR_ARG(kept)),
              false));
    return find_commit(mirror, a, kept, out);
}

/* ---- Reading ---- */

/* A mirror that lacks what its fetch must have brought is damaged: the next fetch makes another. */
static err *spoil(struct mirror *mirror, err *e)
{
    if (!e || e->kind == ERR_CANCELED || e->kind == ERR_INVALID ||
        str_is(str_of(e->reason), "Timeout")) {
        return e;
    }
    err_free(fs_remove_tree(mirror->folder));
    e->kind = ERR_TRANSIENT;
    return err_wrap(e, "the mirror was damaged and is dropped");
}

err *mirror_list(struct mirror *mirror, arena *a, str sha, struct entry **out, size_t *count_out)
{
    must(remote_sha_is_valid(sha));
    const char *const args[] = {"ls-tree", "-r", "-t", "-z", "--full-tree", str_z(a, sha), NULL};
    struct gitrun run = run_of(mirror, mirror->folder, args);
    str listing;
    err *e = gitrun_do(a, &run, &listing);
    if (e) return spoil(mirror, e);
    return entry_list(a, listing, out, count_out);
}

err *mirror_read(struct mirror *mirror, arena *a, const struct entry *const *files, size_t count,
                 size_t limit_bytes, str *contents_out)
{
    if (count == 0) return NULL;
    str *names = NEW_ARRAY(a, str, count), *shas = NEW_ARRAY(a, str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = files[i]->sha;
    return spoil(mirror, gather(mirror, a, names, count, limit_bytes, shas, contents_out));
}

struct writing {
    struct crate *crate;
    const struct entry **files;
    const struct entry *file; /* the one at hand */
    int fd;
    bool failed; /* what went wrong is not the mirror's fault */
};

static err *write_begin(void *context, size_t index, str sha, uint64_t size)
{
    (void)sha, (void)size;
    struct writing *w = context;
    w->file = w->files[index];
    err *e = crate_create(w->crate, w->file->path, w->file->executable, &w->fd);
    w->failed = e;
    return e;
}

static err *write_data(void *context, str bytes)
{
    struct writing *w = context;
    err *e = crate_write(w->crate, w->fd, w->file->path, bytes);
    w->failed = e;
    return e;
}

static err *write_end(void *context)
{
    struct writing *w = context;
    close(w->fd);
    w->fd = -1;
    return NULL;
}

static err *write_files(struct mirror *mirror, arena *a, const struct entry **files, size_t count,
                        struct crate *crate)
{
    static const struct batch_events events = {write_begin, write_data, write_end};
    struct writing writing = {.crate = crate, .files = files, .fd = -1};
    str *names = NEW_ARRAY(a, str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = files[i]->sha;
    err *e = cat(mirror, a, names, count, &events, &writing);
    if (writing.fd >= 0) close(writing.fd);
    return writing.failed ? e : spoil(mirror, e);
}

err *mirror_write(struct mirror *mirror, arena *a, const struct entry *const *entries, size_t count,
                  struct crate *crate)
{
    const struct entry **files = NULL;
    size_t file_count = 0, room = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = entries[i];
        if (entry->kind == ENTRY_FILE) *ARENA_PUSH(a, files, file_count, room) = entry;
        if (entry->kind == ENTRY_DIR || entry->kind == ENTRY_SUBMODULE) {
            TRY(crate_make_dir(crate, entry->path));
        }
    }
    if (file_count == 0) return NULL;
    return write_files(mirror, a, files, file_count, crate);
}

/* ---- For those who write ---- */

struct streaming {
    mirror_take_fn *take;
    void *context;
    size_t limit_bytes, index;
    bool skips;
    buf content;
};

static err *stream_begin(void *context, size_t index, str sha, uint64_t size)
{
    (void)sha;
    struct streaming *s = context;
    s->index = index;
    s->skips = size > s->limit_bytes;
    buf_clear(&s->content);
    return NULL;
}

static err *stream_data(void *context, str bytes)
{
    struct streaming *s = context;
    if (!s->skips) buf_add(&s->content, bytes);
    return NULL;
}

static err *stream_end(void *context)
{
    struct streaming *s = context;
    return s->skips ? NULL : s->take(s->context, s->index, buf_str(&s->content));
}

err *mirror_each(struct mirror *mirror, arena *a, const struct entry *const *files, size_t count,
                 size_t limit_bytes, mirror_take_fn *take, void *context)
{
    static const struct batch_events events = {stream_begin, stream_data, stream_end};
    struct streaming streaming = {.take = take, .context = context, .limit_bytes = limit_bytes};
    if (count == 0) return NULL;
    str *names = NEW_ARRAY(a, str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = files[i]->sha;
    err *e = cat(mirror, a, names, count, &events, &streaming);
    buf_done(&streaming.content);
    return spoil(mirror, e);
}

err *mirror_run(struct mirror *mirror, arena *a, const struct mirror_run *run, str *out)
{
    struct gitrun git = run_of(mirror, mirror->folder, run->args);
    git.input = run->input;
    git.take = run->take;
    git.context = run->context;
    if (run->network) git.remote = mirror->remote;
    return gitrun_do(a, &git, out);
}

err *mirror_keep(struct mirror *mirror, str ref, str sha)
{
    must(remote_sha_is_valid(sha));
    arena a AUTO(arena_done) = {0};
    str path = fs_join(&a, mirror->folder, kept_ref(&a, ref));
    TRY(fs_make_dirs(fs_dir(path), DIR_MODE));
    return fs_write(path, str_concat(&a, sha, STR("\n")), FILE_MODE);
}
