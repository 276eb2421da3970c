#include "sandbox/watcher.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "doc/json.h"
#include "sandbox/read.h"

enum { WATCH_SECONDS = 1800, BOOKMARK_SECONDS = 60 };

struct watcher {
    struct world *world;
    struct loop *loop;
    struct store_listener listener;
    struct list_link all;
    size_t count;
    struct loop_timer tick;
};

struct watching {
    struct list_link link;
    struct watcher *watcher;
    arena arena; /* of the filter and the kind */
    struct read_filter filter;
    struct served served; /* without what may go with a CRD */
    enum read_form_kind form;
    str include;
    bool bookmarks, is_short; /* short: too short for a bookmark at its end */
    int64_t ends_ns, next_bookmark_ns;
    bool breaks; /* at its end */
    struct httpd_stream *stream;
};

static void send(struct watching *watching, const char *type, const node *object)
{
    arena a AUTO(arena_done) = {0};
    buf line = BUF(&a);
    buf_printf(&line, "{\"type\":\"%s\",\"object\":", type);
    json_write(&line, object, (struct json_style){.html = true});
    BUF_ADD(&line, "}\n");
    httpd_stream_write(watching->stream, buf_str(&line));
}

static void send_change(void *context, const struct store_change *change)
{
    struct watching *watching = context;
    if (change->collection != watching->served.collection) return;
    arena a AUTO(arena_done) = {0};
    bool was = change->kind != STORE_ADDED && change->before &&
               read_matches(&watching->filter, change->before->root);
    bool is = change->kind != STORE_DELETED && read_matches(&watching->filter, change->after->root);
    if (!was && !is) return;
    const node *object = change->after->root;
    if (was && !is && change->kind != STORE_DELETED) {
        /* It left the selection: its state from before, at the version of now. */
        node *old = doc_copy(&a, change->before->root);
        node_set_str(&a, node_get(old, STR("metadata")), STR("resourceVersion"),
                     node_find_str(change->after->root, "metadata", "resourceVersion", NULL));
        object = old;
    }
    const char *type = was && is ? "MODIFIED" : is ? "ADDED" : "DELETED";
    send(watching, type,
         read_shaped(&a, &watching->served, watching->form, watching->include, object));
}

static void on_change(void *context, const struct store_change *change)
{
    struct watcher *watcher = context;
    LIST_EACH (&watcher->all, struct watching, link, watching) {
        send_change(watching, change);
    }
}

/* initial: what the watch began with has been sent. */
static void send_bookmark(struct watching *watching, bool initial)
{
    arena a AUTO(arena_done) = {0};
    node *object = node_map(&a);
    node_set_str(&a, object, STR("kind"), watching->served.kind);
    node_set_str(&a, object, STR("apiVersion"), watching->served.api_version);
    node *metadata = node_make_map(&a, object, STR("metadata"));
    node_set_str(&a, metadata, STR("resourceVersion"),
                 str_printf(&a, "%lld", (long long)store_version(watching->watcher->world->store)));
    if (initial)
        node_set_str(&a, node_make_map(&a, metadata, STR("annotations")),
                     STR("k8s.io/initial-events-end"), STR("true"));
    send(watching, "BOOKMARK",
         read_shaped(&a, &watching->served, watching->form, watching->include, object));
}

static void on_tick(void *context);

static void expect_tick(struct watcher *watcher)
{
    int64_t next = INT64_MAX;
    LIST_EACH (&watcher->all, struct watching, link, watching) {
        int64_t due = MIN(watching->ends_ns, watching->next_bookmark_ns);
        next = MIN(next, due);
    }
    if (next == INT64_MAX)
        loop_timer_cancel(watcher->loop, &watcher->tick);
    else
        loop_timer_set(watcher->loop, &watcher->tick, next, on_tick, watcher);
}

static void on_tick(void *context)
{
    struct watcher *watcher = context;
    int64_t now = clock_now_ns();
    LIST_EACH (&watcher->all, struct watching, link, watching) {
        bool quiet_end = watching->is_short || watching->breaks;
        int64_t due = quiet_end ? watching->next_bookmark_ns
                                : MIN(watching->next_bookmark_ns, watching->ends_ns);
        if (watching->bookmarks && now >= due) send_bookmark(watching, false);
        if (now >= watching->next_bookmark_ns)
            watching->next_bookmark_ns = now + BOOKMARK_SECONDS * CLOCK_SECOND;
        if (now >= watching->ends_ns) {
            watching->ends_ns = watching->next_bookmark_ns = INT64_MAX;
            list_remove(&watching->link);
            if (watching->breaks)
                httpd_stream_break(watching->stream);
            else
                httpd_stream_end(watching->stream);
        }
    }
    expect_tick(watcher);
}

static void on_gone(void *context)
{
    struct watching *watching = context;
    list_remove(&watching->link);
    watching->watcher->count--;
    arena a = watching->arena;
    arena_done(&a);
}

struct watcher *watcher_new(struct world *world, struct loop *loop)
{
    struct watcher *watcher = lang_zalloc(sizeof *watcher);
    *watcher = (struct watcher){.world = world, .loop = loop};
    watcher->listener = (struct store_listener){.fn = on_change, .context = watcher};
    list_init(&watcher->all);
    store_listen(world->store, &watcher->listener);
    return watcher;
}

void watcher_free(struct watcher *watcher)
{
    if (!watcher) return;
    list_remove(&watcher->listener.link);
    loop_timer_cancel(watcher->loop, &watcher->tick);
    free(watcher);
}

static err *expired(int64_t version)
{
    return err_with_status(
        err_new(ERR_TRANSIENT, "Expired", "too old resource version: %lld", (long long)version),
        410);
}

static struct watching *watching_of(struct watcher *watcher, struct call *call)
{
    arena a = {0};
    struct watching *watching = NEW(&a, struct watching);
    const struct served *served = call->served;
    *watching = (struct watching){
        .watcher = watcher,
        .served = *served,
        .form = read_form_of(call),
        .include = str_dup(&a, world_query(call, "includeObject")),
        .bookmarks = str_is(world_query(call, "allowWatchBookmarks"), "true"),
    };
    watching->served.kind = str_dup(&a, served->kind);
    watching->served.api_version = str_dup(&a, served->api_version);
    watching->served.typing = (struct typing){0};
    watching->served.selectable = NULL;
    watching->served.columns = served->columns ? doc_copy(&a, served->columns) : NULL;
    int64_t seconds = WATCH_SECONDS;
    str timeout = world_query(call, "timeoutSeconds");
    if (timeout.len && (!str_to_int(timeout, &seconds) || seconds < 1)) seconds = WATCH_SECONDS;
    seconds = MIN(seconds, (int64_t)86400);
    int64_t span_ns = seconds * CLOCK_SECOND;
    watching->is_short = seconds < 2;
    watching->breaks = call->cut_ns && call->cut_ns < span_ns;
    watching->ends_ns = clock_now_ns() + (watching->breaks ? call->cut_ns : span_ns);
    watching->next_bookmark_ns = clock_now_ns() + BOOKMARK_SECONDS * CLOCK_SECOND;
    /* The filter's texts point into the call. */
    struct call again = *call;
    again.a = &a;
    again.query = str_dup(&a, call->query);
    again.namespace = str_dup(&a, call->namespace);
    again.name = str_dup(&a, call->name);
    err *e AUTO(err_done) = read_filter_of(&again, &watching->filter);
    must(!e); /* read before */
    watching->arena = a;
    return watching;
}

/* Why the options contradict each other, in the words of upstream; NULL when they do not. */
static err *check_options(struct call *call, bool named)
{
    str match = world_query(call, "resourceVersionMatch");
    const char *why = NULL;
    if (match.len && !named)
        why = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
              "provided";
    else if (named && !str_is(match, "NotOlderThan"))
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    if (!why) return NULL;
    return world_wrong_options(call, "ListOptions", "FieldValueForbidden", "resourceVersionMatch",
                               str_of(why));
}

static void send_all(struct watching *watching, const struct collection *collection)
{
    arena a AUTO(arena_done) = {0};
    size_t count;
    str *keys = store_keys(&a, collection, &count);
    for (size_t i = 0; i < count; i++) {
        struct store_change change = {.kind = STORE_ADDED,
                                      .collection = collection,
                                      .after = map_get(&collection->objects, keys[i])};
        send_change(watching, &change);
    }
}

static void send_expired(struct watching *watching, arena *a, int64_t version)
{
    err *e AUTO(err_done) = expired(version);
    node *status = node_map(a);
    node_set_str(a, status, STR("kind"), STR("Status"));
    node_set_str(a, status, STR("apiVersion"), STR("v1"));
    node_set(a, status, STR("metadata"), node_map(a));
    node_set_str(a, status, STR("status"), STR("Failure"));
    node_set_str(a, status, STR("message"), str_dup(a, err_text(e)));
    node_set_str(a, status, STR("reason"), STR("Expired"));
    node_set_int(a, status, STR("code"), 410);
    send(watching, "ERROR", status);
    httpd_stream_end(watching->stream);
}

err *watcher_start(struct watcher *watcher, struct call *call, struct httpd *httpd,
                   struct httpd_stream **out)
{
    struct read_filter filter = {0};
    TRY(read_filter_of(call, &filter));
    str text = world_query(call, "resourceVersion");
    int64_t version = 0;
    if (text.len && !str_to_int(text, &version))
        return err_with_status(err_invalid("resourceVersion: Invalid value: \"" STR_FMT
                                           "\": strconv.ParseUint: parsing \"" STR_FMT
                                           "\": invalid syntax",
                                           STR_ARG(text), STR_ARG(text)),
                               500);
    str wish = world_query(call, "sendInitialEvents");
    bool named = wish.len > 0, initial = str_is(wish, "true") || str_is(wish, "1");
    TRY(check_options(call, named));
    if (watcher->count >= LIMIT_SANDBOX_WATCHES)
        return err_with_status(err_new(ERR_TRANSIENT, "TooManyRequests", "too many watches: %d",
                                       LIMIT_SANDBOX_WATCHES),
                               429);
    struct watching *watching = watching_of(watcher, call);
    watching->stream = httpd_stream_new(httpd, on_gone, watching);
    watcher->count++;
    *out = watching->stream;
    struct store *store = watcher->world->store;
    if (version > 0 && !initial) {
        if (!store_replay(store, version, send_change, watching)) {
            send_expired(watching, call->a, version);
            return NULL;
        }
    } else if (initial || !named) {
        send_all(watching, call->served->collection);
        if (initial && watching->bookmarks) send_bookmark(watching, true);
    }
    list_add_last(&watcher->all, &watching->link);
    expect_tick(watcher);
    return NULL;
}
