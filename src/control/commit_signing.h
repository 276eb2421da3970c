#pragma once
/* The key that commits of an ImageUpdateAutomation are signed with. [worker] */
#include "control/imageupdateautomation_spec.h"
#include "control/manager.h"
#include "git/change.h"
#include "git/pgpkey.h"
#include "git/sshkey.h"

struct commit_signing {
    change_sign_fn *sign; /* NULL: commits are not signed; else its context is this struct */
    struct pgpkey *pgp;
    struct sshkey ssh;
};

/* Reads the Secret, and the key in it. Errors have Flux's texts. */
MUST_USE err *commit_signing_read(struct work *work, const struct imageupdateautomation_key *spec,
                                  struct commit_signing *out);
void commit_signing_done(struct commit_signing *signing);
