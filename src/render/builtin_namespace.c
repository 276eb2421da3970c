#include "render/builtin_namespace.h"

#include "doc/json.h"
#include "render/kustfile.h"
#include "render/shape.h"

static const struct decode_field metadata_fields[] = {
    {"name", DECODE_STR},
    {"namespace", DECODE_STR},
};
static const struct decode_struct metadata_type = DECODE_TABLE("types.ObjectMeta", metadata_fields);
static const struct decode_field fields[] = {
    {"metadata", DECODE_STRUCT, &metadata_type},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
    {"unsetOnly", DECODE_BOOL},
    {"setRoleBindingSubjects", DECODE_STR},
};
static const struct decode_struct type =
    DECODE_TABLE("builtins.NamespaceTransformerPlugin", fields);

enum subjects { SUBJECTS_DEFAULT, SUBJECTS_ACCOUNTS, SUBJECTS_NONE };

struct state {
    str namespace;
    bool unset_only;
    enum subjects subjects;
    struct field_specs specs; /* without the paths that are handled by hand */
};

static err *read_subjects(str text, enum subjects *out)
{
    if (!text.len || str_is(text, "defaultOnly"))
        *out = SUBJECTS_DEFAULT;
    else if (str_is(text, "allServiceAccounts"))
        *out = SUBJECTS_ACCOUNTS;
    else if (str_is(text, "none"))
        *out = SUBJECTS_NONE;
    else
        return err_invalid(
            "invalid value \"" STR_FMT
            "\" for setRoleBindingSubjects: must be one of \"defaultOnly\", \"none\" "
            "or \"allServiceAccounts\"",
            STR_ARG(text));
    return NULL;
}

static bool is_binding(str kind)
{
    return str_is(kind, "RoleBinding") || str_is(kind, "ClusterRoleBinding");
}

static bool is_by_hand(const struct field_spec *spec)
{
    return str_is(spec->path, "metadata/namespace") ||
           (is_binding(spec->kind) && str_is(spec->path, "subjects/namespace"));
}

static err *configure(struct build *build, const struct loader *loader,
                      const struct builtin_config *config, void **state_out)
{
    (void)loader;
    arena *a = build->a;
    struct state *state = NEW(a, struct state);
    state->namespace = node_find_str(config->config, "metadata", "namespace", NULL);
    state->unset_only = node_get_bool(config->config, STR("unsetOnly"), false);
    TRY(read_subjects(node_get_str(config->config, STR("setRoleBindingSubjects")),
                      &state->subjects));

    struct field_spec *specs = NEW_ARRAY(a, struct field_spec, config->specs.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < config->specs.count; i++)
        if (!is_by_hand(&config->specs.items[i])) specs[count++] = config->specs.items[i];
    state->specs = (struct field_specs){.items = specs, .count = count};
    *state_out = state;
    return NULL;
}

static err *put_namespace(const struct fieldspec_visit *visit, node *value)
{
    const struct state *state = visit->context;
    TRY(shape_check(value, SHAPE_SCALAR));
    bool has = value->kind != NODE_NULL && value->text.len;
    if (!state->unset_only || !has) fieldspec_put_str(value, state->namespace);
    return NULL;
}

/* Accounts named "default" are in the namespace of the binding; others are found by reference. */
static err *put_subjects(const struct fieldspec_visit *visit, struct resource *resource)
{
    const struct state *state = visit->context;
    const char *key = state->subjects == SUBJECTS_DEFAULT ? "name" : "kind";
    const char *wanted = state->subjects == SUBJECTS_DEFAULT ? "default" : "ServiceAccount";
    if (state->subjects == SUBJECTS_NONE) return NULL;
    NODE_EACH (node_get(resource->root, STR("subjects")), subject) {
        const node *value = node_get(subject, str_of(key));
        if (!node_is_scalar(value) || !str_is(value->text, wanted)) continue;
        node *namespace = node_get(subject, STR("namespace"));
        if (!namespace) node_set_str(visit->a, subject, STR("namespace"), STR(""));
        TRY(put_namespace(visit, node_get(subject, STR("namespace"))));
    }
    return NULL;
}

static err *put_specs(const struct fieldspec_visit *visit, struct resource *resource)
{
    const struct state *state = visit->context;
    for (size_t i = 0; i < state->specs.count; i++) {
        const struct field_spec *spec = &state->specs.items[i];
        err *e = fieldspec_apply(visit, spec, resource);
        if (!e) continue;
        bool wrong_kind = str_find(err_text(e), STR("wrong node kind")) >= 0;
        return err_wrap(e, wrong_kind ? "namespace field specs must target scalar nodes"
                                      : "namespace transformation failed");
    }
    return NULL;
}

static err *conflict(struct build *build, const struct resmap *map, const struct resource *resource)
{
    buf text = BUF(build->a);
    for (size_t i = 0; i < map->count; i++) {
        if (!resid_equal(map->items[i]->id, resource->id)) continue;
        if (text.len) buf_add_char(&text, ' ');
        json_write(&text, resource_with_internal(build->a, map->items[i]),
                   (struct json_style){.html = true, .sorted = true});
    }
    return err_conflict("namespace transformation produces ID conflict: [" STR_FMT "]",
                        STR_ARG(buf_str(&text)));
}

static err *put_all(const struct fieldspec_visit *visit, struct resmap *map,
                    struct resource *resource)
{
    static const struct field_spec own = {.path = STR("metadata/namespace"), .create = true};
    if (!resource->id.gvk->cluster_scoped) TRY(fieldspec_walk(visit, &own, resource));
    resmap_refresh(map, resource);
    if (is_binding(resource->id.gvk->kind)) {
        err *e = put_subjects(visit, resource);
        if (e) return err_wrap(e, "setting namespace on (cluster)role binding subjects");
    }
    TRY(put_specs(visit, resource));
    resmap_refresh(map, resource);
    return NULL;
}

static struct fieldspec_visit visit_for(arena *a, const struct state *state)
{
    return (struct fieldspec_visit){
        .a = a,
        .create = FIELDSPEC_SCALAR,
        .set = put_namespace,
        .context = (void *)state,
    };
}

err *builtin_namespace_set(arena *a, struct resmap *map, struct resource *resource, str namespace)
{
    struct state state = {.namespace = namespace};
    struct fieldspec_visit visit = visit_for(a, &state);
    return put_all(&visit, map, resource);
}

static err *transform(struct build *build, const void *state_in, struct resmap *map)
{
    const struct state *state = state_in;
    struct fieldspec_visit visit = visit_for(build->a, state);
    if (!state->namespace.len) return NULL;
    for (size_t i = 0; i < map->count; i++) {
        struct resource *resource = map->items[i];
        resmap_store_past(map, resource);
        TRY(put_all(&visit, map, resource));
        if (resmap_count_id(map, resource->id) != 1) return conflict(build, map, resource);
    }
    return NULL;
}

BUILTIN(namespace) = {
    .kind = "NamespaceTransformer",
    .type = &type,
    .configure = configure,
    .transform = transform,
};
