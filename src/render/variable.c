#include "render/variable.h"

#include "base/buf.h"
#include "base/limits.h"
#include "doc/number.h"
#include "render/field_path.h"

struct expansion {
    arena *a;
    const struct map *values;
    struct map *used;
};

/* --- Values --- */

static str number_text(arena *a, const node *n, int low, int high)
{
    struct number number;
    buf b = BUF(a);
    number_read(n->text, false, &number);
    number_write_double(&b, number_to_double(&number), low, high);
    return buf_str(&b);
}

err *variable_value(arena *a, node *object, str path, node **out)
{
    node *found;
    bool truth = false;
    int64_t integer;
    struct number number;
    TRY(field_path_get(field_path_parse_var(a, path), object, &found));
    if (!found) return err_not_found("no field named '" STR_FMT "'", STR_ARG(path));
    switch (found->kind) {
    case NODE_BOOL:
        must(node_to_bool(found, &truth));
        *out = node_bool(a, truth);
        return NULL;
    case NODE_INT:
        if (!str_to_int(found->text, &integer)) return err_invalid("not a decimal integer");
        *out = node_int(a, integer);
        return NULL;
    case NODE_FLOAT:
        number_read(found->text, false, &number);
        if (number.class != NUMBER_FINITE) return err_invalid("not a finite number");
        *out = node_scalar(a, NODE_FLOAT, number_text(a, found, -400, 400));
        return NULL;
    case NODE_NULL:
    case NODE_STR: *out = node_str(a, found->text); return NULL;
    default: *out = found; return NULL;
    }
}

/* --- Texts --- */

/* Takes "$$", "$(NAME)" or a "$" that means nothing off the front of *rest, which begins with "$".
 * The text that stands for it without a var is *plain. True for $(NAME). */
static bool take_reference(str *rest, str *plain, str *name)
{
    ptrdiff_t end = str_starts(*rest, STR("$(")) ? str_find_char(*rest, ')') : -1;
    size_t length = end > 0 ? (size_t)end + 1 : str_starts(*rest, STR("$$")) ? 2 : 1;
    *plain = end > 0 ? str_head(*rest, length) : str_head(*rest, 1);
    *name = end > 0 ? str_slice(*rest, 2, (size_t)end) : (str){0};
    *rest = str_skip(*rest, length);
    return end > 0;
}

/* The scalar of a var, counted as used; NULL when there is none. */
static const node *value_of(struct expansion *x, str name)
{
    const node *value = map_get(x->values, name);
    if (!node_is_scalar(value)) return NULL;
    if (x->used) map_put(x->used, name, x->used);
    return value;
}

/* In the middle of a text floats are printed otherwise than alone. */
static str text_of(arena *a, const node *value)
{
    return value->kind == NODE_FLOAT ? number_text(a, value, -4, 21) : value->text;
}

static err *expand_text(struct expansion *x, node *n)
{
    buf b = BUF(x->a);
    for (str rest = n->text; rest.len;) {
        ptrdiff_t dollar = str_find_char(rest, '$');
        size_t before = dollar < 0 ? rest.len : (size_t)dollar;
        buf_add(&b, str_head(rest, before));
        rest = str_skip(rest, before);
        if (!rest.len) break;

        str plain, name;
        bool whole = rest.len == n->text.len;
        const node *value = take_reference(&rest, &plain, &name) ? value_of(x, name) : NULL;
        if (value && whole && !rest.len) {
            *n = (node){.kind = value->kind, .line = n->line, .text = value->text};
            return NULL;
        }
        buf_add(&b, value ? text_of(x->a, value) : plain);
        if (b.len > LIMIT_RENDER_BYTES)
            return err_invalid("vars expand to more than %u bytes", LIMIT_RENDER_BYTES);
    }
    *n = (node){.kind = NODE_STR, .line = n->line, .text = buf_str(&b)};
    return NULL;
}

static bool is_text(const node *n)
{
    return n->kind == NODE_STR && !n->time;
}

err *variable_expand(arena *a, const struct map *values, struct map *used, node *value)
{
    struct expansion x = {.a = a, .values = values, .used = used};
    PAIR_EACH(value, pair) {
        if (pair->key_kind != NODE_STR)
            return err_invalid("invalid map key: value='" STR_FMT "'", STR_ARG(pair->key));
        if (is_text(pair->value)) TRY(expand_text(&x, pair->value));
    }
    NODE_EACH(value, item) {
        if (!is_text(item)) return err_invalid("invalid value type expect a string");
        TRY(expand_text(&x, item));
    }
    return node_is_scalar(value) && is_text(value) ? expand_text(&x, value) : NULL;
}
