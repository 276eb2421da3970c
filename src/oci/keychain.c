#include "oci/keychain.h"

#include "base/b64.h"
#include "base/glob.h"
#include "base/limits.h"
#include "doc/json.h"

/* "https://index.docker.io/v1/" -> "index.docker.io", "" */
static void split_key(str key, str *host, str *path)
{
    ptrdiff_t scheme = str_find(key, STR("://"));
    if (scheme >= 0) key = str_skip(key, (size_t)scheme + 3);
    str_cut(key, '/', host, path);
    if (!str_strip_prefix(path, STR("v1/")) && !str_strip_prefix(path, STR("v2/"))) {
        if (str_is(*path, "v1") || str_is(*path, "v2")) *path = (str){0};
    }
    while (str_strip_suffix(path, STR("/")))
        continue;
}

static err *take_auth(arena *a, const node *value, struct keychain_entry *entry)
{
    str auth = node_get_str(value, STR("auth")), plain;
    entry->user = node_get_str(value, STR("username"));
    entry->password = node_get_str(value, STR("password"));
    entry->identity_token = node_get_str(value, STR("identitytoken"));
    entry->registry_token = node_get_str(value, STR("registrytoken"));
    if (!auth.len) return NULL;
    err *e = b64_decode(a, auth, &plain);
    if (e) {
        err_free(e);
        return err_invalid("'auth' of a registry is not base64");
    }
    if (!str_cut(plain, ':', &entry->user, &entry->password))
        return err_invalid("'auth' of a registry is not user:password");
    entry->password = str_trim_char(entry->password, 0);
    return NULL;
}

err *keychain_add(arena *a, struct keychain *keychain, str json, bool legacy)
{
    node *root;
    if (json.len > LIMIT_OCI_KEYCHAIN_BYTES)
        return err_invalid("has more than the limit of %d bytes", LIMIT_OCI_KEYCHAIN_BYTES);
    TRY(json_parse(a, json, (struct json_options){.last_wins = true}, &root));
    const node *auths = legacy ? root : node_get(root, STR("auths"));
    if (!node_is_map(root) || (auths && !node_is_map(auths)))
        return err_invalid("is not a map of registries");
    PAIR_EACH (auths, pair) {
        struct keychain_entry entry = {0};
        if (!node_is_map(pair->value)) return err_invalid("what stands for a registry is no map");
        split_key(pair->key, &entry.host, &entry.path);
        TRY(take_auth(a, pair->value, &entry));
        *ARENA_PUSH(a, keychain->entries, keychain->count, keychain->room) = entry;
    }
    return NULL;
}

err *keychain_add_secret(arena *a, struct keychain *keychain, const node *secret)
{
    static const struct {
        const char *type, *key;
        bool legacy;
    } forms[] = {
        {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", false},
        {"kubernetes.io/dockercfg", ".dockercfg", true},
    };
    str type = node_get_str(secret, STR("type"));
    for (size_t i = 0; i < COUNT(forms); i++) {
        if (!str_is(type, forms[i].type)) continue;
        str data = node_get_str(node_get(secret, STR("data")), str_of(forms[i].key)), json;
        err *e = b64_decode(a, data, &json);
        if (!e) e = keychain_add(a, keychain, json, forms[i].legacy);
        return e ? err_wrap(e, "key '%s'", forms[i].key) : NULL;
    }
    return err_invalid("has the type '" STR_FMT
                       "'; credentials of registries are in one of the type "
                       "kubernetes.io/dockerconfigjson",
                       STR_ARG(type));
}

/* Label by label: a star in the pattern stands for any text without a dot. */
static bool host_fits(str pattern, str host)
{
    str pattern_name, pattern_port, name, port, part, label;
    str_cut(pattern, ':', &pattern_name, &pattern_port);
    str_cut(host, ':', &name, &port);
    if (!str_eq(pattern_port, port)) return false;
    while (str_next(&pattern_name, '.', &part)) {
        if (!str_next(&name, '.', &label) || !glob_match(part, label)) return false;
    }
    return !str_next(&name, '.', &label);
}

static bool fits(const struct keychain_entry *entry, str registry, str repository)
{
    return host_fits(entry->host, registry) && str_starts(repository, entry->path);
}

static int entry_cmp(const struct keychain_entry *x, const struct keychain_entry *y)
{
    int order = str_cmp(x->host, y->host);
    return order ? order : str_cmp(x->path, y->path);
}

const struct keychain_entry *keychain_find(const struct keychain *keychain, str registry,
                                           str repository)
{
    const struct keychain_entry *best = NULL;
    for (size_t i = 0; i < keychain->count; i++) {
        const struct keychain_entry *entry = &keychain->entries[i];
        if (!fits(entry, registry, repository)) continue;
        if (!best || entry_cmp(entry, best) > 0) best = entry;
    }
    return best;
}
