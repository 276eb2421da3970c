#include "oci/link.h"

#include "net/url.h"

/* Is another page meant than the next one? Without a relation it is the next. */
static bool is_other(str parameters)
{
    ptrdiff_t at = str_find(parameters, STR("rel="));
    if (at < 0) return false;
    str relation = str_skip(parameters, (size_t)at + 4);
    return !str_starts(relation, STR("\"next\"")) && !str_starts(relation, STR("next"));
}

static str folder_of(str path)
{
    ptrdiff_t slash = str_rfind_char(path, '/');
    return slash < 0 ? STR("/") : str_head(path, (size_t)slash + 1);
}

err *link_next(arena *a, str header, str asked, str *out)
{
    struct url from, to;
    str target, parameters;
    *out = (str){0};
    if (!header.len) return NULL;
    if (!str_strip_prefix(&header, STR("<")) || !str_cut(header, '>', &target, &parameters))
        return err_invalid("the Link header of the answer cannot be read");
    if (!target.len || is_other(parameters)) return NULL;
    TRY(url_parse(asked, &from));
    str origin = str_printf(a, STR_FMT "://" STR_FMT, STR_ARG(from.scheme),
                            STR_ARG(url_host_port(a, &from)));
    if (str_starts(target, STR("//")))
        target = str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(from.scheme), STR_ARG(target));
    if (str_starts(target, STR("/"))) {
        target = str_concat(a, origin, target);
    } else if (str_starts(target, STR("?"))) {
        target = str_printf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(origin), STR_ARG(from.path),
                            STR_ARG(target));
    } else if (str_find(target, STR("://")) < 0) {
        str folder = folder_of(from.path);
        target = str_printf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(origin), STR_ARG(folder),
                            STR_ARG(target));
    }
    err *e = url_parse(target, &to);
    if (e) return err_wrap(e, "the Link header of the answer");
    if (!str_eq_fold(from.scheme, to.scheme) ||
        !str_eq(url_host_port(a, &from), url_host_port(a, &to)))
        return err_invalid("the Link header of the answer leads to another server, " STR_FMT,
                           STR_ARG(url_host_port(a, &to)));
    *out = target;
    return NULL;
}
