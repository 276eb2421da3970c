/*
 * kind: the tables agree with the structs, with the CRDs and with docs/api.md.
 * tests/golden/control/every_field has an object of each kind with all that its spec may hold.
 */
#include "control/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "control/alert_spec.h"
#include "control/gitrepository_spec.h"
#include "control/imagepolicy_spec.h"
#include "control/imagerepository_spec.h"
#include "control/imageupdateautomation_spec.h"
#include "control/kustomization_spec.h"
#include "control/provider_spec.h"
#include "doc/yaml.h"

#define FOLDER "tests/golden/control/every_field/"

static node *example(arena *a, const char *kind)
{
    str text, path = str_printf(a, FOLDER "%s.yaml", kind);
    node *out;
    assert_null(fs_read(a, path, 1 << 20, &text));
    assert_null(yaml_parse(a, text, (struct yaml_options){0}, &out));
    return out;
}

/* ---- The specs ---- */

static void test_gitrepository(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct gitrepository_spec spec;
    assert_null(gitrepository_spec_decode(&a, example(&a, "gitrepository"), &spec));
    assert_true(str_is(spec.url, "https://git.example.com/fleet.git"));
    assert_true(str_is(spec.ref.branch, "main") && str_is(spec.ref.tag, "v1.0.0"));
    assert_true(str_is(spec.ref.semver, ">=1.0.0 <2.0.0"));
    assert_true(str_is(spec.ref.name, "refs/pull/1/head"));
    assert_int_equal(spec.ref.commit.len, 40);
    assert_int_equal(spec.interval_ns, 90 * CLOCK_SECOND);
    assert_int_equal(spec.timeout_ns, 90 * CLOCK_SECOND);
    assert_true(str_is(spec.secret_ref.name, "credentials"));
    assert_true(str_is(spec.provider, "azure") && str_is(spec.service_account_name, "reader"));
    assert_true(str_is(spec.verify.mode, "TagAndHEAD"));
    assert_true(str_is(spec.verify.secret_ref.name, "keys"));
    assert_true(str_is(spec.proxy_secret_ref.name, "proxy"));
    assert_true(str_is(spec.ignore, "/*\n!/deploy\n"));
    assert_true(spec.suspend && spec.recurse_submodules);
    assert_int_equal(spec.include.count, 2);
    assert_true(str_is(spec.include.items[0].to_path, "vendor/other"));
    assert_true(str_is(spec.include.items[1].repository.name, "third"));
    assert_int_equal(spec.sparse_checkout.count, 2);
}

static void test_kustomization(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct kustomization_spec spec;
    assert_null(kustomization_spec_decode(&a, example(&a, "kustomization"), &spec));
    assert_int_equal(spec.interval_ns, 600 * CLOCK_SECOND);
    assert_int_equal(spec.retry_interval_ns, 5400 * CLOCK_SECOND);
    assert_int_equal(spec.timeout_ns, 180 * CLOCK_SECOND);
    assert_true(str_is(spec.source_ref.kind, "GitRepository"));
    assert_true(str_is(spec.source_ref.namespace, "flux-system"));
    assert_true(spec.prune && spec.suspend && spec.force && spec.wait);
    assert_int_equal(spec.deletion_policy, KUSTOMIZATION_WAIT_FOR_TERMINATION);
    assert_true(str_is(spec.health_checks.items[0].kind, "Deployment"));
    assert_true(str_is(spec.health_exprs.items[0].failed, "status.phase == 'Failed'"));
    assert_true(str_is(spec.depends_on.items[0].namespace, "flux-system"));
    assert_true(str_is(spec.ignore.items[0].paths.items[0], "/spec/replicas"));
    assert_true(str_is(spec.ignore.items[0].target.annotation_selector, "scaled=yes"));
    assert_true(str_is(spec.target_namespace, "web") && str_is(spec.name_suffix, "-z"));
    assert_int_equal(spec.patches->count, 1);
    assert_int_equal(spec.build_metadata->count, 2);
    assert_true(str_is(node_get_str(spec.common_metadata.labels, STR("team")), "web"));
    assert_true(str_is(node_get_str(spec.post_build.substitute, STR("region")), "eu"));
    assert_true(spec.post_build.substitute_from.items[0].optional);
    assert_false(spec.post_build.substitute_from.items[1].optional);
    assert_int_equal(spec.post_build.substitute_strategy, KUSTOMIZATION_ALWAYS);
    assert_true(str_is(spec.decryption.secret_ref.name, "keys"));
    assert_true(str_is(spec.kube_config.secret_ref.key, "config"));
}

static void test_alert(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct alert_spec spec;
    assert_null(alert_spec_decode(&a, example(&a, "alert"), &spec));
    assert_true(str_is(spec.provider_ref.name, "chat"));
    assert_int_equal(spec.event_severity, ALERT_ERROR);
    assert_int_equal(spec.event_sources.count, 2);
    const struct alert_source *first = &spec.event_sources.items[0];
    assert_true(str_is(first->kind, "Kustomization") && str_is(first->name, "*"));
    assert_true(str_is(first->namespace, "apps"));
    assert_true(str_is(node_get_str(first->match_labels, STR("team")), "web"));
    assert_true(str_is(spec.inclusion_list.items[0], ".*failed.*"));
    assert_int_equal(spec.exclusion_list.count, 2);
    assert_true(str_is(node_get_str(spec.event_metadata, STR("cluster")), "prod-1"));
    assert_true(str_is(spec.summary, "the web team's objects") && spec.suspend);
    struct rule_spec rule = alert_spec_rule(&a, example(&a, "alert"), &spec);
    assert_true(rule.errors_only && rule.suspended && rule.source_count == 2);
}

static void test_imageupdateautomation(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct imageupdateautomation_spec spec;
    node *object = example(&a, "imageupdateautomation");
    assert_null(imageupdateautomation_spec_decode(&a, object, &spec));
    assert_true(str_is(spec.source_ref.name, "fleet"));
    assert_true(str_is(spec.source_ref.namespace, "flux-system"));
    assert_int_equal(spec.interval_ns, 1800 * CLOCK_SECOND);
    assert_true(spec.has_git && spec.has_checkout_ref && spec.suspend);
    assert_true(str_is(spec.git.checkout.ref.branch, "main"));
    assert_true(str_is(spec.git.checkout.ref.semver, "1.x"));
    assert_true(str_is(spec.git.commit.author.email, "robot@example.com"));
    assert_true(str_is(spec.git.commit.signing_key.type, "ssh"));
    assert_true(str_is(spec.git.commit.signing_key.secret_ref.name, "key"));
    assert_true(str_starts(spec.git.commit.message_template, STR("update ")));
    assert_true(str_is(node_get_str(spec.git.commit.message_values, STR("team")), "web"));
    assert_true(str_is(spec.git.push.branch, "updates"));
    assert_true(str_is(spec.git.push.refspec, "refs/heads/main:refs/for/main"));
    assert_int_equal(spec.git.push.options->count, 1);
    assert_int_equal(node_get(spec.policy_selector, STR("matchExpressions"))->count, 1);
    assert_true(str_is(spec.update.path, "./apps"));
}

static void test_imagerepository(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct imagerepository_spec spec;
    node *object = example(&a, "imagerepository");
    assert_null(imagerepository_spec_decode(&a, object, &spec));
    assert_true(str_is(spec.image, "registry.example.com:5000/team/app"));
    assert_int_equal(spec.interval_ns, 300 * CLOCK_SECOND);
    assert_int_equal(imagerepository_spec_timeout_ns(&spec), 20 * CLOCK_SECOND);
    assert_true(str_is(spec.secret_ref.name, "pull") &&
                str_is(spec.proxy_secret_ref.name, "proxy"));
    assert_true(str_is(spec.cert_secret_ref.name, "trust"));
    assert_true(str_is(spec.service_account_name, "puller") && spec.suspend && spec.insecure);
    assert_int_equal(spec.access_from.selectors.count, 2);
    assert_null(spec.access_from.selectors.items[1].match_labels);
    assert_int_equal(spec.exclusion_list.count, 2);
    node_unset(node_get(object, STR("spec")), STR("exclusionList"));
    node_unset(node_get(object, STR("spec")), STR("timeout"));
    assert_null(imagerepository_spec_decode(&a, object, &spec));
    assert_true(str_is(spec.exclusion_list.items[0], "^.*\\.sig$"));
    assert_int_equal(imagerepository_spec_timeout_ns(&spec), 300 * CLOCK_SECOND);
}

static void test_imagepolicy(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct imagepolicy_spec spec;
    assert_null(imagepolicy_spec_decode(&a, example(&a, "imagepolicy"), &spec));
    assert_true(str_is(spec.repository.name, "app") && str_is(spec.repository.namespace, "images"));
    assert_true(str_is(node_get_str(spec.policy.semver, STR("range")), ">=1.2.0 <2.0.0"));
    assert_true(str_is(node_get_str(spec.policy.alphabetical, STR("order")), "desc"));
    assert_true(str_is(node_get_str(spec.policy.numerical, STR("order")), "asc"));
    assert_true(str_is(spec.filter.extract, "$ts") && spec.suspend);
    assert_int_equal(spec.reflection, IMAGEPOLICY_ALWAYS);
    assert_int_equal(spec.interval_ns, 600 * CLOCK_SECOND);
}

static void test_provider(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    struct provider_spec spec;
    node *object = example(&a, "provider");
    assert_null(provider_spec_decode(&a, object, &spec));
    struct target_spec target = provider_spec_target(&a, object, &spec);
    assert_true(str_is(target.namespace, "default") && str_is(target.name, "every-field"));
    assert_true(str_is(target.type, "github") && str_is(target.channel, "general"));
    assert_true(str_is(target.user, "fixpoint"));
    assert_true(str_is(target.address, "https://github.com/example/fleet"));
    assert_int_equal(target.timeout_ns, 90 * CLOCK_SECOND);
    assert_true(str_is(target.proxy, "http://proxy.example.com:3128"));
    assert_true(str_is(target.proxy_secret, "proxy") && str_is(target.secret, "credentials"));
    assert_true(str_is(target.cert_secret, "certificates") && target.suspended);
    assert_true(str_is(target.service_account, "reporter"));
    assert_true(str_is(target.commit_status_expr, "event.involvedObject.name"));
}

/* The types that the CRD allows are those that have a file, and the other way round. */
static void test_provider_types(void **state UNUSED)
{
    const struct field *type = schema_find(kind_find(STR("Provider"))->spec, STR("type"));
    size_t choices = 0, rows = 0;
    for (; type->choices[choices]; choices++) {
        if (!notify_find(str_of(type->choices[choices])))
            fail_msg("no provider is of type %s", type->choices[choices]);
    }
    ROSTER_EACH (provider, struct provider, row) {
        if (!(*row)->format && !(*row)->begin && !(*row)->dial)
            fail_msg("%s has nothing that makes a request", (*row)->type);
        rows++;
    }
    assert_int_equal(rows, choices);
}

static void test_errors(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    node *object = example(&a, "kustomization");
    struct kustomization_spec spec;
    node_set_str(&a, node_find(object, "spec", "sourceRef", NULL), STR("kind"), STR("HelmChart"));
    err *e AUTO(err_done) = kustomization_spec_decode(&a, object, &spec);
    assert_non_null(e);
    assert_string_equal(e->message, "spec.sourceRef.kind: 'HelmChart' is not one of OCIRepository, "
                                    "GitRepository, Bucket, ExternalArtifact");
    struct gitrepository_spec git;
    err *none AUTO(err_done) = gitrepository_spec_decode(&a, node_map(&a), &git);
    assert_non_null(none);
    assert_string_equal(none->message, "spec: is required");
}

/* ---- The examples hold every field ---- */

/* The first item of a list, or the value itself. */
static const node *inside(const node *value)
{
    return node_is_list(value) ? node_at(value, 0) : value;
}

static void expect_all(const struct schema *schema, const node *value, const char *path)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        const node *child = node_get(value, str_of(field->name));
        /* Exclude each other, or are shown elsewhere in the example. */
        if (strcmp(field->name, "configMapRef") == 0) continue;
        if (strcmp(field->name, "secretRef") == 0 && node_get(value, STR("oidcProviders")))
            continue;
        if (strcmp(path, "target") == 0 && !child) continue;
        if (!child) fail_msg("the example has no %s.%s", path, field->name);
        if (field->schema) expect_all(field->schema, inside(child), field->name);
    }
}

static void test_examples(void **state UNUSED)
{
    ROSTER_EACH (kind, struct kind, row) {
        arena a AUTO(arena_done) = {0};
        str name = str_lower(&a, str_of((*row)->kind));
        expect_all((*row)->spec, node_get(example(&a, str_z(&a, name)), STR("spec")), "spec");
    }
}

/* ---- The CRDs ---- */

/* What the API server asks of a structural schema. */
static void expect_structural(const node *schema, str path)
{
    str type = node_get_str(schema, STR("type"));
    if (node_get_bool(schema, STR("x-kubernetes-preserve-unknown-fields"), false)) return;
    if (!type.len) fail_msg(STR_FMT " has no type", STR_ARG(path));
    const node *properties = node_get(schema, STR("properties"));
    NODE_EACH (node_get(schema, STR("required")), name) {
        if (!node_get(properties, name->text))
            fail_msg(STR_FMT " requires what it lacks", STR_ARG(path));
    }
    PAIR_EACH (properties, pair)
        expect_structural(pair->value, pair->key);
    if (str_is(type, "array")) expect_structural(node_get(schema, STR("items")), path);
}

static void expect_described(const struct schema *schema, const char *path)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (!field->doc || !*field->doc)
            fail_msg("%s.%s says not what it is for", path, field->name);
        if (field->schema) expect_described(field->schema, field->name);
    }
}

static void test_crds(void **state UNUSED)
{
    ROSTER_EACH (kind, struct kind, row) {
        arena a AUTO(arena_done) = {0};
        node *crd = kind_crd(&a, *row);
        str name = kind_crd_name(&a, *row);
        assert_true(str_eq(node_find_str(crd, "metadata", "name", NULL), name));
        assert_true(str_is(node_find_str(crd, "metadata", "annotations",
                                         "kustomize.toolkit.fluxcd.io/substitute", NULL),
                           "disabled"));
        const node *version = node_at(node_find(crd, "spec", "versions", NULL), 0);
        assert_non_null(node_find(version, "subresources", "status", NULL));
        const node *schema = node_find(version, "schema", "openAPIV3Schema", NULL);
        const node *status = node_find(schema, "properties", "status", NULL);
        /* Alerts and Providers are static for Flux: without us nobody would observe them. */
        bool is_ours = !strcmp((*row)->kind, "Alert") || !strcmp((*row)->kind, "Provider");
        assert_int_equal(
            node_get_int(node_get(status, STR("default")), STR("observedGeneration"), 0),
            is_ours ? 0 : -1);
        PAIR_EACH (node_get(schema, STR("properties")), pair) {
            if (!str_is(pair->key, "metadata")) expect_structural(pair->value, pair->key);
        }
        expect_described((*row)->spec, "spec");
        expect_described((*row)->status, "status");
    }
}

static void test_find(void **state UNUSED)
{
    const struct kind *kind = kind_find(STR("GitRepository"));
    assert_non_null(kind);
    assert_ptr_equal(kind_find_word(STR("gitrepo")), kind);
    assert_ptr_equal(kind_find_word(STR("GitRepositories")), kind);
    assert_null(kind_find(STR("gitrepository")));
    assert_null(kind_find_word(STR("pod")));
    arena a AUTO(arena_done) = {0};
    size_t count;
    const struct kind **all = kind_all(&a, &count);
    assert_true(count >= 2);
    for (size_t i = 1; i < count; i++)
        assert_true(all[i - 1]->rank < all[i]->rank);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gitrepository),
        cmocka_unit_test(test_kustomization),
        cmocka_unit_test(test_alert),
        cmocka_unit_test(test_imagerepository),
        cmocka_unit_test(test_imagepolicy),
        cmocka_unit_test(test_provider),
        cmocka_unit_test(test_imageupdateautomation),
        cmocka_unit_test(test_provider_types),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_crds),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
