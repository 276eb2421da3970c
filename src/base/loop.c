#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_AT_ONCE = 64 };

struct post {
    void (*fn)(void *context);
    void *context;
};

struct posts {
    struct post *items;
    size_t count, room;
};

struct loop {
    int epoll_fd;
    struct loop_fd wake; /* an eventfd: something was posted, or the loop shall stop */
    _Atomic(pthread_t) owner;
    pthread_t thread; /* between loop_start and loop_join */
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards posted */
    struct posts posted, running;
    struct heap timers;
    /* The events of this round; one whose descriptor was removed has a NULL pointer. */
    struct epoll_event events[EVENTS_AT_ONCE];
    int event_count;
};

static void wake_up(struct loop *loop)
{
    int saved = errno;
    ssize_t written = write(loop->wake.fd, &(uint64_t){1}, sizeof(uint64_t));
    (void)written; /* EAGAIN: the counter is full, so the loop is going to wake up anyway */
    errno = saved;
}

static void run_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct posts batch = loop->posted;
    loop->posted = loop->running;
    loop->running = batch;
    pthread_mutex_unlock(&loop->lock);

    for (size_t i = 0; i < batch.count; i++) batch.items[i].fn(batch.items[i].context);
    loop->running.count = 0;
}

static void on_wake(void *context, uint32_t events)
{
    struct loop *loop = context;
    (void)events;
    uint64_t count;
    ssize_t got = read(loop->wake.fd, &count, sizeof count);
    (void)got; /* EAGAIN: spurious, harmless */
    run_posts(loop);
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

/* A handler instead of SIG_IGN: programs that we start would inherit SIG_IGN. */
static void disarm_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = ignore, .sa_flags = SA_RESTART}, NULL);
    }
}

struct loop *loop_new(void)
{
    disarm_sigpipe();
    struct loop *loop = lang_zalloc(sizeof *loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(loop->epoll_fd >= 0);
    loop->wake = (struct loop_fd){
        .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .events = EPOLLIN,
        .fn = on_wake,
        .context = loop,
    };
    must(loop->wake.fd >= 0);
    err *e = loop_fd_add(loop, &loop->wake);
    must(!e);
    pthread_mutex_init(&loop->lock, NULL);
    atomic_init(&loop->owner, pthread_self());
    return loop;
}

static _Atomic(struct loop *) loop_of_signals;

void loop_free(struct loop *loop)
{
    if (!loop) return;
    while (loop->posted.count) run_posts(loop);
    struct loop *mine = loop;
    atomic_compare_exchange_strong(&loop_of_signals, &mine, NULL);
    close(loop->wake.fd);
    close(loop->epoll_fd);
    pthread_mutex_destroy(&loop->lock);
    heap_done(&loop->timers);
    free(loop->posted.items);
    free(loop->running.items);
    free(loop);
}

/* Until the first timer is due; rounded up, so that it is due when we wake up. */
static int wait_ms(const struct loop *loop)
{
    const struct heap_item *first = heap_first(&loop->timers);
    if (!first) return -1;
    int64_t wait_ns = first->due_ns - clock_now_ns();
    if (wait_ns <= 0) return 0;
    return (int)MIN((wait_ns + CLOCK_MS - 1) / CLOCK_MS, (int64_t)INT32_MAX);
}

static void run_events(struct loop *loop)
{
    int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_AT_ONCE, wait_ms(loop));
    must(count >= 0 || errno == EINTR);
    loop->event_count = MAX(count, 0);
    for (int i = 0; i < loop->event_count; i++) {
        struct loop_fd *fd = loop->events[i].data.ptr;
        if (fd) fd->fn(fd->context, loop->events[i].events);
    }
    loop->event_count = 0;
}

/* At most as many as are set now: timers that set themselves again must not keep out sockets. */
static void run_timers(struct loop *loop)
{
    if (!loop->timers.count) return;
    int64_t now_ns = clock_now_ns();
    for (size_t left = loop->timers.count; left > 0; left--) {
        struct heap_item *item = heap_first(&loop->timers);
        if (!item || item->due_ns > now_ns) break;
        heap_remove(&loop->timers, item);
        struct loop_timer *timer = CONTAINER_OF(item, struct loop_timer, item);
        timer->fn(timer->context);
    }
}

void loop_run(struct loop *loop)
{
    atomic_store(&loop->owner, pthread_self());
    while (!atomic_exchange(&loop->stopping, false)) {
        run_events(loop);
        run_timers(loop);
    }
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    wake_up(loop);
}

bool loop_is_here(const struct loop *loop)
{
    return pthread_equal(atomic_load(&loop->owner), pthread_self());
}

static void *run_on_thread(void *context)
{
    loop_run(context);
    return NULL;
}

void loop_start(struct loop *loop)
{
    must(loop_is_here(loop));
    must(pthread_create(&loop->thread, NULL, run_on_thread, loop) == 0);
    atomic_store(&loop->owner, loop->thread);
}

void loop_join(struct loop *loop)
{
    loop_stop(loop);
    pthread_join(loop->thread, NULL);
    atomic_store(&loop->owner, pthread_self());
}

void loop_post(struct loop *loop, void (*fn)(void *context), void *context)
{
    pthread_mutex_lock(&loop->lock);
    struct posts *posted = &loop->posted;
    if (posted->count == posted->room) {
        posted->room = posted->room ? posted->room * 2 : 16;
        posted->items = lang_realloc(posted->items, sizeof *posted->items * posted->room);
    }
    posted->items[posted->count++] = (struct post){fn, context};
    bool first = posted->count == 1;
    pthread_mutex_unlock(&loop->lock);
    if (first) wake_up(loop);
}

struct call {
    void (*fn)(void *context);
    void *context;
    pthread_mutex_t lock; /* guards done */
    pthread_cond_t ready;
    bool done;
};

static void run_call(void *context)
{
    struct call *call = context;
    call->fn(call->context);
    pthread_mutex_lock(&call->lock);
    call->done = true;
    pthread_cond_signal(&call->ready); /* within the lock: the waiter's stack holds the condition */
    pthread_mutex_unlock(&call->lock);
}

void loop_call(struct loop *loop, void (*fn)(void *context), void *context)
{
    if (loop_is_here(loop)) {
        fn(context);
        return;
    }
    struct call call = {
        .fn = fn,
        .context = context,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .ready = PTHREAD_COND_INITIALIZER,
    };
    loop_post(loop, run_call, &call);
    pthread_mutex_lock(&call.lock);
    while (!call.done) pthread_cond_wait(&call.ready, &call.lock);
    pthread_mutex_unlock(&call.lock);
    pthread_cond_destroy(&call.ready);
    pthread_mutex_destroy(&call.lock);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t due_ns,
                    void (*fn)(void *context), void *context)
{
    timer->fn = fn;
    timer->context = context;
    heap_put(&loop->timers, &timer->item, due_ns);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    heap_remove(&loop->timers, &timer->item);
}

err *loop_fd_add(struct loop *loop, struct loop_fd *fd)
{
    struct epoll_event event = {.events = fd->events, .data.ptr = fd};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd->fd, &event) == 0) return NULL;
    return err_transient("watching descriptor %d: %s", fd->fd, strerror(errno));
}

void loop_fd_change(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
    if (events == fd->events) return;
    fd->events = events;
    struct epoll_event event = {.events = events, .data.ptr = fd};
    must(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd->fd, &event) == 0);
}

void loop_fd_remove(struct loop *loop, struct loop_fd *fd)
{
    /* Fails when the descriptor was closed before, which took it off already. */
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd->fd, NULL);
    for (int i = 0; i < loop->event_count; i++) {
        if (loop->events[i].data.ptr == fd) loop->events[i].data.ptr = NULL;
    }
}

static void on_signal(int signal_number)
{
    (void)signal_number;
    struct loop *loop = atomic_load(&loop_of_signals);
    if (loop) loop_stop(loop);
}

static void mask_signals(int how)
{
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    must(pthread_sigmask(how, &both, NULL) == 0);
}

err *loop_stop_on_signals(struct loop *loop)
{
    struct loop *none = NULL;
    must(atomic_compare_exchange_strong(&loop_of_signals, &none, loop));
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND};
    if (sigaction(SIGTERM, &action, NULL) || sigaction(SIGINT, &action, NULL)) {
        return err_internal("handling SIGTERM and SIGINT: %s", strerror(errno));
    }
    mask_signals(SIG_UNBLOCK); /* one that was held comes now */
    return NULL;
}

void loop_hold_signals(void)
{
    mask_signals(SIG_BLOCK);
}
