#include "sandbox/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/tree.h"
#include "git/gitrun.h"

enum { SHA_BYTES_MAX = 128 };
#define IMPORT_NS (120 * CLOCK_SECOND)

struct folder {
    arena arena;
    str path, repository;
    str digest; /* of the files in the last commit, in buffer; empty: there is no commit */
    char digest_text[2 * HASH_SHA256_BYTES];
    int commits; /* in the repository as it is */
};

static err *make_repository(struct folder *folder)
{
    arena a AUTO(arena_done) = {0};
    TRY(fs_remove_tree(folder->repository));
    TRY(fs_make_dirs(folder->repository, 0700));
    const char *const args[] = {"init", "--quiet", "--bare", "--initial-branch=" FOLDER_BRANCH,
                                ".",    NULL};
    struct gitrun run = {.folder = folder->repository, .args = args};
    folder->commits = 0;
    folder->digest = (str){0};
    return gitrun_do(&a, &run, NULL);
}

err *folder_open(str path, str repository, struct folder **out)
{
    arena a = {0};
    struct folder *folder = NEW(&a, struct folder);
    folder->path = str_dup(&a, path);
    folder->repository = str_dup(&a, repository);
    folder->arena = a;
    err *e = make_repository(folder);
    if (e) {
        folder_close(folder);
        return e;
    }
    *out = folder;
    return NULL;
}

void folder_close(struct folder *folder)
{
    if (!folder) return;
    arena a = folder->arena;
    arena_done(&a);
}

str folder_path(const struct folder *folder)
{
    return folder->path;
}

/* ---- Reading ---- */

struct scan {
    const struct folder *folder;
    struct tree *tree;
    int inotify_fd;
    buf files; /* as commands of git fast-import; on the heap */
    int64_t newest_s;
    size_t file_count, link_count, folder_count, bytes;
};

static void scan_done(struct scan *scan)
{
    tree_unref(scan->tree);
    buf_done(&scan->files);
}

static err *too_large(const struct scan *scan, const char *format, size_t limit)
{
    arena a AUTO(arena_done) = {0};
    str what = str_printf(&a, format, limit);
    return err_invalid("the folder '" STR_FMT "' holds more than " STR_FMT
                       ", the limit: name a smaller one",
                       STR_ARG(scan->folder->path), STR_ARG(what));
}

static err *watch(struct scan *scan, arena *a, str path)
{
    uint32_t what = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE_SELF |
                    IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
    if (scan->inotify_fd < 0) return NULL;
    char *name = str_z(a, fs_join(a, scan->folder->path, path));
    if (inotify_add_watch(scan->inotify_fd, name, what) >= 0) return NULL;
    if (errno == ENOENT || errno == ENOTDIR) return NULL; /* gone again: its parent tells */
    if (errno == ENOSPC)
        return err_invalid("'%s' cannot be watched: the user's watches are used up, raise the "
                           "sysctl fs.inotify.max_user_watches",
                           name);
    return fs_error("watch", str_of(name));
}

/* A path may hold any byte: quoted as in C. */
static void add_path(buf *b, str path)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < ' ' || c == '"' || c == '\\')
            buf_printf(b, "\\%03o", c);
        else
            buf_add_char(b, (char)c);
    }
    buf_add_char(b, '"');
}

static err *add_file(struct scan *scan, str path)
{
    arena a AUTO(arena_done) = {0};
    str content;
    struct stat status;
    if (++scan->file_count > LIMIT_SANDBOX_FOLDER_FILES)
        return too_large(scan, "%zu files", LIMIT_SANDBOX_FOLDER_FILES);
    size_t room = LIMIT_SANDBOX_FOLDER_BYTES - scan->bytes;
    err *e = tree_read(&a, scan->tree, path, room, &content);
    if (err_is(e, ERR_NOT_FOUND)) { /* gone since it was listed; an event follows */
        err_free(e);
        return NULL;
    }
    if (err_is(e, ERR_INVALID)) {
        err_free(e);
        return too_large(scan, "%zu bytes", LIMIT_SANDBOX_FOLDER_BYTES);
    }
    if (e) return err_wrap(e, "reading the folder '" STR_FMT "'", STR_ARG(scan->folder->path));
    scan->bytes += content.len;
    if (lstat(str_z(&a, fs_join(&a, scan->folder->path, path)), &status) == 0)
        scan->newest_s = MAX(scan->newest_s, (int64_t)status.st_mtime);
    BUF_ADD(&scan->files, "M 100644 inline ");
    add_path(&scan->files, path);
    buf_printf(&scan->files, "\ndata %zu\n", content.len);
    buf_add(&scan->files, content);
    buf_add_char(&scan->files, '\n');
    return NULL;
}

static err *add_folder(struct scan *scan, str path, int depth)
{
    arena a AUTO(arena_done) = {0};
    struct tree_entry *entries;
    size_t count;
    if (depth > LIMIT_TREE_DEPTH)
        return too_large(scan, "%zu folders in each other", LIMIT_TREE_DEPTH);
    if (++scan->folder_count > LIMIT_SANDBOX_FOLDER_FILES)
        return too_large(scan, "%zu folders", LIMIT_SANDBOX_FOLDER_FILES);
    TRY(watch(scan, &a, path));
    err *e = tree_list(&a, scan->tree, path, &entries, &count);
    if (err_is(e, ERR_NOT_FOUND) && depth) {
        err_free(e);
        return NULL;
    }
    if (e) return err_wrap(e, "reading the folder '" STR_FMT "'", STR_ARG(scan->folder->path));
    for (size_t i = 0; i < count; i++) {
        const struct tree_entry *entry = &entries[i];
        str at = depth ? fs_join(&a, path, entry->name) : entry->name;
        if (str_is(entry->name, ".git")) continue;
        if (entry->link)
            scan->link_count++;
        else if (entry->kind == TREE_DIR)
            TRY(add_folder(scan, at, depth + 1));
        else if (entry->kind == TREE_FILE)
            TRY(add_file(scan, at));
    }
    return NULL;
}

/* ---- Committing ---- */

static err *import(struct folder *folder, const struct scan *scan)
{
    arena a AUTO(arena_done) = {0};
    buf input = BUF(&a);
    str message = str_printf(&a, "files of " STR_FMT "\n", STR_ARG(folder->path));
    buf_printf(&input,
               "commit refs/heads/" FOLDER_BRANCH "\n"
               "committer sandbox <sandbox@localhost> %lld +0000\n"
               "data %zu\n" STR_FMT "\n",
               (long long)scan->newest_s, message.len, STR_ARG(message));
    if (folder->commits) BUF_ADD(&input, "from refs/heads/" FOLDER_BRANCH "^0\n");
    BUF_ADD(&input, "deleteall\n");
    buf_add(&input, buf_str(&scan->files));
    const char *const args[] = {"fast-import", "--quiet", NULL};
    struct gitrun run = {.folder = folder->repository,
                         .args = args,
                         .input = buf_str(&input),
                         .due_ns = clock_now_ns() + IMPORT_NS};
    err *e = gitrun_do(&a, &run, NULL);
    if (e) return err_wrap(e, "committing the folder '" STR_FMT "'", STR_ARG(folder->path));
    folder->commits++;
    return NULL;
}

static err *head_of(const struct folder *folder, arena *a, str *out)
{
    str at = fs_join(a, folder->repository, STR("refs/heads/" FOLDER_BRANCH)), text;
    TRY(fs_read(a, at, SHA_BYTES_MAX, &text));
    *out = str_trim(text);
    return NULL;
}

err *folder_commit(struct folder *folder, arena *a, int inotify_fd, struct folder_commit *out)
{
    struct scan scan AUTO(scan_done) = {.folder = folder, .inotify_fd = inotify_fd};
    err *e = tree_open(folder->path, &scan.tree);
    if (e) return err_wrap(e, "opening the folder '" STR_FMT "'", STR_ARG(folder->path));
    TRY(add_folder(&scan, STR("."), 0));
    str digest = hash_sha256_hex(a, buf_str(&scan.files));
    bool changed = !str_eq(digest, folder->digest);
    if (changed && folder->commits >= LIMIT_SANDBOX_FOLDER_COMMITS) TRY(make_repository(folder));
    if (changed) TRY(import(folder, &scan));
    must(digest.len == sizeof folder->digest_text);
    memcpy(folder->digest_text, digest.data, digest.len);
    folder->digest = str_from(folder->digest_text, digest.len);
    *out = (struct folder_commit){
        .changed = changed, .file_count = scan.file_count, .link_count = scan.link_count};
    return head_of(folder, a, &out->sha);
}
