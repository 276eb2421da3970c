/* decode: errors in the words of Go's JSON decoder, and what comes out. */
#include "render/decode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "doc/json.h"
#include "doc/yaml.h"

static const struct decode_field inner_fields[] = {
    {"kind", DECODE_STR, .embedded = "ResId.Gvk."},
    {"label", DECODE_STR},
    {"flag", DECODE_BOOL},
    {"count", DECODE_INT},
};
static const struct decode_struct inner = DECODE_TABLE("types.Inner", inner_fields);
static const struct decode_field outer_fields[] = {
    {"name", DECODE_STR},
    {"texts", DECODE_STR_LIST},
    {"paths", DECODE_STR_LIST, .go_type = "[]types.Path"},
    {"pairs", DECODE_STR_MAP},
    {"inner", DECODE_STRUCT, &inner},
    {"inners", DECODE_STRUCT_LIST, &inner},
    {"pointers", DECODE_STRUCT_LIST, &inner, .go_type = "[]*types.Inner"},
    {"any", DECODE_ANY},
};
static const struct decode_struct outer = DECODE_TABLE("types.Outer", outer_fields);

static const struct {
    const char *yaml, *error;
} errors[] = {
    {"[]", "json: cannot unmarshal array into Go value of type types.Outer"},
    {"x", "json: cannot unmarshal string into Go value of type types.Outer"},
    {"nope: 1", "json: unknown field \"nope\""},
    {"inner: {nope: 1}", "json: unknown field \"nope\""},
    {"name: 1", "json: cannot unmarshal number into Go struct field Outer.name of type string"},
    {"name: yes", "json: cannot unmarshal bool into Go struct field Outer.name of type string"},
    {"name: [a]", "json: cannot unmarshal array into Go struct field Outer.name of type string"},
    {"texts: a", "json: cannot unmarshal string into Go struct field Outer.texts of type []string"},
    {"texts: [1]", "json: cannot unmarshal number into Go struct field Outer.texts of type string"},
    {"paths: 1",
     "json: cannot unmarshal number into Go struct field Outer.paths of type []types.Path"},
    {"paths: [{}]",
     "json: cannot unmarshal object into Go struct field Outer.paths of type types.Path"},
    {"pairs: [a]",
     "json: cannot unmarshal array into Go struct field Outer.pairs of type map[string]string"},
    {"pairs: {a: 1}",
     "json: cannot unmarshal number into Go struct field Outer.pairs of type string"},
    {"inner: 1",
     "json: cannot unmarshal number into Go struct field Outer.inner of type types.Inner"},
    {"inner: {kind: 1}", "json: cannot unmarshal number into Go struct field "
                         "Inner.inner.ResId.Gvk.kind of type string"},
    {"inner: {flag: a}",
     "json: cannot unmarshal string into Go struct field Inner.inner.flag of type bool"},
    {"inner: {count: 1.5}",
     "json: cannot unmarshal number 1.5 into Go struct field Inner.inner.count of type int64"},
    {"inners: 1",
     "json: cannot unmarshal number into Go struct field Outer.inners of type []types.Inner"},
    {"inners: [a]",
     "json: cannot unmarshal string into Go struct field Outer.inners of type types.Inner"},
    {"inners: [{label: 1}]",
     "json: cannot unmarshal number into Go struct field Inner.inners.label of type string"},
    {"pointers: 1",
     "json: cannot unmarshal number into Go struct field Outer.pointers of type []*types.Inner"},
    /* The first error in the order of JSON's keys. */
    {"texts: 1\nname: 2",
     "json: cannot unmarshal number into Go struct field Outer.name of type string"},
};

static node *parsed(arena *a, const char *yaml)
{
    node *value;
    struct yaml_options options = {.dialect = YAML_V2, .last_wins = true};
    assert_null(yaml_parse(a, str_of(yaml), options, &value));
    return value;
}

static void errors_are_those_of_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        arena a AUTO(arena_done) = {0};
        node *out;
        err *e AUTO(err_done) =
            decode_value(&a, &outer, parsed(&a, errors[i].yaml), DECODE_STRICT, &out);
        if (!e) fail_msg("%s was read", errors[i].yaml);
        assert_string_equal(e->message, errors[i].error);
    }
}

static const struct {
    const char *yaml, *json;
    int mode;
} values[] = {
    {"{}", "{}", DECODE_STRICT},
    {"name: a", "{\"name\":\"a\"}", DECODE_STRICT},
    {"NAME: a\nInner: {KIND: k}", "{\"inner\":{\"kind\":\"k\"},\"name\":\"a\"}", DECODE_STRICT},
    {"NAME: a\nname: b", "{\"name\":\"b\"}", DECODE_STRICT},
    {"name:\ntexts:\ninner:\npairs:", "{}", DECODE_STRICT},
    {"texts: [a, null]\ninners: [null]", "{\"inners\":[{}],\"texts\":[\"a\",\"\"]}", DECODE_STRICT},
    {"pairs: {1: a, yes: b, 0x10: c, d: null}",
     "{\"pairs\":{\"1\":\"a\",\"16\":\"c\",\"d\":\"\",\"true\":\"b\"}}", DECODE_STRICT},
    {"inner: {count: 3.0, flag: on}", "{\"inner\":{\"count\":3,\"flag\":true}}", DECODE_STRICT},
    {"any: [1, {a: b}]", "{\"any\":[1,{\"a\":\"b\"}]}", DECODE_STRICT},
    {"nope: 1\nname: a", "{\"name\":\"a\"}", DECODE_EXACT},
    {"name: 1\ntexts: [1.50, yes]\npairs: {a: 2}",
     "{\"name\":\"1\",\"pairs\":{\"a\":\"2\"},\"texts\":[\"1.5\",\"true\"]}", DECODE_TEXTS},
};

static void values_have_the_names_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        arena a AUTO(arena_done) = {0};
        node *out;
        err *e AUTO(err_done) =
            decode_value(&a, &outer, parsed(&a, values[i].yaml), values[i].mode, &out);
        if (e) fail_msg("%s: %s", values[i].yaml, e->message);
        assert_string_equal(str_z(&a, json_text(&a, out)), values[i].json);
    }
}

static void assert_yaml_fails(const char *yaml, int mode, const char *message)
{
    arena a AUTO(arena_done) = {0};
    node *out;
    err *e AUTO(err_done) = decode_yaml(&a, &outer, str_of(yaml), mode, &out);
    assert_non_null(e);
    assert_string_equal(e->message, message);
}

static void files_say_what_was_wrong(void **state)
{
    (void)state;
    assert_yaml_fails("{", DECODE_EXACT,
                      "error converting YAML to JSON: yaml: line 1: did not find expected node "
                      "content");
    assert_yaml_fails("x: 1", DECODE_STRICT,
                      "error unmarshaling JSON: while decoding JSON: json: unknown field \"x\"");
    /* Behind an embedded struct a number is no text. */
    assert_yaml_fails("inner: {kind: 1}", DECODE_EXACT,
                      "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal number "
                      "into Go struct field Inner.inner.ResId.Gvk.kind of type string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_go),
        cmocka_unit_test(values_have_the_names_of_the_table),
        cmocka_unit_test(files_say_what_was_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
