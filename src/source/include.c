#include "source/include.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"

/* "a/b" from whatever was written: ".." stops at the root. */
static str below_root(arena *a, str path)
{
    str clean = fs_clean(a, str_concat(a, STR("/"), path));
    return str_skip(clean, 1);
}

static err *add(arena *a, str from, str to, int depth, struct include_list *list)
{
    struct stat st;
    if (depth > LIMIT_TREE_DEPTH) {
        return err_invalid("more than %d folders within each other, the limit", LIMIT_TREE_DEPTH);
    }
    if (list->count == LIMIT_TREE_FILES) {
        return err_invalid("more than %d files, the limit of one artifact", LIMIT_TREE_FILES);
    }
    if (lstat(str_z(a, from), &st) != 0) return fs_error("rename", fs_base(from));
    if (S_ISREG(st.st_mode)) {
        *ARENA_PUSH(a, list->files, list->count, list->room) =
            (struct include_file){.path = to, .from = from, .executable = st.st_mode & 0111};
    }
    if (!S_ISDIR(st.st_mode)) return NULL;

    *ARENA_PUSH(a, list->files, list->count, list->room) = (struct include_file){.path = to};
    str *names;
    size_t count = 0;
    TRY(fs_list(a, from, &names, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(add(a, fs_join(a, from, names[i]), fs_join(a, to, names[i]), depth + 1, list));
    }
    return NULL;
}

err *include_add(arena *a, str folder, str from_path, str to_path, struct include_list *list)
{
    str from = below_root(a, from_path), to = below_root(a, to_path);
    if (!to.len) return err_invalid("the root of the repository cannot be replaced");
    return add(a, from.len ? fs_join(a, folder, from) : folder, to, 0, list);
}

err *include_read_ignores(arena *a, const struct include_list *list, struct ignore *ignore)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct include_file *file = &list->files[i];
        str text;
        if (!file->from.len || !str_is(fs_base(file->path), IGNORE_FILE)) continue;
        TRY(fs_read(a, file->from, LIMIT_IGNORE_BYTES, &text));
        ignore_add(ignore, fs_dir(file->path), text);
    }
    return NULL;
}

err *include_copy(const struct include_list *list, const struct ignore *ignore, struct crate *crate)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct include_file *file = &list->files[i];
        arena a AUTO(arena_done) = {0};
        str content;
        if (ignore_has(ignore, file->path, !file->from.len)) continue;
        if (!file->from.len) {
            TRY(crate_make_dir(crate, file->path));
            continue;
        }
        TRY(fs_read(&a, file->from, LIMIT_FILE_BYTES, &content));
        TRY(crate_put(crate, file->path, file->executable, content));
    }
    return NULL;
}
