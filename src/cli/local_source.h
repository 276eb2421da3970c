#pragma once
/*
 * A folder of the user's machine as a source of the sandbox: its files are kept
 * committed to a private repository in a temporary folder, which the operator
 * pulls from as from any other, and is told of each commit.
 */
#include "kube/kube.h"

struct local_source;

/* The folder, or the work tree that it is within: what it refers to has to come along. Errors name
 * it and say what to do. */
MUST_USE err *local_source_start(arena *a, str path, struct local_source **out);
/* Makes, in flux-system, a Secret and a GitRepository `name`; from then on that is told of changes.
 * The client has to live as long as the source. */
MUST_USE err *local_source_declare(struct local_source *source, arena *a, struct kube *kube,
                                   str name);
str local_source_folder(const struct local_source *source);   /* all of it */
str local_source_path(const struct local_source *source);     /* what was asked for, within that */
MUST_USE err *local_source_stop(struct local_source *source); /* and leaves nothing behind */
