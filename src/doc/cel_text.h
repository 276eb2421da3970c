#pragma once
/* A double as CEL writes it. Part of cel.c. */
#include "base/arena.h"
#include "base/str.h"

str cel_text_double(arena *a, double value);
