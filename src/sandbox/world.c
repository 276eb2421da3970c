#include "sandbox/world.h"

#include "net/url.h"
#include "sandbox/admit.h"

const char *world_verb_name(enum call_verb verb)
{
    static const char *const names[] = {"get",    "list",  "watch",  "create",
                                        "update", "patch", "delete", "deletecollection"};
    return names[verb];
}

str world_query(const struct call *call, const char *name)
{
    for (str rest = call->query, pair; str_next(&rest, '&', &pair);) {
        str key, value = {0};
        str_cut(pair, '=', &key, &value);
        if (!str_is(key, name)) continue;
        str text;
        err *e AUTO(err_done) =
            url_unescape(call->a, str_replace(call->a, value, STR("+"), STR(" ")), &text);
        return e ? (str){0} : text;
    }
    return (str){0};
}

str world_resource(arena *a, const struct served *served)
{
    if (!served->group.len) return served->plural;
    return str_printf(a, STR_FMT "." STR_FMT, STR_ARG(served->plural), STR_ARG(served->group));
}

err *world_not_found(const struct call *call, const struct served *served, str name)
{
    return err_with_status(err_not_found(STR_FMT " \"" STR_FMT "\" not found",
                                         STR_ARG(world_resource(call->a, served)), STR_ARG(name)),
                           404);
}

static err *refusal(int status, enum err_kind kind, const char *reason, const char *format,
                    va_list args)
{
    arena a AUTO(arena_done) = {0};
    str text = str_vprintf(&a, format, args);
    return err_with_status(err_new(kind, reason, STR_FMT, STR_ARG(text)), status);
}

err *world_bad_request(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err *e = refusal(400, ERR_INVALID, "BadRequest", format, args);
    va_end(args);
    return e;
}

err *world_forbidden(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err *e = refusal(403, ERR_DENIED, "Forbidden", format, args);
    va_end(args);
    return e;
}

err *world_wrong_options(struct call *call, const char *kind, const char *reason, const char *field,
                         str message)
{
    call->about_name = (str){0};
    call->about_group = STR("meta.k8s.io");
    call->about_kind = str_of(kind);
    admit_add_cause(call->a, call->causes, reason, str_of(field), message);
    return err_with_status(err_new(ERR_INVALID, "Invalid",
                                   "%s.meta.k8s.io \"\" is invalid: %s: " STR_FMT, kind, field,
                                   STR_ARG(message)),
                           422);
}
