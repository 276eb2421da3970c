#include "control/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/lang.h"

#define REVISION_KEY     "kustomize.toolkit.fluxcd.io/revision"
#define TIMEOUT_LEAST_NS (30 * CLOCK_SECOND)

struct unit_memory *unit_new(void)
{
    return lang_zalloc(sizeof(struct unit_memory));
}

void unit_free(struct unit_memory *memory)
{
    if (!memory) return;
    MAP_EACH (&memory->fights, entry)
        free(entry->value);
    map_done(&memory->fights);
    artifact_tree_unref(memory->good_tree);
    arena_done(&memory->good_arena);
    arena_done(&memory->checks_arena);
    free(memory);
}

struct unit_fight *unit_fight(struct unit_memory *memory, str id, bool make)
{
    if (!make) return map_get(&memory->fights, id);
    struct unit_fight **at = (struct unit_fight **)map_at(&memory->fights, id);
    if (!*at) *at = lang_zalloc(sizeof **at);
    return *at;
}

int64_t unit_timeout_ns(const struct unit *unit)
{
    const struct kustomization_spec *spec = &unit->spec;
    int64_t timeout_ns = spec->timeout_ns ? spec->timeout_ns : spec->interval_ns - TIMEOUT_LEAST_NS;
    return MAX(timeout_ns, TIMEOUT_LEAST_NS);
}

str unit_step(const struct unit *unit, const char *what)
{
    str timeout = clock_format_duration(unit->a, unit_timeout_ns(unit));
    return str_printf(unit->a, "%s for revision " STR_FMT " with a timeout of " STR_FMT, what,
                      STR_ARG(unit->artifact.revision), STR_ARG(timeout));
}

void unit_event(struct unit *unit, enum manager_severity severity, const char *reason, str message)
{
    struct http_header metadata[] = {
        {STR(REVISION_KEY), unit->artifact.revision},
        {STR("kustomize.toolkit.fluxcd.io/commit_status"), STR("update")},
    };
    size_t count = !unit->artifact.revision.len                 ? 0
                   : !strcmp(reason, "ReconciliationSucceeded") ? 2
                                                                : 1;
    manager_event(unit->work, severity, reason, message, metadata, count);
}

#define METADATA(key) STR("kustomize.toolkit.fluxcd.io/" key)

/* The time of the report tells it from one like it: each drift is news. */
static str moment(struct unit *unit)
{
    return str_printf(unit->a, "%lld", (long long)clock_now_ns());
}

void unit_drift(struct unit *unit, str message, const struct drift_detail *detail)
{
    const struct http_header all[] = {
        {METADATA("revision"), unit->artifact.revision},
        {METADATA("drift_object"), detail->object},
        {METADATA("drift"), detail->fields},
        {METADATA("drift_manager"), detail->manager},
        {METADATA("drift_operation"), detail->operation},
        {METADATA("drift_time"), detail->time},
        {METADATA("token"), moment(unit)},
    };
    struct http_header given[COUNT(all)];
    size_t count = 0;
    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i].value.len) given[count++] = all[i];
    manager_event(unit->work, MANAGER_DRIFT, "Drifted", message, given, count);
}

void unit_tell_healed(struct unit *unit)
{
    int count = unit->memory->healed;
    if (!count) return;
    unit->memory->healed = 0;
    str message = count == 1
                      ? str_printf(unit->a, "%s is as Git says again", unit->memory->healed_first)
                      : str_printf(unit->a, "%s and %d more objects are as Git says again",
                                   unit->memory->healed_first, count - 1);
    struct http_header metadata[] = {{METADATA("token"), moment(unit)},
                                     {METADATA("revision"), unit->artifact.revision}};
    manager_event(unit->work, MANAGER_INFO, "DriftHealed", message, metadata,
                  unit->artifact.revision.len ? 2 : 1);
}

void unit_look_again(struct unit *unit, int64_t delay_ns)
{
    int64_t *again_ns = &unit->out->again_ns;
    delay_ns = MAX(delay_ns, CLOCK_MS);
    if (!*again_ns || delay_ns < *again_ns) *again_ns = delay_ns;
}
