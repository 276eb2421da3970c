/* Two objects, separated by a line "---": a live one, whose managedFields are a stranger's, and one
 * that is applied to it, forced and not, or replaces it. What comes out can be read again, and an
 * apply that is repeated changes nothing. */
#include "sandbox/managed.h"

#include "doc/json.h"
#include "sandbox/served.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct typing typing_for(const node *object)
{
    static struct served_table *table; /* for all inputs */
    if (!table) table = served_new(store_new());
    str kind = node_get_str(object, STR("kind"));
    const struct served *served = served_kind(table, STR("apps"), STR(""), kind);
    if (!served) served = served_kind(table, STR(""), STR(""), kind);
    return served ? served->typing : (struct typing){0};
}

static void check_readable(arena *a, const node *object)
{
    NODE_EACH (node_find(object, "metadata", "managedFields", NULL), entry) {
        struct fieldset *set;
        err *e AUTO(err_done) = fieldset_read(a, node_get(entry, STR("fieldsV1")), &set);
        must(!e);
        must(node_equal(fieldset_write(a, set), node_get(entry, STR("fieldsV1"))));
    }
}

static void apply(arena *a, const struct managed_writer *writer, bool force, node *live,
                  node *applied)
{
    struct managed_apply options = {.force = force, .causes = node_list(a)};
    node *out, *again;
    err *e AUTO(err_done) = managed_apply(a, writer, options, live, applied, &out);
    if (e) return;
    check_readable(a, out);
    if (node_is_too_deep(out)) return;
    options.causes = node_list(a);
    err *other AUTO(err_done) = managed_apply(a, writer, options, out, applied, &again);
    if (!other) must(node_equal(out, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size);
    ptrdiff_t middle = str_find(text, STR("\n---\n"));
    node *live, *applied;
    if (middle < 0) return 0;
    struct json_options options = {.last_wins = true, .depth_max = 50};
    err *e AUTO(err_done) = json_parse(&a, str_head(text, (size_t)middle), options, &live);
    if (e) return 0;
    err *other AUTO(err_done) =
        json_parse(&a, str_skip(text, (size_t)middle + 5), options, &applied);
    if (other || !node_is_map(live) || !node_is_map(applied)) return 0;
    struct managed_writer writer = {.typing = typing_for(live),
                                    .api_version = STR("v1"),
                                    .manager = STR("fuzz"),
                                    .time = STR("2026-01-02T03:04:05Z"),
                                    .exists = true};
    apply(&a, &writer, false, doc_copy(&a, live), doc_copy(&a, applied));
    apply(&a, &writer, true, doc_copy(&a, live), doc_copy(&a, applied));
    node *after = doc_copy(&a, applied);
    err *updated AUTO(err_done) = managed_update(&a, &writer, live, after);
    if (!updated) check_readable(&a, after);
    return 0;
}
