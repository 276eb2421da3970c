#include "cli/local_source.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rand.h"
#include "cli/cli.h"
#include "control/status.h"
#include "doc/yaml.h"
#include "sandbox/folder_watch.h"
#include "sandbox/git_host.h"

enum { THREADS = 4 };

struct local_source {
    arena arena;
    str folder, path, temp, password;
    struct loop *loop;
    struct pool *pool;
    struct folder *files;
    struct folder_watch *watch;
    struct git_host *host;
    pthread_mutex_t lock; /* guards kube and name */
    struct kube *kube;
    str name;
    str complaint; /* the worker's: what it said last; on the heap */
};

/* ---- Changes ---- */

static struct kube_ref ref_of(const struct local_source *source)
{
    return (struct kube_ref){{STR("source.toolkit.fluxcd.io"), STR("v1"), STR("GitRepository")},
                             STR("flux-system"),
                             source->name};
}

/* As `fixpoint reconcile` asks; the interval would find the commit, too, only later. */
static err *request(struct local_source *source, arena *a)
{
    struct kube_request request = {
        .verb = KUBE_MERGE_PATCH,
        .ref = ref_of(source),
        .body = status_request(a, clock_format_micro(a, clock_wall_ns())),
    };
    return kube_do(source->kube, a, &request, NULL);
}

/* Says what is wrong once, not each time that it is tried again. */
static void complain(struct local_source *source, str text)
{
    if (str_eq(text, source->complaint)) return;
    cli_failure(STR_FMT "; the cluster stays as it is", STR_ARG(text));
    free((char *)source->complaint.data);
    char *copy = lang_alloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    source->complaint = str_from(copy, text.len);
}

/* [worker] */
static void on_changed(void *context, const struct folder_commit *commit, const err *e)
{
    struct local_source *source = context;
    arena a AUTO(arena_done) = {0};
    if (e) {
        complain(source, err_text(e));
        return;
    }
    free((char *)source->complaint.data);
    source->complaint = (str){0};
    cli_action("'" STR_FMT "' changed: it is at " FOLDER_BRANCH "@sha1:" STR_FMT,
               STR_ARG(source->folder), STR_ARG(commit->sha));
    pthread_mutex_lock(&source->lock);
    err *failed = source->kube ? request(source, &a) : NULL;
    pthread_mutex_unlock(&source->lock);
    if (failed) complain(source, err_text(failed));
    err_free(failed);
}

/* ---- Which folder ---- */

/* The work tree that the folder is in; else the folder itself. */
static str tree_of(arena *a, str folder)
{
    for (str at = folder; at.len > 1; at = fs_dir(at)) {
        if (fs_exists(fs_join(a, at, STR(".git")))) return at;
    }
    return folder;
}

static err *find_folder(struct local_source *source, str path)
{
    arena *a = &source->arena;
    char real[PATH_MAX];
    if (!realpath(str_z(a, path), real) || !fs_is_dir(str_of(real)))
        return err_invalid("--path: '" STR_FMT "' is no folder on this machine; give the folder "
                           "that holds the manifests, or a repository with --repo",
                           STR_ARG(path));
    str folder = str_dup(a, str_of(real));
    source->folder = tree_of(a, folder);
    str rest = str_skip(folder, source->folder.len);
    source->path = str_concat(a, STR("."), rest.len ? rest : STR("/"));
    return NULL;
}

/* ---- Its life ---- */

static err *start(struct local_source *source, arena *a, str path)
{
    arena *own = &source->arena;
    struct folder_commit commit;
    TRY(find_folder(source, path));
    TRY(fs_temp_dir(own, (str){0}, STR("fixpoint-folder-"), &source->temp));
    source->password = rand_uuid(own);
    str repository = fs_join(own, source->temp, STR("folder.git"));
    TRY(folder_open(source->folder, repository, &source->files));
    struct folder_watch_options options = {.loop = source->loop,
                                           .pool = source->pool,
                                           .folder = source->files,
                                           .changed = on_changed,
                                           .context = source};
    TRY(folder_watch_start(options, a, &commit, &source->watch));
    if (commit.link_count)
        cli_warning("%zu symbolic links in '" STR_FMT "' are left out, as in every source",
                    commit.link_count, STR_ARG(source->folder));
    return git_host_start((struct git_host_options){.loop = source->loop,
                                                    .pool = source->pool,
                                                    .repository = repository,
                                                    .password = source->password},
                          &source->host);
}

err *local_source_start(arena *a, str path, struct local_source **out)
{
    struct local_source *source = lang_zalloc(sizeof *source);
    source->loop = loop_new();
    source->pool = pool_new(THREADS);
    pthread_mutex_init(&source->lock, NULL);
    loop_start(source->loop);
    err *e = start(source, a, path);
    if (e)
        err_free(local_source_stop(source));
    else
        *out = source;
    return e;
}

err *local_source_declare(struct local_source *source, arena *a, struct kube *kube, str name)
{
    str url = git_host_url(source->host);
    str texts[] = {
        str_printf(a,
                   "{apiVersion: v1, kind: Secret,"
                   " metadata: {name: " STR_FMT ", namespace: flux-system},"
                   " stringData: {username: " GIT_HOST_USER ", password: " STR_FMT "}}",
                   STR_ARG(name), STR_ARG(source->password)),
        str_printf(a,
                   "{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository,"
                   " metadata: {name: " STR_FMT ", namespace: flux-system},"
                   " spec: {interval: 1m, url: '" STR_FMT "', ref: {branch: " FOLDER_BRANCH "},"
                   " secretRef: {name: " STR_FMT "}}}",
                   STR_ARG(name), STR_ARG(url), STR_ARG(name)),
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        node *object;
        TRY(yaml_parse(a, texts[i], (struct yaml_options){0}, &object));
        struct kube_request apply = {
            .verb = KUBE_APPLY, .ref = kube_ref_of(object), .body = object, .force = true};
        TRY(kube_do(kube, a, &apply, NULL));
    }
    pthread_mutex_lock(&source->lock);
    source->name = str_dup(&source->arena, name);
    source->kube = kube;
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

str local_source_folder(const struct local_source *source)
{
    return source->folder;
}

str local_source_path(const struct local_source *source)
{
    return source->path;
}

err *local_source_stop(struct local_source *source)
{
    if (!source) return NULL;
    folder_watch_stop(source->watch);
    git_host_stop(source->host);
    pool_free(source->pool);
    loop_join(source->loop);
    loop_free(source->loop);
    folder_watch_free(source->watch);
    git_host_free(source->host);
    folder_close(source->files);
    err *e = source->temp.len ? fs_remove_tree(source->temp) : NULL;
    pthread_mutex_destroy(&source->lock);
    free((char *)source->complaint.data);
    arena_done(&source->arena);
    free(source);
    return e;
}
