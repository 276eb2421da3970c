#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/rand.h"
#include "doc/json.h"
#include "net/cert.h"
#include "sandbox/cronjobs.h"
#include "sandbox/endpoints.h"
#include "sandbox/garbage.h"
#include "sandbox/sandbox_api.h"
#include "sandbox/snapshot.h"
#include "sandbox/workloads.h"
#include "sandbox/write.h"

struct sandbox {
    arena arena, faults;
    struct sandbox_options options;
    struct loop *loop;
    struct world world;
    struct sandbox_api api;
    struct sandbox_api_user *users;
    size_t user_count, user_room;
    str cert_pem, key_pem;
    struct garbage *garbage;
    struct workloads *workloads;
    struct cronjobs *cronjobs; /* NULL, like endpoints: as where no such controller runs */
    struct endpoints *endpoints;
    struct httpd *httpd;
    err *error;
};

static err *read_users(struct sandbox *sandbox)
{
    arena *a = &sandbox->arena;
    str rest = sandbox->options.tokens, line;
    while (str_next_line(&rest, &line)) {
        str token, name, uid, groups;
        if (!line.len) continue;
        if (!str_cut(line, ',', &token, &name) || !str_cut(name, ',', &name, &uid))
            return err_invalid("tokens: a line is not token,user,uid,\"groups\"");
        str_cut(uid, ',', &uid, &groups);
        groups = str_trim_char(groups, '"');
        str *list = NEW_ARRAY(a, str, groups.len + 2), group;
        size_t count = 0;
        list[count++] = STR("system:authenticated");
        for (str left = groups; left.len && str_next(&left, ',', &group);)
            list[count++] = group;
        *ARENA_PUSH(a, sandbox->users, sandbox->user_count, sandbox->user_room) =
            (struct sandbox_api_user){token, name, list, count};
    }
    return sandbox->user_count ? NULL : err_invalid("tokens: there is none");
}

static const char *const first_namespaces[] = {"default", "kube-system", "kube-public",
                                               "kube-node-lease"};
static const char admin_role[] =
    "{\"metadata\":{\"name\":\"cluster-admin\"},\"rules\":[{\"apiGroups\":[\"*\"],"
    "\"resources\":[\"*\"],\"verbs\":[\"*\"]},{\"nonResourceURLs\":[\"*\"],\"verbs\":[\"*\"]}]}";

/* What a new cluster has. */
static err *furnish(struct sandbox *sandbox)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = &sandbox->world;
    const struct served *spaces = served_find(world->served, STR(""), STR("v1"), STR("namespaces"));
    for (size_t i = 0; i < COUNT(first_namespaces); i++) {
        node *object = node_map(&a);
        str name = str_of(first_namespaces[i]);
        node_set_str(&a, node_make_map(&a, object, STR("metadata")), STR("name"), name);
        TRY(write_put(world, spaces, "kube-apiserver", "", object));
    }
    node *role;
    TRY(json_parse(&a, str_of(admin_role), (struct json_options){0}, &role));
    return write_put(world,
                     served_find(world->served, STR("rbac.authorization.k8s.io"), STR("v1"),
                                 STR("clusterroles")),
                     "kube-apiserver", "", role);
}

static err *restore(struct sandbox *sandbox)
{
    arena a AUTO(arena_done) = {0};
    str text;
    node *dump;
    str path = sandbox->options.snapshot;
    err *e = fs_read(&a, path, LIMIT_SANDBOX_SNAPSHOT_BYTES, &text);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return furnish(sandbox);
    }
    if (!e) e = snapshot_parse(&a, text, &dump);
    if (!e) e = store_restore(sandbox->world.store, dump);
    if (e) return err_wrap(e, "the snapshot '" STR_FMT "'", STR_ARG(path));
    served_refresh(sandbox->world.served);
    return NULL;
}

static err *start(struct sandbox *sandbox)
{
    arena *a = &sandbox->arena;
    struct sandbox_options *options = &sandbox->options;
    if (!options->tokens.len) {
        str token = rand_uuid(a);
        options->tokens =
            str_printf(a, STR_FMT ",admin,admin,\"system:masters\"\n", STR_ARG(token));
    }
    TRY(read_users(sandbox));
    TRY(cert_make(a, &sandbox->cert_pem, &sandbox->key_pem));
    struct world *world = &sandbox->world;
    world->store = store_new();
    world->served = served_new(world->store);
    if (options->snapshot.len)
        TRY(restore(sandbox));
    else
        TRY(furnish(sandbox));
    sandbox->api = (struct sandbox_api){
        .world = world, .users = sandbox->users, .user_count = sandbox->user_count, .audit_fd = -1};
    if (options->audit_path.len) {
        int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        sandbox->api.audit_fd = open(str_z(a, options->audit_path), flags, 0600);
        if (sandbox->api.audit_fd < 0) return fs_error("open", options->audit_path);
    }
    sandbox->api.late = late_new(sandbox->loop);
    sandbox->api.watcher = watcher_new(world, sandbox->loop);
    sandbox->garbage = garbage_new(world, sandbox->loop);
    sandbox->workloads = workloads_new(world, sandbox->loop, !options->no_pods_run);
    if (!options->no_pods_run) {
        sandbox->cronjobs = cronjobs_new(world, sandbox->loop);
        sandbox->endpoints = endpoints_new(world, sandbox->loop);
    }
    TRY(httpd_start(sandbox->loop,
                    (struct httpd_options){.address = options->address,
                                           .body_limit = LIMIT_SANDBOX_BODY_BYTES,
                                           .handler = sandbox_api_handle,
                                           .context = &sandbox->api,
                                           .cert_pem = sandbox->cert_pem,
                                           .key_pem = sandbox->key_pem},
                    &sandbox->httpd));
    sandbox->api.httpd = sandbox->httpd;
    return NULL;
}

static void release(struct sandbox *sandbox)
{
    late_free(sandbox->api.late);
    httpd_stop(sandbox->httpd);
    endpoints_free(sandbox->endpoints);
    cronjobs_free(sandbox->cronjobs);
    workloads_free(sandbox->workloads);
    garbage_free(sandbox->garbage);
    watcher_free(sandbox->api.watcher);
    served_free(sandbox->world.served);
    store_free(sandbox->world.store);
    if (sandbox->api.audit_fd > 0) close(sandbox->api.audit_fd);
    loop_free(sandbox->loop);
    arena_done(&sandbox->faults);
    arena_done(&sandbox->arena);
    free(sandbox);
}

err *sandbox_start(struct sandbox_options options, struct sandbox **out)
{
    struct sandbox *sandbox = lang_zalloc(sizeof *sandbox);
    sandbox->options = options;
    sandbox->loop = loop_new();
    err *e = start(sandbox);
    if (e) {
        release(sandbox);
        return e;
    }
    loop_start(sandbox->loop);
    *out = sandbox;
    return NULL;
}

static err *save(struct sandbox *sandbox)
{
    arena a AUTO(arena_done) = {0};
    buf text AUTO(buf_done) = {0};
    if (!sandbox->options.snapshot.len) return NULL;
    snapshot_write(&text, store_dump(&a, sandbox->world.store));
    return fs_write(sandbox->options.snapshot, buf_str(&text), 0600);
}

err *sandbox_stop(struct sandbox *sandbox)
{
    loop_join(sandbox->loop);
    /* Requests that have come in are still answered, and what is answered is kept. */
    httpd_stop(sandbox->httpd);
    sandbox->httpd = NULL;
    err *e = save(sandbox);
    release(sandbox);
    return e;
}

int sandbox_port(const struct sandbox *sandbox)
{
    return httpd_port(sandbox->httpd);
}

struct faults_call {
    struct sandbox *sandbox;
    str rules;
    err *error;
};

static void make_faults(void *context)
{
    struct faults_call *call = context;
    struct sandbox *sandbox = call->sandbox;
    arena a = {0};
    struct fault_rules rules;
    call->error = fault_parse(&a, call->rules, &rules);
    if (call->error) {
        arena_done(&a);
        return;
    }
    arena_done(&sandbox->faults);
    sandbox->faults = a;
    sandbox->api.faults = rules;
}

err *sandbox_make_faults(struct sandbox *sandbox, str rules)
{
    struct faults_call call = {.sandbox = sandbox, .rules = rules};
    loop_call(sandbox->loop, make_faults, &call);
    return call.error;
}

struct world *sandbox_world(struct sandbox *sandbox)
{
    return &sandbox->world;
}

str sandbox_kubeconfig(arena *a, const struct sandbox *sandbox)
{
    return str_printf(a,
                      "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\n"
                      "clusters:\n- name: sandbox\n  cluster:\n    server: https://127.0.0.1:%d\n"
                      "    certificate-authority-data: " STR_FMT "\n"
                      "users:\n- name: " STR_FMT "\n  user:\n    token: " STR_FMT "\n"
                      "contexts:\n- name: sandbox\n  context: {cluster: sandbox, user: " STR_FMT
                      "}\n",
                      sandbox_port(sandbox), STR_ARG(b64_encode(a, sandbox->cert_pem)),
                      STR_ARG(sandbox->users[0].name), STR_ARG(sandbox->users[0].token),
                      STR_ARG(sandbox->users[0].name));
}
