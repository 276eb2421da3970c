#pragma once
/*
 * An event on its way to people: what happened to which object. The same for
 * what our own controllers report and for what others post; the JSON is that of
 * Flux's event API (event.toolkit.fluxcd.io/v1beta1). A notice is counted and
 * immutable once shared. Texts and metadata live in its arena.
 */
#include "doc/doc.h"
#include "kube/kube.h"

enum notice_severity { NOTICE_INFO, NOTICE_ERROR };

struct notice {
    struct kube_ref about;
    str uid, resource_version, field_path;
    enum notice_severity severity;
    int64_t wall_ns;
    str message, reason;
    const node *metadata; /* a map of texts; never NULL; as a provider sees it, sorted by key */
    str controller, instance;
    int64_t failing_since_wall_ns; /* of its object, as its status says; 0: it does not */
    bool recovered;                /* the object was bad before, and is well now */
    int stands_for;                /* how many events it sums up; 0: it is one itself */
    arena arena;
    _Atomic uint32_t refs;
};

/* One reference; the texts of `from` are copied. */
struct notice *notice_new(const struct notice *from);
struct notice *notice_ref(struct notice *notice);
void notice_unref(struct notice *notice);
void notice_unref_done(struct notice **notice); /* for AUTO */

/* The body of a POST. INVALID when it is no event: not JSON, no object, unknown severity, a text
 * that is too long. Texts are borrowed. */
MUST_USE err *notice_decode(arena *a, str body, struct notice *out);
/* {involvedObject, severity, timestamp, message, ...}, in the order and with the escapes of Go. */
str notice_json(arena *a, const struct notice *notice);
node *notice_node(arena *a, const struct notice *notice);

/* "info" or "error" */
str notice_severity_name(const struct notice *notice);
/* "Kind/namespace/name" */
str notice_subject(arena *a, const struct notice *notice);
/* A value of the metadata; empty when it is missing. */
str notice_value(const struct notice *notice, const char *key);
/* The value of "<group of the object>/<key>"; before the keys are merged. */
str notice_own_value(const struct notice *notice, const char *key);
bool notice_is_update(const struct notice *notice); /* it refreshes the status of a commit only */

/* Only keys of the object's own group and of event.toolkit.fluxcd.io are passed on; checksums and
 * digests are not. The map is a new one. */
node *notice_clean_metadata(arena *a, const struct notice *notice);
/* What makes two events the same, as hexadecimal digits. */
str notice_same_key(arena *a, const struct notice *notice);
