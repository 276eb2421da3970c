#pragma once
/*
 * pkt-lines, the frames of Git's protocol: four hexadecimal digits that count
 * themselves and what follows. Pure; texts are borrowed.
 */
#include "base/buf.h"
#include "base/err.h"

enum pktline_kind {
    PKTLINE_DATA,
    PKTLINE_FLUSH,     /* 0000 */
    PKTLINE_DELIMITER, /* 0001 */
    PKTLINE_END,       /* 0002, the end of a response */
};

/* Takes the next frame off the front of *rest, which must not be empty. Of data, the line is
 * without its newline. INVALID for lengths that lie. */
MUST_USE err *pktline_next(str *rest, enum pktline_kind *kind, str *line);

void pktline_add(buf *b, str line); /* a newline is added */
void pktline_add_mark(buf *b, enum pktline_kind mark);
