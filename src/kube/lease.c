#include "kube/lease.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "doc/json.h"
#include "kube/kube_call.h"

#define DURATION_NS (35 * CLOCK_SECOND)
#define RENEW_NS    (30 * CLOCK_SECOND)
#define RETRY_NS    (5 * CLOCK_SECOND)

enum { RETRY_JITTER_PERCENT = 20, RELEASE_TIMEOUT_MS = 3000 };

/*
 * A try is a GET (or, while we hold the lease, none: we know what we wrote)
 * and a write with the version that was read, so that of two writers one loses.
 */
struct lease {
    arena arena; /* holds this struct and the texts of options */
    struct kube *kube;
    struct lease_options options;
    const struct lease_events *events;
    void *context;

    struct loop_timer try_timer;  /* the next try */
    struct loop_timer held_timer; /* when a lease that is not renewed is lost */
    struct kube_call *call;
    int64_t sent_ns; /* when the write under way was sent */
    bool held;
    _Atomic int64_t held_until_ns; /* for other threads; 0: not held */

    /* The Lease as it was seen last, and when its spec was first seen: other clocks are not ours,
     * so a holder has its time from the moment at which we noticed its renewal. */
    arena seen_arena;
    node *seen;
    uint64_t seen_hash;
    int64_t seen_ns;
};

static const struct kube_resource leases = {.plural = {"leases", 6}, .namespaced = true};

static void try_now(void *context);
static void write_lease(struct lease *lease);

/* ---- The record ---- */

static str holder_of(const node *object)
{
    return node_find_str(object, "spec", "holderIdentity", NULL);
}

static void see(struct lease *lease, const node *object)
{
    arena old = lease->seen_arena;
    uint64_t hash = node_hash(node_get(object, STR("spec")));
    lease->seen_arena = (arena){0};
    lease->seen = doc_copy(&lease->seen_arena, object);
    arena_done(&old);
    if (hash != lease->seen_hash || !lease->seen_ns) lease->seen_ns = clock_now_ns();
    lease->seen_hash = hash;
}

static void forget(struct lease *lease)
{
    lease->seen = NULL;
    arena_done(&lease->seen_arena);
}

static bool held_by_other(const struct lease *lease)
{
    str holder = holder_of(lease->seen);
    if (!holder.len || str_eq(holder, lease->options.identity)) return false;
    int64_t seconds =
        node_get_int(node_get(lease->seen, STR("spec")), STR("leaseDurationSeconds"), 0);
    seconds = MIN(MAX(seconds, (int64_t)0), (int64_t)3600);
    return clock_now_ns() < lease->seen_ns + seconds * CLOCK_SECOND;
}

/* The Lease that makes us the holder: new, taken over, or renewed. Other fields stay as they are.
 */
static node *our_record(const struct lease *lease, arena *a)
{
    const struct lease_options *options = &lease->options;
    str now = clock_format_micro(a, clock_wall_ns());
    node *object = lease->seen ? doc_copy_tree(a, lease->seen) : node_map(a);
    node_set_str(a, object, STR("apiVersion"), STR("coordination.k8s.io/v1"));
    node_set_str(a, object, STR("kind"), STR("Lease"));
    node *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, metadata, STR("name"), options->name);
    node_set_str(a, metadata, STR("namespace"), options->namespace);

    node *spec = node_make_map(a, object, STR("spec"));
    if (!str_eq(holder_of(object), options->identity)) {
        int64_t transitions = node_get_int(spec, STR("leaseTransitions"), 0);
        node_set_str(a, spec, STR("acquireTime"), now);
        node_set_int(a, spec, STR("leaseTransitions"), lease->seen ? transitions + 1 : 0);
    }
    node_set_str(a, spec, STR("holderIdentity"), options->identity);
    node_set_int(a, spec, STR("leaseDurationSeconds"), options->duration_ns / CLOCK_SECOND);
    node_set_str(a, spec, STR("renewTime"), now);
    return object;
}

/* ---- Held or not ---- */

static void lose(struct lease *lease)
{
    if (!lease->held) return;
    lease->held = false;
    lease->held_until_ns = 0;
    loop_timer_cancel(kube_loop(lease->kube), &lease->held_timer);
    str holder = holder_of(lease->seen);
    if (str_eq(holder, lease->options.identity)) holder = (str){0}; /* ours, and expired */
    lease->events->lost(lease->context, holder);
}

static void on_held_timer(void *context)
{
    struct lease *lease = context;
    lose(lease);
    forget(lease);
}

/* Counted from the moment before the write, so that we let go before anybody else may take it. */
static void hold(struct lease *lease)
{
    int64_t until_ns = lease->sent_ns + lease->options.renew_ns;
    bool first = !lease->held;
    lease->held = true;
    lease->held_until_ns = until_ns;
    loop_timer_set(kube_loop(lease->kube), &lease->held_timer, until_ns, on_held_timer, lease);
    if (first) lease->events->acquired(lease->context);
}

bool lease_is_held(const struct lease *lease)
{
    return clock_now_ns() < lease->held_until_ns;
}

/* ---- Tries ---- */

static void try_later(struct lease *lease)
{
    int64_t span_ns = lease->options.retry_ns;
    if (!lease->held) span_ns = rand_jitter(span_ns, RETRY_JITTER_PERCENT);
    loop_timer_set(kube_loop(lease->kube), &lease->try_timer, clock_now_ns() + span_ns, try_now,
                   lease);
}

static void send(struct lease *lease, enum kube_verb verb, const node *body, kube_call_fn *fn)
{
    struct kube_request request = {
        .verb = verb,
        .ref = {.kind = {STR("coordination.k8s.io"), STR("v1"), STR("Lease")},
                .namespace = lease->options.namespace,
                .name = lease->options.name},
        .body = body,
        .timeout_ms = lease->options.retry_ns / CLOCK_MS,
    };
    lease->call = kube_call_start(lease->kube, &request, &leases, fn, lease);
}

static err *read_answer(struct lease *lease, arena *a, const struct http_response *response)
{
    node *object;
    TRY(json_parse(a, response->body, (struct json_options){.last_wins = true}, &object));
    if (!node_is_map(object)) return err_invalid("the answer is no Lease");
    see(lease, object);
    return NULL;
}

/* What went wrong is of interest only when the lease is lost by it, and then that is said. */
static void note(const char *what, err *e)
{
    if (e) log_debug("lease", LOG_STR("doing", str_of(what)), LOG_ERR(e));
    err_free(e);
}

static void on_got(void *context, arena *a, const struct http_response *response, err *e)
{
    struct lease *lease = context;
    lease->call = NULL;
    bool missing = err_is(e, ERR_NOT_FOUND);
    if (missing) forget(lease);
    if (!e) e = read_answer(lease, a, response);
    if (missing || (!e && !held_by_other(lease))) {
        err_free(e);
        write_lease(lease);
        return;
    }
    if (!e) lose(lease);
    note("reading", e);
    try_later(lease);
}

static void on_written(void *context, arena *a, const struct http_response *response, err *e)
{
    struct lease *lease = context;
    lease->call = NULL;
    if (!e) e = read_answer(lease, a, response);
    if (!e) hold(lease);
    bool conflict = err_is(e, ERR_CONFLICT) || err_is(e, ERR_NOT_FOUND);
    if (e) forget(lease); /* somebody else may have written, or we did and do not know */
    note("writing", e);
    if (conflict && lease->held)
        try_now(lease); /* is it still ours? */
    else
        try_later(lease);
}

static void write_lease(struct lease *lease)
{
    arena a AUTO(arena_done) = {0};
    lease->sent_ns = clock_now_ns();
    send(lease, lease->seen ? KUBE_UPDATE : KUBE_CREATE, our_record(lease, &a), on_written);
}

static void try_now(void *context)
{
    struct lease *lease = context;
    if (lease->held && lease->seen)
        write_lease(lease);
    else
        send(lease, KUBE_GET, NULL, on_got);
}

/* ---- Life ---- */

struct lease *lease_start(struct kube *kube, struct lease_options options,
                          const struct lease_events *events, void *context)
{
    if (!options.duration_ns) options.duration_ns = DURATION_NS;
    if (!options.renew_ns) options.renew_ns = RENEW_NS;
    if (!options.retry_ns) options.retry_ns = RETRY_NS;
    must(options.duration_ns > options.renew_ns && options.renew_ns > options.retry_ns);
    must(options.identity.len && options.retry_ns >= CLOCK_MS);

    arena all = {0};
    options.namespace = str_dup(&all, options.namespace);
    options.name = str_dup(&all, options.name);
    options.identity = str_dup(&all, options.identity);
    struct lease *lease = NEW(&all, struct lease);
    lease->kube = kube;
    lease->options = options;
    lease->events = events;
    lease->context = context;
    lease->arena = all;
    loop_timer_set(kube_loop(kube), &lease->try_timer, clock_now_ns(), try_now, lease);
    return lease;
}

static void detach(void *context)
{
    struct lease *lease = context;
    struct loop *loop = kube_loop(lease->kube);
    loop_timer_cancel(loop, &lease->try_timer);
    loop_timer_cancel(loop, &lease->held_timer);
    kube_call_cancel(lease->call);
    lease->held_until_ns = 0;
}

/* Leaves the Lease without a holder, as client-go does. A write that was cut off by detach may have
 * reached the server, so what counts is what it says now. */
static err *release(struct lease *lease)
{
    arena a AUTO(arena_done) = {0};
    struct kube_request request = {
        .verb = KUBE_GET,
        .ref = {.kind = {STR("coordination.k8s.io"), STR("v1"), STR("Lease")},
                .namespace = lease->options.namespace,
                .name = lease->options.name},
        .timeout_ms = RELEASE_TIMEOUT_MS,
    };
    node *object;
    TRY(kube_do(lease->kube, &a, &request, &object));
    if (!str_eq(holder_of(object), lease->options.identity)) return NULL;

    node *spec = node_make_map(&a, object, STR("spec"));
    node_set_str(&a, spec, STR("holderIdentity"), STR(""));
    node_set_int(&a, spec, STR("leaseDurationSeconds"), 1);
    node_set_str(&a, spec, STR("renewTime"), clock_format_micro(&a, clock_wall_ns()));
    request.verb = KUBE_UPDATE;
    request.body = object;
    return kube_do(lease->kube, &a, &request, NULL);
}

void lease_stop(struct lease *lease)
{
    if (!lease) return;
    loop_call(kube_loop(lease->kube), detach, lease);
    if (lease->held) note("releasing", release(lease));
    arena_done(&lease->seen_arena);
    arena all = lease->arena;
    arena_done(&all);
}
