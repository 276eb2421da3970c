#include "notify/forge.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "doc/json.h"
#include "net/url.h"

/* ---- where ---- */

err *forge_repository_of(arena *a, str address, struct forge_repository *out)
{
    struct url url;
    err *e = url_parse(address, &url);
    if (e) return err_wrap(e, "address");
    bool ssh = str_eq_fold(url.scheme, STR("ssh"));
    if (!ssh && !str_eq_fold(url.scheme, STR("https")) && !str_eq_fold(url.scheme, STR("http")))
        return err_invalid("address: a repository's URL begins with https:// or ssh://");
    str path = str_trim_char(url.path, '/');
    str_strip_suffix(&path, STR(".git"));
    if (!path.len || str_find(path, STR("..")) >= 0)
        return err_invalid("address: it names no repository");
    str port = ssh ? (str){0} : url.port;
    str scheme = ssh ? STR("https") : str_lower(a, url.scheme);
    out->host = str_lower(a, url.host);
    out->origin = str_printf(a, STR_FMT "://" STR_FMT "%s" STR_FMT, STR_ARG(scheme),
                             STR_ARG(out->host), port.len ? ":" : "", STR_ARG(port));
    out->path = path;
    return NULL;
}

err *forge_owner_of(const struct forge_repository *repository, str *owner_out, str *name_out)
{
    bool two = str_cut(repository->path, '/', owner_out, name_out);
    if (two && owner_out->len && name_out->len && !str_has_char(*name_out, '/')) return NULL;
    return err_invalid("address: the path '" STR_FMT "' is not <owner>/<repository>",
                       STR_ARG(repository->path));
}

str forge_token(const struct target *target)
{
    return target->token.len ? target->token : str_trim(target->password);
}

/* ---- the state of a commit ---- */

static bool is_digest(str text)
{
    if (text.len != 40 && text.len != 64) return false;
    for (size_t i = 0; i < text.len; i++)
        if (!isxdigit((unsigned char)text.data[i])) return false;
    return true;
}

/* main@sha1:<hex>, or main/<hex> as it once was. */
static err *commit_of(const struct notice *notice, str *out)
{
    static const char *const keys[] = {"commit", "originRevision", "revision"};
    str revision = {0}, before, sha;
    for (size_t i = 0; i < COUNT(keys) && !revision.len; i++)
        revision = notice_value(notice, keys[i]);
    if (!revision.len) return err_invalid("missing revision metadata");
    if (!str_cut_last(revision, ':', &before, &sha) && !str_cut_last(revision, '/', &before, &sha))
        sha = revision;
    if (!is_digest(sha))
        return err_invalid("failed to extract commit hash from '" STR_FMT "' revision",
                           STR_ARG(revision));
    *out = sha;
    return NULL;
}

err *forge_state_of(arena *a, const struct notice *notice, const struct target *target,
                    struct forge_state *out, bool *wanted_out)
{
    *wanted_out = !str_is(notice->reason, "Progressing");
    TRY(commit_of(notice, &out->sha));
    str unique, rest;
    str_cut(target->provider_uid, '-', &unique, &rest);
    out->name = str_lower(a, str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(notice->about.kind.kind),
                                        STR_ARG(notice->about.name)));
    out->id = target->status_id;
    if (!out->id.len)
        out->id =
            str_lower(a, str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(out->name), STR_ARG(unique)));
    out->description = notify_reason_words(a, notice->reason);
    out->failed = notice->severity == NOTICE_ERROR;
    return NULL;
}

bool forge_latest_is(const node *list, const struct forge_check *check, const char *name_field,
                     const char *state_field)
{
    NODE_EACH (list, item) {
        if (!str_eq(node_get_str(item, str_of(name_field)), check->wanted.id)) continue;
        return str_is(node_get_str(item, str_of(state_field)), check->state) &&
               str_eq(node_get_str(item, STR("description")), check->wanted.description);
    }
    return false;
}

void forge_look(struct exchange *exchange, const struct forge_check *check,
                struct http_request *out)
{
    struct forge_check *kept = NEW(exchange->a, struct forge_check);
    *kept = *check;
    exchange->memory = kept;
    exchange->step = 0;
    *out = check->look;
}

static err *parse(arena *a, const struct http_response *answer, node **out)
{
    err *e = json_parse(a, answer->body, (struct json_options){.last_wins = true}, out);
    if (e) e->kind = ERR_TRANSIENT;
    return e ? err_wrap(e, "the answer") : NULL;
}

err *forge_looked(struct exchange *exchange, const struct http_response *answer,
                  struct http_request *out)
{
    const struct forge_check *check = exchange->memory;
    if (exchange->step > 0) return notify_check(answer);
    bool missing = answer->status == 404 && check->missing_is_none;
    if (!missing) {
        node *found;
        TRY(notify_check(answer));
        TRY(parse(exchange->a, answer, &found));
        if (check->is_there(found, check)) return NULL;
    }
    *out = check->write;
    return NULL;
}

/* ---- a comment ---- */

err *forge_change_request(const struct notice *notice, str *out)
{
    uint64_t number;
    str text = notice_value(notice, "change_request");
    if (!str_to_uint(text, &number) || text.data[0] == '+')
        return err_invalid("the metadata change_request is not a number");
    *out = text;
    return NULL;
}

/* What an event says must not look like a marker of ours, nor call people. */
void forge_write(arena *a, const struct notice *notice, const struct target *target,
                 const char *kind, struct forge_comment *out)
{
    static const char *const triggers[] = {"<!--", "@", NULL};
    str subject = notice_subject(a, notice);
    out->marker = str_printf(a, "<!-- flux-%s-comment-key:" STR_FMT "/" STR_FMT " -->", kind,
                             STR_ARG(target->provider_uid), STR_ARG(subject));
    str text = notify_defuse(a, notify_markdown(a, notice), triggers);
    out->body = str_printf(a, STR_FMT "\n\n", STR_ARG(out->marker));
    out->body = str_concat(a, out->body, text);
}

enum comment_stage { STAGE_USER, STAGE_LIST, STAGE_DONE };
struct talk {
    struct forge_comment comment;
    enum comment_stage stage;
};

static void ask(struct talk *talk, str url, struct http_request *out)
{
    *out = (struct http_request){
        .url = url, .headers = talk->comment.headers, .header_count = talk->comment.header_count};
}

void forge_comment(struct exchange *exchange, const struct forge_comment *comment,
                   struct http_request *out)
{
    struct talk *talk = NEW(exchange->a, struct talk);
    talk->comment = *comment;
    exchange->memory = talk;
    talk->stage = comment->user.len ? STAGE_LIST : STAGE_USER;
    ask(talk, comment->user.len ? comment->list_url : comment->user_url, out);
}

/* The id of our own comment, if there is one. */
static bool find_ours(arena *a, const struct talk *talk, const node *list, str *id_out)
{
    const struct forge_comment *comment = &talk->comment;
    NODE_EACH (list, item) {
        const node *author = node_get(item, str_of(comment->author_field));
        str name = node_get_str(author, str_of(comment->user_field));
        if (!str_eq(name, comment->user)) continue;
        if (str_find(node_get_str(item, STR("body")), comment->marker) < 0) continue;
        int64_t id = node_get_int(item, STR("id"), -1);
        if (id < 0) continue;
        *id_out = str_printf(a, "%lld", (long long)id);
        return true;
    }
    return false;
}

static void write_comment(struct exchange *exchange, struct talk *talk, const node *list,
                          struct http_request *out)
{
    arena *a = exchange->a;
    const struct forge_comment *comment = &talk->comment;
    str id;
    bool there = find_ours(a, talk, list, &id);
    str url = there ? str_concat(a, comment->edit_url, id) : comment->create_url;
    out->headers = comment->headers;
    out->header_count = comment->header_count;
    notify_json(a, out, url, notify_map(a, "body", node_str(a, comment->body), NULL));
    if (there) out->method = comment->edit_method;
    talk->stage = STAGE_DONE;
}

err *forge_commented(struct exchange *exchange, const struct http_response *answer,
                     struct http_request *out)
{
    struct talk *talk = exchange->memory;
    node *said;
    TRY(notify_check(answer));
    if (talk->stage == STAGE_DONE) return NULL;
    TRY(parse(exchange->a, answer, &said));
    if (talk->stage == STAGE_LIST) {
        write_comment(exchange, talk, said, out);
        return NULL;
    }
    talk->comment.user = node_get_str(said, str_of(talk->comment.user_field));
    if (!talk->comment.user.len) return err_denied("the host does not say whose token this is");
    talk->stage = STAGE_LIST;
    ask(talk, talk->comment.list_url, out);
    return NULL;
}
