#pragma once
/*
 * WWW-Authenticate, as registries send it: how a request has to prove who it
 * is. Pure; any thread. Texts are in the arena.
 */
#include "base/arena.h"
#include "base/str.h"

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
    enum challenge_scheme scheme;
    str realm, service, scope; /* of Bearer; empty when not given */
};

/* The best challenge of a header, or of several joined by ", ": Bearer before Basic. What cannot be
 * read is passed over: CHALLENGE_NONE when nothing is left. */
struct challenge challenge_parse(arena *a, str header);
