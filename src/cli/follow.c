#include "cli/follow.h"

#include <unistd.h>

struct follower {
    const struct follow *follow;
    struct kube *kube;
    struct kube_resource resource;
};

static void on_edge(void *context)
{
    (void)context;
}

static void on_object(void *context, enum watch_change change, const node *object)
{
    const struct follower *follower = context;
    if (change == WATCH_GONE) return;
    arena a AUTO(arena_done) = {0};
    buf out = BUF(&a);
    follower->follow->print(follower->follow->context, &a, object, &out);
    /* Nobody reads any more: there is nothing left to do. */
    if (out.len && write(STDOUT_FILENO, out.data, out.len) < 0) _exit(0);
}

static void on_trouble(void *context, const err *e)
{
    const struct follower *follower = context;
    cli_warning("watching " STR_FMT ": " STR_FMT, STR_ARG(follower->resource.plural),
                STR_ARG(err_text(e)));
}

static const struct watch_events events = {on_edge, on_object, on_edge, on_trouble};

static void start(void *context)
{
    struct follower *follower = context;
    struct watch_options options = {
        .kind = follower->follow->kind,
        .resource = follower->resource,
        .namespace = follower->follow->namespace,
        .label_selector = follower->follow->label_selector,
        .field_selector = follower->follow->field_selector,
    };
    /* Ends with the process. */
    watch_start(follower->kube, options, &events, follower);
}

err *follow_begin(struct cli *cli, const struct follow *follow)
{
    struct follower *follower = NEW(cli->a, struct follower);
    follower->follow = follow;
    follower->kube = cli->kube;
    TRY(kube_resource_of(cli->kube, cli->a, follow->kind, &follower->resource));
    loop_call(kube_loop(cli->kube), start, follower);
    return NULL;
}

void follow_forever(void)
{
    for (;;)
        pause();
}
