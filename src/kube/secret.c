#include "kube/secret.h"

#include "base/b64.h"

static err *decode(arena *a, str key, str text, str *out)
{
    err *e = b64_decode(a, text, out);
    return e ? err_wrap(e, "the key '" STR_FMT "' of the secret", STR_ARG(key)) : NULL;
}

err *secret_value(arena *a, const node *secret, const char *key, str *out)
{
    str text = node_get_str(node_get(secret, STR("data")), str_of(key));
    *out = (str){0};
    return text.len ? decode(a, str_of(key), text, out) : NULL;
}

err *secret_values(arena *a, const node *secret, node **out)
{
    node *data = node_map(a);
    PAIR_EACH (node_get(secret, STR("data")), pair) {
        str text, value;
        if (!node_to_str(pair->value, &text)) continue;
        TRY(decode(a, pair->key, text, &value));
        node_set_str(a, data, pair->key, value);
    }
    *out = data;
    return NULL;
}
