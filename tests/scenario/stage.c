#include "scenario/stage.h"

#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/cli.h"
#include "scenario/baton.h"
#include "scenario/depot.h"

enum { GROUP_API = 1, GROUP_GIT, GROUP_FIRST_OPERATOR, START_NS = 10000000 };

struct operator
{
    int group; /* of this run; 0: it never ran */
    bool runs, full;
    int kill_at;
    int starts;
};

static arena memory;
static struct {
    str folder, snapshot, kubeconfig;
    struct sandbox *sandbox;
    bool ready;
    struct loop *loop;
    struct kube *kube;
    struct operator operators[STAGE_OPERATORS];
    struct wire_weather weather;
    int groups;
    struct loop *loops[BATON_GROUPS]; /* of the operators, for a signal */
} stage;

err *__wrap_loop_stop_on_signals(struct loop *loop);
err *__wrap_loop_stop_on_signals(struct loop *loop)
{
    stage.loops[baton_group()] = loop;
    return NULL;
}

/* ---- The API server, the user ---- */

static void serve_api(void *context)
{
    (void)context;
    struct sandbox_options options = {
        .address = STR("127.0.0.1:6443"),
        .tokens = STR("admin-token,admin,1,\"system:masters\"\n"
                      "user-token,user,2,\"system:masters\"\n"),
        .snapshot = stage.snapshot,
    };
    err *e = sandbox_start(options, &stage.sandbox);
    if (e) lang_must(e->message, "the sandbox", 0);
    stage.ready = true;
}

static void start_api(void)
{
    baton_spawn(GROUP_API, serve_api, NULL);
    while (!stage.ready)
        clock_sleep(START_NS);
    stage.kubeconfig = fs_join(&memory, stage.folder, STR("kubeconfig"));
    err *e = fs_write(stage.kubeconfig, sandbox_kubeconfig(&memory, stage.sandbox), 0600);
    must(!e);
}

void stage_start(str folder, str snapshot)
{
    stage.folder = str_dup(&memory, folder);
    stage.snapshot = str_dup(&memory, snapshot);
    stage.groups = GROUP_FIRST_OPERATOR;
    start_api();
    depot_start(GROUP_GIT, STAGE_GIT_PORT);
    struct kubeconfig config;
    err *e = kubeconfig_load(&memory, stage.kubeconfig, (str){0}, &config);
    must(!e);
    config.token = STR("user-token");
    stage.loop = loop_new();
    e = kube_new(
        stage.loop, &config,
        (struct kube_options){.field_manager = STR("kubectl"), .user_agent = STR("kubectl")},
        &stage.kube);
    must(!e);
    loop_start(stage.loop);
}

void stage_furnish(str folder, str snapshot)
{
    stage.folder = str_dup(&memory, folder);
    stage.snapshot = str_dup(&memory, snapshot);
    start_api();
    const char *install[] = {"install", "--force", "--kubeconfig",
                             str_z(&memory, stage.kubeconfig)};
    err *e = cli_call(install, COUNT(install));
    if (!e) e = sandbox_stop(stage.sandbox);
    if (e) lang_must(e->message, "install", 0);
}

struct sandbox *stage_sandbox(void)
{
    return stage.sandbox;
}

struct kube *stage_kube(void)
{
    return stage.kube;
}

/* ---- Operators ---- */

static struct operator* operator_of_group(int group)
{
    for (int i = 0; i < STAGE_OPERATORS; i++) {
        if (group && stage.operators[i].group == group) return &stage.operators[i];
    }
    return NULL;
}

static void kill_operator(struct operator* operator)
{
    operator->runs = false;
    operator->kill_at = 0;
    stage.loops[operator->group] = NULL;
    wire_cut(operator->group);
    baton_kill(operator->group);
}

static void before_io(int group)
{
    struct operator* operator= operator_of_group(group);
    if (operator&& operator->kill_at && -- operator->kill_at == 0) kill_operator(operator);
}

static bool disk_is_full(int group)
{
    struct operator* operator= operator_of_group(group);
    return operator&& operator->full;
}

static str folder_of(int which)
{
    return str_printf(&memory, STR_FMT "/data-%d", STR_ARG(stage.folder), which);
}

static void operate(void *context)
{
    struct operator* operator= context;
    arena a AUTO(arena_done) = {0};
    int which = (int)(operator- stage.operators);
    char *storage = str_z(&a, folder_of(which));
    char *address = str_z(&a, str_printf(&a, "127.0.0.1:%d", 9090 + which));
    char *kubeconfig = str_z(&a, stage.kubeconfig);
    const char *run[] = {"run",
                         "--kubeconfig",
                         kubeconfig,
                         "--storage-path",
                         storage,
                         "--storage-addr",
                         address,
                         "--storage-adv-addr",
                         address,
                         "--receiver-addr",
                         "0",
                         "--metrics-addr",
                         "0",
                         "--health-addr",
                         "0",
                         "--concurrent",
                         "2",
                         "--enable-leader-election",
                         "--interval-jitter-percentage",
                         "0",
                         "--max-retry-delay",
                         "1m"};
    err *e = cli_call(run, COUNT(run));
    err_free(e); /* the lease was lost, or it was stopped: it may be started again */
    operator->runs = false;
    stage.loops[operator->group] = NULL;
    wire_cut(operator->group);
}

void stage_operator_start(int which)
{
    struct operator* operator= & stage.operators[which];
    must(!operator->runs && stage.groups<BATON_GROUPS);
    baton_before_io = before_io;
    baton_disk_is_full = disk_is_full;
    operator->group = stage.groups++;
    operator->runs = true;
    operator->kill_at = 0;
    wire_weather_set(operator->group, stage.weather);
    baton_spawn(operator->group, operate, operator);
}

bool stage_operator_runs(int which)
{
    return stage.operators[which].runs;
}

void stage_operator_stop(int which)
{
    struct operator* operator= & stage.operators[which];
    if (!operator->runs) return;
    struct loop *loop = stage.loops[operator->group];
    if (!loop) {
        kill_operator(operator);
        return;
    }
    loop_stop(loop);
    baton_wait(operator->group);
}

void stage_operator_kill(int which)
{
    if (stage.operators[which].runs) kill_operator(&stage.operators[which]);
}

void stage_operator_kill_at(int which, int io)
{
    stage.operators[which].kill_at = io;
}

void stage_operator_forget(int which)
{
    must(!stage.operators[which].runs);
    err *e = fs_remove_tree(folder_of(which));
    must(!e);
}

int stage_operator_group(int which)
{
    return stage.operators[which].group;
}

void stage_disk_full(int which, bool full)
{
    stage.operators[which].full = full;
}

void stage_weather(struct wire_weather weather)
{
    stage.weather = weather;
    for (int i = 0; i < STAGE_OPERATORS; i++) {
        if (stage.operators[i].runs) wire_weather_set(stage.operators[i].group, weather);
    }
}

void stage_faults(str rules)
{
    err *e = sandbox_make_faults(stage.sandbox, rules);
    if (e) lang_must(e->message, "faults", 0);
}
