#pragma once
/*
 * Reads the output of `git cat-file --batch` as it comes, in pieces of any
 * size. One thread.
 */
#include "base/arena.h"
#include "base/err.h"

/* For each object in the order asked for: begin, data (any number of times), end. `size` is how
 * many bytes of data there will be. An error ends the reading. */
struct batch_events {
    err *(*begin)(void *context, size_t index, str sha, uint64_t size);
    err *(*data)(void *context, str bytes);
    err *(*end)(void *context);
};

struct batch;

struct batch *batch_new(arena *a, size_t count, const struct batch_events *events, void *context);
/* Fits gitrun.take; the context is the batch. NOT_FOUND, "object not found", for one that is
 * missing. */
MUST_USE err *batch_take(void *batch, str bytes);
/* After the last piece: were they all there? */
MUST_USE err *batch_end(const struct batch *batch);
