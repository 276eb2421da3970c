#pragma once
/*
 * A server whose answers a test writes itself: HTTP/1.1 on a free port of
 * 127.0.0.1, a thread per connection, a handler that sees each request whole
 * and writes what it likes, as slowly as it likes. For tests only; everything
 * is static.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum { API_CONNECTIONS_MAX = 512, API_REQUEST_BYTES_MAX = 1024 * 1024 };

struct api_request {
    str head; /* request line and headers as they came */
    str line; /* "GET /api/v1/pods?limit=500" */
    str body;
};

struct api_script {
    int port, socket;
    /* On the connection's thread. Answers with the functions below; returning closes the connection
     * after a stream, and keeps it after api_answer. */
    void (*handler)(void *context, int fd, const struct api_request *request);
    void *context;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the two below */
    int fds[API_CONNECTIONS_MAX];
    pthread_t threads[API_CONNECTIONS_MAX];
    int count;
};

struct api_connection {
    struct api_script *script;
    int fd;
};

static void UNUSED api_write(int fd, str text)
{
    while (text.len) {
        ssize_t count = send(fd, text.data, text.len, MSG_NOSIGNAL);
        if (count <= 0) return;
        text = str_skip(text, (size_t)count);
    }
}

/* A whole answer; headers is "" or lines that end with \r\n. */
static void UNUSED api_answer(int fd, int status, const char *headers, str body)
{
    arena a AUTO(arena_done) = {0};
    api_write(fd, str_printf(&a, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n" STR_FMT, status,
                             body.len, headers, STR_ARG(body)));
}

/* An answer without an end; pieces follow by api_write, and the end of the handler ends it. */
static void UNUSED api_stream(int fd)
{
    api_write(fd, STR("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
}

static size_t api_length(str head)
{
    str rest = head, line, name, value;
    uint64_t length = 0;
    while (str_next_line(&rest, &line))
        if (str_cut(line, ':', &name, &value) && str_eq_fold(name, STR("content-length")))
            (void)str_to_uint(str_trim(value), &length);
    return (size_t)length;
}

static str UNUSED api_header(const struct api_request *request, const char *wanted)
{
    str rest = request->head, line, name, value;
    while (str_next_line(&rest, &line))
        if (str_cut(line, ':', &name, &value) && str_eq_fold(name, str_of(wanted)))
            return str_trim(value);
    return (str){0};
}

/* False at the end of the connection. Bytes of the next request stay in b. */
static bool api_read(int fd, buf *b, struct api_request *out)
{
    for (;;) {
        ptrdiff_t end = str_find(buf_str(b), STR("\r\n\r\n"));
        size_t head_len = end < 0 ? 0 : (size_t)end + 4;
        size_t body_len = end < 0 ? 0 : api_length(str_head(buf_str(b), head_len));
        if (end >= 0 && b->len >= head_len + body_len) {
            out->head = str_head(buf_str(b), head_len);
            out->body = str_slice(buf_str(b), head_len, head_len + body_len);
            str line = str_head(out->head, (size_t)str_find_char(out->head, '\r')), version;
            str_cut_last(line, ' ', &out->line, &version);
            return true;
        }
        if (b->len > API_REQUEST_BYTES_MAX) return false;
        ssize_t count = recv(fd, buf_room(b, 4096), 4096, 0);
        if (count <= 0) return false;
        buf_grew(b, (size_t)count);
        if (b->data[0] == 0x16) return false; /* TLS, which is not spoken here */
    }
}

static void *api_serve(void *context)
{
    struct api_connection connection = *(struct api_connection *)context;
    free(context);
    buf b AUTO(buf_done) = {0};
    struct api_request request;
    while (api_read(connection.fd, &b, &request)) {
        connection.script->handler(connection.script->context, connection.fd, &request);
        size_t used = request.head.len + request.body.len;
        memmove(b.data, b.data + used, b.len - used);
        b.len -= used;
    }
    shutdown(connection.fd, SHUT_RDWR);
    return NULL;
}

static void *api_accept(void *context)
{
    struct api_script *script = context;
    for (int fd; (fd = accept(script->socket, NULL, NULL)) >= 0;) {
        struct api_connection *connection = lang_alloc(sizeof *connection);
        *connection = (struct api_connection){script, fd};
        pthread_mutex_lock(&script->lock);
        must(script->count < API_CONNECTIONS_MAX);
        script->fds[script->count] = fd;
        pthread_t *thread = &script->threads[script->count++];
        must(pthread_create(thread, NULL, api_serve, connection) == 0);
        pthread_mutex_unlock(&script->lock);
    }
    return NULL;
}

static void UNUSED api_start(struct api_script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    script->socket = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(script->socket, (struct sockaddr *)&address, len) == 0);
    must(listen(script->socket, 64) == 0);
    must(getsockname(script->socket, (struct sockaddr *)&address, &len) == 0);
    script->port = ntohs(address.sin_port);
    pthread_mutex_init(&script->lock, NULL);
    must(pthread_create(&script->thread, NULL, api_accept, script) == 0);
}

/* Cuts every connection and waits for all handlers. */
static void UNUSED api_stop(struct api_script *script)
{
    shutdown(script->socket, SHUT_RDWR);
    pthread_join(script->thread, NULL);
    close(script->socket);
    for (int i = 0; i < script->count; i++)
        shutdown(script->fds[i], SHUT_RDWR);
    for (int i = 0; i < script->count; i++) {
        pthread_join(script->threads[i], NULL);
        close(script->fds[i]);
    }
    pthread_mutex_destroy(&script->lock);
}
