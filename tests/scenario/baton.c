#include "scenario/baton.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    HANDS_MAX = 2048,
    DESCRIPTORS_MAX = 4096,
    STEP_NS = 200,         /* so that those who only look at the clock get on, too */
    OVERTAKEN_ONE_IN = 16, /* at a lock that is free */
};
#define FIRST_NOW_NS    ((int64_t)1000 * 1000000000)       /* monotonic */
#define FIRST_WALL_NS   ((int64_t)1790000000 * 1000000000) /* since 1970 */
#define REALTIME_FROM_S 1000000000 /* a time-out from here on is a time of the wall */

/* A thread. */
struct hand {
    int id, group;
    enum { READY, WAITING, GONE } state;
    const void *on; /* a condition, a mutex, a hand; &descriptors[fd] of an epoll */
    int64_t due_ns; /* of the wait; INT64_MAX: none */
    bool timed_out;
    sem_t turn;
    pthread_t real;
    void *(*fn)(void *context);
    void *context;
};

static struct hand *hands[HANDS_MAX]; /* those that are not gone */
static int hand_count, hands_made;
static __thread struct hand *self;
static bool started;
static int64_t now_ns = FIRST_NOW_NS, skew_ns;
static uint64_t random_state, digest, decisions;
/* Of an eventfd, the epoll that looks at it, plus one; the address of an item stands for an epoll.
 */
static int descriptors[DESCRIPTORS_MAX];

void (*baton_before_io)(int group);
void (*baton_on_error_output)(int group, const char *data, size_t len);
bool (*baton_disk_is_full)(int group);

static FILE *trace;

static uint64_t draw(void)
{
    uint64_t value = random_state += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

uint64_t baton_below(uint64_t bound)
{
    return draw() % bound;
}

void baton_note(uint64_t value)
{
    digest = (digest ^ value) * 0x100000001b3u;
    digest ^= digest >> 29;
}

void baton_trace(const char *format, ...)
{
    if (!trace) return;
    va_list args;
    va_start(args, format);
    fprintf(trace, "%lld ", (long long)now_ns);
    vfprintf(trace, format, args);
    fputc('\n', trace);
    va_end(args);
}

uint64_t baton_digest(void)
{
    return digest;
}

uint64_t baton_decisions(void)
{
    return decisions;
}

int64_t baton_now_ns(void)
{
    return now_ns;
}

void baton_skew(int64_t span_ns)
{
    skew_ns += span_ns;
}

int baton_group(void)
{
    return self ? self->group : 0;
}

/* ---- Who goes on ---- */

static _Noreturn void stuck(void)
{
    fprintf(stderr, "everybody waits for ever:\n");
    for (int i = 0; i < hand_count; i++)
        fprintf(stderr, "  thread %d of group %d\n", hands[i]->id, hands[i]->group);
    abort();
}

static void end_wait(struct hand *hand, bool timed_out)
{
    hand->state = READY;
    hand->on = NULL;
    hand->timed_out = timed_out;
}

static int end_waits(void)
{
    int ready = 0;
    for (int i = 0; i < hand_count; i++) {
        if (hands[i]->state == WAITING && hands[i]->due_ns <= now_ns) end_wait(hands[i], true);
        ready += hands[i]->state == READY;
    }
    return ready;
}

static struct hand *choose(void)
{
    int ready;
    decisions++;
    now_ns += STEP_NS;
    while (!(ready = end_waits())) {
        int64_t next_ns = INT64_MAX;
        for (int i = 0; i < hand_count; i++)
            next_ns = MIN(next_ns, hands[i]->due_ns);
        if (next_ns == INT64_MAX) stuck();
        now_ns = next_ns;
    }
    int at = ready == 1 ? 0 : (int)(draw() % (uint64_t)ready);
    for (int i = 0;; i++) {
        if (hands[i]->state == READY && at-- == 0) return hands[i];
    }
}

/* Hands the baton on, and waits until it comes back. */
static void pass(void)
{
    struct hand *next = choose(), *mine = self;
    baton_note((uint64_t)next->id);
    baton_trace("%d -> %d", mine->id, next->id);
    if (next == mine) return;
    sem_post(&next->turn);
    while (sem_wait(&mine->turn) != 0)
        continue;
}

/* True when the wait ended because of its time. */
static bool wait_on(const void *on, int64_t due_ns)
{
    self->state = WAITING;
    self->on = on;
    self->due_ns = due_ns;
    pass();
    self->due_ns = INT64_MAX;
    return self->timed_out;
}

static void wake_all(const void *on)
{
    for (int i = 0; i < hand_count; i++) {
        if (hands[i]->state == WAITING && hands[i]->on == on) end_wait(hands[i], false);
    }
}

static void wake_one(const void *on)
{
    int count = 0;
    for (int i = 0; i < hand_count; i++)
        count += hands[i]->state == WAITING && hands[i]->on == on;
    if (!count) return;
    int at = count == 1 ? 0 : (int)(draw() % (uint64_t)count);
    for (int i = 0;; i++) {
        if (hands[i]->state == WAITING && hands[i]->on == on && at-- == 0) {
            end_wait(hands[i], false);
            return;
        }
    }
}

static void remove_hand(struct hand *hand)
{
    int kept = 0;
    for (int i = 0; i < hand_count; i++) {
        if (hands[i] != hand) hands[kept++] = hands[i];
    }
    hand_count = kept;
    hand->state = GONE;
}

/* ---- Threads ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *context);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);

static struct hand *hand_new(int group, void *(*fn)(void *), void *context)
{
    must(hand_count < HANDS_MAX);
    struct hand *hand = calloc(1, sizeof *hand);
    must(hand);
    *hand = (struct hand){
        .id = ++hands_made, .group = group, .due_ns = INT64_MAX, .fn = fn, .context = context};
    sem_init(&hand->turn, 0, 0);
    hands[hand_count++] = hand;
    return hand;
}

static void *run_hand(void *context)
{
    struct hand *hand = context;
    while (sem_wait(&hand->turn) != 0)
        continue;
    self = hand;
    hand->fn(hand->context);
    remove_hand(hand);
    wake_all(hand);
    struct hand *next = choose();
    baton_note((uint64_t)next->id);
    sem_post(&next->turn);
    return NULL;
}

static int create(struct hand *hand, const pthread_attr_t *attributes)
{
    int status = __real_pthread_create(&hand->real, attributes, run_hand, hand);
    if (status) remove_hand(hand);
    return status;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
                          void *context)
{
    if (!started) return __real_pthread_create(thread, attributes, fn, context);
    struct hand *hand = hand_new(self->group, fn, context);
    int status = create(hand, attributes);
    *thread = hand->real;
    return status;
}

static struct hand *find(pthread_t thread)
{
    for (int i = 0; i < hand_count; i++) {
        if (pthread_equal(hands[i]->real, thread)) return hands[i];
    }
    return NULL;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    if (!started) return __real_pthread_join(thread, result);
    struct hand *hand = find(thread);
    while (hand && hand->state != GONE)
        wait_on(hand, INT64_MAX);
    return __real_pthread_join(thread, result);
}

struct start {
    void (*fn)(void *context);
    void *context;
};

static void *begin(void *context)
{
    struct start start = *(struct start *)context;
    free(context);
    start.fn(start.context);
    return NULL;
}

void baton_spawn(int group, void (*fn)(void *context), void *context)
{
    enum { STACK_BYTES = 4 * 1024 * 1024 };
    struct start *start = malloc(sizeof *start);
    must(start && group > 0 && group < BATON_GROUPS);
    *start = (struct start){fn, context};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    must(create(hand_new(group, begin, start), &attributes) == 0);
    pthread_attr_destroy(&attributes);
}

void baton_start(uint64_t seed)
{
    must(!started);
    if (getenv("SCENARIO_TRACE")) trace = fopen(getenv("SCENARIO_TRACE"), "w");
    started = true;
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    self = hand_new(0, NULL, NULL);
    self->real = pthread_self();
}

void baton_kill(int group)
{
    int kept = 0;
    for (int i = 0; i < hand_count; i++) {
        if (hands[i]->group == group) {
            hands[i]->state = GONE;
        } else {
            hands[kept++] = hands[i];
        }
    }
    hand_count = kept;
    for (int i = 0; i < hand_count; i++) {
        if (hands[i]->state == WAITING && hands[i]->on == &hands[0]) end_wait(hands[i], false);
    }
    if (self->state == GONE) pass();
}

static bool is_alive(int group)
{
    for (int i = 0; i < hand_count; i++) {
        if (hands[i]->group == group) return true;
    }
    return false;
}

void baton_wait(int group)
{
    const int64_t look_ns = 10 * 1000000;
    while (is_alive(group))
        wait_on(&hands[0], now_ns + look_ns);
}

/* ---- Locks and conditions ---- */

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!started) return __real_pthread_mutex_lock(mutex);
    if (draw() % OVERTAKEN_ONE_IN == 0) pass();
    int status;
    while ((status = pthread_mutex_trylock(mutex)) == EBUSY)
        wait_on(mutex, INT64_MAX);
    return status;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int status = __real_pthread_mutex_unlock(mutex);
    if (started) wake_all(mutex);
    return status;
}

static int64_t due_of(const struct timespec *until)
{
    int64_t due_ns = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec;
    if (until->tv_sec < REALTIME_FROM_S) return due_ns;
    return due_ns - FIRST_WALL_NS - skew_ns + FIRST_NOW_NS;
}

static int wait_condition(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t due_ns)
{
    must(started);
    __wrap_pthread_mutex_unlock(mutex);
    bool timed_out = wait_on(condition, due_ns);
    int status = __wrap_pthread_mutex_lock(mutex);
    return timed_out ? ETIMEDOUT : status;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return wait_condition(condition, mutex, INT64_MAX);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    return wait_condition(condition, mutex, due_of(until));
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    if (!started) return __real_pthread_cond_signal(condition);
    wake_one(condition);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    if (!started) return __real_pthread_cond_broadcast(condition);
    wake_all(condition);
    return 0;
}

/* ---- Time and chance ---- */

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);
ssize_t __real_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    if (!started) return __real_clock_gettime(id, out);
    int64_t ns = now_ns;
    if (id == CLOCK_REALTIME) ns += FIRST_WALL_NS - FIRST_NOW_NS + skew_ns;
    *out = (struct timespec){ns / 1000000000, ns % 1000000000};
    return 0;
}

int __wrap_nanosleep(const struct timespec *span, struct timespec *left)
{
    must(started);
    wait_on(&self->turn, now_ns + (int64_t)span->tv_sec * 1000000000 + span->tv_nsec);
    if (left) *left = (struct timespec){0};
    return 0;
}

ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags)
{
    if (!started) return __real_getrandom(out, len, flags);
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)draw();
    return (ssize_t)len;
}

/* ---- Descriptors ---- */

int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __real_epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms);
int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX) {
        descriptors[fd] = op == EPOLL_CTL_DEL ? 0 : epoll_fd + 1;
    }
    return __real_epoll_ctl(epoll_fd, op, fd, event);
}

int __wrap_epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms)
{
    if (!started) return __real_epoll_wait(epoll_fd, events, most, timeout_ms);
    must(epoll_fd < DESCRIPTORS_MAX);
    int count = __real_epoll_wait(epoll_fd, events, most, 0);
    if (count != 0 || timeout_ms == 0) return count;
    int64_t due_ns = timeout_ms < 0 ? INT64_MAX : now_ns + (int64_t)timeout_ms * 1000000;
    wait_on(&descriptors[epoll_fd], due_ns);
    return __real_epoll_wait(epoll_fd, events, most, 0);
}

static bool is_file(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (!started) return __real_write(fd, data, len);
    if (fd == STDERR_FILENO && baton_on_error_output) {
        baton_on_error_output(self->group, data, len);
        return (ssize_t)len;
    }
    bool wakes = fd >= 0 && fd < DESCRIPTORS_MAX && descriptors[fd];
    bool file = !wakes && fd > STDERR_FILENO && is_file(fd);
    if (file) {
        if (baton_before_io) baton_before_io(self->group);
        if (baton_disk_is_full && baton_disk_is_full(self->group)) {
            errno = ENOSPC;
            return -1;
        }
    }
    ssize_t written = __real_write(fd, data, len);
    if (wakes) wake_all(&descriptors[descriptors[fd] - 1]);
    if (file) {
        struct timespec now;
        __wrap_clock_gettime(CLOCK_REALTIME, &now);
        futimens(fd, (struct timespec[]){now, now});
    }
    return written;
}

int __wrap_rename(const char *from, const char *to)
{
    if (started && baton_before_io) baton_before_io(self->group);
    return __real_rename(from, to);
}
