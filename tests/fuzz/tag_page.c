/* A policy in the first line ("semver >=1 | pattern | extract"), a page of tags behind: what is
 * chosen is one of the tags, and it is what a second look chooses. */
#include "oci/tag_page.h"
#include "image/policy.h"
#include "image/tag_store.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy policy_of(str line)
{
    struct policy policy = {.rank = POLICY_ALPHABETICAL};
    str rank;
    str_cut(line, '|', &rank, &line);
    if (str_strip_prefix(&rank, STR("semver "))) policy.rank = POLICY_SEMVER;
    if (str_strip_prefix(&rank, STR("number"))) policy.rank = POLICY_NUMERICAL;
    policy.range = rank;
    policy.lowest = str_ends(rank, STR("-"));
    str_cut(line, '|', &policy.pattern, &policy.extract);
    return policy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str line, body, first, second;
    str_cut(str_from((const char *)data, size), '\n', &line, &body);
    struct tag_page page = {0};
    err *e AUTO(err_done) = tag_page_read(&a, body, &page);
    if (e) return 0;
    struct tag_list list = tag_store_order(&a, page.tags, page.count);
    struct policy policy = policy_of(line);
    err *none AUTO(err_done) = policy_choose(&a, &policy, list.items, list.count, &first);
    if (none) return 0;
    bool found = false;
    for (size_t i = 0; i < list.count; i++) {
        must(reference_tag_is_valid(list.items[i]));
        found = found || str_eq(list.items[i], first);
    }
    must(found);
    err *changed = policy_choose(&a, &policy, list.items, list.count, &second);
    must(!changed && str_eq(first, second));
    return 0;
}
