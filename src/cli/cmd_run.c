#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "cli/cli.h"
#include "control/manager.h"
#include "kube/lease.h"
#include "serve/artifact_server.h"
#include "serve/event_server.h"
#include "serve/hook_server.h"
#include "serve/probe_server.h"
#include "version.h"

#define LEASE_NAME "fixpoint-leader-election"

struct options {
    str storage_path, storage_addr, storage_adv_addr, events_addr, receiver_addr, google_keys_url;
    str metrics_addr, health_addr, runtime_namespace;
    str watch_label_selector, controllers, default_service_account, log_level, log_encoding;
    str ssh_kex_algos, ssh_hostkey_algos;
    bool watch_all_namespaces, leader_election, release_on_cancel, no_cross_namespace_refs,
        no_remote_bases;
    int64_t concurrent, jitter_percent, retention_records;
    int64_t lease_duration_ns, lease_renew_ns, lease_retry_ns;
    int64_t requeue_dependency_ns, min_retry_ns, max_retry_ns, retention_ttl_ns;
    int64_t notice_same_ns, notice_retry_ns, notice_max_retry_ns, flood_window_ns;
    int64_t flood_threshold, notice_rate;
};

static const struct flag flags[] = {
    FLAG(struct options, storage_path, "storage-path", 0, FLAG_STR, .fallback = "/data",
         .env = "STORAGE_PATH", .help = "folder of caches: mirrors, artifacts, unpacked trees"),
    FLAG(struct options, storage_addr, "storage-addr", 0, FLAG_STR, .fallback = ":9090",
         .env = "STORAGE_ADDRESS", .help = "address that serves artifacts"),
    FLAG(struct options, storage_adv_addr, "storage-adv-addr", 0, FLAG_STR,
         .env = "STORAGE_ADV_ADDR", .help = "host[:port] in the URLs of artifacts"),
    FLAG(struct options, events_addr, "events-addr", 0, FLAG_STR, .env = "EVENTS_ADDR",
         .help =
             "address that takes in events by POST; empty: the one of artifacts; 0: none; a URL: "
             "our own events are posted there as well, for a notification-controller elsewhere"),
    FLAG(struct options, notice_same_ns, "rate-limit-interval", 0, FLAG_DURATION, .fallback = "5m",
         .help = "an event that repeats another within that time is dropped"),
    FLAG(struct options, notice_rate, "notification-rate", 0, FLAG_INT, .fallback = "20",
         .help = "deliveries to one Provider per second; 0: no bound"),
    FLAG(struct options, notice_retry_ns, "notification-min-retry-delay", 0, FLAG_DURATION,
         .fallback = "2s", .help = "first delay after a delivery failed; it doubles with each"),
    FLAG(struct options, notice_max_retry_ns, "notification-max-retry-delay", 0, FLAG_DURATION,
         .fallback = "1m", .help = "longest delay after deliveries failed"),
    FLAG(struct options, flood_threshold, "notification-flood-threshold", 0, FLAG_INT,
         .fallback = "20",
         .help = "like events of one Alert within a window that are sent one by one; further ones "
                 "are summed up; 0: all are sent"),
    FLAG(struct options, flood_window_ns, "notification-flood-window", 0, FLAG_DURATION,
         .fallback = "30s", .help = "the window of --notification-flood-threshold"),
    FLAG(struct options, receiver_addr, "receiver-addr", 0, FLAG_STR, .fallback = ":9292",
         .help = "address of webhook receivers; 0 turns them off"),
    FLAG(struct options, google_keys_url, "google-keys-url", 0, FLAG_STR,
         .fallback = "https://www.googleapis.com/oauth2/v3/certs",
         .help = "where the keys are that Receivers of the type gcr verify tokens with"),
    FLAG(struct options, metrics_addr, "metrics-addr", 0, FLAG_STR, .fallback = ":8080",
         .env = "METRICS_ADDR", .help = "address of /metrics; 0 turns it off"),
    FLAG(struct options, health_addr, "health-addr", 0, FLAG_STR, .fallback = ":9440",
         .env = "HEALTH_ADDR", .help = "address of /healthz and /readyz; 0 turns it off"),
    FLAG(struct options, runtime_namespace, "runtime-namespace", 0, FLAG_STR,
         .fallback = "flux-system", .env = "RUNTIME_NAMESPACE",
         .help = "namespace the operator runs in"),
    FLAG(struct options, watch_all_namespaces, "watch-all-namespaces", 0, FLAG_BOOL,
         .fallback = "true", .help = "reconcile objects of every namespace, not just our own"),
    FLAG(struct options, watch_label_selector, "watch-label-selector", 0, FLAG_STR,
         .help = "reconcile only objects with these labels (sharding)"),
    FLAG(struct options, controllers, "controllers", 0, FLAG_STR,
         .help = "names of the controllers to run, separated by commas; empty: all"),
    FLAG(struct options, default_service_account, "default-service-account", 0, FLAG_STR,
         .help = "service account to impersonate where an object names none"),
    FLAG(struct options, no_cross_namespace_refs, "no-cross-namespace-refs", 0, FLAG_BOOL,
         .help = "refuse references to sources of other namespaces"),
    FLAG(struct options, no_remote_bases, "no-remote-bases", 0, FLAG_BOOL,
         .help = "accepted for compatibility: remote bases are always refused"),
    FLAG(struct options, ssh_kex_algos, "ssh-kex-algos", 0, FLAG_STR, .value = "list",
         .help = "key exchange algorithms of Git over SSH, as OpenSSH names them; empty: its own"),
    FLAG(struct options, ssh_hostkey_algos, "ssh-hostkey-algos", 0, FLAG_STR, .value = "list",
         .help = "the same for host keys"),
    FLAG(struct options, concurrent, "concurrent", 0, FLAG_INT, .fallback = "4",
         .help = "objects that are reconciled at a time, for each controller"),
    FLAG(struct options, jitter_percent, "interval-jitter-percentage", 0, FLAG_INT, .fallback = "5",
         .help = "how far an interval may be off, so that not all are due at once"),
    FLAG(struct options, requeue_dependency_ns, "requeue-dependency", 0, FLAG_DURATION,
         .fallback = "30s", .help = "when to look again at a dependency that is not ready"),
    FLAG(struct options, min_retry_ns, "min-retry-delay", 0, FLAG_DURATION, .fallback = "750ms",
         .help = "first delay after a failure; it doubles with each"),
    FLAG(struct options, max_retry_ns, "max-retry-delay", 0, FLAG_DURATION, .fallback = "15m",
         .help = "longest delay after failures"),
    FLAG(struct options, retention_ttl_ns, "artifact-retention-ttl", 0, FLAG_DURATION,
         .fallback = "60s", .help = "how long a superseded artifact is kept"),
    FLAG(struct options, retention_records, "artifact-retention-records", 0, FLAG_INT,
         .fallback = "2", .help = "how many superseded artifacts are kept"),
    FLAG(struct options, leader_election, "enable-leader-election", 0, FLAG_BOOL,
         .help = "work only while we hold the lease " LEASE_NAME),
    FLAG(struct options, lease_duration_ns, "leader-election-lease-duration", 0, FLAG_DURATION,
         .fallback = "35s", .help = "how long a lease that is not renewed is respected"),
    FLAG(struct options, lease_renew_ns, "leader-election-renew-deadline", 0, FLAG_DURATION,
         .fallback = "30s", .help = "how long the leader tries to renew before it gives up"),
    FLAG(struct options, lease_retry_ns, "leader-election-retry-period", 0, FLAG_DURATION,
         .fallback = "5s", .help = "how often the lease is tried"),
    FLAG(struct options, release_on_cancel, "leader-election-release-on-cancel", 0, FLAG_BOOL,
         .fallback = "true",
         .help = "accepted for compatibility: the lease is always given up at the end"),
    FLAG(struct options, log_level, "log-level", 0, FLAG_STR, .fallback = "info",
         .help = "trace, debug, info or error"),
    FLAG(struct options, log_encoding, "log-encoding", 0, FLAG_STR, .fallback = "json",
         .help = "json or console"),
};

/* The process: what was started, in the order of starting. */
struct process {
    struct cli *cli;
    const struct options *options;
    struct loop *loop;
    struct kube *kube;
    struct manager *manager;
    struct artifact_server artifact_server;
    struct httpd *artifacts, *events;
    struct hook_server *hooks;
    struct probe_server *metrics, *health;
    struct lease *lease;
    bool lost, ending;
};

static bool is_url(str address)
{
    return str_starts(address, STR("http://")) || str_starts(address, STR("https://"));
}

static struct manager_options manager_options(const struct process *process)
{
    const struct options *o = process->options;
    return (struct manager_options){
        .namespace = o->watch_all_namespaces ? (str){0} : o->runtime_namespace,
        .runtime_namespace = o->runtime_namespace,
        .storage_path = o->storage_path,
        .advertised_address = o->storage_adv_addr,
        .watch_label_selector = o->watch_label_selector,
        .controllers = o->controllers,
        .default_service_account = o->default_service_account,
        .ssh_kex_algorithms = o->ssh_kex_algos,
        .ssh_host_key_algorithms = o->ssh_hostkey_algos,
        .concurrent = (int)o->concurrent,
        .jitter_percent = (int)o->jitter_percent,
        .requeue_dependency_ns = o->requeue_dependency_ns,
        .retry_first_ns = o->min_retry_ns,
        .retry_last_ns = o->max_retry_ns,
        .retention_records = (int)o->retention_records,
        .retention_ttl_ns = o->retention_ttl_ns,
        .no_cross_namespace_refs = o->no_cross_namespace_refs,
        .no_remote_bases = o->no_remote_bases,
        .notices =
            {
                .same_ns = o->notice_same_ns,
                .retry_first_ns = o->notice_retry_ns,
                .retry_last_ns = o->notice_max_retry_ns,
                .flood_window_ns = o->flood_window_ns,
                .flood_threshold = (int)o->flood_threshold,
                .rate = (int)o->notice_rate,
                .forward = is_url(o->events_addr) ? o->events_addr : (str){0},
            },
    };
}

/* It becomes a line of ssh's configuration. */
static err *check_algorithms(const char *flag, str list)
{
    for (size_t i = 0; i < list.len; i++) {
        char c = list.data[i], lower = c | 0x20;
        bool fits =
            (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-.@,_", c));
        if (!fits)
            return err_invalid("--%s: names of algorithms, separated by commas, have no '%c'", flag,
                               c);
    }
    return NULL;
}

static err *check_options(const struct options *o)
{
    TRY(check_algorithms("ssh-kex-algos", o->ssh_kex_algos));
    TRY(check_algorithms("ssh-hostkey-algos", o->ssh_hostkey_algos));
    if (!log_set_level(o->log_level)) {
        return err_invalid("--log-level: '" STR_FMT "' is none of trace, debug, info, error",
                           STR_ARG(o->log_level));
    }
    if (!log_set_encoding(o->log_encoding)) {
        return err_invalid("--log-encoding: '" STR_FMT "' is neither json nor console",
                           STR_ARG(o->log_encoding));
    }
    if (o->concurrent < 1 || o->concurrent > 256) return err_invalid("--concurrent: 1 to 256");
    if (o->jitter_percent < 0 || o->jitter_percent > 99) {
        return err_invalid("--interval-jitter-percentage: 0 to 99");
    }
    if (o->notice_rate < 0 || o->notice_rate > 100000)
        return err_invalid("--notification-rate: 0 to 100000");
    if (o->flood_threshold < 0 || o->flood_threshold > 100000)
        return err_invalid("--notification-flood-threshold: 0 to 100000");
    if (o->notice_retry_ns <= 0 || o->notice_max_retry_ns < o->notice_retry_ns)
        return err_invalid("--notification-min-retry-delay: above 0, and not above "
                           "--notification-max-retry-delay");
    if (o->lease_retry_ns >= o->lease_renew_ns || o->lease_renew_ns >= o->lease_duration_ns) {
        return err_invalid("leader election needs retry period < renew deadline < lease duration");
    }
    if (o->default_service_account.len) {
        return err_invalid(
            "--default-service-account is not supported by this version of fixpoint");
    }
    return NULL;
}

/* What others reach our artifacts under: the flag, else what we listen on. */
static str advertised(struct cli *cli, const struct options *o)
{
    str host, port;
    if (o->storage_adv_addr.len) return o->storage_adv_addr;
    if (!str_cut_last(o->storage_addr, ':', &host, &port)) return o->storage_addr;
    if (!host.len) host = STR("localhost");
    const char *hostname = getenv("HOSTNAME");
    if (str_is(host, "0.0.0.0") && hostname) host = str_of(hostname);
    return str_printf(cli->a, STR_FMT ":" STR_FMT, STR_ARG(host), STR_ARG(port));
}

static bool is_ready(void *context)
{
    const struct process *process = context;
    return !process->options->leader_election || process->lease;
}

static bool is_off(str address)
{
    return !address.len || str_is(address, "0");
}

static err *start_probes(struct process *process)
{
    const struct options *o = process->options;
    struct probe_options health = {
        .address = o->health_addr, .is_ready = is_ready, .context = process};
    struct probe_options metrics = {.address = o->metrics_addr, .metrics = true};
    if (!is_off(o->health_addr)) {
        err *e = probe_server_start(process->loop, health, &process->health);
        if (e) return err_wrap(e, "--health-addr");
    }
    if (!is_off(o->metrics_addr)) {
        err *e = probe_server_start(process->loop, metrics, &process->metrics);
        if (e) return err_wrap(e, "--metrics-addr");
    }
    return NULL;
}

/* Artifacts and events, on one listener where they have one address. */
static err *start_servers(struct process *process)
{
    const struct options *o = process->options;
    bool takes = manager_runs(process->manager, STR("Alert"));
    bool shared =
        !o->events_addr.len || str_eq(o->events_addr, o->storage_addr) || is_url(o->events_addr);
    process->artifact_server = (struct artifact_server){
        .artifacts = manager_artifacts(process->manager),
        .address = o->storage_addr,
        .post = takes && shared ? event_server_handle : NULL,
        .post_context = process->manager,
        .post_limit = EVENT_SERVER_BODY_BYTES,
    };
    err *e = artifact_server_start(process->loop, &process->artifact_server, &process->artifacts);
    if (e) return err_wrap(e, "--storage-addr");
    if (!takes || shared || is_off(o->events_addr)) return NULL;
    e = event_server_start(process->loop, process->manager, o->events_addr, &process->events);
    return e ? err_wrap(e, "--events-addr") : NULL;
}

static err *start_hooks(struct process *process)
{
    const struct options *o = process->options;
    struct hook_options options = {o->receiver_addr, o->google_keys_url};
    if (is_off(o->receiver_addr)) return NULL;
    err *e = hook_server_start(process->loop, process->manager, options, &process->hooks);
    return e ? err_wrap(e, "--receiver-addr") : NULL;
}

static void on_acquired(void *context)
{
    struct process *process = context;
    if (process->ending) return; /* the lease is given up again in a moment */
    log_info("became the leader", LOG_STR("lease", STR(LEASE_NAME)));
    manager_start(process->manager);
}

/* compat: like the controllers of Flux, we end and are started again, so that nothing of the old
 * leadership is left. */
static void on_lost(void *context, str holder)
{
    struct process *process = context;
    if (process->ending) return; /* who ends needs the loop to the last */
    log_error("lost the lease: ending at once", LOG_STR("holder", holder));
    process->lost = true;
    loop_stop(process->loop);
}

static const struct lease_events lease_events = {on_acquired, on_lost};

static str identity(struct cli *cli)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    str unique = rand_uuid(cli->a);
    return str_printf(cli->a, "%s_" STR_FMT, host, STR_ARG(unique));
}

static err *start(struct process *process)
{
    struct cli *cli = process->cli;
    const struct options *o = process->options;
    struct kubeconfig config;
    TRY(kubeconfig_default(cli->a, cli->globals.kubeconfig, cli->globals.context, &config));
    TRY(kube_new(process->loop, &config,
                 (struct kube_options){.field_manager = STR("kustomize-controller"),
                                       .user_agent = STR("fixpoint/" FIXPOINT_VERSION)},
                 &process->kube));
    struct manager_options options = manager_options(process);
    options.advertised_address = advertised(cli, o);
    TRY(manager_new(process->loop, process->kube, options, &process->manager));
    TRY(start_servers(process));
    TRY(start_hooks(process));
    TRY(start_probes(process));
    if (!o->leader_election) {
        manager_start(process->manager);
        return NULL;
    }
    process->lease = lease_start(process->kube,
                                 (struct lease_options){.namespace = o->runtime_namespace,
                                                        .name = STR(LEASE_NAME),
                                                        .identity = identity(cli),
                                                        .duration_ns = o->lease_duration_ns,
                                                        .renew_ns = o->lease_renew_ns,
                                                        .retry_ns = o->lease_retry_ns},
                                 &lease_events, process);
    return NULL;
}

/* Ending waits for answers that the loop brings: it has to run meanwhile, on another thread. */
static void end(struct process *process)
{
    if (process->manager) manager_stop(process->manager);
    if (process->lease) lease_stop(process->lease);
    hook_server_free(process->hooks);
    manager_free(process->manager);
    kube_free(process->kube);
}

static err *run(struct cli *cli, const void *options)
{
    struct process process = {.cli = cli, .options = options};
    TRY(check_options(options));
    process.loop = loop_new();
    TRY(loop_stop_on_signals(process.loop));
    err *e = start(&process);
    if (!e) {
        log_info("started", LOG_STR("version", STR(FIXPOINT_VERSION)));
        loop_run(process.loop);
        log_info("stopping");
    }
    probe_server_stop(process.health);
    probe_server_stop(process.metrics);
    if (process.artifacts) httpd_stop(process.artifacts);
    if (process.events) httpd_stop(process.events);
    hook_server_stop(process.hooks);
    process.ending = true;
    loop_start(process.loop);
    end(&process);
    loop_join(process.loop);
    loop_free(process.loop);
    if (process.lost) cli->exit_code = 1;
    return e;
}

COMMAND(run) = {
    .path = "run",
    .summary = "run the operator",
    .help =
        "Watches GitRepository and Kustomization objects and makes the cluster what Git says, "
        "until\n"
        "there are no more diffs. Connects with --kubeconfig, else $KUBECONFIG, else the service\n"
        "account of its pod.",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
};
