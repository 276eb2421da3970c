#include "render/layer.h"

#include "base/fs.h"

const node *layer_field(const struct layer *layer, const char *name)
{
    return node_get(layer->kustomization.root, str_of(name));
}

str layer_text(const struct layer *layer, const char *name)
{
    return node_get_str(layer->kustomization.root, str_of(name));
}

str layer_path(const struct layer *layer, str path)
{
    return fs_clean(layer->build->a, fs_join(layer->build->a, layer->folder, path));
}

bool layer_has_metadata(const struct layer *layer, const char *option)
{
    NODE_EACH (layer_field(layer, "buildMetadata"), it) {
        if (str_is(it->text, option)) return true;
    }
    return false;
}

err *layer_set_schema(const struct layer *layer)
{
    struct build *build = layer->build;
    const node *field = layer_field(layer, "openapi");
    const node *path = node_get(field, STR("path")), *version = node_get(field, STR("version"));
    str text = {0};
    if (path) TRY(loader_read(build->a, layer->loader, path->text, &text));
    if (build->schema_set) return NULL;
    if (path && version)
        return err_invalid("builtin version and custom schema provided, cannot use both");
    if (path) {
        TRY(openapi_read(build->a, text, &build->schema));
        build->gvks.schema = build->schema;
    } else if (version && version->text.len && !str_is(version->text, "v1.21.2")) {
        return err_invalid("the specified OpenAPI version is not built in");
    }
    build->schema_set = path || (version && version->text.len);
    return NULL;
}

err *layer_open(struct build *build, const struct loader *loader, str folder, struct layer *out)
{
    str name, text;
    *out = (struct layer){.build = build, .loader = loader, .folder = folder};
    TRY(loader_read_kustomization(build->a, loader, &name, &text));
    return kustfile_read(build->a, text, name, loader_root(loader), &build->warnings,
                         &out->kustomization);
}

err *layer_use(struct build *build, const struct loader *loader, const struct overlaid *overlaid,
               struct layer *out)
{
    *out = (struct layer){.build = build, .loader = loader, .objects = overlaid->objects};
    return kustfile_use(build->a, overlaid->decoded, overlaid->file_name, loader_root(loader),
                        &build->warnings, &out->kustomization);
}
