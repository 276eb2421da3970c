#pragma once
/*
 * What an API server answers when it refuses: a Status object, or the text of
 * whatever stands before it. Pure; any thread.
 */
#include "doc/doc.h"
#include "net/http.h"

/*
 * The body of an answer of 400 or more as an error. The message is the server's,
 * as it is; the reason is the Status's, or the one that goes with the code.
 *     404                     NOT_FOUND  NotFound
 *     409                     CONFLICT   AlreadyExists, Conflict
 *     401, 403                DENIED     Unauthorized, Forbidden
 *     408, 410, 429, 5xx      TRANSIENT  Timeout, Expired, TooManyRequests, ...
 *     400, 413, 415, 422, ..  INVALID    BadRequest, Invalid, ...
 * A 500 that says the object does not fit its schema is INVALID.
 */
MUST_USE err *kube_status_error(int http_status, str body);
/* The same for a Status that was read already (an ERROR event of a watch); its code counts. */
MUST_USE err *kube_status_from(const node *status);

/*
 * Takes what the server quotes of a Secret out of its message: the forms in
 * which Kubernetes prints values (`Value:..}`, `Invalid value: ".."`, JSON
 * excerpts), and every value of `secret` (may be NULL) wherever it stands, such
 * as in the words of an admission webhook. Takes and returns the same error.
 */
MUST_USE err *kube_status_redact(err *e, const node *secret);

/* How long the answer asks to wait (Retry-After in seconds); -1 when it does not. */
int64_t kube_status_retry_after_ns(const struct http_response *response);
