/* The event, published to a subject of NATS: the server says INFO, is told CONNECT, and has taken
 * the message when it answers the PING behind it. */
#include <ctype.h>

#include "base/buf.h"
#include "doc/json.h"
#include "net/url.h"
#include "notify/nkey.h"
#include "notify/notify.h"

enum { PORT = 4222, SHOWN_BYTES = 256 };

/* What we wait for. */
enum step { STEP_INFO, STEP_CONNECTED, STEP_TAKEN };

/* ---- before it begins ---- */

/* A subject with white space would be more than one word of the protocol. */
static err *check_subject(str subject)
{
    str rest = subject, token;
    for (size_t i = 0; i < subject.len; i++)
        if (isspace((unsigned char)subject.data[i]) || iscntrl((unsigned char)subject.data[i]))
            return err_invalid("spec.channel: a subject of NATS has no white space");
    while (str_next(&rest, '.', &token)) {
        if (!token.len)
            return err_invalid("spec.channel: a subject of NATS has no empty part between dots");
        if (str_is(token, "*") || str_is(token, ">"))
            return err_invalid("spec.channel: nothing can be published to a wildcard");
    }
    return NULL;
}

/* compat: the scheme may be left out. */
static err *parse_address(arena *a, str address, struct url *out)
{
    if (str_find(address, STR("://")) < 0) address = str_concat(a, STR("nats://"), address);
    err *e = url_parse(address, out);
    if (e) return err_wrap(e, "address");
    if (str_eq_fold(out->scheme, STR("tls")))
        return err_invalid("address: NATS over TLS is not supported; use nats:// and a server in "
                           "reach that takes connections without TLS");
    if (!str_eq_fold(out->scheme, STR("nats")))
        return err_invalid("address: the scheme is not nats");
    return NULL;
}

static err *dial(struct exchange *exchange, struct dial *out)
{
    struct url url;
    int64_t port = PORT;
    TRY(parse_address(exchange->a, exchange->target->address, &url));
    TRY(check_subject(exchange->target->channel));
    if (url.port.len && !str_to_int(url.port, &port)) return err_invalid("address: the port");
    *out = (struct dial){.host = url.host, .port = (int)port};
    return NULL;
}

/* ---- who we are ---- */

static bool is_rule(str line)
{
    return str_starts(line, STR("---"));
}

/* The text between the rules "-----BEGIN ...-----" and "------END ...------", for the index-th pair
 * of them. */
static str framed(str text, int index)
{
    str before = {0}, middle = {0}, line;
    while (str_next_line(&text, &line)) {
        line = str_trim(line);
        if (!line.len) continue;
        if (is_rule(line) && middle.len && !is_rule(middle) && is_rule(before) && index-- == 0)
            return middle;
        before = middle;
        middle = line;
    }
    return (str){0};
}

static err *add_creds(arena *a, str creds, str nonce, node *options)
{
    str public_key, signature, jwt = framed(creds, 0);
    if (!jwt.len)
        return err_invalid("the key 'creds' of the Secret is not a file of credentials of NATS");
    err *e = nkey_sign(a, framed(creds, 1), nonce, &public_key, &signature);
    if (e) return err_wrap(e, "the key 'creds' of the Secret");
    node_set_str(a, options, STR("jwt"), jwt);
    node_set_str(a, options, STR("sig"), signature);
    return NULL;
}

static err *add_nkey(arena *a, str seed, str nonce, node *options)
{
    str public_key, signature;
    if (!nonce.len)
        return err_denied("the server asks for no signature, so the key 'nkey' of the Secret is of "
                          "no use with it");
    err *e = nkey_sign(a, str_trim(seed), nonce, &public_key, &signature);
    if (e) return err_wrap(e, "the key 'nkey' of the Secret");
    node_set_str(a, options, STR("nkey"), public_key);
    node_set_str(a, options, STR("sig"), signature);
    return NULL;
}

/* compat: credentials within the address go before the Secret's; a lone one is a token. */
static err *add_password(arena *a, const struct target *target, node *options)
{
    struct url url;
    str user = target->user, password = target->password;
    TRY(parse_address(a, target->address, &url));
    if (url.user.len) {
        err *e = url_unescape(a, url.user, &user);
        if (!e) e = url_unescape(a, url.password, &password);
        if (e) return err_wrap(e, "address");
    }
    if (url.user.len && !password.len) {
        node_set_str(a, options, STR("auth_token"), user);
    } else if (user.len && password.len) {
        node_set_str(a, options, STR("user"), user);
        node_set_str(a, options, STR("pass"), password);
    }
    return NULL;
}

static err *add_credentials(arena *a, const struct target *target, str nonce, node *options)
{
    str creds = node_get_str(target->secret, STR("creds"));
    str seed = node_get_str(target->secret, STR("nkey"));
    if (creds.len) return add_creds(a, creds, nonce, options);
    if (seed.len) return add_nkey(a, seed, nonce, options);
    return add_password(a, target, options);
}

/* ---- the conversation ---- */

/* CONNECT and a PING: the answer to the latter tells whether we are let in. */
static err *introduce(struct exchange *exchange, str text, struct reply *out)
{
    arena *a = exchange->a;
    node *info;
    err *e = json_parse(a, text, (struct json_options){.last_wins = true}, &info);
    if (e) return err_wrap(e, "the server's INFO");
    if (!node_is_map(info)) return err_invalid("the server's INFO is no JSON object");
    if (node_get_bool(info, STR("tls_required"), false))
        return err_denied("the server demands TLS, which is not supported for NATS");
    str payload = notice_json(a, exchange->notice);
    int64_t most = node_get_int(info, STR("max_payload"), 0);
    if (most > 0 && payload.len > (uint64_t)most)
        return err_invalid("the event has %zu bytes, more than the %lld that the server takes",
                           payload.len, (long long)most);
    node *options = notify_map(
        a, "verbose", node_bool(a, false), "pedantic", node_bool(a, false), "tls_required",
        node_bool(a, false), "name", node_str(a, STR("NATS Provider Publisher")), "lang",
        node_str(a, STR("c")), "version", node_str(a, STR("1")), "protocol", node_int(a, 1), NULL);
    str nonce = node_get_str(info, STR("nonce"));
    TRY(add_credentials(a, exchange->target, nonce, options));
    str json = json_text(a, options);
    out->text = str_printf(a, "CONNECT " STR_FMT "\r\nPING\r\n", STR_ARG(json));
    exchange->step = STEP_CONNECTED;
    return NULL;
}

static void publish(struct exchange *exchange, struct reply *out)
{
    arena *a = exchange->a;
    str payload = notice_json(a, exchange->notice);
    out->text = str_printf(a, "PUB " STR_FMT " %zu\r\n" STR_FMT "\r\nPING\r\n",
                           STR_ARG(exchange->target->channel), payload.len, STR_ARG(payload));
    exchange->step = STEP_TAKEN;
}

/* By the words of the server: those that pass by themselves, those that need somebody, and those
 * that speak of the message. */
static err *refusal(arena *a, str text)
{
    static const char *const passing[] = {"stale", "maximum connections", "timeout", "slow",
                                          "shutdown"};
    static const char *const final[] = {"maximum payload", "maximum control line", "parser error",
                                        "unknown protocol", "invalid"};
    str words = str_trim_char(str_trim(text), '\'');
    str lower = str_lower(a, words);
    enum err_kind kind = ERR_DENIED;
    for (size_t i = 0; i < COUNT(passing); i++)
        if (str_find(lower, str_of(passing[i])) >= 0) kind = ERR_TRANSIENT;
    for (size_t i = 0; i < COUNT(final); i++)
        if (str_find(lower, str_of(final[i])) >= 0) kind = ERR_INVALID;
    str shown = notify_one_line(a, str_head_utf8(words, SHOWN_BYTES));
    return err_new(kind, "", "the server refuses: " STR_FMT, STR_ARG(shown));
}

static err *heard(struct exchange *exchange, str line, struct reply *out)
{
    str word, rest;
    str_cut(line, ' ', &word, &rest);
    if (str_eq_fold(word, STR("-ERR"))) return refusal(exchange->a, rest);
    if (exchange->step == STEP_INFO) {
        if (str_eq_fold(word, STR("INFO"))) return introduce(exchange, rest, out);
        return err_invalid("it does not speak the protocol of NATS: no INFO comes first");
    }
    if (str_eq_fold(word, STR("PING"))) {
        out->text = STR("PONG\r\n");
    } else if (str_eq_fold(word, STR("PONG"))) {
        if (exchange->step == STEP_CONNECTED)
            publish(exchange, out);
        else
            out->over = true;
    }
    return NULL; /* +OK, and news of the cluster in a later INFO */
}

PROVIDER(nats) = {
    .type = "nats", .flags = NOTIFY_ADDRESS | NOTIFY_CHANNEL, .dial = dial, .heard = heard};
