#pragma once
/*
 * A TCP server on loopback that says what a test tells it to, right or wrong:
 * one thread per connection, one call of the script per request. With a
 * certificate it speaks TLS.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/lang.h"

struct scripted;

struct scripted_peer {
    struct scripted *server;
    int fd;
    SSL *tls;
    int number; /* of the connection, from 1 */
};

/* Answers one request (head and body, terminated) with scripted_say; false ends the connection. */
typedef bool scripted_fn(struct scripted_peer *peer, const char *request);

struct scripted {
    scripted_fn *script;
    void *context;
    SSL_CTX *tls;
    int fd, port;
    pthread_t thread;
    atomic_int connections, requests, busy, busy_max, open;
};

static inline void scripted_send(struct scripted_peer *peer, const void *data, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        const char *rest = (const char *)data + sent;
        ssize_t count = peer->tls ? SSL_write(peer->tls, rest, (int)(len - sent))
                                  : send(peer->fd, rest, len - sent, MSG_NOSIGNAL);
        if (count <= 0) return;
        sent += (size_t)count;
    }
}

static inline void scripted_say(struct scripted_peer *peer, const char *text)
{
    scripted_send(peer, text, strlen(text));
}

static inline bool scripted_answer(struct scripted_peer *peer, const char *body)
{
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    scripted_say(peer, head);
    scripted_say(peer, body);
    return true;
}

/* Waits until the client has gone. */
static inline void scripted_linger(struct scripted_peer *peer)
{
    char waste[256];
    while (recv(peer->fd, waste, sizeof waste, 0) > 0) continue;
}

/* Reads one request; returns its length, 0 at the end. */
static inline size_t scripted_read(struct scripted_peer *peer, char *text, size_t room)
{
    size_t len = 0, wanted = room;
    while (len < wanted && len < room - 1) {
        ssize_t got = peer->tls ? SSL_read(peer->tls, text + len, (int)(room - 1 - len))
                                : recv(peer->fd, text + len, room - 1 - len, 0);
        if (got <= 0) return 0;
        len += (size_t)got;
        text[len] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = strcasestr(text, "\r\nContent-Length:");
        if (!end || wanted != room) continue;
        size_t body = 0;
        if (length && length < end) sscanf(length + 17, "%zu", &body);
        wanted = (size_t)(end + 4 - text) + body;
    }
    return len;
}

static inline void *scripted_serve(void *context)
{
    struct scripted_peer *peer = context;
    struct scripted *server = peer->server;
    char *text = malloc(1 << 20);
    if (server->tls) {
        peer->tls = SSL_new(server->tls);
        SSL_set_fd(peer->tls, peer->fd);
    }
    if (!peer->tls || SSL_accept(peer->tls) == 1) {
        while (scripted_read(peer, text, 1 << 20)) {
            atomic_fetch_add(&server->requests, 1);
            int busy = atomic_fetch_add(&server->busy, 1) + 1;
            int most = atomic_load(&server->busy_max);
            while (busy > most) {
                if (atomic_compare_exchange_weak(&server->busy_max, &most, busy)) break;
            }
            bool more = server->script(peer, text);
            atomic_fetch_sub(&server->busy, 1);
            if (!more) break;
        }
    }
    if (peer->tls) SSL_free(peer->tls);
    close(peer->fd);
    free(text);
    free(peer);
    atomic_fetch_sub(&server->open, 1);
    return NULL;
}

static inline void *scripted_listen(void *context)
{
    struct scripted *server = context;
    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0;) {
        struct scripted_peer *peer = calloc(1, sizeof *peer);
        must(peer);
        *peer = (struct scripted_peer){
            .server = server,
            .fd = fd,
            .number = atomic_fetch_add(&server->connections, 1) + 1,
        };
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        atomic_fetch_add(&server->open, 1);
        pthread_t thread;
        must(pthread_create(&thread, NULL, scripted_serve, peer) == 0);
        pthread_detach(thread);
    }
    return NULL;
}

static inline void scripted_start(struct scripted *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(server->fd, (struct sockaddr *)&address, len) == 0 && listen(server->fd, 128) == 0);
    must(getsockname(server->fd, (struct sockaddr *)&address, &len) == 0);
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->thread, NULL, scripted_listen, server) == 0);
}

/* After the clients have closed their connections. */
static inline void scripted_stop(struct scripted *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    for (int i = 0; i < 5000 && atomic_load(&server->open); i++) usleep(1000);
    must(atomic_load(&server->open) == 0);
}
