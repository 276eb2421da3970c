#include "git/reflist.h"

#include "base/limits.h"
#include "git/pktline.h"
#include "git/remote.h"

static err *add_ref(arena *a, struct reflist *listing, struct reflist_ref ref)
{
    if (ref.sha.len == 64) {
        return err_invalid("the repository has SHA-256 objects, which are not supported");
    }
    if (!remote_sha_is_valid(ref.sha) || (ref.peeled.len && !remote_sha_is_valid(ref.peeled))) {
        return err_invalid("the server lists a reference without a valid object name");
    }
    if (listing->count == LIMIT_GIT_REFS) {
        return err_invalid("the repository has more than %d references, the limit", LIMIT_GIT_REFS);
    }
    /* A name that git itself would not take is of no use to anybody. */
    if (!remote_ref_is_valid(ref.name)) return NULL;
    *ARENA_PUSH(a, listing->refs, listing->count, listing->room) = ref;
    return NULL;
}

static err *check_format(str format)
{
    if (!format.len || str_is(format, "sha1")) return NULL;
    return err_invalid("the repository has '" STR_FMT "' objects, which are not supported",
                       STR_ARG(str_head(format, 20)));
}

/* What the server has to say instead of an answer. */
static err *check_error(arena *a, str line)
{
    if (!str_strip_prefix(&line, STR("ERR "))) return NULL;
    return err_transient("remote: " STR_FMT, STR_ARG(remote_shown(a, line)));
}

/* The value of "name=value" among capabilities separated by blanks. */
static str capability(str capabilities, str name)
{
    for (str word, rest = capabilities; str_next(&rest, ' ', &word);) {
        if (str_strip_prefix(&word, name)) return word;
    }
    return (str){0};
}

/* "<sha> <name>", the first one with "\0<capabilities>" behind. */
static err *parse_line_0(arena *a, str line, struct reflist *listing)
{
    struct reflist_ref ref = {0};
    str capabilities;
    if (str_cut(line, '\0', &line, &capabilities)) {
        TRY(check_format(capability(capabilities, STR("object-format="))));
    }
    if (!str_cut(line, ' ', &ref.sha, &ref.name)) {
        return err_invalid("the server lists a reference without a name");
    }
    if (str_is(ref.name, "capabilities^{}")) return NULL; /* an empty repository */
    if (!str_strip_suffix(&ref.name, STR("^{}"))) return add_ref(a, listing, ref);
    struct reflist_ref *last = listing->count ? &listing->refs[listing->count - 1] : NULL;
    if (last && str_eq(last->name, ref.name) && remote_sha_is_valid(ref.sha))
        last->peeled = ref.sha;
    return NULL;
}

/* The capabilities of protocol 2, a line each. */
static err *parse_line_2(str line, struct reflist *listing)
{
    if (!str_strip_prefix(&line, STR("object-format="))) return NULL;
    listing->object_format = true;
    return check_format(line);
}

err *reflist_parse_advertisement(arena *a, str body, struct reflist *out)
{
    struct reflist listing = {0};
    bool service = false; /* in the section "# service=...", which may be missing in protocol 2 */
    for (bool first = true; body.len; first = false) {
        enum pktline_kind kind;
        str line;
        TRY(pktline_next(&body, &kind, &line));
        if (first && str_is(line, "# service=git-upload-pack")) {
            service = true;
        } else if (kind != PKTLINE_DATA && service) {
            service = false;
        } else if (kind != PKTLINE_DATA) {
            *out = listing;
            return NULL;
        } else if (str_is(line, "version 2")) {
            listing.version_2 = true;
        } else if (listing.version_2) {
            TRY(parse_line_2(line, &listing));
        } else if (!str_is(line, "version 1")) {
            TRY(check_error(a, line));
            TRY(parse_line_0(a, line, &listing));
        }
    }
    return err_invalid("the list of references has no end");
}

/* "<sha> <name>", then attributes. */
static err *parse_answer_line(arena *a, str line, struct reflist *listing)
{
    struct reflist_ref ref = {0};
    str rest, attribute;
    TRY(check_error(a, line));
    if (!str_cut(line, ' ', &ref.sha, &rest) || !str_next(&rest, ' ', &ref.name)) {
        return err_invalid("the server lists a reference without a name");
    }
    if (str_is(ref.sha, "unborn")) return NULL;
    while (str_next(&rest, ' ', &attribute)) {
        if (str_strip_prefix(&attribute, STR("symref-target:"))) ref.target = attribute;
        if (str_strip_prefix(&attribute, STR("peeled:"))) ref.peeled = attribute;
    }
    return add_ref(a, listing, ref);
}

err *reflist_parse_answer(arena *a, str body, struct reflist *out)
{
    struct reflist listing = {0};
    while (body.len) {
        enum pktline_kind kind;
        str line;
        TRY(pktline_next(&body, &kind, &line));
        if (kind == PKTLINE_FLUSH) {
            *out = listing;
            return NULL;
        }
        if (kind == PKTLINE_DATA) TRY(parse_answer_line(a, line, &listing));
    }
    return err_invalid("the list of references has no end");
}
