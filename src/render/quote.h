#pragma once
/* A text in double quotes as Go's %q prints it, which the reference uses in messages. Pure. */
#include "base/str.h"

str quote_go(struct arena *a, str text);
