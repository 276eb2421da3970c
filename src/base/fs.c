#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

err *fs_error(const char *what, str path)
{
    int code = errno;
    enum err_kind kind = code == ENOENT || code == ENOTDIR                  ? ERR_NOT_FOUND
                         : code == EACCES || code == EPERM || code == ELOOP ? ERR_DENIED
                                                                            : ERR_TRANSIENT;
    char text[128];
    return err_new(kind, "", "%s '" STR_FMT "': %s", what, STR_ARG(path),
                   strerror_r(code, text, sizeof text));
}

err *fs_read(arena *a, str path, size_t limit_bytes, str *out)
{
    arena scratch AUTO(arena_done) = {0};
    int fd AUTO(close_fd) = open(str_z(&scratch, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fs_error("open", path);
    struct stat st;
    if (fstat(fd, &st) != 0) return fs_error("stat", path);
    if (S_ISDIR(st.st_mode)) return err_invalid("'" STR_FMT "' is a directory", STR_ARG(path));
    buf b = BUF(a);
    buf_room(&b,
             (size_t)(st.st_size > 0 && (size_t)st.st_size <= limit_bytes ? st.st_size : 0) + 1);
    for (;;) {
        ssize_t got = read(fd, buf_room(&b, 4096), b.room - b.len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fs_error("read", path);
        if (got == 0) break;
        buf_grew(&b, (size_t)got);
        if (b.len > limit_bytes) {
            return err_invalid("'" STR_FMT "' is larger than the limit of %zu bytes", STR_ARG(path),
                               limit_bytes);
        }
    }
    *out = buf_str(&b);
    return NULL;
}

static err *write_all(int fd, str content, str path)
{
    while (content.len) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fs_error("write", path);
        content = str_skip(content, (size_t)put);
    }
    return fsync(fd) == 0 ? NULL : fs_error("sync", path);
}

err *fs_write(str path, str content, int mode)
{
    arena a AUTO(arena_done) = {0};
    char *temp = str_z(&a, str_printf(&a, STR_FMT ".XXXXXX", STR_ARG(path)));
    int fd AUTO(close_fd) = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) return fs_error("create", path);
    err *e = write_all(fd, content, path);
    if (!e && fchmod(fd, (mode_t)mode) != 0) e = fs_error("chmod", path);
    if (!e && rename(temp, str_z(&a, path)) != 0) e = fs_error("rename", path);
    if (e) unlink(temp);
    return e;
}

err *fs_make_dirs(str path, int mode)
{
    arena a AUTO(arena_done) = {0};
    char *text = str_z(&a, path);
    for (size_t i = 1; i <= path.len; i++) {
        if (i < path.len && text[i] != '/') continue;
        text[i] = '\0';
        if (mkdir(text, (mode_t)mode) != 0 && errno != EEXIST)
            return fs_error("create folder", path);
        text[i] = i < path.len ? '/' : '\0';
    }
    return fs_is_dir(path) ? NULL : fs_error("create folder", path);
}

err *fs_remove(str path)
{
    arena a AUTO(arena_done) = {0};
    if (unlink(str_z(&a, path)) != 0 && errno != ENOENT) return fs_error("remove", path);
    return NULL;
}

/* Removes what is in the open folder; the folder itself stays. Takes the descriptor. */
static bool empty_dir(int fd)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return false;
    }
    bool ok = true;
    for (struct dirent *entry; ok && (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0) continue;
        if (errno != EISDIR && errno != EPERM) ok = errno == ENOENT;
        if (!ok) break;
        /* A folder without its search bit could not be emptied. */
        fchmodat(dirfd(dir), entry->d_name, 0700, 0);
        int child =
            openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = child >= 0 && empty_dir(child) &&
             unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) == 0;
    }
    int code = errno;
    closedir(dir);
    errno = code;
    return ok;
}

err *fs_remove_tree(str path)
{
    arena a AUTO(arena_done) = {0};
    char *text = str_z(&a, path);
    int fd = open(text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT) return NULL;
        return errno == ENOTDIR || errno == ELOOP ? fs_remove(path) : fs_error("open", path);
    }
    if (!empty_dir(fd)) return fs_error("remove what is in", path);
    if (rmdir(text) != 0 && errno != ENOENT) return fs_error("remove", path);
    return NULL;
}

err *fs_rename(str from, str to)
{
    arena a AUTO(arena_done) = {0};
    if (rename(str_z(&a, from), str_z(&a, to)) != 0) return fs_error("rename", from);
    return NULL;
}

err *fs_temp_dir(arena *a, str dir, str prefix, str *out)
{
    const char *usual = getenv("TMPDIR");
    if (!dir.len) dir = usual && *usual ? str_of(usual) : STR("/tmp");
    str path = str_printf(a, STR_FMT "/" STR_FMT "XXXXXX", STR_ARG(dir), STR_ARG(prefix));
    if (!mkdtemp((char *)path.data)) return fs_error("create a folder in", dir);
    *out = path;
    return NULL;
}

static bool stat_of(str path, struct stat *st)
{
    arena a AUTO(arena_done) = {0};
    return stat(str_z(&a, path), st) == 0;
}

bool fs_exists(str path)
{
    struct stat st;
    return stat_of(path, &st);
}

bool fs_is_dir(str path)
{
    struct stat st;
    return stat_of(path, &st) && S_ISDIR(st.st_mode);
}

err *fs_list(arena *a, str path, str **names_out, size_t *count_out)
{
    arena scratch AUTO(arena_done) = {0};
    DIR *dir = opendir(str_z(&scratch, path));
    if (!dir) return fs_error("open folder", path);
    str *names = NULL;
    size_t count = 0, room = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        *ARENA_PUSH(a, names, count, room) = str_dup(a, str_of(entry->d_name));
    }
    closedir(dir);
    if (count) qsort(names, count, sizeof *names, str_order);
    *names_out = names;
    *count_out = count;
    return NULL;
}

str fs_join(arena *a, str dir, str name)
{
    if (dir.len == 0) return name;
    bool slash = dir.data[dir.len - 1] == '/';
    return str_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(dir), slash ? "" : "/", STR_ARG(name));
}

str fs_clean(arena *a, str path)
{
    bool rooted = path.len && path.data[0] == '/';
    buf b = BUF(a);
    buf_room(&b, path.len + 2);
    if (rooted) buf_add_char(&b, '/');
    size_t floor = b.len; /* what ".." may not take away */
    for (str part; str_next(&path, '/', &part);) {
        if (part.len == 0 || str_is(part, ".")) continue;
        if (str_is(part, "..")) {
            if (b.len > floor) {
                while (b.len > floor && b.data[b.len - 1] != '/')
                    b.len--;
                if (b.len > floor) b.len--;
                continue;
            }
            if (rooted) continue;
            if (b.len) buf_add_char(&b, '/');
            BUF_ADD(&b, "..");
            floor = b.len;
            continue;
        }
        if (b.len && b.data[b.len - 1] != '/') buf_add_char(&b, '/');
        buf_add(&b, part);
    }
    if (b.len == 0) return STR(".");
    return buf_str(&b);
}

str fs_base(str path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    str before, after;
    return str_cut_last(path, '/', &before, &after) && after.len ? after : path;
}

str fs_dir(str path)
{
    str before, after;
    if (!str_cut_last(path, '/', &before, &after)) return STR(".");
    return before.len ? before : STR("/");
}
