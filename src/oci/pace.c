#include "oci/pace.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

#define RATE_LEAST    0.5                /* requests a second */
#define RATE_RECOVERY 1.1                /* what an answer makes of the rate */
#define BLOCK_NS      (2 * CLOCK_SECOND) /* after "too many requests" without a time */
#define BLOCK_MOST_NS (300 * CLOCK_SECOND)

struct server {
    int in_flight;
    double rate, tokens;
    int64_t filled_ns;  /* when tokens was right */
    int64_t blocked_ns; /* nothing is sent before */
};

struct pace {
    pthread_mutex_t lock; /* guards the servers */
    pthread_cond_t given;
    struct map servers; /* by host to struct server */
};

struct pace *pace_new(void)
{
    struct pace *pace = lang_zalloc(sizeof *pace);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pace->given, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&pace->lock, NULL);
    return pace;
}

void pace_free(struct pace *pace)
{
    if (!pace) return;
    MAP_EACH (&pace->servers, entry)
        free(entry->value);
    map_done(&pace->servers);
    pthread_mutex_destroy(&pace->lock);
    pthread_cond_destroy(&pace->given);
    free(pace);
}

/* Forgets those that are at rest when there are too many. */
static void make_room(struct pace *pace, int64_t now_ns)
{
    if (pace->servers.count < LIMIT_OCI_HOSTS) return;
    MAP_EACH (&pace->servers, entry) {
        struct server *server = entry->value;
        if (server->in_flight || server->blocked_ns > now_ns) continue;
        map_remove(&pace->servers, entry->key);
        free(server);
    }
}

static struct server *server_of(struct pace *pace, str host, int64_t now_ns)
{
    struct server *server = map_get(&pace->servers, host);
    if (server) return server;
    make_room(pace, now_ns);
    server = lang_zalloc(sizeof *server);
    server->rate = server->tokens = LIMIT_OCI_RATE;
    server->filled_ns = now_ns;
    map_put(&pace->servers, host, server);
    return server;
}

static void fill(struct server *server, int64_t now_ns)
{
    double more = (double)(now_ns - server->filled_ns) / CLOCK_SECOND * server->rate;
    server->tokens = MIN(server->tokens + more, MAX(server->rate, 1.0));
    server->filled_ns = now_ns;
}

/* When to look again; now_ns when the request may go. */
static int64_t wait_until_ns(struct server *server, int64_t now_ns)
{
    fill(server, now_ns);
    if (server->blocked_ns > now_ns) return server->blocked_ns;
    if (server->in_flight >= LIMIT_OCI_IN_FLIGHT) return INT64_MAX;
    if (server->tokens >= 1) return now_ns;
    return now_ns + (int64_t)((1 - server->tokens) / server->rate * CLOCK_SECOND) + CLOCK_MS;
}

static void wait_on(struct pace *pace, int64_t until_ns)
{
    struct timespec last;
    clock_gettime(CLOCK_MONOTONIC, &last);
    int64_t end_ns = last.tv_nsec + MAX(until_ns - clock_now_ns(), (int64_t)0);
    last.tv_sec += end_ns / CLOCK_SECOND;
    last.tv_nsec = end_ns % CLOCK_SECOND;
    pthread_cond_timedwait(&pace->given, &pace->lock, &last);
}

bool pace_take(struct pace *pace, str host, int64_t due_ns)
{
    bool taken = false;
    pthread_mutex_lock(&pace->lock);
    for (;;) {
        int64_t now_ns = clock_now_ns();
        struct server *server = server_of(pace, host, now_ns);
        int64_t until_ns = wait_until_ns(server, now_ns);
        if (until_ns <= now_ns) {
            server->in_flight++;
            server->tokens--;
            taken = true;
            break;
        }
        bool hopeless = until_ns > due_ns && server->in_flight < LIMIT_OCI_IN_FLIGHT;
        if (now_ns >= due_ns || hopeless) break;
        wait_on(pace, MIN(until_ns, due_ns));
    }
    pthread_mutex_unlock(&pace->lock);
    return taken;
}

void pace_give(struct pace *pace, str host, int status, int64_t retry_ns)
{
    pthread_mutex_lock(&pace->lock);
    int64_t now_ns = clock_now_ns();
    struct server *server = server_of(pace, host, now_ns);
    must(server->in_flight > 0);
    server->in_flight--;
    fill(server, now_ns);
    if (status == 429) {
        server->rate = MAX(server->rate / 2, RATE_LEAST);
        server->tokens = 0;
        server->blocked_ns = now_ns + MIN(retry_ns ?: BLOCK_NS, BLOCK_MOST_NS);
    } else if (status == 503 && retry_ns) {
        server->blocked_ns = now_ns + MIN(retry_ns, BLOCK_MOST_NS);
    } else if (status) {
        server->rate = MIN(server->rate * RATE_RECOVERY, (double)LIMIT_OCI_RATE);
    }
    pthread_cond_broadcast(&pace->given);
    pthread_mutex_unlock(&pace->lock);
}

int64_t pace_blocked_until_ns(struct pace *pace, str host)
{
    pthread_mutex_lock(&pace->lock);
    int64_t now_ns = clock_now_ns();
    const struct server *server = map_get(&pace->servers, host);
    int64_t until_ns = server && server->blocked_ns > now_ns ? server->blocked_ns : 0;
    pthread_mutex_unlock(&pace->lock);
    return until_ns;
}
