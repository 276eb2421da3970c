#include "sandbox/folder_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

#define QUIET_NS (200 * CLOCK_MS)   /* without a change, before the folder is read */
#define MOST_NS  (2 * CLOCK_SECOND) /* since the first change, however many follow */
#define AGAIN_NS (2 * CLOCK_SECOND) /* after it could not be read */

struct folder_watch {
    struct folder_watch_options options;
    struct loop_fd events; /* an inotify descriptor; -1: none */
    struct loop_timer timer;
    int64_t first_ns; /* of the changes that wait for the timer; 0: there is none */
    bool busy;        /* a worker reads */
    bool again;       /* something changed meanwhile */
    bool stopped;
    int fresh; /* the worker's: knows all folders as they are now; -1: none */
    bool failed;
};

/* With a descriptor of its own each time: those that are gone take their watches along. */
static err *look(struct folder_watch *watch, arena *a, struct folder_commit *out)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0 && errno == EMFILE)
        return err_invalid("the folder '" STR_FMT "' cannot be watched: raise the sysctl "
                           "fs.inotify.max_user_instances",
                           STR_ARG(folder_path(watch->options.folder)));
    if (fd < 0) return fs_error("watch", folder_path(watch->options.folder));
    err *e = folder_commit(watch->options.folder, a, fd, out);
    if (e) {
        close(fd);
        return e;
    }
    watch->fresh = fd;
    return NULL;
}

static void finish(void *context);

/* [worker] */
static void work(void *context)
{
    struct folder_watch *watch = context;
    arena a AUTO(arena_done) = {0};
    struct folder_commit commit;
    err *e AUTO(err_done) = look(watch, &a, &commit);
    watch->failed = e;
    if (e)
        watch->options.changed(watch->options.context, NULL, e);
    else if (commit.changed)
        watch->options.changed(watch->options.context, &commit, NULL);
    loop_post(watch->options.loop, finish, watch);
}

static void on_due(void *context)
{
    struct folder_watch *watch = context;
    watch->first_ns = 0;
    watch->busy = true;
    pool_run(watch->options.pool, work, watch);
}

static void expect(struct folder_watch *watch)
{
    int64_t now_ns = clock_now_ns();
    if (!watch->first_ns) watch->first_ns = now_ns;
    int64_t due_ns = MIN(now_ns + QUIET_NS, watch->first_ns + MOST_NS);
    loop_timer_set(watch->options.loop, &watch->timer, due_ns, on_due, watch);
}

/* What changed does not matter: all is read again. */
static void on_events(void *context, uint32_t events)
{
    (void)events;
    struct folder_watch *watch = context;
    char piece[4096];
    while (read(watch->events.fd, piece, sizeof piece) > 0)
        continue;
    if (watch->busy)
        watch->again = true;
    else
        expect(watch);
}

static void unwatch(struct folder_watch *watch)
{
    if (watch->events.fd < 0) return;
    loop_fd_remove(watch->options.loop, &watch->events);
    close(watch->events.fd);
    watch->events.fd = -1;
}

static void take_fresh(struct folder_watch *watch)
{
    unwatch(watch);
    watch->events =
        (struct loop_fd){.fd = watch->fresh, .events = EPOLLIN, .fn = on_events, .context = watch};
    watch->fresh = -1;
    err *e AUTO(err_done) = loop_fd_add(watch->options.loop, &watch->events);
    must(!e);
}

static void finish(void *context)
{
    struct folder_watch *watch = context;
    watch->busy = false;
    if (watch->fresh >= 0) take_fresh(watch);
    if (watch->stopped) {
        unwatch(watch);
    } else if (watch->failed) {
        int64_t due_ns = clock_now_ns() + AGAIN_NS;
        loop_timer_set(watch->options.loop, &watch->timer, due_ns, on_due, watch);
    } else if (watch->again) {
        expect(watch);
    }
    watch->again = false;
}

err *folder_watch_start(struct folder_watch_options options, arena *a,
                        struct folder_commit *first_out, struct folder_watch **out)
{
    struct folder_watch *watch = lang_zalloc(sizeof *watch);
    *watch = (struct folder_watch){.options = options, .fresh = -1, .events.fd = -1};
    err *e = look(watch, a, first_out);
    if (e) {
        free(watch);
        return e;
    }
    watch->busy = true;
    loop_post(options.loop, finish, watch);
    *out = watch;
    return NULL;
}

static void stop(void *context)
{
    struct folder_watch *watch = context;
    watch->stopped = true;
    loop_timer_cancel(watch->options.loop, &watch->timer);
    unwatch(watch);
}

void folder_watch_stop(struct folder_watch *watch)
{
    if (watch) loop_call(watch->options.loop, stop, watch);
}

void folder_watch_free(struct folder_watch *watch)
{
    if (!watch) return;
    must(watch->stopped && watch->events.fd < 0 && watch->fresh < 0);
    free(watch);
}
