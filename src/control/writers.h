#pragma once
/*
 * One writer per repository and branch. Who comes second does not wait on its
 * worker: its key runs again as soon as the first is done. Any thread.
 */
#include "control/manager.h"

/* False: somebody writes there; `key` will be run when that ends. */
bool writers_take(str place, str key);
void writers_give(struct manager *manager, str place);
