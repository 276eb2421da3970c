#include "control/writers.h"

#include <pthread.h>

#include "base/map.h"

static struct {
    pthread_mutex_t lock; /* guards both */
    struct map writing;   /* places */
    struct map waiting;   /* "key\nplace" */
} writers = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool writers_take(str place, str key)
{
    arena a AUTO(arena_done) = {0};
    str entry = str_printf(&a, STR_FMT "\n" STR_FMT, STR_ARG(key), STR_ARG(place));
    pthread_mutex_lock(&writers.lock);
    bool mine = !map_has(&writers.writing, place);
    map_put(mine ? &writers.writing : &writers.waiting, mine ? place : entry, &writers);
    pthread_mutex_unlock(&writers.lock);
    return mine;
}

void writers_give(struct manager *manager, str place)
{
    arena a AUTO(arena_done) = {0};
    str *keys = NULL;
    size_t count = 0, room = 0;
    pthread_mutex_lock(&writers.lock);
    map_remove(&writers.writing, place);
    MAP_EACH (&writers.waiting, entry) {
        str key, at;
        str_cut(entry->key, '\n', &key, &at);
        if (!str_eq(at, place)) continue;
        *ARENA_PUSH(&a, keys, count, room) = str_dup(&a, key);
        map_remove(&writers.waiting, entry->key);
    }
    if (!writers.writing.count) map_done(&writers.writing);
    if (!writers.waiting.count) map_done(&writers.waiting);
    pthread_mutex_unlock(&writers.lock);
    for (size_t i = 0; i < count; i++)
        manager_enqueue(manager, keys[i]);
}
