#include "net/file_answer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

/* "Mon, 02 Jan 2006 15:04:05 GMT" */
static str http_date(struct arena *a, time_t when)
{
    struct tm parts;
    char text[40];
    size_t len = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
    return str_dup(a, str_from(text, len));
}

/* Any rewrite of the file gives another one: a rename brings a new inode, a write a new time. */
static str etag_of(struct arena *a, const struct stat *s)
{
    return str_printf(a, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", (uint64_t)s->st_ino,
                      (uint64_t)s->st_size,
                      (uint64_t)s->st_mtim.tv_sec * 1000000000u + (uint64_t)s->st_mtim.tv_nsec);
}

/* If-None-Match: "*" or a list of tags, which compare weakly. */
static bool lists_tag(str list, str etag)
{
    if (str_eq(str_trim(list), STR("*"))) return true;
    for (str tag; str_next(&list, ',', &tag);) {
        tag = str_trim(tag);
        str_strip_prefix(&tag, STR("W/"));
        if (str_eq(tag, etag)) return true;
    }
    return false;
}

/* If-None-Match decides alone when it is there. */
static bool is_unchanged(const struct file_wanted *wanted, const struct file_answer *answer)
{
    if (wanted->if_none_match.len) return lists_tag(wanted->if_none_match, answer->etag);
    return wanted->if_modified_since.len &&
           str_eq(wanted->if_modified_since, answer->last_modified);
}

/* "bytes=1-2", "bytes=1-" and "bytes=-2"; false for what cannot be read. A count of 0: no byte of
 * the file is in the range. */
static bool parse_range(str range, uint64_t size, uint64_t *from, uint64_t *count)
{
    str first, last;
    uint64_t last_byte = UINT64_MAX;
    if (!str_strip_prefix(&range, STR("bytes="))) return false;
    if (!str_cut(str_trim(range), '-', &first, &last)) return false;
    if (first.len == 0) { /* the last bytes of the file */
        if (!str_to_uint(last, count)) return false;
        *count = MIN(*count, size);
        *from = size - *count;
        return true;
    }
    if (!str_to_uint(first, from)) return false;
    if (last.len && (!str_to_uint(last, &last_byte) || last_byte < *from)) return false;
    *count = 0;
    if (*from < size) *count = MIN(last_byte, size - 1) - *from + 1;
    return true;
}

static void choose(struct arena *a, const struct file_wanted *wanted, uint64_t size,
                   struct file_answer *answer)
{
    answer->status = 200;
    answer->count = size;
    if (is_unchanged(wanted, answer)) {
        answer->status = 304;
        answer->count = 0;
        return;
    }
    bool current = !wanted->if_range.len || str_eq(wanted->if_range, answer->etag) ||
                   str_eq(wanted->if_range, answer->last_modified);
    uint64_t from, count;
    if (!current || !parse_range(wanted->range, size, &from, &count)) return;
    if (count == 0) {
        answer->status = 416;
        answer->count = 0;
        answer->content_range = str_printf(a, "bytes */%" PRIu64, size);
        return;
    }
    answer->status = 206;
    answer->from = from;
    answer->count = count;
    answer->content_range = str_printf(a, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
                                       from + count - 1, size);
}

err *file_answer_open(struct arena *a, str path, const struct file_wanted *wanted,
                      struct file_answer *out)
{
    /* O_NONBLOCK: a named pipe must not hold the loop. */
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(str_z(a, path), flags);
    if (fd < 0) return fs_error("open", path);
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        close(fd);
        return err_not_found("'" STR_FMT "' is not a file", STR_ARG(path));
    }
    struct file_answer answer = {
        .fd = fd,
        .etag = etag_of(a, &s),
        .last_modified = http_date(a, s.st_mtim.tv_sec),
    };
    choose(a, wanted, (uint64_t)s.st_size, &answer);
    if (answer.count == 0) {
        close(fd);
        answer.fd = -1;
    }
    *out = answer;
    return NULL;
}
