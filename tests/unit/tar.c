/* tar: the same files give the same bytes, and no archive gets out of its folder or over its
 * bounds. */
#include "base/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"

static arena a;
static str root, folder; /* fresh ones for each test; archives go into the inner one */

static int setup(void **state UNUSED)
{
    err *e = fs_temp_dir(&a, STR("/tmp"), STR("tar-test-"), &root);
    if (!e) e = fs_make_dirs(folder = fs_join(&a, root, STR("in")), 0750);
    return e ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
    err *e = fs_remove_tree(root);
    arena_done(&a);
    return e ? -1 : 0;
}

static void ok(err *e)
{
    if (e) fail_msg("%s", e->message);
}

static str in_folder(const char *name)
{
    return fs_join(&a, folder, str_of(name));
}

/* ---- Archives made by hand, with headers that say what we want them to say ---- */

struct entry {
    const char *name;
    char type; /* '0' file, '2' symbolic link, '5' folder ...; 0 is '0' */
    const char *content, *link;
    const char *size; /* the header's, when it is not that of the content */
    unsigned mode;
};

static void put_header(buf *tar, const struct entry *entry, size_t size)
{
    char header[512] = {0};
    memcpy(header, entry->name, MIN(strlen(entry->name), (size_t)100));
    snprintf(header + 100, 8, "%07o", (entry->mode ? entry->mode : 0644u) & 07777);
    snprintf(header + 108, 8, "%07o", 0);
    snprintf(header + 116, 8, "%07o", 0);
    if (entry->size) {
        memcpy(header + 124, entry->size, MIN(strlen(entry->size), (size_t)12));
    } else {
        snprintf(header + 124, 12, "%011zo", size);
    }
    snprintf(header + 136, 12, "%011o", 0);
    header[156] = entry->type ? entry->type : '0';
    if (entry->link) memcpy(header + 157, entry->link, strlen(entry->link));
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof header; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buf_add_bytes(tar, header, sizeof header);
}

static void put_entry(buf *tar, const struct entry *entry)
{
    str content = str_of(entry->content);
    put_header(tar, entry, content.len);
    buf_add(tar, content);
    buf_fill(tar, 0, (512 - content.len % 512) % 512);
}

/* gzip without any tar around it. */
static str zip(str bytes)
{
    size_t room = bytes.len + bytes.len / 100 + 4096, used = 0;
    char *out = arena_alloc(&a, room);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    archive_write_add_filter_gzip(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(archive_write_open_memory(archive, out, room, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes.data, bytes.len), (la_ssize_t)bytes.len);
    archive_write_close(archive);
    archive_write_free(archive);
    archive_entry_free(entry);
    return str_from(out, used);
}

static str archive_of(const struct entry *entries, size_t count)
{
    buf tar = BUF(&a);
    for (size_t i = 0; i < count; i++)
        put_entry(&tar, &entries[i]);
    buf_fill(&tar, 0, 1024);
    return zip(buf_str(&tar));
}
#define ARCHIVE(...)                                                                               \
    archive_of((const struct entry[]){__VA_ARGS__}, COUNT(((const struct entry[]){__VA_ARGS__})))

static err *unpack(str archive, const struct tar_options *options)
{
    struct crate crate AUTO(crate_close) = {0};
    TRY(crate_open(folder, &crate));
    return tar_unpack(archive, options, &crate);
}

static void refused(str archive, const struct tar_options *options, const char *why)
{
    err *e AUTO(err_done) = unpack(archive, options);
    if (!e) fail_msg("taken, but must be refused: %s", why);
    if (!strstr(e->message, why)) fail_msg("'%s' does not say '%s'", e->message, why);
    assert_true(err_is(e, ERR_INVALID));
}

static str content_of(const char *name)
{
    str text = {0};
    ok(fs_read(&a, in_folder(name), 1 << 20, &text));
    return text;
}

/* ---- Reading ---- */

static void test_takes_files_and_folders(void **state UNUSED)
{
    ok(unpack(ARCHIVE({.name = ".", .type = '5'}, {.name = "a/", .type = '5', .mode = 01},
                      {.name = "a/x.yaml", .content = "x: 1\n", .mode = 04777},
                      {.name = "./b/c/d", .content = ""}, {.name = "e", .content = "1", .mode = 0}),
              NULL));
    struct stat st;
    assert_true(str_is(content_of("a/x.yaml"), "x: 1\n"));
    assert_int_equal(stat(in_folder("a/x.yaml").data, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(in_folder("a").data, &st), 0);
    assert_int_equal(st.st_mode & 07777 & ~027, 0750 & ~027);
    assert_int_equal(stat(in_folder("e").data, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(content_of("b/c/d").len == 0);
}

static void test_names_that_lead_out(void **state UNUSED)
{
    static const char *const names[] = {"../x", "/abs",     "a/../../x", "./..//x", "a/..",
                                        "..",   "a\\..\\x", "a//b",      "..\\x",   "a/../x"};
    for (size_t i = 0; i < COUNT(names); i++) {
        refused(ARCHIVE({.name = names[i], .content = "x"}), NULL, "tar contained invalid name");
    }
    refused(ARCHIVE({.name = "", .content = "x"}), NULL, "");
    assert_false(fs_exists(fs_join(&a, root, STR("x"))));
}

static void test_kinds(void **state UNUSED)
{
    static const struct {
        char type;
        const char *why;
    } kinds[] = {{'1', "hard link"},
                 {'2', "symbolic link"},
                 {'3', "character device"},
                 {'4', "block device"},
                 {'6', "pipe"}};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        refused(ARCHIVE({.name = "x", .type = kinds[i].type, .link = "/etc/passwd"}), NULL,
                kinds[i].why);
    }
}

static void test_links_are_passed_over(void **state UNUSED)
{
    struct tar_options skip = {.skip_links = true};
    ok(unpack(ARCHIVE({.name = "a", .type = '2', .link = "/etc"},
                      {.name = "a/passwd", .content = "x"}, {.name = "b", .type = '2', .link = "b"},
                      {.name = "c", .content = "y"}),
              &skip));
    struct stat st;
    assert_int_equal(lstat(in_folder("a").data, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_true(str_is(content_of("a/passwd"), "x"));
    assert_false(fs_exists(in_folder("b")));
    refused(ARCHIVE({.name = "h", .type = '1', .link = "c"}), &skip, "hard link");
}

/* A link that is there already, whoever made it, leads nowhere. */
static void test_does_not_write_through_links(void **state UNUSED)
{
    str outside;
    ok(fs_temp_dir(&a, STR("/tmp"), STR("tar-test-out-"), &outside));
    assert_int_equal(symlink(outside.data, in_folder("dir").data), 0);
    assert_int_equal(symlink(fs_join(&a, outside, STR("f")).data, in_folder("file").data), 0);
    err *e AUTO(err_done) = unpack(ARCHIVE({.name = "dir/x", .content = "x"}), NULL);
    assert_non_null(e);
    err *f AUTO(err_done) = unpack(ARCHIVE({.name = "file", .content = "x"}), NULL);
    assert_non_null(f);
    str *names;
    size_t count;
    ok(fs_list(&a, outside, &names, &count));
    assert_int_equal(count, 0);
    ok(fs_remove_tree(outside));
}

static void test_file_and_folder_of_one_name(void **state UNUSED)
{
    refused(ARCHIVE({.name = "a", .content = "x"}, {.name = "a/b", .content = "x"}), NULL,
            "a file and a folder");
    refused(ARCHIVE({.name = "d/", .type = '5'}, {.name = "d", .content = "x"}), NULL,
            "a file and a folder");
    refused(ARCHIVE({.name = "f", .content = "x"}, {.name = "f/", .type = '5'}), NULL,
            "a file and a folder");
    ok(unpack(ARCHIVE({.name = "twice", .content = "first"}, {.name = "twice", .content = "2nd"}),
              NULL));
    assert_true(str_is(content_of("twice"), "2nd"));
}

static void test_sizes(void **state UNUSED)
{
    struct tar_options small = {.max_bytes = 4096}, file = {.max_file_bytes = 4};
    refused(ARCHIVE({.name = "x", .size = "77777777777"}), &small, "more than 4096 bytes");
    refused(ARCHIVE({.name = "x", .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}),
            NULL, "");
    refused(ARCHIVE({.name = "x", .content = "12345"}), &file, "the limit of one file");
    refused(ARCHIVE({.name = "x", .content = "ab", .size = "00000004000"}), NULL, "");
    /* Many small files are many headers. */
    buf tar = BUF(&a);
    for (int i = 0; i < 20; i++)
        put_entry(&tar, &(struct entry){.name = "x", .content = "1"});
    refused(zip(buf_str(&tar)), &small, "more than 4096 bytes");
}

static void test_bombs(void **state UNUSED)
{
    struct tar_options limit = {.max_bytes = 1 << 20};
    /* A file that says 4 MiB and is 4 MiB of zeros, and one behind a link that is passed over. */
    static const char *const sizes[] = {"00020000000", "00004000000"};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        buf tar = BUF(&a);
        for (int k = 0; k < 4; k++) {
            put_header(&tar, &(struct entry){.name = "zeros", .size = sizes[i]}, 0);
            buf_fill(&tar, 0, i ? 1 << 20 : 4 << 20);
        }
        refused(zip(buf_str(&tar)), &limit, "more than 1048576 bytes");
    }
    /* Wrapped once more, it is no archive. */
    refused(zip(ARCHIVE({.name = "x", .content = "x"})), NULL, "not a whole tar.gz");
}

static void test_depth(void **state UNUSED)
{
    /* A name that long does not fit a plain header: a pax header carries it. */
    buf name = BUF(&a), pax = BUF(&a), tar = BUF(&a);
    for (int i = 0; i < 5000; i++)
        BUF_ADD(&name, "d/");
    BUF_ADD(&name, "f");
    buf_printf(&pax, "%zu path=" STR_FMT "\n", name.len + 12, STR_ARG(buf_str(&name)));
    put_entry(&tar, &(struct entry){.name = "x", .type = 'x', .content = str_z(&a, buf_str(&pax))});
    put_entry(&tar, &(struct entry){.name = "f", .content = "x"});
    refused(zip(buf_str(&tar)), NULL, "more than 100 parts");
}

static void test_damage(void **state UNUSED)
{
    buf noise = BUF(&a);
    for (uint64_t i = 0; i < 1000; i++)
        buf_printf(&noise, "%016llx", (unsigned long long)(i * i * 7919));
    str good = ARCHIVE({.name = "x", .content = str_z(&a, buf_str(&noise))});
    ok(unpack(good, NULL));
    refused(STR(""), NULL, "not a whole tar.gz");
    refused(STR("hello, this is no archive at all"), NULL, "not a whole tar.gz");
    refused(str_head(good, good.len / 2), NULL, "not a whole tar.gz");
    refused(str_head(good, 20), NULL, "not a whole tar.gz");
    refused(STR("\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00"), NULL, "not a whole tar.gz"); /* zstd */
    buf plain = BUF(&a);
    put_entry(&plain, &(struct entry){.name = "x", .content = "x"});
    refused(buf_str(&plain), NULL, "not a whole tar.gz");
}

static err *collect(void *context, struct tar_reader *reader, const struct tar_entry *entry)
{
    str content = {0};
    if (!entry->is_dir) TRY(tar_content(reader, &a, &content));
    buf_printf(context, STR_FMT "=" STR_FMT ";", STR_ARG(entry->name), STR_ARG(content));
    return str_is(entry->name, "stop") ? err_invalid("stopped") : NULL;
}

static void test_each(void **state UNUSED)
{
    buf seen = BUF(&a);
    ok(tar_each(ARCHIVE({.name = "d", .type = '5'}, {.name = "d/\xc3\xa9", .content = "1"},
                        {.name = "\xff", .content = "2"}),
                NULL, collect, &seen));
    assert_true(str_is(buf_str(&seen), "d=;d/\xc3\xa9=1;\xff=2;") ||
                str_is(buf_str(&seen), "d/=;d/\xc3\xa9=1;\xff=2;"));
    err *e AUTO(err_done) =
        tar_each(ARCHIVE({.name = "stop", .content = "1"}, {.name = "y"}), NULL, collect, &seen);
    assert_string_equal(e->message, "stopped");
}

/* ---- Writing ---- */

static str packed(str dir, str *digest)
{
    str path = in_folder("out.tar.gz"), bytes = {0};
    int fd = open(path.data, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    struct hash_state *state = hash_new("sha256");
    int64_t size;
    ok(tar_pack(dir, fd, state, &size));
    close(fd);
    *digest = hash_hex(&a, state);
    hash_free(state);
    ok(fs_read(&a, path, 1 << 20, &bytes));
    assert_int_equal(bytes.len, size);
    assert_true(str_eq(*digest, hash_sha256_hex(&a, bytes)));
    return bytes;
}

static void make_tree(str dir)
{
    struct crate crate AUTO(crate_close) = {0};
    ok(fs_make_dirs(dir, 0755));
    ok(crate_open(dir, &crate));
    ok(crate_put(&crate, STR("b.yaml"), false, STR("b")));
    ok(crate_put(&crate, STR("a/run"), true, STR("#!/bin/sh\n")));
    ok(crate_put(&crate, STR("a.b"), false, STR("")));
    ok(crate_put(&crate, STR("\xc3\xa9"), false, STR("e")));
    ok(crate_make_dir(&crate, STR("empty")));
    buf name = BUF(&a);
    buf_fill(&name, 'n', 200);
    ok(crate_put(&crate, buf_str(&name), false, STR("long")));
}

static void test_same_files_same_bytes(void **state UNUSED)
{
    str first = in_folder("first"), second = in_folder("second"), digest, digest2;
    make_tree(first);
    make_tree(second);
    /* What is not a file or folder stays out; times, links and modes do not show. */
    assert_int_equal(symlink("/etc/passwd", fs_join(&a, second, STR("link")).data), 0);
    assert_int_equal(mkfifo(fs_join(&a, second, STR("pipe")).data, 0600), 0);
    assert_int_equal(chmod(fs_join(&a, second, STR("b.yaml")).data, 0444), 0);
    str bytes = packed(first, &digest);
    assert_true(str_eq(bytes, packed(second, &digest2)));
    assert_true(str_eq(digest, digest2));

    buf seen = BUF(&a);
    ok(tar_each(bytes, NULL, collect, &seen));
    str text = buf_str(&seen);
    assert_true(str_starts(text, STR("./=;a/=;a/run=#!/bin/sh\n;a.b=;b.yaml=b;empty/=;nnnn")));
    assert_true(str_ends(text, STR("=long;\xc3\xa9=e;")));
    str third = in_folder("third"), digest3;
    ok(fs_make_dirs(third, 0755));
    struct crate crate AUTO(crate_close) = {0};
    ok(crate_open(third, &crate));
    ok(tar_unpack(bytes, NULL, &crate));
    assert_true(str_eq(bytes, packed(third, &digest3)));
}

static void test_pack_errors(void **state UNUSED)
{
    int64_t size = -1;
    int null = open("/dev/null", O_WRONLY);
    err *missing AUTO(err_done) = tar_pack(in_folder("missing"), null, NULL, &size);
    close(null);
    assert_true(err_is(missing, ERR_NOT_FOUND));
    str dir = in_folder("dir");
    make_tree(dir);
    int full = open("/dev/full", O_WRONLY);
    err *e AUTO(err_done) = tar_pack(dir, full, NULL, &size);
    close(full);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_int_equal(size, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_takes_files_and_folders),
        TEST(test_names_that_lead_out),
        TEST(test_kinds),
        TEST(test_links_are_passed_over),
        TEST(test_does_not_write_through_links),
        TEST(test_file_and_folder_of_one_name),
        TEST(test_sizes),
        TEST(test_bombs),
        TEST(test_depth),
        TEST(test_damage),
        TEST(test_each),
        TEST(test_same_files_same_bytes),
        TEST(test_pack_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
