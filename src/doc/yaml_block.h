#pragma once
/*
 * The part of YAML that nearly all manifests keep to, read without libyaml at a
 * third of its cost: block maps and lists, scalars on one line, plain or in
 * quotes without escapes, comments, printable ASCII. Whatever goes beyond that
 * is left to yaml.h, so nothing is judged here and there are no errors: a text
 * is either read, with the very tree that yaml_parse makes of libyaml's events,
 * or it is not. Any thread.
 */
#include "doc/yaml.h"

/* False when the text has anything unusual; then *out is not set. */
bool yaml_block_read(arena *a, str text, struct yaml_options options, node **out);
