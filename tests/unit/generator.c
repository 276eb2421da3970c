#include "render/generator.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "doc/json.h"
#include "render/namehash.h"

/* Files of the test, by name. */
static err *read_file(void *context, arena *a, str path, str *out)
{
    (void)context;
    if (str_is(path, "dir/a.txt"))
        *out = STR("text\n");
    else if (str_is(path, "raw"))
        *out = STR("\xff\xfe");
    else if (str_is(path, "x.env"))
        *out = STR("\xEF\xBB\xBF  A=1\n# no\n\nB=\"2\" # x \r\nC\n=d\n\xC2\xA0"
                   "E=a=b");
    else if (str_is(path, "bad.env"))
        *out = STR("A=1\nB=\xff\n");
    else if (str_is(path, "long.env")) {
        buf b = BUF(a);
        BUF_ADD(&b, "A=1\nB=");
        buf_fill(&b, 'x', 65534);
        BUF_ADD(&b, "\nC=1\n");
        *out = buf_str(&b);
    } else {
        return err_not_found("no file '" STR_FMT "'", STR_ARG(path));
    }
    return NULL;
}

static const struct generator_files files = {read_file, NULL};

typedef err *generate(arena *a, const node *entry, struct generator_files files, node **out);

static node *parsed(arena *a, const char *text)
{
    node *root = NULL;
    err *e AUTO(err_done) = json_parse(a, str_of(text), (struct json_options){0}, &root);
    if (e) fail_msg("%s: %s", text, e->message);
    return root;
}

static void check_error(generate *make, const char *entry, const char *message)
{
    arena a AUTO(arena_done) = {0};
    node *object = NULL;
    err *e AUTO(err_done) = make(&a, parsed(&a, entry), files, &object);
    assert_non_null(e);
    assert_null(object);
    assert_string_equal(e->message, message);
}

static node *made(arena *a, generate *make, const char *entry)
{
    node *object = NULL;
    err *e AUTO(err_done) = make(a, parsed(a, entry), files, &object);
    if (e) fail_msg("%s: %s", entry, e->message);
    return object;
}

static void check(generate *make, const char *entry, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    assert_string_equal(str_z(&a, json_text(&a, made(&a, make, entry))), expected);
}

static void test_bad_sources(void **state)
{
    (void)state;
    check_error(generator_config_map, "{}", "a configmap must have a name");
    check_error(generator_secret, "{}", "a configmap must have a name");
    check_error(generator_config_map, "{\"name\":\"n\",\"literals\":[\"a=b\",\"=x\"]}",
                "loading KV pairs: literal sources [a=b =x]: invalid literal source =x, expected "
                "key=value");
    check_error(generator_config_map, "{\"name\":\"n\",\"literals\":[\"x\"]}",
                "loading KV pairs: literal sources [x]: invalid literal source x, expected "
                "key=value");
    check_error(generator_config_map, "{\"name\":\"n\",\"files\":[\"=c\"]}",
                "loading KV pairs: file sources: [=c]: missing key name for file path \"c\" in "
                "source \"=c\"");
    check_error(generator_config_map, "{\"name\":\"n\",\"files\":[\"c=\"]}",
                "loading KV pairs: file sources: [c=]: missing file path for key name \"c\" in "
                "source \"c=\"");
    check_error(generator_config_map, "{\"name\":\"n\",\"files\":[\"a=b=c\"]}",
                "loading KV pairs: file sources: [a=b=c]: source \"a=b=c\" key name or file path "
                "contains '='");
    check_error(generator_config_map, "{\"name\":\"n\",\"files\":[\"nope\"]}",
                "loading KV pairs: file sources: [nope]: no file 'nope'");
    check_error(generator_config_map, "{\"name\":\"n\",\"envs\":[\"bad.env\"]}",
                "loading KV pairs: env source files: [bad.env]: line 2 has invalid utf8 bytes");
    check_error(generator_secret, "{\"name\":\"n\",\"literals\":[\"a=1\"],\"files\":[\"a=raw\"]}",
                "configmap n illegally repeats the key `a`");
}

static void test_secrets_stay_secret(void **state)
{
    (void)state;
    check_error(generator_secret, "{\"name\":\"n\",\"literals\":[\"user=hunter2\",\"hunter3\"]}",
                "loading KV pairs: literal sources [user=*** ***]: invalid literal source ***, "
                "expected key=value");
}

static void test_literals(void **state)
{
    (void)state;
    check(generator_config_map,
          "{\"name\":\"n\",\"literals\":[\"b='q'\",\"a=x=y\",\"c=\\\"\",\"d=\\\"x'\",\"e= x \","
          "\"f=\"]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\"},\"data\":{"
          "\"a\":\"x=y\",\"b\":\"q\",\"c\":\"\\\"\",\"d\":\"\\\"x'\",\"e\":\" x \",\"f\":\"\"}}");
}

static void test_files(void **state)
{
    (void)state;
    check(generator_config_map, "{\"name\":\"n\",\"files\":[\"dir/a.txt\",\"b=raw\"]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\"},\"data\":{"
          "\"a.txt\":\"text\\n\"},\"binaryData\":{\"b\":\"//4=\"}}");
}

static void test_env_files(void **state)
{
    (void)state;
    check(generator_config_map, "{\"name\":\"n\",\"envs\":[\"x.env\"]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\"},\"data\":{"
          "\"A\":\"1\",\"B\":\"\\\"2\\\" # x \",\"C\":\"\",\"E\":\"a=b\"}}");
    /* compat: nothing is read from a line on that is too long. */
    check(generator_config_map, "{\"name\":\"n\",\"envs\":[\"long.env\"]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\"},\"data\":{"
          "\"A\":\"1\"}}");
}

static void test_secret(void **state)
{
    (void)state;
    check(generator_secret, "{\"name\":\"n\",\"namespace\":\"s\"}",
          "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\",\"namespace\":"
          "\"s\"},\"type\":\"Opaque\",\"data\":{}}");
    check(generator_secret, "{\"name\":\"n\",\"type\":\"t\",\"literals\":[\"a=b\"]}",
          "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"},\"type\":\"t\","
          "\"data\":{\"a\":\"Yg==\"}}");
}

static void check_folded(size_t size_bytes, size_t expected_bytes, size_t expected_lines)
{
    arena a AUTO(arena_done) = {0};
    buf entry = BUF(&a);
    BUF_ADD(&entry, "{\"name\":\"n\",\"literals\":[\"a=");
    buf_fill(&entry, 'x', size_bytes);
    BUF_ADD(&entry, "\"]}");
    node *object = made(&a, generator_secret, str_z(&a, buf_str(&entry)));
    str code = node_find_str(object, "data", "a", NULL);
    size_t lines = 0;
    for (size_t i = 0; i < code.len; i++)
        lines += code.data[i] == '\n';
    assert_int_equal(code.len, expected_bytes);
    assert_int_equal(lines, expected_lines);
}

static void test_long_base64_is_folded(void **state)
{
    (void)state;
    check_folded(51, 68, 0);
    check_folded(52, 72 + 2, 2);
    check_folded(105, 140 + 2, 2);
}

static void test_options(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *entry = parsed(&a, "{\"name\":\"n\",\"options\":{\"labels\":{\"a\":\"1\"}}}");
    node *options =
        parsed(&a, "{\"labels\":{\"a\":\"2\",\"b\":\"3\"},\"annotations\":{\"c\":\"4\"},"
                   "\"immutable\":true,\"disableNameSuffixHash\":true}");
    node *full = generator_entry(&a, entry, options);
    assert_true(generator_wants_hash(entry));
    assert_false(generator_wants_hash(full));
    assert_true(generator_wants_hash(generator_entry(&a, entry, NULL)));

    node *object = NULL;
    err *e AUTO(err_done) = generator_config_map(&a, full, files, &object);
    assert_null(e);
    assert_string_equal(
        str_z(&a, json_text(&a, object)),
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\","
        "\"labels\":{\"a\":\"1\",\"b\":\"3\"},\"annotations\":{\"c\":\"4\"}},"
        "\"immutable\":true}");
}

static void test_behavior(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    assert_int_equal(generator_behavior(parsed(&a, "{\"behavior\":\"merge\"}")), GENERATOR_MERGE);
    assert_int_equal(generator_behavior(parsed(&a, "{\"behavior\":\"Merge\"}")),
                     GENERATOR_UNSPECIFIED);
    assert_int_equal(generator_behavior(parsed(&a, "{}")), GENERATOR_UNSPECIFIED);
    assert_string_equal(generator_behavior_name(GENERATOR_UNSPECIFIED), "unspecified");
}

static void check_absorb(const char *old, bool merge, const char *object, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *taking = parsed(&a, object);
    err *e AUTO(err_done) = generator_absorb(&a, parsed(&a, old), merge, taking);
    if (e) fail_msg("%s", e->message);
    buf b = BUF(&a);
    json_write(&b, taking, (struct json_style){.sorted = true});
    assert_string_equal(str_z(&a, buf_str(&b)), expected);
}

static void test_absorb(void **state)
{
    (void)state;
    static const char old[] =
        "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"p-n\",\"namespace\":\"s\",\"labels\":{"
        "\"a\":\"1\",\"b\":\"1\"}},\"data\":{\"x\":1,\"y\":\"1\"},\"immutable\":true}";
    static const char object[] =
        "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"n\",\"labels\":{\"b\":\"2\"},"
        "\"annotations\":{\"c\":\"2\"}},\"data\":{\"y\":\"2\"}}";
    check_absorb(
        old, false, object,
        "{\"data\":{\"y\":\"2\"},\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{\"c\":"
        "\"2\"},\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"name\":\"p-n\",\"namespace\":\"s\"}}");
    check_absorb(
        old, true, object,
        "{\"data\":{\"x\":\"1\",\"y\":\"2\"},\"kind\":\"ConfigMap\",\"metadata\":{"
        "\"annotations\":{\"c\":\"2\"},\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"name\":\"p-n\","
        "\"namespace\":\"s\"}}");
    check_absorb(
        "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"},\"data\":{\"a\":\"YQ==\",\"b\":"
        "\"Yg==\"},\"stringData\":{\"b\":\"c\"}}",
        true, "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"},\"data\":{}}",
        "{\"data\":{\"a\":\"YQ==\",\"b\":\"Yw==\"},\"kind\":\"Secret\",\"metadata\":{"
        "\"name\":\"n\"}}");
    check_absorb("{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"}}", true,
                 "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\",\"labels\":{}},\"data\":{}}",
                 "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"}}");
}

static void test_absorb_of_a_broken_secret(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *object = parsed(&a, "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"n\"}}");
    err *e AUTO(err_done) = generator_absorb(
        &a, parsed(&a, "{\"kind\":\"Secret\",\"stringData\":{\"b\":{}}}"), true, object);
    assert_non_null(e);
    assert_string_equal(e->message, "stringData value for key \"b\" must be a scalar");
}

static void check_hash(const char *object, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    str hash;
    err *e AUTO(err_done) = namehash_of(&a, parsed(&a, object), &hash);
    if (e) fail_msg("%s", e->message);
    assert_string_equal(str_z(&a, hash), expected);
}

static void test_hash(void **state)
{
    (void)state;
    check_hash("{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"any\"}}", "6ct58987ht");
    check_hash("{\"kind\":\"Secret\",\"type\":\"Opaque\",\"data\":{}}", "46f8b28mk5");

    arena a AUTO(arena_done) = {0};
    str hash;
    err *e AUTO(err_done) = namehash_of(&a, parsed(&a, "{\"kind\":\"Pod\"}"), &hash);
    assert_non_null(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_secrets_stay_secret),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_env_files),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_long_base64_is_folded),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_behavior),
        cmocka_unit_test(test_absorb),
        cmocka_unit_test(test_absorb_of_a_broken_secret),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
