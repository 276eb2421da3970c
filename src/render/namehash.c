#include "render/namehash.h"

#include <string.h>

#include "base/hash.h"
#include "doc/json.h"
#include "render/scalar.h"

enum { HASH_LETTERS = 10 };

/* A field of the object as the hash sees it: a scalar is its text, a list is nothing. */
static node *hashed(arena *a, const node *object, const char *key)
{
    const node *value = node_get(object, str_of(key));
    if (!value) return node_str(a, STR(""));
    if (node_is_list(value)) return node_null(a);
    return node_is_map(value) ? doc_copy_tree(a, value) : node_str(a, value->text);
}

/* A second map of data, which counts only when it is there. */
static void add_hashed(arena *a, node *content, const node *object, const char *key)
{
    const node *value = node_get(object, str_of(key));
    if (node_is_map(value) || node_is_list(value))
        node_set(a, content, str_of(key), hashed(a, object, key));
}

err *namehash_of(arena *a, const node *object, str *out)
{
    str kind = node_get_str(object, STR("kind"));
    node *content = node_map(a);
    node_set_str(a, content, STR("kind"), kind);
    node_set_str(a, content, STR("name"), STR("")); /* compat: empty for every name */
    node_set(a, content, STR("data"), hashed(a, object, "data"));
    if (str_is(kind, "ConfigMap")) {
        add_hashed(a, content, object, "binaryData");
    } else if (str_is(kind, "Secret")) {
        add_hashed(a, content, object, "stringData");
        node_set(a, content, STR("type"), hashed(a, object, "type"));
    } else {
        return err_invalid(
            "a name suffix by content is for a ConfigMap or a Secret, not for a " STR_FMT,
            STR_ARG(kind));
    }

    TRY(scalar_to_json(a, content, true));
    buf text = BUF(a);
    json_write(&text, content, (struct json_style){.html = true, .sorted = true});
    str digits = str_head(hash_sha256_hex(a, buf_str(&text)), HASH_LETTERS);
    char *letters = str_z(a, digits);
    for (char *c = letters; *c; c++) { /* no words by accident: few vowels */
        const char *at = strchr("013ae", *c);
        if (at) *c = "ghkmt"[at - "013ae"];
    }
    *out = str_from(letters, digits.len);
    return NULL;
}
