/* protobuf: what k8s.io/client-go 0.36.3 encoded (tests/fuzz/corpus/protobuf) reads as what the
 * same library wrote as JSON (tests/golden/protobuf, without nulls, and without what is
 * false or empty in a status). */
#include "sandbox/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "doc/json.h"

#define CORPUS "tests/fuzz/corpus/protobuf/"
enum { FILE_BYTES_MAX = 1024 * 1024 };

static str content(arena *a, str path)
{
    str text;
    err *e AUTO(err_done) = fs_read(a, path, FILE_BYTES_MAX, &text);
    if (e) fail_msg("%s", e->message);
    return text;
}

static void reads_what_clients_send(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str *names;
    size_t count, compared = 0;
    assert_null(fs_list(&a, STR("tests/golden/protobuf"), &names, &count));
    for (size_t i = 0; i < count; i++) {
        str name = names[i];
        node *wanted, *have = NULL;
        str json = content(&a, str_concat(&a, STR("tests/golden/protobuf/"), name));
        assert_null(json_parse(&a, json, (struct json_options){0}, &wanted));
        str_strip_suffix(&name, STR(".json"));
        err *e AUTO(err_done) =
            protobuf_read(&a, content(&a, str_concat(&a, STR(CORPUS), name)), &have);
        if (e) fail_msg("%.*s: %s", STR_ARG(name), e->message);
        if (!node_equal(wanted, have))
            fail_msg("%.*s: %.*s", STR_ARG(name), STR_ARG(json_text(&a, have)));
        compared++;
    }
    assert_true(compared >= 10);
}

/* Every type that a field names is there. */
static void is_closed(void **state)
{
    (void)state;
    static const char *const simple[] = {
        "string",       "bytes",           "int",         "bool", "double",
        "time",         "microtime",       "intorstring", "raw",  "schemaorarray",
        "schemaorbool", "schemaorstrings", "quantity"};
    arena a AUTO(arena_done) = {0};
    node *table;
    str text = content(&a, STR("src/sandbox/protobuf.json"));
    assert_null(json_parse(&a, text, (struct json_options){0}, &table));
    const node *types = node_get(table, STR("types"));
    PAIR_EACH (node_get(table, STR("kinds")), kind) {
        assert_non_null(node_get(types, kind->value->text));
    }
    PAIR_EACH (types, type) {
        NODE_EACH (type->value, field) {
            str name, of = {0};
            if (node_is_null(field)) continue;
            assert_true(str_cut(field->text, ' ', &name, &of));
            str_strip_prefix(&of, STR("[]"));
            str_strip_prefix(&of, STR("{}"));
            str_strip_prefix(&of, STR("*"));
            str_strip_prefix(&of, STR("items:"));
            bool known = node_is_list(node_get(types, of));
            for (size_t i = 0; i < COUNT(simple); i++)
                known = known || str_is(of, simple[i]);
            if (!known) fail_msg("%.*s: '%.*s'", STR_ARG(type->key), STR_ARG(of));
        }
    }
}

#define ENVELOPE(type_len, rest) "k8s\0\x0a" type_len "\x0a\x02v1\x12" rest
static const struct {
    const char *bytes;
    size_t count;
    const char *message;
} refused[] = {
#define CASE(bytes, message)                                                                       \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, message                                                          \
    }
    CASE("", "protobuf: the body does not begin as objects of Kubernetes do"),
    CASE("k8s", "protobuf: the body does not begin as objects of Kubernetes do"),
    CASE("k8s\0", "protobuf: there is no kind '' of version ''"),
    CASE("k8s\0\x0a\x7f", "protobuf: the message is cut off"),
    CASE("k8s\0\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         "protobuf: a number has more than ten bytes"),
    CASE("k8s\0\x0b", "protobuf: wire type 3 is not known"),
    CASE(ENVELOPE("\x09", "\x03No\xff"), "protobuf: a text is no UTF-8"),
    CASE(ENVELOPE("\x09", "\x03Odd"), "protobuf: there is no kind 'Odd' of version 'v1'"),
    /* A Namespace whose metadata is a number. */
    CASE(ENVELOPE("\x0f", "\x09Namespace\x12\x02\x08\x01"),
         "protobuf: field 1 has wire type 0 where 2 is expected"),
    CASE(ENVELOPE("\x0f", "\x09Namespace\x12\x02\x00\x01"), "protobuf: a field has the number 0"),
    CASE(ENVELOPE("\x0f", "\x09Namespace\x12\x05\x0a\x03\x0a\x01\xff"),
         "protobuf: a text is no UTF-8"),
    CASE(ENVELOPE("\x0f", "\x09Namespace\x12\x02\x0a\x09"), "protobuf: the message is cut off"),
};

static void refuses_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        arena a AUTO(arena_done) = {0};
        node *object = NULL;
        err *e AUTO(err_done) =
            protobuf_read(&a, str_from(refused[i].bytes, refused[i].count), &object);
        assert_non_null(e);
        assert_string_equal(e->message, refused[i].message);
        assert_null(object);
    }
}

static str wrap(arena *a, const char *key, str inner)
{
    buf outer = BUF(a);
    buf_add(&outer, str_of(key));
    for (size_t len = inner.len;; len >>= 7) {
        buf_add_char(&outer, (char)((len & 0x7f) | (len > 0x7f ? 0x80 : 0)));
        if (len <= 0x7f) break;
    }
    buf_add(&outer, inner);
    return buf_str(&outer);
}

/* A schema that is not a schema that is not a schema ... */
static void nesting_is_bounded(void **state)
{
    (void)state;
    /* not; and from a schema outwards: openAPIV3Schema, schema, versions, spec, the object. */
    static const char *const path[] = {"\x0a", "\x22", "\x3a", "\x12", "\x12"};
    for (int deep = 0; deep < 2; deep++) {
        arena a AUTO(arena_done) = {0};
        str body = {0};
        for (int i = 0; i < (deep ? 2 * LIMIT_DOC_DEPTH : 20); i++)
            body = wrap(&a, "\xe2\x01", body);
        for (size_t i = 0; i < COUNT(path); i++)
            body = wrap(&a, path[i], body);
        str type = str_concat(&a, wrap(&a, "\x0a", STR("apiextensions.k8s.io/v1")),
                              wrap(&a, "\x12", STR("CustomResourceDefinition")));
        body = str_concat(&a, wrap(&a, "\x0a", type), body);
        node *object = NULL;
        err *e AUTO(err_done) =
            protobuf_read(&a, str_concat(&a, str_from("k8s", 4), body), &object);
        if (deep)
            assert_string_equal(e->message, "protobuf: nested more than 200 levels deep");
        else
            assert_null(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_clients_send),
        cmocka_unit_test(is_closed),
        cmocka_unit_test(refuses_in_words),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
