#pragma once
/* 'text %s'.format([...]) of CEL: %s %d %f %e %b %x %X %o %%. Part of cel.c. */
#include "doc/cel_call.h"

MUST_USE err *cel_format_run(struct cel_call *call, struct cel_value *out);
