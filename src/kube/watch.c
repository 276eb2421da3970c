#include "kube/watch.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "doc/json.h"
#include "kube/kube_call.h"
#include "kube/lines.h"
#include "kube/page.h"

/*
 * One of these is under way at any time:
 *
 *     timer ──> list (page after page) ──> stream ──> timer ──> stream ...
 *       ^         │ trouble                  │ the version is too old
 *       └─────────┴──────────────────────────┘
 *
 * With a resource version the timer opens a stream, without one it lists.
 */
METRIC(restarts) = {
    .name = "fixpoint_watch_restarts_total",
    .help = "Watches that were begun again: renewed in time, expired (a new list), or failed.",
    .type = METRIC_COUNTER,
    .labels = {"kind", "cause"},
};

struct watch {
    arena arena; /* holds this struct and the texts of options */
    struct kube *kube;
    struct watch_options options;
    str api_version;
    const struct watch_events *events;
    void *context;

    struct loop_timer timer;
    struct kube_call *page;
    struct http_stream *stream;
    int depth; /* callbacks that are running; the watch is freed after the last */
    bool stopped;

    buf version;      /* resource version to watch from; empty: LIST first */
    buf token;        /* continue token of the page under way */
    bool in_one_page; /* the version of the first page is gone before the last: ask for all at once
                       */
    bool synced;
    int failures; /* in a row */

    /* Of the stream. */
    arena stream_arena;
    struct http_request request;
    struct lines lines;
    int status;
    int64_t opened_ns, retry_after_ns;
    buf refusal;    /* body of an answer of 400 or more */
    err *complaint; /* an ERROR event */
};

#define BACK_OFF_NS_MIN (CLOCK_SECOND / 2)
#define BACK_OFF_NS_MAX (30 * CLOCK_SECOND)
#define UP_NS           (10 * CLOCK_SECOND) /* a stream that lasted that long was no failure */

enum {
    WATCH_SECONDS_MIN = 300,  /* the server ends a watch after a random time from here ... */
    WATCH_SECONDS_SPAN = 301, /* ... on, so that watches do not all come back together */
    REFUSAL_BYTES_MAX = 64 * 1024,
    STATUS_GONE = 410,
};

static void begin_list(struct watch *watch);
static void ask_page(struct watch *watch);
static void open_stream(struct watch *watch);

/* ---- Life ---- */

static void free_watch(struct watch *watch)
{
    buf_done(&watch->version);
    buf_done(&watch->token);
    buf_done(&watch->refusal);
    lines_done(&watch->lines);
    err_free(watch->complaint);
    arena_done(&watch->stream_arena);
    arena all = watch->arena;
    arena_done(&all);
}

static void enter(struct watch *watch)
{
    watch->depth++;
}

/* The last thing to do with a watch in a callback. */
static void leave(struct watch *watch)
{
    if (--watch->depth == 0 && watch->stopped && !watch->stream) free_watch(watch);
}

static void on_timer(void *context)
{
    struct watch *watch = context;
    enter(watch);
    if (watch->version.len)
        open_stream(watch);
    else
        begin_list(watch);
    leave(watch);
}

static void schedule(struct watch *watch, int64_t delay_ns)
{
    if (watch->stopped) return;
    loop_timer_set(kube_loop(watch->kube), &watch->timer, clock_now_ns() + delay_ns, on_timer,
                   watch);
}

struct watch *watch_start(struct kube *kube, struct watch_options options,
                          const struct watch_events *events, void *context)
{
    arena all = {0};
    struct watch *watch = NEW(&all, struct watch);
    *watch = (struct watch){.arena = all, .kube = kube, .events = events, .context = context};
    arena *a = &watch->arena;
    str *texts[] = {&options.kind.group,      &options.kind.version, &options.kind.kind,
                    &options.resource.plural, &options.namespace,    &options.label_selector,
                    &options.field_selector};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
    watch->options = options;
    watch->api_version = kube_api_version(a, options.kind);
    schedule(watch, 0);
    return watch;
}

void watch_stop(struct watch *watch)
{
    if (!watch || watch->stopped) return;
    watch->stopped = true;
    loop_timer_cancel(kube_loop(watch->kube), &watch->timer);
    kube_call_cancel(watch->page);
    watch->page = NULL;
    if (watch->depth) return; /* leave, or the end of the stream, frees it */
    if (watch->stream) http_close(watch->stream);
    free_watch(watch);
}

str watch_version(const struct watch *watch)
{
    return buf_str(&watch->version);
}

bool watch_is_synced(const struct watch *watch)
{
    return watch->synced;
}

/* ---- Trouble ---- */

/* Doubles with each failure in a row; the first one after a good time costs nothing to retry at
 * once, but for a jitter that keeps watches apart. */
static int64_t back_off_ns(int failures)
{
    int64_t span_ns = BACK_OFF_NS_MIN;
    for (int i = 1; i < failures && span_ns < BACK_OFF_NS_MAX; i++)
        span_ns *= 2;
    return rand_jitter(MIN(span_ns, BACK_OFF_NS_MAX), 50);
}

/* A kind that is gone answers 404 to LIST and WATCH. */
static err *in_words(const struct watch *watch, err *e)
{
    if (e->status == 404) e = err_because(e, "NoMatch");
    return err_wrap(e, "watching " STR_FMT " of " STR_FMT, STR_ARG(watch->options.resource.plural),
                    STR_ARG(watch->api_version));
}

static void count_restart(const struct watch *watch, const char *why)
{
    metrics_add(&metric_restarts, (str[]){watch->options.kind.kind, str_of(why)}, 1);
}

/* A connection that broke after a good time is everyday life; anything else the caller hears of. */
static void fail(struct watch *watch, err *e, int64_t retry_after_ns)
{
    watch->failures++;
    count_restart(watch, "failed");
    e = in_words(watch, e);
    log_debug("watch failed", LOG_ERR(e), LOG_INT("failures", watch->failures));
    bool tell = watch->failures > 1 || e->status;
    if (tell && watch->events->trouble && !watch->stopped)
        watch->events->trouble(watch->context, e);
    err_free(e);
    schedule(watch, MAX(back_off_ns(watch->failures), retry_after_ns));
}

/* The server no longer knows what happened since our version. */
static void list_again(struct watch *watch)
{
    count_restart(watch, "expired");
    log_debug("watch lists again", LOG_STR("kind", watch->options.kind.kind));
    buf_clear(&watch->version);
    schedule(watch, watch->failures ? back_off_ns(watch->failures) : 0);
    watch->failures++;
}

/* ---- LIST ---- */

static struct kube_request list_request(const struct watch *watch)
{
    return (struct kube_request){
        .verb = KUBE_LIST,
        .ref = {.kind = watch->options.kind, .namespace = watch->options.namespace},
        .label_selector = watch->options.label_selector,
        .field_selector = watch->options.field_selector,
        .metadata_only = watch->options.metadata_only,
    };
}

static void pass_over(const struct watch *watch, const err *e)
{
    log_debug("an object cannot be read", LOG_STR("kind", watch->options.kind.kind), LOG_ERR(e));
}

/* False when the watch was stopped meanwhile. */
static bool give(struct watch *watch, enum watch_change change, const node *object)
{
    watch->events->object(watch->context, change, object);
    return !watch->stopped;
}

static err *read_page(struct watch *watch, arena *a, str body, struct page *page)
{
    arena scratch AUTO(arena_done) = {0};
    str text;
    TRY(page_open(a, body, page));
    for (; page_next(page, &text); arena_reset(&scratch)) {
        node *object;
        err *e = page_object(&scratch, text, watch->api_version, watch->options.kind.kind, &object);
        if (e)
            pass_over(watch, e);
        else if (!give(watch, WATCH_PUT, object))
            break;
        err_free(e);
    }
    return NULL;
}

static void end_list(struct watch *watch, str version)
{
    buf_clear(&watch->version);
    buf_add(&watch->version, version);
    buf_done(&watch->token);
    watch->in_one_page = false;
    watch->synced = true;
    watch->events->synced(watch->context);
    if (watch->stopped) return;
    if (version.len)
        open_stream(watch);
    else
        fail(watch, err_transient("the LIST has no resource version"), 0);
}

static void on_page(void *context, arena *a, const struct http_response *response, err *e)
{
    struct watch *watch = context;
    struct page page;
    watch->page = NULL;
    enter(watch);
    if (!e) e = read_page(watch, a, response->body, &page);
    if (watch->stopped) {
        err_free(e);
    } else if (e && e->status == STATUS_GONE && !watch->in_one_page) {
        err_free(e);
        watch->in_one_page = true;
        begin_list(watch);
    } else if (e) {
        fail(watch, e, response ? kube_status_retry_after_ns(response) : -1);
    } else if (page.continue_token.len) {
        buf_clear(&watch->token);
        buf_add(&watch->token, page.continue_token);
        ask_page(watch);
    } else {
        end_list(watch, page.resource_version);
    }
    leave(watch);
}

static void ask_page(struct watch *watch)
{
    struct kube_request request = list_request(watch);
    request.limit = watch->in_one_page ? 0 : LIMIT_LIST_PAGE;
    request.continue_token = buf_str(&watch->token);
    watch->page = kube_call_start(watch->kube, &request, &watch->options.resource, on_page, watch);
}

static void begin_list(struct watch *watch)
{
    buf_clear(&watch->token);
    watch->events->begin(watch->context);
    if (!watch->stopped) ask_page(watch);
}

/* ---- WATCH ---- */

static void on_head(void *context, const struct http_response *response)
{
    struct watch *watch = context;
    watch->status = response->status;
    watch->retry_after_ns = kube_status_retry_after_ns(response);
}

/* Any error ends the stream; on_done finds out what it was. */
static err *end_stream(void)
{
    return err_new(ERR_CANCELED, "", "the watch is over");
}

static void remember_version(struct watch *watch, const node *object)
{
    str version = node_find_str(object, "metadata", "resourceVersion", NULL);
    if (!version.len) return;
    buf_clear(&watch->version);
    buf_add(&watch->version, version);
}

static err *take_event(struct watch *watch, arena *a, str type, node *object)
{
    if (str_is(type, "ERROR")) {
        err_free(watch->complaint);
        watch->complaint = kube_status_from(object);
        return end_stream();
    }
    watch->failures = 0;
    if (!node_is_map(object)) return err_invalid("the event has no object");
    remember_version(watch, object);
    if (str_is(type, "BOOKMARK")) return NULL;
    bool put = str_is(type, "ADDED") || str_is(type, "MODIFIED");
    if (!put && !str_is(type, "DELETED")) return err_invalid("the type of the event is unknown");
    page_set_type(a, object, watch->api_version, watch->options.kind.kind);
    return give(watch, put ? WATCH_PUT : WATCH_GONE, object) ? NULL : end_stream();
}

static err *on_line(void *context, str line)
{
    struct watch *watch = context;
    arena a AUTO(arena_done) = {0};
    node *event;
    err *e = json_parse(&a, line, (struct json_options){.last_wins = true, .borrow = true}, &event);
    if (!e)
        e = take_event(watch, &a, node_get_str(event, STR("type")), node_get(event, STR("object")));
    if (!e || e->kind == ERR_CANCELED) return e;
    pass_over(watch, e);
    err_free(e);
    return NULL;
}

static err *on_data(void *context, str bytes)
{
    struct watch *watch = context;
    if (watch->status >= 400) {
        size_t room = REFUSAL_BYTES_MAX - MIN(watch->refusal.len, (size_t)REFUSAL_BYTES_MAX);
        buf_add(&watch->refusal, str_head(bytes, room));
        return NULL;
    }
    enter(watch);
    err *e = lines_feed(&watch->lines, bytes, LIMIT_WATCH_EVENT_BYTES, on_line, watch);
    leave(watch);
    return e;
}

/* What the stream ended with, whose marks are wiped off for the next one. Takes `e`. */
static err *why_ended(struct watch *watch, err *e)
{
    err *complaint = watch->complaint;
    watch->complaint = NULL;
    if (!e && watch->status >= 400) {
        complaint = kube_status_error(watch->status, buf_str(&watch->refusal));
        if (watch->status == 401) kube_renew_token(watch->kube, watch->request.bearer);
    }
    buf_done(&watch->refusal);
    lines_done(&watch->lines);
    arena_reset(&watch->stream_arena);
    if (!complaint) return e;
    err_free(e);
    return complaint;
}

static void on_done(void *context, err *error)
{
    struct watch *watch = context;
    bool was_up = clock_now_ns() - watch->opened_ns >= UP_NS;
    enter(watch);
    watch->stream = NULL;
    err *e = why_ended(watch, error);
    if (was_up) watch->failures = 0;
    if (watch->stopped) {
        err_free(e);
    } else if (!e && was_up) {
        count_restart(watch, "renewed");
        schedule(watch, 0);
    } else if (!e) {
        fail(watch, err_transient("the server ends the watch at once"), -1);
    } else if (e->status == STATUS_GONE || e->kind == ERR_INVALID) {
        /* Also when a line was too long: only a LIST leads past it. */
        if (e->status != STATUS_GONE) pass_over(watch, e);
        err_free(e);
        list_again(watch);
    } else {
        fail(watch, e, watch->retry_after_ns);
    }
    leave(watch);
}

static const struct http_events stream_events = {on_head, on_data, on_done};

static void open_stream(struct watch *watch)
{
    struct kube_request request = list_request(watch);
    request.resource_version = buf_str(&watch->version);
    request.watch_seconds = WATCH_SECONDS_MIN + (int)rand_below(WATCH_SECONDS_SPAN);
    watch->status = 0;
    watch->retry_after_ns = -1;
    watch->opened_ns = clock_now_ns();
    err *e = kube_prepare(watch->kube, &watch->stream_arena, &request, &watch->options.resource,
                          &watch->request);
    if (e) {
        fail(watch, e, -1);
        return;
    }
    watch->stream = http_open(kube_http(watch->kube, true), &watch->request, &stream_events, watch);
}
