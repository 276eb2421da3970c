#pragma once
/*
 * YAML to nodes, on libyaml's events, with the rules of go-yaml so that scalars
 * mean what they mean to Kubernetes tools. Anchors, aliases and merge keys are
 * expanded, within the alias bounds of limits.h. Error texts are go-yaml's
 * ("yaml: line 3: mapping values are not allowed in this context"), and quote
 * no values. Any thread.
 *
 * yaml_emit.h writes.
 */
#include "doc/doc.h"

enum yaml_dialect {
    YAML_V3, /* resources: spec/kustomize.md 3.3; yes/no/on/off are strings */
    YAML_V2, /* kustomization files, configs, Helm values: yes/no/on/off are booleans */
};

struct yaml_options {
    enum yaml_dialect dialect;
    bool last_wins;    /* duplicate keys: the last one wins; otherwise they are kept as they are */
    bool dup_error;    /* duplicate keys are an error that names both lines */
    bool borrow;       /* texts may point into the input where they are one run of it */
};

/* The first document; a NODE_NULL root when there is none. */
MUST_USE err *yaml_parse(arena *a, str text, struct yaml_options options, node **out);
/* Every document of the stream, empty ones left out. */
MUST_USE err *yaml_parse_all(arena *a, str text, struct yaml_options options, node ***out,
                             size_t *count_out);

/* What a plain scalar means. *text_out is the text to keep. */
enum node_kind yaml_resolve(str plain, enum yaml_dialect dialect, bool *time_out);
