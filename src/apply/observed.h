#pragma once
/*
 * The observed state of what we manage: one watch per kind, limited by our
 * owner label, and a small record per object. Nothing is polled.
 *
 * Drift is loss of ownership (ARCHITECTURE.md): an object is as Git says while
 * the digest of its uid and of our managedFields entry is the one that our last
 * apply left behind. Any other digest, a lost label or a deletion is drift.
 *
 * A lock guards the records; every function may be called from any thread
 * unless it says otherwise, and `changed` runs on any.
 */
#include "apply/inventory.h"
#include "kube/health.h"
#include "kube/watch.h"

#define OBSERVED_FIELD_MANAGER "kustomize-controller"

struct observed;

struct observed_options {
    struct kube *kube;
    /* An object of the unit drifted, is gone, became another unit's, changed its health, or a kind
     * it waits for is synced.
     * owner is "ns/name" of the unit. */
    void (*changed)(void *context, str owner);
    void *context;
};

struct observed *observed_new(struct observed_options options);
void observed_free(struct observed *observed);
void observed_stop(struct observed *observed); /* [loop] ends the watches */

struct observed_record {
    bool watched; /* the kind's watch has its list: absence means absence */
    bool exists;
    uint64_t seen;     /* digest of ownership as it is */
    uint64_t expected; /* as our last apply left it; 0: not known in this process */
    uint64_t desired;  /* digest of what was last applied; 0: not known */
    str owner;         /* "ns/name" by its labels */
    enum health_status health;
    str health_message;
};

/* [worker] Begins to watch the kinds of these objects. True when all of them have their list; if
 * not, `changed` is called for owner when they do. Kinds the server does not have are passed over.
 */
bool observed_follow(struct observed *observed, str owner, const struct kube_ref *refs,
                     size_t count);

/* From now on every change of an object of this kind counts, for what the record does not show. */
void observed_attend(struct observed *observed, struct kube_kind kind);

void observed_get(struct observed *observed, arena *a, struct kube_ref ref,
                  struct observed_record *out);
/* After an apply: this is how the object is, and what we wanted. */
void observed_expect(struct observed *observed, struct kube_ref ref, const node *applied,
                     uint64_t desired);
/* What is there now is what our last apply left (proven by the digest in the status). */
void observed_accept(struct observed *observed, struct kube_ref ref, uint64_t desired);
/* The object is no longer the owner's ("ns/name"). One that has another owner by now is his to
 * forget. */
void observed_forget(struct observed *observed, struct kube_ref ref, str owner);

bool observed_has_drifted(const struct observed_record *record);
/* Digest of (id, seen) over all objects of a unit, as text for its status. Empty when one is
 * missing or not watched. */
str observed_digest(struct observed *observed, arena *a, const struct inventory *inventory);

/* hash(uid, our managedFields entry); 0 when we own nothing of it. */
uint64_t observed_ownership(const node *object);
/* Our entry of metadata.managedFields, or NULL. */
const node *observed_entry(const node *object, const char *field_manager);
