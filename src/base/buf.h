#pragma once
/*
 * Text that is being built. It grows in the arena it was given, or on the heap
 * when it was given none (then buf_done releases it). A zeroed buf is valid,
 * empty and on the heap. The bytes are not terminated; buf_str is a view that
 * lasts until the next change.
 */
#include "base/arena.h"
#include "base/str.h"

typedef struct buf {
    char *data;
    size_t len, room;
    arena *arena; /* NULL: on the heap */
} buf;

#define BUF(a) ((buf){.arena = (a)})

void buf_done(buf *b);
void buf_clear(buf *b); /* empties it, keeps the memory */

void buf_add(buf *b, str s);
void buf_add_char(buf *b, char c);
void buf_add_bytes(buf *b, const void *data, size_t len);
void buf_fill(buf *b, char c, size_t count);
void buf_printf(buf *b, const char *format, ...) PRINTF(2, 3);

/* Room for at least `more` further bytes; returns where they go. Count them with buf_grew. */
char *buf_room(buf *b, size_t more);
void buf_grew(buf *b, size_t count);

str buf_str(const buf *b);

#define BUF_ADD(b, literal) buf_add((b), STR(literal))
