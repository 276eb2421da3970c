/*
 * webhook: of every payload, each field is removed and made a value of every
 * other type, and each header is removed, cut and changed. What is accepted
 * then is compared with a table of what each type needs.
 */
#include "control/webhook.h"

#include "base/clock.h"
#include "http_fixture.h"
#include "signed_token.h"

#define TOKEN    "a token"
#define EMAIL    "push@example.test"
#define AUDIENCE "https://example.test"

/* A text or an object that the body has to have at this path. */
struct need {
    const char *path[3];
    enum node_kind kind;
    bool optional; /* may be missing or null, but is of this kind when it is there */
    bool any_text; /* may be empty */
};

struct kind_of_call {
    const char *type, *body;
    struct webhook_header headers[4];
    const char *signature; /* header that signs the body: "sha256=<hex>", or bare for nexus */
    const char *digest;
    const char *needed[4]; /* headers without which it is refused */
    struct need needs[9];
};

#define JSON_TYPE                                                                                  \
    {                                                                                              \
        STR("content-type"), STR("application/json")                                               \
    }

static const struct kind_of_call calls[] = {
    {"generic", "{\"a\":[1]}", {JSON_TYPE}, NULL, NULL, {NULL}, {{{NULL}}}},
    {"generic-hmac",
     "{\"a\":[1]}",
     {JSON_TYPE},
     "x-signature",
     "sha512",
     {"x-signature"},
     {{{NULL}}}},
    {"github",
     "{\"ref\":\"refs/heads/main\",\"commits\":[{\"id\":\"1\"}],\"repository\":{\"id\":7}}",
     {JSON_TYPE, {STR("x-github-event"), STR("push")}, {STR("x-github-delivery"), STR("1")}},
     "x-hub-signature-256",
     "sha256",
     {"x-hub-signature-256", "x-github-event", "content-type"},
     {{{NULL}}}},
    {"bitbucket",
     "{\"push\":{\"changes\":[null]}}",
     {JSON_TYPE, {STR("x-event-key"), STR("push")}},
     "x-hub-signature",
     "sha256",
     {"x-hub-signature", "x-event-key"},
     {{{NULL}}}},
    {"nexus",
     "{\"action\":\"UPDATED\",\"repositoryName\":\"x\",\"component\":{\"name\":\"y\"}}",
     {JSON_TYPE},
     "x-nexus-webhook-signature",
     "sha1",
     {"x-nexus-webhook-signature"},
     {{{NULL}}}},
    {"gitlab",
     "{\"object_kind\":\"push\"}",
     {{STR("x-gitlab-token"), STR(TOKEN)}, {STR("x-gitlab-event"), STR("push")}},
     NULL,
     NULL,
     {"x-gitlab-token", "x-gitlab-event"},
     {{{NULL}}}},
    {"harbor",
     "{\"type\":\"PUSH_ARTIFACT\"}",
     {{STR("authorization"), STR(TOKEN)}},
     NULL,
     NULL,
     {"authorization"},
     {{{NULL}}}},
    {"dockerhub",
     "{\"push_data\":{\"tag\":\"1\",\"pushed_at\":1},\"repository\":{\"repo_url\":\"u\"}}",
     {JSON_TYPE},
     NULL,
     NULL,
     {NULL},
     {{{"push_data", "tag"}, NODE_STR}, {{"repository", "repo_url"}, NODE_STR}}},
    {"quay",
     "{\"docker_url\":\"quay.io/x\",\"updated_tags\":[\"a\",\"b\"],\"name\":\"x\"}",
     {JSON_TYPE},
     NULL,
     NULL,
     {NULL},
     {{{"docker_url"}, NODE_STR}, {{"updated_tags"}, NODE_LIST}}},
    {"acr",
     "{\"action\":\"push\",\"target\":{\"repository\":\"x\",\"tag\":\"v1\",\"size\":5}}",
     {JSON_TYPE},
     NULL,
     NULL,
     {NULL},
     {{{"action"}, NODE_STR},
      {{"target", "repository"}, NODE_STR},
      {{"target", "tag"}, NODE_STR, .optional = true, .any_text = true}}},
    {"cdevents",
     "{\"context\":{\"version\":\"0.4.1\",\"id\":\"1\",\"source\":\"/s\","
     "\"type\":\"dev.cdevents.change.merged.0.2.0\",\"timestamp\":\"2026-01-02T03:04:05Z\"},"
     "\"subject\":{\"id\":\"c\",\"type\":\"change\",\"content\":{\"x\":1}}}",
     {JSON_TYPE, {STR("ce-type"), STR("dev.cdevents.change.merged.0.2.0")}},
     NULL,
     NULL,
     {"ce-type"},
     {{{"context", "version"}, NODE_STR},
      {{"context", "id"}, NODE_STR},
      {{"context", "source"}, NODE_STR},
      {{"context", "type"}, NODE_STR},
      {{"context", "timestamp"}, NODE_STR},
      {{"subject", "id"}, NODE_STR},
      {{"subject", "type"}, NODE_STR},
      {{"subject", "content"}, NODE_MAP}}},
};

/* ---- one call ---- */

struct world {
    struct fixture *f;
    struct issuer_keys *issuers;
    EVP_PKEY *key;
    node *secret;
    str keys_url;
    struct receiver_spec spec;
};

static node *parse(arena *a, str text)
{
    node *n;
    err *e = json_parse(a, text, (struct json_options){0}, &n);
    must(!e);
    return n;
}

static bool accepts(struct world *w, arena *a, const struct webhook_call *call)
{
    struct webhook_check check = {
        .a = a,
        .call = call,
        .spec = &w->spec,
        .secret = w->secret,
        .token = STR(TOKEN),
        .issuers = w->issuers,
        .google_keys_url = w->keys_url,
        .now_wall_ns = 1000 * CLOCK_SECOND,
    };
    err *e AUTO(err_done) = webhook_verify(&check);
    if (!e) return true;
    assert_true(e->kind == ERR_DENIED || e->kind == ERR_INVALID);
    assert_true(str_find(err_text(e), STR(TOKEN)) < 0);
    return false;
}

/* The headers of the table with a right signature for the body; `skip` is left out. */
static struct webhook_call call_of(arena *a, const struct kind_of_call *kind, str body,
                                   const char *skip)
{
    struct webhook_header *headers = NEW_ARRAY(a, struct webhook_header, 8);
    struct webhook_call call = {.path = STR("/hook/x"), .body = body, .headers = headers};
    for (size_t i = 0; i < COUNT(kind->headers) && kind->headers[i].name.len; i++) {
        if (!skip || !str_is(kind->headers[i].name, skip))
            headers[call.header_count++] = kind->headers[i];
    }
    if (!kind->signature || (skip && !strcmp(skip, kind->signature))) return call;
    str hex = webhook_hmac(a, kind->digest, STR(TOKEN), body);
    bool bare = !strcmp(kind->type, "nexus");
    str value = bare ? hex : str_printf(a, "%s=" STR_FMT, kind->digest, STR_ARG(hex));
    headers[call.header_count++] = (struct webhook_header){str_of(kind->signature), value};
    return call;
}

/* ---- what the table says ---- */

static bool is_as_needed(const struct kind_of_call *kind, const node *body)
{
    for (const struct need *need = kind->needs; need->path[0]; need++) {
        const node *found = body;
        for (int i = 0; need->path[i]; i++)
            found = node_get(found, str_of(need->path[i]));
        if (need->optional && node_is_null(found)) continue;
        if (!found || found->kind != need->kind) return false;
        if (found->kind == NODE_STR && !need->any_text && !found->text.len) return false;
    }
    if (!strcmp(kind->type, "cdevents"))
        return str_is(node_find_str(body, "context", "type", NULL), kind->headers[1].value.data) &&
               str_starts(node_find_str(body, "context", "version", NULL), STR("0."));
    NODE_EACH (node_get(body, STR("updated_tags")), item) {
        if (!strcmp(kind->type, "quay") && item->kind != NODE_STR) return false;
    }
    return node_is_map(body);
}

/* ---- every change of a document ---- */

static node *other_value(arena *a, int number)
{
    static const char *const values[] = {"null",  "true", "7",  "1.5",    "\"\"",
                                         "\"x\"", "[]",   "{}", "[null]", "{\"a\":1}"};
    return number < (int)COUNT(values) ? parse(a, str_of(values[number])) : NULL;
}

typedef void change_fn(void *context, arena *a, const node *changed);

/* Calls fn with a copy of root for each change of each value below `at`. `at` and root are of one
 * tree, which is changed and put right again. */
static void each_change(node *root, node *at, change_fn *fn, void *context)
{
    uint32_t count = node_is_map(at) || node_is_list(at) ? at->count : 0;
    for (uint32_t i = 0; i < count; i++) {
        node **slot = node_is_map(at) ? &at->pairs[i].value : &at->items[i];
        node *kept = *slot;
        arena a AUTO(arena_done) = {0};
        for (int number = 0; (*slot = other_value(&a, number)); number++)
            fn(context, &a, root);
        *slot = kept;
        str key = node_is_map(at) ? at->pairs[i].key : (str){0};
        if (node_is_map(at)) {
            at->pairs[i].key = STR("gone");
            fn(context, &a, root);
            at->pairs[i].key = key;
        }
        each_change(root, kept, fn, context);
    }
}

struct trial {
    struct world *w;
    const struct kind_of_call *kind;
    size_t tried, accepted;
};

static void try_body(void *context, arena *a, const node *changed)
{
    struct trial *trial = context;
    str body = json_text(a, changed);
    struct webhook_call call = call_of(a, trial->kind, body, NULL);
    bool accepted = accepts(trial->w, a, &call);
    trial->tried++;
    trial->accepted += accepted;
    if (accepted != is_as_needed(trial->kind, changed))
        fail_msg("%s: %.*s is %s", trial->kind->type, STR_ARG(body),
                 accepted ? "accepted" : "refused");
    if (!trial->kind->signature) return;
    /* With the signature of another body it never is. */
    struct webhook_call stale = call_of(a, trial->kind, str_of(trial->kind->body), NULL);
    stale.body = body;
    assert_false(accepts(trial->w, a, &stale) && !str_is(body, trial->kind->body));
}

static bool tell_keys(struct scripted_peer *peer, const char *request UNUSED)
{
    const struct world *w = peer->server->context;
    arena a AUTO(arena_done) = {0};
    return scripted_answer(peer, str_z(&a, signed_key_set(&a, w->key, "one")));
}

static void open_world(void **state, struct world *w)
{
    struct fixture *f = *state;
    *w = (struct world){.f = f, .key = EVP_RSA_gen(2048), .issuers = issuer_new(f->http)};
    w->secret = parse(&f->a, STR("{\"token\":\"" TOKEN "\",\"email\":\"" EMAIL
                                 "\",\"audience\":\"" AUDIENCE "\"}"));
    f->server.context = w;
    serve(state, tell_keys);
    w->keys_url = url_of(f, "/keys");
}

static void close_world(struct world *w)
{
    issuer_free(w->issuers);
    EVP_PKEY_free(w->key);
}

static void bodies(void **state)
{
    struct world w;
    size_t tried = 0;
    open_world(state, &w);
    for (size_t i = 0; i < COUNT(calls); i++) {
        arena a AUTO(arena_done) = {0};
        struct trial trial = {&w, &calls[i], 0, 0};
        node *body = parse(&a, str_of(calls[i].body));
        w.spec = (struct receiver_spec){.type = str_of(calls[i].type)};
        try_body(&trial, &a, body);
        assert_int_equal(trial.accepted, 1); /* as it is, it is a true one */
        each_change(body, body, try_body, &trial);
        tried += trial.tried;
        static const char *const odd[] = {
            "", "null", "[]", "7", "\"x\"", "{", "{}x", "\xff", "{\"a\":1}{\"b\":2}"};
        for (size_t k = 0; k < COUNT(odd); k++) {
            struct webhook_call call = call_of(&a, &calls[i], str_of(odd[k]), NULL);
            bool any = !calls[i].needs[0].path[0] && strcmp(calls[i].type, "github") &&
                       strcmp(calls[i].type, "nexus");
            if (accepts(&w, &a, &call) != any) fail_msg("%s: '%s'", calls[i].type, odd[k]);
        }
    }
    assert_true(tried >= 400);
    close_world(&w);
}

/* Without a header that counts, or with half of it, a call is refused. */
static void headers(void **state)
{
    struct world w;
    open_world(state, &w);
    for (size_t i = 0; i < COUNT(calls); i++) {
        arena a AUTO(arena_done) = {0};
        str events[] = {STR("push"), STR("dev.cdevents.change.merged.0.2.0")};
        w.spec = (struct receiver_spec){.type = str_of(calls[i].type), .events = {events, 2}};
        for (size_t k = 0; calls[i].needed[k]; k++) {
            str body = str_of(calls[i].body);
            struct webhook_call call = call_of(&a, &calls[i], body, calls[i].needed[k]);
            if (accepts(&w, &a, &call))
                fail_msg("%s without %s", calls[i].type, calls[i].needed[k]);
            call = call_of(&a, &calls[i], body, NULL);
            assert_true(accepts(&w, &a, &call));
            struct webhook_header *header = (struct webhook_header *)call.headers;
            while (!str_is(header->name, calls[i].needed[k]))
                header++;
            str kept = header->value;
            for (size_t len = 0; len < kept.len; len++) {
                header->value = str_head(kept, len);
                if (accepts(&w, &a, &call))
                    fail_msg("%s with %zu bytes of %s", calls[i].type, len, calls[i].needed[k]);
            }
            header->value = str_concat(&a, kept, STR("0"));
            assert_false(accepts(&w, &a, &call));
        }
    }
    close_world(&w);
}

/* ---- tokens ---- */

static str gcr_body(arena *a, str inner)
{
    str data = b64_encode(a, inner);
    return str_printf(a, "{\"message\":{\"data\":\"" STR_FMT "\",\"messageId\":\"1\"}}",
                      STR_ARG(data));
}

static bool accepts_token(struct world *w, arena *a, str claims, str body)
{
    str token = signed_token(a, w->key, STR("{\"alg\":\"RS256\",\"kid\":\"one\"}"), claims);
    struct webhook_header header = {STR("authorization"), str_concat(a, STR("Bearer "), token)};
    struct webhook_call call = {.body = body, .headers = &header, .header_count = 1};
    return accepts(w, a, &call);
}

static const char google_claims[] =
    "{\"iss\":\"https://accounts.google.com\",\"aud\":\"" AUDIENCE "\",\"email\":\"" EMAIL
    "\",\"email_verified\":true,\"exp\":2000,\"iat\":900}";

static void try_claims(void *context, arena *a, const node *changed)
{
    struct trial *trial = context;
    str aud, iss, email, text = json_text(a, changed);
    bool verified = false;
    double exp = 0, iat = 0;
    const node *issued = node_get(changed, STR("iat"));
    bool right = node_to_str(node_get(changed, STR("aud")), &aud) && str_is(aud, AUDIENCE) &&
                 node_to_str(node_get(changed, STR("iss")), &iss) &&
                 str_is(iss, "https://accounts.google.com") &&
                 node_to_str(node_get(changed, STR("email")), &email) && str_is(email, EMAIL) &&
                 node_to_bool(node_get(changed, STR("email_verified")), &verified) && verified &&
                 node_to_double(node_get(changed, STR("exp")), &exp) && exp > 1000 &&
                 (!issued || node_to_double(issued, &iat));
    bool accepted = accepts_token(trial->w, a, text, gcr_body(a, STR("{\"action\":\"INSERT\"}")));
    trial->tried++;
    trial->accepted += accepted;
    if (accepted != right) fail_msg("%.*s is %s", STR_ARG(text), accepted ? "accepted" : "refused");
}

static void try_message(void *context, arena *a, const node *changed)
{
    struct trial *trial = context;
    str data, inner, action, text = json_text(a, changed);
    node *decoded;
    bool right = node_to_str(node_find(changed, "message", "data", NULL), &data) && data.len;
    err *e AUTO(err_done) = right ? b64_decode(a, data, &inner) : NULL;
    err *bad AUTO(err_done) =
        right && !e ? json_parse(a, inner, (struct json_options){0}, &decoded) : NULL;
    right = right && !e && !bad && node_is_map(decoded) &&
            node_to_str(node_get(decoded, STR("action")), &action) && action.len;
    bool accepted = accepts_token(trial->w, a, str_of(google_claims), text);
    trial->tried++;
    if (accepted != right) fail_msg("%.*s is %s", STR_ARG(text), accepted ? "accepted" : "refused");
}

static void tokens(void **state)
{
    struct world w;
    open_world(state, &w);
    arena a AUTO(arena_done) = {0};
    struct trial trial = {.w = &w};
    w.spec = (struct receiver_spec){.type = STR("gcr")};
    node *claims = parse(&a, str_of(google_claims));
    try_claims(&trial, &a, claims);
    assert_int_equal(trial.accepted, 1);
    each_change(claims, claims, try_claims, &trial);
    node *body = parse(&a, gcr_body(&a, STR("{\"action\":\"INSERT\",\"tag\":\"x\"}")));
    try_message(&trial, &a, body);
    each_change(body, body, try_message, &trial);
    static const char *const inner[] = {"{}", "[]", "{\"action\":7}", "{\"action\":\"\"}", "x", ""};
    for (size_t i = 0; i < COUNT(inner); i++)
        assert_false(accepts_token(&w, &a, str_of(google_claims), gcr_body(&a, str_of(inner[i]))));
    /* The Secret of a Receiver that was made before both keys were needed. */
    w.secret = parse(&a, STR("{\"token\":\"" TOKEN "\"}"));
    assert_false(
        accepts_token(&w, &a, str_of(google_claims), gcr_body(&a, STR("{\"action\":\"INSERT\"}"))));
    /* The keys were fetched once. */
    assert_int_equal(atomic_load(&w.f->server.requests), 1);
    close_world(&w);
}

static void empty_token(void **state)
{
    struct world w;
    open_world(state, &w);
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(calls); i++) {
        w.spec = (struct receiver_spec){.type = str_of(calls[i].type)};
        struct webhook_call call = call_of(&a, &calls[i], str_of(calls[i].body), NULL);
        struct webhook_check check = {.a = &a, .call = &call, .spec = &w.spec};
        err *e AUTO(err_done) = webhook_verify(&check);
        assert_string_equal(e->message, "the token of the Secret is empty");
    }
    close_world(&w);
}

/* Every type of the CRD has a row, and every row is of a type of the CRD. */
static void types(void **state)
{
    (void)state;
    const struct field *field = schema_find(kind_find(STR("Receiver"))->spec, STR("type"));
    size_t choices = 0, rows = 0;
    ROSTER_EACH (webhook, struct webhook, row) {
        bool known = false;
        for (size_t i = 0; field->choices[i]; i++)
            known |= !strcmp(field->choices[i], (*row)->type);
        assert_true(known);
        rows++;
    }
    while (field->choices[choices])
        choices++;
    assert_int_equal(rows, choices);
    assert_int_equal(rows, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(headers, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_token, setup, teardown),
        cmocka_unit_test(types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
