#pragma once
/*
 * Is everything converged? All objects of our kinds become counts and a list of
 * causes: what fails by itself, with what only waits for it. Pure; texts and
 * nodes are borrowed from the objects.
 */
#include "base/map.h"
#include "control/kind.h"

enum overview_state { OVERVIEW_READY, OVERVIEW_FAILING, OVERVIEW_WAITING, OVERVIEW_SUSPENDED };
enum { OVERVIEW_STATES = 4 };

struct overview_item {
    const struct kind *kind;
    const node *object;
    str namespace, name, key; /* key: "Kind/ns/name" */
    enum overview_state state;
    str reason, message;         /* of Ready, or in our words */
    int64_t since_ns;            /* wall time; 0: not known */
    struct overview_item *cause; /* what it waits for; itself: nothing else */
    bool visited;                /* on the way to its cause */
    size_t victims;              /* that wait for it, also through others */
};

struct overview_count {
    const struct kind *kind;
    size_t total, states[OVERVIEW_STATES];
    int64_t since_ns; /* the last change to ready; with some that are not, the first of these */
};

struct overview {
    struct overview_item *items;
    size_t count;
    struct overview_count *kinds; /* those with objects, by rank */
    size_t kind_count;
    struct overview_item **causes; /* what needs attention: most victims first, then the oldest */
    size_t cause_count;
    bool converged;
    int64_t since_ns; /* converged: since then */
};

/* objects is a list; each knows its apiVersion and kind. */
void overview_make(arena *a, const node *objects, struct overview *out);
/* What it means, in words: "cannot be fetched". */
const char *overview_words(const struct overview_item *item);
const char *overview_state_name(enum overview_state state);
node *overview_node(arena *a, const struct overview *overview); /* for json and yaml */
