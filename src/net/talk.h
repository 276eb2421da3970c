#pragma once
/*
 * A conversation with a server that nobody waits for, as straight-line code.
 *
 * talk_do gives the answer when the talk has it. Else it sends the request and
 * fails with CONFLICT and the reason "Pending"; once the answer is there, `wake`
 * is called. Then the same code runs again, from its beginning, after
 * talk_rewind: from the same inputs it asks the same questions, and finds the
 * answers that came before. So what waits is data, not a thread.
 */
#include "net/http.h"

struct talk;

/* wake is called once, on the loop, after each talk_do that has sent something. */
struct talk *talk_new(void (*wake)(void *context), void *context);
void talk_free(struct talk *talk); /* not between talk_do and wake */

/* One thread at a time. */
void talk_rewind(struct talk *talk);
/* The answer is the talk's; so is the error, of which this is a copy. */
MUST_USE err *talk_do(struct talk *talk, struct http *http, const struct http_request *request,
                      struct http_response *out);
bool talk_is_waiting(const struct talk *talk); /* [any] for an answer */
/* The same code may be run on what has come meanwhile. */
bool talk_is_pending(const err *e);
