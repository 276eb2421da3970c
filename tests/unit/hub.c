/*
 * hub: from an event to the services, with everything between: what repeats,
 * what recovers, queues that are full, services that fail; and a delivery over
 * TLS for every type of provider.
 */
#include "notify/hub.h"

#include "api_script.h"
#include "base/b64.h"
#include "notify_places.h"
#include "tunnel.h"

enum { SEEN_MAX = 64 };

/* An API server with Secrets, the services behind a tunnel, and one plain service. */
struct world {
    struct api_script api, service;
    struct tunnel tunnel;
    struct loop *loop;
    struct kube *kube;
    struct hub *hub;
    arena arena;
    pthread_mutex_t lock; /* guards what follows */
    node *secrets;        /* name to data, encoded */
    node *bodies;         /* what the plain service was told */
    char hosts[SEEN_MAX][64];
    int host_count, status;
    char reports[4096];
};

/* ---- the outside ---- */

static void serve_api(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    arena a AUTO(arena_done) = {0};
    str line = request->line, before, name;
    str_cut_last(line, '/', &before, &name);
    pthread_mutex_lock(&world->lock);
    node *data = node_get(world->secrets, name);
    str body = json_text(&a, notify_map(&a, "data", data ? data : node_map(&a), NULL));
    pthread_mutex_unlock(&world->lock);
    str missing = STR("{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"gone\"}");
    api_answer(fd, data ? 200 : 404, "", data ? body : missing);
}

static void serve_plain(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    pthread_mutex_lock(&world->lock);
    str body = str_dup(&world->arena, request->body);
    node_push(&world->arena, world->bodies, node_str(&world->arena, body));
    int status = world->status;
    pthread_mutex_unlock(&world->lock);
    api_answer(fd, status, "", STR("said"));
}

/* The services answer as in the golden conversations. */
static void serve_tunnel(void *context, struct scripted_peer *peer, const char *host,
                         const char *request)
{
    struct world *world = context;
    char method[16] = "", path[1024] = "", line[1400];
    sscanf(request, "%15s %1023s", method, path);
    snprintf(line, sizeof line, "%s https://%s%s", method, host, path);
    pthread_mutex_lock(&world->lock);
    if (world->host_count < SEEN_MAX)
        snprintf(world->hosts[world->host_count++], 64, "%.63s", host);
    pthread_mutex_unlock(&world->lock);
    const char *body = "[]";
    int status = 200;
    for (size_t i = 0; i < COUNT(plain_lines); i++) {
        if (strncmp(line, plain_lines[i].request, strlen(plain_lines[i].request)) != 0) continue;
        body = plain_lines[i].body;
        status = plain_lines[i].status;
        break;
    }
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", status,
             strlen(body));
    scripted_say(peer, head);
    scripted_say(peer, body);
}

/* ---- a test ---- */

static const node *labels(void *context UNUSED, arena *a, const struct kube_ref *ref)
{
    if (!str_is(ref->name, "apps")) return NULL;
    return notify_map(a, "team", node_str(a, STR("web")), NULL);
}

static void changed(void *context UNUSED, str key UNUSED)
{
}

static void report(void *context, const struct rule *rule UNUSED, const char *reason, str message)
{
    struct world *world = context;
    pthread_mutex_lock(&world->lock);
    size_t len = strlen(world->reports);
    snprintf(world->reports + len, sizeof world->reports - len, "%s: " STR_FMT "\n", reason,
             STR_ARG(message));
    pthread_mutex_unlock(&world->lock);
}

static struct hub *make_hub(struct world *world, struct flood_options flood, int64_t retry_ns)
{
    return hub_new((struct hub_options){.loop = world->loop,
                                        .kube = world->kube,
                                        .same_ns = 300 * CLOCK_SECOND,
                                        .retry_first_ns = retry_ns,
                                        .retry_last_ns = retry_ns,
                                        .flood = flood,
                                        .labels = labels,
                                        .changed = changed,
                                        .report = report,
                                        .context = world});
}

static int setup(void **state)
{
    struct world *world = lang_zalloc(sizeof *world);
    *state = world;
    pthread_mutex_init(&world->lock, NULL);
    world->secrets = node_map(&world->arena);
    world->bodies = node_list(&world->arena);
    world->status = 200;
    world->api = (struct api_script){.handler = serve_api, .context = world};
    world->service = (struct api_script){.handler = serve_plain, .context = world};
    api_start(&world->api);
    api_start(&world->service);
    world->loop = loop_new();
    loop_start(world->loop);
    struct kubeconfig config = {
        .server = str_printf(&world->arena, "http://127.0.0.1:%d", world->api.port)};
    assert_null(kube_new(world->loop, &config, (struct kube_options){0}, &world->kube));
    world->hub = make_hub(world, (struct flood_options){0}, 20 * CLOCK_MS);
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    hub_free(world->hub);
    kube_free(world->kube);
    loop_join(world->loop);
    loop_free(world->loop);
    api_stop(&world->service);
    api_stop(&world->api);
    if (world->tunnel.tls) tunnel_stop(&world->tunnel);
    arena_done(&world->arena);
    pthread_mutex_destroy(&world->lock);
    free(world);
    return 0;
}

/* Calls on the loop, which the hub's owner makes there. */
struct order {
    struct hub *hub;
    const struct rule_spec *rule;
    const struct target_spec *target;
    const struct notice *notice;
    const char *remove, *forget;
    bool taken;
    int64_t wait_ns;
};

static void obey(void *context)
{
    struct order *order = context;
    if (order->rule) hub_put_alert(order->hub, order->rule);
    if (order->target) hub_put_provider(order->hub, order->target);
    if (order->notice) order->taken = hub_post(order->hub, order->notice, &order->wait_ns);
    if (order->forget) hub_forget(order->hub, str_of(order->forget));
    if (order->remove) hub_remove(order->hub, str_of(order->remove));
}

static bool post(struct world *world, const struct notice *notice)
{
    struct order order = {.hub = world->hub, .notice = notice};
    loop_call(world->loop, obey, &order);
    return order.taken;
}

static void connect_up(struct world *world, const struct target_spec *target, bool errors_only)
{
    const struct rule_source source = {.kind = STR("Kustomization"), .name = STR("*")};
    struct rule_spec rule = {
        .namespace = STR("flux-system"),
        .name = STR("alert"),
        .uid = STR("7d0cdc51-ddcf-4743-b223-83ca5c699632"),
        .provider = target->name,
        .errors_only = errors_only,
        .sources = &source,
        .source_count = 1,
    };
    struct order order = {.hub = world->hub, .rule = &rule, .target = target};
    loop_call(world->loop, obey, &order);
}

static struct target_spec plain_target(struct world *world)
{
    return (struct target_spec){
        .namespace = STR("flux-system"),
        .name = STR("plain"),
        .uid = STR("u"),
        .type = STR("generic"),
        .address = str_printf(&world->arena, "http://127.0.0.1:%d/", world->service.port),
    };
}

static struct outlet_tally tally_of(struct world *world, const char *key)
{
    struct outlet_tally tally = {0};
    assert_true(hub_tally(world->hub, str_of(key), &tally));
    return tally;
}

static struct outlet_tally wait_for(struct world *world, const char *key, uint64_t ended)
{
    struct outlet_tally tally = {0};
    for (int i = 0; i < 20000; i++) {
        tally = tally_of(world, key);
        if (tally.sent + tally.lost >= ended) return tally;
        usleep(1000);
    }
    fail_msg("%s: sent %lu, lost %lu, failed %lu: %s", key, tally.sent, tally.lost, tally.failed,
             tally.last_error);
    return tally;
}

static str body_at(struct world *world, size_t index)
{
    pthread_mutex_lock(&world->lock);
    const node *body = node_at(world->bodies, index);
    pthread_mutex_unlock(&world->lock);
    if (!body) fail_msg("there is no request %zu", index);
    return body->text;
}

/* ---- every type that speaks HTTP, over TLS ---- */

struct text_pair {
    const char *key;
    str value;
};

static void put_secret(struct world *world, const char *name, const struct text_pair *pairs,
                       size_t count)
{
    arena *a = &world->arena;
    node *data = node_map(a);
    for (size_t i = 0; i < count; i++)
        if (pairs[i].value.len)
            node_set_str(a, data, str_of(pairs[i].key), b64_encode(a, pairs[i].value));
    pthread_mutex_lock(&world->lock);
    node_set(a, world->secrets, str_of(name), data);
    pthread_mutex_unlock(&world->lock);
}

static void deliver(struct world *world, const struct place *place)
{
    arena a AUTO(arena_done) = {0};
    struct target wanted = target_of(&a, place->type);
    const struct text_pair secret[] = {
        {"token", wanted.token}, {"username", wanted.user}, {"password", wanted.password}};
    put_secret(world, "credentials", secret, COUNT(secret));
    struct target_spec target = {
        .namespace = STR("flux-system"),
        .name = str_of(place->type),
        .uid = wanted.provider_uid,
        .type = wanted.type,
        .channel = wanted.channel,
        .address = wanted.address,
        .proxy = str_printf(&a, "http://127.0.0.1:%d", world->tunnel.proxy.port),
        .secret = STR("credentials"),
        .cert_secret = STR("certificates"),
    };
    connect_up(world, &target, false);
    struct notice notice = make_notice(&a, "error");
    notice.message = str_printf(&a, "for the %s", place->type);
    pthread_mutex_lock(&world->lock);
    world->host_count = 0;
    pthread_mutex_unlock(&world->lock);
    hub_take(world->hub, &notice);
    const char *key = str_z(&a, str_printf(&a, "Provider/flux-system/%s", place->type));
    struct outlet_tally tally = wait_for(world, key, 1);
    if (tally.sent != 1) fail_msg("%s: %s", place->type, tally.last_error);
    pthread_mutex_lock(&world->lock);
    int hosts = world->host_count;
    pthread_mutex_unlock(&world->lock);
    if (!hosts) fail_msg("%s: nobody was told", place->type);
    struct order order = {.hub = world->hub, .remove = key};
    loop_call(world->loop, obey, &order);
}

static void every_type_is_delivered_over_tls(void **state)
{
    struct world *world = *state;
    world->tunnel.answer = serve_tunnel;
    world->tunnel.context = world;
    tunnel_start(&world->tunnel,
                 "DNS:*.example.com,DNS:*.azure.com,DNS:*.logic.azure.com,DNS:github.com,"
                 "DNS:*.github.com,DNS:*.servicebus.windows.net,DNS:*.bitbucket.org,"
                 "DNS:*.datadoghq.com,DNS:discord.com,DNS:gitlab.com,DNS:*.googleapis.com,"
                 "DNS:*.larksuite.com,DNS:matrix.org,DNS:*.opsgenie.com,DNS:*.pagerduty.com,"
                 "DNS:slack.com,DNS:*.telegram.org,DNS:webexapis.com,DNS:*.zulipchat.com");
    const struct text_pair pair = {"ca.crt", str_of(world->tunnel.ca_pem)};
    put_secret(world, "certificates", &pair, 1);
    for (size_t i = 0; i < COUNT(places); i++)
        if (!notify_find(str_of(places[i].type))->dial) deliver(world, &places[i]);
}

/* Without the authority, or under another name, nothing is said. */
static void strangers_are_not_told(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->tunnel.answer = serve_tunnel;
    world->tunnel.context = world;
    tunnel_start(&world->tunnel, "DNS:other.example.com");
    const struct text_pair pair = {"ca.crt", str_of(world->tunnel.ca_pem)};
    put_secret(world, "certificates", &pair, 1);
    struct target_spec target = plain_target(world);
    target.proxy = str_printf(&a, "http://127.0.0.1:%d", world->tunnel.proxy.port);
    target.address = STR("https://hooks.example.com/");
    target.cert_secret = STR("certificates");
    connect_up(world, &target, false);
    struct notice notice = make_notice(&a, "error");
    hub_take(world->hub, &notice);
    struct outlet_tally tally = {0};
    for (int i = 0; i < 20000 && !tally.failed; i++, usleep(1000))
        tally = tally_of(world, "Provider/flux-system/plain");
    assert_non_null(strstr(tally.last_error, "certificate"));
    assert_int_equal(world->host_count, 0);
}

/* ---- news, repetition, recovery ---- */

static void what_repeats_is_no_news(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    connect_up(world, &target, false);
    struct notice error = make_notice(&a, "error"), info = make_notice(&a, "info");
    assert_true(post(world, &error));
    assert_false(post(world, &error));
    assert_true(post(world, &info));  /* ends the failure */
    assert_true(post(world, &error)); /* so that this one is another */
    assert_false(post(world, &error));
    struct outlet_tally tally = wait_for(world, "Provider/flux-system/plain", 3);
    assert_int_equal(tally.sent, 3);
    str told = body_at(world, 1);
    assert_true(str_find(told, STR("\"message\":\"Ready again after 1 s. Deployment/web")) > 0);
    assert_true(str_find(told, STR("\"recovered_after\":\"1 s\"")) > 0);
}

/* A failure from before our time is known by the status; a name alone is no memory. */
static void recovery_survives_a_restart(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    connect_up(world, &target, false);
    struct notice error = make_notice(&a, "error"), info = make_notice(&a, "info");
    info.failing_since_wall_ns = clock_wall_ns() - 14 * 60 * CLOCK_SECOND;
    post(world, &info);
    post(world, &error);
    struct order order = {.hub = world->hub, .forget = "Kustomization/flux-system/apps"};
    loop_call(world->loop, obey, &order);
    info.failing_since_wall_ns = 0;
    info.message = STR("a new one");
    post(world, &info);
    wait_for(world, "Provider/flux-system/plain", 3);
    assert_true(str_find(body_at(world, 0), STR("\"Ready again after 14 min. Deploy")) > 0);
    assert_true(str_find(body_at(world, 2), STR("\"message\":\"a new one\"")) > 0);
}

/* Progress and drift are neither the beginning nor the end of a failure. */
static void only_success_ends_a_failure(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    connect_up(world, &target, false);
    struct notice drift = make_notice(&a, "drift"), info = make_notice(&a, "info");
    struct notice error = make_notice(&a, "error"), progress = info;
    progress.reason = STR("Progressing");
    progress.message = STR("on its way");
    post(world, &drift);
    post(world, &info);
    post(world, &error);
    post(world, &progress);
    info.message = STR("finished");
    post(world, &info);
    wait_for(world, "Provider/flux-system/plain", 5);
    static const char *const wanted[] = {"spec.replicas was", "\"Deployment/web/app configured",
                                         "health check failed", "\"on its way",
                                         "\"Ready again after 1 s. finished"};
    for (size_t i = 0; i < COUNT(wanted); i++)
        if (str_find(body_at(world, i), str_of(wanted[i])) < 0)
            fail_msg("%zu: " STR_FMT, i, STR_ARG(body_at(world, i)));
}

static void an_alert_for_errors_gets_errors(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    connect_up(world, &target, true);
    struct notice error = make_notice(&a, "error"), info = make_notice(&a, "info");
    post(world, &info);
    post(world, &error);
    wait_for(world, "Provider/flux-system/plain", 1);
    assert_true(str_find(body_at(world, 0), STR("health check failed")) > 0);
    assert_int_equal(tally_of(world, "Alert/flux-system/alert").sent, 1);
}

/* ---- services that fail ---- */

static void a_failure_is_tried_again_and_told_once(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    world->status = 500;
    connect_up(world, &target, false);
    struct notice error = make_notice(&a, "error");
    hub_take(world->hub, &error);
    struct outlet_tally tally = {0};
    for (int i = 0; i < 20000 && tally.failed < 4; i++, usleep(1000))
        tally = tally_of(world, "Provider/flux-system/plain");
    assert_true(tally.failures >= 4 && tally.waiting == 1 && !tally.lost);
    assert_string_equal(tally.last_error, "request failed with status code 500: said");
    pthread_mutex_lock(&world->lock);
    world->status = 204;
    pthread_mutex_unlock(&world->lock);
    tally = wait_for(world, "Provider/flux-system/plain", 1);
    assert_true(tally.sent == 1 && tally.failures == 0 && !tally.waiting);
    assert_string_equal(world->reports,
                        "NotificationDispatchFailed: failed to send notification for "
                        "Kustomization/flux-system/apps: request failed with status code 500: "
                        "said; it is tried again\n");
}

static _Atomic int64_t offset_ns;

static int64_t later_at(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (int64_t)time.tv_sec * CLOCK_SECOND + time.tv_nsec + offset_ns;
}

static int64_t later_now(void)
{
    return later_at(CLOCK_MONOTONIC);
}

static int64_t later_wall(void)
{
    return later_at(CLOCK_REALTIME);
}

static void nothing(void *context UNUSED)
{
}

/* Minutes that pass at once: what is due is done. */
static void pass(struct world *world, int minutes)
{
    for (int i = 0; i < minutes; i++) {
        uint64_t failed = tally_of(world, "Provider/flux-system/plain").failed;
        offset_ns += 60 * CLOCK_SECOND;
        loop_call(world->loop, nothing, NULL);
        for (int k = 0; k < 5000; k++, usleep(1000)) {
            struct outlet_tally tally = tally_of(world, "Provider/flux-system/plain");
            if (tally.failed > failed || !tally.waiting) break;
        }
    }
}

/* A service that is down for ten minutes misses nothing; after more than an hour it does. */
static void an_outage_of_ten_minutes_loses_nothing(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    static const struct clock_source source = {.now_ns = later_now, .wall_ns = later_wall};
    clock_replace(&source);
    hub_free(world->hub);
    world->hub = make_hub(world, (struct flood_options){0}, 45 * CLOCK_SECOND);
    struct target_spec target = plain_target(world);
    world->status = 503;
    connect_up(world, &target, false);
    struct notice error = make_notice(&a, "error"), drift = make_notice(&a, "drift");
    post(world, &error);
    post(world, &drift);
    pass(world, 10);
    struct outlet_tally tally = tally_of(world, "Provider/flux-system/plain");
    assert_true(tally.waiting == 2 && !tally.lost && tally.failed >= 10);
    pthread_mutex_lock(&world->lock);
    world->status = 200;
    pthread_mutex_unlock(&world->lock);
    pass(world, 1);
    tally = wait_for(world, "Provider/flux-system/plain", 2);
    assert_true(tally.sent == 2 && !tally.lost);

    pthread_mutex_lock(&world->lock);
    world->status = 503;
    pthread_mutex_unlock(&world->lock);
    error.message = STR("another");
    post(world, &error);
    pass(world, 62);
    tally = tally_of(world, "Provider/flux-system/plain");
    assert_true(tally.lost == 1 && !tally.waiting);
    clock_replace(NULL);
}

static void what_a_human_has_to_help_is_given_up(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct target_spec target = plain_target(world);
    target.secret = STR("missing");
    connect_up(world, &target, false);
    struct notice error = make_notice(&a, "error");
    hub_take(world->hub, &error);
    struct outlet_tally tally = wait_for(world, "Provider/flux-system/plain", 1);
    assert_true(tally.lost == 1 && tally.failed == LIMIT_NOTICE_TRIES);
    assert_non_null(strstr(tally.last_error, "the Secret 'flux-system/missing'"));
}

/* A full queue gives up what is no error first, then the oldest. */
static void a_full_queue_keeps_errors(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    hub_free(world->hub);
    world->hub = make_hub(world, (struct flood_options){0}, 3600 * CLOCK_SECOND);
    struct target_spec target = plain_target(world);
    world->status = 503;
    connect_up(world, &target, false);
    struct notice notice = make_notice(&a, "error");
    notice.metadata = NULL;
    enum { ERRORS = 500 };
    for (int i = 0; i < LIMIT_NOTICE_QUEUE + ERRORS; i++) {
        arena text AUTO(arena_done) = {0};
        notice.severity = i < ERRORS ? NOTICE_ERROR : NOTICE_INFO;
        notice.reason = STR("Tested");
        notice.message = str_printf(&text, "%d", i);
        node *none = node_map(&text);
        notice.metadata = none;
        post(world, &notice);
    }
    struct outlet_tally tally = tally_of(world, "Provider/flux-system/plain");
    assert_true(tally.waiting <= LIMIT_NOTICE_QUEUE + 1);
    uint64_t lost = tally.lost;
    assert_true(lost >= ERRORS - 1);
    assert_non_null(strstr(tally.last_error, "the queue of the Provider is full"));
    pthread_mutex_lock(&world->lock);
    world->status = 200;
    size_t before = world->bodies->count;
    pthread_mutex_unlock(&world->lock);
    target.channel = STR("changed: what waits is sent at once");
    struct order order = {.hub = world->hub, .target = &target};
    loop_call(world->loop, obey, &order);
    wait_for(world, "Provider/flux-system/plain", lost + ERRORS);
    for (int i = 0; i < ERRORS; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"message\":\"%d\"", i);
        assert_true(str_find(body_at(world, before + (size_t)i), str_of(wanted)) > 0);
    }
}

/* What was said last is delivered, sums too; a service that fails is not waited for. */
static void the_end_waits_for_what_is_on_its_way(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    hub_free(world->hub);
    world->hub = make_hub(world, (struct flood_options){5, 3600 * CLOCK_SECOND}, CLOCK_SECOND);
    struct target_spec target = plain_target(world);
    connect_up(world, &target, false);
    struct notice notice = make_notice(&a, "error");
    for (int i = 0; i < 100; i++) {
        notice.message = str_printf(&a, "%d", i);
        hub_take(world->hub, &notice);
    }
    hub_free(world->hub);
    world->hub = make_hub(world, (struct flood_options){0}, CLOCK_SECOND);
    assert_int_equal(world->bodies->count, 6);
    assert_true(str_find(body_at(world, 5), STR("95 more events 'HealthCheckFailed'")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_delivered_over_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(strangers_are_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_repeats_is_no_news, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_survives_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(only_success_ends_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alert_for_errors_gets_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_tried_again_and_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_outage_of_ten_minutes_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_human_has_to_help_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_keeps_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_waits_for_what_is_on_its_way, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
