/* offspring: lines and documents of a tree, as flux prints them. */
#include "cli/offspring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "doc/json.h"

static struct offspring leaf(const char *group, const char *kind, const char *namespace,
                             const char *name)
{
    return (struct offspring){
        .ref = {{str_of(group), STR("v1"), str_of(kind)}, str_of(namespace), str_of(name)}};
}

static struct offspring *family(struct offspring *items)
{
    struct offspring *inner = items + 4;
    inner[0] = leaf("apps", "Deployment", "web", "web");
    inner[1] = leaf("", "Service", "web", "web");
    items[1] = leaf("", "Namespace", "", "web");
    items[2] = leaf("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "apps");
    items[2].items = inner;
    items[2].count = 2;
    items[3] = leaf("", "ConfigMap", "flux-system", "vars");
    items[0] = leaf("kustomize.toolkit.fluxcd.io", "Kustomization", "flux-system", "all");
    items[0].items = items + 1;
    items[0].count = 3;
    return items;
}

static void test_lines(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf b = BUF(&a);
    struct offspring items[6] = {0};
    offspring_write(&b, family(items));
    assert_true(str_is(buf_str(&b), "Kustomization/flux-system/all\n"
                                    "├── Namespace/web\n"
                                    "├── Kustomization/flux-system/apps\n"
                                    "│   ├── Deployment/web/web\n"
                                    "│   └── Service/web/web\n"
                                    "└── ConfigMap/flux-system/vars\n"));
}

static void test_document(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct offspring items[6] = {0};
    family(items)[0].count = 1;
    assert_true(
        str_is(json_text(&a, offspring_node(&a, items)),
               "{\"resource\":{\"Namespace\":\"flux-system\",\"Name\":\"all\",\"GroupKind\":"
               "{\"Group\":\"kustomize.toolkit.fluxcd.io\",\"Kind\":\"Kustomization\"}},"
               "\"resources\":[{\"resource\":{\"Namespace\":\"\",\"Name\":\"web\",\"GroupKind\":"
               "{\"Group\":\"\",\"Kind\":\"Namespace\"}}}]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
