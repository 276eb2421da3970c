#include "net/multi.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"

struct multi {
    CURLM *curl;
    struct loop *loop;
    struct loop_timer timer;
    struct multi_options options;
    struct list_link idle; /* handles; those that are equipped come first */
    int equipped_count;    /* of the idle ones */
    struct list_link watching, unused; /* struct watched; the latter for the next sockets */
    arena arena;
};

/* One of libcurl's sockets; libcurl keeps the pointer to it. */
struct watched {
    struct loop_fd fd;
    struct multi *multi;
    struct list_link link; /* in watching or unused */
};

/* Each finished transfer is taken out before its owner hears of it. */
static void take_finished(struct multi *multi)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi->curl, &left));) {
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode code = message->data.result;
        struct multi_handle *handle = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&handle);
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

static struct watched *take_unused(struct multi *multi)
{
    struct watched *watched = CONTAINER_OF(multi->unused.next, struct watched, link);
    if (list_is_empty(&multi->unused)) {
        watched = NEW(&multi->arena, struct watched);
        watched->multi = multi;
    }
    list_remove(&watched->link);
    return watched;
}

/*
 * libcurl 7.88 closes a socket that is still connecting without a word. When its next socket gets
 * the same number, as it does when a host has several addresses, libcurl sees nothing changed and
 * the loop would watch nothing. So each new socket takes over what its number stood for.
 */
static curl_socket_t on_socket_wanted(void *context, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    struct multi *multi = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    LIST_EACH(&multi->watching, struct watched, link, watched) {
        if (watched->fd.fd != fd) continue;
        err *e AUTO(err_done) = loop_fd_add(multi->loop, &watched->fd);
        if (!e) break;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

/* What libcurl wants to know of a socket has changed. -1 makes its transfers fail. */
static int on_socket(CURL *curl, curl_socket_t socket, int what, void *context,
                     void *socket_context)
{
    (void)curl;
    struct multi *multi = context;
    struct watched *watched = socket_context;
    if (what == CURL_POLL_REMOVE) {
        if (!watched) return 0;
        curl_multi_assign(multi->curl, socket, NULL);
        loop_fd_remove(multi->loop, &watched->fd);
        list_remove(&watched->link);
        list_add_first(&multi->unused, &watched->link);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (watched) {
        loop_fd_change(multi->loop, &watched->fd, events);
        return 0;
    }
    watched = take_unused(multi);
    watched->fd = (struct loop_fd){socket, events, on_event, watched};
    err *e AUTO(err_done) = loop_fd_add(multi->loop, &watched->fd);
    if (e) {
        list_add_first(&multi->unused, &watched->link);
        return -1;
    }
    list_add_last(&multi->watching, &watched->link);
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
    arena a = {0};
    struct multi *multi = NEW(&a, struct multi);
    *multi = (struct multi){.loop = loop, .options = options, .arena = a};
    list_init(&multi->idle);
    list_init(&multi->watching);
    list_init(&multi->unused);
    CURLM *curl = multi->curl = curl_multi_init();
    must(curl);
    curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(curl, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(curl, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)LIMIT_HTTP_STREAMS);
    curl_multi_setopt(curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options.connections_per_host);
    /* libcurl counts busy ones too, so with less it would close what the next request needs. */
    curl_multi_setopt(curl, CURLMOPT_MAXCONNECTS,
                      (long)(LIMIT_HTTP_CONNECTIONS_KEPT + options.connections_per_host));
    return multi;
}

void multi_free(struct multi *multi)
{
    if (!multi) return;
    LIST_EACH(&multi->idle, struct multi_handle, link, handle) curl_easy_cleanup(handle->curl);
    curl_multi_cleanup(multi->curl);
    loop_timer_cancel(multi->loop, &multi->timer);
    arena a = multi->arena;
    arena_done(&a);
}

struct multi_handle *multi_take(struct multi *multi, void *owner)
{
    struct multi_handle *handle = CONTAINER_OF(multi->idle.next, struct multi_handle, link);
    if (list_is_empty(&multi->idle)) handle = NEW(&multi->arena, struct multi_handle);
    list_remove(&handle->link);
    if (handle->curl) {
        multi->equipped_count--;
    } else {
        handle->curl = curl_easy_init();
        must(handle->curl);
        curl_easy_setopt(handle->curl, CURLOPT_PRIVATE, handle);
        curl_easy_setopt(handle->curl, CURLOPT_ERRORBUFFER, handle->trouble);
        curl_easy_setopt(handle->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket_wanted);
        curl_easy_setopt(handle->curl, CURLOPT_OPENSOCKETDATA, multi);
        multi->options.equip(multi->options.context, handle);
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
    if (multi->equipped_count < LIMIT_HTTP_HANDLES_KEPT) {
        list_add_first(&multi->idle, &handle->link); /* the one used last is the next one used */
        multi->equipped_count++;
    } else {
        curl_easy_cleanup(handle->curl);
        handle->curl = NULL;
        list_add_last(&multi->idle, &handle->link);
    }
}
