#include "git/entry.h"

#include "git/remote.h"

/* Code points that HFS+ passes over when it compares names. */
static bool is_invisible(uint32_t rune)
{
    return (rune >= 0x200c && rune <= 0x200f) || (rune >= 0x202a && rune <= 0x202e) ||
           (rune >= 0x206a && rune <= 0x206f) || rune == 0xfeff;
}

/* Is the name ".git" to HFS+: without case, and with invisible code points anywhere? */
static bool is_hfs_git(str name)
{
    static const char dot_git[] = ".git";
    size_t matched = 0;
    while (name.len) {
        uint32_t rune;
        size_t len = str_rune(name, &rune);
        if (!len) return false;
        name = str_skip(name, len);
        if (is_invisible(rune)) continue;
        if (rune >= 'A' && rune <= 'Z') rune += 'a' - 'A';
        if (matched == sizeof dot_git - 1 || rune != (uint32_t)dot_git[matched]) return false;
        matched++;
    }
    return matched == sizeof dot_git - 1;
}

/* Is the name ".git" to NTFS: its short form, trailing dots and blanks, a stream after ':'? */
static bool is_ntfs_git(str name)
{
    str stem, stream;
    str_cut(name, ':', &stem, &stream);
    while (str_strip_suffix(&stem, STR(".")) || str_strip_suffix(&stem, STR(" ")))
        continue;
    return str_eq_fold(stem, STR(".git")) || str_eq_fold(stem, STR("git~1"));
}

bool entry_name_is_safe(str name)
{
    if (!name.len || str_is(name, ".") || str_is(name, "..")) return false;
    if (str_has_char(name, '/') || str_has_char(name, '\0')) return false;
    return !is_hfs_git(name) && !is_ntfs_git(name);
}

static bool path_is_safe(str path)
{
    bool safe = path.len > 0;
    for (str part, rest = path; safe && str_next(&rest, '/', &part);)
        safe = entry_name_is_safe(part);
    return safe;
}

/* Names may hold anything; in a message they must not. */
static str shown(arena *a, str path)
{
    char *text = str_z(a, str_head(path, 200));
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    }
    return str_of(text);
}

/* "100644 blob <sha>\t<path>" */
static bool parse(str record, struct entry *out)
{
    str fields, mode, type, sha;
    struct entry entry = {0};
    if (!str_cut(record, '\t', &fields, &entry.path) || !str_cut(fields, ' ', &mode, &fields) ||
        !str_cut(fields, ' ', &type, &sha) || !remote_sha_is_valid(sha)) {
        return false;
    }
    entry.sha = sha;
    entry.executable = str_is(mode, "100755");
    if (str_is(type, "tree")) {
        entry.kind = ENTRY_DIR;
    } else if (str_is(type, "commit")) {
        entry.kind = ENTRY_SUBMODULE;
    } else if (str_is(mode, "120000")) {
        entry.kind = ENTRY_LINK;
    } else if (str_is(type, "blob") && str_starts(mode, STR("100"))) {
        entry.kind = ENTRY_FILE;
    } else {
        return false;
    }
    *out = entry;
    return true;
}

err *entry_list(arena *a, str listing, struct entry **out, size_t *count_out)
{
    struct entry *entries = NULL;
    size_t count = 0, room = 0;
    str record, rest = listing;
    while (str_cut(rest, '\0', &record, &rest)) {
        struct entry entry;
        if (!parse(record, &entry)) {
            return err_invalid(
                "a tree of the repository has an entry that is no file or folder: '" STR_FMT "'",
                STR_ARG(shown(a, record)));
        }
        if (!path_is_safe(entry.path)) {
            return err_invalid(
                "a tree of the repository has an entry with the forbidden name '" STR_FMT "'",
                STR_ARG(shown(a, entry.path)));
        }
        *ARENA_PUSH(a, entries, count, room) = entry;
    }
    if (record.len) return err_invalid("the listing of a tree ends within an entry");
    *out = entries;
    *count_out = count;
    return NULL;
}
