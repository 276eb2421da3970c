/*
 * A whole build. The input is a tree of files: a line "=== name" begins a file,
 * '/' in a name makes folders. What is built is printed and built again from
 * what was printed: that has to give the same text.
 */
#include "render/kustomize.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only names that stay where they are put. */
static bool is_usable(str name)
{
    if (!name.len || name.len > 40) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i], lower = c | 0x20;
        bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
        bool divider = (c == '.' || c == '/') && i > 0 && name.data[i - 1] != c;
        if (!plain && !divider) return false;
    }
    return name.data[name.len - 1] != '/';
}

static void put(arena *a, str root, str name, str content)
{
    if (!is_usable(name)) return;
    str path = fs_join(a, root, name);
    err *e = fs_make_dirs(fs_dir(path), 0755);
    if (!e) e = fs_write(path, content, 0644);
    err_free(e);
}

static void unpack(arena *a, str root, str text)
{
    str line, name = {0}, rest = text;
    const char *begin = NULL;
    while (str_next_line(&rest, &line)) {
        if (!str_starts(line, STR("=== "))) continue;
        if (begin) put(a, root, name, str_from(begin, (size_t)(line.data - begin)));
        name = str_skip(line, 4);
        begin = rest.data ? rest.data : text.data + text.len;
    }
    if (begin) put(a, root, name, str_from(begin, (size_t)(text.data + text.len - begin)));
}

static err *build(arena *a, str root, const struct kustomize_options *options, str *out)
{
    struct tree *tree AUTO(tree_unref_done) = NULL;
    struct kustomize_output output;
    TRY(tree_open(root, &tree));
    TRY(kustomize_build(a, tree, STR("."), options, &output));
    return kustomize_text(a, &output, out);
}

/* A folder with nothing but the output builds to the output. */
static void build_again(arena *a, str root, str text)
{
    str again, folder = fs_join(a, root, STR("again"));
    static const struct overlay none = {0};
    struct kustomize_options options = {.overlay = &none};
    put(a, folder, STR("all.yaml"), text);
    err *e AUTO(err_done) = build(a, folder, &options, &again);
    if (e || !text.len) return; /* an object that has lost its name, or two with one name */
    must(str_eq(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str root, text;
    const char *temp = getenv("TMPDIR");
    must(!fs_temp_dir(&a, temp ? str_of(temp) : STR("/tmp"), STR("fuzz-kustomize-"), &root));
    unpack(&a, root, str_from((const char *)data, size));

    static const struct overlay none = {.namespace = STR("over")};
    struct kustomize_options command = KUSTOMIZE_COMMAND;
    struct kustomize_options controller = {.overlay = &none};
    err *e = build(&a, root, &controller, &text);
    err_free(e);
    e = build(&a, root, &command, &text);
    if (!e) build_again(&a, root, text);
    err_free(e);
    must(!fs_remove_tree(root));
    return 0;
}
