#pragma once
/* The message of a commit, from spec.git.commit.messageTemplate and what was changed. [worker] */
#include "control/image_edit.h"
#include "control/manager.h"

/* template: data NULL when not given; values may be NULL. INVALID: the reason RemovedTemplateField
 * for fields that the template language no longer has, else what is wrong with the template. */
MUST_USE err *commit_message_make(struct work *work, str template, const node *values,
                                  const struct image_edit *edit, str *out);
