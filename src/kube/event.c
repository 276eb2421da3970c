#include "kube/event.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "kube/kube_call.h"

#define DELAY_NS    (3 * CLOCK_SECOND)   /* an Event waits for a quiet moment that long at most */
#define QUIET_NS    (100 * CLOCK_MS)     /* no answer awaited for that long is a quiet moment */
#define LOOK_NS     (100 * CLOCK_MS)     /* how often to look for one */
#define SAME_NS     (600 * CLOCK_SECOND) /* a repetition within that time counts on the first one */
#define FAREWELL_NS (5 * CLOCK_SECOND)
#define RETRY_NS    (2 * CLOCK_SECOND)

enum {
    IN_FLIGHT_MAX = 2,
    TRIES_MAX = 3,
    MESSAGE_BYTES_MAX = 1024,
    NAME_BYTES_MAX = 253,
};

/* What makes two Events the same. */
struct key {
    uint8_t digest[HASH_SHA256_BYTES];
};

/* An Event that was not sent yet, or is being sent. */
struct item {
    struct list_link link;
    arena arena; /* holds this struct and its texts */
    struct event_sender *sender;
    struct event event;
    struct key key;
    int64_t due_ns, not_before_ns;
    int64_t first_wall_ns, last_wall_ns;
    int count, tries;
    struct kube_call *call;
    uint64_t serial; /* the Event it becomes, or counts on, is named <object>.<serial> */
    bool counts;
};

/* An Event on the server that a repetition counts on. */
struct recent {
    struct key key;
    uint64_t serial;
    int count;
    int64_t until_ns;
};

struct event_sender {
    arena arena; /* holds this struct and its texts */
    struct kube *kube;
    str component, instance;

    pthread_mutex_t lock; /* guards the next six */
    pthread_cond_t empty;
    struct list_link urgent, waiting; /* items, oldest first, and so in the order of due_ns */
    struct map by_key;                /* struct item of both lists, by the bytes of its key */
    size_t count;                     /* of items on both lists */
    bool posted;                      /* pump will run soon */
    bool hurry;                       /* event_sender_free: nothing waits for a quiet moment */

    _Atomic uint64_t dropped;

    /* Of the loop thread. */
    struct loop_timer timer;
    struct list_link in_flight;
    _Atomic int in_flight_count;
    struct recent **recents; /* a ring of at most LIMIT_EVENT_RECENT */
    size_t recent_oldest;
    struct map recent_by_key;
};

METRIC(events_dropped) = {.name = "fixpoint_events_dropped_total",
                          .help = "Kubernetes Events that were never sent.",
                          .type = METRIC_COUNTER,
                          .labels = {"component"}};

static const struct kube_resource events = {.plural = {"events", 6}, .namespaced = true};

static void pump(void *context);

/* ---- Items ---- */

/* The same object, kind of event and words. Fields are set apart by a byte that none of them holds.
 */
static struct key key_of(const struct event *event)
{
    const str parts[] = {
        event->about.kind.group,
        event->about.kind.version,
        event->about.kind.kind,
        event->about.namespace,
        event->about.name,
        event->uid,
        event->reason,
        event->message,
        event->warning ? STR("!") : STR(""),
    };
    arena a AUTO(arena_done) = {0};
    struct key key;
    hash_sha256(str_join(&a, parts, COUNT(parts), str_from("", 1)), key.digest);
    return key;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static str key_bytes(const struct key *key)
{
    return str_from((const char *)key->digest, sizeof key->digest);
}

static void copy_event(arena *a, struct event *event)
{
    event->message = str_head_utf8(event->message, MESSAGE_BYTES_MAX);
    str *texts[] = {&event->about.kind.group, &event->about.kind.version,
                    &event->about.kind.kind,  &event->about.namespace,
                    &event->about.name,       &event->uid,
                    &event->resource_version, &event->reason,
                    &event->message};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
    struct http_header *annotations = NEW_ARRAY(a, struct http_header, event->annotation_count);
    for (size_t i = 0; i < event->annotation_count; i++)
        annotations[i] = (struct http_header){str_dup(a, event->annotations[i].name),
                                              str_dup(a, event->annotations[i].value)};
    event->annotations = annotations;
}

static struct item *item_new(struct event_sender *sender, const struct event *event)
{
    arena all = {0};
    struct item *item = NEW(&all, struct item);
    item->sender = sender;
    item->event = *event;
    copy_event(&all, &item->event);
    item->key = key_of(&item->event);
    item->due_ns = clock_now_ns() + DELAY_NS;
    item->first_wall_ns = item->last_wall_ns = clock_wall_ns();
    item->count = 1;
    item->arena = all;
    return item;
}

static void item_free(struct item *item)
{
    arena all = item->arena;
    arena_done(&all);
}

static void drop(struct event_sender *sender, struct item *item)
{
    sender->dropped += (uint64_t)item->count;
    metrics_add(&metric_events_dropped, (str[]){sender->component}, item->count);
    item_free(item);
}

/* ---- The queue; called with the lock held ---- */

static struct item *find_waiting(struct event_sender *sender, const struct key *key)
{
    return map_get(&sender->by_key, key_bytes(key));
}

/* One that comes again stands before one like it that came meanwhile, which stays the one to be
 * found. */
static void put(struct event_sender *sender, struct item *item, bool again)
{
    struct list_link *list = item->event.urgent ? &sender->urgent : &sender->waiting;
    if (again)
        list_add_first(list, &item->link);
    else
        list_add_last(list, &item->link);
    void **found = map_at(&sender->by_key, key_bytes(&item->key));
    if (!*found) *found = item;
    sender->count++;
}

static void take(struct event_sender *sender, struct item *item)
{
    list_remove(&item->link);
    if (find_waiting(sender, &item->key) == item)
        map_remove(&sender->by_key, key_bytes(&item->key));
    sender->count--;
}

static struct item *take_oldest(struct event_sender *sender)
{
    struct list_link *list = list_is_empty(&sender->waiting) ? &sender->urgent : &sender->waiting;
    struct item *item = CONTAINER_OF(list->next, struct item, link);
    take(sender, item);
    return item;
}

static bool is_in_flight(struct event_sender *sender, const struct key *key)
{
    LIST_EACH (&sender->in_flight, struct item, link, item)
        if (same_key(&item->key, key)) return true;
    return false;
}

/* The first item that may go now. One like it under way has to arrive first, to be counted on. */
static struct item *next_ready(struct event_sender *sender)
{
    int64_t now_ns = clock_now_ns();
    bool quiet = sender->hurry || kube_quiet_ns(sender->kube) >= QUIET_NS;
    LIST_EACH (&sender->urgent, struct item, link, item)
        if (item->not_before_ns <= now_ns && !is_in_flight(sender, &item->key)) return item;
    LIST_EACH (&sender->waiting, struct item, link, item) {
        if (!quiet && item->due_ns > now_ns) break;
        if (item->not_before_ns <= now_ns && !is_in_flight(sender, &item->key)) return item;
    }
    return NULL;
}

void event_send(struct event_sender *sender, const struct event *event)
{
    struct item *item = item_new(sender, event), *oldest = NULL;
    pthread_mutex_lock(&sender->lock);
    struct item *same = find_waiting(sender, &item->key);
    if (same) {
        same->count++;
        same->last_wall_ns = item->last_wall_ns;
    } else {
        if (sender->count >= LIMIT_EVENT_QUEUE) oldest = take_oldest(sender);
        put(sender, item, false);
    }
    bool post = !sender->posted;
    sender->posted = true;
    pthread_mutex_unlock(&sender->lock);
    if (same) item_free(item);
    if (oldest) drop(sender, oldest);
    if (post) loop_post(kube_loop(sender->kube), pump, sender);
}

/* ---- Words ---- */

/* Cluster-scoped objects have their Events in the namespace "default". */
static str namespace_of(const struct event *event)
{
    return event->about.namespace.len ? event->about.namespace : STR("default");
}

static str name_of(arena *a, const struct item *item)
{
    str tail = str_printf(a, ".%016llx", (unsigned long long)item->serial);
    str head = str_head(item->event.about.name, NAME_BYTES_MAX - tail.len);
    return str_concat(a, str_trim_char(head, '.'), tail);
}

static node *event_object(arena *a, const struct event_sender *sender, const struct item *item)
{
    const struct event *event = &item->event;
    node *object = node_map(a);
    node_set_str(a, object, STR("apiVersion"), STR("v1"));
    node_set_str(a, object, STR("kind"), STR("Event"));
    node *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, metadata, STR("name"), name_of(a, item));
    node_set_str(a, metadata, STR("namespace"), namespace_of(event));
    for (size_t i = 0; i < event->annotation_count; i++)
        node_set_str(a, node_make_map(a, metadata, STR("annotations")), event->annotations[i].name,
                     event->annotations[i].value);

    node *about = node_make_map(a, object, STR("involvedObject"));
    node_set_str(a, about, STR("apiVersion"), kube_api_version(a, event->about.kind));
    node_set_str(a, about, STR("kind"), event->about.kind.kind);
    node_set_str(a, about, STR("name"), event->about.name);
    if (event->about.namespace.len)
        node_set_str(a, about, STR("namespace"), event->about.namespace);
    if (event->uid.len) node_set_str(a, about, STR("uid"), event->uid);
    if (event->resource_version.len)
        node_set_str(a, about, STR("resourceVersion"), event->resource_version);

    node_set_str(a, object, STR("type"), event->warning ? STR("Warning") : STR("Normal"));
    node_set_str(a, object, STR("reason"), event->reason);
    node_set_str(a, object, STR("message"), event->message);
    node_set_str(a, object, STR("firstTimestamp"), clock_format(a, item->first_wall_ns));
    node_set_str(a, object, STR("lastTimestamp"), clock_format(a, item->last_wall_ns));
    node_set_int(a, object, STR("count"), item->count);
    node_set_str(a, node_make_map(a, object, STR("source")), STR("component"), sender->component);
    node_set_str(a, object, STR("reportingComponent"), sender->component);
    node_set_str(a, object, STR("reportingInstance"), sender->instance);
    return object;
}

static node *count_patch(arena *a, const struct item *item, int count)
{
    node *patch = node_map(a);
    node_set_int(a, patch, STR("count"), count);
    node_set_str(a, patch, STR("lastTimestamp"), clock_format(a, item->last_wall_ns));
    return patch;
}

/* ---- What was sent of late ---- */

static struct recent *find_recent(struct event_sender *sender, const struct key *key)
{
    struct recent *recent = map_get(&sender->recent_by_key, key_bytes(key));
    return recent && recent->until_ns > clock_now_ns() ? recent : NULL;
}

/* The Event is on the server no more, or is told anew. */
static void forget(struct event_sender *sender, const struct recent *recent)
{
    if (map_get(&sender->recent_by_key, key_bytes(&recent->key)) == recent)
        map_remove(&sender->recent_by_key, key_bytes(&recent->key));
}

static void remember(struct event_sender *sender, const struct item *item)
{
    if (!sender->recents)
        sender->recents = NEW_ARRAY(&sender->arena, struct recent *, LIMIT_EVENT_RECENT);
    struct recent **at = &sender->recents[sender->recent_oldest];
    if (*at) forget(sender, *at);
    if (!*at) *at = NEW(&sender->arena, struct recent);
    **at = (struct recent){item->key, item->serial, item->count, clock_now_ns() + SAME_NS};
    map_put(&sender->recent_by_key, key_bytes(&item->key), *at);
    sender->recent_oldest = (sender->recent_oldest + 1) % LIMIT_EVENT_RECENT;
}

/* ---- Sending; on the loop ---- */

static void look_again(struct event_sender *sender)
{
    loop_timer_set(kube_loop(sender->kube), &sender->timer, clock_now_ns() + LOOK_NS, pump, sender);
}

/* An Event of a namespace that is gone, or that we may not write, is no matter. */
static void on_sent(void *context, arena *a, const struct http_response *response, err *e)
{
    (void)a, (void)response;
    struct item *item = context;
    struct event_sender *sender = item->sender;
    item->call = NULL;
    list_remove(&item->link);
    struct recent *recent = item->counts ? find_recent(sender, &item->key) : NULL;
    bool vanished = item->counts && err_is(e, ERR_NOT_FOUND);
    if (!e && recent) recent->count += item->count;
    if (!e && !item->counts) remember(sender, item);
    if (vanished && recent) forget(sender, recent);

    bool again = vanished || (err_is(e, ERR_TRANSIENT) && ++item->tries < TRIES_MAX);
    if (again && !vanished) item->not_before_ns = clock_now_ns() + RETRY_NS;
    if (e) log_debug("event", LOG_STR("reason", item->event.reason), LOG_ERR(e));

    if (again) {
        pthread_mutex_lock(&sender->lock);
        put(sender, item, true);
        pthread_mutex_unlock(&sender->lock);
    } else if (e) {
        drop(sender, item);
    } else {
        item_free(item);
    }
    err_free(e);
    sender->in_flight_count--;
    pump(sender);
}

static void send(struct event_sender *sender, struct item *item)
{
    arena a AUTO(arena_done) = {0};
    struct recent *recent = find_recent(sender, &item->key);
    item->counts = recent != NULL;
    item->serial = recent ? recent->serial : rand_u64();
    struct kube_request request = {
        .verb = recent ? KUBE_MERGE_PATCH : KUBE_CREATE,
        .ref = {.kind = {STR(""), STR("v1"), STR("Event")},
                .namespace = namespace_of(&item->event),
                .name = name_of(&a, item)},
        .body = recent ? count_patch(&a, item, recent->count + item->count)
                       : event_object(&a, sender, item),
    };
    list_add_last(&sender->in_flight, &item->link);
    sender->in_flight_count++;
    item->call = kube_call_start(sender->kube, &request, &events, on_sent, item);
}

static void pump(void *context)
{
    struct event_sender *sender = context;
    bool some_left = true;
    while (sender->in_flight_count < IN_FLIGHT_MAX) {
        pthread_mutex_lock(&sender->lock);
        sender->posted = false;
        struct item *item = next_ready(sender);
        if (item) take(sender, item);
        some_left = sender->count > 0;
        if (!some_left && !item && !sender->in_flight_count) pthread_cond_signal(&sender->empty);
        pthread_mutex_unlock(&sender->lock);
        if (!item) break;
        send(sender, item);
    }
    if (some_left) look_again(sender);
}

/* ---- Life ---- */

struct event_sender *event_sender_new(struct kube *kube, str component)
{
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    arena all = {0};
    struct event_sender *sender = NEW(&all, struct event_sender);
    sender->kube = kube;
    sender->component = str_dup(&all, component);
    sender->instance = str_dup(&all, str_of(host));
    pthread_mutex_init(&sender->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->empty, &monotonic);
    pthread_condattr_destroy(&monotonic);
    list_init(&sender->urgent);
    list_init(&sender->waiting);
    list_init(&sender->in_flight);
    sender->arena = all;
    return sender;
}

uint64_t event_dropped(const struct event_sender *sender)
{
    return sender->dropped;
}

static void free_list(struct event_sender *sender, struct list_link *list)
{
    LIST_EACH (list, struct item, link, item) {
        list_remove(&item->link);
        kube_call_cancel(item->call);
        drop(sender, item);
    }
}

/* On the loop, so that nothing of ours runs there afterwards. */
static void stop(void *context)
{
    struct event_sender *sender = context;
    loop_timer_cancel(kube_loop(sender->kube), &sender->timer);
    free_list(sender, &sender->in_flight);
    free_list(sender, &sender->urgent);
    free_list(sender, &sender->waiting);
}

void event_sender_free(struct event_sender *sender)
{
    if (!sender) return;
    struct timespec until;
    must(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += FAREWELL_NS / CLOCK_SECOND;
    pthread_mutex_lock(&sender->lock);
    sender->hurry = true;
    pthread_mutex_unlock(&sender->lock);
    loop_call(kube_loop(sender->kube), pump, sender);
    pthread_mutex_lock(&sender->lock);
    while (sender->count + (size_t)sender->in_flight_count > 0)
        if (pthread_cond_timedwait(&sender->empty, &sender->lock, &until) != 0) break;
    pthread_mutex_unlock(&sender->lock);

    loop_call(kube_loop(sender->kube), stop, sender);
    pthread_mutex_destroy(&sender->lock);
    pthread_cond_destroy(&sender->empty);
    map_done(&sender->by_key);
    map_done(&sender->recent_by_key);
    arena all = sender->arena;
    arena_done(&all);
}
