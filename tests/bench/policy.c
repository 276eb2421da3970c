/*
 * How fast one of many tags is chosen. Usage: policy TAGS; prints a line for each policy:
 * "NAME MILLISECONDS", the best of five runs.
 */
#include "image/policy.h"

#include <stdio.h>

#include "base/clock.h"
#include "image/tag_store.h"

static const struct {
    const char *name;
    struct policy policy;
} policies[] = {
    {"semver", {.rank = POLICY_SEMVER, .range = STR(">=1.0.0-0 <50")}},
    {"alphabetical", {.rank = POLICY_ALPHABETICAL}},
    {"filtered-semver",
     {.rank = POLICY_SEMVER, .range = STR("*"), .pattern = STR("^v?[0-9]+\\.[0-9]+\\.[0-9]+$")}},
    {"extracted-number",
     {.rank = POLICY_NUMERICAL,
      .pattern = STR("^[0-9]+\\.(?P<minor>[0-9]+)\\.(?P<patch>[0-9]+)"),
      .extract = STR("${minor}${patch}")}},
};

static struct tag_list make_tags(arena *a, size_t count)
{
    str *tags = NEW_ARRAY(a, str, count);
    for (size_t i = 0; i < count; i++)
        tags[i] = str_printf(a, "%zu.%zu.%zu%s", i % 97, i / 1000, i % 1000, i % 5 ? "" : "-rc.1");
    return tag_store_order(a, tags, count);
}

static err *measure(const struct tag_list *tags, const struct policy *policy, double *out)
{
    for (int run = 0; run < 5; run++) {
        arena a AUTO(arena_done) = {0};
        str tag;
        int64_t begun_ns = clock_now_ns();
        TRY(policy_choose(&a, policy, tags->items, tags->count, &tag));
        double spent_ms = (double)(clock_now_ns() - begun_ns) / CLOCK_MS;
        if (!run || spent_ms < *out) *out = spent_ms;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    arena a AUTO(arena_done) = {0};
    uint64_t count;
    must(argc == 2 && str_to_uint(str_of(argv[1]), &count));
    struct tag_list tags = make_tags(&a, count);
    for (size_t i = 0; i < COUNT(policies); i++) {
        double spent_ms = 0;
        err *e AUTO(err_done) = measure(&tags, &policies[i].policy, &spent_ms);
        if (e) {
            fprintf(stderr, "%s: %s\n", policies[i].name, e->message);
            return 1;
        }
        printf("%s %.2f\n", policies[i].name, spent_ms);
    }
    return 0;
}
