#pragma once
/*
 * The middle of a unit's run: build, plan, validate, write ahead, apply, prune.
 * It may be left at any point; the next run finds what is done and goes on.
 */
#include "control/unit.h"

enum converge_progress {
    CONVERGE_APPLIED, /* the cluster has all of it */
    CONVERGE_BLOCKED, /* something has to happen first; the outcome says when to look again */
};

/* unit->artifact, spec and variables into the cluster. On failure the inventory holds whatever may
 * have been created. */
MUST_USE err *converge_run(struct unit *unit, enum converge_progress *out);

/* Has somebody changed what we manage, and is it time to heal it? */
bool converge_has_drifted(struct unit *unit);
/* What has to be healthy for this unit to be ready: all that was applied, or what spec.healthChecks
 * names. */
void converge_remember_checks(struct unit *unit, const struct inventory *applied);
/* unit->artifact is in the cluster: its files are kept while the unit depends on them. */
void converge_remember_good(struct unit *unit);
