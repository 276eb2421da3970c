#include "cli/wait.h"

#include "base/clock.h"
#include "cli/shown.h"
#include "kube/health.h"

#define POLL_FIRST_NS (100 * CLOCK_MS)
#define POLL_LAST_NS  (2 * CLOCK_SECOND)

/* What is waited for: that the object speaks of the right run, and that the run is over. */
struct goal {
    struct kube_ref ref;
    bool (*is_answer)(const node *object, str handled_before);
    str handled_before;
    bool (*is_over)(const node *object); /* besides being Current; NULL: nothing else */
};

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

/* The run has ended and it went wrong. Waiting for a dependency is no failure: it goes on by
 * itself. */
static bool has_failed(const node *object)
{
    const node *ready = shown_condition(object, STR("Ready"));
    return str_is(node_get_str(ready, STR("status")), "False") &&
           !str_is(node_get_str(ready, STR("reason")), "DependencyNotReady");
}

static err *timed_out(struct cli *cli, const struct goal *goal, str why)
{
    str limit = clock_format_duration(cli->a, cli->globals.timeout_ns);
    str what = kube_ref_text(cli->a, goal->ref);
    return err_new(ERR_TRANSIENT, "Timeout",
                   "timed out after " STR_FMT " waiting for " STR_FMT ": " STR_FMT, STR_ARG(limit),
                   STR_ARG(what), STR_ARG(why));
}

/* One look. *done_out stays false while there is something to wait for. */
static err *look(struct cli *cli, const struct goal *goal, arena *a, bool late, bool *done_out,
                 node **out)
{
    struct kube_request request = {.verb = KUBE_GET, .ref = goal->ref};
    node *object;
    err *e = kube_do(cli->kube, a, &request, &object);
    if (err_is(e, ERR_TRANSIENT) && !late) {
        err_free(e); /* the API server is away for a moment */
        return NULL;
    }
    if (e) return e;

    str message;
    enum health_status health = health_of(a, object, &message);
    bool answered = !goal->is_answer || goal->is_answer(object, goal->handled_before);
    bool over = health == HEALTH_CURRENT || (goal->is_over && goal->is_over(object));
    if (answered && health == HEALTH_FAILED) return err_invalid(STR_FMT, STR_ARG(message));
    if (answered && over) {
        *done_out = true;
        *out = doc_copy(cli->a, object);
        return NULL;
    }
    if (!answered) message = STR("the controller has not answered; does it run? (fixpoint check)");
    return late ? timed_out(cli, goal, message) : NULL;
}

static err *wait_for(struct cli *cli, const struct goal *goal, node **out)
{
    arena a AUTO(arena_done) = {0};
    int64_t end_ns = clock_now_ns() + cli->globals.timeout_ns, pause_ns = POLL_FIRST_NS;
    for (bool done = false; !done; arena_reset(&a)) {
        TRY(look(cli, goal, &a, clock_now_ns() >= end_ns, &done, out));
        if (done) break;
        clock_sleep(pause_ns);
        pause_ns = MIN(pause_ns * 2, POLL_LAST_NS);
    }
    return NULL;
}

err *wait_handled(struct cli *cli, struct kube_ref ref, str handled_before, node **out)
{
    struct goal goal = {ref, is_handled, handled_before, has_failed};
    return wait_for(cli, &goal, out);
}

err *wait_ready(struct cli *cli, struct kube_ref ref, node **out)
{
    struct goal goal = {ref, is_observed, {0}, has_failed};
    return wait_for(cli, &goal, out);
}

err *wait_current(struct cli *cli, struct kube_ref ref)
{
    struct goal goal = {.ref = ref};
    node *object;
    return wait_for(cli, &goal, &object);
}

err *wait_verdict(const struct kind *kind, const node *object)
{
    struct shown_ready ready = shown_ready_of(object);
    if (str_is(ready.status, "True")) return NULL;
    return err_invalid("%s reconciliation failed: '" STR_FMT "'", kind->kind,
                       STR_ARG(ready.message));
}

/* The value of "path" or "@path". */
static void add_value(buf *b, const node *object, str path)
{
    char sign = path.len && !(path.data[0] >= 'a' && path.data[0] <= 'z') ? path.data[0] : 0;
    arena *a = b->arena;
    str value = shown_path(object, str_z(a, str_skip(path, sign ? 1 : 0)));
    if (sign && value.len) buf_add_char(b, sign);
    buf_add(b, value);
}

str wait_result(arena *a, const struct kind *kind, const node *object)
{
    buf b = BUF(a);
    str rest = str_of(kind->done), text, path;
    if (!rest.len) return shown_ready_of(object).message;
    while (str_cut(rest, '{', &text, &rest)) {
        buf_add(&b, text);
        str_cut(rest, '}', &path, &rest);
        add_value(&b, object, path);
    }
    buf_add(&b, text);
    return buf_str(&b);
}
