/* Azure Event Hubs over HTTPS: one message, with a token or the key of a connection string. */
#include "base/b64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "net/url.h"
#include "notify/notify.h"

#define SUFFIX        ".servicebus.windows.net"
#define VALID_SECONDS 3600

/* The value of a key in "Endpoint=sb://x/;SharedAccessKey=..;..". */
static str part_of(str connection, const char *key)
{
    for (str piece; str_next(&connection, ';', &piece);) {
        str name, value;
        if (str_cut(piece, '=', &name, &value) && str_eq_fold(str_trim(name), str_of(key)))
            return str_trim(value);
    }
    return (str){0};
}

/* A signature of where and until when, as the service defines it. */
static str shared_access(arena *a, str resource, str name, str key)
{
    str where = url_escape(a, resource);
    str until = str_printf(a, "%lld", (long long)(clock_wall_ns() / CLOCK_SECOND + VALID_SECONDS));
    str text = str_printf(a, STR_FMT "\n" STR_FMT, STR_ARG(where), STR_ARG(until));
    str code = hash_hmac(a, "sha256", key, text);
    str signature = url_escape(a, b64_encode(a, code));
    str who = url_escape(a, name);
    return str_printf(
        a, "SharedAccessSignature sr=" STR_FMT "&sig=" STR_FMT "&se=" STR_FMT "&skn=" STR_FMT,
        STR_ARG(where), STR_ARG(signature), STR_ARG(until), STR_ARG(who));
}

static err *by_connection_string(arena *a, str connection, str channel, str *host_out, str *hub_out,
                                 str *authorization_out)
{
    str endpoint = part_of(connection, "Endpoint"), hub = part_of(connection, "EntityPath");
    str name = part_of(connection, "SharedAccessKeyName");
    str key = part_of(connection, "SharedAccessKey");
    struct url url;
    err *e AUTO(err_done) = url_parse(endpoint, &url);
    if (!hub.len) hub = channel;
    if (e || !name.len || !key.len || !hub.len)
        return err_invalid("address: the connection string needs Endpoint, SharedAccessKeyName, "
                           "SharedAccessKey and EntityPath");
    *host_out = url.host;
    *hub_out = hub;
    str resource = str_printf(a, "https://" STR_FMT "/" STR_FMT, STR_ARG(url.host), STR_ARG(hub));
    *authorization_out = shared_access(a, resource, name, key);
    return NULL;
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    str host = {0}, hub = {0}, authorization = {0};
    if (str_find(target->address, STR("SharedAccessKey")) >= 0) {
        TRY(by_connection_string(a, target->address, target->channel, &host, &hub, &authorization));
    } else {
        if (!target->token.len || !target->channel.len)
            return err_invalid("spec.channel (the namespace) and the key 'token' of the Secret are "
                               "needed, or a connection string as the address");
        host = str_concat(a, target->channel, STR(SUFFIX));
        hub = target->address;
        authorization = str_concat(a, STR("Bearer "), target->token);
    }
    hub = url_escape(a, hub);
    out->url =
        str_printf(a, "https://" STR_FMT "/" STR_FMT "/messages", STR_ARG(host), STR_ARG(hub));
    out->method = "POST";
    out->body = notice_json(a, notice);
    notify_header(a, out, "Content-Type", STR("application/json"));
    notify_header(a, out, "Authorization", authorization);
    return NULL;
}

PROVIDER(azureeventhub) = {.type = "azureeventhub", .flags = NOTIFY_ADDRESS, .format = format};
