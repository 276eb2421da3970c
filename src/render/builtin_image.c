/* Images and replica counts of workloads. */
#include "base/regex.h"
#include "render/builtin.h"
#include "render/kustfile.h"
#include "render/scalar.h"
#include "render/shape.h"

/* --- Images --- */

static const struct decode_field image_fields[] = {
    {"imageTag", DECODE_STRUCT, &kustfile_image},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct image_type =
    DECODE_TABLE("builtins.ImageTagTransformerPlugin", image_fields);

struct image {
    str name, new_name, new_tag, tag_suffix, digest;
    struct field_specs specs;
};

static err *configure_image(struct build *build, const struct loader *loader,
                            const struct builtin_config *config, void **state_out)
{
    (void)loader;
    const node *from = node_get(config->config, STR("imageTag"));
    struct image *image = NEW(build->a, struct image);
    *image = (struct image){
        .name = node_get_str(from, STR("name")),
        .new_name = node_get_str(from, STR("newName")),
        .new_tag = node_get_str(from, STR("newTag")),
        .tag_suffix = node_get_str(from, STR("tagSuffix")),
        .digest = node_get_str(from, STR("digest")),
        .specs = config->specs,
    };
    *state_out = image;
    return NULL;
}

/* Splits name:tag@digest. A host may have a port, so only what follows the first '/' is looked at.
 */
static void split_image(str text, str *name, str *tag, str *digest)
{
    ptrdiff_t slash = str_find_char(text, '/');
    size_t from = slash > 0 ? (size_t)slash : 0;
    str searched = str_skip(text, from);
    ptrdiff_t at = str_find_char(searched, '@'), colon = str_find_char(searched, ':');
    *tag = *digest = (str){0};
    *name = text;
    if (at < 0 && colon < 0) return;
    if (colon < 0 || (at >= 0 && at < colon)) {
        *name = str_head(text, from + (size_t)at);
        *digest = str_skip(searched, (size_t)at + 1);
        return;
    }
    *name = str_head(text, from + (size_t)colon);
    *tag = str_skip(searched, (size_t)colon + 1);
    if (at > 0) {
        *digest = str_skip(searched, (size_t)at + 1);
        *tag = str_slice(searched, (size_t)colon + 1, (size_t)at);
    }
}

struct image_run {
    const struct build *build;
    const struct image *image;
    struct regex *matches; /* NULL: the name is no expression, nothing matches */
};

static err *put_image(const struct fieldspec_visit *visit, node *value)
{
    const struct image_run *run = visit->context;
    const struct image *image = run->image;
    TRY(shape_check(value, SHAPE_SCALAR));
    if (!run->matches || !regex_match(run->matches, value->text)) return NULL;
    str name, tag, digest;
    split_image(value->text, &name, &tag, &digest);
    if (image->new_name.len) name = image->new_name;
    if (image->new_tag.len || image->digest.len) {
        tag = image->new_tag;
        digest = image->digest;
    } else if (image->tag_suffix.len) {
        tag = str_concat(visit->a, tag, image->tag_suffix);
        digest = (str){0};
    }
    buf text = BUF(visit->a);
    buf_add(&text, name);
    if (tag.len) buf_printf(&text, ":" STR_FMT, STR_ARG(tag));
    if (digest.len) buf_printf(&text, "@" STR_FMT, STR_ARG(digest));
    scalar_put(value, buf_str(&text));
    return build_check(run->build);
}

/* compat: the image of every item of any list called containers or initContainers, wherever it is.
 */
static err *walk_containers(const struct fieldspec_visit *visit, node *at)
{
    NODE_EACH (at, item)
        TRY(walk_containers(visit, item));
    PAIR_EACH (at, pair) {
        TRY(walk_containers(visit, pair->value));
        if (!str_is(pair->key, "containers") && !str_is(pair->key, "initContainers")) continue;
        NODE_EACH (pair->value, item) {
            node *image = node_get(item, STR("image"));
            if (!node_is_null(image)) TRY(put_image(visit, image));
        }
    }
    return NULL;
}

static void free_matches(struct image_run *run)
{
    regex_free(run->matches);
}

static err *transform_image(struct build *build, const void *state, struct resmap *map)
{
    const struct image *image = state;
    struct image_run run AUTO(free_matches) = {.build = build, .image = image};
    str pattern = str_printf(build->a,
                             "^" STR_FMT "(:[a-zA-Z0-9_.{}-]*)?"
                             "(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$",
                             STR_ARG(image->name));
    err_free(regex_compile(pattern, &run.matches));
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_NOTHING,
        .set = put_image,
        .context = &run,
    };
    /* compat: the two walks are one after the other, so a field that both reach is changed twice.
     */
    for (size_t i = 0; i < map->count; i++)
        if (!str_is(map->items[i]->id.gvk->kind, "CustomResourceDefinition"))
            TRY(walk_containers(&visit, map->items[i]->root));
    for (size_t i = 0; i < map->count; i++)
        if (!str_is(map->items[i]->id.gvk->kind, "CustomResourceDefinition"))
            TRY(fieldspec_apply_all(&visit, image->specs, map->items[i]));
    return NULL;
}

BUILTIN(image) = {
    .kind = "ImageTagTransformer",
    .type = &image_type,
    .configure = configure_image,
    .transform = transform_image,
};

/* --- Replicas --- */

static const struct decode_field replica_fields[] = {
    {"replica", DECODE_STRUCT, &kustfile_replica},
    {"fieldSpecs", DECODE_STRUCT_LIST, &kustfile_field_spec},
};
static const struct decode_struct replica_type =
    DECODE_TABLE("builtins.ReplicaCountTransformerPlugin", replica_fields);

struct replica {
    str name, count;
    struct field_specs specs;
};

static err *configure_replica(struct build *build, const struct loader *loader,
                              const struct builtin_config *config, void **state_out)
{
    (void)loader;
    const node *from = node_get(config->config, STR("replica"));
    int64_t count = node_get_int(from, STR("count"), 0);
    struct replica *replica = NEW(build->a, struct replica);
    *replica = (struct replica){
        .name = node_get_str(from, STR("name")),
        .count = str_printf(build->a, "%lld", (long long)count),
        .specs = config->specs,
    };
    *state_out = replica;
    return NULL;
}

static err *put_count(const struct fieldspec_visit *visit, node *value)
{
    const struct replica *replica = visit->context;
    TRY(shape_check(value, SHAPE_SCALAR));
    scalar_put(value, replica->count);
    return NULL;
}

static bool was_selected(const struct resmap *map, const struct resource *resource, str name,
                         const struct field_spec *spec)
{
    if (str_eq(resource->id.name, name) && fieldspec_selects(spec, resource->id.gvk)) return true;
    for (size_t i = 0; i < resource->past_count; i++) {
        struct resid id = resource_past_id(map->gvks, resource, i);
        if (str_eq(id.name, name) && fieldspec_selects(spec, id.gvk)) return true;
    }
    return false;
}

static err *no_match(struct build *build, const struct replica *replica)
{
    buf kinds = BUF(build->a);
    for (size_t i = 0; i < replica->specs.count; i++) {
        const struct field_spec *spec = &replica->specs.items[i];
        if (i) buf_add_char(&kinds, ' ');
        buf_add(&kinds, gvk_text(build->a, spec->group, spec->version, spec->kind));
    }
    return err_invalid("resource with name " STR_FMT
                       " does not match a config with the following GVK [" STR_FMT "]",
                       STR_ARG(replica->name), STR_ARG(buf_str(&kinds)));
}

static err *transform_replica(struct build *build, const void *state, struct resmap *map)
{
    const struct replica *replica = state;
    struct fieldspec_visit visit = {
        .a = build->a,
        .create = FIELDSPEC_SCALAR,
        .set = put_count,
        .context = (void *)replica,
    };
    const struct resmap_named *named = resmap_named(map, replica->name);
    bool found = false;
    for (size_t i = 0; i < replica->specs.count; i++) {
        const struct field_spec *spec = &replica->specs.items[i];
        for (size_t j = 0; named && j < named->count; j++) {
            struct resource *resource = named->items[j];
            if (resource->dropped || !was_selected(map, resource, replica->name, spec)) continue;
            found = true;
            TRY(fieldspec_apply(&visit, spec, resource));
        }
    }
    return found ? NULL : no_match(build, replica);
}

BUILTIN(replica) = {
    .kind = "ReplicaCountTransformer",
    .type = &replica_type,
    .configure = configure_replica,
    .transform = transform_replica,
};
