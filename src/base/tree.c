#include "base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"

/* Links followed for one path, as the kernel's own limit. */
enum { LINKS_MAX = 40 };

struct tree {
    int fd;
    bool whole; /* the tree of "/" */
    atomic_uint refs;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

err *tree_open(str path, struct tree **out)
{
    arena a AUTO(arena_done) = {0};
    int fd = open(str_z(&a, path), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fs_error("open", path);

    struct tree *tree = lang_zalloc(sizeof *tree);
    *tree = (struct tree){.fd = fd, .whole = str_is(path, "/"), .refs = 1};
    *out = tree;
    return NULL;
}

struct tree *tree_ref(struct tree *tree)
{
    if (tree) atomic_fetch_add(&tree->refs, 1);
    return tree;
}

void tree_unref(struct tree *tree)
{
    if (!tree || atomic_fetch_sub(&tree->refs, 1) != 1) return;
    close(tree->fd);
    free(tree);
}

void tree_unref_done(struct tree **tree)
{
    tree_unref(*tree);
}

bool tree_is_whole(const struct tree *tree)
{
    return tree->whole;
}

str tree_show(const struct tree *tree, str real)
{
    if (tree->whole) return real;
    return real.len > 1 ? str_skip(real, 1) : STR(".");
}

/* --- One path --- */

/* Opens one part of a path, which may be no link. */
static int open_part(int folder, const char *name, int flags)
{
    struct stat info;
    int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !(flags & O_PATH) || fstat(fd, &info) < 0 || !S_ISLNK(info.st_mode)) return fd;
    close(fd);
    errno = ELOOP;
    return -1;
}

/* What openat2 does at once, part by part, where a sandbox does not know that call. */
static int open_by_parts(arena *a, const struct tree *tree, str path, int flags)
{
    int folder = openat(tree->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (str part; folder >= 0 && str_next(&path, '/', &part);) {
        bool last = path.data == NULL;
        int fd = open_part(folder, str_z(a, part), last ? flags : O_PATH);
        close(folder);
        folder = fd;
    }
    return folder;
}

/* Opens a path that has no link on its way; the kernel makes sure of it, also against renames. */
static int open_plain(arena *a, const struct tree *tree, str path, int flags)
{
    while (str_starts(path, STR("/")))
        path = str_skip(path, 1);
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if (!path.len) path = STR(".");
    int fd = (int)syscall(SYS_openat2, tree->fd, str_z(a, path), &how, sizeof how);
    bool unknown = fd < 0 && (errno == ENOSYS || errno == EPERM);
    return unknown ? open_by_parts(a, tree, path, flags) : fd;
}

static err *lookup_error(const struct tree *tree, const char *what, str real, int number)
{
    str shown = tree_show(tree, real);
    enum err_kind kind = number == ENOENT || number == ENOTDIR ? ERR_NOT_FOUND : ERR_INVALID;
    const char *reason = kind == ERR_NOT_FOUND ? "NotFound" : "";
    char text[128];
    /* As Go words them: without a capital. */
    str message = str_of(strerror_r(number, text, sizeof text));
    return err_new(kind, reason, "%s " STR_FMT ": %c" STR_FMT, what, STR_ARG(shown),
                   message.len ? message.data[0] | 0x20 : '?', STR_ARG(str_skip(message, 1)));
}

static err *leads_out(str path)
{
    return err_denied("path '" STR_FMT "' leads out of the tree", STR_ARG(path));
}

static void drop_last(buf *real)
{
    while (real->len && real->data[--real->len] != '/')
        ;
}

/* Follows every link of a path by hand, part by part. */
static err *resolve(arena *a, const struct tree *tree, str path, str *out)
{
    buf real = BUF(a);
    str rest = path, part;
    int links = 0;
    while (str_next(&rest, '/', &part)) {
        if (!part.len || str_is(part, ".")) continue;
        if (str_is(part, "..")) {
            if (!real.len && !tree->whole) return leads_out(path);
            drop_last(&real);
            continue;
        }
        buf_add_char(&real, '/');
        buf_add(&real, part);
        char target[4096];
        ssize_t len =
            readlinkat(tree->fd, str_z(a, str_skip(buf_str(&real), 1)), target, sizeof target);
        if (len < 0 && errno == EINVAL) continue; /* not a link */
        if (len < 0 && errno == ENOTDIR)
            return err_new(ERR_NOT_FOUND, "NotFound", "not a directory");
        if (len < 0) return lookup_error(tree, "lstat", str_dup(a, buf_str(&real)), errno);
        if (++links > LINKS_MAX) return err_invalid("EvalSymlinks: too many links");
        if (len > 0 && target[0] == '/' && !tree->whole) return leads_out(path);
        if (len > 0 && target[0] == '/')
            buf_clear(&real);
        else
            drop_last(&real);
        rest = str_printf(a, "%.*s/" STR_FMT, (int)len, target, STR_ARG(rest));
    }
    if (!real.len) buf_add_char(&real, '/');
    *out = buf_str(&real);
    return NULL;
}

static bool is_plain(str path)
{
    str part;
    while (str_next(&path, '/', &part))
        if (!part.len || str_is(part, ".") || str_is(part, "..")) return false;
    return true;
}

/* Opens the path, links followed, and says where that was. */
static err *open_real(arena *a, const struct tree *tree, str path, int flags, str *real_out,
                      int *fd_out)
{
    str inner = path;
    str_strip_prefix(&inner, STR("/"));
    if (memchr(path.data ? path.data : "", 0, path.len))
        return err_invalid("a path with a NUL byte names no file");
    int fd = inner.len && is_plain(inner) ? open_plain(a, tree, inner, flags) : -1;
    if (fd >= 0) {
        *real_out = str_concat(a, STR("/"), inner);
        *fd_out = fd;
        return NULL;
    }
    TRY(resolve(a, tree, path, real_out));
    fd = open_plain(a, tree, *real_out, flags);
    if (fd < 0) return lookup_error(tree, "open", *real_out, errno);
    *fd_out = fd;
    return NULL;
}

static enum tree_kind kind_of(mode_t mode)
{
    return S_ISREG(mode) ? TREE_FILE : S_ISDIR(mode) ? TREE_DIR : TREE_OTHER;
}

err *tree_find(arena *a, struct tree *tree, str path, str *real_out, enum tree_kind *kind_out)
{
    str real;
    int fd AUTO(close_fd) = -1;
    TRY(open_real(a, tree, path, O_PATH, &real, &fd));
    struct stat info;
    if (fstat(fd, &info) < 0) return lookup_error(tree, "stat", real, errno);
    *real_out = real;
    *kind_out = kind_of(info.st_mode);
    return NULL;
}

/* --- Content --- */

static err *too_large(str shown, size_t limit_bytes)
{
    return err_invalid("file '" STR_FMT "' has more than %zu bytes, the limit of one file",
                       STR_ARG(shown), limit_bytes);
}

err *tree_read(arena *a, struct tree *tree, str path, size_t limit_bytes, str *out)
{
    str real;
    int fd AUTO(close_fd) = -1;
    TRY(open_real(a, tree, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &real, &fd));
    struct stat info;
    if (fstat(fd, &info) < 0) return lookup_error(tree, "stat", real, errno);
    str shown = tree_show(tree, real);
    if (S_ISDIR(info.st_mode))
        return err_invalid("read " STR_FMT ": is a directory", STR_ARG(shown));
    if (!S_ISREG(info.st_mode))
        return err_invalid("read " STR_FMT ": not a regular file", STR_ARG(shown));
    if ((uint64_t)info.st_size > limit_bytes) return too_large(shown, limit_bytes);

    /* The size is a hint: files of /proc say 0, and a file may grow while it is read. */
    buf content = BUF(a);
    buf_room(&content, (size_t)info.st_size + 1);
    for (;;) {
        size_t want = MAX(content.room - content.len, (size_t)1);
        ssize_t got = read(fd, buf_room(&content, want), want);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lookup_error(tree, "read", real, errno);
        if (got == 0) break;
        buf_grew(&content, (size_t)got);
        if (content.len > limit_bytes) return too_large(shown, limit_bytes);
    }
    *out = buf_str(&content);
    return NULL;
}

static void close_dir(DIR **dir)
{
    if (*dir) closedir(*dir);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct tree_entry *)a)->name, ((const struct tree_entry *)b)->name);
}

/* Some file systems do not say what an entry is. */
static bool is_link(DIR *dir, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_LNK;
    return fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(info.st_mode);
}

static enum tree_kind entry_kind(arena *a, struct tree *tree, str real, const struct dirent *entry)
{
    if (entry->d_type == DT_REG) return TREE_FILE;
    if (entry->d_type == DT_DIR) return TREE_DIR;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) return TREE_OTHER;
    str target;
    enum tree_kind kind;
    err *e AUTO(err_done) =
        tree_find(a, tree, fs_join(a, real, str_of(entry->d_name)), &target, &kind);
    return e ? TREE_OTHER : kind;
}

err *tree_list(arena *a, struct tree *tree, str path, struct tree_entry **out, size_t *count_out)
{
    str real;
    int fd = -1;
    TRY(open_real(a, tree, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &real, &fd));
    DIR *dir AUTO(close_dir) = fdopendir(fd);
    if (!dir) {
        err *e = lookup_error(tree, "open", real, errno);
        close(fd);
        return e;
    }
    struct tree_entry *entries = NULL;
    size_t count = 0, room = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        str name = str_of(entry->d_name);
        if (str_is(name, ".") || str_is(name, "..")) continue;
        enum tree_kind kind = entry_kind(a, tree, real, entry);
        *ARENA_PUSH(a, entries, count, room) = (struct tree_entry){
            .name = str_dup(a, name), .kind = kind, .link = is_link(dir, entry)};
    }
    if (count) qsort(entries, count, sizeof *entries, by_name);
    *out = entries;
    *count_out = count;
    return NULL;
}
