/* CEL: arithmetic, order, and conversions between numbers. */
#include <math.h>

#include "doc/cel_call.h"
#include "doc/number.h"

#define INT_(n)    (call->args[n].number)
#define UINT_(n)   (call->args[n].natural)
#define DOUBLE_(n) (call->args[n].real)

static err *overflow(const char *type)
{
    return err_invalid("%s overflow", type);
}

static err *give_int(struct cel_value *out, int64_t value)
{
    *out = cel_value_int(value);
    return NULL;
}

static err *give_uint(struct cel_value *out, uint64_t value)
{
    *out = (struct cel_value){.type = CEL_UINT, .natural = value};
    return NULL;
}

static err *give_double(struct cel_value *out, double value)
{
    *out = (struct cel_value){.type = CEL_DOUBLE, .real = value};
    return NULL;
}

/* ---- arithmetic ---- */

#define CHECKED(name, builtin)                                                                     \
    static err *name##_int(struct cel_call *call, struct cel_value *out)                           \
    {                                                                                              \
        int64_t value;                                                                             \
        if (builtin(INT_(0), INT_(1), &value)) return overflow("integer");                         \
        return give_int(out, value);                                                               \
    }                                                                                              \
    static err *name##_uint(struct cel_call *call, struct cel_value *out)                          \
    {                                                                                              \
        uint64_t value;                                                                            \
        if (builtin(UINT_(0), UINT_(1), &value)) return overflow("unsigned integer");              \
        return give_uint(out, value);                                                              \
    }
CHECKED(add, __builtin_add_overflow)
CHECKED(sub, __builtin_sub_overflow)
CHECKED(mul, __builtin_mul_overflow)

static err *add_double(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, DOUBLE_(0) + DOUBLE_(1));
}

static err *sub_double(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, DOUBLE_(0) - DOUBLE_(1));
}

static err *mul_double(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, DOUBLE_(0) * DOUBLE_(1));
}

static err *div_double(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, DOUBLE_(0) / DOUBLE_(1));
}

static err *div_int(struct cel_call *call, struct cel_value *out)
{
    if (!INT_(1)) return err_invalid("division by zero");
    if (INT_(0) == INT64_MIN && INT_(1) == -1) return overflow("integer");
    return give_int(out, INT_(0) / INT_(1));
}

static err *div_uint(struct cel_call *call, struct cel_value *out)
{
    if (!UINT_(1)) return err_invalid("division by zero");
    return give_uint(out, UINT_(0) / UINT_(1));
}

static err *mod_int(struct cel_call *call, struct cel_value *out)
{
    if (!INT_(1)) return err_invalid("modulus by zero");
    if (INT_(0) == INT64_MIN && INT_(1) == -1) return overflow("integer");
    return give_int(out, INT_(0) % INT_(1));
}

static err *mod_uint(struct cel_call *call, struct cel_value *out)
{
    if (!UINT_(1)) return err_invalid("modulus by zero");
    return give_uint(out, UINT_(0) % UINT_(1));
}

static err *negate_int(struct cel_call *call, struct cel_value *out)
{
    if (INT_(0) == INT64_MIN) return overflow("integer");
    return give_int(out, -INT_(0));
}

static err *negate_double(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, -DOUBLE_(0));
}

static err *negate_bool(struct cel_call *call, struct cel_value *out)
{
    *out = cel_value_bool(!call->args[0].truth);
    return NULL;
}

/* ---- order ---- */

static err *order(struct cel_call *call, int *out)
{
    const struct cel_value *a = &call->args[0], *b = &call->args[1];
    if (a->type == CEL_STRING || a->type == CEL_BYTES)
        TRY(cel_call_spend_text(call, MIN(a->text.len, b->text.len)));
    if (!cel_value_order(a, b, out)) *out = 2;
    return NULL;
}

#define ORDERED(name, test)                                                                        \
    static err *name(struct cel_call *call, struct cel_value *out)                                 \
    {                                                                                              \
        int is = 2;                                                                                \
        TRY(order(call, &is));                                                                     \
        *out = cel_value_bool(test);                                                               \
        return NULL;                                                                               \
    }
ORDERED(less, is == -1)
ORDERED(less_equal, is == -1 || is == 0)
ORDERED(greater, is == 1)
ORDERED(greater_equal, is == 1 || is == 0)

/* ---- conversions ---- */

static err *same(struct cel_call *call, struct cel_value *out)
{
    *out = call->args[0];
    return NULL;
}

static err *type_of(struct cel_call *call, struct cel_value *out)
{
    *out = (struct cel_value){.type = CEL_TYPE, .named = (enum cel_type)call->args[0].type};
    return NULL;
}

static err *int_of_uint(struct cel_call *call, struct cel_value *out)
{
    if (UINT_(0) > INT64_MAX) return overflow("integer");
    return give_int(out, (int64_t)UINT_(0));
}

static err *int_of_double(struct cel_call *call, struct cel_value *out)
{
    if (!(DOUBLE_(0) > -0x1p63 && DOUBLE_(0) < 0x1p63)) return overflow("integer");
    return give_int(out, (int64_t)DOUBLE_(0));
}

static err *not_a(const struct cel_call *call, const char *type)
{
    str text = str_head_utf8(call->args[0].text, 40);
    return err_invalid("'" STR_FMT "' is no %s", STR_ARG(text), type);
}

static err *int_of_text(struct cel_call *call, struct cel_value *out)
{
    int64_t value;
    if (!str_to_int(call->args[0].text, &value)) return not_a(call, "int");
    return give_int(out, value);
}

static err *uint_of_int(struct cel_call *call, struct cel_value *out)
{
    if (INT_(0) < 0) return overflow("unsigned integer");
    return give_uint(out, (uint64_t)INT_(0));
}

static err *uint_of_double(struct cel_call *call, struct cel_value *out)
{
    if (!(DOUBLE_(0) >= 0 && DOUBLE_(0) < 0x1p64)) return overflow("unsigned integer");
    return give_uint(out, (uint64_t)DOUBLE_(0));
}

static err *uint_of_text(struct cel_call *call, struct cel_value *out)
{
    uint64_t value;
    if (!str_to_uint(call->args[0].text, &value)) return not_a(call, "uint");
    return give_uint(out, value);
}

static err *double_of_int(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, (double)INT_(0));
}

static err *double_of_uint(struct cel_call *call, struct cel_value *out)
{
    return give_double(out, (double)UINT_(0));
}

/* "1", "1.5e3", "-.5", "NaN", "Inf", "+Infinity" */
static err *double_of_text(struct cel_call *call, struct cel_value *out)
{
    str text = call->args[0].text, bare = text;
    struct number number;
    TRY(cel_call_spend_text(call, text.len));
    bool negative = str_strip_prefix(&bare, STR("-"));
    if (!negative) str_strip_prefix(&bare, STR("+"));
    if (str_eq_fold(bare, STR("nan"))) return give_double(out, NAN);
    if (str_eq_fold(bare, STR("inf")) || str_eq_fold(bare, STR("infinity")))
        return give_double(out, negative ? -INFINITY : INFINITY);
    str json = str_starts(bare, STR(".")) ? str_concat(call->a, STR("0"), bare) : bare;
    if (str_has_char(bare, '-') && str_starts(bare, STR("-"))) return not_a(call, "double");
    if (!number_is_json(json)) return not_a(call, "double");
    number_read(json, false, &number);
    double value = number_to_double(&number);
    return give_double(out, negative ? -value : value);
}

static err *bool_of_text(struct cel_call *call, struct cel_value *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "True", "TRUE"};
    static const char *const no[] = {"0", "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < COUNT(yes); i++) {
        bool is_yes = str_is(call->args[0].text, yes[i]);
        if (!is_yes && !str_is(call->args[0].text, no[i])) continue;
        *out = cel_value_bool(is_yes);
        return NULL;
    }
    return not_a(call, "bool");
}

#define BOOL_ CEL_ONE(CEL_BOOL)
#define I_    CEL_ONE(CEL_INT)
#define U_    CEL_ONE(CEL_UINT)
#define D_    CEL_ONE(CEL_DOUBLE)
#define S_    CEL_ONE(CEL_STRING)
#define B_    CEL_ONE(CEL_BYTES)
#define TIME_ CEL_ONE(CEL_TIMESTAMP)
#define SPAN_ CEL_ONE(CEL_DURATION)
#define ORDER_ROWS(name, fn)                                                                       \
    {name, CEL_GLOBAL, 2, CEL_BOOL, {CEL_NUMBERS, CEL_NUMBERS}, fn},                               \
        {name, CEL_GLOBAL, 2, CEL_BOOL, {S_, S_}, fn},                                             \
        {name, CEL_GLOBAL, 2, CEL_BOOL, {B_, B_}, fn},                                             \
        {name, CEL_GLOBAL, 2, CEL_BOOL, {BOOL_, BOOL_}, fn},                                       \
        {name, CEL_GLOBAL, 2, CEL_BOOL, {TIME_, TIME_}, fn},                                       \
    {                                                                                              \
        name, CEL_GLOBAL, 2, CEL_BOOL, {SPAN_, SPAN_}, fn                                          \
    }

static const struct cel_function rows[] = {
    {"_+_", CEL_GLOBAL, 2, CEL_INT, {I_, I_}, add_int},
    {"_+_", CEL_GLOBAL, 2, CEL_UINT, {U_, U_}, add_uint},
    {"_+_", CEL_GLOBAL, 2, CEL_DOUBLE, {D_, D_}, add_double},
    {"_-_", CEL_GLOBAL, 2, CEL_INT, {I_, I_}, sub_int},
    {"_-_", CEL_GLOBAL, 2, CEL_UINT, {U_, U_}, sub_uint},
    {"_-_", CEL_GLOBAL, 2, CEL_DOUBLE, {D_, D_}, sub_double},
    {"_*_", CEL_GLOBAL, 2, CEL_INT, {I_, I_}, mul_int},
    {"_*_", CEL_GLOBAL, 2, CEL_UINT, {U_, U_}, mul_uint},
    {"_*_", CEL_GLOBAL, 2, CEL_DOUBLE, {D_, D_}, mul_double},
    {"_/_", CEL_GLOBAL, 2, CEL_INT, {I_, I_}, div_int},
    {"_/_", CEL_GLOBAL, 2, CEL_UINT, {U_, U_}, div_uint},
    {"_/_", CEL_GLOBAL, 2, CEL_DOUBLE, {D_, D_}, div_double},
    {"_%_", CEL_GLOBAL, 2, CEL_INT, {I_, I_}, mod_int},
    {"_%_", CEL_GLOBAL, 2, CEL_UINT, {U_, U_}, mod_uint},
    {"-_", CEL_GLOBAL, 1, CEL_INT, {I_}, negate_int},
    {"-_", CEL_GLOBAL, 1, CEL_DOUBLE, {D_}, negate_double},
    {"!_", CEL_GLOBAL, 1, CEL_BOOL, {BOOL_}, negate_bool},
    ORDER_ROWS("_<_", less),
    ORDER_ROWS("_<=_", less_equal),
    ORDER_ROWS("_>_", greater),
    ORDER_ROWS("_>=_", greater_equal),
    {"dyn", CEL_GLOBAL, 1, CEL_DYN, {CEL_ANY}, same},
    {"type", CEL_GLOBAL, 1, CEL_TYPE, {CEL_ANY}, type_of},
    {"int", CEL_GLOBAL, 1, CEL_INT, {I_}, same},
    {"int", CEL_GLOBAL, 1, CEL_INT, {U_}, int_of_uint},
    {"int", CEL_GLOBAL, 1, CEL_INT, {D_}, int_of_double},
    {"int", CEL_GLOBAL, 1, CEL_INT, {S_}, int_of_text},
    {"uint", CEL_GLOBAL, 1, CEL_UINT, {U_}, same},
    {"uint", CEL_GLOBAL, 1, CEL_UINT, {I_}, uint_of_int},
    {"uint", CEL_GLOBAL, 1, CEL_UINT, {D_}, uint_of_double},
    {"uint", CEL_GLOBAL, 1, CEL_UINT, {S_}, uint_of_text},
    {"double", CEL_GLOBAL, 1, CEL_DOUBLE, {D_}, same},
    {"double", CEL_GLOBAL, 1, CEL_DOUBLE, {I_}, double_of_int},
    {"double", CEL_GLOBAL, 1, CEL_DOUBLE, {U_}, double_of_uint},
    {"double", CEL_GLOBAL, 1, CEL_DOUBLE, {S_}, double_of_text},
    {"bool", CEL_GLOBAL, 1, CEL_BOOL, {BOOL_}, same},
    {"bool", CEL_GLOBAL, 1, CEL_BOOL, {S_}, bool_of_text},
};

CEL_FAMILY(math) = {rows, COUNT(rows)};
