#include "tmpl/call.h"

#include "base/limits.h"
#include "doc/number.h"

const struct func *call_find(str name)
{
    ROSTER_EACH (func, struct func, row) {
        if (str_is(name, (*row)->name)) return *row;
    }
    return NULL;
}

static err *wrong_type(const struct call *call, size_t index, const char *expected)
{
    struct tmpl_value got = call->args[index];
    if (got.kind == TMPL_NIL) return err_invalid("invalid value; expected %s", expected);
    return err_invalid("wrong type for value; expected %s; got %s", expected, tmpl_type_name(got));
}

err *call_str(struct call *call, size_t index, str *out)
{
    must(index < call->count);
    if (call->args[index].kind != TMPL_STR) return wrong_type(call, index, "string");
    *out = call->args[index].text;
    return NULL;
}

err *call_int(struct call *call, size_t index, int64_t *out)
{
    must(index < call->count);
    if (call->args[index].kind != TMPL_INT) return wrong_type(call, index, "int");
    *out = call->args[index].integer;
    return NULL;
}

err *call_bool(struct call *call, size_t index, bool *out)
{
    must(index < call->count);
    if (call->args[index].kind != TMPL_BOOL) return wrong_type(call, index, "bool");
    *out = call->args[index].truth;
    return NULL;
}

err *call_list(struct call *call, size_t index, struct tmpl_list **out)
{
    must(index < call->count);
    if (call->args[index].kind != TMPL_LIST) {
        return err_invalid("error calling %s: Cannot %s on type %s", call->name, call->name,
                           tmpl_type_name(call->args[index]));
    }
    *out = call->args[index].list;
    return NULL;
}

err *call_map(struct call *call, size_t index, struct tmpl_value *out)
{
    must(index < call->count);
    if (call->args[index].kind != TMPL_MAP)
        return wrong_type(call, index, "map[string]interface {}");
    *out = call->args[index];
    return NULL;
}

str call_text(struct call *call, struct tmpl_value value)
{
    if (value.kind == TMPL_STR) return value.text;
    buf b = BUF(call->a);
    tmpl_print(&b, value);
    return buf_str(&b);
}

static int64_t from_text(str text)
{
    int64_t value;
    if (str_to_int(text, &value)) return value;
    struct number number;
    if (!number_is_integer(text, true)) return 0;
    number_read(text, true, &number);
    return number_to_int(&number, &value) ? value : 0;
}

int64_t call_cast(struct tmpl_value value)
{
    if (value.kind == TMPL_BOOL) return value.truth;
    if (value.kind == TMPL_INT) return value.integer;
    if (value.kind == TMPL_STR) return from_text(value.text);
    if (value.kind != TMPL_FLOAT) return 0;
    bool fits = value.real > -9.2e18 && value.real < 9.2e18;
    return fits ? (int64_t)value.real : INT64_MIN;
}

err *call_charge(struct call *call, size_t bytes)
{
    if (bytes > *call->budget) {
        return err_invalid("the values of the template take more than %u bytes, the limit",
                           LIMIT_TEMPLATE_VALUES);
    }
    *call->budget -= bytes;
    return NULL;
}

err *call_return(struct call *call, struct tmpl_value value)
{
    call->result = value;
    return NULL;
}

err *call_return_str(struct call *call, str text)
{
    call->result = tmpl_str(text);
    return call_charge(call, text.len);
}
