#include "git/change.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"

err *change_check_person(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < ' ' || c == 0x7f)
            return err_invalid("line breaks and control characters are not "
                               "allowed");
        if (c == '<' || c == '>') return err_invalid("'%c' is not allowed", c);
    }
    return str_valid_utf8(text) ? NULL : err_invalid("it is not UTF-8");
}

/* A path in double quotes, as fast-import reads it. */
static void put_path(buf *b, str path)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
            buf_printf(b, "\\%03o", c);
        else
            buf_add_char(b, (char)c);
    }
    buf_add_char(b, '"');
}

/* One program makes blobs, folders and a commit whose tree is all that we want of it. */
static err *write_tree(struct mirror *mirror, arena *a, const struct change *change, str *out)
{
    static const char *const args[] = {"fast-import", "--quiet", "--force", "--done", NULL};
    buf b = BUF(a);
    buf_printf(&b,
               "commit refs/draft\nmark :1\ncommitter fixpoint <fixpoint> 0 +0000\n"
               "data 0\nfrom " STR_FMT "\n",
               STR_ARG(change->parent));
    for (size_t i = 0; i < change->file_count; i++) {
        const struct change_file *file = &change->files[i];
        buf_printf(&b, "M %s inline ", file->executable ? "100755" : "100644");
        put_path(&b, file->path);
        buf_printf(&b, "\ndata %zu\n", file->content.len);
        buf_add(&b, file->content);
        buf_add_char(&b, '\n');
    }
    BUF_ADD(&b, "\nls :1 \"\"\ndone\n");
    struct mirror_run run = {.args = args, .input = buf_str(&b)};
    str answer, head, mode, kind;
    TRY(mirror_run(mirror, a, &run, &answer));
    str_cut(answer, '\t', &head, &answer);
    str_cut(head, ' ', &mode, &head);
    str_cut(head, ' ', &kind, out);
    if (str_is(kind, "tree") && remote_sha_is_valid(*out)) return NULL;
    return err_transient("git did not say which tree it made");
}

static void put_head(buf *b, const struct change *change, str tree)
{
    int64_t seconds = change->wall_ns / CLOCK_SECOND;
    buf_printf(b, "tree " STR_FMT "\nparent " STR_FMT "\n", STR_ARG(tree), STR_ARG(change->parent));
    for (int i = 0; i < 2; i++) {
        buf_printf(b, "%s " STR_FMT " <" STR_FMT "> %lld +0000\n", i ? "committer" : "author",
                   STR_ARG(change->name), STR_ARG(change->email), (long long)seconds);
    }
}

/* The lines of a signature: all but the first begin with a blank, so that they are one header. */
static void put_signature(buf *b, str signature)
{
    str line, rest = str_trim(signature);
    const char *before = "gpgsig ";
    while (str_next_line(&rest, &line)) {
        buf_printf(b, "%s" STR_FMT "\n", before, STR_ARG(line));
        before = " ";
    }
}

static err *check_message(str message)
{
    if (message.len > LIMIT_COMMIT_MESSAGE_BYTES) {
        return err_invalid("the commit message has more than %zu bytes, the limit",
                           LIMIT_COMMIT_MESSAGE_BYTES);
    }
    return str_has_char(message, '\0') ? err_invalid("the commit message has a NUL in it") : NULL;
}

err *change_commit(struct mirror *mirror, arena *a, const struct change *change, str *sha_out)
{
    static const char *const args[] = {"hash-object", "-t", "commit", "-w", "--stdin", NULL};
    str tree, signature = {0};
    must(remote_sha_is_valid(change->parent));
    TRY(check_message(change->message));
    TRY(change_check_person(change->name));
    TRY(change_check_person(change->email));
    TRY(write_tree(mirror, a, change, &tree));
    buf head = BUF(a);
    put_head(&head, change, tree);
    if (change->sign) {
        str text =
            str_printf(a, STR_FMT "\n" STR_FMT, STR_ARG(buf_str(&head)), STR_ARG(change->message));
        TRY(change->sign(change->sign_context, a, text, &signature));
        put_signature(&head, signature);
    }
    buf_add_char(&head, '\n');
    buf_add(&head, change->message);
    struct mirror_run run = {.args = args, .input = buf_str(&head)};
    str answer;
    TRY(mirror_run(mirror, a, &run, &answer));
    *sha_out = str_trim(answer);
    return remote_sha_is_valid(*sha_out) ? NULL
                                         : err_transient("git did not say which commit it made");
}
