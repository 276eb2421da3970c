#pragma once
/*
 * Watches: streams of the changes of a kind, as clients asked for them, with
 * bookmarks, resumed from a version or refused as too old. Loop thread.
 */
#include "net/httpd.h"
#include "sandbox/world.h"

struct watcher;
struct watcher *watcher_new(struct world *world, struct loop *loop);
void watcher_free(struct watcher *watcher); /* after the server has stopped */

MUST_USE err *watcher_start(struct watcher *watcher, struct call *call, struct httpd *httpd,
                            struct httpd_stream **out);
