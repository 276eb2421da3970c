#pragma once
/*
 * Registries of images (OCI distribution specification 1.1): tags, manifests,
 * blobs. Who we are is proved as the registry asks for it, with basic
 * authentication or a token that is kept until it expires. A registry is asked
 * at the pace it stands (pace.h). What answers is not believed: digests are
 * computed again, pages may not lead elsewhere, credentials go to the registry
 * and to token servers of its own domain only, never to link-local addresses.
 *
 * [worker] All calls block until they are done or `due_ns` is there. Errors:
 * DENIED (the registry refuses us), NOT_FOUND, TRANSIENT, INVALID (an answer
 * that cannot be right, a bound crossed), CANCELED. They have the form
 * "GET https://host/v2/name/tags/list: CODE: text" and hold no secret.
 */
#include <stdatomic.h>

#include "base/loop.h"
#include "oci/keychain.h"
#include "oci/reference.h"

struct registry; /* connections, tokens and pace of all of them */

struct registry *registry_new(struct loop *loop);
void registry_free(struct registry *registry);

/* How a registry is reached. Texts are borrowed. */
struct registry_access {
    const struct keychain *keychain;       /* NULL: nobody */
    str ca_pem;                            /* added to the system's certificates */
    str cert_pem, key_pem;                 /* client certificate */
    str proxy, proxy_user, proxy_password; /* empty: from the environment */
    bool insecure;                         /* HTTP without TLS is fine */
    int64_t due_ns;                        /* clock_now_ns */
    const atomic_bool *cancel;             /* may be NULL */
};

struct registry_tags {
    str etag;       /* in: of the list that is known, or empty; out: of this one, if it has one */
    bool unchanged; /* it is the known one; nothing was listed then */
    str *items;     /* as the registry orders them */
    size_t count;
};
/* All tags of a repository, at most LIMIT_OCI_TAGS. */
MUST_USE err *registry_tags(struct registry *registry, arena *a, const struct reference *reference,
                            const struct registry_access *access, struct registry_tags *tags);

/* The digest that a tag stands for; of an index, that of the index. When it is not `known`, the
 * manifest is read and its digest computed, so that a registry cannot make one up. */
MUST_USE err *registry_digest(struct registry *registry, arena *a,
                              const struct reference *reference,
                              const struct registry_access *access, str known, str *out);

struct registry_manifest {
    str media_type, digest, body;
};
/* The manifest or index of a reference's digest, or else of its tag. */
MUST_USE err *registry_manifest(struct registry *registry, arena *a,
                                const struct reference *reference,
                                const struct registry_access *access,
                                struct registry_manifest *out);

/* A blob by its digest, piece by piece to `take`, which runs on the loop; at most `limit_bytes`.
 * Whether it is the right one is known at the end: what was taken is only good when this returns
 * NULL. */
typedef err *registry_take_fn(void *context, str bytes);
MUST_USE err *registry_blob(struct registry *registry, arena *a, const struct reference *reference,
                            const struct registry_access *access, str digest, size_t limit_bytes,
                            registry_take_fn *take, void *context);

/* When this registry may be asked again, as clock_now_ns; 0: now. */
int64_t registry_blocked_until_ns(struct registry *registry, str host);
