#pragma once
/*
 * libcurl's transfers, driven by the loop: its sockets are the loop's
 * descriptors, its timer is one of the loop's, and nothing is polled. A handle
 * runs one transfer at a time; some idle handles are kept because setting one
 * up costs more than most requests.
 *
 * All of it [loop], and never from within a callback of libcurl, which does not
 * allow to be entered twice: what such a callback wants is posted.
 */
#include <curl/curl.h>

#include "base/list.h"
#include "base/loop.h"

struct multi;

struct multi_handle {
    CURL *curl;            /* NULL in an idle one that gave up its memory */
    struct list_link link; /* among the idle ones */
    void *owner;           /* who runs a transfer on it */
    char trouble[CURL_ERROR_SIZE];
};

struct multi_options {
    int connections_per_host;
    /* Sets the options that all transfers share. */
    void (*equip)(void *context, struct multi_handle *handle);
    /* The transfer has ended; the handle is out of the multi and may start again. */
    void (*done)(void *owner, CURLcode code);
    void *context;
};

struct multi *multi_new(struct loop *loop, struct multi_options options); /* [any] */
/* Every handle has to be given back before. */
void multi_free(struct multi *multi);

struct multi_handle *multi_take(struct multi *multi, void *owner);
MUST_USE err *multi_start(struct multi *multi, struct multi_handle *handle);
/* Ends the transfer, if one runs, and gives the handle back. */
void multi_give(struct multi *multi, struct multi_handle *handle);
