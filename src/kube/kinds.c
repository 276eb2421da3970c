#include "kube/kinds.h"

#include <pthread.h>

#include "base/clock.h"

#define RELOAD_NS                                                                                  \
    CLOCK_SECOND /* at most one table per that long, for questions without an answer */

struct kinds {
    arena arena; /* holds this struct */
    discovery_get_fn *get;
    void *context;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t loaded;
    bool loading;
    uint64_t loads, forgets; /* begun so far; asked for so far */
    err *failure;            /* of the latest load; NULL when it went well */
    struct discovery *table; /* NULL: none yet */
    /* Of the table: which load it was, and what had been forgotten and what time it was at its
     * begin. */
    uint64_t table_load, table_forgets;
    int64_t table_ns;
};

struct kinds *kinds_new(discovery_get_fn *get, void *context)
{
    arena all = {0};
    struct kinds *kinds = NEW(&all, struct kinds);
    *kinds = (struct kinds){.arena = all, .get = get, .context = context};
    pthread_mutex_init(&kinds->lock, NULL);
    pthread_cond_init(&kinds->loaded, NULL);
    return kinds;
}

void kinds_free(struct kinds *kinds)
{
    if (!kinds) return;
    discovery_unref(kinds->table);
    err_free(kinds->failure);
    pthread_mutex_destroy(&kinds->lock);
    pthread_cond_destroy(&kinds->loaded);
    arena all = kinds->arena;
    arena_done(&all);
}

void kinds_forget(struct kinds *kinds)
{
    pthread_mutex_lock(&kinds->lock);
    kinds->forgets++;
    pthread_mutex_unlock(&kinds->lock);
}

/* Called and returns with the lock held. Loads a table, or waits for the thread that does. */
static err *load(struct kinds *kinds)
{
    if (kinds->loading) {
        pthread_cond_wait(&kinds->loaded, &kinds->lock);
        return err_copy(kinds->failure);
    }
    uint64_t number = ++kinds->loads, forgets = kinds->forgets;
    int64_t begin_ns = clock_now_ns();
    kinds->loading = true;
    pthread_mutex_unlock(&kinds->lock);

    struct discovery *table = NULL;
    err *e = discovery_load(kinds->get, kinds->context, &table);

    pthread_mutex_lock(&kinds->lock);
    kinds->loading = false;
    err_free(kinds->failure);
    kinds->failure = err_copy(e);
    pthread_cond_broadcast(&kinds->loaded);
    if (e) return e;
    discovery_unref(kinds->table);
    kinds->table = table;
    kinds->table_load = number;
    kinds->table_forgets = forgets;
    kinds->table_ns = begin_ns;
    return NULL;
}

/* A kind that is there is worth a look at once per second after kinds_forget; for one that is not
 * there, being told to forget is reason enough. A table that was begun after the question is news
 * enough in any case. */
static bool needs_load(const struct kinds *kinds, uint64_t loads_before, bool found)
{
    if (!kinds->table) return true;
    if (kinds->table_load > loads_before) return false;
    bool forgotten = kinds->table_forgets != kinds->forgets;
    bool old = clock_now_ns() - kinds->table_ns >= RELOAD_NS;
    return found ? forgotten && old : forgotten || old;
}

static err *no_match(const struct discovery *table, struct kube_kind kind)
{
    arena a AUTO(arena_done) = {0};
    str text = kind.version.len ? kube_api_version(&a, kind) : kind.group;
    const char *what = kind.version.len ? "version" : "group";
    if (discovery_is_stale(table, kind.group, kind.version))
        return err_new(ERR_TRANSIENT, "DiscoveryFailed",
                       "the API server cannot list the kinds of %s '" STR_FMT "' now", what,
                       STR_ARG(text));
    return err_new(ERR_NOT_FOUND, "NoMatch",
                   "no matches for kind '" STR_FMT "' in %s '" STR_FMT "'", STR_ARG(kind.kind),
                   what, STR_ARG(text));
}

err *kinds_find(struct kinds *kinds, struct kube_kind kind, struct discovery **table_out,
                const struct discovery_row **row_out)
{
    err *e = NULL;
    const struct discovery_row *row = NULL;
    pthread_mutex_lock(&kinds->lock);
    for (uint64_t loads_before = kinds->loads;;) {
        row = kinds->table ? discovery_find(kinds->table, kind) : NULL;
        if (!needs_load(kinds, loads_before, row)) break;
        e = load(kinds);
        if (e) break;
    }
    if (e && row) { /* better the old answer than none */
        err_free(e);
        e = NULL;
    }
    if (!e && !row) e = no_match(kinds->table, kind);
    if (!e) {
        *table_out = discovery_ref(kinds->table);
        *row_out = row;
    }
    pthread_mutex_unlock(&kinds->lock);
    return e;
}
