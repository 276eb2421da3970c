#include "doc/cel.h"

#include "base/buf.h"
#include "doc/cel_check.h"
#include "doc/cel_eval.h"

struct cel {
    str source;
    struct cel_expr *root;
    bool checked;
};

err *cel_compile(arena *a, str expression, const char *const *variables, struct cel **out)
{
    struct cel *cel = NEW(a, struct cel);
    cel->source = str_dup(a, expression);
    cel->checked = variables;
    TRY(cel_parse(a, cel->source, &cel->root));
    TRY(cel_check(a, cel->source, cel->root, variables));
    *out = cel;
    return NULL;
}

enum cel_type cel_result(const struct cel *cel)
{
    return cel->checked ? (enum cel_type)cel->root->type : CEL_DYN;
}

err *cel_eval(arena *a, const struct cel *cel, const struct cel_variable *variables, size_t count,
              struct cel_value *out, uint64_t *cost_out)
{
    uint64_t cost = 0;
    err *e = cel_eval_tree(a, cel->source, cel->root, variables, count, out, &cost);
    if (cost_out) *cost_out = cost;
    return e;
}

static err *eval_as(arena *a, const struct cel *cel, const struct cel_variable *variables,
                    size_t count, enum cel_type type, struct cel_value *out)
{
    err *e = cel_eval(a, cel, variables, count, out, NULL);
    if (e) {
        return err_wrap(e, "failed to evaluate the CEL expression '" STR_FMT "'",
                        STR_ARG(cel->source));
    }
    if (out->type == type) return NULL;
    return err_invalid("failed to evaluate CEL expression as %s: '" STR_FMT "'",
                       type == CEL_BOOL ? "boolean" : "string", STR_ARG(cel->source));
}

err *cel_eval_bool(arena *a, const struct cel *cel, const struct cel_variable *variables,
                   size_t count, bool *out)
{
    struct cel_value value;
    TRY(eval_as(a, cel, variables, count, CEL_BOOL, &value));
    *out = value.truth;
    return NULL;
}

err *cel_eval_str(arena *a, const struct cel *cel, const struct cel_variable *variables,
                  size_t count, str *out)
{
    struct cel_value value;
    TRY(eval_as(a, cel, variables, count, CEL_STRING, &value));
    *out = value.text;
    return NULL;
}

err *cel_require(arena *a, str expression, const char *const *variables, enum cel_type type,
                 struct cel **out)
{
    struct cel *cel;
    err *e = cel_compile(a, expression, variables, &cel);
    if (e) {
        str text = str_dup(a, err_text(e));
        err_free(e);
        return err_invalid("failed to parse the CEL expression '" STR_FMT
                           "': ERROR: <input>:" STR_FMT,
                           STR_ARG(expression), STR_ARG(text));
    }
    if (type != CEL_DYN && cel_result(cel) != type) {
        return err_invalid("CEL expression output type mismatch: expected %s, got %s",
                           cel_value_type_name(type), cel_value_type_name(cel_result(cel)));
    }
    *out = cel;
    return NULL;
}
