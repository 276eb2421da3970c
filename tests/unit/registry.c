/* registry: blobs are taken as they come, and good only at the end; a known list is not sent. */
#include "oci/registry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "api_script.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"

struct world {
    struct api_script script;
    struct loop *loop;
    struct registry *registry;
    str blob;   /* what the server gives */
    str digest; /* what it is asked for */
    struct reference reference;
    arena arena;
    _Atomic int blobs;
};

static void serve(void *context, int fd, const struct api_request *request)
{
    struct world *world = context;
    if (str_find(request->line, STR("/blobs/")) >= 0) {
        bool head = str_starts(request->line, STR("HEAD"));
        world->blobs += !head;
        if (!str_is(api_header(request, "authorization"), "Basic d2hvOndoYXQ=")) {
            api_answer(fd, 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", STR(""));
        } else if (head) {
            api_write(fd, STR("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n"));
        } else {
            api_answer(fd, 200, "", world->blob);
        }
    } else if (str_find(request->line, STR("/tags/list")) >= 0) {
        if (str_is(api_header(request, "if-none-match"), "\"one\""))
            api_answer(fd, 304, "ETag: \"one\"\r\n", STR(""));
        else
            api_answer(fd, 200, "ETag: \"one\"\r\n", STR("{\"tags\":[\"1.0.0\",\"2.0.0\"]}"));
    } else {
        api_answer(fd, 200, "", STR("{}"));
    }
}

static int setup(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    *state = world;
    world->script = (struct api_script){.handler = serve, .context = world};
    api_start(&world->script);
    world->loop = loop_new();
    loop_start(world->loop);
    world->registry = registry_new(world->loop);
    world->blob = STR("the blob!");
    world->digest =
        str_concat(&world->arena, STR("sha256:"), hash_sha256_hex(&world->arena, world->blob));
    world->reference = (struct reference){
        .registry = str_printf(&world->arena, "127.0.0.1:%d", world->script.port),
        .repository = STR("app"),
    };
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    registry_free(world->registry);
    loop_join(world->loop);
    loop_free(world->loop);
    api_stop(&world->script);
    arena_done(&world->arena);
    test_free(world);
    return 0;
}

static err *take(void *context, str bytes)
{
    buf_add(context, bytes);
    return NULL;
}

static err *read_blob(struct world *world, arena *a, size_t limit_bytes, buf *out)
{
    struct keychain_entry who = {
        .host = world->reference.registry, .user = STR("who"), .password = STR("what")};
    struct keychain keychain = {.entries = &who, .count = 1};
    struct registry_access access = {.keychain = &keychain,
                                     .due_ns = clock_now_ns() + 60 * CLOCK_SECOND};
    return registry_blob(world->registry, a, &world->reference, &access, world->digest, limit_bytes,
                         take, out);
}

static void test_blob(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = *state;
    buf b = BUF(&a);
    err *e = read_blob(world, &a, 9, &b);
    if (e) fail_msg("%s", e->message);
    assert_true(str_eq(buf_str(&b), world->blob));
    assert_int_equal(world->blobs, 1);
}

static void test_blob_that_is_another(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = *state;
    buf b = BUF(&a);
    world->blob = STR("not that!");
    err *e AUTO(err_done) = read_blob(world, &a, 100, &b);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(str_find(err_text(e), STR("the blob has the digest sha256:")) >= 0);
}

static void test_blob_without_an_end(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = *state;
    buf b = BUF(&a);
    err *e AUTO(err_done) = read_blob(world, &a, 8, &b);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(str_find(err_text(e), STR("more than the limit of 8 bytes")) >= 0);
    assert_true(b.len <= 8);
}

static void test_blob_without_a_digest(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = *state;
    buf b = BUF(&a);
    world->digest = STR("../../etc");
    err *e AUTO(err_done) = read_blob(world, &a, 100, &b);
    assert_true(err_is(e, ERR_INVALID));
    assert_int_equal(world->blobs, 0);
}

static void test_known_list(void **state)
{
    arena a AUTO(arena_done) = {0};
    struct world *world = *state;
    struct registry_access access = {.due_ns = clock_now_ns() + 60 * CLOCK_SECOND};
    struct registry_tags tags = {0};
    assert_null(registry_tags(world->registry, &a, &world->reference, &access, &tags));
    assert_int_equal(tags.count, 2);
    assert_false(tags.unchanged);
    assert_true(str_is(tags.etag, "\"one\""));
    assert_null(registry_tags(world->registry, &a, &world->reference, &access, &tags));
    assert_true(tags.unchanged);
    assert_int_equal(tags.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blob_that_is_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blob_without_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blob_without_a_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_known_list, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
