#pragma once
/*
 * Which files of a source stay out of its artifact: .sourceignore files and
 * spec.ignore, in the syntax of .gitignore as the reference reads it. Pure; the
 * rules live in the arena and borrow the texts they were made from.
 *
 * Every path is judged on its own: a folder that is left out does not take its
 * files along, so a later "!" may bring a file back from below it.
 */
#include "base/arena.h"
#include "base/str.h"

#define IGNORE_FILE ".sourceignore"

struct ignore;

/* Without any rule of the user's, files that are hardly manifests are left out (images, archives,
 * CI settings); with one, only Git's own files are. `no_defaults`: neither. */
struct ignore *ignore_new(arena *a, bool no_defaults);
/* The rules of a file in `folder` ("" or "." is the root), or of spec.ignore (the root). What is
 * added later wins, so add folders before what is in them, and spec.ignore last. */
void ignore_add(struct ignore *ignore, str folder, str text);
/* Is the path ("a/b.yaml", from the root) left out? */
bool ignore_has(const struct ignore *ignore, str path, bool is_dir);
