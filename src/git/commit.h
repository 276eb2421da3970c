#pragma once
/* A commit object as git stores it. Pure; texts are borrowed from the object. */
#include "base/err.h"

struct commit {
    str sha, tree;
    str author; /* "Name <mail>" */
    int64_t author_wall_ns, committer_wall_ns;
    str message; /* all of it */
};

/* INVALID for what is no commit; a date that cannot be read is 1970. */
MUST_USE err *commit_parse(str sha, str object, struct commit *out);
/* The first line of the message. */
str commit_title(const struct commit *commit);
