#pragma once
/*
 * One LIST in pages, then a WATCH that is kept up: bookmarks, resume after a
 * break, a new LIST after 410, back-off with jitter, Retry-After. Runs on the
 * loop; all callbacks are on the loop thread and must be quick.
 *
 * The caller keeps the state: `begin` starts a LIST (mark what you have),
 * `object` gives each object, `synced` ends the LIST (what was not seen since
 * begin is gone). After that `object` comes with each change. A LIST that breaks
 * off begins again, with another `begin`. The node lives only during the call.
 * An object that cannot be decoded is passed over and logged; it never ends the
 * watch. While nothing changes, one request per five to ten minutes is sent.
 */
#include "kube/kube.h"

struct watch;

enum watch_change { WATCH_PUT, WATCH_GONE };

struct watch_events {
    void (*begin)(void *context);
    void (*object)(void *context, enum watch_change change, const node *object);
    void (*synced)(void *context);
    /* The watch is down and will be tried again; e->reason "Forbidden" or "NoMatch" (the kind is
     * gone) matter to callers. Borrowed. May be NULL. */
    void (*trouble)(void *context, const err *e);
};

struct watch_options {
    struct kube_kind kind;
    struct kube_resource resource;
    str namespace; /* empty: all */
    str label_selector, field_selector;
    bool metadata_only;
};

/* [loop] Texts are copied; events must outlive the watch. The first callback comes later. */
struct watch *watch_start(struct kube *kube, struct watch_options options,
                          const struct watch_events *events, void *context);
void watch_stop(struct watch *watch); /* [loop] no callback after this; callbacks may call it */
/* [loop] All changes up to this resource version have been told; empty while it is not known. */
str watch_version(const struct watch *watch);
bool watch_is_synced(const struct watch *watch); /* [loop] one LIST has been completed */
