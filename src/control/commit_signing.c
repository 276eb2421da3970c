#include "control/commit_signing.h"

err *commit_signing_read(struct work *work, const struct imageupdateautomation_key *spec,
                         struct commit_signing *out)
{
    (void)work;
    *out = (struct commit_signing){0};
    if (!spec->secret_ref.name.len) return NULL;
    return err_new(ERR_INVALID, "UnsupportedField",
                   "spec.git.commit.signingKey is not supported by this version of fixpoint");
}

void commit_signing_done(struct commit_signing *signing)
{
    (void)signing;
}
