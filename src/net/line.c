#include "net/line.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/client.h"

enum { READ_BYTES = 4096 };

/* A name that is looked up. The thread and the line share it; the last of the two frees it. */
struct lookup {
    atomic_int holders;
    int done_fd; /* an eventfd: the answer is there */
    arena arena;
    char *host, port[8];
    int code;
    struct addrinfo *found;
};

struct line {
    struct loop *loop;
    struct line_events events;
    void *context;
    int64_t deadline_ns;
    arena arena;
    char *host;
    int port;
    struct lookup *lookup;       /* under way, or answered */
    const struct addrinfo *next; /* to be tried */
    struct loop_fd fd;           /* the lookup's or the connection's */
    bool watching, connected;
    struct loop_timer timer;
    err *trouble; /* of the address tried last */
    buf in, out;
    size_t heard_bytes, said_bytes; /* the latter of out */
};

static atomic_int lookups;

/* ---- names ---- */

static struct addrinfo hints(int flags)
{
    return (struct addrinfo){.ai_flags = AI_NUMERICSERV | flags, .ai_socktype = SOCK_STREAM};
}

static void release_lookup(struct lookup *lookup)
{
    if (!lookup || atomic_fetch_sub(&lookup->holders, 1) > 1) return;
    if (lookup->found) freeaddrinfo(lookup->found);
    if (lookup->done_fd >= 0) close(lookup->done_fd);
    arena_done(&lookup->arena);
    free(lookup);
}

static void *look_up(void *context)
{
    struct lookup *lookup = context;
    struct addrinfo wanted = hints(AI_ADDRCONFIG);
    uint64_t one = 1;
    lookup->code = getaddrinfo(lookup->host, lookup->port, &wanted, &lookup->found);
    must(write(lookup->done_fd, &one, sizeof one) == sizeof one);
    release_lookup(lookup);
    atomic_fetch_sub(&lookups, 1);
    return NULL;
}

static bool start_thread(struct lookup *lookup)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    must(pthread_attr_setstacksize(&attributes, LIMIT_THREAD_STACK_BYTES) == 0);
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
    atomic_fetch_add(&lookup->holders, 1);
    bool good = pthread_create(&thread, &attributes, look_up, lookup) == 0;
    if (!good) atomic_fetch_sub(&lookup->holders, 1);
    pthread_attr_destroy(&attributes);
    return good;
}

/* ---- the connection ---- */

/* The system's word for why, in our style: "connection refused". */
static err *system_err(const char *what, int code)
{
    arena a AUTO(arena_done) = {0};
    str reason = str_lower(&a, str_of(strerror(code)));
    return err_transient("%s" STR_FMT, what, STR_ARG(reason));
}

static void unwatch(struct line *line)
{
    if (line->watching) loop_fd_remove(line->loop, &line->fd);
    line->watching = false;
}

static void hang_up(struct line *line)
{
    unwatch(line);
    if (line->fd.fd >= 0) close(line->fd.fd);
    line->fd.fd = -1;
}

void line_close(struct line *line)
{
    if (!line) return;
    if (line->lookup && line->fd.fd == line->lookup->done_fd) {
        unwatch(line);
        line->fd.fd = -1;
    }
    hang_up(line);
    loop_timer_cancel(line->loop, &line->timer);
    release_lookup(line->lookup);
    err_free(line->trouble);
    buf_done(&line->in);
    buf_done(&line->out);
    arena_done(&line->arena);
    free(line);
}

/* Takes the error. */
static void end(struct line *line, err *e)
{
    struct line_events events = line->events;
    void *context = line->context;
    if (e) e = err_wrap(e, "%s:%d", line->host, line->port);
    line_close(line);
    events.ended(context, e);
}

static err *watch(struct line *line, int fd, uint32_t events,
                  void (*fn)(void *context, uint32_t events))
{
    line->fd = (struct loop_fd){fd, events, fn, line};
    TRY(loop_fd_add(line->loop, &line->fd));
    line->watching = true;
    return NULL;
}

static err *send_waiting(struct line *line)
{
    while (line->said_bytes < line->out.len) {
        ssize_t count = send(line->fd.fd, line->out.data + line->said_bytes,
                             line->out.len - line->said_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) return system_err("the connection broke: ", errno);
        line->said_bytes += (size_t)count;
    }
    bool all = line->said_bytes == line->out.len;
    if (all) {
        buf_clear(&line->out);
        line->said_bytes = 0;
    }
    loop_fd_change(line->loop, &line->fd, EPOLLIN | (all ? 0u : (uint32_t)EPOLLOUT));
    return NULL;
}

void line_say(struct line *line, str text)
{
    buf_add(&line->out, text);
}

/* Hands on the lines that are whole. */
static err *hand_on(struct line *line, bool *over)
{
    size_t taken = 0;
    err *e = NULL;
    while (!e && !*over) {
        str rest = str_skip(buf_str(&line->in), taken);
        ptrdiff_t len = str_find_char(rest, '\n');
        if (len < 0) break;
        str text = str_head(rest, (size_t)len);
        str_strip_suffix(&text, STR("\r"));
        taken += (size_t)len + 1;
        e = line->events.heard(line->context, text, over);
    }
    if (taken) memmove(line->in.data, line->in.data + taken, line->in.len - taken);
    line->in.len -= taken;
    if (!e && !*over && line->in.len > LIMIT_LINE_BYTES)
        e = err_invalid("a line is longer than %d bytes", LIMIT_LINE_BYTES);
    return e;
}

/* What has come is heard before the end of the connection is. */
static err *receive(struct line *line, bool *over)
{
    while (!*over) {
        ssize_t count =
            recv(line->fd.fd, buf_room(&line->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return NULL;
        if (count < 0) return system_err("the connection broke: ", errno);
        if (count == 0) return err_transient("the connection was closed before the answer");
        buf_grew(&line->in, (size_t)count);
        line->heard_bytes += (size_t)count;
        TRY(hand_on(line, over));
        if (line->heard_bytes > LIMIT_NOTICE_ANSWER_BYTES)
            return err_invalid("it says more than %d bytes", LIMIT_NOTICE_ANSWER_BYTES);
    }
    return NULL;
}

static void try_next(struct line *line);

static void on_connection(void *context, uint32_t events UNUSED)
{
    struct line *line = context;
    bool over = false;
    if (!line->connected) {
        int code = 0;
        socklen_t len = sizeof code;
        getsockopt(line->fd.fd, SOL_SOCKET, SO_ERROR, &code, &len);
        if (code) {
            err_free(line->trouble);
            line->trouble = system_err("", code);
            hang_up(line);
            try_next(line);
            return;
        }
        line->connected = true;
    }
    err *e = receive(line, &over);
    if (!e && !over) e = send_waiting(line);
    if (e || over) end(line, e);
}

/* ---- addresses ---- */

static void on_due(void *context);

/* A share of the time that is left for each address that is left. */
static void set_timer(struct line *line, int shares)
{
    int64_t now_ns = clock_now_ns();
    int64_t left_ns = MAX(line->deadline_ns - now_ns, (int64_t)0);
    loop_timer_set(line->loop, &line->timer, now_ns + left_ns / shares, on_due, line);
}

static err *start_connecting(struct line *line, const struct addrinfo *to)
{
    if (client_is_link_local(to->ai_addr, to->ai_addrlen))
        return err_invalid("link-local addresses are not allowed");
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_err("", errno);
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
        err *e = system_err("", errno);
        close(fd);
        return e;
    }
    line->connected = false;
    err *e = watch(line, fd, EPOLLOUT, on_connection);
    if (e) {
        close(fd);
        line->fd.fd = -1;
    }
    return e;
}

static void try_next(struct line *line)
{
    while (line->next) {
        const struct addrinfo *to = line->next;
        int shares = 0;
        for (const struct addrinfo *each = to; each; each = each->ai_next)
            shares++;
        line->next = to->ai_next;
        set_timer(line, shares);
        err *e = start_connecting(line, to);
        if (!e) return;
        err_free(line->trouble);
        line->trouble = e;
    }
    err *e = line->trouble;
    line->trouble = NULL;
    end(line, e);
}

static void on_answer(void *context, uint32_t events UNUSED)
{
    struct line *line = context;
    uint64_t one;
    if (read(line->lookup->done_fd, &one, sizeof one) != sizeof one) return;
    unwatch(line);
    line->fd.fd = -1;
    if (line->lookup->code) {
        end(line,
            err_transient("the name cannot be resolved: %s", gai_strerror(line->lookup->code)));
        return;
    }
    line->next = line->lookup->found;
    try_next(line);
}

static void begin(struct line *line)
{
    struct lookup *lookup = line->lookup = lang_zalloc(sizeof *lookup);
    struct addrinfo numeric = hints(AI_NUMERICHOST);
    atomic_init(&lookup->holders, 1);
    lookup->done_fd = -1;
    lookup->host = str_z(&lookup->arena, str_of(line->host));
    snprintf(lookup->port, sizeof lookup->port, "%d", line->port);
    if (getaddrinfo(lookup->host, lookup->port, &numeric, &lookup->found) == 0) {
        line->next = lookup->found;
        try_next(line);
        return;
    }
    lookup->found = NULL;
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    err *e = lookup->done_fd < 0 ? system_err("eventfd: ", errno) : NULL;
    if (!e) e = watch(line, lookup->done_fd, EPOLLIN, on_answer);
    if (!e && atomic_fetch_add(&lookups, 1) >= LIMIT_LINE_LOOKUPS) {
        atomic_fetch_sub(&lookups, 1);
        e = err_transient("more than %d names are being looked up", LIMIT_LINE_LOOKUPS);
    } else if (!e && !start_thread(lookup)) {
        atomic_fetch_sub(&lookups, 1);
        e = err_transient("no thread to look up the name");
    }
    if (e) end(line, e);
}

static void on_due(void *context)
{
    struct line *line = context;
    bool late = clock_now_ns() >= line->deadline_ns;
    if (late) {
        end(line, err_transient(line->connected ? "no answer in time" : "no connection in time"));
    } else if (!line->lookup) {
        set_timer(line, 1);
        begin(line);
    } else if (line->connected || line->fd.fd == line->lookup->done_fd) {
        set_timer(line, 1);
    } else {
        err_free(line->trouble);
        line->trouble = err_transient("no connection in time");
        hang_up(line);
        try_next(line);
    }
}

struct line *line_open(struct loop *loop, str host, int port, int64_t deadline_ns,
                       const struct line_events *events, void *context)
{
    struct line *line = lang_zalloc(sizeof *line);
    line->loop = loop;
    line->events = *events;
    line->context = context;
    line->deadline_ns = deadline_ns;
    line->host = str_z(&line->arena, host);
    line->port = port;
    line->fd.fd = -1;
    loop_timer_set(loop, &line->timer, clock_now_ns(), on_due, line);
    return line;
}
