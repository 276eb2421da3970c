#pragma once
/*
 * What an object of our kinds says of itself, as texts for tables and messages.
 * Pure; texts are borrowed from the object or made in the arena.
 */
#include "doc/doc.h"

/* The text at a path such as "status.history[0].chartVersion"; empty when there is none. */
str shown_path(const node *object, const char *path);

struct shown_ready {
    str status; /* "True", "False", "Unknown" */
    str message;
};
/* A missing Ready condition is "False", "waiting to be reconciled". */
struct shown_ready shown_ready_of(const node *object);
/* The condition of a type (compared without case), or NULL. */
const node *shown_condition(const node *object, str type);
bool shown_is_suspended(const node *object);

/* Hex strings of 40 to 128 digits are cut to 8: "main@sha1:1a2b3c4d". */
str shown_short_hex(arena *a, str text);
/* A span of time as kubectl prints ages: "45s", "12m", "3h5m", "4d". */
str shown_age(arena *a, int64_t span_ns);

/* "ready=false", "Ready!=True": what --status-selector takes. */
struct shown_selector {
    str type, status;
    bool negated;
};
MUST_USE err *shown_parse_selector(str text, struct shown_selector *out);
bool shown_matches(const node *object, const struct shown_selector *selector);
