#include "render/legacy_order.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct legacy_order_item item(const char *group, const char *kind, const char *namespace,
                                     const char *name)
{
    return (struct legacy_order_item){.group = str_of(group), .version = STR("v1"),
                                      .kind = str_of(kind), .namespace = str_of(namespace),
                                      .name = str_of(name)};
}

static void check(struct legacy_order_item *items, size_t count,
                  const struct legacy_order_kinds *kinds, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    str names[8];
    legacy_order_sort(&a, items, count, kinds);
    for (size_t i = 0; i < count; i++) names[i] = items[i].name;
    assert_string_equal(str_z(&a, str_join(&a, names, count, STR(" "))), expected);
}

static void test_nothing_to_sort(void **state)
{
    (void)state;
    check(NULL, 0, NULL, "");
}

static void test_default_kinds(void **state)
{
    (void)state;
    struct legacy_order_item items[] = {
        item("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "", "last"),
        item("", "Widget", "", "core"),
        item("example.com", "Widget", "", "grouped"),
        item("", "Secret", "", "secret"),
        item("", "ConfigMap", "", "map"),
        item("", "Namespace", "", "first"),
    };
    check(items, COUNT(items), NULL, "first map secret grouped core last");
}

static void test_same_type_by_namespace_then_name(void **state)
{
    (void)state;
    struct legacy_order_item items[] = {
        item("", "ConfigMap", "", "a-none"), item("", "ConfigMap", "zoo", "z"),
        item("", "ConfigMap", "app", "b"),   item("", "ConfigMap", "app", "a"),
        item("", "ConfigMap", "zoo", ""),
    };
    check(items, COUNT(items), NULL, "a b z  a-none");
}

/* compat: kustomize reverses the groups of Namespaces. */
static void test_core_namespace_before_others(void **state)
{
    (void)state;
    struct legacy_order_item items[] = {item("example.com", "Namespace", "", "other"),
                                        item("", "Namespace", "", "core")};
    check(items, COUNT(items), NULL, "core other");
}

static void test_own_kinds(void **state)
{
    (void)state;
    const str first[] = {STR("B"), STR("A")}, last[] = {STR("C"), STR("B")};
    struct legacy_order_kinds kinds = {first, COUNT(first), last, COUNT(last)};
    struct legacy_order_item items[] = {item("", "B", "", "b"), item("", "C", "", "c"),
                                        item("", "Namespace", "", "n"), item("", "A", "", "a")};
    check(items, COUNT(items), &kinds, "a n c b");

    kinds = (struct legacy_order_kinds){0}; /* no default lists then */
    check(items, COUNT(items), &kinds, "a b c n");
}

static void test_equal_items_keep_their_order(void **state)
{
    (void)state;
    int marks[5];
    struct legacy_order_item items[5];
    for (int i = 0; i < 5; i++) {
        items[i] = item("", "ConfigMap", "", "same");
        items[i].object = &marks[i];
    }
    check(items, COUNT(items), NULL, "same same same same same");
    for (int i = 0; i < 5; i++) assert_ptr_equal(items[i].object, &marks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_sort),
        cmocka_unit_test(test_default_kinds),
        cmocka_unit_test(test_same_type_by_namespace_then_name),
        cmocka_unit_test(test_core_namespace_before_others),
        cmocka_unit_test(test_own_kinds),
        cmocka_unit_test(test_equal_items_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
