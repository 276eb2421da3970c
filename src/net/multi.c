#include "net/multi.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/limits.h"

struct multi {
    CURLM *curl;
    struct loop *loop;
    struct loop_timer timer;
    struct multi_options options;
    struct list_link idle;
    int idle_count;
};

/* One of libcurl's sockets; libcurl keeps the pointer to it. */
struct watched {
    struct loop_fd fd;
    struct multi *multi;
};

/* Each finished transfer is taken out before its owner hears of it. */
static void take_finished(struct multi *multi)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi->curl, &left));) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        struct multi_handle *handle;
        must(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&handle) == CURLE_OK);
        must(curl_multi_remove_handle(multi->curl, handle->curl) == CURLM_OK);
        multi->options.done(handle->owner, code);
    }
}

static void act(struct multi *multi, curl_socket_t socket, int action)
{
    int running;
    CURLMcode code = curl_multi_socket_action(multi->curl, socket, action, &running);
    must(code != CURLM_BAD_HANDLE && code != CURLM_RECURSIVE_API_CALL);
    take_finished(multi);
}

static void on_event(void *context, uint32_t events)
{
    struct watched *watched = context;
    int action = 0;
    if (events & EPOLLIN) action |= CURL_CSELECT_IN;
    if (events & EPOLLOUT) action |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP)) action |= CURL_CSELECT_ERR;
    act(watched->multi, watched->fd.fd, action); /* may free watched */
}

static void on_due(void *context)
{
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

/* What libcurl wants to know of a socket has changed. -1 makes its transfers fail. */
static int on_socket(CURL *curl, curl_socket_t socket, int what, void *context, void *socket_context)
{
    (void)curl;
    struct multi *multi = context;
    struct watched *watched = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (!watched) return 0;
        curl_multi_assign(multi->curl, socket, NULL);
        loop_fd_remove(multi->loop, &watched->fd);
        free(watched);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (watched) {
        loop_fd_change(multi->loop, &watched->fd, events);
        return 0;
    }
    watched = lang_zalloc(sizeof *watched);
    *watched = (struct watched){{socket, events, on_event, watched}, multi};
    err *e AUTO(err_done) = loop_fd_add(multi->loop, &watched->fd);
    if (e) {
        free(watched);
        return -1;
    }
    curl_multi_assign(multi->curl, socket, watched);
    return 0;
}

static int on_timer(CURLM *curl, long timeout_ms, void *context)
{
    (void)curl;
    struct multi *multi = context;
    if (timeout_ms < 0) {
        loop_timer_cancel(multi->loop, &multi->timer);
    } else {
        int64_t due_ns = clock_now_ns() + timeout_ms * CLOCK_MS;
        loop_timer_set(multi->loop, &multi->timer, due_ns, on_due, multi);
    }
    return 0;
}

struct multi *multi_new(struct loop *loop, struct multi_options options)
{
    struct multi *multi = lang_zalloc(sizeof *multi);
    *multi = (struct multi){.curl = curl_multi_init(), .loop = loop, .options = options};
    must(multi->curl);
    list_init(&multi->idle);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)LIMIT_HTTP_STREAMS);
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options.connections_per_host);
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)LIMIT_HTTP_CONNECTIONS_KEPT);
    return multi;
}

void multi_free(struct multi *multi)
{
    if (!multi) return;
    LIST_EACH(&multi->idle, struct multi_handle, link, handle) {
        curl_easy_cleanup(handle->curl);
        free(handle);
    }
    curl_multi_cleanup(multi->curl);
    loop_timer_cancel(multi->loop, &multi->timer);
    free(multi);
}

struct multi_handle *multi_take(struct multi *multi, void *owner)
{
    struct multi_handle *handle;
    if (list_is_empty(&multi->idle)) {
        handle = lang_zalloc(sizeof *handle);
        handle->curl = curl_easy_init();
        must(handle->curl);
        curl_easy_setopt(handle->curl, CURLOPT_PRIVATE, handle);
        curl_easy_setopt(handle->curl, CURLOPT_ERRORBUFFER, handle->trouble);
        multi->options.equip(multi->options.context, handle);
    } else {
        handle = CONTAINER_OF(multi->idle.next, struct multi_handle, link);
        list_remove(&handle->link);
        multi->idle_count--;
    }
    handle->owner = owner;
    return handle;
}

err *multi_start(struct multi *multi, struct multi_handle *handle)
{
    handle->trouble[0] = '\0';
    CURLMcode code = curl_multi_add_handle(multi->curl, handle->curl);
    must(code != CURLM_BAD_HANDLE && code != CURLM_RECURSIVE_API_CALL);
    /* After on_socket has failed, libcurl ends every transfer before it takes a new one. */
    return code == CURLM_OK ? NULL : err_transient("%s", curl_multi_strerror(code));
}

void multi_give(struct multi *multi, struct multi_handle *handle)
{
    curl_multi_remove_handle(multi->curl, handle->curl); /* fine when it is not in */
    handle->owner = NULL;
    if (multi->idle_count == LIMIT_HTTP_HANDLES_KEPT) {
        curl_easy_cleanup(handle->curl);
        free(handle);
        return;
    }
    list_add_first(&multi->idle, &handle->link); /* the warmest is the next */
    multi->idle_count++;
}
