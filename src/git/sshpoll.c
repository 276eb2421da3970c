#include "git/sshpoll.h"

#include <pthread.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "git/gitrun.h"
#include "git/pktline.h"
#include "net/url.h"

/* ---- One poll ---- */

static err *skip_advertisement(str *bytes)
{
    for (enum pktline_kind kind = PKTLINE_DATA; bytes->len && kind != PKTLINE_FLUSH;) {
        str line;
        TRY(pktline_next(bytes, &kind, &line));
    }
    return NULL;
}

err *sshpoll_parse(arena *a, str bytes, struct reflist *out)
{
    struct reflist list;
    TRY(reflist_parse_advertisement(a, bytes, &list));
    if (list.version_2) {
        TRY(skip_advertisement(&bytes));
        TRY(reflist_parse_answer(a, bytes, &list));
    }
    *out = list;
    return NULL;
}

static err *gather(void *context, str bytes)
{
    buf *b = context;
    if (b->len + bytes.len > LIMIT_GIT_OUTPUT_BYTES) {
        return err_invalid("the list of references has more than %u bytes, the limit",
                           LIMIT_GIT_OUTPUT_BYTES);
    }
    buf_add(b, bytes);
    return NULL;
}

static err *ask(const struct sshpoll *poll, const atomic_bool *cancel, struct reflist *out)
{
    arena *a = poll->a;
    struct ssh ssh AUTO(ssh_close) = {0};
    buf answer = BUF(a);
    TRY(ssh_open(a, poll->remote, &ssh));
    struct gitrun run = {
        .git = STR("ssh"),
        .folder = STR("/"),
        .args = ssh_args(a, &ssh, poll->remote, "git-upload-pack"),
        .remote = poll->remote,
        .ssh = &ssh,
        .input = poll->command,
        .take = gather,
        .context = &answer,
        .due_ns = clock_now_ns() + poll->timeout_ns,
        .cancel = cancel,
    };
    err *failed = gitrun_do(a, &run, NULL);
    if (failed && (!answer.len || failed->kind == ERR_CANCELED)) return failed;
    err *e = sshpoll_parse(a, buf_str(&answer), out);
    if (!e || !failed) { /* the list is whole: how the server ended is of no interest */
        err_free(failed);
        return e;
    }
    err_free(e);
    return failed;
}

/* ---- Many ---- */

struct sshpolls { /* lives in its own arena */
    arena arena;
    atomic_bool closing;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ended; /* a thread */
    int threads;
    struct sshpoll *queued, *running;
};

struct sshpolls *sshpoll_new(void)
{
    arena a = {0};
    struct sshpolls *polls = NEW(&a, struct sshpolls);
    pthread_mutex_init(&polls->lock, NULL);
    pthread_cond_init(&polls->ended, NULL);
    polls->arena = a;
    return polls;
}

void sshpoll_free(struct sshpolls *polls)
{
    if (!polls) return;
    atomic_store(&polls->closing, true);
    pthread_mutex_lock(&polls->lock);
    while (polls->threads)
        pthread_cond_wait(&polls->ended, &polls->lock);
    pthread_mutex_unlock(&polls->lock);
    pthread_cond_destroy(&polls->ended);
    pthread_mutex_destroy(&polls->lock);
    arena a = polls->arena;
    arena_done(&a);
}

static int running_at(const struct sshpolls *polls, str host)
{
    int count = 0;
    for (const struct sshpoll *poll = polls->running; poll; poll = poll->next)
        count += str_eq(poll->host, host);
    return count;
}

/* Where the first poll is that may begin, or NULL. */
static struct sshpoll **find_next(struct sshpolls *polls)
{
    for (struct sshpoll **at = &polls->queued; *at; at = &(*at)->next) {
        if (running_at(polls, (*at)->host) < LIMIT_GIT_SSH_POLLS) return at;
    }
    return NULL;
}

static struct sshpoll *take(struct sshpoll **at)
{
    struct sshpoll *poll = *at;
    *at = poll->next;
    poll->next = NULL;
    return poll;
}

static void leave(struct sshpolls *polls, const struct sshpoll *poll)
{
    struct sshpoll **at = &polls->running;
    while (*at != poll)
        at = &(*at)->next;
    take(at);
}

static void *work(void *context)
{
    struct sshpolls *polls = context;
    pthread_mutex_lock(&polls->lock);
    for (struct sshpoll **next; (next = find_next(polls));) {
        struct sshpoll *poll = take(next);
        poll->next = polls->running;
        polls->running = poll;
        pthread_mutex_unlock(&polls->lock);
        struct reflist list;
        err *e = ask(poll, &polls->closing, &list);
        pthread_mutex_lock(&polls->lock);
        leave(polls, poll);
        pthread_mutex_unlock(&polls->lock);
        poll->done(poll->context, e, e ? NULL : &list); /* it may be gone behind this */
        pthread_mutex_lock(&polls->lock);
    }
    polls->threads--;
    pthread_cond_signal(&polls->ended);
    pthread_mutex_unlock(&polls->lock);
    return NULL;
}

static void start_thread(struct sshpolls *polls)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    must(pthread_attr_setstacksize(&attributes, LIMIT_THREAD_STACK_BYTES) == 0);
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
    must(pthread_create(&thread, &attributes, work, polls) == 0);
    pthread_attr_destroy(&attributes);
    polls->threads++;
}

void sshpoll_start(struct sshpolls *polls, struct sshpoll *poll)
{
    struct url url;
    err *e = url_parse(poll->remote->url, &url);
    must(!e); /* the remote is checked */
    poll->host = url_host_port(poll->a, &url);
    poll->next = NULL;
    pthread_mutex_lock(&polls->lock);
    struct sshpoll **end = &polls->queued;
    while (*end)
        end = &(*end)->next;
    *end = poll;
    if (polls->threads < LIMIT_GIT_SSH_THREADS && find_next(polls)) start_thread(polls);
    pthread_mutex_unlock(&polls->lock);
}
