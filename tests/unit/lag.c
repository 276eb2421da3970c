/* lag: what the metrics say of objects as they come, change and go. */
#include "control/lag.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/metrics.h"
#include "doc/yaml.h"

#define SOURCE "GitRepository/x/repo"
#define UNIT   "Kustomization/x/app"

static void note(struct lag *lag, const char *key, const char *yaml)
{
    arena a AUTO(arena_done) = {0};
    node *object;
    err *e = yaml_parse(&a, str_of(yaml), (struct yaml_options){0}, &object);
    if (e) fail_msg("%s", e->message);
    lag_note(lag, str_of(key), object);
}

static void source(struct lag *lag, const char *revision)
{
    arena a AUTO(arena_done) = {0};
    note(lag, SOURCE,
         str_z(&a, str_printf(&a,
                              "metadata: {namespace: x, name: repo, generation: 1}\n"
                              "status: {observedGeneration: 1, artifact: {revision: %s},\n"
                              "  conditions: [{type: Ready, status: 'True'}]}\n",
                              revision)));
}

static void unit(struct lag *lag, const char *revision, const char *ready, const char *more)
{
    arena a AUTO(arena_done) = {0};
    note(lag, UNIT,
         str_z(&a, str_printf(&a,
                              "metadata: {namespace: x, name: app, generation: 1}\n"
                              "spec: {sourceRef: {kind: GitRepository, name: repo}%s}\n"
                              "status: {observedGeneration: 1, lastAppliedRevision: %s,\n"
                              "  conditions: [{type: Ready, status: '%s',\n"
                              "    lastTransitionTime: '2026-01-01T00:00:00Z'}]}\n",
                              more, revision, ready)));
}

/* The value of a series of the unit as text; "" when there is none. */
static const char *value(arena *a, const char *metric)
{
    buf page = BUF(a);
    str rest, line;
    metrics_write(&page);
    str prefix = str_printf(a, "%s{kind=\"Kustomization\",namespace=\"x\",name=\"app\"} ", metric);
    rest = buf_str(&page);
    while (str_next_line(&rest, &line)) {
        if (str_starts(line, prefix)) return str_z(a, str_skip(line, prefix.len));
    }
    return "";
}

static void check(const char *ready, bool behind)
{
    arena a AUTO(arena_done) = {0};
    assert_string_equal(value(&a, "fixpoint_ready"), ready);
    assert_int_equal(value(&a, "fixpoint_behind_since_timestamp_seconds")[0] != 0, behind);
}

static bool has_lag(const char *count)
{
    arena a AUTO(arena_done) = {0};
    buf page = BUF(&a);
    metrics_write(&page);
    str line =
        str_printf(&a, "fixpoint_sync_lag_seconds_count{kind=\"Kustomization\"} %s\n", count);
    return str_find(buf_str(&page), line) >= 0;
}

static void life(void **state)
{
    (void)state;
    struct lag *lag = lag_new();
    unit(lag, "main@1", "True", "");
    check("1", false);
    arena a AUTO(arena_done) = {0};
    /* What the status says, after a restart. */
    assert_string_equal(value(&a, "fixpoint_converged_timestamp_seconds"), "1767225600");
    source(lag, "main@1");
    check("1", false);
    source(lag, "main@2");
    check("0", true);
    assert_false(has_lag("1"));
    unit(lag, "main@1", "Unknown", "");
    check("0", true);
    unit(lag, "main@2", "True", "");
    check("1", false);
    assert_true(has_lag("1"));
    unit(lag, "main@2", "False", "");
    check("0", true);
    unit(lag, "main@2", "True", "");
    check("1", false);
    assert_true(has_lag("1")); /* it failed at the same revision: that is no lag */
    unit(lag, "main@2", "False", ", suspend: true");
    check("", false);
    unit(lag, "main@2", "True", "");
    check("1", false);
    lag_gone(lag, STR(UNIT));
    check("", false);
    source(lag, "main@3");
    check("", false);
    lag_gone(lag, STR("Kustomization/x/never"));
    lag_free(lag);
}

/* A new revision judges those that refer to its source, however many others there are. */
static void only_referrers_are_judged(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct lag *lag = lag_new();
    arena a AUTO(arena_done) = {0};
    for (int i = 0; i < MANY; i++) {
        const char *of = i % 100 ? "other" : "repo";
        note(lag, str_z(&a, str_printf(&a, "Kustomization/x/app-%d", i)),
             str_z(&a, str_printf(&a,
                                  "metadata: {namespace: x, name: app-%d, generation: 1}\n"
                                  "spec: {sourceRef: {kind: GitRepository, name: %s}}\n"
                                  "status: {lastAppliedRevision: main@1}\n",
                                  i, of)));
    }
    uint64_t before = lag_judged(lag);
    source(lag, "main@1");
    assert_int_equal(lag_judged(lag) - before, 1 + MANY / 100);
    lag_gone(lag, STR("Kustomization/x/app-0"));
    before = lag_judged(lag);
    source(lag, "main@2");
    assert_int_equal(lag_judged(lag) - before, MANY / 100);
    lag_gone(lag, STR(SOURCE));
    lag_free(lag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(life),
                                       cmocka_unit_test(only_referrers_are_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
