#pragma once
/* What a Receiver shares with its callers: the Secret, and the path that is made from it. */
#include "control/receiver_spec.h"
#include "kube/kube.h"

/* [worker] The decoded data of the Secret, and its token. Errors have Flux's texts. A token that is
 * missing or empty is one, and so are the other keys that gcr needs. Without a secretRef, of
 * generic-oidc, both stay empty. */
MUST_USE err *receiver_secret_read(struct kube *kube, arena *a, str namespace,
                                   const struct receiver_spec *spec, node **data_out,
                                   str *token_out);
/* "/hook/" and the SHA-256, in hex, of token, name and namespace. */
str receiver_secret_path(arena *a, str token, str name, str namespace);
