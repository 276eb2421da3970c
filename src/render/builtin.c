#include "render/builtin.h"

#include "doc/plain.h"
#include "doc/yaml_emit.h"

const struct builtin *builtin_find(str kind)
{
    ROSTER_EACH (builtin, struct builtin, it) {
        if (str_is(kind, (*it)->kind)) return *it;
    }
    return NULL;
}

err *builtin_configure(struct build *build, const struct loader *loader, const char *kind,
                       struct builtin_config config, struct plugin *out)
{
    const struct builtin *type = builtin_find(str_of(kind));
    must(type);
    if (!config.shown) config.shown = config.config;
    *out = (struct plugin){.type = type};
    err *e = type->configure(build, loader, &config, &out->state);
    if (!e) return NULL;
    buf shown = BUF(build->a);
    TRY(yaml_emit(&shown, config.shown));
    return err_wrap(e, "trouble configuring builtin %s with config: `\n" STR_FMT "`", kind,
                    STR_ARG(buf_str(&shown)));
}

static err *configure_from(struct build *build, const struct loader *loader,
                           const struct builtin *type, const struct resource *resource,
                           struct plugin *out)
{
    arena *a = build->a;
    node *plain, *config;
    TRY(plain_tree(a, resource->root, &plain));
    err *e = decode_value(a, type->type, plain, DECODE_TEXTS, &config);
    if (e) return err_wrap(e, "error unmarshaling JSON: while decoding JSON");
    struct builtin_config from = {
        .config = config,
        .specs = fieldspec_list(a, node_get(config, STR("fieldSpecs"))),
        .shown = plain,
    };
    *out = (struct plugin){.type = type};
    return type->configure(build, loader, &from, &out->state);
}

err *builtin_load(struct build *build, const struct loader *loader, const struct resource *resource,
                  struct plugin *out)
{
    arena *a = build->a;
    const struct gvk *gvk = resource->id.gvk;
    if (!str_is(gvk->api_version, "builtin"))
        return err_denied("external plugins disabled; unable to load external plugin '" STR_FMT "'",
                          STR_ARG(gvk->kind));
    const struct builtin *type = builtin_find(gvk->kind);
    if (!type) {
        str text = gvk_text(a, gvk->group, gvk->version, gvk->kind);
        return err_invalid("unable to load builtin " STR_FMT, STR_ARG(text));
    }
    err *e = configure_from(build, loader, type, resource, out);
    if (!e) return NULL;
    str id = resid_text(a, resource->id);
    return err_wrap(e, "plugin " STR_FMT " fails configuration", STR_ARG(id));
}
