#include "image/tag_store.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"

/* compat: the place and the form of Flux's own store. */
static str folder_of(arena *a, str storage, str namespace, str name)
{
    return str_printf(a, STR_FMT "/imagerepository/" STR_FMT "/" STR_FMT, STR_ARG(storage),
                      STR_ARG(namespace), STR_ARG(name));
}

static int descending(const void *x, const void *y)
{
    return str_order(y, x);
}

static str text_of(arena *a, const struct tag_list *list)
{
    buf b = BUF(a);
    for (size_t i = 0; i < list->count; i++) {
        buf_add(&b, list->items[i]);
        buf_add_char(&b, '\n');
    }
    return buf_str(&b);
}

static str revision_of(arena *a, str text)
{
    return str_concat(a, STR("sha256:"), hash_sha256_hex(a, text));
}

struct tag_list tag_store_order(arena *a, str *tags, size_t count)
{
    struct tag_list list = {.items = tags};
    if (count) qsort(tags, count, sizeof *tags, descending);
    for (size_t i = 0; i < count; i++) {
        if (list.count && str_eq(tags[i], tags[list.count - 1])) continue;
        tags[list.count++] = tags[i];
    }
    list.revision = revision_of(a, text_of(a, &list));
    return list;
}

err *tag_store_save(str storage, str namespace, str name, const struct tag_list *list)
{
    arena a AUTO(arena_done) = {0};
    str folder = folder_of(&a, storage, namespace, name);
    TRY(fs_make_dirs(folder, 0700));
    /* The revision stands in front, so that a damaged file is known for one. */
    bool fits = !str_has_char(list->etag, '\n') && list->etag.len <= LIMIT_OCI_ETAG_BYTES;
    str etag = fits ? list->etag : (str){0};
    str text = str_printf(&a, STR_FMT "\n" STR_FMT "\n" STR_FMT, STR_ARG(list->revision),
                          STR_ARG(etag), STR_ARG(text_of(&a, list)));
    return fs_write(fs_join(&a, folder, STR("tags.txt")), text, 0600);
}

err *tag_store_load(arena *a, str storage, str namespace, str name, struct tag_list *out)
{
    struct tag_list list = {0};
    str path = fs_join(a, folder_of(a, storage, namespace, name), STR("tags.txt")), text, line;
    *out = list;
    err *e = fs_read(a, path, (size_t)LIMIT_OCI_TAGS * (LIMIT_OCI_TAG_BYTES + 1), &text);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    if (!str_cut(text, '\n', &list.revision, &text) || !str_cut(text, '\n', &list.etag, &text) ||
        !str_eq(list.revision, revision_of(a, text)))
        return NULL;
    size_t room = 0;
    while (str_next(&text, '\n', &line))
        if (line.len) *ARENA_PUSH(a, list.items, list.count, room) = line;
    *out = list;
    return NULL;
}

err *tag_store_remove(str storage, str namespace, str name)
{
    arena a AUTO(arena_done) = {0};
    return fs_remove_tree(folder_of(&a, storage, namespace, name));
}
