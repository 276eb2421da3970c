#include "git/commit.h"

#include "base/clock.h"
#include "git/remote.h"

/* "Name <mail> 1700000000 +0200" */
static void parse_person(str line, str *person, int64_t *wall_ns)
{
    str rest, zone, seconds_text;
    int64_t seconds;
    *person = line;
    *wall_ns = 0;
    if (!str_cut_last(line, ' ', &rest, &zone)) return;
    if (!str_cut_last(rest, ' ', &rest, &seconds_text)) return;
    if (!str_ends(rest, STR(">")) || !str_to_int(seconds_text, &seconds)) return;
    *person = rest;
    if (seconds > 0 && seconds < INT64_MAX / CLOCK_SECOND) *wall_ns = seconds * CLOCK_SECOND;
}

err *commit_parse(str sha, str object, struct commit *out)
{
    struct commit commit = {.sha = sha};
    str line, committer;
    /* Header lines up to an empty one; those of a signature go on with a blank in front. */
    while (str_cut(object, '\n', &line, &object) && line.len) {
        if (str_strip_prefix(&line, STR("tree ")) && !commit.tree.len) commit.tree = line;
        if (str_strip_prefix(&line, STR("author "))) {
            parse_person(line, &commit.author, &commit.author_wall_ns);
        }
        if (str_strip_prefix(&line, STR("committer "))) {
            parse_person(line, &committer, &commit.committer_wall_ns);
        }
    }
    if (!remote_sha_is_valid(commit.tree)) {
        return err_invalid("object '" STR_FMT "' is not a commit", STR_ARG(sha));
    }
    commit.message = object;
    *out = commit;
    return NULL;
}

str commit_title(const struct commit *commit)
{
    str line, rest = commit->message;
    return str_next_line(&rest, &line) ? line : (str){0};
}
