#include "source/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/tar.h"

enum { DIR_MODE = 0750 };

/* What stat says of a file that nobody has touched. */
struct seal {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* The newest artifact of a source of ours. Lives in its own arena. */
struct current {
    arena arena;
    str path, digest;
    struct seal seal; /* of the file when its digest was last found right */
};

struct artifacts {
    arena arena;
    struct artifacts_options options;
    str temp_folder;
    struct artifact_trees *trees;
    pthread_mutex_t lock; /* guards what follows */
    struct map currents;  /* folder of the source to struct current */
    struct map holds;     /* user to struct hold */
};

struct hold { /* lives in its own arena */
    arena arena;
    str path;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

/* ---- The storage ---- */

err *artifact_open(struct artifacts_options options, struct artifacts **out)
{
    arena a = {0};
    struct artifacts *store = NEW(&a, struct artifacts);
    store->options = options;
    store->options.folder = str_dup(&a, options.folder);
    store->options.address = str_dup(&a, options.address);
    store->temp_folder = fs_join(&a, options.folder, STR("temp"));
    err *e = artifact_tree_open(fs_join(&a, options.folder, STR("tree")), store->temp_folder,
                                &store->trees);
    if (e) {
        arena_done(&a);
        return err_wrap(e, "storage");
    }
    pthread_mutex_init(&store->lock, NULL);
    store->arena = a;
    *out = store;
    return NULL;
}

static void current_free(struct current *current)
{
    if (!current) return;
    arena a = current->arena;
    arena_done(&a);
}

static void hold_free(struct hold *hold)
{
    if (!hold) return;
    arena a = hold->arena;
    arena_done(&a);
}

void artifact_close(struct artifacts *store)
{
    if (!store) return;
    artifact_tree_close(store->trees);
    MAP_EACH (&store->currents, entry)
        current_free(entry->value);
    map_done(&store->currents);
    MAP_EACH (&store->holds, entry)
        hold_free(entry->value);
    map_done(&store->holds);
    pthread_mutex_destroy(&store->lock);
    arena a = store->arena;
    arena_done(&a);
}

/* ---- status.artifact ---- */

bool artifact_from_node(const node *value, struct artifact *out)
{
    struct artifact artifact = {
        .revision = node_get_str(value, STR("revision")),
        .digest = node_get_str(value, STR("digest")),
        .path = node_get_str(value, STR("path")),
        .url = node_get_str(value, STR("url")),
        .size_bytes = node_get_int(value, STR("size"), 0),
    };
    if (!artifact.revision.len || !artifact.path.len || !artifact.url.len) return false;
    if (!clock_parse(node_get_str(value, STR("lastUpdateTime")), &artifact.updated_wall_ns)) {
        artifact.updated_wall_ns = 0;
    }
    *out = artifact;
    return true;
}

struct artifact artifact_copy(arena *a, const struct artifact *artifact)
{
    struct artifact copy = *artifact;
    str *texts[] = {&copy.revision, &copy.digest, &copy.path, &copy.url};
    for (size_t i = 0; i < COUNT(texts); i++)
        *texts[i] = str_dup(a, *texts[i]);
    return copy;
}

node *artifact_to_node(arena *a, const struct artifact *artifact)
{
    node *value = node_map(a);
    node_set_str(a, value, STR("digest"), artifact->digest);
    node_set_str(a, value, STR("lastUpdateTime"), clock_format(a, artifact->updated_wall_ns));
    node_set_str(a, value, STR("path"), artifact->path);
    node_set_str(a, value, STR("revision"), artifact->revision);
    node_set_int(a, value, STR("size"), artifact->size_bytes);
    node_set_str(a, value, STR("url"), artifact->url);
    return value;
}

/* ---- Digests ---- */

struct digest {
    str algorithm, hex;
    str text; /* "sha256:..." */
};

static bool is_lower_hex(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

static bool is_digest(const struct digest *digest)
{
    static const struct {
        const char *algorithm;
        size_t digits;
    } known[] = {{"sha256", 64}, {"sha384", 96}, {"sha512", 128}};
    for (size_t i = 0; i < COUNT(known); i++) {
        if (!str_is(digest->algorithm, known[i].algorithm)) continue;
        return digest->hex.len == known[i].digits && is_lower_hex(digest->hex);
    }
    return false;
}

/* "sha256:<hex>", or the bare hex of one. */
static err *parse_digest(arena *a, str text, struct digest *out)
{
    if (!text.len) return err_invalid("empty digest");
    struct digest digest = {.text = text};
    if (!str_cut(text, ':', &digest.algorithm, &digest.hex)) {
        digest = (struct digest){STR("sha256"), text, str_concat(a, STR("sha256:"), text)};
    }
    if (!is_digest(&digest)) {
        return err_invalid("failed to parse digest '" STR_FMT "'", STR_ARG(text));
    }
    *out = digest;
    return NULL;
}

static err *compare(arena *a, const struct digest *digest, struct hash_state *state)
{
    if (hash_equal(hash_hex(a, state), digest->hex)) return NULL;
    return err_invalid("computed digest doesn't match provided '" STR_FMT "'",
                       STR_ARG(digest->text));
}

static err *check_bytes(arena *a, const struct digest *digest, str bytes)
{
    struct hash_state *state AUTO(hash_state_done) = hash_new(str_z(a, digest->algorithm));
    hash_add(state, bytes);
    return compare(a, digest, state);
}

static err *check_file(arena *a, const struct digest *digest, int fd, str path)
{
    struct hash_state *state AUTO(hash_state_done) = hash_new(str_z(a, digest->algorithm));
    char piece[16 * 1024];
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fs_error("read", path);
        if (got == 0) return compare(a, digest, state);
        hash_add(state, str_from(piece, (size_t)got));
    }
}

/* ---- Paths ---- */

str artifact_url(const struct artifacts *store, arena *a, str path)
{
    str address = store->options.address;
    bool whole = str_starts(address, STR("http://")) || str_starts(address, STR("https://"));
    return str_printf(a, "%s" STR_FMT "/" STR_FMT, whole ? "" : "http://", STR_ARG(address),
                      STR_ARG(path));
}

static bool is_plain_name(str name)
{
    return name.len && name.data[0] != '.' && !str_has_char(name, '/') && !str_has_char(name, '\0');
}

/* KIND/NAMESPACE/NAME/FILE, and none of our own folders. */
static bool is_artifact_path(str path)
{
    str part, rest = path;
    int count = 0;
    while (str_next(&rest, '/', &part)) {
        if (!is_plain_name(part)) return false;
        if (count++ > 0) continue;
        if (str_is(part, "tree") || str_is(part, "temp") || str_is(part, "mirror")) return false;
    }
    return count == 4;
}

static str owner_folder(arena *a, struct artifact_owner owner)
{
    str path = str_printf(a, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(str_lower(a, owner.kind)),
                          STR_ARG(owner.namespace), STR_ARG(owner.name));
    must(is_artifact_path(str_concat(a, path, STR("/x"))));
    return path;
}

static str full_path(const struct artifacts *store, arena *a, str path)
{
    return fs_join(a, store->options.folder, path);
}

err *artifact_locate(const struct artifacts *store, arena *a, str path, str *file_out)
{
    struct stat st;
    str_strip_prefix(&path, STR("/"));
    if (is_artifact_path(path)) {
        str file = full_path(store, a, path);
        if (lstat(str_z(a, file), &st) == 0 && S_ISREG(st.st_mode)) {
            *file_out = file;
            return NULL;
        }
    }
    return err_not_found("file not found");
}

/* ---- What is current ---- */

static struct seal seal_of(const struct stat *st)
{
    return (struct seal){st->st_dev, st->st_ino, st->st_size, st->st_ctim};
}

static bool seal_is(const struct seal *seal, const struct stat *st)
{
    return seal->device == st->st_dev && seal->inode == st->st_ino && seal->size == st->st_size &&
           seal->changed.tv_sec == st->st_ctim.tv_sec &&
           seal->changed.tv_nsec == st->st_ctim.tv_nsec;
}

static struct current *current_new(str path, str digest, const struct stat *st)
{
    arena a = {0};
    struct current *current = NEW(&a, struct current);
    current->path = str_dup(&a, path);
    current->digest = str_dup(&a, digest);
    current->seal = seal_of(st);
    current->arena = a;
    return current;
}

/* Records the newest artifact of a source, whose tree stays; NULL: it has none any more. */
static void set_current(struct artifacts *store, str folder, struct current *current)
{
    if (current) artifact_tree_hold(store->trees, current->digest);
    pthread_mutex_lock(&store->lock);
    struct current *before =
        current ? map_put(&store->currents, folder, current) : map_remove(&store->currents, folder);
    pthread_mutex_unlock(&store->lock);
    if (before) artifact_tree_release(store->trees, before->digest);
    current_free(before);
}

/* Was this file found right before, and not touched since? */
static bool is_sealed(struct artifacts *store, str path, str digest, const struct stat *st)
{
    pthread_mutex_lock(&store->lock);
    const struct current *current = map_get(&store->currents, fs_dir(path));
    bool sealed = current && str_eq(current->path, path) && str_eq(current->digest, digest) &&
                  seal_is(&current->seal, st);
    pthread_mutex_unlock(&store->lock);
    return sealed;
}

err *artifact_verify(struct artifacts *store, const struct artifact *artifact)
{
    arena a AUTO(arena_done) = {0};
    struct digest digest;
    struct stat st;
    TRY(parse_digest(&a, artifact->digest, &digest));
    if (!is_artifact_path(artifact->path)) {
        return err_not_found("no artifact has the path '" STR_FMT "'", STR_ARG(artifact->path));
    }
    str path = full_path(store, &a, artifact->path);
    int fd AUTO(close_fd) = open(str_z(&a, path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) return fs_error("open", path);
    if (is_sealed(store, artifact->path, digest.text, &st)) return NULL;
    err *e = check_file(&a, &digest, fd, path);
    if (e) {
        if (err_is(e, ERR_INVALID)) err_free(fs_remove(path));
        return e;
    }
    set_current(store, fs_dir(artifact->path), current_new(artifact->path, digest.text, &st));
    return NULL;
}

/* ---- Making ---- */

err *artifact_stage(struct artifacts *store, arena *a, str *folder_out)
{
    return fs_temp_dir(a, store->temp_folder, STR("stage-"), folder_out);
}

/* A file that is being written; removed unless it was renamed. */
struct draft {
    int fd;
    char *path;
    struct hash_state *state;
    int64_t size_bytes;
};

static void draft_done(struct draft *draft)
{
    if (draft->fd >= 0) close(draft->fd);
    if (draft->path) unlink(draft->path);
    hash_free(draft->state);
}

static err *draft_open(struct artifacts *store, arena *a, struct draft *draft)
{
    char *path = str_z(a, fs_join(a, store->temp_folder, STR("draft-XXXXXX")));
    draft->fd = mkostemp(path, O_CLOEXEC); /* mode 0600 */
    if (draft->fd < 0) return fs_error("create a file in", store->temp_folder);
    draft->path = path;
    draft->state = hash_new("sha256");
    return NULL;
}

/* Syncs the draft and puts it in its place. */
static err *draft_publish(struct artifacts *store, arena *a, struct draft *draft,
                          struct artifact_owner owner, str file, str revision, struct artifact *out)
{
    str folder = owner_folder(a, owner), path = fs_join(a, folder, file);
    if (!is_artifact_path(path)) return err_invalid("'" STR_FMT "' is no file name", STR_ARG(file));
    struct stat st;
    if (fsync(draft->fd) != 0) return fs_error("sync", path);
    TRY(fs_make_dirs(full_path(store, a, folder), DIR_MODE));
    TRY(fs_rename(str_of(draft->path), full_path(store, a, path)));
    draft->path = NULL;
    if (fstat(draft->fd, &st) != 0)
        return fs_error("stat", path); /* after: a rename changes ctime */
    str digest = str_concat(a, STR("sha256:"), hash_hex(a, draft->state));
    *out = (struct artifact){
        .revision = str_dup(a, revision),
        .digest = digest,
        .path = path,
        .url = artifact_url(store, a, path),
        .updated_wall_ns = clock_wall_ns(),
        .size_bytes = draft->size_bytes,
    };
    set_current(store, folder, current_new(path, digest, &st));
    return NULL;
}

err *artifact_put_tree(struct artifacts *store, arena *a, struct artifact_owner owner, str file,
                       str revision, str folder, struct artifact *out)
{
    struct draft draft AUTO(draft_done) = {.fd = -1};
    struct artifact made;
    TRY(draft_open(store, a, &draft));
    TRY(tar_pack(folder, draft.fd, draft.state, &draft.size_bytes));
    TRY(draft_publish(store, a, &draft, owner, file, revision, &made));
    TRY(artifact_tree_put(store->trees, made.digest, folder));
    *out = made;
    return NULL;
}

err *artifact_put_file(struct artifacts *store, arena *a, struct artifact_owner owner, str file,
                       str revision, str content, struct artifact *out)
{
    struct draft draft AUTO(draft_done) = {.fd = -1};
    TRY(draft_open(store, a, &draft));
    for (str rest = content; rest.len;) {
        ssize_t put = write(draft.fd, rest.data, rest.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fs_error("write", file);
        rest = str_skip(rest, (size_t)put);
    }
    hash_add(draft.state, content);
    draft.size_bytes = (int64_t)content.len;
    return draft_publish(store, a, &draft, owner, file, revision, out);
}

/* ---- Keeping house ---- */

struct old_file {
    str path;
    int64_t written_ns;
};

void artifact_hold(struct artifacts *store, str user, str path)
{
    struct hold *hold = NULL;
    if (path.len) {
        arena a = {0};
        hold = NEW(&a, struct hold);
        hold->path = str_dup(&a, path);
        hold->arena = a;
    }
    pthread_mutex_lock(&store->lock);
    hold_free(hold ? map_put(&store->holds, user, hold) : map_remove(&store->holds, user));
    pthread_mutex_unlock(&store->lock);
}

static bool is_held(struct artifacts *store, str path)
{
    bool held = false;
    pthread_mutex_lock(&store->lock);
    MAP_EACH (&store->holds, entry)
        held |= str_eq(((const struct hold *)entry->value)->path, path);
    pthread_mutex_unlock(&store->lock);
    return held;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct old_file *)a)->written_ns,
            y = ((const struct old_file *)b)->written_ns;
    return x < y ? 1 : x > y ? -1 : 0;
}

err *artifact_collect(struct artifacts *store, struct artifact_owner owner,
                      const struct artifact *current, int *removed_out)
{
    arena a AUTO(arena_done) = {0};
    str folder = full_path(store, &a, owner_folder(&a, owner)), *names = NULL;
    size_t name_count = 0, count = 0, room = 0;
    struct old_file *files = NULL;
    *removed_out = 0;
    err *e = fs_list(&a, folder, &names, &name_count);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return NULL;
    }
    if (e) return e;
    for (size_t i = 0; i < MIN(name_count, (size_t)LIMIT_ARTIFACT_FILES); i++) {
        struct stat st;
        str path = fs_join(&a, folder, names[i]);
        if (current && str_eq(names[i], fs_base(current->path))) continue;
        if (lstat(str_z(&a, path), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        *ARENA_PUSH(&a, files, count, room) =
            (struct old_file){path, st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec};
    }
    if (count) qsort(files, count, sizeof *files, newest_first);
    size_t kept = current ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        bool old = clock_wall_ns() - files[i].written_ns > store->options.retention_ttl_ns;
        if (!old && kept < (size_t)store->options.retention_records) {
            kept++;
            continue;
        }
        str path = fs_join(&a, owner_folder(&a, owner), fs_base(files[i].path));
        if (is_held(store, path)) continue;
        TRY(fs_remove(files[i].path));
        ++*removed_out;
    }
    return NULL;
}

err *artifact_remove(struct artifacts *store, struct artifact_owner owner)
{
    arena a AUTO(arena_done) = {0};
    str folder = owner_folder(&a, owner);
    set_current(store, folder, NULL);
    return fs_remove_tree(full_path(store, &a, folder));
}

/* ---- Using ---- */

/* The bytes from wherever the artifact was made. */
static err *download(struct artifacts *store, arena *a, const struct artifact *artifact,
                     const atomic_bool *cancel, size_t limit_bytes, str *out)
{
    if (!store->options.http) return err_not_found("file not found");
    struct http_request request = {
        .url = artifact->url, .cancel = cancel, .body_limit = limit_bytes};
    struct http_response response;
    err *e = http_do(store->options.http, a, &request, &response);
    if (e) return err_wrap(e, "failed to download archive");
    if (response.status == 404) return err_with_status(err_not_found("file not found"), 404);
    if (response.status != 200) {
        e = err_transient("failed to download archive from " STR_FMT " (status: %d)",
                          STR_ARG(artifact->url), response.status);
        return err_with_status(e, response.status);
    }
    *out = response.body;
    return NULL;
}

/* Is the file here, and right? Anything else is asked for where it was made. */
static bool is_here(struct artifacts *store, const struct artifact *artifact)
{
    err *e AUTO(err_done) = artifact_verify(store, artifact);
    return !e;
}

static err *fetch(struct artifacts *store, arena *a, const struct artifact *artifact,
                  const struct digest *digest, const atomic_bool *cancel, size_t limit_bytes,
                  str *out)
{
    TRY(download(store, a, artifact, cancel, limit_bytes, out));
    err *e = check_bytes(a, digest, *out);
    return e ? err_wrap(e, "failed to verify archive") : NULL;
}

struct unpacking {
    struct artifacts *store;
    const struct artifact *artifact;
    const struct digest *digest;
    const atomic_bool *cancel;
};

static err *unpack(void *context, str folder)
{
    const struct unpacking *u = context;
    arena a AUTO(arena_done) = {0};
    struct crate crate AUTO(crate_close) = {0};
    struct tar_options options = {.skip_links = true};
    TRY(crate_open(folder, &crate));
    err *e;
    if (is_here(u->store, u->artifact)) {
        e = tar_unpack_file(full_path(u->store, &a, u->artifact->path), &options, &crate);
    } else {
        str bytes;
        TRY(fetch(u->store, &a, u->artifact, u->digest, u->cancel, 0, &bytes));
        e = tar_unpack(bytes, &options, &crate);
    }
    return e ? err_wrap(e, "failed to extract archive") : NULL;
}

err *artifact_tree(struct artifacts *store, const struct artifact *artifact,
                   const atomic_bool *cancel, struct artifact_tree **out)
{
    arena a AUTO(arena_done) = {0};
    struct digest digest;
    err *e = parse_digest(&a, artifact->digest, &digest);
    if (e) return err_wrap(e, "failed to verify archive");
    struct unpacking unpacking = {store, artifact, &digest, cancel};
    return artifact_tree_get(store->trees, digest.text, unpack, &unpacking, out);
}

err *artifact_bytes(struct artifacts *store, arena *a, const struct artifact *artifact,
                    size_t limit_bytes, const atomic_bool *cancel, str *out)
{
    struct digest digest;
    err *e = parse_digest(a, artifact->digest, &digest);
    if (e) return err_wrap(e, "failed to verify archive");
    if (is_here(store, artifact)) {
        return fs_read(a, full_path(store, a, artifact->path), limit_bytes, out);
    }
    return fetch(store, a, artifact, &digest, cancel, limit_bytes, out);
}
