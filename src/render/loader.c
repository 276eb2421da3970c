#include "render/loader.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "net/url.h"
#include "render/kustfile.h"

str loader_root(const struct loader *loader)
{
    return tree_show(loader->shared->tree, loader->root);
}

/* --- Remote places, which are recognised to be refused --- */

static bool has_scheme(str text, const char *scheme)
{
    return str_eq_fold(str_head(text, strlen(scheme)), str_of(scheme));
}

static bool is_http(str path)
{
    return has_scheme(path, "http://") || has_scheme(path, "https://");
}

/* "user@host:path" or "user@host/path", where a user is letters, digits and '-'. */
static bool has_user(str text)
{
    str user, rest;
    if (!str_cut(text, '@', &user, &rest) || !user.len) return false;
    if (!((user.data[0] | 0x20) >= 'a' && (user.data[0] | 0x20) <= 'z')) return false;
    for (size_t i = 0; i < user.len; i++) {
        char c = user.data[i], lower = c | 0x20;
        if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    }
    return str_has_char(rest, ':') || str_has_char(rest, '/');
}

bool loader_is_remote(str path)
{
    str_strip_prefix(&path, STR("git::"));
    return is_http(path) || has_scheme(path, "ssh://") || has_scheme(path, "file://") ||
           has_scheme(path, "github.com/") || has_scheme(path, "github.com:") || has_user(path);
}

static err *refuse_remote(arena *a, str path)
{
    str shown = path;
    if (str_find(path, STR("://")) >= 0) shown = url_redact(a, path);
    return err_denied("remote resource '" STR_FMT
                      "' is not allowed: a build reads the files of its "
                      "own source only; copy it into the repository or make it a source of its own",
                      STR_ARG(shown));
}

/* --- Paths --- */

/* The path seen from the folder `root`, cleaned by its text as the reference does. In an artifact
 * ".." may not lead above the root, where it would count for nothing. */
static err *join(arena *a, const struct loading *shared, str root, str path, str *out)
{
    str whole = fs_join(a, root, path), rest = whole, part;
    ptrdiff_t depth = 0;
    while (str_next(&rest, '/', &part)) {
        if (part.len && !str_is(part, ".")) depth += str_is(part, "..") ? -1 : 1;
        if (depth < 0 && !tree_is_whole(shared->tree))
            return err_denied("path '" STR_FMT "' leads out of the source", STR_ARG(path));
    }
    *out = fs_clean(a, whole);
    return NULL;
}

static bool is_below(str path, str root)
{
    if (root.len == 1) return true;
    return str_starts(path, root) && (path.len == root.len || path.data[root.len] == '/');
}

/* An absolute path means something to the user of a command, but not inside an artifact. */
static err *refuse_absolute(const struct loading *shared, str path)
{
    if (tree_is_whole(shared->tree) || !str_starts(path, STR("/"))) return NULL;
    return err_denied("path '" STR_FMT
                      "' is absolute: a build reads the files of its own source only",
                      STR_ARG(path));
}

/* `path` is looked up, `shown` is what the message quotes. */
static err *find(arena *a, const struct loading *shared, str path, str shown, str *real_out,
                 enum tree_kind *kind_out)
{
    err *e = tree_find(a, shared->tree, path, real_out, kind_out);
    return e ? err_wrap(e, "evalsymlink failure on '" STR_FMT "' ", STR_ARG(shown)) : NULL;
}

static err *find_folder(arena *a, const struct loading *shared, str path, str shown, str *real_out)
{
    enum tree_kind kind;
    err *e = find(a, shared, path, shown, real_out, &kind);
    if (e) return err_wrap(e, "must build at directory: not a valid directory");
    if (kind != TREE_DIR)
        return err_invalid("must build at directory: '" STR_FMT "': file is not directory",
                           STR_ARG(shown));
    return NULL;
}

static err *new_loader(arena *a, struct loading *shared, const struct loader *referrer, str root,
                       const struct loader **out)
{
    if (++shared->folders > LIMIT_RENDER_FOLDERS)
        return err_invalid("more than %d kustomizations take part, the limit of one build",
                           LIMIT_RENDER_FOLDERS);
    uint32_t depth = referrer ? referrer->depth + 1 : 0;
    if (depth > LIMIT_RENDER_DEPTH)
        return err_invalid("kustomizations are nested more than %d deep, the limit of one build",
                           LIMIT_RENDER_DEPTH);
    struct loader *loader = NEW(a, struct loader);
    *loader = (struct loader){.shared = shared, .referrer = referrer, .root = root, .depth = depth};
    *out = loader;
    return NULL;
}

err *loader_open(arena *a, struct loading *shared, str working_dir, str path,
                 const struct loader **out)
{
    if (loader_is_remote(path)) return refuse_remote(a, path);
    str whole = str_starts(path, STR("/")) ? path : fs_join(a, working_dir, path), root;
    TRY(find_folder(a, shared, whole, path, &root));
    return new_loader(a, shared, NULL, root, out);
}

/* compat: own-err-ambiguous-path-dots. A part such as "..a" is mostly a list item of YAML that was
 * indented wrongly. */
static err *check_dots(arena *a, str path)
{
    str rest = path, part;
    while (str_next(&rest, '/', &part)) {
        if (part.len <= 2 || str_find(part, STR("..")) < 0) continue;
        return err_invalid("path \"" STR_FMT "\" is ambiguous: resolves to \"" STR_FMT
                           "\" after normalization, which is likely not the intended target; check "
                           "for YAML indentation errors in your kustomization file",
                           STR_ARG(path), STR_ARG(fs_clean(a, path)));
    }
    return NULL;
}

err *loader_enter(arena *a, const struct loader *from, str path, const struct loader **out)
{
    if (!path.len) return err_invalid("new root cannot be empty");
    if (loader_is_remote(path)) return refuse_remote(a, path);
    if (path.data[0] == '/')
        return err_invalid("new root '" STR_FMT "' cannot be absolute", STR_ARG(path));
    TRY(check_dots(a, path));

    struct loading *shared = from->shared;
    str wanted, root;
    TRY(join(a, shared, from->root, path, &wanted));
    TRY(find_folder(a, shared, wanted, tree_show(shared->tree, wanted), &root));
    for (const struct loader *it = from; it; it = it->referrer) {
        if (!is_below(it->root, root)) continue;
        return err_invalid("cycle detected: candidate root '" STR_FMT
                           "' contains visited root '" STR_FMT "'",
                           STR_ARG(tree_show(shared->tree, root)), STR_ARG(loader_root(it)));
    }
    return new_loader(a, shared, from, root, out);
}

/* --- Files --- */

static err *check_root_only(arena *a, const struct loader *loader, str path)
{
    const struct tree *tree = loader->shared->tree;
    str real;
    enum tree_kind kind;
    TRY(find(a, loader->shared, path, tree_show(tree, path), &real, &kind));
    if (kind == TREE_DIR)
        return err_invalid("'" STR_FMT "' must resolve to a file", STR_ARG(tree_show(tree, path)));
    if (!is_below(fs_dir(real), loader->root))
        return err_denied("security; file '" STR_FMT "' is not in or below '" STR_FMT "'",
                          STR_ARG(tree_show(tree, path)), STR_ARG(loader_root(loader)));
    return NULL;
}

err *loader_read(arena *a, const struct loader *loader, str path, str *out)
{
    struct loading *shared = loader->shared;
    if (is_http(path)) return refuse_remote(a, path);
    TRY(refuse_absolute(shared, path));
    str whole = path;
    if (!str_starts(path, STR("/"))) TRY(join(a, shared, loader->root, path, &whole));
    if (shared->root_only) TRY(check_root_only(a, loader, whole));
    TRY(tree_read(a, shared->tree, whole, LIMIT_FILE_BYTES, out));
    shared->bytes += out->len;
    if (shared->bytes > LIMIT_RENDER_INPUT_BYTES)
        return err_invalid("more than %u bytes of files take part, the limit of one build",
                           LIMIT_RENDER_INPUT_BYTES);
    return NULL;
}

/* compat: a file that cannot be read counts as none, whatever the reason. */
err *loader_read_kustomization(arena *a, const struct loader *loader, str *name_out, str *text_out)
{
    size_t found = 0;
    for (size_t i = 0; i < KUSTFILE_NAME_COUNT; i++) {
        str text;
        err *e AUTO(err_done) = loader_read(a, loader, kustfile_names[i], &text);
        if (e || found++) continue;
        *name_out = kustfile_names[i];
        *text_out = text;
    }
    str root = loader_root(loader);
    if (found > 1)
        return err_invalid("Found multiple kustomization files under: " STR_FMT "\n",
                           STR_ARG(root));
    if (found == 1) return NULL;
    return err_invalid("unable to find one of 'kustomization.yaml', 'kustomization.yml' or "
                       "'Kustomization' in directory '" STR_FMT "'",
                       STR_ARG(root));
}
