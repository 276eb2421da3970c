#pragma once
/*
 * One object while it is built: its tree, what it is called now, and what it
 * was called before each transformation. What the reference keeps in internal
 * annotations is kept here, outside of the tree. One build, one thread; all
 * memory is the build's arena.
 */
#include "render/hint.h"
#include "render/resid.h"

/* A name that a resource had. */
struct past {
    str name, namespace, kind; /* the namespace is the effective one */
    uint32_t times;            /* stored so often in a row */
};

struct resource {
    node *root;               /* changed in place; NULL: deleted */
    struct resid id;          /* as the tree says now */
    struct past *past;        /* oldest first */
    str *prefixes, *suffixes; /* added so far, innermost first */
    uint32_t past_count, past_room, prefix_count, prefix_room, suffix_count, suffix_room;
    const struct hints *hints;    /* of its file; may be NULL */
    str file;                     /* where it was read, relative to the folder that is built */
    struct resource *replaced_by; /* a generated one that took its place */
    uint32_t position;            /* in its resmap, growing */
    bool needs_hash;
    bool shares;  /* the tree has values that are in it more than once */
    bool dropped; /* no longer in the resmap */
    bool generated;
    uint8_t behavior; /* of a generated one: enum generator_behavior */
};

/* Takes the tree over. Internal annotations are taken out of it. */
struct resource *resource_new(arena *a, struct gvks *gvks, node *root);
/* Reads the id again after the tree has changed; true when it is another one. */
bool resource_refresh(struct gvks *gvks, struct resource *resource);

void resource_store_past(arena *a, struct resource *resource);
struct resid resource_past_id(struct gvks *gvks, const struct resource *resource, size_t index);
struct resid resource_original_id(struct gvks *gvks, const struct resource *resource);
void resource_add_prefix(arena *a, struct resource *resource, str prefix);
void resource_add_suffix(arena *a, struct resource *resource, str suffix);

/* The internal annotations put into the tree, for patches and messages that see them, and taken out
 * again. */
void resource_show_internal(arena *a, struct resource *resource);
void resource_hide_internal(struct resource *resource);
node *resource_with_internal(arena *a, const struct resource *resource); /* a copy */

/* Every annotation becomes a text of its own, and none at all no field: what the reference leaves
 * after a JSON patch and in the end. */
void resource_renew_annotations(arena *a, struct resource *resource);
/* metadata.annotations, made if missing; NULL when metadata is no map. */
node *resource_annotations(arena *a, struct resource *resource);
str resource_annotation(const struct resource *resource, str key); /* its text; data NULL: none */
