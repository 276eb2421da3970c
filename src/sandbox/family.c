#include "sandbox/family.h"

#include <stdlib.h>
#include <string.h>

struct family {
    struct map members;    /* uid -> struct family_member * */
    struct map dependents; /* uid of an owner -> struct map * of uids */
    struct map spaces;     /* namespace -> count */
};

struct family *family_new(void)
{
    return lang_zalloc(sizeof(struct family));
}

static void free_set(struct map *set)
{
    map_done(set);
    free(set);
}

void family_free(struct family *family)
{
    if (!family) return;
    MAP_EACH (&family->members, entry) {
        free(entry->value);
    }
    MAP_EACH (&family->dependents, entry) {
        free_set(entry->value);
    }
    map_done(&family->members);
    map_done(&family->dependents);
    map_done(&family->spaces);
    free(family);
}

static const node *owners_of(const node *object)
{
    return node_find(object, "metadata", "ownerReferences", NULL);
}

static void leave_owners(struct family *family, str uid, const node *object)
{
    NODE_EACH (owners_of(object), owner) {
        str of = node_get_str(owner, STR("uid"));
        struct map *set = map_get(&family->dependents, of);
        if (!set) continue;
        map_remove(set, uid);
        if (set->count) continue;
        map_remove(&family->dependents, of);
        free_set(set);
    }
}

static void join_owners(struct family *family, str uid, const node *object)
{
    NODE_EACH (owners_of(object), owner) {
        struct map **at =
            (struct map **)map_at(&family->dependents, node_get_str(owner, STR("uid")));
        if (!*at) *at = lang_zalloc(sizeof **at);
        map_put(*at, uid, family);
    }
}

/* Signed, in the map's pointer. */
static void count_in(struct family *family, str key, intptr_t by)
{
    str namespace, name;
    str_cut(key, '/', &namespace, &name);
    void **at = map_at(&family->spaces, namespace);
    *at = (void *)((intptr_t)*at + by);
    if (!*at) map_remove(&family->spaces, namespace);
}

static struct family_member *member_new(struct collection *collection, str key)
{
    struct family_member *member = lang_zalloc(sizeof *member + key.len + 1);
    char *copy = (char *)(member + 1);
    memcpy(copy, key.data, key.len);
    *member = (struct family_member){collection, {copy, key.len}};
    return member;
}

void family_set_controller(arena *a, node *metadata, str api_version, str kind, str name, str uid)
{
    node *owner = node_map(a), *owners = node_list(a);
    node_set_str(a, owner, STR("apiVersion"), api_version);
    node_set_str(a, owner, STR("kind"), kind);
    node_set_str(a, owner, STR("name"), name);
    node_set_str(a, owner, STR("uid"), uid);
    node_set_bool(a, owner, STR("controller"), true);
    node_set_bool(a, owner, STR("blockOwnerDeletion"), true);
    node_push(a, owners, owner);
    node_set(a, metadata, STR("ownerReferences"), owners);
}

void family_put(struct family *family, struct collection *collection, str key, const node *before,
                const node *after)
{
    str uid = node_find_str(after, "metadata", "uid", NULL);
    if (!before) count_in(family, key, 1);
    if (before && !owners_of(before) && !owners_of(after)) return;
    struct family_member **at = (struct family_member **)map_at(&family->members, uid);
    if (!*at) *at = member_new(collection, key);
    leave_owners(family, uid, before);
    join_owners(family, uid, after);
}

void family_remove(struct family *family, str key, const node *before)
{
    str uid = node_find_str(before, "metadata", "uid", NULL);
    count_in(family, key, -1);
    leave_owners(family, uid, before);
    free(map_remove(&family->members, uid));
}

const struct family_member *family_find(const struct family *family, str uid)
{
    return map_get(&family->members, uid);
}

const struct map *family_dependents(const struct family *family, str uid)
{
    return map_get(&family->dependents, uid);
}

size_t family_count_in(const struct family *family, str namespace)
{
    return (size_t)(intptr_t)map_get(&family->spaces, namespace);
}
