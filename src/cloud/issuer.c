#include "cloud/issuer.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "doc/json.h"

#define FRESH_NS (3600 * CLOCK_SECOND)
#define AGAIN_NS (60 * CLOCK_SECOND)
#define FETCH_MS (10 * 1000)
#define DOWN_NS  (10 * CLOCK_SECOND)

/* A document as it was last fetched. */
struct kept {
    doc *doc;                      /* NULL: it never was */
    int64_t fetched_ns, failed_ns; /* the last success and failure; 0: none */
};

struct issuer_keys {
    struct http *http;
    pthread_mutex_t lock; /* guards documents */
    struct map documents; /* URL to struct kept * */
};

struct issuer_keys *issuer_new(struct http *http)
{
    struct issuer_keys *keys = lang_zalloc(sizeof *keys);
    keys->http = http;
    pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

static void free_kept(struct kept *kept)
{
    if (kept) doc_unref(kept->doc);
    free(kept);
}

void issuer_free(struct issuer_keys *keys)
{
    if (!keys) return;
    MAP_EACH (&keys->documents, entry)
        free_kept(entry->value);
    map_done(&keys->documents);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

static err *look_up(struct issuer_keys *keys, str url, int64_t age_max_ns, doc **out)
{
    pthread_mutex_lock(&keys->lock);
    struct kept *kept = map_get(&keys->documents, url);
    int64_t now_ns = clock_now_ns();
    bool fresh = kept && kept->doc && now_ns - kept->fetched_ns < age_max_ns;
    bool down = kept && kept->failed_ns && now_ns - kept->failed_ns < DOWN_NS;
    *out = fresh ? doc_ref(kept->doc) : NULL;
    pthread_mutex_unlock(&keys->lock);
    return down && !*out ? err_transient("the issuer did not answer a moment ago") : NULL;
}

static int64_t last_use(const struct kept *kept)
{
    return MAX(kept->fetched_ns, kept->failed_ns);
}

/* Under the lock. One that does not fit any more takes the place of the oldest. */
static struct kept *place_of(struct issuer_keys *keys, str url)
{
    struct kept *kept = map_get(&keys->documents, url);
    if (kept) return kept;
    struct map_entry *oldest = NULL;
    MAP_EACH (&keys->documents, entry) {
        if (!oldest || last_use(entry->value) < last_use(oldest->value)) oldest = entry;
    }
    if (keys->documents.count >= LIMIT_ISSUERS)
        free_kept(map_remove(&keys->documents, oldest->key));
    kept = lang_zalloc(sizeof *kept);
    map_put(&keys->documents, url, kept);
    return kept;
}

/* A failure, which is NULL, leaves what was fetched before. */
static void keep(struct issuer_keys *keys, str url, doc *fetched)
{
    pthread_mutex_lock(&keys->lock);
    struct kept *kept = place_of(keys, url);
    if (fetched) {
        doc_unref(kept->doc);
        kept->doc = doc_ref(fetched);
        kept->fetched_ns = clock_now_ns();
        kept->failed_ns = 0;
    } else {
        kept->failed_ns = clock_now_ns();
    }
    pthread_mutex_unlock(&keys->lock);
}

static err *fetch(struct issuer_keys *keys, arena *a, str url, doc **out)
{
    struct http_response response;
    struct http_request request = {
        .url = url,
        .timeout_ms = FETCH_MS,
        .body_limit = LIMIT_ISSUER_BYTES,
    };
    TRY(http_do(keys->http, a, &request, &response));
    if (response.status != 200)
        return err_transient("the issuer answered %d where its keys should be", response.status);
    doc *fetched = doc_new();
    err *e = json_parse(&fetched->arena, response.body,
                        (struct json_options){.depth_max = LIMIT_JWT_DEPTH}, &fetched->root);
    if (!e && !node_is_map(fetched->root)) e = err_transient("the issuer's document is no object");
    if (e) {
        doc_unref(fetched);
        return err_wrap(e, "reading the issuer's document");
    }
    keep(keys, url, fetched);
    *out = fetched;
    return NULL;
}

static err *get(struct issuer_keys *keys, arena *a, str url, int64_t age_max_ns, doc **out)
{
    TRY(look_up(keys, url, age_max_ns, out));
    if (*out) return NULL;
    err *e = fetch(keys, a, url, out);
    if (e) keep(keys, url, NULL);
    return e;
}

err *issuer_verify_at(struct issuer_keys *keys, arena *a, str keys_url, const struct jwt *jwt)
{
    doc *set AUTO(doc_unref_done) = NULL, *newer AUTO(doc_unref_done) = NULL;
    TRY(get(keys, a, keys_url, FRESH_NS, &set));
    err *e = jwt_verify(jwt, set->root);
    if (!err_is(e, ERR_NOT_FOUND)) return e;
    err_free(e);
    TRY(get(keys, a, keys_url, AGAIN_NS, &newer));
    e = jwt_verify(jwt, newer->root);
    if (e) e->kind = ERR_DENIED;
    return e;
}

err *issuer_verify(struct issuer_keys *keys, arena *a, str issuer_url, const struct jwt *jwt)
{
    doc *found AUTO(doc_unref_done) = NULL;
    str base = issuer_url;
    while (str_strip_suffix(&base, STR("/"))) {
    }
    TRY(get(keys, a, str_concat(a, base, STR("/.well-known/openid-configuration")), FRESH_NS,
            &found));
    if (!str_eq(node_get_str(found->root, STR("issuer")), issuer_url))
        return err_denied("the issuer's document names another issuer");
    str keys_url = str_dup(a, node_get_str(found->root, STR("jwks_uri")));
    bool plain = str_starts(issuer_url, STR("http://")) && str_starts(keys_url, STR("http://"));
    if (!plain && !str_starts(keys_url, STR("https://")))
        return err_denied("the issuer's document names no https URL of its keys");
    return issuer_verify_at(keys, a, keys_url, jwt);
}
