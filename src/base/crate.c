#include "base/crate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/limits.h"

enum { DIR_MODE = 0750, FILE_MODE = 0600, EXECUTABLE_MODE = 0700 };

err *crate_open(str folder, struct crate *out)
{
    arena a AUTO(arena_done) = {0};
    int fd = open(str_z(&a, folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fs_error("open", folder);
    *out = (struct crate){.root = fd};
    return NULL;
}

void crate_close(struct crate *crate)
{
    if (!crate || !crate->root) return;
    close(crate->root);
    *crate = (struct crate){0};
}

err *crate_check(str name)
{
    if (!name.len) return err_invalid("a name is empty");
    if (str_has_char(name, '\0')) return err_invalid("a name holds NUL");
    if (str_has_char(name, '\\')) return err_invalid("'" STR_FMT "' holds '\\'", STR_ARG(name));
    if (name.data[0] == '/') return err_invalid("'" STR_FMT "' is absolute", STR_ARG(name));
    int depth = 0;
    for (str part, rest = name; str_next(&rest, '/', &part);) {
        if (!part.len && rest.data)
            return err_invalid("'" STR_FMT "' has an empty part", STR_ARG(name));
        if (str_is(part, "..")) return err_invalid("'" STR_FMT "' leads out", STR_ARG(name));
        if (++depth > LIMIT_TREE_DEPTH) {
            return err_invalid("a name has more than %d parts, the limit", LIMIT_TREE_DEPTH);
        }
    }
    return NULL;
}

static err *count_file(struct crate *crate)
{
    if (++crate->file_count <= LIMIT_TREE_FILES) return NULL;
    return err_invalid("more than %d files, the limit of one artifact", LIMIT_TREE_FILES);
}

static err *add_dir(struct crate *crate, const char *path, str name)
{
    if (mkdirat(crate->root, path, DIR_MODE) == 0) return count_file(crate);
    return errno == EEXIST ? NULL : fs_error("create folder", name);
}

/* Makes the folders of a path that ends with "/", or those above one that does not. */
static err *add_dirs(struct crate *crate, str name)
{
    arena a AUTO(arena_done) = {0};
    char *path = str_z(&a, name);
    for (size_t i = 0; i < name.len; i++) {
        if (path[i] != '/') continue;
        path[i] = '\0';
        TRY(add_dir(crate, path, name));
        path[i] = '/';
    }
    return NULL;
}

err *crate_make_dir(struct crate *crate, str name)
{
    TRY(crate_check(name));
    str_strip_suffix(&name, STR("/"));
    arena a AUTO(arena_done) = {0};
    char *path = str_z(&a, name);
    if (mkdirat(crate->root, path, DIR_MODE) == 0) return count_file(crate);
    if (errno == ENOENT) {
        TRY(add_dirs(crate, name));
        return add_dir(crate, path, name);
    }
    struct stat st;
    if (errno != EEXIST) return fs_error("create folder", name);
    if (fstatat(crate->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return NULL;
    return err_invalid("'" STR_FMT "' is a file and a folder", STR_ARG(name));
}

/* Opens below the root without passing a link, by the kernel's word where it knows how. */
static int open_below(int root, const char *path, int mode)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                           .mode = (uint64_t)mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return fd;
    return openat(root, path, (int)how.flags, mode);
}

err *crate_create(struct crate *crate, str name, bool executable, int *fd_out)
{
    TRY(crate_check(name));
    TRY(count_file(crate));
    arena a AUTO(arena_done) = {0};
    const char *path = str_z(&a, name);
    int mode = executable ? EXECUTABLE_MODE : FILE_MODE;
    int fd = open_below(crate->root, path, mode);
    if (fd < 0 && errno == ENOENT) {
        TRY(add_dirs(crate, name));
        fd = open_below(crate->root, path, mode);
    }
    if (fd < 0 && (errno == EISDIR || errno == ENOTDIR)) {
        return err_invalid("'" STR_FMT "' is a file and a folder", STR_ARG(name));
    }
    if (fd < 0) return fs_error("create", name);
    *fd_out = fd;
    return NULL;
}

err *crate_write(struct crate *crate, int fd, str name, str bytes)
{
    crate->size_bytes += (int64_t)bytes.len;
    if (crate->size_bytes > LIMIT_TREE_BYTES) {
        return err_invalid("more than %lld bytes, the limit of one artifact", LIMIT_TREE_BYTES);
    }
    while (bytes.len) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fs_error("write", name);
        bytes = str_skip(bytes, (size_t)put);
    }
    return NULL;
}

err *crate_put(struct crate *crate, str name, bool executable, str content)
{
    int fd = -1;
    TRY(crate_create(crate, name, executable, &fd));
    err *e = crate_write(crate, fd, name, content);
    close(fd);
    return e;
}
