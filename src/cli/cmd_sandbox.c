/* sandbox: an API server in this process, and the operator on it. Not for production. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/loop.h"
#include "cli/cli.h"
#include "doc/yaml.h"
#include "sandbox/sandbox.h"

struct options {
    int64_t port;
    str kubeconfig_out, tokens_file, audit_log, snapshot;
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
    FLAG(struct options, path, "path", 0, FLAG_STR, .fallback = "./", .value = "folder",
         .help = "folder within the repository"),
    FLAG(struct options, server_only, "server-only", 0, FLAG_BOOL,
         .help = "serve the API alone: neither our kinds nor the operator"),
    FLAG(struct options, no_pods_run, "pods-pending", 0, FLAG_BOOL,
         .help = "pods stay pending, for those who play the kubelet themselves"),
    FLAG(struct options, tokens_file, "tokens", 0, FLAG_STR, .value = "file",
         .help = "lines of token,user,uid,\"groups\"; without it there is one admin"),
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

/* The source and what to make of it, as a user would write them. */
static err *declare(struct cli *cli, const struct options *o)
{
    arena *a = cli->a;
    if (!o->url.len) return NULL;
    TRY(cli_connect(cli));
    str texts[] = {
        str_printf(a,
                   "{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository,"
                   " metadata: {name: sandbox, namespace: flux-system},"
                   " spec: {interval: 1m, url: '" STR_FMT "', ref: {branch: '" STR_FMT "'}}}",
                   STR_ARG(o->url), STR_ARG(o->branch)),
        str_printf(a,
                   "{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization,"
                   " metadata: {name: sandbox, namespace: flux-system},"
                   " spec: {interval: 10m, prune: true, wait: true, path: '" STR_FMT "',"
                   " sourceRef: {kind: GitRepository, name: sandbox}}}",
                   STR_ARG(o->path)),
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        node *object;
        TRY(yaml_parse(a, texts[i], (struct yaml_options){0}, &object));
        struct kube_request request = {
            .verb = KUBE_APPLY, .ref = kube_ref_of(object), .body = object, .force = true};
        TRY(kube_do(cli->kube, a, &request, NULL));
    }
    cli_success("GitRepository and Kustomization 'sandbox' in flux-system converge " STR_FMT,
                STR_ARG(o->url));
    return NULL;
}

static err *operate(struct cli *cli, const struct options *o)
{
    arena *a = cli->a;
    const char *kubeconfig = str_z(a, o->kubeconfig_out);
    const char *install[] = {"install", "--force", "--kubeconfig", kubeconfig};
    TRY(cli_call(install, COUNT(install)));
    cli->globals.kubeconfig = o->kubeconfig_out;
    TRY(declare(cli, o));
    str folder;
    TRY(fs_temp_dir(a, STR("/tmp"), STR("fixpoint-sandbox-"), &folder));
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
                         "--metrics-addr",
                         "0",
                         "--health-addr",
                         "0"};
    err *e = cli_call(run, COUNT(run)), *removed = fs_remove_tree(folder);
    if (!e) return removed;
    err_free(removed);
    return e;
}

static err *serve(struct cli *cli, const struct options *o, struct sandbox *sandbox)
{
    TRY(fs_write(o->kubeconfig_out, sandbox_kubeconfig(cli->a, sandbox), 0600));
    cli_success("API server at https://127.0.0.1:%d, not for production; stop it with Ctrl-C",
                sandbox_port(sandbox));
    cli_action("kubectl --kubeconfig " STR_FMT " get all -A", STR_ARG(o->kubeconfig_out));
    if (o->server_only) {
        struct loop *loop = loop_new();
        err *e = loop_stop_on_signals(loop);
        if (!e) loop_run(loop);
        loop_free(loop);
        return e;
    }
    return operate(cli, o);
}

static err *run(struct cli *cli, const void *options)
{
    const struct options *o = options;
    struct sandbox *sandbox;
    TRY(start(cli, o, &sandbox));
    err *e = serve(cli, o, sandbox), *ended = sandbox_stop(sandbox);
    if (!e) return ended;
    err_free(ended);
    return e;
}

COMMAND(sandbox) = {
    .path = "sandbox",
    .summary = "try fixpoint without a cluster: an API server in this program",
    .help = "Starts an API server on this machine that keeps objects in memory and runs none of\n"
            "them, installs our kinds, runs the operator on it, and converges the given Git\n"
            "repository. kubectl works with the kubeconfig it writes. It is not for production.",
    .examples = "  fixpoint sandbox --repo https://git.example.com/fleet.git --path ./apps",
    COMMAND_FLAGS(flags, struct options),
    .run = run,
    .bare = true,
};
