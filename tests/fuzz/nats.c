/* What a server of NATS says, line by line, and before it, in the first two lines, a Secret's creds
 * and nkey: nothing that it says becomes more than the words of the protocol. */
#include "notify/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Commands begin only where we begin them. */
static void check_reply(str text)
{
    str rest = text, line;
    while (str_next_line(&rest, &line))
        must(!line.len || str_starts(line, STR("CONNECT {")) || str_is(line, "PING") ||
             str_is(line, "PONG") || str_starts(line, STR("PUB flux.events ")) ||
             str_starts(line, STR("{\"involvedObject\"")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str rest = str_from((const char *)data, size), creds = {0}, seed = {0}, line;
    str_next(&rest, '\n', &creds);
    str_next(&rest, '\n', &seed);
    node *secret = node_map(&a);
    node_set_str(&a, secret, STR("creds"), str_replace(&a, creds, STR("|"), STR("\n")));
    node_set_str(&a, secret, STR("nkey"), seed);
    struct notice notice = {
        .about = {{STR("g"), STR("v1"), STR("Kustomization")}, STR("ns"), STR("app")},
        .metadata = node_map(&a),
    };
    struct target target = {.type = STR("nats"),
                            .address = STR("nats://u:p@h"),
                            .channel = STR("flux.events"),
                            .secret = secret};
    struct exchange exchange = {.a = &a, .notice = &notice, .target = &target};
    while (str_next_line(&rest, &line)) {
        struct reply reply = {0};
        err *e AUTO(err_done) = notify_find(STR("nats"))->heard(&exchange, line, &reply);
        if (e || reply.over) break;
        check_reply(reply.text);
    }
    return 0;
}
