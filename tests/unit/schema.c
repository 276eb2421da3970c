/* schema: what is wrong with an object is told with its path; nothing else of it is harmed. */
#include "doc/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"

struct item {
    str name;
    int64_t count;
};

struct inner {
    str text;
    const node *labels;
};

struct spec {
    str name, kind, empty, missing;
    bool on, off;
    int64_t interval_ns, timeout_ns, size;
    int policy;
    struct inner inner;
    SCHEMA_LIST(struct item) items;
    struct schema_strings words;
    const node *any, *patches;
};

static const struct field item_fields[] = {
    FIELD(struct item, name, "name", FIELD_STR, .required = true, .doc = "A name."),
    FIELD(struct item, count, "count", FIELD_INT, .fallback = "3", .min = 1, .has_min = true),
};
static const struct schema item_schema = SCHEMA(struct item, item_fields);

static const struct field inner_fields[] = {
    FIELD(struct inner, text, "text", FIELD_STR, .min_length = 2, .max_length = 4),
    FIELD(struct inner, labels, "labels", FIELD_STR_MAP),
};
static const struct schema inner_schema = SCHEMA(struct inner, inner_fields);

static const struct field patch_fields[] = {
    FIELD_SHOWN("patch", FIELD_STR, .required = true),
    FIELD_SHOWN("target", FIELD_OBJECT, .schema = &inner_schema),
};
static const struct schema patch_schema = SCHEMA_SHOWN(patch_fields);

static const struct field fields[] = {
    FIELD(struct spec, name, "name", FIELD_STR, .required = true, .pattern = "^[a-z]+$",
          .doc = "The name | of it."),
    FIELD(struct spec, kind, "kind", FIELD_STR, .choices = SCHEMA_CHOICES("One", "Two")),
    FIELD(struct spec, empty, "empty", FIELD_STR),
    FIELD(struct spec, missing, "missing", FIELD_STR),
    FIELD(struct spec, on, "on", FIELD_BOOL, .fallback = "true"),
    FIELD(struct spec, off, "off", FIELD_BOOL),
    FIELD(struct spec, interval_ns, "interval", FIELD_DURATION, .required = true),
    FIELD(struct spec, timeout_ns, "timeout", FIELD_DURATION, .fallback = "60s",
          .pattern = "^([0-9]+(\\.[0-9]+)?(ms|s|m))+$"),
    FIELD(struct spec, size, "size", FIELD_INT),
    FIELD(struct spec, policy, "policy", FIELD_ENUM, .choices = SCHEMA_CHOICES("First", "Second")),
    FIELD(struct spec, inner, "inner", FIELD_OBJECT, .schema = &inner_schema),
    FIELD(struct spec, items, "items", FIELD_LIST, .schema = &item_schema),
    FIELD(struct spec, words, "words", FIELD_STR_LIST, .choices = SCHEMA_CHOICES("a", "b")),
    FIELD(struct spec, any, "any", FIELD_NODE),
    FIELD(struct spec, patches, "patches", FIELD_LIST, .schema = &patch_schema, .raw = true),
};
static const struct schema_rule rules[] = {{"has(self.name)", "name it"}};
static const struct schema schema = SCHEMA(struct spec, fields, SCHEMA_RULES(rules));

static node *json(arena *a, const char *text)
{
    node *out;
    err *e = json_parse(a, str_of(text), (struct json_options){0}, &out);
    assert_null(e);
    return out;
}

static void test_values(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct spec spec;
    node *value =
        json(&a, "{\"name\":\"x\",\"kind\":\"Two\",\"empty\":\"\",\"missing\":null,\"off\":true,"
                 "\"interval\":\"1h30m\",\"size\":7,\"policy\":\"Second\",\"unknown\":{},"
                 "\"inner\":{\"text\":\"\\u00e4\\u00e4\\u00e4\\u00e4\",\"labels\":{\"k\":\"v\"}},"
                 "\"items\":[{\"name\":\"i\"},{\"name\":\"j\",\"count\":9}],"
                 "\"words\":[\"b\",\"a\"],\"any\":[1],"
                 "\"patches\":[{\"patch\":\"p\",\"target\":{\"text\":\"ab\"}}]}");
    assert_null(schema_decode(&a, &schema, value, "spec", &spec));
    assert_true(str_is(spec.name, "x") && str_is(spec.kind, "Two"));
    assert_true(spec.empty.data != NULL && spec.empty.len == 0);
    assert_null(spec.missing.data);
    assert_true(spec.on && spec.off);
    assert_int_equal(spec.interval_ns, 5400 * CLOCK_SECOND);
    assert_int_equal(spec.timeout_ns, 60 * CLOCK_SECOND);
    assert_int_equal(spec.size, 7);
    assert_int_equal(spec.policy, 1);
    assert_int_equal(spec.inner.text.len, 8);
    assert_true(str_is(node_get_str(spec.inner.labels, STR("k")), "v"));
    assert_int_equal(spec.items.count, 2);
    assert_int_equal(spec.items.items[0].count, 3);
    assert_int_equal(spec.items.items[1].count, 9);
    assert_int_equal(spec.words.count, 2);
    assert_true(str_is(spec.words.items[0], "b"));
    assert_true(spec.any == node_get(value, STR("any")));
    assert_true(spec.patches == node_get(value, STR("patches")));
}

static void test_errors(void **state UNUSED)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"null", "spec: is required"},
        {"[]", "spec: must be an object, not array"},
        {"{\"interval\":\"1m\"}", "spec.name: is required"},
        {"{\"name\":null,\"interval\":\"1m\"}", "spec.name: is required"},
        {"{\"name\":1}", "spec.name: must be a string, not number"},
        {"{\"name\":\"X\"}", "spec.name: 'X' does not match ^[a-z]+$"},
        {"{\"name\":\"x\",\"kind\":\"Three\"}", "spec.kind: 'Three' is not one of One, Two"},
        {"{\"name\":\"x\",\"on\":\"yes\"}", "spec.on: must be a boolean, not string"},
        {"{\"name\":\"x\"}", "spec.interval: is required"},
        {"{\"name\":\"x\",\"interval\":\"abc\"}",
         "spec.interval: 'abc' is not a duration such as 10m or 1h30m"},
        {"{\"name\":\"x\",\"interval\":\"-1s\"}", "spec.interval: '-1s' is negative"},
        {"{\"name\":\"x\",\"interval\":\"1e999h\"}",
         "spec.interval: '1e999h' is not a duration such as 10m or 1h30m"},
        {"{\"name\":\"x\",\"interval\":\"99999999999h\"}",
         "spec.interval: '99999999999h' is not a duration such as 10m or 1h30m"},
        {"{\"name\":\"x\",\"interval\":60}",
         "spec.interval: must be a duration such as 10m or 1h30m, not number"},
        {"{\"name\":\"x\",\"interval\":\"\\u001b[31m\"}",
         "spec.interval: '?[31m' is not a duration such as 10m or 1h30m"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"timeout\":\"1h\"}",
         "spec.timeout: '1h' does not match ^([0-9]+(\\.[0-9]+)?(ms|s|m))+$"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"size\":1.5}",
         "spec.size: must be an integer, not number"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"size\":99999999999999999999}",
         "spec.size: must be an integer, not number"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"policy\":\"Third\"}",
         "spec.policy: 'Third' is not one of First, Second"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"inner\":\"x\"}",
         "spec.inner: must be an object, not string"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"inner\":{\"text\":\"a\"}}",
         "spec.inner.text: must have at least 2 characters"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"inner\":{\"text\":\"abcde\"}}",
         "spec.inner.text: must have at most 4 characters, not 5"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"inner\":{\"labels\":{\"secret\":5}}}",
         "spec.inner.labels.secret: must be a string, not number"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"items\":{}}",
         "spec.items: must be an array of objects, not object"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"items\":[{\"name\":\"a\"},{}]}",
         "spec.items[1].name: is required"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"items\":[{\"name\":\"a\",\"count\":0}]}",
         "spec.items[0].count: 0 is less than 1"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"items\":[null]}",
         "spec.items[0]: must be an object, not null"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"words\":[\"a\",\"c\"]}",
         "spec.words[1]: 'c' is not one of a, b"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"patches\":[{\"patch\":1}]}",
         "spec.patches[0].patch: must be a string, not number"},
        {"{\"name\":\"x\",\"interval\":\"1m\",\"patches\":[{\"patch\":\"\",\"target\":{\"text\":"
         "\"a\"}}]}",
         "spec.patches[0].target.text: must have at least 2 characters"},
    };
    arena a AUTO(arena_done) = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct spec spec;
        err *e AUTO(err_done) = schema_decode(&a, &schema, json(&a, cases[i].text), "spec", &spec);
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
        assert_int_equal(e->kind, ERR_INVALID);
    }
}

/* A long value is cut in the error. */
static void test_long_value(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    BUF_ADD(&b, "{\"name\":\"x\",\"interval\":\"");
    buf_fill(&b, 'z', 100000);
    BUF_ADD(&b, "\"}");
    struct spec spec;
    err *e AUTO(err_done) =
        schema_decode(&a, &schema, json(&a, str_z(&a, buf_str(&b))), "spec", &spec);
    assert_non_null(e);
    assert_true(e->len < 200);
}

static void test_openapi(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *wanted = json(
        &a,
        "{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\",\"description\":\"The name | of "
        "it.\"},"
        "\"kind\":{\"type\":\"string\",\"enum\":[\"One\",\"Two\"]},"
        "\"empty\":{\"type\":\"string\"},\"missing\":{\"type\":\"string\"},"
        "\"on\":{\"type\":\"boolean\",\"default\":true},\"off\":{\"type\":\"boolean\"},"
        "\"interval\":{\"type\":\"string\",\"pattern\":\"^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h))+$\"},"
        "\"timeout\":{\"type\":\"string\",\"pattern\":\"^([0-9]+(\\\\.[0-9]+)?(ms|s|m))+$\","
        "\"default\":\"60s\"},"
        "\"size\":{\"type\":\"integer\",\"format\":\"int64\"},"
        "\"policy\":{\"type\":\"string\",\"enum\":[\"First\",\"Second\"]},"
        "\"inner\":{\"type\":\"object\",\"properties\":{"
        "\"text\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":4},"
        "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}},"
        "\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":\"string\",\"description\":\"A name.\"},"
        "\"count\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"default\":3}},"
        "\"required\":[\"name\"]}},"
        "\"words\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}},"
        "\"any\":{\"x-kubernetes-preserve-unknown-fields\":true},"
        "\"patches\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
        "\"patch\":{\"type\":\"string\"},"
        "\"target\":{\"type\":\"object\",\"properties\":{"
        "\"text\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":4},"
        "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}},"
        "\"required\":[\"patch\"]}}},"
        "\"required\":[\"name\",\"interval\"],"
        "\"x-kubernetes-validations\":[{\"rule\":\"has(self.name)\",\"message\":\"name it\"}]}");
    node *made = schema_openapi(&a, &schema);
    assert_true(node_equal(made, wanted));
}

static void test_find(void **state UNUSED)
{
    assert_ptr_equal(schema_find(&schema, STR("name")), &fields[0]);
    assert_ptr_equal(schema_find(&schema, STR("items.count")), &item_fields[1]);
    assert_ptr_equal(schema_find(&schema, STR("patches.target.text")), &inner_fields[0]);
    assert_null(schema_find(&schema, STR("nothing")));
    assert_null(schema_find(&schema, STR("name.below")));
    assert_null(schema_find(&schema, STR("")));
}

static void test_markdown(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    schema_markdown(&b, &schema, STR("spec"));
    str text = buf_str(&b);
    assert_true(
        str_starts(text, STR("| `spec.name` | string | required | The name \\| of it. |\n")));
    assert_true(str_find(text, STR("| `spec.items[].count` | integer | `3` |  |\n")) > 0);
    assert_true(str_find(text, STR(" One of: `First`, `Second` |\n")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_long_value), cmocka_unit_test(test_openapi),
        cmocka_unit_test(test_find),       cmocka_unit_test(test_markdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
