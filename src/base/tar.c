#include "base/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"

enum { DIR_MODE = 0750, FILE_MODE = 0600, EXECUTABLE_MODE = 0700, PIECE_BYTES = 64 * 1024 };

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
}

/* ---- Names are UTF-8, whatever the locale of the process is ---- */

static locale_t utf8;

static void make_utf8(void)
{
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static locale_t enter_utf8(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_utf8);
    return utf8 ? uselocale(utf8) : (locale_t)0;
}

static void leave_utf8(locale_t *before)
{
    if (*before) uselocale(*before);
}

/* ---- Writing ---- */

struct packer {
    struct archive *archive;
    struct archive_entry *entry;
    struct hash_state *digest;
    int fd;
    int64_t size_bytes;
    size_t file_count;
};

static void packer_done(struct packer *packer)
{
    archive_entry_free(packer->entry);
    archive_write_free(packer->archive);
}

static la_ssize_t packed(struct archive *archive, void *context, const void *data, size_t len)
{
    struct packer *packer = context;
    ssize_t put = write(packer->fd, data, len);
    if (put < 0) {
        archive_set_error(archive, errno, "write the archive");
        return errno == EINTR ? ARCHIVE_RETRY : -1;
    }
    if (packer->digest) hash_add(packer->digest, str_from(data, (size_t)put));
    packer->size_bytes += put;
    return put;
}

static err *archive_failed(struct archive *archive, str name)
{
    const char *why = archive_error_string(archive);
    return err_transient("pack '" STR_FMT "': %s", STR_ARG(name), why ? why : "unknown error");
}

static err *pack_header(struct packer *packer, str name, bool is_dir, bool executable, int64_t size)
{
    if (++packer->file_count > LIMIT_TREE_FILES + 1) {
        return err_invalid("more than %d files, the limit of one artifact", LIMIT_TREE_FILES);
    }
    arena a AUTO(arena_done) = {0};
    struct archive_entry *entry = archive_entry_clear(packer->entry);
    archive_entry_set_pathname(entry, str_z(&a, name));
    archive_entry_set_filetype(entry, is_dir ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(entry, is_dir ? DIR_MODE : executable ? EXECUTABLE_MODE : FILE_MODE);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, 0, 0);
    /* ARCHIVE_WARN: a name that is not UTF-8 goes in as it is. */
    if (archive_write_header(packer->archive, entry) < ARCHIVE_WARN) {
        return archive_failed(packer->archive, name);
    }
    return NULL;
}

/* The size in the header is a promise: a file that shrinks under us is an error. */
static err *pack_file(struct packer *packer, int dir, const char *base, str name)
{
    int fd AUTO(close_fd) = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) return fs_error("open", name);
    TRY(pack_header(packer, name, false, st.st_mode & 0111, st.st_size));
    char piece[PIECE_BYTES / 4]; /* workers have small stacks */
    for (int64_t left = st.st_size; left > 0;) {
        ssize_t got = read(fd, piece, (size_t)MIN(left, (int64_t)sizeof piece));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return fs_error("read", name);
        if (archive_write_data(packer->archive, piece, (size_t)got) != got) {
            return archive_failed(packer->archive, name);
        }
        left -= got;
    }
    return NULL;
}

/* Sorted names of an open folder. Takes the descriptor. */
static err *list_dir(arena *a, int fd, str path, str **names_out, size_t *count_out)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return fs_error("open folder", path);
    }
    size_t count = 0, room = 0;
    str *names = NULL;
    for (struct dirent *entry; (entry = readdir(dir));) {
        str name = str_of(entry->d_name);
        if (str_is(name, ".") || str_is(name, "..")) continue;
        *ARENA_PUSH(a, names, count, room) = str_from(str_z(a, name), name.len);
    }
    closedir(dir);
    if (count) qsort(names, count, sizeof *names, str_order);
    *names_out = names;
    *count_out = count;
    return NULL;
}

static err *pack_dir(struct packer *packer, int parent, const char *base, str path, int depth);

static err *pack_name(struct packer *packer, arena *a, int dir, str name, str path, int depth)
{
    struct stat st;
    str inner = path.len ? fs_join(a, path, name) : name;
    if (fstatat(dir, name.data, &st, AT_SYMLINK_NOFOLLOW) != 0) return fs_error("stat", inner);
    if (S_ISDIR(st.st_mode)) return pack_dir(packer, dir, name.data, inner, depth + 1);
    if (S_ISREG(st.st_mode)) return pack_file(packer, dir, name.data, inner);
    return NULL;
}

/* path is "" for the root, which is packed as ".". */
static err *pack_dir(struct packer *packer, int parent, const char *base, str path, int depth)
{
    if (depth > LIMIT_TREE_DEPTH) {
        return err_invalid("more than %d folders within each other, the limit", LIMIT_TREE_DEPTH);
    }
    arena a AUTO(arena_done) = {0};
    int fd AUTO(close_fd) = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fs_error("open folder", path);
    TRY(pack_header(packer, path.len ? path : STR("."), true, false, 0));
    str *names = NULL;
    size_t count = 0;
    TRY(list_dir(&a, fcntl(fd, F_DUPFD_CLOEXEC, 0), path, &names, &count));
    for (size_t i = 0; i < count; i++)
        TRY(pack_name(packer, &a, fd, names[i], path, depth));
    return NULL;
}

err *tar_pack(str folder, int fd, struct hash_state *digest, int64_t *size_out)
{
    arena a AUTO(arena_done) = {0};
    locale_t before UNUSED AUTO(leave_utf8) = enter_utf8();
    struct packer packer AUTO(packer_done) = {
        .archive = archive_write_new(), .entry = archive_entry_new(), .digest = digest, .fd = fd};
    must(packer.archive && packer.entry);
    archive_write_set_format_pax_restricted(
        packer.archive); /* ustar, and pax where that is too small */
    archive_write_add_filter_gzip(packer.archive);
    archive_write_set_options(packer.archive, "gzip:!timestamp");
    archive_write_set_bytes_in_last_block(packer.archive, 1);
    if (archive_write_open(packer.archive, &packer, NULL, packed, NULL) != ARCHIVE_OK) {
        return archive_failed(packer.archive, folder);
    }
    TRY(pack_dir(&packer, AT_FDCWD, str_z(&a, folder), (str){0}, 0));
    if (archive_write_close(packer.archive) != ARCHIVE_OK) {
        return archive_failed(packer.archive, folder);
    }
    *size_out = packer.size_bytes;
    return NULL;
}

static la_ssize_t gathered(struct archive *archive, void *context, const void *data, size_t size)
{
    (void)archive;
    buf_add_bytes(context, data, size);
    return (la_ssize_t)size;
}

str tar_gzip(arena *a, str bytes)
{
    buf out = BUF(a);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    must(archive && entry);
    archive_write_set_format_raw(archive);
    archive_write_add_filter_gzip(archive);
    archive_write_set_options(archive, "gzip:!timestamp,gzip:compression-level=1");
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_entry_set_filetype(entry, AE_IFREG);
    bool good = archive_write_open(archive, &out, NULL, gathered, NULL) == ARCHIVE_OK &&
                archive_write_header(archive, entry) == ARCHIVE_OK &&
                archive_write_data(archive, bytes.data, bytes.len) == (la_ssize_t)bytes.len &&
                archive_write_close(archive) == ARCHIVE_OK;
    must(good); /* it goes to memory, and nothing in it can be wrong */
    archive_entry_free(entry);
    archive_write_free(archive);
    return buf_str(&out);
}

/* ---- Reading ---- */

struct tar_reader {
    struct archive *archive;
    struct tar_options options;
    size_t entry_count;
    struct tar_entry entry; /* at hand */
};

static void reader_done(struct tar_reader *reader)
{
    archive_read_free(reader->archive);
}

static err *damaged(struct tar_reader *reader)
{
    const char *why = archive_error_string(reader->archive);
    return err_invalid("not a whole tar.gz archive: %s", why ? why : "it is empty");
}

static err *too_big(struct tar_reader *reader)
{
    return err_invalid("unpacks to more than %lld bytes, the limit",
                       (long long)reader->options.max_bytes);
}

/* What came out of the decompressor so far: no header can lie about that. */
static err *check_size(struct tar_reader *reader)
{
    int64_t seen = archive_filter_bytes(reader->archive, 0);
    return seen > reader->options.max_bytes ? too_big(reader) : NULL;
}

/* The filter and the format are set by hand: libarchive's own guess would take a gzip within a gzip
 * within a gzip, and anything else it knows. */
static err *reader_init(struct tar_reader *reader, const struct tar_options *options)
{
    *reader = (struct tar_reader){.archive = archive_read_new()};
    must(reader->archive);
    if (options) reader->options = *options;
    if (!reader->options.max_bytes) reader->options.max_bytes = LIMIT_TREE_BYTES;
    if (!reader->options.max_file_bytes) reader->options.max_file_bytes = reader->options.max_bytes;
    if (archive_read_append_filter(reader->archive, ARCHIVE_FILTER_GZIP) != ARCHIVE_OK ||
        archive_read_set_format(reader->archive, ARCHIVE_FORMAT_TAR) != ARCHIVE_OK) {
        return damaged(reader);
    }
    return NULL;
}

static err *unsupported(str name, const char *what)
{
    return err_invalid("tar file entry '" STR_FMT "' is %s: unsupported file type", STR_ARG(name),
                       what);
}

static const char *kind_name(mode_t kind)
{
    switch (kind) {
    case AE_IFLNK:
        return "a symbolic link";
    case AE_IFCHR:
        return "a character device";
    case AE_IFBLK:
        return "a block device";
    case AE_IFIFO:
        return "a pipe";
    case AE_IFSOCK:
        return "a socket";
    default:
        return "of an unknown type";
    }
}

/* Judges a header. *wanted is false for what is passed over. */
static err *read_entry(struct tar_reader *reader, struct archive_entry *header, bool *wanted)
{
    struct tar_entry *entry = &reader->entry;
    const char *raw = archive_entry_pathname(header);
    if (!raw) raw = archive_entry_pathname_utf8(header);
    *entry = (struct tar_entry){.name = str_of(raw), .size_bytes = archive_entry_size(header)};
    err *e = crate_check(entry->name);
    if (e) return err_wrap(e, "tar contained invalid name");
    if (++reader->entry_count > LIMIT_TREE_FILES) {
        return err_invalid("more than %d files, the limit of one artifact", LIMIT_TREE_FILES);
    }
    if (entry->size_bytes < 0 || entry->size_bytes > reader->options.max_bytes)
        return too_big(reader);

    mode_t kind = archive_entry_filetype(header);
    *wanted = kind != AE_IFLNK || !reader->options.skip_links;
    if (!*wanted) return NULL;
    if (archive_entry_hardlink(header)) return unsupported(entry->name, "a hard link");
    if (kind != AE_IFREG && kind != AE_IFDIR) return unsupported(entry->name, kind_name(kind));
    if (archive_entry_sparse_count(header)) return unsupported(entry->name, "sparse");
    if (entry->size_bytes > reader->options.max_file_bytes) {
        return err_invalid("'" STR_FMT "' has more than %lld bytes, the limit of one file",
                           STR_ARG(entry->name), (long long)reader->options.max_file_bytes);
    }
    entry->is_dir = kind == AE_IFDIR;
    entry->executable = archive_entry_perm(header) & 0111;
    return NULL;
}

static err *each(struct tar_reader *reader, tar_take_fn *take, void *context)
{
    for (;;) {
        struct archive_entry *header;
        int result = archive_read_next_header(reader->archive, &header);
        if (result == ARCHIVE_EOF && archive_filter_bytes(reader->archive, 0) > 0) return NULL;
        if (result < ARCHIVE_WARN || result == ARCHIVE_EOF) return damaged(reader);
        TRY(check_size(reader));
        bool wanted = false;
        TRY(read_entry(reader, header, &wanted));
        if (wanted) TRY(take(context, reader, &reader->entry));
    }
}

/* Content in pieces. False at the end. */
static err *next_piece(struct tar_reader *reader, str *piece, bool *more)
{
    const void *data;
    size_t len;
    la_int64_t offset;
    int result = archive_read_data_block(reader->archive, &data, &len, &offset);
    *more = result != ARCHIVE_EOF;
    if (!*more) return NULL;
    if (result < ARCHIVE_OK) return damaged(reader);
    *piece = str_from(data, len);
    return check_size(reader);
}

err *tar_content(struct tar_reader *reader, arena *a, str *out)
{
    buf b = BUF(a);
    str piece;
    for (bool more;;) {
        TRY(next_piece(reader, &piece, &more));
        if (!more) break;
        buf_add(&b, piece);
    }
    *out = buf_str(&b);
    return NULL;
}

static err *unpack_content(struct tar_reader *reader, struct crate *crate, int fd, str name)
{
    str piece;
    for (bool more;;) {
        TRY(next_piece(reader, &piece, &more));
        if (!more) return NULL;
        TRY(crate_write(crate, fd, name, piece));
    }
}

static err *unpack_entry(void *context, struct tar_reader *reader, const struct tar_entry *entry)
{
    struct crate *crate = context;
    if (entry->is_dir) return crate_make_dir(crate, entry->name);
    int fd = -1;
    TRY(crate_create(crate, entry->name, entry->executable, &fd));
    err *e = unpack_content(reader, crate, fd, entry->name);
    close(fd);
    return e;
}

err *tar_each(str archive, const struct tar_options *options, tar_take_fn *take, void *context)
{
    locale_t before UNUSED AUTO(leave_utf8) = enter_utf8();
    struct tar_reader reader AUTO(reader_done);
    TRY(reader_init(&reader, options));
    if (archive_read_open_memory(reader.archive, archive.data, archive.len) != ARCHIVE_OK) {
        return damaged(&reader);
    }
    return each(&reader, take, context);
}

err *tar_unpack(str archive, const struct tar_options *options, struct crate *crate)
{
    return tar_each(archive, options, unpack_entry, crate);
}

err *tar_unpack_file(str path, const struct tar_options *options, struct crate *crate)
{
    arena a AUTO(arena_done) = {0};
    locale_t before UNUSED AUTO(leave_utf8) = enter_utf8();
    struct tar_reader reader AUTO(reader_done);
    TRY(reader_init(&reader, options));
    int fd AUTO(close_fd) = open(str_z(&a, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fs_error("open", path);
    if (archive_read_open_fd(reader.archive, fd, PIECE_BYTES) != ARCHIVE_OK)
        return damaged(&reader);
    return each(&reader, unpack_entry, crate);
}
