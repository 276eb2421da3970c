/* rule: which events an Alert passes on, and with what metadata. */
#include "notify/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"

/* Everything of the rule is of this test alone; NULL: not given. */
struct row {
    const char *kind, *name, *namespace, *labels;
    const char *include, *exclude;
    bool errors_only, suspended, no_cross;
    /* The event. */
    const char *event_kind, *event_name, *event_namespace, *message;
    bool error;
    const char *object_labels; /* NULL: not known */
    enum rule_verdict wanted;
};

static node *json(arena *a, const char *text)
{
    node *out = NULL;
    if (text) must(!json_parse(a, str_of(text), (struct json_options){0}, &out));
    return out;
}

#define K          "Kustomization"
#define EVENT(...) .event_kind = K, .event_name = "app", .event_namespace = "ns", __VA_ARGS__

static const struct row rows[] = {
    {K, "app", NULL, EVENT(.wanted = RULE_YES)},
    {K, "*", NULL, EVENT(.wanted = RULE_YES)},
    {K, "ap*", NULL, EVENT(.wanted = RULE_NO)},
    {K, "other", NULL, EVENT(.wanted = RULE_NO)},
    {"GitRepository", "*", NULL, EVENT(.wanted = RULE_NO)},
    {K, "*", "else", EVENT(.wanted = RULE_NO)},
    {K, "*", "ns", EVENT(.wanted = RULE_YES)},
    {K, "*", "far", .event_kind = K, .event_name = "app", .event_namespace = "far",
     .wanted = RULE_YES},
    {K, "*", "far", .event_kind = K, .event_name = "app", .event_namespace = "far",
     .no_cross = true, .wanted = RULE_BLOCKED},
    {K, "*", "ns", EVENT(.no_cross = true, .wanted = RULE_YES)},
    {K, "*", NULL, EVENT(.suspended = true, .wanted = RULE_NO)},
    {K, "*", NULL, EVENT(.errors_only = true, .wanted = RULE_NO)},
    {K, "*", NULL, EVENT(.errors_only = true, .error = true, .wanted = RULE_YES)},
    {K, "*", NULL, .include = "fail", EVENT(.message = "it failed", .wanted = RULE_YES)},
    {K, "*", NULL, .include = "^fail", EVENT(.message = "it failed", .wanted = RULE_NO)},
    {K, "*", NULL, .exclude = "fail", EVENT(.message = "it failed", .wanted = RULE_NO)},
    {K, "*", NULL, .include = "it", .exclude = "fail",
     EVENT(.message = "it failed", .wanted = RULE_NO)},
    {K, "*", NULL, .exclude = "(?i)FAIL", EVENT(.message = "it failed", .wanted = RULE_NO)},
    {K, "*", NULL, .exclude = "[", EVENT(.message = "x", .wanted = RULE_YES)},
    {K, "*", NULL, .include = "[", EVENT(.message = "x", .wanted = RULE_NO)},
    {K, "*", NULL, "{\"a\":\"b\"}", EVENT(.wanted = RULE_ASKS)},
    {K, "app", NULL, "{\"a\":\"b\"}", EVENT(.wanted = RULE_ASKS)},
    {K, "*", NULL, "{}", EVENT(.wanted = RULE_YES)},
    {K, "*", NULL, "{\"a\":\"b\"}", EVENT(.object_labels = "{\"a\":\"b\"}", .wanted = RULE_YES)},
    {K, "*", NULL, "{\"a\":\"b\"}", EVENT(.object_labels = "{\"a\":\"c\"}", .wanted = RULE_NO)},
    {K, "*", NULL, "{\"a\":\"b\",\"c\":\"d\"}",
     EVENT(.object_labels = "{\"a\":\"b\"}", .wanted = RULE_NO)},
    {K, "*", NULL, "{\"a\":\"b\"}", EVENT(.object_labels = "{}", .wanted = RULE_NO)},
    {K, "*", NULL, "{\"a\":\"b\"}", .exclude = "x", EVENT(.message = "x", .wanted = RULE_NO)},
};

static struct rule *rule_of(arena *a, const struct row *row)
{
    struct rule_source source = {.kind = str_of(row->kind),
                                 .name = str_of(row->name),
                                 .namespace = str_of(row->namespace),
                                 .match_labels = json(a, row->labels)};
    str include = str_of(row->include), exclude = str_of(row->exclude);
    struct rule_spec spec = {
        .namespace = STR("ns"),
        .name = STR("alert"),
        .errors_only = row->errors_only,
        .suspended = row->suspended,
        .sources = &source,
        .source_count = 1,
        .inclusions = &include,
        .inclusion_count = row->include != NULL,
        .exclusions = &exclude,
        .exclusion_count = row->exclude != NULL,
    };
    return rule_new(&spec);
}

static void test_matching(void **state UNUSED)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        const struct row *row = &rows[i];
        struct rule *rule = rule_of(&a, row);
        struct notice notice = {
            .about = {{STR("g"), STR("v"), str_of(row->event_kind)},
                      str_of(row->event_namespace),
                      str_of(row->event_name)},
            .severity = row->error ? NOTICE_ERROR : NOTICE_INFO,
            .message = str_of(row->message),
            .metadata = node_map(&a),
        };
        enum rule_verdict got =
            rule_match(rule, &notice, row->no_cross, json(&a, row->object_labels));
        if (got != row->wanted) fail_msg("row %zu: %d, not %d", i, got, row->wanted);
        rule_unref(rule);
    }
}

/* A second source may match where the first asks. */
static void test_two_sources(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct rule_source sources[] = {
        {.kind = STR(K), .name = STR("*"), .match_labels = json(&a, "{\"a\":\"b\"}")},
        {.kind = STR(K), .name = STR("app")}};
    struct rule *rule = rule_new(
        &(struct rule_spec){.namespace = STR("ns"), .sources = sources, .source_count = 2});
    struct notice notice = {.about = {{STR("g"), STR("v"), STR(K)}, STR("ns"), STR("app")},
                            .metadata = node_map(&a)};
    assert_int_equal(rule_match(rule, &notice, false, NULL), RULE_YES);
    notice.about.name = STR("else");
    assert_int_equal(rule_match(rule, &notice, false, NULL), RULE_ASKS);
    rule_unref(rule);
}

static void test_trouble_is_named(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct row row = {K, "*", NULL, .include = "[a", .exclude = "b"};
    struct rule *rule = rule_of(&a, &row);
    assert_true(str_is(rule->trouble, "error parsing regexp: missing closing ]: `[a`"));
    assert_true(str_is(rule->key, "Alert/ns/alert") && str_is(rule->outlet, "Provider/ns/"));
    rule_unref(rule);
}

/* Object annotations, the Alert's metadata, its summary, the event: the later goes first. */
static void test_metadata(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct rule *rule = rule_new(&(struct rule_spec){
        .event_metadata = json(&a, "{\"b\":\"alert\",\"c\":\"alert\"}"), .summary = STR("text")});
    struct notice notice = {
        .about = {{STR("g.io"), STR("v1"), STR(K)}, STR("ns"), STR("app")},
        .metadata = json(&a, "{\"g.io/c\":\"own\",\"event.toolkit.fluxcd.io/a\":\"object\","
                             "\"event.toolkit.fluxcd.io/b\":\"object\",\"h.io/x\":\"no\"}")};
    bool conflict;
    node *merged = rule_metadata(&a, rule, &notice, &conflict);
    assert_true(conflict);
    assert_true(str_is(json_text(&a, merged), "{\"a\":\"object\",\"b\":\"alert\",\"c\":\"own\","
                                              "\"summary\":\"text\"}"));
    notice.metadata = json(&a, "{\"g.io/z\":\"own\"}");
    merged = rule_metadata(&a, rule, &notice, &conflict);
    assert_false(conflict);
    rule_unref(rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_two_sources),
        cmocka_unit_test(test_trouble_is_named),
        cmocka_unit_test(test_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
