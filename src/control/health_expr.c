#include "control/health_expr.h"

static err *compile(arena *a, str text, const char *name, struct cel **out)
{
    *out = NULL;
    if (!text.len) return NULL;
    err *e = cel_require(a, text, NULL, CEL_DYN, out);
    return e ? err_wrap(e, "failed to parse the expression %s", name) : NULL;
}

static err *compile_one(arena *a, const struct kustomization_health_expr *from,
                        struct health_expr *out)
{
    struct kube_kind kind = kube_kind_parse(from->api_version, from->kind);
    out->group = kind.group;
    out->kind = kind.kind;
    if (!from->current.len) return err_invalid("expression Current not specified");
    TRY(compile(a, from->current, "Current", &out->current));
    TRY(compile(a, from->failed, "Failed", &out->failed));
    return compile(a, from->in_progress, "InProgress", &out->in_progress);
}

static bool is_same(const struct health_expr *a, const struct health_expr *b)
{
    return str_eq(a->group, b->group) && str_eq(a->kind, b->kind);
}

err *health_expr_compile(arena *a, const struct kustomization_spec *spec, struct health_exprs *out)
{
    *out = (struct health_exprs){NEW_ARRAY(a, struct health_expr, spec->health_exprs.count + 1), 0};
    for (size_t i = 0; i < spec->health_exprs.count; i++) {
        struct health_expr *item = &out->items[i];
        err *e = compile_one(a, &spec->health_exprs.items[i], item);
        for (size_t k = 0; !e && k < i; k++) {
            if (is_same(&out->items[k], item))
                e = err_invalid("group '" STR_FMT "' and kind '" STR_FMT "' are those of "
                                "healthchecks[%zu]",
                                STR_ARG(item->group), STR_ARG(item->kind), k);
        }
        if (e) {
            e = err_wrap(e, "failed to create custom status evaluator for healthchecks[%zu]", i);
            return err_because(e, "InvalidCELExpression");
        }
        out->count++;
    }
    return NULL;
}

const struct health_expr *health_expr_find(const struct health_exprs *exprs, struct kube_kind kind)
{
    const struct health_expr *found = NULL;
    /* compat: a Job has a reader of its own, which goes before expressions. */
    if (str_is(kind.group, "batch") && str_is(kind.kind, "Job")) return NULL;
    for (size_t i = 0; i < exprs->count; i++) {
        const struct health_expr *item = &exprs->items[i];
        if (!str_eq(item->group, kind.group)) continue;
        if (str_eq(item->kind, kind.kind)) return item;
        if (!item->kind.len) found = item;
    }
    return found;
}

static bool is_behind(const node *object)
{
    int64_t observed, generation;
    const node *status = node_get(object, STR("status"));
    const node *metadata = node_get(object, STR("metadata"));
    return node_to_int(node_get(status, STR("observedGeneration")), &observed) &&
           node_to_int(node_get(metadata, STR("generation")), &generation) &&
           observed != generation;
}

enum health_status health_expr_run(arena *a, const struct health_expr *expr, const node *object,
                                   str *message_out)
{
    const struct {
        const struct cel *cel;
        enum health_status status;
    } steps[] = {{expr->in_progress, HEALTH_IN_PROGRESS},
                 {expr->failed, HEALTH_FAILED},
                 {expr->current, HEALTH_CURRENT}};
    struct cel_variable *variables = NEW_ARRAY(a, struct cel_variable, object->count + 1);
    size_t count = 0;
    *message_out = (str){0};
    if (is_behind(object)) return HEALTH_IN_PROGRESS;
    PAIR_EACH (object, pair)
        variables[count++] = (struct cel_variable){pair->key, cel_value_of(pair->value)};
    for (size_t i = 0; i < COUNT(steps); i++) {
        bool truth = false;
        if (!steps[i].cel) continue;
        err *e AUTO(err_done) = cel_eval_bool(a, steps[i].cel, variables, count, &truth);
        if (e) {
            *message_out = str_dup(a, err_text(e));
            return HEALTH_UNKNOWN;
        }
        if (truth) return steps[i].status;
    }
    return HEALTH_IN_PROGRESS;
}
