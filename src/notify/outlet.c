#include "notify/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "doc/json.h"
#include "kube/kube_call.h"
#include "net/line.h"
#include "net/url.h"

#define FRESH_NS       (5 * CLOCK_SECOND)  /* that a reading of the Secrets holds */
#define TIMEOUT_NS     (15 * CLOCK_SECOND) /* of one delivery, unless spec.timeout says otherwise */
#define JITTER_PERCENT 20

enum { BUFFER_BYTES = 16 * 1024, BACKOFF_DOUBLINGS_MAX = 20, BURST_SECONDS = 5 };

METRIC(deliveries) = {
    .name = "fixpoint_notification_deliveries_total",
    .help = "Deliveries of notices by outcome: sent, skipped, failed (tried again) or lost.",
    .type = METRIC_COUNTER,
    .labels = {"namespace", "provider", "outcome"},
};
METRIC(waiting) = {
    .name = "fixpoint_notification_queue_depth",
    .help = "Notices that wait for a Provider.",
    .type = METRIC_GAUGE,
    .labels = {"namespace", "provider"},
};

/* A notice that waits. */
struct parcel {
    struct list_link link;
    struct rule *rule;
    struct notice *notice;
    int64_t born_ns;
    uint64_t serial;
    int tries;
    size_t bytes;
};

enum secret_role { ROLE_SECRET, ROLE_CERT, ROLE_PROXY, ROLES };

/* What a reading of the Secrets gave. */
struct reading {
    arena arena;
    node *secrets[ROLES];
    struct target target;
    struct http_options http;
    int64_t read_ns; /* 0: it is not usable */
};

/* The delivery under way. */
struct delivery {
    arena arena;
    struct parcel *parcel; /* NULL: none is under way */
    struct notice notice;  /* as the Alert shows it */
    struct exchange exchange;
    struct target target;
    int64_t deadline_ns;
    struct http_stream *stream;
    struct line *line; /* instead, for a service that speaks in lines */
    struct http_response answer;
    buf body;
    bool enough; /* the answer is longer than what is read of it */
};

struct outlet {
    struct outlet_options options;
    arena spec_arena;
    struct target_spec spec;
    struct list_link errors, infos; /* parcels, oldest first */
    size_t count;
    int64_t bytes;
    uint64_t serial;
    struct flood *flood;
    struct reading reading;
    int role; /* the Secret that is being read */
    struct kube_call *call;
    struct http *http;
    uint64_t http_digest;
    struct delivery delivery;
    struct loop_timer timer, flood_timer;
    int64_t not_before_ns;
    double tokens; /* deliveries that may go out at once */
    int64_t tokens_ns;
    struct outlet_tally tally;
    bool busy; /* reads Secrets or delivers */
};

static void pump(void *context);
static void wake(struct outlet *outlet, int64_t due_ns);

static const struct provider *provider_of(const struct outlet *outlet)
{
    return outlet->options.provider ? outlet->options.provider : notify_find(outlet->spec.type);
}

/* ---- the queue ---- */

static void parcel_free(struct parcel *parcel)
{
    rule_unref(parcel->rule);
    notice_unref(parcel->notice);
    free(parcel);
}

static void set_gauge(const struct outlet *outlet)
{
    metrics_set(&metric_waiting, (str[]){outlet->spec.namespace, outlet->spec.name},
                (double)(outlet->count + (outlet->delivery.parcel != NULL)));
}

static void unlink_parcel(struct outlet *outlet, struct parcel *parcel)
{
    list_remove(&parcel->link);
    outlet->count--;
    outlet->bytes -= (int64_t)parcel->bytes;
}

void outlet_count(struct outlet_tally *tally, enum outlet_outcome outcome, const err *error)
{
    if (outcome == OUTLET_SENT) {
        tally->sent++;
        tally->failures = 0;
        tally->sent_wall_ns = clock_wall_ns();
    } else if (outcome == OUTLET_SKIPPED) {
        tally->skipped++;
    } else {
        tally->failed++;
        tally->lost += outcome == OUTLET_LOST;
        tally->failures++;
        tally->failed_wall_ns = clock_wall_ns();
    }
    if (error) snprintf(tally->last_error, sizeof tally->last_error, "%s", error->message);
}

/* Called once for each end of a delivery; the parcel is the caller's. */
static void settle(struct outlet *outlet, const struct parcel *parcel, enum outlet_outcome outcome,
                   const err *error)
{
    static const char *const words[] = {"sent", "skipped", "failed", "lost"};
    metrics_add(&metric_deliveries,
                (str[]){outlet->spec.namespace, outlet->spec.name, str_of(words[outcome])}, 1);
    outlet_count(&outlet->tally, outcome, error);
    outlet->options.settled(outlet->options.context, outlet, parcel->rule, parcel->notice, outcome,
                            error);
}

/* The oldest that is no error, else the oldest error. */
static void make_room(struct outlet *outlet)
{
    struct list_link *list = list_is_empty(&outlet->infos) ? &outlet->errors : &outlet->infos;
    if (list_is_empty(list)) return;
    struct parcel *parcel = CONTAINER_OF(list->next, struct parcel, link);
    unlink_parcel(outlet, parcel);
    err *e AUTO(err_done) = err_invalid("the queue of the Provider is full (%d notices or %lld "
                                        "bytes)",
                                        LIMIT_NOTICE_QUEUE, LIMIT_NOTICE_QUEUE_BYTES);
    settle(outlet, parcel, OUTLET_LOST, e);
    parcel_free(parcel);
}

static void enqueue(void *context, struct rule *rule, struct notice *notice)
{
    struct outlet *outlet = context;
    size_t bytes = notice->arena.used_bytes + sizeof(struct parcel);
    while (outlet->count >= LIMIT_NOTICE_QUEUE ||
           (outlet->count && outlet->bytes + (int64_t)bytes > LIMIT_NOTICE_QUEUE_BYTES))
        make_room(outlet);
    struct parcel *parcel = lang_zalloc(sizeof *parcel);
    *parcel = (struct parcel){
        .rule = rule_ref(rule),
        .notice = notice_ref(notice),
        .born_ns = clock_now_ns(),
        .serial = ++outlet->serial,
        .bytes = bytes,
    };
    bool is_error = notice->severity == NOTICE_ERROR;
    list_add_last(is_error ? &outlet->errors : &outlet->infos, &parcel->link);
    outlet->count++;
    outlet->bytes += (int64_t)bytes;
    outlet->tally.summed += (uint64_t)notice->stands_for;
    set_gauge(outlet);
}

/* In the order of arrival. */
static struct parcel *take_next(struct outlet *outlet)
{
    struct parcel *error = NULL, *info = NULL;
    if (!list_is_empty(&outlet->errors))
        error = CONTAINER_OF(outlet->errors.next, struct parcel, link);
    if (!list_is_empty(&outlet->infos))
        info = CONTAINER_OF(outlet->infos.next, struct parcel, link);
    struct parcel *next = !info || (error && error->serial < info->serial) ? error : info;
    if (next) unlink_parcel(outlet, next);
    return next;
}

static void put_back(struct outlet *outlet, struct parcel *parcel)
{
    bool is_error = parcel->notice->severity == NOTICE_ERROR;
    list_add_first(is_error ? &outlet->errors : &outlet->infos, &parcel->link);
    outlet->count++;
    outlet->bytes += (int64_t)parcel->bytes;
}

/* ---- the end of a delivery ---- */

static void clear_delivery(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    if (delivery->stream) http_close(delivery->stream);
    line_close(delivery->line);
    arena a = delivery->arena;
    *delivery = (struct delivery){0};
    arena_done(&a);
    outlet->busy = false;
}

static int64_t backoff_ns(const struct outlet *outlet, int tries)
{
    int64_t first_ns = outlet->options.retry_first_ns, span_ns = first_ns;
    for (int i = 1; i < MIN(tries, BACKOFF_DOUBLINGS_MAX); i++)
        span_ns = MIN(span_ns * 2, outlet->options.retry_last_ns);
    return rand_jitter(MIN(span_ns, outlet->options.retry_last_ns), JITTER_PERCENT);
}

static int64_t asked_wait_ns(const struct delivery *delivery)
{
    uint64_t seconds;
    str value = http_header(&delivery->answer, STR("retry-after"));
    if (!str_to_uint(value, &seconds)) return 0;
    if (seconds > LIMIT_NOTICE_WAIT_NS / CLOCK_SECOND) return LIMIT_NOTICE_WAIT_NS;
    return (int64_t)seconds * CLOCK_SECOND;
}

static bool is_hopeless(const struct parcel *parcel, const err *e)
{
    if (e->kind == ERR_TRANSIENT || e->kind == ERR_CANCELED)
        return clock_now_ns() - parcel->born_ns > LIMIT_NOTICE_AGE_NS;
    if (e->kind == ERR_DENIED || e->kind == ERR_NOT_FOUND)
        return parcel->tries >= LIMIT_NOTICE_TRIES;
    return true;
}

/* Takes the error. */
static void fail(struct outlet *outlet, err *e)
{
    struct delivery *delivery = &outlet->delivery;
    struct parcel *parcel = delivery->parcel;
    parcel->tries++;
    arena a AUTO(arena_done) = {0};
    const struct target *target =
        delivery->target.type.len ? &delivery->target : &outlet->reading.target;
    str text = destination_mask(&a, target, err_text(e));
    err *shown AUTO(err_done) = err_new(e->kind, e->reason, STR_FMT, STR_ARG(text));
    err_free(e);
    int64_t wait_ns = MAX(backoff_ns(outlet, parcel->tries), asked_wait_ns(delivery));
    bool lost = is_hopeless(parcel, shown);
    clear_delivery(outlet);
    outlet->reading.read_ns = 0; /* perhaps somebody mends the Secret meanwhile */
    if (!lost) {
        outlet->not_before_ns = clock_now_ns() + wait_ns;
        put_back(outlet, parcel);
    }
    settle(outlet, parcel, lost ? OUTLET_LOST : OUTLET_FAILED, shown);
    if (lost) parcel_free(parcel);
    set_gauge(outlet);
    wake(outlet, clock_now_ns()); /* not from within: the stack would grow with the queue */
}

static void succeed(struct outlet *outlet, bool skipped)
{
    struct parcel *parcel = outlet->delivery.parcel;
    clear_delivery(outlet);
    settle(outlet, parcel, skipped ? OUTLET_SKIPPED : OUTLET_SENT, NULL);
    parcel_free(parcel);
    set_gauge(outlet);
    wake(outlet, clock_now_ns());
}

/* ---- requests ---- */

static void copy_answer(struct delivery *delivery, const struct http_response *response)
{
    arena *a = &delivery->arena;
    delivery->answer = (struct http_response){
        .status = response->status,
        .headers = NEW_ARRAY(a, struct http_header, response->header_count + 1),
        .header_count = response->header_count,
    };
    for (size_t i = 0; i < response->header_count; i++) {
        const struct http_header *header = &response->headers[i];
        delivery->answer.headers[i] =
            (struct http_header){str_dup(a, header->name), str_dup(a, header->value)};
    }
}

static void on_head(void *context, const struct http_response *response)
{
    struct outlet *outlet = context;
    copy_answer(&outlet->delivery, response);
}

/* An answer without an end ends here. */
static err *on_data(void *context, str bytes)
{
    struct outlet *outlet = context;
    struct delivery *delivery = &outlet->delivery;
    if (delivery->body.len + bytes.len > LIMIT_NOTICE_ANSWER_BYTES) {
        delivery->enough = true;
        return err_invalid("the answer is longer than %d bytes", LIMIT_NOTICE_ANSWER_BYTES);
    }
    buf_add(&delivery->body, bytes);
    return NULL;
}

static void open_request(struct outlet *outlet, struct http_request *request);

static void answered(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    const struct provider *provider = provider_of(outlet);
    delivery->answer.body = buf_str(&delivery->body);
    struct http_request next = {0};
    err *e = notify_answered(provider, &delivery->exchange, &delivery->answer, &next);
    if (e) {
        fail(outlet, e);
    } else if (!next.url.len) {
        succeed(outlet, false);
    } else if (delivery->exchange.step >= LIMIT_NOTICE_STEPS) {
        fail(outlet, err_internal("more than %d requests for one notice", LIMIT_NOTICE_STEPS));
    } else {
        open_request(outlet, &next);
    }
}

static void on_done(void *context, err *error)
{
    struct outlet *outlet = context;
    struct delivery *delivery = &outlet->delivery;
    delivery->stream = NULL;
    if (error && !delivery->enough) {
        fail(outlet, error);
        return;
    }
    err_free(error);
    answered(outlet);
}

static const struct http_events events = {on_head, on_data, on_done};

/* compat: a user and password within the address are credentials. */
static void move_credentials(arena *a, struct http_request *request)
{
    struct url url;
    str user, password;
    err *e AUTO(err_done) = url_parse(request->url, &url);
    if (e || !url.user.len) return; /* the client says what is wrong with it */
    err *bad AUTO(err_done) = url_unescape(a, url.user, &user);
    err *worse AUTO(err_done) = url_unescape(a, url.password, &password);
    if (bad || worse) return;
    str head, tail;
    str_cut(request->url, '@', &head, &tail);
    request->url = str_printf(a, STR_FMT "://" STR_FMT, STR_ARG(url.scheme), STR_ARG(tail));
    if (request->bearer.len || request->user.len) return;
    request->user = user;
    request->password = password;
}

static void open_request(struct outlet *outlet, struct http_request *request)
{
    struct delivery *delivery = &outlet->delivery;
    int64_t left_ns = delivery->deadline_ns - clock_now_ns();
    move_credentials(&delivery->arena, request);
    request->timeout_ms = MAX(left_ns / CLOCK_MS, (int64_t)1);
    request->stall_ms = -1; /* the deadline counts for everything */
    delivery->answer = (struct http_response){0};
    delivery->body = BUF(&delivery->arena);
    delivery->enough = false;
    delivery->stream = http_open(outlet->http, request, &events, outlet);
}

/* ---- conversations in lines ---- */

static err *on_line(void *context, str text, bool *over)
{
    struct outlet *outlet = context;
    struct delivery *delivery = &outlet->delivery;
    struct reply reply = {0};
    TRY(provider_of(outlet)->heard(&delivery->exchange, text, &reply));
    if (reply.text.len) line_say(delivery->line, reply.text);
    *over = reply.over;
    return NULL;
}

static void on_ended(void *context, err *error)
{
    struct outlet *outlet = context;
    outlet->delivery.line = NULL;
    if (error)
        fail(outlet, error);
    else
        succeed(outlet, false);
}

static const struct line_events line_events = {on_line, on_ended};

static void open_line(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    struct dial dial = {0};
    err *e = provider_of(outlet)->dial(&delivery->exchange, &dial);
    if (e) {
        fail(outlet, e);
        return;
    }
    delivery->line = line_open(outlet->options.loop, dial.host, dial.port, delivery->deadline_ns,
                               &line_events, outlet);
}

/* ---- the beginning ---- */

/* The notice as this Alert shows it: metadata merged, keys without prefix. */
static void dress(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    const struct parcel *parcel = delivery->parcel;
    bool conflict;
    delivery->notice = *parcel->notice;
    if (!outlet->options.raw)
        delivery->notice.metadata =
            rule_metadata(&delivery->arena, parcel->rule, parcel->notice, &conflict);
    const struct rule_spec *rule = &parcel->rule->spec;
    delivery->target.alert_namespace = rule->namespace;
    delivery->target.alert_name = rule->name;
    delivery->target.alert_uid = rule->uid;
}

static err *name_state(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    arena *a = &delivery->arena;
    if (!outlet->spec.commit_status_expr.len) return NULL;
    return destination_status_id(a, &outlet->spec, notice_node(a, &delivery->notice),
                                 delivery->parcel->rule->spec.object, &delivery->target.status_id);
}

static void begin(struct outlet *outlet)
{
    struct delivery *delivery = &outlet->delivery;
    const struct provider *provider = provider_of(outlet);
    int64_t timeout_ns = outlet->spec.timeout_ns ? outlet->spec.timeout_ns : TIMEOUT_NS;
    delivery->deadline_ns = clock_now_ns() + timeout_ns;
    delivery->target = outlet->reading.target;
    dress(outlet);
    delivery->exchange = (struct exchange){
        .a = &delivery->arena, .notice = &delivery->notice, .target = &delivery->target};
    struct http_request request = {0};
    if (provider->dial) {
        open_line(outlet);
        return;
    }
    err *e = name_state(outlet);
    if (!e) e = notify_begin(provider, &delivery->exchange, &request);
    if (e) {
        fail(outlet, e);
    } else if (!request.url.len) {
        succeed(outlet, true);
    } else {
        open_request(outlet, &request);
    }
}

/* ---- the Secrets ---- */

static uint64_t digest_of(const struct http_options *http)
{
    uint64_t digest = 1;
    const str texts[] = {http->ca_pem, http->cert_pem,   http->key_pem,
                         http->proxy,  http->proxy_user, http->proxy_password};
    for (size_t i = 0; i < COUNT(texts); i++)
        digest = hash_mix(digest, hash_keyed(texts[i]));
    return digest;
}

/* The client is kept as long as it would be made the same way, with its connections. */
static err *equip(struct outlet *outlet)
{
    struct reading *reading = &outlet->reading;
    struct target_secrets secrets = {
        .secret = reading->secrets[ROLE_SECRET],
        .cert = reading->secrets[ROLE_CERT],
        .proxy = reading->secrets[ROLE_PROXY],
    };
    TRY(destination_build(&reading->arena, &outlet->spec, &secrets, &reading->target,
                          &reading->http));
    uint64_t digest = digest_of(&reading->http);
    reading->http.user_agent = STR("fixpoint");
    reading->http.buffer_bytes = BUFFER_BYTES;
    if (!outlet->http || digest != outlet->http_digest) {
        struct http *http;
        TRY(http_new(outlet->options.loop, reading->http, &http));
        http_free(outlet->http);
        outlet->http = http;
        outlet->http_digest = digest;
    }
    reading->read_ns = clock_now_ns();
    return NULL;
}

static str secret_name(const struct outlet *outlet, int role)
{
    const struct target_spec *spec = &outlet->spec;
    return role == ROLE_SECRET ? spec->secret
           : role == ROLE_CERT ? spec->cert_secret
                               : spec->proxy_secret;
}

static void read_next(struct outlet *outlet);

static void on_secret(void *context, arena *a, const struct http_response *response, err *e)
{
    struct outlet *outlet = context;
    struct reading *reading = &outlet->reading;
    outlet->call = NULL;
    str name = secret_name(outlet, outlet->role);
    node *secret = NULL;
    if (!e) e = json_parse(a, response->body, (struct json_options){.last_wins = true}, &secret);
    if (e) {
        /* It may come: a Provider and its Secret are often made together. */
        if (e->kind == ERR_NOT_FOUND) e->kind = ERR_DENIED;
        fail(outlet, err_wrap(e, "the Secret '" STR_FMT "/" STR_FMT "'",
                              STR_ARG(outlet->spec.namespace), STR_ARG(name)));
        return;
    }
    reading->secrets[outlet->role] = doc_copy(&reading->arena, secret);
    outlet->role++;
    read_next(outlet);
}

static void read_next(struct outlet *outlet)
{
    static const struct kube_resource secrets = {.plural = {"secrets", 7}, .namespaced = true};
    while (outlet->role < ROLES && !secret_name(outlet, outlet->role).len)
        outlet->role++;
    if (outlet->role == ROLES) {
        err *e = equip(outlet);
        if (e)
            fail(outlet, e);
        else
            begin(outlet);
        return;
    }
    struct kube_request request = {
        .verb = KUBE_GET,
        .ref = {{STR(""), STR("v1"), STR("Secret")},
                outlet->spec.namespace,
                secret_name(outlet, outlet->role)},
    };
    outlet->call = kube_call_start(outlet->options.kube, &request, &secrets, on_secret, outlet);
}

static void reading_clear(struct reading *reading)
{
    arena a = reading->arena;
    *reading = (struct reading){0};
    arena_done(&a);
}

/* ---- when ---- */

static void wake(struct outlet *outlet, int64_t due_ns)
{
    loop_timer_set(outlet->options.loop, &outlet->timer, due_ns, pump, outlet);
}

/* 0: now. Else when the rate allows the next delivery. */
static int64_t rate_due_ns(struct outlet *outlet)
{
    int64_t now_ns = clock_now_ns();
    double rate = outlet->options.rate;
    if (rate <= 0) return 0;
    double gained = (double)(now_ns - outlet->tokens_ns) / 1e9 * rate;
    outlet->tokens = MIN(outlet->tokens + gained, rate * BURST_SECONDS);
    outlet->tokens_ns = now_ns;
    if (outlet->tokens >= 1) {
        outlet->tokens -= 1;
        return 0;
    }
    return now_ns + (int64_t)((1 - outlet->tokens) / rate * 1e9) + CLOCK_MS;
}

static void pump(void *context)
{
    struct outlet *outlet = context;
    if (outlet->busy || !outlet->count) return;
    if (outlet->not_before_ns > clock_now_ns()) {
        wake(outlet, outlet->not_before_ns);
        return;
    }
    int64_t due_ns = rate_due_ns(outlet);
    if (due_ns) {
        wake(outlet, due_ns);
        return;
    }
    outlet->busy = true;
    outlet->delivery.parcel = take_next(outlet);
    int64_t age_ns = clock_now_ns() - outlet->reading.read_ns;
    if (outlet->reading.read_ns && age_ns < FRESH_NS) {
        begin(outlet);
        return;
    }
    reading_clear(&outlet->reading);
    outlet->role = 0;
    read_next(outlet);
}

static void on_flood(void *context)
{
    struct outlet *outlet = context;
    flood_flush(outlet->flood, false, enqueue, outlet);
    int64_t due_ns = flood_due_ns(outlet->flood);
    if (due_ns)
        loop_timer_set(outlet->options.loop, &outlet->flood_timer, due_ns, on_flood, outlet);
    pump(outlet);
}

void outlet_send(struct outlet *outlet, struct rule *rule, struct notice *notice)
{
    const struct provider *provider = provider_of(outlet);
    bool singly = !provider || (provider->flags & (NOTIFY_SINGLY | NOTIFY_COMMIT | NOTIFY_COMMENT));
    bool taken = !singly && flood_take(outlet->flood, rule, notice);
    int64_t due_ns = flood_due_ns(outlet->flood);
    if (due_ns)
        loop_timer_set(outlet->options.loop, &outlet->flood_timer, due_ns, on_flood, outlet);
    if (taken) return;
    enqueue(outlet, rule, notice);
    pump(outlet);
}

/* ---- life ---- */

struct outlet *outlet_new(const struct outlet_options *options, const struct target_spec *spec)
{
    struct outlet *outlet = lang_zalloc(sizeof *outlet);
    outlet->options = *options;
    outlet->spec = destination_copy(&outlet->spec_arena, spec);
    outlet->flood = flood_new(options->flood);
    outlet->tokens = options->rate * BURST_SECONDS;
    outlet->tokens_ns = clock_now_ns();
    list_init(&outlet->errors);
    list_init(&outlet->infos);
    return outlet;
}

/* Ends what is under way; the parcel waits again. */
static void interrupt(struct outlet *outlet)
{
    struct parcel *parcel = outlet->delivery.parcel;
    if (outlet->call) kube_call_cancel(outlet->call);
    outlet->call = NULL;
    clear_delivery(outlet);
    if (parcel) put_back(outlet, parcel);
}

void outlet_change(struct outlet *outlet, const struct target_spec *spec)
{
    interrupt(outlet);
    reading_clear(&outlet->reading);
    arena old = outlet->spec_arena;
    outlet->spec_arena = (arena){0};
    outlet->spec = destination_copy(&outlet->spec_arena, spec);
    arena_done(&old);
    outlet->not_before_ns = 0;
    wake(outlet, clock_now_ns());
}

const struct target_spec *outlet_spec(const struct outlet *outlet)
{
    return &outlet->spec;
}

void outlet_tally(const struct outlet *outlet, struct outlet_tally *out)
{
    *out = outlet->tally;
    out->waiting = outlet->count + (outlet->delivery.parcel != NULL) + flood_waiting(outlet->flood);
}

void outlet_hurry(struct outlet *outlet)
{
    outlet->options.rate = 0;
    flood_flush(outlet->flood, true, enqueue, outlet);
    pump(outlet);
}

bool outlet_is_busy(const struct outlet *outlet)
{
    return (outlet->count || outlet->busy) && !outlet->tally.failures;
}

static void drop_list(struct list_link *list)
{
    LIST_EACH (list, struct parcel, link, parcel) {
        list_remove(&parcel->link);
        parcel_free(parcel);
    }
}

void outlet_free(struct outlet *outlet)
{
    if (!outlet) return;
    loop_timer_cancel(outlet->options.loop, &outlet->timer);
    loop_timer_cancel(outlet->options.loop, &outlet->flood_timer);
    interrupt(outlet);
    drop_list(&outlet->errors);
    drop_list(&outlet->infos);
    metrics_forget(&metric_waiting, (str[]){outlet->spec.namespace, outlet->spec.name});
    flood_free(outlet->flood);
    reading_clear(&outlet->reading);
    http_free(outlet->http);
    arena_done(&outlet->spec_arena);
    free(outlet);
}
