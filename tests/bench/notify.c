/*
 * How fast events reach people. Usage: notify EVENTS FLOOD; sends that many
 * events, of as many objects in ten namespaces, through 20 Alerts to 10
 * Providers, which are listeners of another process. Each event matches two
 * Alerts. FLOOD is the number of like events that go out by themselves; 0: all.
 * Prints "DELIVERIES SECONDS REQUESTS ARRIVED LOST KIB": what was to be
 * delivered, how long that took, how many requests it took, what they stood
 * for, what was lost, and the memory that was needed at most above the start.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "doc/json.h"
#include "net/httpd.h"
#include "notify/hub.h"

enum { PROVIDERS = 10, ALERTS = 20, NAMESPACES = 10, WINDOW_SECONDS = 2 };

/* Between the two processes. */
struct shared {
    _Atomic int ports[PROVIDERS];
    _Atomic uint64_t requests, arrived;
    _Atomic bool ready;
};

/* ---- the services ---- */

static void handle(void *context, arena *a, const struct httpd_request *request,
                   struct httpd_answer *answer)
{
    struct shared *shared = context;
    node *event;
    must(!json_parse(a, request->body, (struct json_options){0}, &event));
    int64_t count = 1;
    str sum = node_find_str(event, "metadata", "events", NULL);
    if (sum.len) must(str_to_int(sum, &count));
    shared->requests++;
    shared->arrived += (uint64_t)count;
    answer->status = 200;
}

static void serve(struct shared *shared)
{
    struct loop *loop = loop_new();
    for (int i = 0; i < PROVIDERS; i++) {
        struct httpd *httpd;
        struct httpd_options options = {
            .address = STR("127.0.0.1:0"),
            .body_limit = 1024 * 1024,
            .handler = handle,
            .context = shared,
        };
        must(!httpd_start(loop, options, &httpd));
        shared->ports[i] = httpd_port(httpd);
    }
    shared->ready = true;
    loop_run(loop);
}

/* ---- the hub ---- */

struct fixture {
    struct hub *hub;
    const struct shared *shared;
};

static void configure(void *context)
{
    struct fixture *fixture = context;
    arena a AUTO(arena_done) = {0};
    for (int i = 0; i < PROVIDERS; i++) {
        struct target_spec target = {
            .namespace = STR("flux-system"),
            .name = str_printf(&a, "provider-%d", i),
            .type = STR("generic"),
            .address = str_printf(&a, "http://127.0.0.1:%d/", fixture->shared->ports[i]),
        };
        hub_put_provider(fixture->hub, &target);
    }
    for (int i = 0; i < ALERTS; i++) {
        const struct rule_source source = {
            .kind = STR("Kustomization"),
            .name = STR("*"),
            .namespace = str_printf(&a, "ns-%d", i % NAMESPACES),
        };
        const str exclusion = STR("waiting for (socket|dependency)");
        struct rule_spec rule = {
            .namespace = STR("flux-system"),
            .name = str_printf(&a, "alert-%d", i),
            .provider = str_printf(&a, "provider-%d", i / (ALERTS / PROVIDERS)),
            .sources = &source,
            .source_count = 1,
            .exclusions = &exclusion,
            .exclusion_count = 1,
        };
        hub_put_alert(fixture->hub, &rule);
    }
}

static const node *labels(void *context, arena *a, const struct kube_ref *ref)
{
    (void)context, (void)a, (void)ref;
    return NULL;
}

static void changed(void *context, str key)
{
    (void)context, (void)key;
}

static void report(void *context, const struct rule *rule, const char *reason, str message)
{
    (void)context, (void)rule;
    fprintf(stderr, "%s: " STR_FMT "\n", reason, STR_ARG(message));
}

static void send_all(struct hub *hub, int events)
{
    for (int i = 0; i < events; i++) {
        arena a AUTO(arena_done) = {0};
        node *metadata = node_map(&a);
        node_set_str(&a, metadata, STR("kustomize.toolkit.fluxcd.io/revision"),
                     STR("main@sha1:1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"));
        hub_take(
            hub,
            &(struct notice){
                .about = {{STR("kustomize.toolkit.fluxcd.io"), STR("v1"), STR("Kustomization")},
                          str_printf(&a, "ns-%d", i % NAMESPACES),
                          str_printf(&a, "app-%d", i)},
                .severity = NOTICE_ERROR,
                .wall_ns = clock_wall_ns(),
                .message = str_printf(&a, "health check failed: Deployment/web/app-%d", i),
                .reason = STR("HealthCheckFailed"),
                .controller = STR("kustomize-controller"),
                .metadata = metadata,
            });
    }
}

static uint64_t lost(struct hub *hub)
{
    uint64_t count = 0;
    for (int i = 0; i < ALERTS; i++) {
        arena a AUTO(arena_done) = {0};
        struct outlet_tally tally;
        must(hub_tally(hub, str_printf(&a, "Alert/flux-system/alert-%d", i), &tally));
        count += tally.lost;
    }
    return count;
}

static long peak_kib(void)
{
    struct rusage usage;
    must(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_maxrss;
}

static void measure(const struct shared *shared, int events, int threshold)
{
    struct loop *loop = loop_new();
    loop_start(loop);
    struct kubeconfig config = {.server = STR("http://127.0.0.1:1")};
    struct kube *kube;
    must(!kube_new(loop, &config, (struct kube_options){0}, &kube));
    struct fixture fixture = {.shared = shared};
    fixture.hub = hub_new((struct hub_options){
        .loop = loop,
        .kube = kube,
        .same_ns = 300 * CLOCK_SECOND,
        .retry_first_ns = CLOCK_SECOND,
        .retry_last_ns = CLOCK_SECOND,
        .flood = {threshold, WINDOW_SECONDS * CLOCK_SECOND},
        .labels = labels,
        .changed = changed,
        .report = report,
    });
    loop_call(loop, configure, &fixture);
    long before_kib = peak_kib();
    int64_t begun_ns = clock_now_ns();
    uint64_t wanted = (uint64_t)events * (ALERTS / NAMESPACES), missing = 0;
    send_all(fixture.hub, events);
    while (shared->arrived + missing < wanted) {
        usleep(10000);
        missing = lost(fixture.hub);
        if (clock_now_ns() - begun_ns > 300 * CLOCK_SECOND) break;
    }
    double seconds = (double)(clock_now_ns() - begun_ns) / 1e9;
    printf("%lu %.2f %lu %lu %lu %ld\n", wanted, seconds, shared->requests, shared->arrived,
           wanted - shared->arrived, peak_kib() - before_kib);
    hub_free(fixture.hub);
    kube_free(kube);
    loop_join(loop);
    loop_free(loop);
}

int main(int argc, char **argv)
{
    int64_t events, threshold;
    must(argc == 3 && str_to_int(str_of(argv[1]), &events) &&
         str_to_int(str_of(argv[2]), &threshold));
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED);
    pid_t child = fork();
    if (child == 0) serve(shared);
    while (!shared->ready)
        usleep(1000);
    measure(shared, (int)events, (int)threshold);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
