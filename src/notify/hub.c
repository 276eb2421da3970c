#include "notify/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "doc/json.h"
#include "kube/kube_call.h"

#define FAREWELL_NS      (3 * CLOCK_SECOND) /* that the end waits for what is on its way */
#define FAREWELL_LOOK_NS (20 * CLOCK_MS)

enum { ASKS_MAX = 1000 }; /* objects whose labels are being fetched */

METRIC(events) = {
    .name = "fixpoint_notification_events_total",
    .help = "Events by what became of them: routed, unmatched, repeated or dropped.",
    .type = METRIC_COUNTER,
    .labels = {"outcome"},
};

struct alert {
    struct rule *rule;
    struct outlet_tally tally;
};

/* A notice that waits for the labels of its object. */
struct ask {
    struct list_link link;
    struct hub *hub;
    struct notice *notice;
    struct kube_call *call;
};

struct hub {
    struct hub_options options;
    struct map alerts;  /* "Alert/ns/name" to struct alert * */
    struct map outlets; /* "Provider/ns/name" to struct outlet * */
    struct map repeats; /* what makes an event the same: when it may come again */
    int64_t swept_ns;
    struct map subjects; /* "Kind/ns/name" of what fails: since when */
    struct list_link asks;
    int ask_count;
    _Atomic int64_t intake, intake_bytes; /* handed over, not looked at yet */
    struct outlet *forward;               /* NULL: nobody else is told */
    struct rule *forward_rule;
    char instance[256];
};

/* ---- Alerts and Providers ---- */

static void alert_free(struct alert *alert)
{
    if (!alert) return;
    rule_unref(alert->rule);
    free(alert);
}

void hub_put_alert(struct hub *hub, const struct rule_spec *spec)
{
    struct rule *rule = rule_new(spec);
    struct alert *alert = map_get(&hub->alerts, rule->key);
    if (!alert) {
        alert = lang_zalloc(sizeof *alert);
        map_put(&hub->alerts, rule->key, alert);
    }
    rule_unref(alert->rule);
    alert->rule = rule;
}

static void on_settled(void *context, struct outlet *outlet, const struct rule *rule,
                       const struct notice *notice, enum outlet_outcome outcome, const err *error);

void hub_put_provider(struct hub *hub, const struct target_spec *spec)
{
    arena a AUTO(arena_done) = {0};
    str key = str_printf(&a, "Provider/" STR_FMT "/" STR_FMT, STR_ARG(spec->namespace),
                         STR_ARG(spec->name));
    struct outlet *outlet = map_get(&hub->outlets, key);
    if (outlet) {
        /* A new status is no change. */
        if (!destination_equal(outlet_spec(outlet), spec)) outlet_change(outlet, spec);
        return;
    }
    struct outlet_options options = {
        .loop = hub->options.loop,
        .kube = hub->options.kube,
        .retry_first_ns = hub->options.retry_first_ns,
        .retry_last_ns = hub->options.retry_last_ns,
        .rate = hub->options.rate,
        .flood = hub->options.flood,
        .settled = on_settled,
        .context = hub,
    };
    map_put(&hub->outlets, key, outlet_new(&options, spec));
}

void hub_remove(struct hub *hub, str key)
{
    alert_free(map_remove(&hub->alerts, key));
    outlet_free(map_remove(&hub->outlets, key));
}

/* ---- how it went ---- */

static void log_outcome(const struct rule *rule, const struct notice *notice,
                        enum outlet_outcome outcome, const err *error)
{
    arena a AUTO(arena_done) = {0};
    str subject = notice_subject(&a, notice);
    if (!error) {
        log_debug(outcome == OUTLET_SENT ? "notice sent" : "notice is not for this provider",
                  LOG_STR("alert", rule->key), LOG_STR("provider", rule->outlet),
                  LOG_STR("object", subject), LOG_STR("reason", notice->reason));
        return;
    }
    log_error(outcome == OUTLET_LOST ? "notice lost" : "notice not sent yet",
              LOG_STR("alert", rule->key), LOG_STR("provider", rule->outlet),
              LOG_STR("object", subject), LOG_STR("reason", notice->reason), LOG_ERR(error));
}

/* A failure is told when it begins and when something is lost, not with every try. */
static void account(struct hub *hub, const struct rule *rule, const struct notice *notice,
                    enum outlet_outcome outcome, const err *error)
{
    struct alert *alert = map_get(&hub->alerts, rule->key);
    log_outcome(rule, notice, outcome, error);
    if (!alert) return;
    outlet_count(&alert->tally, outcome, error);
    hub->options.changed(hub->options.context, rule->key);
    bool tell = error && (outcome == OUTLET_LOST || alert->tally.failures == 1);
    if (!tell) return;
    arena a AUTO(arena_done) = {0};
    str subject = notice_subject(&a, notice);
    hub->options.report(hub->options.context, rule, "NotificationDispatchFailed",
                        str_printf(&a, "failed to send notification for " STR_FMT ": %s%s",
                                   STR_ARG(subject), error->message,
                                   outcome == OUTLET_LOST ? "" : "; it is tried again"));
}

static void on_settled(void *context, struct outlet *outlet UNUSED, const struct rule *rule,
                       const struct notice *notice, enum outlet_outcome outcome, const err *error)
{
    struct hub *hub = context;
    hub->options.changed(hub->options.context, rule->outlet);
    account(hub, rule, notice, outcome, error);
}

/* ---- routing ---- */

/* compat: which services are told of which events. */
static bool concerns(const struct provider *provider, const struct notice *notice)
{
    const node *metadata = notice->metadata;
    bool update = notice_is_update(notice);
    if (provider->flags & NOTIFY_COMMENT)
        return node_get_str(metadata, STR("event.toolkit.fluxcd.io/change_request")).len > 0;
    if (provider->flags & NOTIFY_COMMIT) {
        /* That somebody changes the cluster says nothing about the commit. */
        if (str_is(notice->reason, "Drifted")) return false;
        bool has_commit = node_get_str(metadata, STR("event.toolkit.fluxcd.io/commit")).len > 0;
        return update || has_commit || notice->severity == NOTICE_ERROR;
    }
    return !update || notice->recovered || (provider->flags & NOTIFY_UPDATES);
}

static void route(struct hub *hub, struct rule *rule, struct notice *notice)
{
    struct outlet *outlet = map_get(&hub->outlets, rule->outlet);
    if (!outlet) {
        err *e AUTO(err_done) =
            err_not_found("the Provider '" STR_FMT "/" STR_FMT "' does not exist",
                          STR_ARG(rule->spec.namespace), STR_ARG(rule->spec.provider));
        account(hub, rule, notice, OUTLET_LOST, e);
        return;
    }
    const struct target_spec *spec = outlet_spec(outlet);
    const struct provider *provider = notify_find(spec->type);
    if (spec->suspended) return;
    err *e AUTO(err_done) = destination_check(spec);
    if (e)
        account(hub, rule, notice, OUTLET_LOST, e);
    else if (concerns(provider, notice))
        outlet_send(outlet, rule, notice);
    else
        account(hub, rule, notice, OUTLET_SKIPPED, NULL);
}

static void blocked(struct hub *hub, const struct rule *rule, const struct notice *notice)
{
    arena a AUTO(arena_done) = {0};
    str subject = notice_subject(&a, notice);
    str text =
        str_printf(&a,
                   "alert '" STR_FMT "/" STR_FMT "' can't process event from '" STR_FMT
                   "', cross-namespace references have been blocked",
                   STR_ARG(rule->spec.namespace), STR_ARG(rule->spec.name), STR_ARG(subject));
    log_error("an event was not passed on", LOG_STR("alert", rule->key), LOG_STR("error", text));
    hub->options.report(hub->options.context, rule, "AccessDenied", text);
}

static void warn_of_conflict(struct hub *hub, const struct rule *rule, const struct notice *notice)
{
    arena a AUTO(arena_done) = {0};
    bool conflict;
    (void)rule_metadata(&a, rule, notice, &conflict);
    if (!conflict) return;
    hub->options.report(hub->options.context, rule, "MetadataAppendFailed",
                        STR("metadata key conflicts detected (please refer to the Alert API docs "
                            "and Flux RFC 0008 for more information)"));
}

static void ask_for_labels(struct hub *hub, struct notice *notice);

/* Without labels this is the first look: Alerts that ask for them have a second one later. With
 * them it is the second: the others are done. */
static void compare(struct hub *hub, struct notice *notice, const node *labels, bool second)
{
    size_t routed = 0;
    bool asks = false;
    MAP_EACH (&hub->alerts, entry) {
        struct rule *rule = ((struct alert *)entry->value)->rule;
        bool no_cross = hub->options.no_cross_namespace_refs;
        enum rule_verdict first = rule_match(rule, notice, no_cross, NULL);
        enum rule_verdict verdict =
            first == RULE_ASKS && labels ? rule_match(rule, notice, no_cross, labels) : first;
        asks |= verdict == RULE_ASKS;
        if (second && first != RULE_ASKS) continue;
        if (verdict == RULE_BLOCKED) blocked(hub, rule, notice);
        if (verdict != RULE_YES) continue;
        warn_of_conflict(hub, rule, notice);
        route(hub, rule, notice);
        routed++;
    }
    if (asks && !second) {
        ask_for_labels(hub, notice);
        return;
    }
    metrics_add(&metric_events, (str[]){routed ? STR("routed") : STR("unmatched")}, 1);
    if (routed) return;
    arena a AUTO(arena_done) = {0};
    log_debug("discarding event, no alerts found for the involved object",
              LOG_STR("object", notice_subject(&a, notice)), LOG_STR("reason", notice->reason));
}

/* ---- labels of objects that are not ours ---- */

/* The kinds that an Alert may name. */
static str plural_of(str kind)
{
    static const struct {
        const char *kind, *plural;
    } kinds[] = {
        {"Bucket", "buckets"},
        {"GitRepository", "gitrepositories"},
        {"Kustomization", "kustomizations"},
        {"HelmRelease", "helmreleases"},
        {"HelmChart", "helmcharts"},
        {"HelmRepository", "helmrepositories"},
        {"ImageRepository", "imagerepositories"},
        {"ImagePolicy", "imagepolicies"},
        {"ImageUpdateAutomation", "imageupdateautomations"},
        {"OCIRepository", "ocirepositories"},
        {"ArtifactGenerator", "artifactgenerators"},
        {"ExternalArtifact", "externalartifacts"},
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_is(kind, kinds[i].kind)) return str_of(kinds[i].plural);
    return (str){0};
}

static void ask_free(struct ask *ask)
{
    list_remove(&ask->link);
    ask->hub->ask_count--;
    notice_unref(ask->notice);
    free(ask);
}

static void no_labels(struct hub *hub, const struct notice *notice, const char *why)
{
    arena a AUTO(arena_done) = {0};
    str subject = notice_subject(&a, notice);
    str text = str_printf(&a, "the labels of " STR_FMT " are not known: %s", STR_ARG(subject), why);
    MAP_EACH (&hub->alerts, entry) {
        const struct rule *rule = ((struct alert *)entry->value)->rule;
        bool no_cross = hub->options.no_cross_namespace_refs;
        if (rule_match(rule, notice, no_cross, NULL) != RULE_ASKS) continue;
        hub->options.report(hub->options.context, rule, "SourceFetchFailed", text);
    }
}

static void on_labels(void *context, arena *a, const struct http_response *response, err *error)
{
    struct ask *ask = context;
    struct hub *hub = ask->hub;
    node *object = NULL;
    err *e AUTO(err_done) = error;
    ask->call = NULL;
    if (!e) e = json_parse(a, response->body, (struct json_options){.last_wins = true}, &object);
    if (e) {
        no_labels(hub, ask->notice, e->message);
    } else {
        const node *labels = node_find(object, "metadata", "labels", NULL);
        compare(hub, ask->notice, labels ? labels : node_map(a), true);
    }
    ask_free(ask);
}

static void ask_for_labels(struct hub *hub, struct notice *notice)
{
    arena a AUTO(arena_done) = {0};
    const node *labels = hub->options.labels(hub->options.context, &a, &notice->about);
    if (labels) {
        compare(hub, notice, labels, true);
        return;
    }
    struct kube_resource resource = {.plural = plural_of(notice->about.kind.kind),
                                     .namespaced = true};
    if (!resource.plural.len || !notice->about.kind.version.len || hub->ask_count >= ASKS_MAX) {
        no_labels(hub, notice, "the event does not name its version, or too many are asked for");
        return;
    }
    struct ask *ask = lang_zalloc(sizeof *ask);
    *ask = (struct ask){.hub = hub, .notice = notice_ref(notice)};
    list_add_last(&hub->asks, &ask->link);
    hub->ask_count++;
    struct kube_request get = {.verb = KUBE_GET, .ref = notice->about, .metadata_only = true};
    ask->call = kube_call_start(hub->options.kube, &get, &resource, on_labels, ask);
}

/* ---- news or not ---- */

static bool is_well(str reason)
{
    return str_ends(reason, STR("Succeeded")) || str_is(reason, "NewArtifact") ||
           str_is(reason, "ArtifactUpToDate");
}

/* "14m", "2h5m", "37s": two units at most, for people. */
static str span_text(arena *a, int64_t span_ns)
{
    int64_t seconds = MAX(span_ns / CLOCK_SECOND, (int64_t)1), minutes = seconds / 60;
    if (seconds < 60) return str_printf(a, "%d s", (int)seconds);
    if (minutes < 60) return str_printf(a, "%d min", (int)minutes);
    return str_printf(a, "%d h %d min", (int)(minutes / 60), (int)(minutes % 60));
}

/* Keeps in mind what fails, and says of what is well again for how long it was not. *since_out:
 * since when it has been failing, up to now; it tells one failure from the next. */
static void follow(struct hub *hub, arena *a, struct notice *notice, int64_t *since_out)
{
    str subject = notice_subject(a, notice);
    int64_t since_ns = (intptr_t)map_get(&hub->subjects, subject);
    bool bad = notice->severity == NOTICE_ERROR && !str_is(notice->reason, "Drifted");
    if (bad && !since_ns && hub->subjects.count < LIMIT_NOTICE_SUBJECTS) {
        since_ns = MAX(clock_now_ns(), (int64_t)1);
        map_put(&hub->subjects, subject, (void *)(intptr_t)since_ns);
    }
    *since_out = since_ns;
    bool well = notice->severity == NOTICE_INFO && is_well(notice->reason);
    if (!well || (!since_ns && !notice->failing_since_wall_ns)) return;
    map_remove(&hub->subjects, subject);
    int64_t span_ns = since_ns ? clock_now_ns() - since_ns : 0;
    if (notice->failing_since_wall_ns) /* it may have failed before we began */
        span_ns = MAX(span_ns, clock_wall_ns() - notice->failing_since_wall_ns);
    str span = span_text(a, span_ns);
    node *metadata = doc_copy_top(a, notice->metadata);
    str key = str_concat(a, notice->about.kind.group, STR("/recovered_after"));
    node_set_str(a, metadata, key, span);
    notice->recovered = true;
    notice->metadata = metadata;
    notice->message = str_printf(a, "Ready again after " STR_FMT ". " STR_FMT, STR_ARG(span),
                                 STR_ARG(notice->message));
}

void hub_forget(struct hub *hub, str subject)
{
    map_remove(&hub->subjects, subject);
}

static void sweep(struct hub *hub, int64_t now_ns)
{
    if (now_ns - hub->swept_ns < hub->options.same_ns && hub->repeats.count < LIMIT_NOTICE_REPEATS)
        return;
    hub->swept_ns = now_ns;
    MAP_EACH (&hub->repeats, entry)
        if ((intptr_t)entry->value <= now_ns) map_remove(&hub->repeats, entry->key);
    if (hub->repeats.count >= LIMIT_NOTICE_REPEATS) map_clear(&hub->repeats);
}

/* True, with the rest of the time, when the same was said a moment ago. */
static bool is_repetition(struct hub *hub, arena *a, const struct notice *notice, int64_t since_ns,
                          int64_t *wait_ns_out)
{
    int64_t now_ns = clock_now_ns();
    str same = notice_same_key(a, notice);
    str key = str_printf(a, STR_FMT " %lld", STR_ARG(same), (long long)since_ns);
    sweep(hub, now_ns);
    int64_t until_ns = (intptr_t)map_get(&hub->repeats, key);
    *wait_ns_out = until_ns - now_ns;
    if (until_ns > now_ns) return true;
    map_put(&hub->repeats, key, (void *)(intptr_t)(now_ns + hub->options.same_ns));
    return false;
}

/* compat: the token only tells repetitions. */
static void drop_token(arena *a, struct notice *notice)
{
    node *metadata = doc_copy_top(a, notice->metadata);
    node_unset(metadata, str_concat(a, notice->about.kind.group, STR("/token")));
    notice->metadata = metadata;
}

static bool look_at(struct hub *hub, const struct notice *given, int64_t *wait_ns_out)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice = *given;
    int64_t since_ns;
    notice.metadata = notice_clean_metadata(&a, given);
    struct notice as_said = notice;
    follow(hub, &a, &notice, &since_ns);
    if (is_repetition(hub, &a, &as_said, since_ns, wait_ns_out)) {
        metrics_add(&metric_events, (str[]){STR("repeated")}, 1);
        return false;
    }
    drop_token(&a, &notice);
    struct notice *shared AUTO(notice_unref_done) = notice_new(&notice);
    compare(hub, shared, NULL, false);
    return true;
}

bool hub_post(struct hub *hub, const struct notice *notice, int64_t *wait_ns_out)
{
    return look_at(hub, notice, wait_ns_out);
}

/* ---- handing over ---- */

struct handover {
    struct hub *hub;
    struct notice *notice;
};

static void on_taken(void *context)
{
    struct handover *handover = context;
    struct hub *hub = handover->hub;
    int64_t wait_ns;
    if (hub->forward) outlet_send(hub->forward, hub->forward_rule, handover->notice);
    hub->intake--;
    hub->intake_bytes -= (int64_t)handover->notice->arena.used_bytes;
    (void)look_at(hub, handover->notice, &wait_ns);
    notice_unref(handover->notice);
    free(handover);
}

/* When the loop does not keep up, errors are kept longest. */
void hub_take(struct hub *hub, const struct notice *notice)
{
    int64_t most = LIMIT_NOTICE_INTAKE * (notice->severity == NOTICE_ERROR ? 2 : 1);
    if (hub->intake >= most || hub->intake_bytes >= LIMIT_NOTICE_INTAKE_BYTES) {
        metrics_add(&metric_events, (str[]){STR("dropped")}, 1);
        return;
    }
    struct notice copy = *notice;
    if (!copy.instance.len) copy.instance = str_of(hub->instance);
    struct handover *handover = lang_zalloc(sizeof *handover);
    *handover = (struct handover){hub, notice_new(&copy)};
    hub->intake++;
    hub->intake_bytes += (int64_t)handover->notice->arena.used_bytes;
    loop_post(hub->options.loop, on_taken, handover);
}

/* ---- another hub ---- */

/* compat: a hub that knows the event already says 429, and that is no failure. */
static err *forwarded(struct exchange *exchange UNUSED, const struct http_response *answer,
                      struct http_request *out UNUSED)
{
    return answer->status == 429 ? NULL : notify_check(answer);
}

static err *forward(arena *a, const struct notice *notice, const struct target *target,
                    struct http_request *out)
{
    out->url = target->address;
    out->body = notice_json(a, notice);
    notify_header(a, out, "Content-Type", STR("application/json"));
    return NULL;
}

static const struct provider forward_provider = {
    .type = "forward", .flags = NOTIFY_SINGLY, .format = forward, .then = forwarded};

static void make_forward(struct hub *hub)
{
    struct outlet_options options = {
        .loop = hub->options.loop,
        .kube = hub->options.kube,
        .retry_first_ns = hub->options.retry_first_ns,
        .retry_last_ns = hub->options.retry_last_ns,
        .provider = &forward_provider,
        .raw = true,
        .settled = on_settled,
        .context = hub,
    };
    struct target_spec spec = {
        .name = STR("events-addr"), .type = STR("generic"), .address = hub->options.forward};
    hub->forward = outlet_new(&options, &spec);
    hub->forward_rule = rule_new(&(struct rule_spec){.name = STR("events-addr")});
}

/* ---- tallies, life ---- */

struct question {
    struct hub *hub;
    str key;
    struct outlet_tally *out;
    bool found;
};

static void on_question(void *context)
{
    struct question *question = context;
    const struct alert *alert = map_get(&question->hub->alerts, question->key);
    const struct outlet *outlet = map_get(&question->hub->outlets, question->key);
    question->found = alert || outlet;
    if (alert) *question->out = alert->tally;
    if (outlet) outlet_tally(outlet, question->out);
}

bool hub_tally(struct hub *hub, str key, struct outlet_tally *out)
{
    struct question question = {.hub = hub, .key = key, .out = out};
    loop_call(hub->options.loop, on_question, &question);
    return question.found;
}

struct hub *hub_new(struct hub_options options)
{
    struct hub *hub = lang_zalloc(sizeof *hub);
    hub->options = options;
    list_init(&hub->asks);
    if (gethostname(hub->instance, sizeof hub->instance - 1) != 0) hub->instance[0] = 0;
    if (options.forward.len) make_forward(hub);
    return hub;
}

static void free_on_loop(void *context)
{
    struct hub *hub = context;
    LIST_EACH (&hub->asks, struct ask, link, ask) {
        kube_call_cancel(ask->call);
        ask_free(ask);
    }
    MAP_EACH (&hub->outlets, entry)
        outlet_free(entry->value);
    MAP_EACH (&hub->alerts, entry)
        alert_free(entry->value);
    outlet_free(hub->forward);
    rule_unref(hub->forward_rule);
    map_done(&hub->outlets);
    map_done(&hub->alerts);
    map_done(&hub->repeats);
    map_done(&hub->subjects);
}

/* The handover of an event is posted before us, so that what was said last is in a queue by now. */
static void hurry(void *context)
{
    struct hub *hub = context;
    MAP_EACH (&hub->outlets, entry)
        outlet_hurry(entry->value);
    if (hub->forward) outlet_hurry(hub->forward);
}

struct farewell {
    struct hub *hub;
    bool busy;
};

static void look_around(void *context)
{
    struct farewell *farewell = context;
    farewell->busy = farewell->hub->forward && outlet_is_busy(farewell->hub->forward);
    MAP_EACH (&farewell->hub->outlets, entry)
        farewell->busy |= outlet_is_busy(entry->value);
}

void hub_free(struct hub *hub)
{
    if (!hub) return;
    struct farewell farewell = {.hub = hub, .busy = true};
    int64_t until_ns = clock_now_ns() + FAREWELL_NS;
    loop_call(hub->options.loop, hurry, hub);
    loop_call(hub->options.loop, look_around, &farewell);
    while (farewell.busy && clock_now_ns() < until_ns) {
        clock_sleep(FAREWELL_LOOK_NS);
        loop_call(hub->options.loop, look_around, &farewell);
    }
    loop_call(hub->options.loop, free_on_loop, hub);
    free(hub);
}
