#include "control/checks.h"

#include "apply/observed.h"
#include "base/buf.h"

struct check {
    const struct kube_ref *ref;
    enum health_status status;
    str message;
    bool fetch;
    const struct health_expr *expr;
};

struct run {
    arena *a;
    struct check *checks;
    size_t *fetched; /* index of the check of each request */
};

static void on_fetched(void *context, size_t index, arena *scratch, node *object, err *e)
{
    struct run *run = context;
    struct check *check = &run->checks[run->fetched[index]];
    if (e) {
        check->status = e->kind == ERR_NOT_FOUND ? HEALTH_NOT_FOUND : HEALTH_UNKNOWN;
        check->message = e->kind == ERR_NOT_FOUND ? (str){0} : str_dup(run->a, err_text(e));
        err_free(e);
        return;
    }
    str message;
    check->status = check->expr ? health_expr_run(scratch, check->expr, object, &message)
                                : health_of(scratch, object, &message);
    check->message = str_dup(run->a, message);
}

static void fetch(struct work *work, struct run *run, size_t count)
{
    struct kube_request *requests = NEW_ARRAY(run->a, struct kube_request, count + 1);
    size_t request_count = 0;
    run->fetched = NEW_ARRAY(run->a, size_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!run->checks[i].fetch) continue;
        run->fetched[request_count] = i;
        requests[request_count++] =
            (struct kube_request){.verb = KUBE_GET, .ref = *run->checks[i].ref};
    }
    kube_batch(manager_kube(work->manager), requests, request_count, work->cancel, on_fetched, run);
}

static void describe(arena *a, buf *text, const struct check *check)
{
    str name = kube_ref_text(a, *check->ref);
    buf_printf(text, "%s" STR_FMT " status: '%s'", text->len ? ", " : "", STR_ARG(name),
               health_name(check->status));
    if (check->message.len) buf_printf(text, " (" STR_FMT ")", STR_ARG(check->message));
}

void checks_run(struct work *work, const struct kube_ref *refs, size_t count,
                const struct health_exprs *exprs, struct checks_result *out)
{
    struct observed *observed = manager_observed(work->manager);
    struct run run = {.a = work->a, .checks = NEW_ARRAY(work->a, struct check, count + 1)};
    *out = (struct checks_result){.state = CHECKS_PASSED};
    for (size_t i = 0; i < count; i++) {
        struct observed_record record;
        const struct health_expr *expr = health_expr_find(exprs, refs[i].kind);
        if (expr) observed_attend(observed, refs[i].kind);
        observed_get(observed, work->a, refs[i], &record);
        bool blind = !record.watched || !record.exists;
        out->polled |= blind;
        run.checks[i] = (struct check){
            .ref = &refs[i],
            .status = record.health,
            .message = record.health_message,
            .fetch = blind || expr,
            .expr = expr,
        };
    }
    fetch(work, &run, count);
    buf waiting = BUF(work->a), failed = BUF(work->a);
    for (size_t i = 0; i < count; i++) {
        if (run.checks[i].status == HEALTH_CURRENT) continue;
        bool is_failed = run.checks[i].status == HEALTH_FAILED;
        describe(work->a, is_failed ? &failed : &waiting, &run.checks[i]);
    }
    out->waiting = buf_str(&waiting);
    out->failed = buf_str(&failed);
    /* compat: one that failed ends the wait, whatever the others may still become. */
    if (waiting.len) out->state = CHECKS_WAITING;
    if (failed.len) out->state = CHECKS_FAILED;
}
