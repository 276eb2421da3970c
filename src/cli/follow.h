#pragma once
/* Printing objects as they change, until the user interrupts: what --watch does. */
#include "cli/cli.h"
#include "kube/watch.h"

struct follow {
    struct kube_kind kind;
    str namespace, label_selector, field_selector; /* empty: all */
    /* Writes what is to be printed of an object, or nothing. Runs on the loop thread, and `out` and
     * the arena are dropped after the call. */
    void (*print)(void *context, arena *a, const node *object, buf *out);
    void *context;
};

/* Begins; the struct must live on. Several may run at once. */
MUST_USE err *follow_begin(struct cli *cli, const struct follow *follow);
_Noreturn void follow_forever(void);
