/* overview: what is counted how, and who is to blame. */
#include "cli/overview.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "doc/yaml.h"

static node *objects_of(arena *a, const char *yaml)
{
    node *list;
    err *e = yaml_parse(a, str_of(yaml), (struct yaml_options){0}, &list);
    if (e) fail_msg("%s", e->message);
    return list;
}

#define SOURCE(name, ready, reason)                                                                \
    "- kind: GitRepository\n"                                                                      \
    "  metadata: {name: " name ", namespace: x, generation: 1}\n"                                  \
    "  status: {observedGeneration: 1, artifact: {revision: main@1}, conditions: [\n"              \
    "    {type: Ready, status: \"" ready "\", reason: " reason ", message: says " reason           \
    ", lastTransitionTime: \"2026-01-01T00:00:00Z\"}]}\n"
#define UNIT(name, ready, reason, revision, source, more)                                          \
    "- kind: Kustomization\n"                                                                      \
    "  metadata: {name: " name ", namespace: x, generation: 1}\n"                                  \
    "  spec: {sourceRef: {kind: GitRepository, name: " source "}" more "}\n"                       \
    "  status: {observedGeneration: 1, lastAppliedRevision: main@" revision ", conditions: [\n"    \
    "    {type: Ready, status: \"" ready "\", reason: " reason ", message: says " reason           \
    ", lastTransitionTime: \"2026-01-02T00:00:00Z\"}]}\n"
#define DEPENDS(name) ", dependsOn: [{name: " name "}]"

/* "key words [reason] n" for each cause, in order. */
static void check(const char *yaml, bool converged, const char *const *wanted)
{
    arena a AUTO(arena_done) = {0};
    struct overview overview;
    overview_make(&a, objects_of(&a, yaml), &overview);
    size_t count = 0;
    for (; wanted[count]; count++) {
        if (count >= overview.cause_count) fail_msg("missing: %s", wanted[count]);
        const struct overview_item *cause = overview.causes[count];
        str is = str_printf(&a, STR_FMT " %s %zu", STR_ARG(cause->key), overview_words(cause),
                            cause->victims);
        if (!str_is(is, wanted[count])) fail_msg("%.*s instead of %s", STR_ARG(is), wanted[count]);
    }
    assert_int_equal(overview.cause_count, count);
    assert_int_equal(overview.converged, converged);
    node *document = overview_node(&a, &overview);
    assert_int_equal(node_get(document, STR("attention"))->count, count);
}

#define NONE        ((const char *const[]){NULL})
#define CAUSES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void all_is_well(void **state)
{
    (void)state;
    check("[]", true, NONE);
    check(SOURCE("a", "True", "Succeeded") UNIT("u", "True", "Done", "1", "a", ""), true, NONE);
    arena a AUTO(arena_done) = {0};
    struct overview overview;
    overview_make(
        &a,
        objects_of(&a, SOURCE("a", "True", "Succeeded") UNIT("u", "True", "Done", "1", "a", "")),
        &overview);
    assert_int_equal(overview.kind_count, 2);
    assert_int_equal(overview.since_ns / 1000000000, 1767312000); /* the last that became ready */
    assert_int_equal(overview.kinds[0].states[OVERVIEW_READY], 1);
}

static void causes(void **state)
{
    (void)state;
    /* A source that fails holds up its unit, and the one that depends on that. */
    check(SOURCE("a", "False", "GitOperationFailed")
              UNIT("one", "False", "ArtifactFailed", "1", "a", "")
                  UNIT("two", "False", "DependencyNotReady", "1", "a", DEPENDS("one")),
          false, CAUSES("GitRepository/x/a cannot be fetched 2"));
    /* Who fails for a reason of its own is a cause beside its source. */
    check(SOURCE("a", "False", "AuthenticationFailed")
              UNIT("one", "False", "BuildFailed", "1", "a", ""),
          false,
          CAUSES("GitRepository/x/a is not let in by the other side 0",
                 "Kustomization/x/one cannot be built 0"));
    /* Down a chain. */
    check(SOURCE("a", "True", "Succeeded") UNIT("one", "False", "HealthCheckFailed", "1", "a", "")
              UNIT("two", "False", "DependencyNotReady", "1", "a", DEPENDS("one"))
                  UNIT("three", "False", "DependencyNotReady", "1", "a", DEPENDS("two")),
          false, CAUSES("Kustomization/x/one was applied, but is not healthy 2"));
    /* A dependency that does not exist. */
    check(SOURCE("a", "True", "Succeeded")
              UNIT("two", "False", "DependencyNotReady", "1", "a", DEPENDS("gone")),
          false, CAUSES("Kustomization/x/two waits for something it depends on 0"));
}

static void circles(void **state)
{
    (void)state;
    check(SOURCE("a", "True", "Succeeded")
              UNIT("one", "False", "DependencyNotReady", "1", "a", DEPENDS("two"))
                  UNIT("two", "False", "DependencyNotReady", "1", "a", DEPENDS("one"))
                      UNIT("three", "False", "DependencyNotReady", "1", "a", DEPENDS("two")),
          false, CAUSES("Kustomization/x/one waits for itself, by way of what it depends on 2"));
    check(SOURCE("a", "True", "Succeeded")
              UNIT("one", "False", "DependencyNotReady", "1", "a", DEPENDS("one")),
          false, CAUSES("Kustomization/x/one waits for itself, by way of what it depends on 0"));
}

static void revisions_and_generations(void **state)
{
    (void)state;
    check(SOURCE("a", "True", "Succeeded") UNIT("u", "True", "Done", "0", "a", ""), false,
          CAUSES("Kustomization/x/u is behind its source 0"));
    check("- kind: GitRepository\n"
          "  metadata: {name: a, namespace: x, generation: 2}\n"
          "  status: {observedGeneration: 1, conditions: [{type: Ready, status: \"True\"}]}\n",
          false, CAUSES("GitRepository/x/a is not there yet 0"));
    check("- kind: GitRepository\n  metadata: {name: a, namespace: x}\n", false,
          CAUSES("GitRepository/x/a is not there yet 0"));
    check("- {kind: Widget, metadata: {name: a}}\n", true, NONE);
}

static void suspended(void **state)
{
    (void)state;
    check(SOURCE("a", "True", "Succeeded")
              UNIT("one", "False", "BuildFailed", "1", "a", ", suspend: true"),
          true, NONE);
    check(SOURCE("a", "True", "Succeeded")
              UNIT("one", "False", "BuildFailed", "1", "a", ", suspend: true")
                  UNIT("two", "False", "DependencyNotReady", "1", "a", DEPENDS("one")),
          false, CAUSES("Kustomization/x/one is suspended, and others wait for it 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well), cmocka_unit_test(causes),
        cmocka_unit_test(circles),     cmocka_unit_test(revisions_and_generations),
        cmocka_unit_test(suspended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
