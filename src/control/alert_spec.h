#pragma once
/* The fields of an Alert: spec as a struct, its tables for the CRD and the reference. */
#include "control/kind.h"
#include "notify/rule.h"

struct alert_provider_ref {
    str name;
};

struct alert_source {
    str api_version, kind, name, namespace; /* namespace empty: the Alert's own */
    const node *match_labels;
};

enum alert_severity { ALERT_INFO, ALERT_ERROR }; /* the order of the choices */

struct alert_spec {
    struct alert_provider_ref provider_ref;
    int event_severity; /* enum alert_severity */
    SCHEMA_LIST(struct alert_source) event_sources;
    struct schema_strings inclusion_list, exclusion_list;
    const node *event_metadata;
    str summary;
    bool suspend;
};

/* object is the whole Alert; texts are borrowed from it. */
MUST_USE err *alert_spec_decode(arena *a, const node *object, struct alert_spec *out);
/* What matching needs of it. */
struct rule_spec alert_spec_rule(arena *a, const node *object, const struct alert_spec *spec);
