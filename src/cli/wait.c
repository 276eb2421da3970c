#include "cli/wait.h"

#include "base/clock.h"
#include "cli/shown.h"
#include "kube/health.h"

#define POLL_FIRST_NS (100 * CLOCK_MS)
#define POLL_LAST_NS (2 * CLOCK_SECOND)

/* What is waited for. */
struct goal {
    const struct kind *kind;
    struct kube_ref ref;
    bool (*is_reached)(const node *object, str handled_before);
    str handled_before;
};

static void sleep_ns(int64_t span_ns)
{
    struct timespec span = {span_ns / CLOCK_SECOND, span_ns % CLOCK_SECOND};
    nanosleep(&span, NULL);
}

static bool is_handled(const node *object, str handled_before)
{
    return !str_eq(node_find_str(object, "status", "lastHandledReconcileAt", NULL), handled_before);
}

/* Conditions of an older generation say nothing about this one. */
static bool is_observed(const node *object, str handled_before)
{
    (void)handled_before;
    const node *status = node_get(object, STR("status"));
    int64_t generation = node_get_int(node_get(object, STR("metadata")), STR("generation"), 0);
    int64_t observed = node_get_int(status, STR("observedGeneration"), 0);
    const node *ready = shown_condition(object, STR("Ready"));
    int64_t spoken_of = node_get_int(ready, STR("observedGeneration"), 0);
    return ready && observed >= 1 && (spoken_of ? spoken_of : observed) == generation;
}

/* The run has ended and it went wrong. Waiting for a dependency is no failure: it goes on by itself. */
static bool has_failed(const node *object)
{
    const node *ready = shown_condition(object, STR("Ready"));
    return str_is(node_get_str(ready, STR("status")), "False") &&
           !str_is(node_get_str(ready, STR("reason")), "DependencyNotReady");
}

static err *timed_out(struct cli *cli, const struct goal *goal, const node *object)
{
    str limit = clock_format_duration(cli->a, cli->globals.timeout_ns);
    struct shown_ready ready = shown_ready_of(object);
    return err_new(ERR_TRANSIENT, "Timeout",
                   "timed out after " STR_FMT " waiting for %s '" STR_FMT "': " STR_FMT,
                   STR_ARG(limit), goal->kind->kind, STR_ARG(goal->ref.name), STR_ARG(ready.message));
}

static err *wait_for(struct cli *cli, const struct goal *goal, node **out)
{
    int64_t end_ns = clock_now_ns() + cli->globals.timeout_ns, pause_ns = POLL_FIRST_NS;
    struct kube_request request = {.verb = KUBE_GET, .ref = goal->ref};
    for (;;) {
        arena a = {0};
        node *object;
        err *e = kube_do(cli->kube, &a, &request, &object);
        if (e) {
            arena_done(&a);
            return e;
        }
        str message;
        enum health_status health = health_of(&a, object, &message);
        bool reached = goal->is_reached(object, goal->handled_before);
        if (reached && health == HEALTH_FAILED) {
            e = err_invalid(STR_FMT, STR_ARG(message));
        } else if (reached && (health == HEALTH_CURRENT || has_failed(object))) {
            *out = doc_copy(cli->a, object);
        } else if (clock_now_ns() >= end_ns) {
            e = timed_out(cli, goal, object);
        } else {
            arena_done(&a);
            sleep_ns(pause_ns);
            pause_ns = MIN(pause_ns * 2, POLL_LAST_NS);
            continue;
        }
        arena_done(&a);
        return e;
    }
}

err *wait_handled(struct cli *cli, const struct kind *kind, struct kube_ref ref, str handled_before,
                  node **out)
{
    struct goal goal = {kind, ref, is_handled, handled_before};
    return wait_for(cli, &goal, out);
}

err *wait_ready(struct cli *cli, const struct kind *kind, struct kube_ref ref, node **out)
{
    struct goal goal = {kind, ref, is_observed, {0}};
    return wait_for(cli, &goal, out);
}

err *wait_verdict(const struct kind *kind, const node *object)
{
    struct shown_ready ready = shown_ready_of(object);
    if (str_is(ready.status, "True")) return NULL;
    return err_invalid("%s reconciliation failed: '" STR_FMT "'", kind->kind, STR_ARG(ready.message));
}

str wait_result(arena *a, const struct kind *kind, const node *object)
{
    str what = shown_path(object, kind->done_path);
    return str_printf(a, "%s " STR_FMT, kind->done, STR_ARG(what));
}
