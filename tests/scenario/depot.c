#include "scenario/depot.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "git/gitrun.h"
#include "git/pktline.h"
#include "net/httpd.h"
#include "scenario/baton.h"

enum { SHA_LEN = 40, COMMITS_MAX = 256, FETCH_NS_MAX = 300000000, HANG_NS = 20000000000 };

struct blob {
    str sha, content;
};

struct tree {
    str sha, text; /* the text of the commit */
    struct depot_file *files;
    struct blob *blobs;
    size_t count;
};

static arena memory;
static struct tree commits[COMMITS_MAX];
static size_t commit_count;
static str tip;
static int fail_per_thousand;

static str sha_of(arena *a, const char *kind, str content)
{
    str whole = str_printf(a, "%s %zu " STR_FMT, kind, content.len, STR_ARG(content));
    return str_head(hash_sha256_hex(a, whole), SHA_LEN);
}

str depot_commit(const struct depot_file *files, size_t count, str message)
{
    arena *a = &memory;
    must(commit_count < COMMITS_MAX);
    struct tree *tree = &commits[commit_count++];
    tree->files = NEW_ARRAY(a, struct depot_file, count);
    tree->blobs = NEW_ARRAY(a, struct blob, count);
    tree->count = count;
    buf listing = BUF(a);
    for (size_t i = 0; i < count; i++) {
        str content = str_dup(a, files[i].content);
        tree->files[i] = (struct depot_file){str_dup(a, files[i].path), content};
        tree->blobs[i] = (struct blob){sha_of(a, "blob", content), content};
        buf_printf(&listing, STR_FMT " " STR_FMT "\n", STR_ARG(tree->blobs[i].sha),
                   STR_ARG(files[i].path));
    }
    long long seconds = clock_wall_ns() / CLOCK_SECOND;
    str root = sha_of(a, "tree", buf_str(&listing));
    tree->text = str_printf(a,
                            "tree " STR_FMT "\nauthor A <a@example.com> %lld +0000\n"
                            "committer A <a@example.com> %lld +0000\n\n" STR_FMT "\n",
                            STR_ARG(root), seconds, seconds, STR_ARG(message));
    tree->sha = sha_of(a, "commit", tree->text);
    tip = tree->sha;
    return tip;
}

void depot_move(str sha)
{
    tip = str_dup(&memory, sha);
}

void depot_fail(int per_thousand)
{
    fail_per_thousand = per_thousand;
}

static const struct tree *find_commit(str sha)
{
    for (size_t i = 0; i < commit_count; i++) {
        if (str_eq(commits[i].sha, sha)) return &commits[i];
    }
    return NULL;
}

static const struct blob *find_blob(str sha)
{
    for (size_t i = 0; i < commit_count; i++) {
        for (size_t j = 0; j < commits[i].count; j++) {
            if (str_eq(commits[i].blobs[j].sha, sha)) return &commits[i].blobs[j];
        }
    }
    return NULL;
}

/* ---- Smart HTTP ---- */

static void serve(void *context, arena *a, const struct httpd_request *request,
                  struct httpd_answer *answer)
{
    (void)context;
    buf b = BUF(a);
    answer->status = 200;
    if (str_is(request->method, "GET") && str_is(request->path, "/fleet.git/info/refs")) {
        answer->content_type = STR("application/x-git-upload-pack-advertisement");
        pktline_add(&b, STR("# service=git-upload-pack"));
        pktline_add_mark(&b, PKTLINE_FLUSH);
        pktline_add(&b, STR("version 2"));
        pktline_add(&b, STR("ls-refs=unborn"));
        pktline_add(&b, STR("fetch=shallow"));
        pktline_add(&b, STR("object-format=sha1"));
    } else if (str_is(request->path, "/fleet.git/git-upload-pack")) {
        answer->content_type = STR("application/x-git-upload-pack-result");
        if (tip.len) pktline_add(&b, str_concat(a, tip, STR(" refs/heads/main")));
    } else {
        answer->status = 404;
        return;
    }
    pktline_add_mark(&b, PKTLINE_FLUSH);
    answer->body = buf_str(&b);
}

struct place {
    int port;
};

static void host(void *context)
{
    const struct place *place = context;
    struct loop *loop = loop_new();
    struct httpd *httpd;
    str address = str_printf(&memory, "127.0.0.1:%d", place->port);
    err *e = httpd_start(
        loop, (struct httpd_options){.address = address, .body_limit = 65536, .handler = serve},
        &httpd);
    must(!e);
    loop_run(loop);
}

void depot_start(int group, int port)
{
    struct place *place = NEW(&memory, struct place);
    place->port = port;
    baton_spawn(group, host, place);
}

/* ---- The program ---- */

static str path_of(arena *a, const struct gitrun *run, str name)
{
    return fs_join(a, run->folder, name);
}

static bool has_commit(arena *a, const struct gitrun *run, str sha)
{
    return fs_exists(path_of(a, run, str_concat(a, STR("objects/"), sha)));
}

/* Time passes; it may be canceled, and fail. */
static err *talk(const struct gitrun *run)
{
    bool fails = fail_per_thousand && baton_below(1000) < (uint64_t)fail_per_thousand;
    int64_t span_ns = (int64_t)baton_below(FETCH_NS_MAX);
    if (fails && baton_below(4) == 0) span_ns = HANG_NS;
    for (int64_t end_ns = clock_now_ns() + span_ns; clock_now_ns() < end_ns;) {
        if (run->cancel && atomic_load(run->cancel))
            return err_new(ERR_CANCELED, "Canceled", "canceled");
        if (run->due_ns && clock_now_ns() >= run->due_ns)
            return err_new(ERR_TRANSIENT, "Timeout", "git took too long");
        clock_sleep(MIN(span_ns, (int64_t)100 * CLOCK_MS));
    }
    return fails ? err_transient("the remote end hung up unexpectedly") : NULL;
}

/* "+refs/heads/main:refs/keep/x", "+<sha>:refs/keep/x" */
static err *fetch(arena *a, const struct gitrun *run)
{
    str refspec = {0}, from, to;
    for (const char *const *arg = run->args; *arg; arg++)
        refspec = str_of(*arg);
    must(str_cut(str_skip(refspec, 1), ':', &from, &to));
    TRY(talk(run));
    str sha = str_starts(from, STR("refs/heads/")) ? tip : from;
    const struct tree *tree = find_commit(sha);
    if (!tree) return err_transient("upload-pack: not our ref " STR_FMT, STR_ARG(sha));
    TRY(fs_make_dirs(path_of(a, run, STR("refs/keep")), 0700));
    TRY(fs_make_dirs(path_of(a, run, STR("objects/pack")), 0700));
    TRY(fs_write(path_of(a, run, str_concat(a, STR("objects/"), sha)), STR("."), 0600));
    return fs_write(path_of(a, run, to), str_concat(a, sha, STR("\n")), 0600);
}

static err *list(arena *a, const struct gitrun *run, str sha, str *out)
{
    const struct tree *tree = find_commit(sha);
    if (!tree || !has_commit(a, run, sha)) return err_transient("not a tree object");
    buf b = BUF(a);
    str last = {0};
    for (size_t i = 0; i < tree->count; i++) {
        str path = tree->files[i].path;
        for (size_t at = 0; at < path.len; at++) {
            str folder = str_head(path, at);
            bool same = at < last.len && str_eq(str_head(last, at), folder) && last.data[at] == '/';
            if (path.data[at] != '/' || same) continue;
            buf_printf(&b, "040000 tree " STR_FMT "\t" STR_FMT, STR_ARG(sha_of(a, "tree", folder)),
                       STR_ARG(folder));
            buf_add_char(&b, '\0');
        }
        buf_printf(&b, "100644 blob " STR_FMT "\t" STR_FMT, STR_ARG(tree->blobs[i].sha),
                   STR_ARG(path));
        buf_add_char(&b, '\0');
        last = path;
    }
    *out = buf_str(&b);
    return NULL;
}

static err *find(arena *a, const struct gitrun *run, str name, buf *b)
{
    str wanted = name;
    if (str_strip_suffix(&wanted, STR("^{commit}"))) {
        str sha = wanted;
        if (str_starts(wanted, STR("refs/"))) {
            err *e AUTO(err_done) = fs_read(a, path_of(a, run, wanted), 4096, &sha);
            sha = e ? (str){0} : str_trim(sha);
        }
        const struct tree *tree = find_commit(sha);
        if (tree && has_commit(a, run, sha)) {
            buf_printf(b, STR_FMT " commit %zu\n" STR_FMT "\n", STR_ARG(sha), tree->text.len,
                       STR_ARG(tree->text));
            return NULL;
        }
    } else {
        const struct blob *blob = find_blob(wanted);
        if (blob) {
            buf_printf(b, STR_FMT " blob %zu\n" STR_FMT "\n", STR_ARG(wanted), blob->content.len,
                       STR_ARG(blob->content));
            return NULL;
        }
    }
    buf_printf(b, STR_FMT " missing\n", STR_ARG(name));
    return NULL;
}

static err *cat(arena *a, const struct gitrun *run, str *out)
{
    buf b = BUF(a);
    for (str line, rest = run->input; str_next_line(&rest, &line);)
        TRY(find(a, run, line, &b));
    *out = buf_str(&b);
    return NULL;
}

err *gitrun_do(arena *a, const struct gitrun *run, str *out)
{
    str output = {0}, command = str_of(run->args[0]);
    if (baton_before_io) baton_before_io(baton_group());
    if (str_is(command, "fetch")) {
        TRY(fetch(a, run));
    } else if (str_is(command, "ls-tree")) {
        str last = {0};
        for (const char *const *arg = run->args; *arg; arg++)
            last = str_of(*arg);
        TRY(list(a, run, last, &output));
    } else if (str_is(command, "cat-file")) {
        TRY(cat(a, run, &output));
    } else {
        return err_internal("git " STR_FMT " is not in the scenario", STR_ARG(command));
    }
    if (run->take) return output.len ? run->take(run->context, output) : NULL;
    if (out) *out = output;
    return NULL;
}
