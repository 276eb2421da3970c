/* nats: the conversation with a server, whatever it says, and the keys that prove who we are. */
#include "notify/nkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "notify/notify.h"

/* The first is the example of the documentation of NATS; all were checked with another library. */
#define SEED   "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
#define SIGNATURE                                                                                  \
    "49zJd4GIe8hHPerKYZqAWR4SBpQmlLISts1vrL9WvoRsPZPqxHoWuRRsJXtxr9SHvsLAbskRyhhO1cWWnumFDg"
#define SEED_2   "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y"
#define PUBLIC_2 "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"
#define SIGNATURE_2                                                                                \
    "G6EpYZRz6bxp9kWrtq4AYiAOCJCmIi0hHIWI_KDIPoBCahshMIAQqF6SDUBS7EQ7lIIDMSE6E-USGWdHoMznCA"
#define SEED_ACCOUNT "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI"

#define CREDS                                                                                      \
    "-----BEGIN NATS USER JWT-----\r\neyJ0.eyJq.c2ln\r\n------END NATS USER JWT------\r\n\r\n"     \
    "************************* IMPORTANT *************************\r\nKeep it.\r\n\r\n"            \
    "-----BEGIN USER NKEY SEED-----\r\n" SEED "\r\n------END USER NKEY SEED------\r\n"

static void test_keys(void **state UNUSED)
{
    static const char *const vectors[][3] = {{SEED, PUBLIC, SIGNATURE},
                                             {SEED_2, PUBLIC_2, SIGNATURE_2}};
    for (size_t i = 0; i < COUNT(vectors); i++) {
        arena a AUTO(arena_done) = {0};
        str public_key, signature;
        assert_null(nkey_sign(&a, str_of(vectors[i][0]), STR("n0nce"), &public_key, &signature));
        assert_true(str_is(public_key, vectors[i][1]));
        assert_true(str_is(signature, vectors[i][2]));
    }
}

static void test_wrong_keys(void **state UNUSED)
{
    static const char *const cases[][2] = {
        {"", "58 letters"},
        {"SU", "58 letters"},
        {PUBLIC, "58 letters"},
        {SEED "=", "58 letters"},
        {"suACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", "58 letters"},
        {"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VZ", "58 letters"},
        {"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU4VY", "checksum"},
        {"SUADSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", "checksum"},
        {SEED_ACCOUNT, "not the seed of a user"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        str public_key, signature;
        err *e AUTO(err_done) =
            nkey_sign(&a, str_of(cases[i][0]), STR("n"), &public_key, &signature);
        if (!e || !strstr(e->message, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], e ? e->message : "accepted");
        assert_true(!cases[i][0][0] || !strstr(e->message, cases[i][0]));
    }
}

/* ---- conversations ---- */

struct talker {
    arena arena;
    struct notice notice;
    struct target target;
    struct exchange exchange;
    struct dial dial;
    struct reply reply;
};

static struct talker *talker(void)
{
    struct talker *t = lang_zalloc(sizeof *t);
    t->notice = (struct notice){
        .about = {{STR("g"), STR("v1"), STR("Kustomization")}, STR("ns"), STR("app")},
        .message = STR("hello"),
        .metadata = node_map(&t->arena),
    };
    t->target = (struct target){.type = STR("nats"),
                                .address = STR("nats://nats.example.com:4222"),
                                .channel = STR("flux.events")};
    t->exchange = (struct exchange){.a = &t->arena, .notice = &t->notice, .target = &t->target};
    return t;
}

static void talker_done(struct talker **t)
{
    arena_done(&(*t)->arena);
    free(*t);
}

static err *dial(struct talker *t)
{
    return notify_find(STR("nats"))->dial(&t->exchange, &t->dial);
}

static err *hear(struct talker *t, const char *line)
{
    t->reply = (struct reply){0};
    return notify_find(STR("nats"))->heard(&t->exchange, str_of(line), &t->reply);
}

static bool said(const struct talker *t, const char *text)
{
    return str_find(t->reply.text, str_of(text)) >= 0;
}

static void test_addresses(void **state UNUSED)
{
    static const struct {
        const char *address, *host;
        int port;
        const char *error;
    } cases[] = {
        {"nats://h", "h", 4222, NULL},
        {"NATS://h:1", "h", 1, NULL},
        {"h:4223", "h", 4223, NULL},
        {"nats://[::1]:4222", "::1", 4222, NULL},
        {"nats://u:p@h", "h", 4222, NULL},
        {"tls://h", NULL, 0, "TLS is not supported"},
        {"http://h", NULL, 0, "the scheme is not nats"},
        {"nats://a,nats://b", NULL, 0, "address"},
        {"nats://h:0", NULL, 0, "address"},
        {"nats://h:99999", NULL, 0, "address"},
        {"nats://h\r\nPUB", NULL, 0, "address"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct talker *t AUTO(talker_done) = talker();
        t->target.address = str_of(cases[i].address);
        err *e AUTO(err_done) = dial(t);
        if (cases[i].error) {
            if (!e || !strstr(e->message, cases[i].error))
                fail_msg("%s: %s", cases[i].address, e ? e->message : "accepted");
            assert_int_equal(e->kind, ERR_INVALID);
            continue;
        }
        if (e) fail_msg("%s: %s", cases[i].address, e->message);
        assert_true(str_is(t->dial.host, cases[i].host));
        assert_int_equal(t->dial.port, cases[i].port);
    }
}

static void test_subjects(void **state UNUSED)
{
    static const char *const bad[] = {
        "a b", "a\r\nPUB x 0\r\n\r\n", "a\tb", ".a", "a.", "a..b", "a.*.b", ">", "a.>"};
    static const char *const good[] = {"a", "a.b", "a*b", "$JS.x", "ümlaut"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct talker *t AUTO(talker_done) = talker();
        t->target.channel = str_of(bad[i]);
        err *e AUTO(err_done) = dial(t);
        if (!e || !strstr(e->message, "spec.channel")) fail_msg("'%s' is accepted", bad[i]);
    }
    for (size_t i = 0; i < COUNT(good); i++) {
        struct talker *t AUTO(talker_done) = talker();
        t->target.channel = str_of(good[i]);
        assert_null(dial(t));
    }
}

static void test_delivery(void **state UNUSED)
{
    struct talker *t AUTO(talker_done) = talker();
    assert_null(dial(t));
    assert_null(hear(t, "INFO {\"max_payload\":1048576}"));
    assert_true(said(t, "CONNECT {\"verbose\":false,"));
    assert_true(said(t, "\"name\":\"NATS Provider Publisher\""));
    assert_true(str_ends(t->reply.text, STR("}\r\nPING\r\n")));
    assert_false(said(t, "\"user\""));
    assert_null(hear(t, "+OK"));
    assert_true(!t->reply.text.len && !t->reply.over);
    assert_null(hear(t, "PING"));
    assert_true(str_is(t->reply.text, "PONG\r\n"));
    assert_null(hear(t, "PONG"));
    str payload = notice_json(&t->arena, &t->notice);
    str wanted = str_printf(&t->arena, "PUB flux.events %zu\r\n" STR_FMT "\r\nPING\r\n",
                            payload.len, STR_ARG(payload));
    assert_true(str_eq(t->reply.text, wanted) && !t->reply.over);
    assert_null(hear(t, "INFO {\"ldm\":true}"));
    assert_true(!t->reply.text.len && !t->reply.over);
    assert_null(hear(t, "PONG"));
    assert_true(t->reply.over);
}

static void test_who_we_are(void **state UNUSED)
{
    static const struct {
        const char *address, *user, *password, *creds, *nkey, *nonce;
        const char *said, *not_said, *error;
    } cases[] = {
        {"nats://h", "u", "p\"w", "", "", "", "\"user\":\"u\",\"pass\":\"p\\\"w\"", "sig", NULL},
        {"nats://h", "u", "", "", "", "", "CONNECT", "\"user\"", NULL},
        {"nats://a:b%40@h", "u", "p", "", "", "", "\"user\":\"a\",\"pass\":\"b@\"", "sig", NULL},
        {"nats://t0ken@h", "", "", "", "", "", "\"auth_token\":\"t0ken\"", "\"user\"", NULL},
        {"nats://h", "u", "p", "", SEED "\n", "n0nce",
         "\"nkey\":\"" PUBLIC "\",\"sig\":\"" SIGNATURE "\"", "\"user\"", NULL},
        {"nats://h", "u", "p", CREDS, SEED_2, "n0nce",
         "\"jwt\":\"eyJ0.eyJq.c2ln\",\"sig\":\"" SIGNATURE "\"", "nkey", NULL},
        {"nats://h", "", "", "", SEED, "", NULL, NULL, "asks for no signature"},
        {"nats://h", "", "", "", "SUX", "n0nce", NULL, NULL, "the key 'nkey' of the Secret: "},
        {"nats://h", "", "", "eyJ0", "", "n0nce", NULL, NULL, "the key 'creds' of the Secret"},
        {"nats://h", "", "", "---BEGIN---\nx.y.z\n---END---\n", "", "n0nce", NULL, NULL,
         "the key 'creds' of the Secret: "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct talker *t AUTO(talker_done) = talker();
        node *secret = node_map(&t->arena);
        node_set_str(&t->arena, secret, STR("creds"), str_of(cases[i].creds));
        node_set_str(&t->arena, secret, STR("nkey"), str_of(cases[i].nkey));
        t->target.secret = secret;
        t->target.address = str_of(cases[i].address);
        t->target.user = str_of(cases[i].user);
        t->target.password = str_of(cases[i].password);
        str info = str_printf(&t->arena, "INFO {\"nonce\":\"%s\"}", cases[i].nonce);
        err *e AUTO(err_done) = hear(t, str_z(&t->arena, info));
        if (cases[i].error) {
            if (!e || !strstr(e->message, cases[i].error))
                fail_msg("%zu: %s", i, e ? e->message : "accepted");
            continue;
        }
        if (e) fail_msg("%zu: %s", i, e->message);
        if (!said(t, cases[i].said) || said(t, cases[i].not_said) || said(t, SEED))
            fail_msg("%zu: " STR_FMT, i, STR_ARG(t->reply.text));
    }
}

static void test_hostile_servers(void **state UNUSED)
{
    static const struct {
        const char *line;
        enum err_kind kind;
        const char *error;
    } cases[] = {
        {"", ERR_INVALID, "no INFO comes first"},
        {"HTTP/1.1 400 Bad Request", ERR_INVALID, "no INFO comes first"},
        {"PONG", ERR_INVALID, "no INFO comes first"},
        {"PING", ERR_INVALID, "no INFO comes first"},
        {"INFO", ERR_INVALID, "the server's INFO"},
        {"INFO {", ERR_INVALID, "the server's INFO"},
        {"INFO []", ERR_INVALID, "no JSON object"},
        {"INFO {\"tls_required\":true}", ERR_DENIED, "demands TLS"},
        {"INFO {\"max_payload\":10}", ERR_INVALID, "more than the 10 that the server takes"},
        {"-ERR 'Maximum Connections Exceeded'", ERR_TRANSIENT, "Maximum Connections Exceeded"},
        {"-ERR 'Authentication Timeout'", ERR_TRANSIENT, "refuses: Authentication Timeout"},
        {"-ERR 'Authorization Violation'", ERR_DENIED, "refuses: Authorization Violation"},
        {"-ERR 'User Authentication Expired'", ERR_DENIED, "Expired"},
        {"-ERR 'Maximum Payload Violation'", ERR_INVALID, "Maximum Payload"},
        {"-ERR 'x\x1b[31m\x01y'", ERR_DENIED, "x [31m y"},
        {"-ERR", ERR_DENIED, "the server refuses"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct talker *t AUTO(talker_done) = talker();
        err *e AUTO(err_done) = hear(t, cases[i].line);
        if (!e || e->kind != cases[i].kind || !strstr(e->message, cases[i].error))
            fail_msg("%s: %s", cases[i].line, e ? e->message : "accepted");
        assert_true(!t->reply.text.len && !t->reply.over);
    }
}

/* A refusal of what was published comes before the PONG. */
static void test_refused_message(void **state UNUSED)
{
    struct talker *t AUTO(talker_done) = talker();
    assert_null(hear(t, "INFO {}"));
    assert_null(hear(t, "PONG"));
    err *e AUTO(err_done) = hear(t, "-ERR 'Permissions Violation for Publish to \"flux.events\"'");
    assert_true(e && e->kind == ERR_DENIED && strstr(e->message, "Permissions Violation"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_subjects),
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_who_we_are),
        cmocka_unit_test(test_hostile_servers),
        cmocka_unit_test(test_refused_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
