#include "render/scalar.h"

#include "base/buf.h"
#include "doc/number.h"
#include "doc/timestamp.h"
#include "doc/yaml.h"

node *scalar_new(arena *a, str text)
{
    node *n = node_str(a, text);
    scalar_put(n, text);
    return n;
}

void scalar_put(node *n, str text)
{
    if (!node_is_scalar(n)) *n = (node){.style = NODE_PLAIN, .line = n->line};
    bool time = false;
    n->kind = n->style == NODE_PLAIN ? yaml_resolve(text, YAML_V3, &time) : NODE_STR;
    n->time = time;
    n->tagged = false;
    n->text = text;
}

static void settle(arena *a, node *n, bool in_flow)
{
    char space[TIMESTAMP_BYTES];
    bool inside = in_flow || n->style == NODE_FLOW;
    PAIR_EACH(n, pair) settle(a, pair->value, inside);
    NODE_EACH(n, item) settle(a, item, inside);
    if (n->kind == NODE_NULL && in_flow && !n->text.len) n->kind = NODE_STR;
    if (n->kind != NODE_STR || !n->time || !timestamp_is(n->text)) return;
    if (!in_flow || !timestamp_has_clock(n->text))
        n->text = str_dup(a, timestamp_normal(n->text, space));
    n->time = false;
}

void scalar_settle(arena *a, node *tree)
{
    settle(a, tree, false);
}

/* An exponent of one digit has no leading zero: 1e-7. */
static str json_double(arena *a, double value)
{
    buf b = BUF(a);
    number_write_double(&b, value, -6, 21);
    char *sign = b.len > 4 ? b.data + b.len - 3 : NULL;
    if (sign && sign[-1] == 'e' && sign[0] == '-' && sign[1] == '0') {
        sign[1] = sign[2];
        b.len--;
    }
    return buf_str(&b);
}

static err *number_to_json(arena *a, node *n)
{
    struct number number;
    number_read(n->text, n->kind == NODE_INT, &number);
    if (number.class == NUMBER_NAN) return err_invalid("json: unsupported value: NaN");
    if (number.class == NUMBER_INF)
        return err_invalid("json: unsupported value: %cInf", number.negative ? '-' : '+');
    n->text = json_double(a, number_to_double(&number));
    n->kind = NODE_FLOAT;
    return NULL;
}

err *scalar_to_json(arena *a, node *tree, bool as_doubles)
{
    PAIR_EACH(tree, pair) {
        if (pair->key_kind != NODE_STR)
            return err_invalid("json: unsupported type: map[interface {}]interface {}");
        TRY(scalar_to_json(a, pair->value, as_doubles));
    }
    NODE_EACH(tree, item) TRY(scalar_to_json(a, item, as_doubles));
    bool number = tree->kind == NODE_FLOAT || (tree->kind == NODE_INT && as_doubles);
    return number ? number_to_json(a, tree) : NULL;
}
