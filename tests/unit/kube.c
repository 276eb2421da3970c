#include "kube/kube.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/loop.h"
#include "doc/json.h"

#define DISCOVERY                                                                                  \
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":[{\"version\":"  \
    "\"v1\",\"resources\":["                                                                       \
    "{\"resource\":\"secrets\",\"responseKind\":{\"kind\":\"Secret\"},\"scope\":\"Namespaced\","   \
    "\"verbs\":[\"list\"]},"                                                                       \
    "{\"resource\":\"configmaps\",\"responseKind\":{\"kind\":\"ConfigMap\"},\"scope\":"            \
    "\"Namespaced\",\"verbs\":[\"list\"]}]}]}]}"
#define NO_GROUPS "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[]}"
#define CONFIGMAP                                                                                  \
    {                                                                                              \
        STR(""), STR("v1"), STR("ConfigMap")                                                       \
    }

/* A server, a loop and a client of it; `answer` is the test's. */
struct world {
    struct api_script script;
    struct loop *loop;
    struct kube *kube;
    arena arena;
    void (*answer)(struct world *world, int fd, const struct api_request *request);
    _Atomic int requests, discoveries; /* seen by answer; by discovery */
    _Atomic int64_t slept_ns;
    str token_file;
};

static struct world *current;

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    bool core = str_is(request->line, "GET /api");
    if (core || str_is(request->line, "GET /apis")) {
        world->discoveries++;
        api_answer(fd, 200, "", core ? STR(DISCOVERY) : STR(NO_GROUPS));
        return;
    }
    world->requests++;
    world->answer(world, fd, request);
}

static int64_t real_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

static int64_t now(void)
{
    return real_ns(CLOCK_MONOTONIC);
}

static int64_t wall(void)
{
    return real_ns(CLOCK_REALTIME);
}

static void sleep_well(int64_t span_ns)
{
    current->slept_ns += span_ns;
}

/* Real time, but nobody sleeps. */
static const struct clock_source clock_source = {now, wall, sleep_well};

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = current = world;
    clock_replace(&clock_source);
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);

    arena *a = &world->arena;
    assert_null(fs_temp_dir(a, STR("/tmp"), STR("kube-"), &world->token_file));
    world->token_file = fs_join(a, world->token_file, STR("token"));
    struct kubeconfig config = {
        .server = str_printf(a, "http://127.0.0.1:%d", world->script.port),
        .token = STR("old-token"),
        .token_file = world->token_file,
    };
    assert_null(kube_new(world->loop, &config, (struct kube_options){.field_manager = STR("me")},
                         &world->kube));
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    kube_free(world->kube);
    loop_join(world->loop);
    loop_free(world->loop);
    api_stop(&world->script);
    clock_replace(NULL);
    err *e = fs_remove_tree(fs_dir(world->token_file));
    assert_null(e);
    arena_done(&world->arena);
    test_free(world);
    return 0;
}

static struct kube_request get_request(const char *name)
{
    return (struct kube_request){.verb = KUBE_GET, .ref = {CONFIGMAP, STR("ns"), str_of(name)}};
}

/* ---- one request ---- */

static void answer_echo(struct world *world, int fd, const struct api_request *request)
{
    (void)world;
    assert_true(str_is(api_header(request, "authorization"), "Bearer old-token"));
    buf body AUTO(buf_done) = {0};
    BUF_ADD(&body, "{\"line\":");
    json_write_str(&body, request->line, false);
    BUF_ADD(&body, ",\"as\":");
    json_write_str(&body, api_header(request, "impersonate-user"), false);
    BUF_ADD(&body, "}");
    api_answer(fd, 200, "", buf_str(&body));
}

static void a_request_finds_its_path_by_discovery(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_echo;
    node *out;
    for (int i = 0; i < 3; i++) {
        struct kube_request request = get_request("c");
        if (i == 1) request.ref.kind.version = STR("");
        assert_null(kube_do(world->kube, &a, &request, i == 2 ? NULL : &out));
        assert_true(
            str_is(node_get_str(out, STR("line")), "GET /api/v1/namespaces/ns/configmaps/c"));
    }
    assert_int_equal(world->discoveries, 2);
    str text;
    assert_null(kube_raw(world->kube, &a, STR("/version"), &text));
    assert_true(str_starts(text, STR("{\"line\":\"GET /version\"")));
}

static void an_impersonating_client_says_who_it_is(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_echo;
    struct kube *other = NULL;
    err *nobody AUTO(err_done) = kube_impersonate(world->kube, STR(""), &other);
    assert_true(err_is(nobody, ERR_DENIED));
    err *evil AUTO(err_done) = kube_impersonate(world->kube, STR("x\r\nY: z"), &other);
    assert_true(err_is(evil, ERR_INVALID));
    assert_null(other);

    assert_null(kube_impersonate(world->kube, STR("system:serviceaccount:ns:app"), &other));
    struct kube_request request = get_request("c");
    node *out;
    assert_null(kube_do(other, &a, &request, &out));
    assert_true(str_is(node_get_str(out, STR("as")), "system:serviceaccount:ns:app"));
    assert_null(kube_do(world->kube, &a, &request, &out));
    assert_true(str_is(node_get_str(out, STR("as")), ""));
    assert_int_equal(world->discoveries, 2); /* shared */
    kube_free(other);
}

static void what_cannot_be_asked_is_not_sent(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    struct kube_request request = get_request("..");
    err *name AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_true(err_is(name, ERR_INVALID));
    request.ref.kind.kind = STR("Nothing");
    err *kind AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_string_equal(kind->reason, "NoMatch");
    assert_int_equal(world->requests, 0);
}

static void answer_garbage(struct world *world, int fd, const struct api_request *request)
{
    (void)world, (void)request;
    api_answer(fd, 200, "", STR("<html>hello</html>"));
}

static void an_answer_that_is_no_json_is_an_error(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_garbage;
    struct kube_request request = get_request("c");
    node *out = NULL;
    err *e AUTO(err_done) = kube_do(world->kube, &a, &request, &out);
    assert_string_equal(e->reason, "BadAnswer");
    request.verb = KUBE_LIST;
    err *list AUTO(err_done) = kube_do(world->kube, &a, &request, &out);
    assert_true(err_is(list, ERR_INVALID));
    assert_null(out);
}

/* ---- patience ---- */

static void answer_busy_twice(struct world *world, int fd, const struct api_request *request)
{
    if (world->requests == 1)
        api_answer(fd, 429, "Retry-After: 3\r\n", STR(""));
    else if (world->requests == 2)
        api_answer(fd, 503, "Retry-After: 0\r\n", STR(""));
    else
        answer_echo(world, fd, request);
}

static void a_busy_server_is_waited_for(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_busy_twice;
    struct kube_request request = get_request("c");
    node *out;
    assert_null(kube_do(world->kube, &a, &request, &out));
    assert_int_equal(world->requests, 3);
    assert_in_range(world->slept_ns, 3100 * CLOCK_MS, 3400 * CLOCK_MS);
}

static void answer_always_busy(struct world *world, int fd, const struct api_request *request)
{
    (void)world, (void)request;
    api_answer(fd, 429, "Retry-After: 4\r\n",
               STR("{\"kind\":\"Status\",\"reason\":\"TooManyRequests\",\"message\":\"later\"}"));
}

static void answer_down(struct world *world, int fd, const struct api_request *request)
{
    (void)world, (void)request;
    api_answer(fd, 503, "", STR(""));
}

static void patience_ends(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_always_busy;
    struct kube_request request = get_request("c");
    err *busy AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_true(err_is(busy, ERR_TRANSIENT));
    assert_string_equal(busy->message, "later");
    assert_int_equal(world->requests, 3); /* 4 s twice; a third wait would pass 10 s */

    world->answer = answer_down; /* without Retry-After there is nothing to wait for */
    err *down AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_true(err_is(down, ERR_TRANSIENT));
    assert_int_equal(world->requests, 4);
}

static void answer_new_token(struct world *world, int fd, const struct api_request *request)
{
    (void)world;
    bool good = str_is(api_header(request, "authorization"), "Bearer new-token");
    api_answer(fd, good ? 200 : 401, "", good ? STR("{}") : STR(""));
}

static void a_refused_token_is_read_again(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_new_token;
    struct kube_request request = get_request("c");
    err *e AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_string_equal(e->reason, "Unauthorized"); /* there is no newer one */
    assert_int_equal(world->requests, 1);
    assert_null(fs_write(world->token_file, STR("new-token\n"), 0600));
    assert_null(kube_do(world->kube, &a, &request, NULL));
    assert_int_equal(world->requests, 3);
    assert_null(kube_do(world->kube, &a, &request, NULL));
    assert_int_equal(world->requests, 4);
}

/* ---- lists ---- */

static void answer_pages(struct world *world, int fd, const struct api_request *request)
{
    (void)world;
    bool second = str_find(request->line, STR("continue=next")) >= 0;
    api_answer(
        fd, 200, "",
        second ? STR("{\"metadata\":{\"resourceVersion\":\"8\"},\"items\":[{\"metadata\":"
                     "{\"name\":\"c\"}}]}")
               : STR("{\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"next\"},\"items\":"
                     "[{\"metadata\":{\"name\":\"a\"}},01,{\"metadata\":{\"name\":\"b\"}}]}"));
}

static void check_names(const node *list, const char *names)
{
    char *at = (char *)names;
    NODE_EACH (node_get(list, STR("items")), item) {
        assert_true(str_eq(node_find_str(item, "metadata", "name", NULL), str_from(at++, 1)));
        assert_true(str_is(node_get_str(item, STR("kind")), "ConfigMap"));
        assert_true(str_is(node_get_str(item, STR("apiVersion")), "v1"));
    }
    assert_int_equal(*at, '\0');
}

static void pages_are_gathered(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_pages;
    struct kube_request request = {.verb = KUBE_LIST, .ref = {.kind = CONFIGMAP}};
    node *out;
    assert_null(kube_do(world->kube, &a, &request, &out));
    check_names(out, "abc");
    assert_true(str_is(node_get_str(out, STR("kind")), "ConfigMapList"));
    assert_int_equal(world->requests, 2);
    request.limit = 3;
    assert_null(kube_do(world->kube, &a, &request, &out));
    check_names(out, "ab");
    assert_true(str_is(node_find_str(out, "metadata", "continue", NULL), "next"));
    assert_int_equal(world->requests, 3);
}

static void answer_expired(struct world *world, int fd, const struct api_request *request)
{
    if (str_find(request->line, STR("continue=")) >= 0)
        api_answer(fd, 410, "",
                   STR("{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"m\"}"));
    else if (str_find(request->line, STR("limit=")) >= 0)
        answer_pages(world, fd, request);
    else
        api_answer(fd, 200, "",
                   STR("{\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"z\"}}]}"));
}

static void a_list_that_expires_is_asked_for_in_one(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_expired;
    struct kube_request request = {.verb = KUBE_LIST, .ref = {.kind = CONFIGMAP}};
    node *out;
    assert_null(kube_do(world->kube, &a, &request, &out));
    check_names(out, "z");
    assert_int_equal(world->requests, 3);
}

/* ---- batches ---- */

enum { BATCH = 120 };

struct tally {
    int calls[BATCH];
    int good, kinds[ERR_INTERNAL + 1];
    atomic_bool cancel;
    int cancel_after;
};

static void count(void *context, size_t index, arena *a, node *object, err *e)
{
    (void)a;
    struct tally *tally = context;
    tally->calls[index]++;
    assert_true((object == NULL) == (e != NULL));
    if (e)
        tally->kinds[e->kind]++;
    else
        tally->good++;
    if (tally->cancel_after && tally->good == tally->cancel_after) tally->cancel = true;
    err_free(e);
}

static struct kube_request *batch_requests(arena *a)
{
    struct kube_request *requests = NEW_ARRAY(a, struct kube_request, BATCH);
    for (int i = 0; i < BATCH; i++) {
        requests[i] = get_request(str_z(a, str_printf(a, "c%d", i)));
        requests[i].verb = KUBE_APPLY;
        requests[i].body_json = STR("{}");
    }
    return requests;
}

/* By the name's last digit: 1 conflicts, 2 is busy at first, 3 is busy for ever. */
static void answer_by_digit(struct world *world, int fd, const struct api_request *request)
{
    str path, query;
    str_cut(request->line, '?', &path, &query);
    char digit = path.data[path.len - 1];
    if (digit == '1')
        api_answer(fd, 409, "", STR(""));
    else if (digit == '2' && world->slept_ns == 0)
        api_answer(fd, 429, "Retry-After: 1\r\n", STR(""));
    else if (digit == '3')
        api_answer(fd, 503, "Retry-After: 9\r\n", STR(""));
    else
        api_answer(fd, 200, "", STR("{\"kind\":\"ConfigMap\"}"));
}

static void each_request_of_a_batch_is_answered_once(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_by_digit;
    struct tally tally = {0};
    struct kube_request *requests = batch_requests(&a);
    requests[7].ref.name = STR("..");
    requests[8].ref.kind.kind = STR("Nothing");
    kube_batch(world->kube, requests, BATCH, NULL, count, &tally);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(tally.calls[i], 1);
    assert_int_equal(tally.kinds[ERR_CONFLICT], BATCH / 10);
    assert_int_equal(tally.kinds[ERR_TRANSIENT], BATCH / 10);
    assert_int_equal(tally.kinds[ERR_INVALID], 1);
    assert_int_equal(tally.kinds[ERR_NOT_FOUND], 1);
    assert_int_equal(tally.good, BATCH - 2 * (BATCH / 10) - 2);
    assert_in_range(world->slept_ns, 9 * CLOCK_SECOND, 10 * CLOCK_SECOND);
    kube_batch(world->kube, NULL, 0, NULL, count, &tally);
}

static void a_batch_can_be_canceled(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_by_digit;
    struct tally tally = {.cancel_after = 10};
    struct kube_request *requests = batch_requests(&a);
    kube_batch(world->kube, requests, BATCH, &tally.cancel, count, &tally);
    for (int i = 0; i < BATCH; i++)
        assert_int_equal(tally.calls[i], 1);
    assert_true(tally.kinds[ERR_CANCELED] > BATCH / 2);
    assert_true(world->requests < BATCH / 2);
}

/* ---- secrets ---- */

static void answer_quoting(struct world *world, int fd, const struct api_request *request)
{
    (void)world, (void)request;
    api_answer(fd, 500, "",
               STR("{\"kind\":\"Status\",\"code\":500,\"message\":\"failed to create typed patch "
                   "object: .stringData.pin: expected string, got &value.valueUnstructured{Value:"
                   "424283171}, hunter2\"}"));
}

static void keep_message(void *context, size_t index, arena *a, node *object, err *e)
{
    (void)index, (void)a, (void)object;
    *(err **)context = e;
}

static void a_secret_is_not_quoted_in_errors(void **state)
{
    struct world *world = *state;
    arena a AUTO(arena_done) = {0};
    world->answer = answer_quoting;
    struct kube_request request = {
        .verb = KUBE_APPLY,
        .ref = {{STR(""), STR("v1"), STR("Secret")}, STR("ns"), STR("s")},
        .body_json = STR("{\"stringData\":{\"pin\":424283171,\"p\":\"hunter2\"}}"),
    };
    for (int i = 0; i < 4; i++) {
        err *e = NULL;
        node *body;
        if (i / 2) assert_null(json_parse(&a, request.body_json, (struct json_options){0}, &body));
        if (i / 2) request.body = body;
        if (i % 2)
            e = kube_do(world->kube, &a, &request, NULL);
        else
            kube_batch(world->kube, &request, 1, NULL, keep_message, &e);
        assert_true(err_is(e, ERR_INVALID));
        assert_null(strstr(e->message, "424283171"));
        assert_null(strstr(e->message, "hunter2"));
        assert_non_null(strstr(e->message, ".stringData.pin: expected string, got <redacted>"));
        err_free(e);
    }
    request.ref.kind.kind = STR("ConfigMap");
    err *plain AUTO(err_done) = kube_do(world->kube, &a, &request, NULL);
    assert_non_null(strstr(plain->message, "424283171"));
}

/* ---- names ---- */

static void names_have_their_forms(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    struct kube_kind apps = kube_kind_parse(STR("apps/v1"), STR("Deployment"));
    struct kube_kind core = kube_kind_parse(STR("v1"), STR("Namespace"));
    assert_true(str_is(apps.group, "apps") && str_is(apps.version, "v1"));
    assert_true(str_is(core.group, "") && str_is(core.version, "v1"));
    assert_true(str_is(kube_api_version(&a, apps), "apps/v1"));
    assert_true(str_is(kube_api_version(&a, core), "v1"));
    struct kube_ref namespaced = {apps, STR("ns"), STR("d")}, cluster = {core, {0}, STR("n")};
    assert_true(str_is(kube_ref_text(&a, namespaced), "Deployment/ns/d"));
    assert_true(str_is(kube_ref_text(&a, cluster), "Namespace/n"));

    node *object;
    assert_null(json_parse(&a,
                           STR("{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":"
                               "{\"name\":\"d\",\"namespace\":\"ns\"}}"),
                           (struct json_options){0}, &object));
    assert_true(str_is(kube_ref_text(&a, kube_ref_of(object)), "Deployment/ns/d"));
    assert_true(str_is(kube_ref_of(NULL).name, ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_finds_its_path_by_discovery),
        TEST(an_impersonating_client_says_who_it_is),
        TEST(what_cannot_be_asked_is_not_sent),
        TEST(an_answer_that_is_no_json_is_an_error),
        TEST(a_busy_server_is_waited_for),
        TEST(patience_ends),
        TEST(a_refused_token_is_read_again),
        TEST(pages_are_gathered),
        TEST(a_list_that_expires_is_asked_for_in_one),
        TEST(each_request_of_a_batch_is_answered_once),
        TEST(a_batch_can_be_canceled),
        TEST(a_secret_is_not_quoted_in_errors),
        cmocka_unit_test(names_have_their_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
