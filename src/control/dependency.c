#include "control/dependency.h"

#include "control/status.h"
#include "doc/cel.h"

static str namespace_of(str given, str own)
{
    return given.len ? given : own;
}

str dependency_key(arena *a, const struct kustomization_dependency *dependency, str own_namespace)
{
    return objects_key(a, STR("Kustomization"), namespace_of(dependency->namespace, own_namespace),
                       dependency->name);
}

str dependency_source_key(arena *a, const struct kustomization_spec *spec, str own_namespace)
{
    return objects_key(a, spec->source_ref.kind,
                       namespace_of(spec->source_ref.namespace, own_namespace),
                       spec->source_ref.name);
}

static err *not_ready(str name, const char *why)
{
    return err_new(ERR_TRANSIENT, "DependencyNotReady", "dependency '" STR_FMT "' %s",
                   STR_ARG(name), why);
}

/* compat: the expression decides alone; one that cannot be evaluated now may be able to later. */
static err *check_expression(struct work *work, str expression, str name, const node *object)
{
    static const char *const names[] = {"self", "dep", NULL};
    struct cel *cel;
    bool ready = false;
    err *e = cel_require(work->a, expression, names, CEL_BOOL, &cel);
    if (e) {
        return err_because(
            err_wrap(e, "failed to evaluate dependency '" STR_FMT "'", STR_ARG(name)),
            "InvalidCELExpression");
    }
    const struct cel_variable variables[] = {{STR("self"), cel_value_of(work->object)},
                                             {STR("dep"), cel_value_of(object)}};
    e = cel_eval_bool(work->a, cel, variables, COUNT(variables), &ready);
    if (e) {
        e->kind = ERR_TRANSIENT;
        return err_because(
            err_wrap(e, "failed to evaluate dependency '" STR_FMT "'", STR_ARG(name)),
            "DependencyNotReady");
    }
    return ready ? NULL : not_ready(name, "is not ready according to readyExpr eval");
}

static err *check_one(struct work *work, const struct kustomization_dependency *dependency,
                      str source_key, str revision)
{
    arena *a = work->a;
    str namespace = namespace_of(dependency->namespace, work->namespace);
    str name = str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(dependency->name));
    node *object = manager_get(work->manager, a, STR("Kustomization"), namespace, dependency->name);
    if (!object) {
        return err_new(ERR_TRANSIENT, "DependencyNotReady",
                       "dependency '" STR_FMT
                       "' not found: kustomizations.kustomize.toolkit.fluxcd.io "
                       "\"" STR_FMT "\" not found",
                       STR_ARG(name), STR_ARG(dependency->name));
    }
    if (dependency->ready_expr.len)
        return check_expression(work, dependency->ready_expr, name, object);
    if (!status_object_is_ready(object)) return not_ready(name, "is not ready");
    struct kustomization_spec spec;
    err *e = kustomization_spec_decode(a, object, &spec);
    if (e) {
        err_free(e);
        return not_ready(name, "is not ready");
    }
    if (!str_eq(dependency_source_key(a, &spec, namespace), source_key)) return NULL;
    if (str_eq(node_find_str(object, "status", "lastAppliedRevision", NULL), revision)) return NULL;
    return not_ready(name, "revision is not up to date");
}

err *dependency_check(struct work *work, const struct kustomization_spec *spec, str source_key,
                      str revision)
{
    for (size_t i = 0; i < spec->depends_on.count; i++) {
        TRY(check_one(work, &spec->depends_on.items[i], source_key, revision));
    }
    return NULL;
}
