#include "git/push.h"

#include "base/buf.h"
#include "base/limits.h"

/* Reasons that mean: somebody else was quicker. */
static const char *const moved[] = {
    "fetch first",
    "non-fast-forward",
    "stale info",
    "failed to update ref",
    "cannot lock ref",
    "incorrect old value",
    "reference already exists",
    "remote ref updated since",
    "failed to lock",
};

/* "!\tsrc:refs/heads/main\t[rejected] (fetch first)" */
bool push_read_line(str line, str *reason_out, bool *moved_out)
{
    str rest, summary;
    if (!str_strip_prefix(&line, STR("!\t")) || !str_cut(line, '\t', &rest, &summary)) return false;
    str word = summary;
    *reason_out = summary;
    if (str_cut(summary, '(', &word, &rest)) *reason_out = rest;
    str_strip_suffix(reason_out, STR(")"));
    *moved_out = false;
    for (size_t i = 0; i < COUNT(moved); i++)
        *moved_out |= str_find(*reason_out, str_of(moved[i])) >= 0;
    return true;
}

static err *gather(void *context, str bytes)
{
    buf *b = context;
    if (b->len + bytes.len <= LIMIT_GIT_ERROR_BYTES) buf_add(b, bytes);
    return NULL;
}

/* What the server's hooks say, without git's own last words. */
static str said(arena *a, str text)
{
    ptrdiff_t at = str_find(text, STR("failed to push some refs to"));
    if (at >= 0) text = str_head(text, (size_t)at);
    text = str_trim(text);
    while (str_strip_suffix(&text, STR(";")))
        text = str_trim(text);
    return text.len ? str_concat(a, STR(": "), text) : text;
}

/* Takes git's error and the lines of the porcelain. */
static err *explain(arena *a, const struct push *push, str lines, err *e)
{
    str reason;
    bool is_moved;
    for (str line; str_next_line(&lines, &line);) {
        if (!push_read_line(line, &reason, &is_moved)) continue;
        str more = said(a, str_dup(a, err_text(e)));
        err_free(e);
        return err_new(is_moved ? ERR_CONFLICT : ERR_TRANSIENT, is_moved ? "Moved" : "",
                       "command error on " STR_FMT ": " STR_FMT STR_FMT, STR_ARG(push->to),
                       STR_ARG(reason), STR_ARG(more));
    }
    return e;
}

err *push_do(struct mirror *mirror, arena *a, const struct push *push)
{
    const char **args = NEW_ARRAY(a, const char *, 2 * push->option_count + 8);
    buf lines = BUF(a);
    size_t count = 0;
    must(remote_sha_is_valid(push->sha) && remote_ref_is_valid(push->to));
    args[count++] = "push";
    args[count++] = "--porcelain";
    args[count++] = "--no-verify";
    for (size_t i = 0; i < push->option_count; i++) {
        args[count++] = "--push-option";
        args[count++] = str_z(a, push->options[i]);
    }
    args[count++] = "origin";
    args[count++] = str_z(a, str_printf(a, "%s" STR_FMT ":" STR_FMT, push->force ? "+" : "",
                                        STR_ARG(push->sha), STR_ARG(push->to)));
    struct mirror_run run = {.args = args, .network = true, .take = gather, .context = &lines};
    err *e = mirror_run(mirror, a, &run, NULL);
    if (!e) return NULL;
    return e->kind == ERR_TRANSIENT ? explain(a, push, buf_str(&lines), e) : e;
}
