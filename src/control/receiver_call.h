#pragma once
/*
 * A call of a webhook: finds the Receiver by its path, verifies the call, and
 * asks for its objects to be reconciled, with the annotation that every tool of
 * Flux knows, so that whoever controls them sees it. [worker]
 */
#include "control/manager.h"
#include "control/webhook.h"

struct receiver_calls; /* what is remembered between calls: ids of deliveries, keys of issuers */

/* google_keys_url is copied; empty: Google's. */
struct receiver_calls *receiver_call_new(struct manager *manager, str google_keys_url);
void receiver_call_free(struct receiver_calls *calls);

/* Comes again: too many calls of its namespace wait for issuers of tokens. */
enum { RECEIVER_CALL_BUSY = 0 };

/* RECEIVER_CALL_BUSY, or the HTTP status to answer: 200, 400 not verified, 404 no such path, 409 a
 * delivery that was handled before, 500 some object could not be asked for, 503 suspended or not
 * ready. */
int receiver_call_run(struct receiver_calls *calls, arena *a, const struct webhook_call *call);

/* What a Receiver refers to, so that it is found by its path. */
str receiver_call_key(arena *a, str path);
