#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_done(buf *b)
{
    if (!b) return;
    if (!b->arena) free(b->data);
    *b = (buf){.arena = b->arena};
}

void buf_clear(buf *b)
{
    b->len = 0;
}

char *buf_room(buf *b, size_t more)
{
    must(more < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    if (b->room - b->len < more || !b->data) {
        size_t room = MAX(b->room * 2, b->len + more);
        room = MAX(room, (size_t)64);
        b->data = b->arena ? arena_grow(b->arena, b->data, b->room, room)
                           : lang_realloc(b->data, room);
        b->room = room;
    }
    return b->data + b->len;
}

void buf_grew(buf *b, size_t count)
{
    must(count <= b->room - b->len);
    b->len += count;
}

void buf_add_bytes(buf *b, const void *data, size_t len)
{
    if (len == 0) return;
    memcpy(buf_room(b, len), data, len);
    b->len += len;
}

void buf_add(buf *b, str s)
{
    buf_add_bytes(b, s.data, s.len);
}

void buf_add_char(buf *b, char c)
{
    *buf_room(b, 1) = c;
    b->len++;
}

void buf_fill(buf *b, char c, size_t count)
{
    memset(buf_room(b, count), c, count);
    b->len += count;
}

void buf_printf(buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    must(len >= 0);
    va_start(args, format);
    vsnprintf(buf_room(b, (size_t)len + 1), (size_t)len + 1, format, args);
    va_end(args);
    b->len += (size_t)len;
}

str buf_str(const buf *b)
{
    return (str){b->data ? b->data : "", b->len};
}
