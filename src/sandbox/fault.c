#include "sandbox/fault.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rand.h"

static err *parse_status(str value, struct fault *out)
{
    int64_t status;
    if (!str_to_int(value, &status) || status < 400 || status > 599)
        return err_invalid("status: '" STR_FMT "' is no number from 400 to 599", STR_ARG(value));
    *out = (struct fault){.kind = FAULT_STATUS, .status = (int)status};
    return NULL;
}

static err *parse_span(str name, enum fault_kind kind, str value, struct fault *out)
{
    int64_t span_ns;
    if (!clock_parse_duration(value, &span_ns) || span_ns <= 0 || span_ns > LIMIT_SANDBOX_FAULT_NS)
        return err_invalid(STR_FMT ": '" STR_FMT "' is no duration up to an hour, such as 1s500ms",
                           STR_ARG(name), STR_ARG(value));
    *out = (struct fault){.kind = kind, .span_ns = span_ns};
    return NULL;
}

static err *parse_rate(arena *a, str value, double *out)
{
    char *end;
    const char *text = str_z(a, value);
    *out = strtod(text, &end);
    if (value.len && !*end && *out >= 0 && *out <= 1) return NULL;
    return err_invalid("rate: '" STR_FMT "' is no number from 0 to 1", STR_ARG(value));
}

static err *parse_verb(arena *a, str value, str *out)
{
    for (enum call_verb verb = CALL_GET; verb <= CALL_DELETE_COLLECTION; verb++) {
        if (str_is(value, world_verb_name(verb))) {
            *out = str_dup(a, value);
            return NULL;
        }
    }
    return err_invalid("verb: '" STR_FMT "' is none of get, list, watch, create, update, patch, "
                       "delete, deletecollection",
                       STR_ARG(value));
}

static err *parse_word(arena *a, str word, struct fault_rule *rule)
{
    str name, value;
    bool given = str_cut(word, '=', &name, &value);
    name = str_trim(name);
    value = str_trim(value);
    if (str_is(name, "rate")) return parse_rate(a, value, &rule->rate);
    if (str_is(name, "verb")) return parse_verb(a, value, &rule->verb);
    if (str_is(name, "resource") || str_is(name, "user")) {
        if (!value.len) return err_invalid(STR_FMT " has no value", STR_ARG(name));
        *(str_is(name, "user") ? &rule->user : &rule->resource) = str_dup(a, value);
        return NULL;
    }
    if (rule->fault.kind) return err_invalid("'" STR_FMT "' is a second fault", STR_ARG(name));
    if (str_is(name, "status")) return parse_status(value, &rule->fault);
    if (str_is(name, "delay")) return parse_span(name, FAULT_DELAY, value, &rule->fault);
    if (str_is(name, "cut")) return parse_span(name, FAULT_CUT, value, &rule->fault);
    bool lost = str_is(name, "lost");
    if (!lost && !str_is(name, "expired"))
        return err_invalid("'" STR_FMT "' is none of status, lost, delay, cut, expired, rate, "
                           "verb, resource, user",
                           STR_ARG(name));
    if (given) return err_invalid(STR_FMT " takes no value", STR_ARG(name));
    rule->fault = (struct fault){.kind = lost ? FAULT_LOST : FAULT_EXPIRED};
    return NULL;
}

static err *parse_rule(arena *a, str text, struct fault_rule *out)
{
    str word;
    *out = (struct fault_rule){.rate = 1};
    for (str rest = text; str_next(&rest, ',', &word);) {
        err *e = parse_word(a, word, out);
        if (e) return err_wrap(e, "fault '" STR_FMT "'", STR_ARG(text));
    }
    if (out->fault.kind) return NULL;
    return err_invalid("fault '" STR_FMT "': it does not say what happens: status=CODE, lost, "
                       "delay=SPAN, cut=SPAN or expired",
                       STR_ARG(text));
}

err *fault_parse(arena *a, str text, struct fault_rules *out)
{
    struct fault_rules rules = {0};
    size_t room = 0;
    str part;
    for (str rest = text; str_next(&rest, ';', &part);) {
        struct fault_rule rule;
        part = str_trim(part);
        if (!part.len) continue;
        if (rules.count == LIMIT_SANDBOX_FAULTS)
            return err_invalid("more than %d faults", LIMIT_SANDBOX_FAULTS);
        TRY(parse_rule(a, part, &rule));
        *ARENA_PUSH(a, rules.items, rules.count, room) = rule;
    }
    *out = rules;
    return NULL;
}

static bool fits(const struct fault_rule *rule, const struct call *call)
{
    bool watch = call->verb == CALL_WATCH;
    enum fault_kind kind = rule->fault.kind;
    if (kind == FAULT_CUT && !watch) return false;
    if (kind == FAULT_EXPIRED && !(watch && world_query(call, "resourceVersion").len)) return false;
    if ((kind == FAULT_LOST || kind == FAULT_DELAY) && watch) return false;
    if (rule->verb.len && !str_is(rule->verb, world_verb_name(call->verb))) return false;
    if (rule->resource.len && !str_eq(rule->resource, call->served->plural)) return false;
    return !rule->user.len || str_eq(rule->user, call->user);
}

struct fault fault_choose(const struct fault_rules *rules, const struct call *call)
{
    for (size_t i = 0; i < rules->count; i++) {
        const struct fault_rule *rule = &rules->items[i];
        if (fits(rule, call) && (rule->rate >= 1 || rand_unit() < rule->rate)) return rule->fault;
    }
    return (struct fault){0};
}

err *fault_refusal(int status)
{
    static const struct {
        int status;
        const char *reason, *message;
    } known[] = {
        {409, "Conflict",
         "the object has been modified; please apply your changes to the latest "
         "version and try again"},
        {429, "TooManyRequests",
         "the server has received too many requests, please try again "
         "later"},
        {500, "InternalError", "an error on the server"},
        {503, "ServiceUnavailable", "the server is currently unable to handle the request"},
        {504, "Timeout", "the server was unable to return a response in the time allotted"},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        if (known[i].status != status) continue;
        return err_with_status(err_new(ERR_TRANSIENT, known[i].reason,
                                       "%s (a fault of the sandbox)", known[i].message),
                               status);
    }
    return err_with_status(err_transient("a fault of the sandbox"), status);
}
