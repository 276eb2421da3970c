#include "base/buf.h"
#include "base/hash.h"
#include "net/url.h"
#include "notify/notify.h"

/* The digest of the event is the id of the transaction: sent twice, it is shown once. */
static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    struct hash_state *sha1 = hash_new("sha1");
    hash_add(sha1, notice_json(a, notice));
    str transaction = hash_hex(a, sha1);
    hash_free(sha1);
    str address = target->address, room = url_escape(a, target->channel);
    str_strip_suffix(&address, STR("/"));

    buf b = BUF(a);
    str mark = notify_either(notice, "💫", "🚨"), name = notify_object_name(a, notice);
    buf_printf(&b, STR_FMT " " STR_FMT "\n" STR_FMT "\n", STR_ARG(mark), STR_ARG(name),
               STR_ARG(notice->message));
    PAIR_EACH (notice->metadata, field)
        buf_printf(&b, "- " STR_FMT ": " STR_FMT "\n", STR_ARG(field->key),
                   STR_ARG(field->value->text));
    str url =
        str_printf(a, STR_FMT "/_matrix/client/r0/rooms/" STR_FMT "/send/m.room.message/" STR_FMT,
                   STR_ARG(address), STR_ARG(room), STR_ARG(transaction));
    notify_json(a, out, url,
                notify_map(a, "body", node_str(a, buf_str(&b)), "msgtype",
                           node_str(a, STR("m.text")), NULL));
    out->method = "PUT";
    out->bearer = target->token;
    return NULL;
}

PROVIDER(matrix) = {
    .type = "matrix", .flags = NOTIFY_ADDRESS | NOTIFY_TOKEN | NOTIFY_CHANNEL, .format = format};
