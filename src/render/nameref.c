#include "render/nameref.h"
#include "render/scalar.h"

#include "base/buf.h"
#include "doc/yaml_emit.h"

/* A field that refers to objects of a kind. */
struct link {
    const struct name_reference *target;
    const struct field_spec *field;
};

struct links {
    struct link *items;
    size_t count, room;
    bool known;
};

/* One pass over all resources. */
struct pass {
    arena *a;
    struct resmap *map;
    const struct field_config *fields;
    struct links *by_gvk; /* by gvk->number */
    struct map places;    /* pairs of original and current namespace that occur; made when needed */
};

/* One field of one resource. */
struct reference {
    struct pass *pass;
    struct resource *referrer;
    const struct link *link;
    const node *namespaces; /* a map of the further namespaces that a RoleBinding sees */
};

/* --- Who may be meant --- */

static bool is_cluster_scoped(const struct resource *resource)
{
    return resource->id.gvk->cluster_scoped;
}

static bool same_namespace(const struct resource *a, const struct resource *b)
{
    return str_eq(resid_namespace(a->id), resid_namespace(b->id));
}

static bool is_visible(const struct reference *reference, const struct resource *candidate)
{
    if (is_cluster_scoped(reference->referrer) || is_cluster_scoped(candidate)) return true;
    if (same_namespace(reference->referrer, candidate)) return true;
    /* Of other namespaces only accounts can be meant, by a RoleBinding. */
    return str_is(candidate->id.gvk->kind, "ServiceAccount") &&
           node_get(reference->namespaces, candidate->id.namespace);
}

static bool was_called(const struct resource *candidate, str name)
{
    for (size_t i = 0; i < candidate->past_count; i++)
        if (str_eq(candidate->past[i].name, name)) return true;
    return false;
}

static bool was_of(const struct pass *pass, const struct resource *candidate, str group,
                   str version, str kind)
{
    for (size_t i = 0; i < candidate->past_count; i++)
        if (gvk_selected(resource_past_id(pass->map->gvks, candidate, i).gvk, group, version, kind))
            return true;
    return false;
}

static str text_at(const node *map, const char *key)
{
    const node *value = node_get(map, str_of(key));
    return node_is_scalar(value) ? value->text : (str){0};
}

/* A roleRef says itself what it refers to. */
static bool fits_role(const struct reference *reference, const struct resource *candidate)
{
    if (!str_ends(reference->link->field->path, STR("roleRef/name"))) return true;
    const node *role = node_get(reference->referrer->root, STR("roleRef"));
    if (!node_get(role, STR("apiGroup")) || !node_get(role, STR("kind"))) return true;
    return was_of(reference->pass, candidate, text_at(role, "apiGroup"), (str){0},
                  text_at(role, "kind"));
}

/* The shorter list is the end of the longer one. */
static bool same_end(const str *a, size_t a_count, const str *b, size_t b_count, bool empty_fits)
{
    if (!a_count || !b_count) return empty_fits || a_count == b_count;
    for (size_t i = 1; i <= MIN(a_count, b_count); i++)
        if (!str_eq(a[a_count - i], b[b_count - i])) return false;
    return true;
}

static bool same_affixes(const struct resource *a, const struct resource *b, bool empty_fits)
{
    return same_end(a->prefixes, a->prefix_count, b->prefixes, b->prefix_count, empty_fits) &&
           same_end(a->suffixes, a->suffix_count, b->suffixes, b->suffix_count, empty_fits);
}

static void keep_same_affixes(const struct reference *reference, bool empty_fits,
                              struct resmap_named *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (same_affixes(reference->referrer, list->items[i], empty_fits))
            list->items[kept++] = list->items[i];
    list->count = kept;
}

/* --- Choosing one --- */

/* Whose namespace, if the reference says one. */
struct wanted {
    str name, namespace;
    bool in_namespace, originally; /* it was in the namespace, or it is now */
    bool by_namespace;             /* candidates in different namespaces are different */
};

static bool is_wanted(const struct reference *reference, const struct wanted *wanted,
                      const struct resource *candidate)
{
    const struct pass *pass = reference->pass;
    const struct name_reference *target = reference->link->target;
    if (candidate->dropped || !was_called(candidate, wanted->name)) return false;
    if (!is_visible(reference, candidate)) return false;
    if (!was_of(pass, candidate, target->group, target->version, target->kind)) return false;
    if (!fits_role(reference, candidate)) return false;
    if (!wanted->in_namespace) return true;
    if (is_cluster_scoped(candidate)) return false;
    struct resid id =
        wanted->originally ? resource_original_id(pass->map->gvks, candidate) : candidate->id;
    return str_eq(resid_namespace(id), wanted->namespace);
}

static bool all_the_same(const struct resmap_named *list, bool by_namespace)
{
    const struct resource *first = list->items[0];
    for (size_t i = 1; i < list->count; i++) {
        const struct resource *other = list->items[i];
        if (!str_eq(first->id.name, other->id.name)) return false;
        if (by_namespace && !str_eq(first->id.namespace, other->id.namespace)) return false;
    }
    return true;
}

static err *ambiguous(const struct reference *reference, const struct resmap_named *list)
{
    arena *a = reference->pass->a;
    buf ids = BUF(a), details = BUF(a);
    BUF_ADD(&details, "\n**** Too many possible referral targets to referrer:\n");
    TRY(yaml_emit(&details, resource_with_internal(a, reference->referrer)));
    for (size_t i = 0; i < list->count; i++) {
        if (i) BUF_ADD(&ids, ", ");
        buf_add(&ids, resid_text(a, list->items[i]->id));
        buf_printf(&details, "\n--- possible referral %zu:\n", i);
        TRY(yaml_emit(&details, resource_with_internal(a, list->items[i])));
    }
    return err_invalid("found multiple possible referrals: " STR_FMT "\n" STR_FMT "\n",
                       STR_ARG(buf_str(&ids)), STR_ARG(buf_str(&details)));
}

static err *choose(const struct reference *reference, const struct wanted *wanted,
                   struct resource **out)
{
    struct pass *pass = reference->pass;
    const struct resmap_named *named = resmap_named(pass->map, wanted->name);
    struct resmap_named found = {0};
    *out = NULL;
    for (size_t i = 0; named && i < named->count; i++)
        if (is_wanted(reference, wanted, named->items[i]))
            *ARENA_PUSH(pass->a, found.items, found.count, found.room) = named->items[i];
    if (found.count > 1) keep_same_affixes(reference, true, &found);
    if (found.count > 1) keep_same_affixes(reference, false, &found);
    if (!found.count) return NULL;
    if (found.count > 1 && !all_the_same(&found, wanted->by_namespace))
        return ambiguous(reference, &found);
    *out = found.items[0];
    return NULL;
}

/* --- Writing --- */

static err *update_scalar(const struct reference *reference, node *value)
{
    struct resource *referral;
    struct wanted wanted = {.name = value->text};
    TRY(choose(reference, &wanted, &referral));
    if (referral && !str_eq(referral->id.name, value->text)) scalar_put(value, referral->id.name);
    return NULL;
}

static str place_key(arena *a, str original, str current)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(original), STR_ARG(current));
}

static void note_places(struct pass *pass)
{
    for (size_t i = 0; i < pass->map->count; i++) {
        const struct resource *resource = pass->map->items[i];
        struct resid original = resource_original_id(pass->map->gvks, resource);
        if (original.gvk->cluster_scoped) continue;
        str from = resid_namespace(original);
        map_put(&pass->places, from, pass);
        map_put(&pass->places, place_key(pass->a, from, resid_namespace(resource->id)), pass);
    }
}

/* Some candidate was in this namespace at first, whatever its name. */
static bool is_original_namespace(const struct reference *reference, str namespace)
{
    struct pass *pass = reference->pass;
    if (!pass->places.count) note_places(pass);
    if (is_cluster_scoped(reference->referrer)) return map_has(&pass->places, namespace);
    str own = resid_namespace(reference->referrer->id);
    if (map_has(&pass->places, place_key(pass->a, namespace, own))) return true;
    PAIR_EACH (reference->namespaces, it)
        if (map_has(&pass->places, place_key(pass->a, namespace, it->key))) return true;
    return false;
}

/* A map that names an object by `name`, and may say the namespace. */
static err *update_map(const struct reference *reference, node *value)
{
    arena *a = reference->pass->a;
    node *name = node_get(value, STR("name")), *namespace = node_get(value, STR("namespace"));
    if (!name) return err_invalid("path config error; no 'name' field in node");
    if (!node_is_scalar(name)) return NULL;
    struct wanted wanted = {.name = name->text, .by_namespace = true};
    if (node_is_scalar(namespace)) {
        wanted.in_namespace = true;
        wanted.namespace = namespace->text;
        wanted.originally = is_original_namespace(reference, namespace->text);
    }
    struct resource *referral;
    TRY(choose(reference, &wanted, &referral));
    if (!referral) return NULL;
    scalar_put(name, referral->id.name);
    if (!referral->id.namespace.len) return NULL;
    if (!node_is_scalar(namespace)) {
        namespace = node_str(a, STR(""));
        node_set(a, value, STR("namespace"), namespace);
    }
    scalar_put(namespace, referral->id.namespace);
    return NULL;
}

static err *update(const struct fieldspec_visit *visit, node *value)
{
    const struct reference *reference = visit->context;
    if (node_is_null(value)) return NULL;
    if (node_is_map(value)) return update_map(reference, value);
    if (node_is_scalar(value)) return update_scalar(reference, value);
    NODE_EACH (value, item) {
        if (node_is_list(item))
            return err_invalid("an item is expected to be either a string or a map of string");
        if (node_is_map(item))
            TRY(update_map(reference, item));
        else if (!node_is_null(item))
            TRY(update_scalar(reference, item));
    }
    return NULL;
}

/* --- One resource after the other --- */

static const struct links *links_of(struct pass *pass, const struct gvk *gvk)
{
    struct links *links = &pass->by_gvk[gvk->number];
    if (links->known) return links;
    links->known = true;
    for (size_t i = 0; i < pass->fields->reference_count; i++) {
        const struct name_reference *target = &pass->fields->references[i];
        for (size_t j = 0; j < target->referrers.count; j++) {
            const struct field_spec *field = &target->referrers.items[j];
            if (!fieldspec_selects(field, gvk)) continue;
            *ARENA_PUSH(pass->a, links->items, links->count, links->room) =
                (struct link){.target = target, .field = field};
        }
    }
    return links;
}

/* Namespaces of the accounts that a RoleBinding names. */
static err *subject_namespaces(arena *a, const struct resource *resource, node **out)
{
    *out = NULL;
    if (!str_is(resource->id.gvk->kind, "RoleBinding")) return NULL;
    NODE_EACH (node_get(resource->root, STR("subjects")), subject) {
        const node *namespace = node_get(subject, STR("namespace"));
        if (!namespace || !str_is(text_at(subject, "kind"), "ServiceAccount")) continue;
        if (namespace->kind != NODE_STR) {
            str id = resid_text(a, resource->id);
            return err_invalid("Invalid Input: namespace is blank for resource \"" STR_FMT "\"\n",
                               STR_ARG(id));
        }
        if (!*out) *out = node_map(a);
        node_set_bool(a, *out, namespace->text, true);
    }
    return NULL;
}

static err *update_resource(struct pass *pass, struct resource *resource)
{
    const struct gvk *original = resource_original_id(pass->map->gvks, resource).gvk;
    const struct links *links = links_of(pass, original);
    node *namespaces;
    if (!links->count) return NULL;
    TRY(subject_namespaces(pass->a, resource, &namespaces));
    for (size_t i = 0; i < links->count; i++) {
        struct reference reference = {
            .pass = pass,
            .referrer = resource,
            .link = &links->items[i],
            .namespaces = namespaces,
        };
        struct fieldspec_visit visit = {.a = pass->a, .set = update, .context = &reference};
        err *e = fieldspec_walk(&visit, links->items[i].field, resource);
        if (!e) continue;
        str id = resid_text(pass->a, resource->id);
        return err_wrap(e, "updating name reference in '" STR_FMT "' field of '" STR_FMT "'",
                        STR_ARG(links->items[i].field->path), STR_ARG(id));
    }
    return NULL;
}

err *nameref_update(const struct field_config *fields, struct resmap *map)
{
    struct pass pass = {.a = map->a, .map = map, .fields = fields};
    err *e = NULL;
    /* The table needs a place for every original kind before the first look-up. */
    for (size_t i = 0; i < map->count; i++)
        (void)resource_original_id(map->gvks, map->items[i]);
    pass.by_gvk = NEW_ARRAY(map->a, struct links, map->gvks->count + 1);
    for (size_t i = 0; i < map->count && !e; i++)
        e = update_resource(&pass, map->items[i]);
    map_done(&pass.places);
    return e;
}
