#pragma once
/*
 * YAML to nodes, on libyaml's events, with the rules of go-yaml so that scalars
 * mean what they mean to Kubernetes tools. Anchors, aliases and merge keys are
 * expanded into copies, within the alias bounds of limits.h. Error texts are
 * go-yaml's ("yaml: line 3: mapping values are not allowed in this context"),
 * and quote no values. Any thread.
 *
 * JSON is YAML; so is a text that only looks like YAML, which is why Secrets and
 * the like are better read with json_parse when they are JSON.
 *
 * yaml_emit.h writes.
 */
#include "doc/doc.h"

enum yaml_dialect {
    /* Resources: yes, no, on and off are texts; a timestamp is marked (node.time); a key that is
     * no text keeps its kind. */
    YAML_V3,
    /* Kustomization files, configurations, Helm values: yes, no, on and off are booleans; a
     * timestamp is a text like any other; a key of any kind becomes a text. */
    YAML_V2,
};

struct yaml_options {
    enum yaml_dialect dialect;
    bool last_wins; /* repeated keys: the last one wins; otherwise they are kept as they are */
    bool dup_error; /* repeated keys are an error that names both lines */
    bool borrow;    /* texts may be parts of the given one, which lives as long as the tree */
    bool no_block;  /* everything through libyaml, for tests that compare (yaml_block.h) */
};

/* The first document; a NODE_NULL root when there is none. */
MUST_USE err *yaml_parse(arena *a, str text, struct yaml_options options, node **out);
/* Every document of the stream, those without content left out. */
MUST_USE err *yaml_parse_all(arena *a, str text, struct yaml_options options, node ***out,
                             size_t *count_out);

/* What a plain scalar means. *time_out: it is a timestamp (and a text). */
enum node_kind yaml_resolve(str plain, enum yaml_dialect dialect, bool *time_out);
