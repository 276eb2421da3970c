#pragma once
/*
 * The promises of the product, looked at from outside: at every change that
 * the API server stores, at every line of a log, and at rest. A broken one is
 * said once, and counts.
 *
 *  - nothing is lost: what carries the labels of a unit is in its inventory
 *    before it is there, and what nobody of us made is left alone;
 *  - all or nothing: no object of a revision that is bad for a unit appears;
 *  - secrets stay secret;
 *  - prune comes last: what is deleted has left the unit in a revision whose
 *    other objects are there;
 *  - convergence: at rest the cluster is what the last good revision says;
 *  - no noise: at rest nothing is written, and a unit that is stuck delays no
 *    other.
 */
#include "scenario/model.h"

/* Looks on from now on. */
void judge_start(void);
bool judge_unit_exists(int unit);
/* The user edits or deletes objects: for a while, what is missing is not the operator's doing. */
void judge_user_acts(void);
/* Why the cluster is not yet what Git says; empty when it is. The units that are marked as gone
 * have no object. */
str judge_difference(struct arena *a, const struct model_revision *head, const bool *gone);
/* Changes by anybody but the API server's own controllers and the lease so far. */
uint64_t judge_writes(void);
void judge_log(const char *data, size_t len);
void judge_complain(const char *format, ...) PRINTF(1, 2);
int judge_complaints(void);
str judge_first_complaint(void);
