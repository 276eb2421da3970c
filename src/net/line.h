#pragma once
/*
 * A conversation in lines over TCP, driven by the loop: for services that do
 * not speak HTTP. Names are looked up on a thread of their own, addresses are
 * tried one after the other, link-local ones are refused, and one deadline
 * counts for everything. No TLS, no proxy. [loop]
 */
#include "base/loop.h"
#include "base/str.h"

struct line;

struct line_events {
    /* A line, without its end. An error, or *over, ends the conversation. */
    err *(*heard)(void *context, str text, bool *over);
    /* Last event; takes the error, which is NULL after *over. The line is gone. */
    void (*ended)(void *context, err *error);
};

/* No event comes before the return. The peer may say LIMIT_LINE_BYTES in a line and
 * LIMIT_NOTICE_ANSWER_BYTES in all. */
struct line *line_open(struct loop *loop, str host, int port, int64_t deadline_ns,
                       const struct line_events *events, void *context);
void line_say(struct line *line, str text); /* only from within heard */
void line_close(struct line *line);         /* no event follows; not from within one */
