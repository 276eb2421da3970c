#include "doc/cel_call.h"

#include "base/buf.h"
#include "base/regex.h"

static bool is_styled(const struct cel_function *row, bool is_member)
{
    return row->style == CEL_BOTH || (row->style == CEL_MEMBER) == is_member;
}

void cel_call_find(arena *a, str name, bool is_member, size_t count,
                   const struct cel_function ***rows_out, size_t *count_out)
{
    const struct cel_function **rows = NULL;
    size_t row_count = 0, room = 0;
    ROSTER_EACH (cel_family, struct cel_functions, family) {
        for (size_t k = 0; k < (*family)->count; k++) {
            const struct cel_function *row = &(*family)->rows[k];
            if (row->count != count || !is_styled(row, is_member) || !str_is(name, row->name))
                continue;
            *ARENA_PUSH(a, rows, row_count, room) = row;
        }
    }
    *rows_out = rows;
    *count_out = row_count;
}

bool cel_call_knows(str name)
{
    ROSTER_EACH (cel_family, struct cel_functions, family) {
        for (size_t k = 0; k < (*family)->count; k++) {
            if (str_is(name, (*family)->rows[k].name)) return true;
        }
    }
    return false;
}

bool cel_call_fits(uint16_t param, enum cel_type type)
{
    return type == CEL_DYN || (param & CEL_ONE(type));
}

static err *no_overload(const struct cel_call *call, str name)
{
    buf types = BUF(call->a);
    for (size_t i = 0; i < call->count; i++) {
        buf_printf(&types, "%s%s", i ? ", " : "",
                   cel_value_type_name((enum cel_type)call->args[i].type));
    }
    return err_invalid("no such overload: " STR_FMT "(" STR_FMT ")", STR_ARG(name),
                       STR_ARG(buf_str(&types)));
}

err *cel_call_run(struct cel_call *call, str name, const struct cel_function **rows,
                  size_t row_count, struct cel_value *out)
{
    for (size_t i = 0; i < row_count; i++) {
        bool fits = rows[i]->count == call->count;
        for (size_t k = 0; fits && k < call->count; k++)
            fits = rows[i]->params[k] & CEL_ONE(call->args[k].type);
        if (fits) return rows[i]->fn(call, out);
    }
    return no_overload(call, name);
}

void cel_call_done(struct cel_regexes *regexes)
{
    for (size_t i = 0; i < regexes->count; i++)
        regex_free(regexes->kept[i].regex);
}

err *cel_call_spend_text(struct cel_call *call, size_t bytes)
{
    return cel_value_spend(call->budget, 1 + bytes / 10);
}
