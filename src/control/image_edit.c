#include "control/image_edit.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/limits.h"

struct image_edit_memory {
    struct map without; /* sha of contents without a marker */
};

struct image_edit_memory *image_edit_new(void)
{
    return lang_zalloc(sizeof(struct image_edit_memory));
}

void image_edit_free(struct image_edit_memory *memory)
{
    if (!memory) return;
    map_done(&memory->without);
    free(memory);
}

struct looking {
    arena *a;
    str folder; /* without slashes at its ends */
    const struct setter_policies *policies;
    struct image_edit_memory *memory;
    const struct entry **files;
    size_t file_count, file_room, change_room, edit_room, problem_room;
    struct image_edit *out;
};

/* "./apps/" and "/apps" are "apps"; nothing may lead above the root. */
static err *clean_folder(arena *a, str folder, str *out)
{
    str clean = fs_clean(a, folder);
    while (str_strip_prefix(&clean, STR("/")))
        continue;
    if (str_is(clean, "..") || str_starts(clean, STR("../"))) {
        return err_invalid("spec.update.path: '" STR_FMT "' leads out of the repository",
                           STR_ARG(folder));
    }
    *out = str_is(clean, ".") ? (str){0} : clean;
    return NULL;
}

/* Is the path the folder, or below it? */
static bool is_below(str path, str folder)
{
    if (!folder.len) return true;
    return str_strip_prefix(&path, folder) && (!path.len || path.data[0] == '/');
}

static void choose(struct looking *l, const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];
        bool taken = entry->kind == ENTRY_FILE && setter_takes_name(entry->path) &&
                     is_below(entry->path, l->folder) && !map_has(&l->memory->without, entry->sha);
        if (taken) *ARENA_PUSH(l->a, l->files, l->file_count, l->file_room) = entry;
    }
}

static err *check_folder(const struct looking *l, const struct entry *entries, size_t count)
{
    for (size_t i = 0; l->folder.len && i < count; i++) {
        const struct entry *entry = &entries[i];
        if (entry->kind == ENTRY_LINK && is_below(l->folder, entry->path)) {
            return err_invalid("spec.update.path: '" STR_FMT "' is, or goes through, a symbolic "
                               "link; name the folder that it leads to",
                               STR_ARG(l->folder));
        }
        if (is_below(entry->path, l->folder)) return NULL;
    }
    if (!l->folder.len) return NULL;
    return err_not_found("spec.update.path: lstat " STR_FMT ": no such file or directory",
                         STR_ARG(l->folder));
}

static void remember(struct looking *l, str sha)
{
    if (l->memory->without.count >= LIMIT_MARKERLESS) map_clear(&l->memory->without);
    map_put(&l->memory->without, sha, l->memory);
}

static void add(struct looking *l, const struct entry *file, const struct setter_result *result)
{
    struct image_edit *out = l->out;
    size_t count = out->count;
    str path = str_skip(file->path, l->folder.len ? l->folder.len + 1 : 0);
    *ARENA_PUSH(l->a, out->files, count, l->change_room) =
        (struct change_file){file->path, result->text, file->executable};
    *ARENA_PUSH(l->a, out->edits, out->count, l->edit_room) =
        (struct image_edit_file){path, result->changes, result->count};
}

static err *take_file(void *context, size_t index, str content)
{
    struct looking *l = context;
    const struct entry *file = l->files[index];
    struct setter_result result;
    if (!setter_takes_text(content)) {
        remember(l, file->sha);
        return NULL;
    }
    err *e = setter_edit(l->a, str_dup(l->a, content), l->policies, &result);
    if (e) {
        *ARENA_PUSH(l->a, l->out->problems, l->out->problem_count, l->problem_room) =
            str_printf(l->a, STR_FMT ": " STR_FMT, STR_ARG(file->path), STR_ARG(err_text(e)));
        err_free(e);
        return NULL;
    }
    l->out->markers += result.markers;
    if (result.count) add(l, file, &result);
    return NULL;
}

err *image_edit_run(struct mirror *mirror, arena *a, str sha, str folder,
                    const struct setter_policies *policies, struct image_edit_memory *memory,
                    struct image_edit *out)
{
    struct looking looking = {.a = a, .policies = policies, .memory = memory, .out = out};
    struct entry *entries;
    size_t count;
    *out = (struct image_edit){0};
    TRY(clean_folder(a, folder, &looking.folder));
    TRY(mirror_list(mirror, a, sha, &entries, &count));
    TRY(check_folder(&looking, entries, count));
    choose(&looking, entries, count);
    return mirror_each(mirror, a, looking.files, looking.file_count, LIMIT_SPAN_BYTES, take_file,
                       &looking);
}
