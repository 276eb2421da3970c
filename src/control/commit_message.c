#include "control/commit_message.h"

#define DEFAULT "Update from image update automation"

err *commit_message_make(struct work *work, str template, const node *values,
                         const struct image_edit *edit, str *out)
{
    (void)work, (void)values, (void)edit;
    *out = STR(DEFAULT);
    if (!template.len) return NULL;
    return err_new(ERR_INVALID, "UnsupportedField",
                   "spec.git.commit.messageTemplate is not supported by this version of fixpoint");
}
