#pragma once
/*
 * The words that name kinds on the command line: "kustomizations", "ks",
 * "source git", "gitrepo", "all", "sources all". Made from the tables of the kinds.
 */
#include "cli/cli.h"
#include "control/kind.h"

struct target {
    const struct kind **kinds; /* one, or all of a family, or all there are */
    size_t count;
    bool all; /* "all" or "sources all" */
};

/* Takes the words off the front of cli->args; what is left are names. `all` is allowed if asked
 * for. */
MUST_USE err *target_take(struct cli *cli, bool allow_all, struct target *out);
/* One object. Names are checked as kube_do does. */
struct kube_ref target_ref(const struct kind *kind, str namespace, str name);
/* The list of kinds, for the help of commands that take one. */
void target_help(buf *b);
