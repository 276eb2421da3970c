#include "source/artifact_tree.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

enum { DIR_MODE = 0750 };

enum state { MAKING, READY, FAILED };

struct artifact_tree { /* lives in its own arena */
    arena arena;
    struct artifact_trees *trees;
    str digest, folder;
    enum state state;
    err *error; /* FAILED: why */
    int refs;
    bool held;             /* at some time: not worth keeping when it no longer is */
    struct list_link idle; /* of the trees that nobody uses or ever held */
};

struct artifact_trees {
    arena arena;
    str folder, temp;
    pthread_mutex_t lock;  /* guards what follows, and what is in the trees */
    pthread_cond_t made;   /* a tree has left MAKING */
    struct map by_digest;  /* struct artifact_tree; without the failed ones */
    struct map holders;    /* digest to the number of its holders */
    struct list_link idle; /* trees to drop when there are too many, the longest unused first */
    size_t idle_count;
    uint64_t dropped;
    struct pool *remover; /* one thread: who uses a tree last must not wait for its thousands of
                             files to go */
    atomic_bool closing;
};

static void unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}
#define LOCKED(trees)                                                                              \
    pthread_mutex_t *locked_ UNUSED AUTO(unlock) = &(trees)->lock;                                 \
    pthread_mutex_lock(&(trees)->lock)

static err *empty_folder(str path)
{
    TRY(fs_remove_tree(path));
    return fs_make_dirs(path, DIR_MODE);
}

err *artifact_tree_open(str folder, str temp, struct artifact_trees **out)
{
    TRY(empty_folder(folder));
    TRY(empty_folder(temp));
    arena a = {0};
    struct artifact_trees *trees = NEW(&a, struct artifact_trees);
    trees->folder = str_dup(&a, folder);
    trees->temp = str_dup(&a, temp);
    pthread_mutex_init(&trees->lock, NULL);
    pthread_cond_init(&trees->made, NULL);
    list_init(&trees->idle);
    trees->remover = pool_new(1);
    trees->arena = a;
    *out = trees;
    return NULL;
}

static struct artifact_tree *tree_new(struct artifact_trees *trees, str digest, enum state state)
{
    arena a = {0};
    struct artifact_tree *tree = NEW(&a, struct artifact_tree);
    tree->trees = trees;
    tree->digest = str_dup(&a, digest);
    tree->folder = fs_join(&a, trees->folder, str_replace(&a, digest, STR(":"), STR("-")));
    tree->state = state;
    tree->held = map_has(&trees->holders, digest);
    tree->arena = a;
    return tree;
}

static void tree_free(struct artifact_tree *tree)
{
    err_free(tree->error);
    arena a = tree->arena;
    arena_done(&a);
}

void artifact_tree_close(struct artifact_trees *trees)
{
    if (!trees) return;
    atomic_store(&trees->closing, true);
    pool_free(trees->remover);
    MAP_EACH (&trees->by_digest, entry) {
        struct artifact_tree *tree = entry->value;
        must(tree->refs == 0);
        tree_free(tree);
    }
    map_done(&trees->by_digest);
    map_done(&trees->holders);
    pthread_mutex_destroy(&trees->lock);
    pthread_cond_destroy(&trees->made);
    arena a = trees->arena;
    arena_done(&a);
}

/* ---- Dropping ---- */

struct doomed { /* folders to remove once the lock is given back */
    arena *a;
    str *paths;
    size_t count, room;
};

/* The folder is moved aside first, so that its digest can be made anew at once. */
static void doom(struct artifact_trees *trees, struct artifact_tree *tree, struct doomed *doomed)
{
    str aside = str_printf(doomed->a, STR_FMT "/dropped-%llu", STR_ARG(trees->temp),
                           (unsigned long long)++trees->dropped);
    err *e AUTO(err_done) = fs_rename(tree->folder, aside);
    *ARENA_PUSH(doomed->a, doomed->paths, doomed->count, doomed->room) =
        e ? str_dup(doomed->a, tree->folder) : aside;
    map_remove(&trees->by_digest, tree->digest);
    tree_free(tree);
}

/* With the lock held. */
static void leave_idle(struct artifact_trees *trees, struct artifact_tree *tree)
{
    if (tree->idle.next) trees->idle_count--;
    list_remove(&tree->idle);
}

/* With the lock held: a tree that nobody uses goes, or may stay for a while. */
static void rest(struct artifact_trees *trees, struct artifact_tree *tree, struct doomed *doomed)
{
    if (tree->refs || map_has(&trees->holders, tree->digest)) return;
    if (tree->held) {
        doom(trees, tree, doomed);
        return;
    }
    leave_idle(trees, tree);
    list_add_last(&trees->idle, &tree->idle);
    if (++trees->idle_count <= LIMIT_TREES_IDLE) return;
    struct artifact_tree *oldest = CONTAINER_OF(trees->idle.next, struct artifact_tree, idle);
    leave_idle(trees, oldest);
    doom(trees, oldest, doomed);
}

struct removal { /* lives in its own arena */
    arena arena;
    struct artifact_trees *trees;
    str path;
};

/* What cannot be removed is, at the next start; and so is what is left at the end. */
static void remove_tree(void *context)
{
    struct removal *removal = context;
    if (!atomic_load(&removal->trees->closing)) err_free(fs_remove_tree(removal->path));
    arena a = removal->arena;
    arena_done(&a);
}

static void remove_doomed(struct artifact_trees *trees, const struct doomed *doomed)
{
    for (size_t i = 0; i < doomed->count; i++) {
        arena a = {0};
        struct removal *removal = NEW(&a, struct removal);
        removal->trees = trees;
        removal->path = str_dup(&a, doomed->paths[i]);
        removal->arena = a;
        pool_run(trees->remover, remove_tree, removal);
    }
}

void artifact_tree_hold(struct artifact_trees *trees, str digest)
{
    LOCKED(trees);
    void **count = map_at(&trees->holders, digest);
    *count = (void *)((uintptr_t)*count + 1);
    struct artifact_tree *tree = map_get(&trees->by_digest, digest);
    if (!tree) return;
    tree->held = true;
    leave_idle(trees, tree);
}

void artifact_tree_release(struct artifact_trees *trees, str digest)
{
    arena a AUTO(arena_done) = {0};
    struct doomed doomed = {.a = &a};
    {
        LOCKED(trees);
        void **count = map_at(&trees->holders, digest);
        must(*count);
        *count = (void *)((uintptr_t)*count - 1);
        if (!*count) map_remove(&trees->holders, digest);
        struct artifact_tree *tree = map_get(&trees->by_digest, digest);
        if (tree) rest(trees, tree, &doomed);
    }
    remove_doomed(trees, &doomed);
}

/* ---- Making ---- */

static err *make_folder(struct artifact_tree *tree, artifact_tree_fn *make, void *context)
{
    arena a AUTO(arena_done) = {0};
    str folder;
    TRY(fs_temp_dir(&a, tree->trees->temp, STR("tree-"), &folder));
    err *e = make(context, folder);
    if (!e) e = fs_rename(folder, tree->folder);
    if (e) err_free(fs_remove_tree(folder));
    return e;
}

/* A reference to the tree of a digest. *first: it is for the caller to make. */
static struct artifact_tree *join(struct artifact_trees *trees, str digest, bool *first)
{
    LOCKED(trees);
    struct artifact_tree *tree = map_get(&trees->by_digest, digest);
    *first = !tree;
    if (!tree) map_put(&trees->by_digest, digest, tree = tree_new(trees, digest, MAKING));
    tree->refs++;
    leave_idle(trees, tree);
    while (!*first && tree->state == MAKING)
        pthread_cond_wait(&trees->made, &trees->lock);
    return tree;
}

/* Tells those who wait. After a failure the digest is free to be tried again. */
static void finish(struct artifact_tree *tree, err *failure)
{
    struct artifact_trees *trees = tree->trees;
    LOCKED(trees);
    tree->state = failure ? FAILED : READY;
    tree->error = failure;
    if (failure) map_remove(&trees->by_digest, tree->digest);
    pthread_cond_broadcast(&trees->made);
}

err *artifact_tree_get(struct artifact_trees *trees, str digest, artifact_tree_fn *make,
                       void *context, struct artifact_tree **out)
{
    for (;;) {
        bool first;
        struct artifact_tree *tree = join(trees, digest, &first);
        if (first) finish(tree, make_folder(tree, make, context));
        if (tree->state == READY) {
            *out = tree;
            return NULL;
        }
        err *e = err_copy(tree->error);
        artifact_tree_unref(tree);
        /* That the one who made it was canceled is not our concern. */
        if (first || !err_is(e, ERR_CANCELED)) return e;
        err_free(e);
    }
}

/* With the lock held. False when there is a tree already. */
static err *take_over(struct artifact_trees *trees, str digest, str folder, struct doomed *doomed,
                      bool *taken_out)
{
    *taken_out = false;
    if (map_has(&trees->by_digest, digest)) return NULL;
    struct artifact_tree *tree = tree_new(trees, digest, READY);
    err *e = fs_rename(folder, tree->folder);
    if (e) {
        tree_free(tree);
        return e;
    }
    map_put(&trees->by_digest, digest, tree);
    rest(trees, tree, doomed);
    *taken_out = true;
    return NULL;
}

err *artifact_tree_put(struct artifact_trees *trees, str digest, str folder)
{
    arena a AUTO(arena_done) = {0};
    struct doomed doomed = {.a = &a};
    bool taken;
    {
        LOCKED(trees);
        TRY(take_over(trees, digest, folder, &doomed, &taken));
    }
    remove_doomed(trees, &doomed);
    return taken ? NULL : fs_remove_tree(folder);
}

/* ---- In use ---- */

str artifact_tree_folder(const struct artifact_tree *tree)
{
    return tree->folder;
}

struct artifact_tree *artifact_tree_ref(struct artifact_tree *tree)
{
    LOCKED(tree->trees);
    tree->refs++;
    return tree;
}

void artifact_tree_unref(struct artifact_tree *tree)
{
    if (!tree) return;
    struct artifact_trees *trees = tree->trees;
    arena a AUTO(arena_done) = {0};
    struct doomed doomed = {.a = &a};
    {
        LOCKED(trees);
        if (--tree->refs == 0 && tree->state == FAILED) {
            tree_free(tree);
        } else if (tree->state != FAILED) {
            rest(trees, tree, &doomed);
        }
    }
    remove_doomed(trees, &doomed);
}

void artifact_tree_done(struct artifact_tree **tree)
{
    artifact_tree_unref(*tree);
    *tree = NULL;
}
