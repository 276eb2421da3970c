#include "net/trust.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"

struct trusted {
    struct http *http;
    uint64_t used; /* of all takes, the number of the last */
    int users;
};

struct trust {
    struct loop *loop;
    pthread_mutex_t lock; /* guards what is below */
    struct map clients;   /* digest of the options to struct trusted */
    uint64_t uses;
};

struct trust *trust_new(struct loop *loop)
{
    struct trust *trust = lang_zalloc(sizeof *trust);
    trust->loop = loop;
    pthread_mutex_init(&trust->lock, NULL);
    return trust;
}

static void drop(struct trusted *trusted)
{
    http_free(trusted->http);
    free(trusted);
}

void trust_free(struct trust *trust)
{
    if (!trust) return;
    MAP_EACH (&trust->clients, entry) {
        struct trusted *trusted = entry->value;
        must(!trusted->users);
        drop(trusted);
    }
    map_done(&trust->clients);
    pthread_mutex_destroy(&trust->lock);
    free(trust);
}

/* Differs when any option does, and reveals none. */
static str digest_of(arena *a, const struct http_options *options)
{
    const str texts[] = {options->ca_pem,      options->cert_pem,   options->key_pem,
                         options->proxy,       options->proxy_user, options->proxy_password,
                         options->server_name, options->user_agent};
    buf b = BUF(a);
    for (size_t i = 0; i < COUNT(texts); i++)
        buf_printf(&b, "%zu:" STR_FMT, texts[i].len, STR_ARG(texts[i]));
    buf_printf(&b, "%d%d%d%d %d %d", options->ca_only, options->insecure, options->no_proxy,
               options->no_link_local, options->connections_per_host, options->buffer_bytes);
    return hash_sha256_hex(a, buf_str(&b));
}

static void evict(struct trust *trust)
{
    struct map_entry *oldest = NULL;
    MAP_EACH (&trust->clients, entry) {
        const struct trusted *trusted = entry->value, *best = oldest ? oldest->value : NULL;
        if (!trusted->users && (!best || trusted->used < best->used)) oldest = entry;
    }
    if (oldest) drop(map_remove(&trust->clients, oldest->key));
}

static err *find(struct trust *trust, str digest, const struct http_options *options,
                 struct trusted **out)
{
    *out = map_get(&trust->clients, digest);
    if (*out) return NULL;
    struct http *http;
    TRY(http_new(trust->loop, *options, &http));
    if (trust->clients.count >= LIMIT_HTTP_TRUSTS) evict(trust);
    *out = lang_zalloc(sizeof **out);
    (*out)->http = http;
    map_put(&trust->clients, digest, *out);
    return NULL;
}

err *trust_take(struct trust *trust, const struct http_options *options, struct http **out)
{
    arena a AUTO(arena_done) = {0};
    str digest = digest_of(&a, options);
    struct trusted *trusted = NULL;
    pthread_mutex_lock(&trust->lock);
    err *e = find(trust, digest, options, &trusted);
    if (!e) {
        trusted->users++;
        trusted->used = ++trust->uses;
        *out = trusted->http;
    }
    pthread_mutex_unlock(&trust->lock);
    return e;
}

void trust_give(struct trust *trust, struct http *http)
{
    pthread_mutex_lock(&trust->lock);
    MAP_EACH (&trust->clients, entry) {
        struct trusted *trusted = entry->value;
        if (trusted->http == http) trusted->users--;
    }
    pthread_mutex_unlock(&trust->lock);
}
