/* The event as it is, for programs; signed, where there is a key. */
#include "base/hash.h"
#include "notify/notify.h"

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    out->url = target->address;
    out->body = notice_json(a, notice);
    notify_header(a, out, "Content-Type", STR("application/json"));
    notify_header(a, out, "gotk-component", notify_one_line(a, notice->controller));
    for (size_t i = 0; i < target->header_count; i++)
        notify_header(a, out, str_z(a, target->headers[i].name), target->headers[i].value);
    return NULL;
}

static err *format_signed(arena *a, const struct notice *notice, const struct target *target,
                          struct http_request *out)
{
    if (!target->token.len)
        return err_invalid("HMAC key is empty: the key 'token' of the Secret is missing");
    TRY(format(a, notice, target, out));
    str code = hash_hmac(a, "sha256", target->token, out->body);
    str hex = hash_to_hex(a, (const uint8_t *)code.data, code.len);
    notify_header(a, out, "X-Signature", str_concat(a, STR("sha256="), hex));
    return NULL;
}

PROVIDER(generic) = {.type = "generic", .flags = NOTIFY_ADDRESS | NOTIFY_UPDATES, .format = format};
PROVIDER(generic_hmac) = {
    .type = "generic-hmac", .flags = NOTIFY_ADDRESS | NOTIFY_UPDATES, .format = format_signed};
