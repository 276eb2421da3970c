#pragma once
/*
 * Runs templates over values. Whatever a template does, it ends: steps, depth
 * and output are bounded (limits.h). Any thread.
 */
#include "tmpl/tmpl_parse.h"

struct tmpl_run {
    str name; /* of the template */
    struct tmpl_value data;
    size_t output_limit; /* bytes; 0: LIMIT_TEMPLATE_BYTES */
};

/* INVALID: "template: NAME:LINE:COLUMN: executing "NAME" at <...>: ...". */
MUST_USE err *tmpl_exec(const struct tmpl *set, arena *a, const struct tmpl_run *run, str *out);
