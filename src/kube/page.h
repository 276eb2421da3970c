#pragma once
/*
 * One page of a LIST, cut into the texts of its objects without a tree of the
 * whole: a page of full objects is megabytes, and an object that cannot be
 * decoded must not take the others with it. The cutting counts brackets and
 * passes over strings; each text is checked by whoever parses it. Pure.
 */
#include "doc/doc.h"

struct page {
    str kind;             /* "PodList" */
    str resource_version; /* of the whole LIST */
    str continue_token;   /* of the next page; empty: this is the last one */
    str rest;             /* for page_next */
};

/* Texts point into the body or the arena. INVALID when the body is no list. */
MUST_USE err *page_open(arena *a, str body, struct page *out);
/* The text of the next object; false when there is none left. */
bool page_next(struct page *page, str *object);
/* Reads such a text, which the object borrows from. INVALID when it is no object. */
MUST_USE err *page_object(arena *a, str text, str api_version, str kind, node **out);
/* A LIST leaves apiVersion and kind out of its items, and bare metadata calls itself
 * PartialObjectMetadata: makes them what the object is. */
void page_set_type(arena *a, node *object, str api_version, str kind);
