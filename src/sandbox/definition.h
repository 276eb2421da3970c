#pragma once
/*
 * What a CustomResourceDefinition has to be: named after its kind, with one
 * version that is stored, and schemas that are structural, whose defaults fit
 * and whose rules this program can keep. Part of admit. Pure; any thread.
 */
#include "doc/doc.h"

/* Adds a cause {reason, message, field} for everything that is wrong. */
void definition_check(arena *a, const node *crd, node *causes);
