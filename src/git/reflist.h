#pragma once
/*
 * What a server says of its references, in the two forms of the protocol: the
 * advertisement, and the answer to ls-refs. Pure; texts are parts of the body.
 * Errors are INVALID when it is not Git's, or in a form that we do not take,
 * and TRANSIENT "remote: <what the server says>".
 */
#include "base/arena.h"
#include "base/err.h"

struct reflist_ref {
    str name;   /* "refs/heads/main", "HEAD" */
    str sha;    /* 40 hex digits */
    str peeled; /* what an annotated tag points to; else empty */
    str target; /* of a symbolic reference; else empty */
};

struct reflist {
    struct reflist_ref *refs; /* as the server orders them */
    size_t count, room;
    bool version_2;     /* an advertisement without references: they have to be asked for */
    bool object_format; /* the server wants to be told the format of objects */
};

/* The answer to GET info/refs, in protocol 0, 1 or 2. */
MUST_USE err *reflist_parse_advertisement(arena *a, str body, struct reflist *out);
/* The answer to the command ls-refs of protocol 2. */
MUST_USE err *reflist_parse_answer(arena *a, str body, struct reflist *out);
