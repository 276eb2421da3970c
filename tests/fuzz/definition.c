/* A schema as a stranger may write it into a CRD, a line "---", and an object of that kind: what
 * the definition's checks let pass is used as the sandbox does. */
#include "sandbox/definition.h"

#include "doc/json.h"
#include "sandbox/admit.h"
#include "sandbox/rules.h"
#include "sandbox/typed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const node *crd_of(arena *a, node *schema)
{
    node *crd = node_map(a), *spec = node_make_map(a, crd, STR("spec"));
    node *version = node_map(a), *versions = node_list(a);
    node_set_str(a, node_make_map(a, crd, STR("metadata")), STR("name"), STR("things.x.io"));
    node_set_str(a, spec, STR("group"), STR("x.io"));
    node_set_str(a, node_make_map(a, spec, STR("names")), STR("plural"), STR("things"));
    node_set(a, node_make_map(a, version, STR("schema")), STR("openAPIV3Schema"), schema);
    node_set_bool(a, version, STR("storage"), true);
    node_push(a, versions, version);
    node_set(a, spec, STR("versions"), versions);
    return crd;
}

static void use(arena *a, const struct served *served, node *object)
{
    node *causes = node_list(a), *merged;
    struct fieldset *set;
    struct typed_changes changes;
    err *types AUTO(err_done) = admit_types(a, served->typing, object, true);
    node *pruned = doc_copy_tree(a, admit_prune(a, served, object, causes));
    admit_defaults(a, served, pruned);
    admit_values(a, served->typing, pruned, STR(""), causes);
    rules_check(a, served->typing, object, pruned, causes);
    err *twice AUTO(err_done) = typed_check(a, served->typing, pruned);
    err *owned AUTO(err_done) = typed_set(a, served->typing, pruned, &set);
    if (!owned && !twice) {
        err *e AUTO(err_done) = typed_compare(a, served->typing, pruned, pruned, &changes);
        must(!e && fieldset_is_empty(changes.set) && fieldset_is_empty(changes.removed));
    }
    err *e AUTO(err_done) = typed_merge(a, served->typing, object, pruned, &merged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size);
    ptrdiff_t middle = str_find(text, STR("\n---\n"));
    node *schema, *object, *causes = node_list(&a);
    if (middle < 0) return 0;
    struct json_options options = {.last_wins = true, .depth_max = 50};
    err *e AUTO(err_done) = json_parse(&a, str_head(text, (size_t)middle), options, &schema);
    if (e) return 0;
    err *other AUTO(err_done) =
        json_parse(&a, str_skip(text, (size_t)middle + 5), options, &object);
    if (other || !node_is_map(object)) return 0;
    definition_check(&a, crd_of(&a, schema), causes);
    if (causes->count) return 0;
    struct served served = {.custom = true,
                            .kind = STR("Thing"),
                            .group = STR("x.io"),
                            .typing = typing_of(NULL, schema)};
    use(&a, &served, object);
    return 0;
}
