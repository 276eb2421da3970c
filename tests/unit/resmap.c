/* resmap: the indexes say what the list says, whatever changes. */
#include "render/resmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/yaml.h"

struct fixture {
    arena a;
    struct gvks gvks;
    struct resmap map;
};

static int setup(void **state)
{
    struct fixture *f = lang_zalloc(sizeof *f);
    f->gvks.a = &f->a;
    resmap_init(&f->map, &f->a, &f->gvks);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    resmap_done(&f->map);
    gvk_done(&f->gvks);
    arena_done(&f->a);
    free(f);
    return 0;
}

static struct resource *make(struct fixture *f, const char *yaml)
{
    node *root;
    struct yaml_options options = {.dialect = YAML_V3};
    assert_null(yaml_parse(&f->a, str_of(yaml), options, &root));
    return resource_new(&f->a, &f->gvks, root);
}

static struct resource *add(struct fixture *f, const char *yaml)
{
    struct resource *resource = make(f, yaml);
    assert_null(resmap_append(&f->map, resource));
    return resource;
}

static void rename_to(struct fixture *f, struct resource *resource, const char *name)
{
    resmap_store_past(&f->map, resource);
    node *metadata = node_get(resource->root, STR("metadata"));
    node_set_str(&f->a, metadata, STR("name"), str_of(name));
    resmap_refresh(&f->map, resource);
}

static struct resid id_of(struct fixture *f, const char *name)
{
    return (struct resid){.gvk = gvk_find(&f->gvks, STR("v1"), STR("ConfigMap")),
                          .name = str_of(name)};
}

static void assert_no_append(struct fixture *f, const char *yaml, const char *message)
{
    err *e AUTO(err_done) = resmap_append(&f->map, make(f, yaml));
    assert_non_null(e);
    assert_string_equal(e->message, message);
}

#define CONFIG_MAP(metadata) "{apiVersion: v1, kind: ConfigMap, metadata: " metadata "}"

static void ids_are_unique(void **state)
{
    struct fixture *f = *state;
    add(f, CONFIG_MAP("{name: a}"));
    add(f, CONFIG_MAP("{name: a, namespace: n}"));
    add(f, "{apiVersion: v1, kind: Secret, metadata: {name: a}}");
    add(f, "{apiVersion: v1, kind: Namespace, metadata: {name: a, namespace: x}}");
    assert_no_append(f, CONFIG_MAP("{name: a}"),
                     "may not add resource with an already registered id: "
                     "ConfigMap.v1.[noGrp]/a.[noNs]");
    assert_no_append(f, CONFIG_MAP("{name: a, namespace: default}"),
                     "may not add resource with an already registered id: "
                     "ConfigMap.v1.[noGrp]/a.default");
    assert_no_append(f, "{apiVersion: v1, kind: Namespace, metadata: {name: a}}",
                     "may not add resource with an already registered id: "
                     "Namespace.v1.[noGrp]/a.[noNs]");
    assert_int_equal(f->map.count, 4);
}

static void past_names_are_found(void **state)
{
    struct fixture *f = *state;
    struct resource *a = add(f, CONFIG_MAP("{name: a}")), *found;
    rename_to(f, a, "b");
    rename_to(f, a, "c");
    const char *names[] = {"a", "b", "c"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_null(resmap_find_one(&f->map, id_of(f, names[i]), &found));
        assert_ptr_equal(found, a);
    }
    assert_int_equal(resmap_count_id(&f->map, id_of(f, "a")), 0);
    assert_int_equal(resmap_count_id(&f->map, id_of(f, "c")), 1);
    assert_true(resid_equal(resource_original_id(&f->gvks, a), id_of(f, "a")));
}

static void several_are_told_from_none(void **state)
{
    struct fixture *f = *state;
    struct resource *found, *a = add(f, CONFIG_MAP("{name: a}")),
                            *b = add(f, CONFIG_MAP("{name: b}"));
    rename_to(f, a, "b");
    err *e = resmap_find_one(&f->map, id_of(f, "b"), &found);
    assert_string_equal(
        e->message, "multiple matches for Id ConfigMap.v1.[noGrp]/b.[noNs]; failed to find unique "
                    "target for patch ConfigMap.v1.[noGrp]/b.[noNs]");
    err_free(e);
    e = resmap_find_one(&f->map, id_of(f, "x"), &found);
    assert_string_equal(
        e->message, "no matches for Id ConfigMap.v1.[noGrp]/x.[noNs]; failed to find unique target "
                    "for patch ConfigMap.v1.[noGrp]/x.[noNs]");
    err_free(e);
    e = resmap_check_ids(&f->map);
    assert_string_equal(e->message, "may not add resource with an already registered id: "
                                    "ConfigMap.v1.[noGrp]/b.[noNs]");
    err_free(e);
    rename_to(f, b, "c");
    assert_null(resmap_check_ids(&f->map));
}

static void order_is_kept(void **state)
{
    struct fixture *f = *state;
    struct resource *a = add(f, CONFIG_MAP("{name: a}")), *b = add(f, CONFIG_MAP("{name: b}"));
    struct resource *c = add(f, CONFIG_MAP("{name: c}"));
    rename_to(f, c, "x");
    rename_to(f, a, "x");
    rename_to(f, b, "x");
    const struct resmap_named *named = resmap_named(&f->map, STR("x"));
    assert_int_equal(named->count, 3);
    assert_ptr_equal(named->items[0], a);
    assert_ptr_equal(named->items[1], b);
    assert_ptr_equal(named->items[2], c);
}

static void dropped_ones_are_gone(void **state)
{
    struct fixture *f = *state;
    struct resource *a = add(f, CONFIG_MAP("{name: a}")), *b = add(f, CONFIG_MAP("{name: b}")),
                    *found;
    struct resource *instead = make(f, CONFIG_MAP("{name: b, labels: {x: y}}"));
    a->root = NULL;
    resmap_drop_empty(&f->map);
    resmap_replace(&f->map, b, instead);
    assert_int_equal(f->map.count, 1);
    assert_int_equal(resmap_count_id(&f->map, id_of(f, "a")), 0);
    assert_null(resmap_find_one(&f->map, id_of(f, "b"), &found));
    assert_ptr_equal(found, instead);
    assert_ptr_equal(b->replaced_by, instead);
    add(f, CONFIG_MAP("{name: a}"));
}

static void internal_annotations_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    struct resource *a =
        add(f, CONFIG_MAP("{name: a, annotations: {k: v, "
                          "internal.config.kubernetes.io/needsHashSuffix: enabled, "
                          "config.kubernetes.io/index: '1'}}"));
    assert_true(a->needs_hash);
    node *annotations = node_find(a->root, "metadata", "annotations", NULL);
    assert_int_equal(annotations->count, 1);
    rename_to(f, a, "b");
    resource_add_prefix(&f->a, a, STR("p-"));
    resource_add_prefix(&f->a, a, STR("q-"));
    resource_show_internal(&f->a, a);
    str names = node_get_str(annotations, STR("internal.config.kubernetes.io/previousNames"));
    str prefixes = node_get_str(annotations, STR("internal.config.kubernetes.io/prefixes"));
    assert_true(str_is(names, "a"));
    assert_true(str_is(prefixes, "p-,q-"));
    resource_hide_internal(a);
    assert_int_equal(annotations->count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_are_unique),
        TEST(past_names_are_found),
        TEST(several_are_told_from_none),
        TEST(order_is_kept),
        TEST(dropped_ones_are_gone),
        TEST(internal_annotations_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
