/* Objects that are made from literals and files. */
#include "render/builtin.h"
#include "render/generator.h"
#include "render/kustfile.h"

struct state {
    const struct loader *loader;
    const node *config;
};

static err *configure(struct build *build, const struct loader *loader,
                      const struct builtin_config *config, void **state_out)
{
    struct state *state = NEW(build->a, struct state);
    *state = (struct state){.loader = loader, .config = config->config};
    *state_out = state;
    return NULL;
}

/* A config that is a resource may leave the name and namespace to its metadata. */
static err *configure_args(struct build *build, const struct loader *loader,
                           const struct builtin_config *config, void **state_out)
{
    static const str keys[] = {STR("name"), STR("namespace")};
    struct builtin_config named = *config;
    const node *metadata = node_get(config->shown, STR("metadata"));
    node *args = doc_copy_top(build->a, config->config);
    for (size_t i = 0; i < COUNT(keys); i++) {
        str text = node_get_str(metadata, keys[i]);
        if (text.len && !node_get_str(args, keys[i]).len)
            node_set_str(build->a, args, keys[i], text);
    }
    named.config = args;
    return configure(build, loader, &named, state_out);
}

static err *read_file(void *context, arena *a, str path, str *out)
{
    return loader_read(a, context, path, out);
}

static struct generator_files files_of(const struct state *state)
{
    return (struct generator_files){.read = read_file, .context = (void *)state->loader};
}

static void deliver(struct build *build, const node *config, node *object, struct resource **out)
{
    struct resource *resource = resource_new(build->a, &build->gvks, object);
    resource->needs_hash = generator_wants_hash(config);
    resource->generated = true;
    resource->behavior = (uint8_t)generator_behavior(config);
    *out = resource;
}

static err *generate_config_map(struct build *build, const void *state_in, struct resource **out)
{
    const struct state *state = state_in;
    node *object;
    TRY(generator_config_map(build->a, state->config, files_of(state), &object));
    deliver(build, state->config, object, out);
    return NULL;
}

static err *generate_secret(struct build *build, const void *state_in, struct resource **out)
{
    const struct state *state = state_in;
    node *object;
    TRY(generator_secret(build->a, state->config, files_of(state), &object));
    deliver(build, state->config, object, out);
    return NULL;
}

BUILTIN(config_map) = {
    .kind = "ConfigMapGenerator",
    .type = &kustfile_config_map_args,
    .configure = configure_args,
    .generate = generate_config_map,
};
BUILTIN(secret) = {
    .kind = "SecretGenerator",
    .type = &kustfile_secret_args,
    .configure = configure_args,
    .generate = generate_secret,
};

/* --- IAMPolicyGenerator --- */

static const struct decode_field service_fields[] = {
    {"namespace", DECODE_STR},
    {"name", DECODE_STR},
};
static const struct decode_struct service = DECODE_TABLE("types.KubernetesService", service_fields);
static const struct decode_field account_fields[] = {
    {"name", DECODE_STR},
    {"projectId", DECODE_STR},
};
static const struct decode_struct account = DECODE_TABLE("types.ServiceAccount", account_fields);
static const struct decode_field policy_fields[] = {
    {"cloud", DECODE_STR, .go_type = "types.Cloud"},
    {"kubernetesService", DECODE_STRUCT, &service},
    {"serviceAccount", DECODE_STRUCT, &account},
};
static const struct decode_struct policy_type =
    DECODE_TABLE("builtins.IAMPolicyGeneratorPlugin", policy_fields);

static err *generate_policy(struct build *build, const void *state_in, struct resource **out)
{
    arena *a = build->a;
    const struct state *state = state_in;
    str cloud = node_get_str(state->config, STR("cloud"));
    if (!str_is(cloud, "gke"))
        return err_invalid("cloud provider '" STR_FMT "' is not supported, only 'gke' is",
                           STR_ARG(cloud));
    str name = node_find_str(state->config, "kubernetesService", "name", NULL);
    str namespace = node_find_str(state->config, "kubernetesService", "namespace", NULL);
    str user = node_find_str(state->config, "serviceAccount", "name", NULL);
    str project = node_find_str(state->config, "serviceAccount", "projectId", NULL);
    str email = str_printf(a, STR_FMT "@" STR_FMT ".iam.gserviceaccount.com", STR_ARG(user),
                           STR_ARG(project));

    node *object = node_map(a), *metadata = node_map(a), *annotations = node_map(a);
    node_set_str(a, annotations, STR("iam.gke.io/gcp-service-account"), email);
    node_set(a, metadata, STR("annotations"), annotations);
    node_set_str(a, metadata, STR("name"), name);
    if (namespace.len) node_set_str(a, metadata, STR("namespace"), namespace);
    node_set_str(a, object, STR("apiVersion"), STR("v1"));
    node_set_str(a, object, STR("kind"), STR("ServiceAccount"));
    node_set(a, object, STR("metadata"), metadata);
    *out = resource_new(a, &build->gvks, object);
    return NULL;
}

BUILTIN(policy) = {
    .kind = "IAMPolicyGenerator",
    .type = &policy_type,
    .configure = configure,
    .generate = generate_policy,
};

/* --- Helm charts, which a build does not render --- */

static const struct decode_struct helm_type = {.go_type =
                                                   "builtins.HelmChartInflationGeneratorPlugin"};

static err *refuse_helm(struct build *build, const struct loader *loader,
                        const struct builtin_config *config, void **state_out)
{
    (void)build;
    (void)loader;
    (void)config;
    (void)state_out;
    return err_denied("must specify --enable-helm");
}

static err *generate_nothing(struct build *build, const void *state, struct resource **out)
{
    (void)build;
    (void)state;
    *out = NULL;
    return NULL;
}

BUILTIN(helm) = {
    .kind = "HelmChartInflationGenerator",
    .type = &helm_type,
    .configure = refuse_helm,
    .generate = generate_nothing,
};
