/* sandbox: an API server in this process, and the operator on it. Not for production. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "cli/local_source.h"
#include "sandbox/fault.h"
#include "sandbox/sandbox.h"

struct options {
    int64_t port;
    str kubeconfig_out, tokens_file, audit_log, snapshot, faults;
    str url, branch, path;
    bool server_only, no_pods_run;
};

static const struct flag flags[] = {
    FLAG(struct options, port, "port", 0, FLAG_INT, .fallback = "0",
         .help = "port of the API server; 0: any that is free"),
    FLAG(struct options, kubeconfig_out, "write-kubeconfig", 0, FLAG_STR, .value = "file",
         .fallback = "sandbox.kubeconfig", .help = "where the kubeconfig of an admin goes"),
    FLAG(struct options, snapshot, "snapshot", 0, FLAG_STR, .value = "file",
         .help = "read all objects from this file, and write them to it at the end"),
    FLAG(struct options, url, "repo", 0, FLAG_STR, .value = "url",
         .help = "converge this Git repository"),
    FLAG(struct options, branch, "branch", 0, FLAG_STR, .fallback = "main",
         .help = "branch of the repository"),
    FLAG(struct options, path, "path", 0, FLAG_STR, .value = "folder",
         .help = "converge this folder of the machine, and again when its files change; with "
                 "--repo: folder within the repository (default ./)"),
    FLAG(struct options, server_only, "server-only", 0, FLAG_BOOL,
         .help = "serve the API alone: neither our kinds nor the operator"),
    FLAG(struct options, no_pods_run, "pods-pending", 0, FLAG_BOOL,
         .help = "pods stay pending, for those who play the kubelet themselves"),
    FLAG(struct options, tokens_file, "tokens", 0, FLAG_STR, .value = "file",
         .help = "lines of token,user,uid,\"groups\"; without it there is one admin"),
    FLAG(struct options, faults, "fault", 0, FLAG_STR, .value = "rules",
         .help = "faults that the API server makes on purpose once all is installed"),
    FLAG(struct options, audit_log, "audit-log", 0, FLAG_STR, .value = "file",
         .help = "log of requests"),
};

static err *start(struct cli *cli, const struct options *o, struct sandbox **out)
{
    enum { TOKENS_MAX = 1024 * 1024 };
    str tokens = {0};
    if (o->port < 0 || o->port > 65535) return err_invalid("--port: 0 to 65535");
    if (o->tokens_file.len) TRY(fs_read(cli->a, o->tokens_file, TOKENS_MAX, &tokens));
    struct sandbox_options options = {
        .address = str_printf(cli->a, "127.0.0.1:%d", (int)o->port),
        .tokens = tokens,
        .audit_path = o->audit_log,
        .snapshot = o->snapshot,
        .no_pods_run = o->no_pods_run,
    };
    return sandbox_start(options, out);
}

/* A port that was free just now; 0 when there is none. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return 0;
    bool bound = bind(fd, (struct sockaddr *)&address, len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    close(fd);
    return bound ? ntohs(address.sin_port) : 0;
}

/* The object of our kinds with that spec, as a user would write it. */
static err *apply(struct cli *cli, const char *group, const char *kind, node *spec)
{
    arena *a = cli->a;
    node *object = node_map(a), *metadata = node_make_map(a, object, STR("metadata"));
    node_set_str(a, object, STR("apiVersion"), str_printf(a, "%s.toolkit.fluxcd.io/v1", group));
    node_set_str(a, object, STR("kind"), str_of(kind));
    node_set_str(a, metadata, STR("name"), STR("sandbox"));
    node_set_str(a, metadata, STR("namespace"), STR("flux-system"));
    node_set(a, object, STR("spec"), spec);
    struct kube_request request = {
        .verb = KUBE_APPLY, .ref = kube_ref_of(object), .body = object, .force = true};
    return kube_do(cli->kube, a, &request, NULL);
}

static err *apply_source(struct cli *cli, const struct options *o)
{
    arena *a = cli->a;
    node *spec = node_map(a);
    node_set_str(a, spec, STR("interval"), STR("1m"));
    node_set_str(a, spec, STR("url"), o->url);
    node_set_str(a, node_make_map(a, spec, STR("ref")), STR("branch"), o->branch);
    return apply(cli, "source", "GitRepository", spec);
}

/* The source and what to make of it. */
static err *declare(struct cli *cli, const struct options *o, struct local_source *local)
{
    arena *a = cli->a;
    if (!o->url.len && !local) return NULL;
    TRY(cli_connect(cli));
    TRY(local ? local_source_declare(local, a, cli->kube, STR("sandbox")) : apply_source(cli, o));
    node *spec = node_map(a), *source = node_make_map(a, spec, STR("sourceRef"));
    str path = local ? local_source_path(local) : o->path.len ? o->path : STR("./");
    node_set_str(a, spec, STR("interval"), STR("10m"));
    node_set_bool(a, spec, STR("prune"), true);
    node_set_bool(a, spec, STR("wait"), true);
    node_set_str(a, spec, STR("path"), path);
    node_set_str(a, source, STR("kind"), STR("GitRepository"));
    node_set_str(a, source, STR("name"), STR("sandbox"));
    TRY(apply(cli, "kustomize", "Kustomization", spec));
    str what = local ? local_source_folder(local) : o->url;
    cli_success("GitRepository and Kustomization 'sandbox' in flux-system converge " STR_FMT
                " of '" STR_FMT "'",
                STR_ARG(path), STR_ARG(what));
    return NULL;
}

static err *operate(struct cli *cli, const struct options *o, struct local_source *local,
                    struct sandbox *sandbox)
{
    arena *a = cli->a;
    const char *kubeconfig = str_z(a, o->kubeconfig_out);
    const char *install[] = {"install", "--force", "--kubeconfig", kubeconfig};
    TRY(cli_call(install, COUNT(install)));
    cli->globals.kubeconfig = o->kubeconfig_out;
    TRY(declare(cli, o, local));
    TRY(sandbox_make_faults(sandbox, o->faults));
    str folder;
    TRY(fs_temp_dir(a, (str){0}, STR("fixpoint-sandbox-"), &folder));
    const char *address = str_z(a, str_printf(a, "127.0.0.1:%d", free_port()));
    const char *run[] = {"run",
                         "--kubeconfig",
                         kubeconfig,
                         "--storage-path",
                         str_z(a, folder),
                         "--storage-addr",
                         address,
                         "--storage-adv-addr",
                         address,
                         "--receiver-addr",
                         "0",
                         "--metrics-addr",
                         "0",
                         "--health-addr",
                         "0"};
    err *e = cli_call(run, COUNT(run)), *removed = fs_remove_tree(folder);
    if (!e) return removed;
    err_free(removed);
    return e;
}

static err *serve(struct cli *cli, const struct options *o, struct local_source *local,
                  struct sandbox *sandbox)
{
    cli_success("API server at https://127.0.0.1:%d, not for production; stop it with Ctrl-C",
                sandbox_port(sandbox));
    cli_action("kubectl --kubeconfig " STR_FMT " get all -A", STR_ARG(o->kubeconfig_out));
    if (o->server_only) {
        TRY(sandbox_make_faults(sandbox, o->faults));
        struct loop *loop = loop_new();
        err *e = loop_stop_on_signals(loop);
        if (!e) loop_run(loop);
        loop_free(loop);
        return e;
    }
    return operate(cli, o, local, sandbox);
}

static err *first_of(err *first, err *second)
{
    if (!first) return second;
    err_free(second);
    return first;
}

/* One that a sandbox left behind is written over, somebody's own is not. */
static err *check_kubeconfig(struct cli *cli, const struct options *o)
{
    static const char head[] = "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\n";
    str text = {0};
    err *e = fs_read(cli->a, o->kubeconfig_out, LIMIT_KUBECONFIG_BYTES, &text);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (!e && str_starts(text, str_of(head))) return NULL;
    err_free(e);
    return err_invalid("--write-kubeconfig: '" STR_FMT "' is there and no sandbox's: it would be "
                       "lost, give another name",
                       STR_ARG(o->kubeconfig_out));
}

/* The kubeconfig is of no use to anybody after that. */
static err *offer(struct cli *cli, const struct options *o, struct local_source *local,
                  struct sandbox *sandbox)
{
    TRY(fs_write(o->kubeconfig_out, sandbox_kubeconfig(cli->a, sandbox), 0600));
    err *e = serve(cli, o, local, sandbox);
    return first_of(e, fs_remove(o->kubeconfig_out));
}

/* What each of --repo and --path names. */
static err *check_source(const struct options *o)
{
    bool here = str_starts(o->url, STR("/")) || str_starts(o->url, STR(".")) ||
                str_starts(o->url, STR("file:"));
    if (o->url.len && (here || fs_exists(o->url)))
        return err_invalid("--repo: '" STR_FMT "' is on this machine: give the folder with --path "
                           "instead, which converges its files as they are",
                           STR_ARG(o->url));
    if (o->server_only && (o->url.len || o->path.len))
        return err_invalid("--server-only runs no operator: --repo and --path need one");
    return NULL;
}

static err *run(struct cli *cli, const void *options)
{
    const struct options *o = options;
    struct fault_rules rules;
    struct local_source *local = NULL;
    struct sandbox *sandbox = NULL;
    TRY(check_source(o));
    TRY(check_kubeconfig(cli, o));
    err *unfit = fault_parse(cli->a, o->faults, &rules);
    if (unfit) return err_wrap(unfit, "--fault");
    loop_hold_signals();
    if (o->path.len && !o->url.len) TRY(local_source_start(cli->a, o->path, &local));
    err *e = start(cli, o, &sandbox);
    if (!e) e = offer(cli, o, local, sandbox);
    e = first_of(e, local_source_stop(local));
    if (sandbox) e = first_of(e, sandbox_stop(sandbox));
    return e;
}

COMMAND(sandbox) = {
    .path = "sandbox",
    .summary = "try fixpoint without a cluster: an API server in this program",
    .help = "Starts an API server on this machine that keeps objects in memory and runs none of\n"
            "them, installs our kinds, runs the operator on it, and converges the given Git\n"
            "repository, or a folder of this machine, which need not be under Git: its files as\n"
            "they are, at each change. The work tree around a folder comes along, for what the\n"
            "folder refers to. kubectl works with the kubeconfig it writes, until the sandbox\n"
            "ends; all else is in temporary folders. It is not for production.\n\n"
            "--fault takes rules separated by ';', each of words separated by ',': what happens\n"
            "(status=503, lost, delay=2s; of watches cut=30s, expired), how often (rate=0.1), and\n"
            "to which requests (verb=patch, resource=deployments, user=admin). lost: done, but\n"
            "the connection breaks before the answer. expired: told that the version is too old.",
    .examples = "  fixpoint sandbox --path ./apps/staging\n"
                "  fixpoint sandbox --path . --snapshot try.json\n"
                "  fixpoint sandbox --path . --fault 'status=429,rate=0.2; cut=30s'\n"
                "  fixpoint sandbox --repo https://git.example.com/fleet.git --path ./apps",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
    .bare = true,
};
