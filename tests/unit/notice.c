/* notice: the event API's JSON, read and written; what makes two events the same. */
#include "notify/notice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"

static const char event[] =
    "{\"involvedObject\":{\"kind\":\"Kustomization\",\"namespace\":\"ns\",\"name\":\"app\","
    "\"uid\":\"u\",\"apiVersion\":\"kustomize.toolkit.fluxcd.io/v1\",\"resourceVersion\":\"7\","
    "\"fieldPath\":\"spec\"},\"severity\":\"error\",\"timestamp\":\"2026-01-02T03:04:05Z\","
    "\"message\":\"a \\u003c b\",\"reason\":\"Failed\",\"metadata\":{"
    "\"kustomize.toolkit.fluxcd.io/revision\":\"main@sha1:1\"},"
    "\"reportingController\":\"kustomize-controller\",\"reportingInstance\":\"pod\"}";

static void decode(arena *a, const char *text, struct notice *out)
{
    err *e = notice_decode(a, str_of(text), out);
    if (e) fail_msg("%s: %s", text, e->message);
}

static void test_round_trip(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice;
    decode(&a, event, &notice);
    assert_int_equal(notice.severity, NOTICE_ERROR);
    assert_true(str_is(notice.about.kind.group, "kustomize.toolkit.fluxcd.io"));
    assert_true(str_is(notice_json(&a, &notice), event));
    struct notice *copy AUTO(notice_unref_done) = notice_new(&notice);
    assert_true(str_is(notice_json(&a, copy), event));
    assert_true(str_is(notice_own_value(copy, "revision"), "main@sha1:1"));
}

static void test_the_least(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice;
    decode(&a, "{\"involvedObject\":{\"kind\":\"X\",\"name\":\"y\"},\"severity\":\"trace\"}",
           &notice);
    assert_int_equal(notice.severity, NOTICE_INFO);
    assert_int_equal(notice.metadata->count, 0);
    assert_true(notice.wall_ns > 0);
}

/* ---- what is taken away, and what becomes of another type ---- */

static node *parse(arena *a)
{
    node *out;
    must(!json_parse(a, str_of(event), (struct json_options){0}, &out));
    return out;
}

static const node *strange(arena *a, int which)
{
    switch (which) {
    case 0:
        return node_int(a, 7);
    case 1:
        return node_bool(a, true);
    case 2:
        return node_list(a);
    case 3:
        return node_map(a);
    case 4:
        return node_null(a);
    default:
        return node_str(a, STR("\xf0\x9f\x98\x80\x01"));
    }
}

/* Without the field, or with a value of another type: accepted or refused, as a whole. */
static void vary(bool inner, uint32_t index, int which)
{
    arena a AUTO(arena_done) = {0};
    node *root = parse(&a), *object = inner ? node_get(root, STR("involvedObject")) : root;
    str key = object->pairs[index].key;
    bool needed = str_is(key, "involvedObject") || str_is(key, "kind") || str_is(key, "name") ||
                  str_is(key, "severity");
    if (which < 0)
        node_unset(object, key);
    else
        node_set(&a, object, key, (node *)strange(&a, which));
    struct notice notice;
    err *e AUTO(err_done) = notice_decode(&a, json_text(&a, root), &notice);
    bool none = which < 0 || which == 4;
    bool text = which == 5;
    bool map = str_is(key, "involvedObject") || str_is(key, "metadata");
    bool fine = (none && !needed) ||
                (text && !map && !str_is(key, "severity") && !str_is(key, "timestamp")) ||
                (which == 3 && str_is(key, "metadata"));
    if (fine != !e) fail_msg(STR_FMT " %d: %s", STR_ARG(key), which, e ? e->message : "accepted");
    if (e) assert_int_equal(e->kind, ERR_INVALID);
}

static void test_each_field_removed_and_retyped(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    uint32_t outer = parse(&a)->count, inner = node_get(parse(&a), STR("involvedObject"))->count;
    for (int which = -1; which < 6; which++) {
        for (uint32_t i = 0; i < outer; i++)
            vary(false, i, which);
        for (uint32_t i = 0; i < inner; i++)
            vary(true, i, which);
    }
}

static void test_bounds(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice;
    char *long_text = arena_alloc(&a, LIMIT_NOTICE_MESSAGE_BYTES + 2);
    memset(long_text, 'x', LIMIT_NOTICE_MESSAGE_BYTES + 1);
    long_text[LIMIT_NOTICE_MESSAGE_BYTES + 1] = 0;
    node *root = parse(&a);
    node_set_str(&a, root, STR("message"), str_of(long_text));
    err *e AUTO(err_done) = notice_decode(&a, json_text(&a, root), &notice);
    assert_non_null(e);
    assert_string_equal(e->message, "'message' has 39001 bytes, more than the limit of 39000");
    node_set_str(&a, root, STR("message"), str_skip(str_of(long_text), 1));
    assert_null(notice_decode(&a, json_text(&a, root), &notice));
}

/* ---- metadata ---- */

static void test_only_known_keys_are_passed_on(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice;
    decode(&a, event, &notice);
    node *metadata = node_map(&a);
    static const char *const keys[] = {
        "kustomize.toolkit.fluxcd.io/revision", "kustomize.toolkit.fluxcd.io/Checksum",
        "kustomize.toolkit.fluxcd.io/digest",   "event.toolkit.fluxcd.io/deploy",
        "source.toolkit.fluxcd.io/revision",    "revision",
        "event.toolkit.fluxcd.io/digest"};
    for (size_t i = 0; i < COUNT(keys); i++)
        node_set_str(&a, metadata, str_of(keys[i]), STR("v"));
    notice.metadata = metadata;
    const node *clean = notice_clean_metadata(&a, &notice);
    assert_int_equal(clean->count, 3);
    assert_non_null(node_get(clean, STR("kustomize.toolkit.fluxcd.io/revision")));
    assert_non_null(node_get(clean, STR("event.toolkit.fluxcd.io/deploy")));
    assert_non_null(node_get(clean, STR("event.toolkit.fluxcd.io/digest")));
}

static str key_with(arena *a, const char *field, const char *value)
{
    struct notice notice;
    node *root = parse(a), *object = node_get(root, STR("involvedObject"));
    node *metadata = node_get(root, STR("metadata"));
    bool of_object = node_get(object, str_of(field)) != NULL;
    bool prefixed = strchr(field, '/') != NULL;
    node_set_str(a, prefixed ? metadata : of_object ? object : root, str_of(field), str_of(value));
    must(!notice_decode(a, json_text(a, root), &notice));
    return notice_same_key(a, &notice);
}

static void test_what_makes_events_the_same(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    str same = key_with(&a, "reason", "Failed");
    assert_int_equal(same.len, 64);
    static const char *const counts[] = {"name",
                                         "namespace",
                                         "kind",
                                         "message",
                                         "kustomize.toolkit.fluxcd.io/revision",
                                         "kustomize.toolkit.fluxcd.io/originRevision",
                                         "kustomize.toolkit.fluxcd.io/token"};
    static const char *const does_not[] = {"reason",
                                           "uid",
                                           "resourceVersion",
                                           "reportingInstance",
                                           "event.toolkit.fluxcd.io/token",
                                           "kustomize.toolkit.fluxcd.io/other"};
    for (size_t i = 0; i < COUNT(counts); i++)
        if (str_eq(key_with(&a, counts[i], "other"), same)) fail_msg("%s", counts[i]);
    for (size_t i = 0; i < COUNT(does_not); i++)
        if (!str_eq(key_with(&a, does_not[i], "other"), same)) fail_msg("%s", does_not[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_the_least),
        cmocka_unit_test(test_each_field_removed_and_retyped),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_only_known_keys_are_passed_on),
        cmocka_unit_test(test_what_makes_events_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
