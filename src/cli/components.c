#include "cli/components.h"

#include "base/regex.h"
#include "control/kind.h"
#include "doc/yaml.h"

static const unsigned char components_yaml[] = {
#include "components.yaml.inc"
};

/* ---- Filling in ---- */

/* Texts go into YAML as they are, so they have to be plain words. */
static err *check_word(const char *name, str text)
{
    struct regex *regex AUTO(regex_free_done) = NULL;
    TRY(regex_compile(STR("^[A-Za-z0-9][A-Za-z0-9._/:@-]*$"), &regex));
    if (regex_match(regex, text)) return NULL;
    return err_invalid("%s: '" STR_FMT "' is not made of letters, digits and ._/:@-", name,
                       STR_ARG(text));
}

/* The key of a variable in components.yaml, its option and value. */
struct variable {
    const char *key, *name;
    str value;
};

static err *fill_in(arena *a, const struct components_options *options, str *out)
{
    const struct variable variables[] = {
        {"${NAMESPACE}", "namespace", options->namespace},
        {"${IMAGE}", "image", options->image},
        {"${LOG_LEVEL}", "log level", options->log_level},
        {"${CLUSTER_DOMAIN}", "cluster domain", options->cluster_domain},
        {"${WATCH_ALL_NAMESPACES}", "watch all namespaces",
         options->watch_all_namespaces ? STR("true") : STR("false")},
    };
    str text = str_from((const char *)components_yaml, sizeof components_yaml);
    for (size_t i = 0; i < COUNT(variables); i++) {
        TRY(check_word(variables[i].name, variables[i].value));
        text = str_replace(a, text, str_of(variables[i].key), variables[i].value);
    }
    *out = text;
    return NULL;
}

/* ---- What options change ---- */

static void add_labels(arena *a, node *object, str namespace)
{
    node *labels = node_make_map(a, node_make_map(a, object, STR("metadata")), STR("labels"));
    node_set_str(a, labels, STR("app.kubernetes.io/instance"), namespace);
    node_set_str(a, labels, STR("app.kubernetes.io/managed-by"), STR(COMPONENTS_MANAGED_BY));
    node_set_str(a, labels, STR("app.kubernetes.io/part-of"), STR("flux"));
    node_set_str(a, labels, STR("app.kubernetes.io/version"), STR(COMPONENTS_FLUX_VERSION));
}

static node *named(arena *a, str name)
{
    node *out = node_map(a);
    node_set_str(a, out, STR("name"), name);
    return out;
}

static node *tolerations(arena *a, const struct components_options *options)
{
    node *list = node_list(a);
    for (size_t i = 0; i < options->toleration_count; i++) {
        node *toleration = node_map(a);
        node_set_str(a, toleration, STR("key"), options->toleration_keys[i]);
        node_set_str(a, toleration, STR("operator"), STR("Exists"));
        node_push(a, list, toleration);
    }
    return list;
}

static void adjust_deployment(arena *a, node *deployment, const struct components_options *options)
{
    node *template = node_find(deployment, "spec", "template", NULL);
    node *pod = node_get(template, STR("spec"));
    add_labels(a, template, options->namespace);
    if (options->toleration_count) node_set(a, pod, STR("tolerations"), tolerations(a, options));
    if (options->image_pull_secret.len) {
        node *secrets = node_list(a);
        node_push(a, secrets, named(a, options->image_pull_secret));
        node_set(a, pod, STR("imagePullSecrets"), secrets);
    }
}

/* ---- All of them ---- */

struct objects_list {
    node **items;
    size_t count, room;
};

static void add(arena *a, struct objects_list *list, node *object,
                const struct components_options *options)
{
    str kind = node_get_str(object, STR("kind"));
    if (!options->network_policy && str_is(kind, "NetworkPolicy")) return;
    if (str_is(kind, "Deployment")) adjust_deployment(a, object, options);
    add_labels(a, object, options->namespace);
    *ARENA_PUSH(a, list->items, list->count, list->room) = object;
}

err *components_build(arena *a, const struct components_options *options, node ***out,
                      size_t *count_out)
{
    str text;
    TRY(fill_in(a, options, &text));
    node **parts;
    size_t part_count, kind_count;
    TRY(yaml_parse_all(a, text, (struct yaml_options){.dialect = YAML_V3}, &parts, &part_count));
    must(part_count > 0 && str_is(node_get_str(parts[0], STR("kind")), "Namespace"));

    struct objects_list list = {0};
    add(a, &list, parts[0], options);
    const struct kind **kinds = kind_all(a, &kind_count);
    for (size_t i = 0; i < kind_count; i++)
        add(a, &list, kind_crd(a, kinds[i]), options);
    for (size_t i = 1; i < part_count; i++)
        add(a, &list, parts[i], options);
    *out = list.items;
    *count_out = list.count;
    return NULL;
}
