#include "net/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"

enum {
    CONNECTIONS_PER_HOST = 4,
    /* A peer that is gone is noticed in a minute, by the kernel, without waking us up. */
    PROBE_IDLE_S = 30,
    PROBE_EVERY_S = 10,
    PROBE_COUNT = 3,
};

static void start_curl(void)
{
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static int on_socket_made(void *context, curl_socket_t socket, curlsocktype purpose)
{
    (void)context, (void)purpose;
    unsigned unanswered_ms = (PROBE_IDLE_S + PROBE_EVERY_S * PROBE_COUNT) * 1000;
    int count = PROBE_COUNT;
    /* A socket that does not take them works without them. */
    setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
    return CURL_SOCKOPT_OK;
}

static bool is_link_local_v4(struct in_addr address)
{
    return ntohl(address.s_addr) >> 16 == 0xA9FE;
}

static bool is_link_local_v6(const struct in6_addr *address)
{
    struct in_addr mapped;
    memcpy(&mapped, address->s6_addr + 12, sizeof mapped);
    return IN6_IS_ADDR_LINKLOCAL(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && is_link_local_v4(mapped));
}

bool client_is_link_local(const struct sockaddr *address, size_t len)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    if (address->sa_family == AF_INET && len >= sizeof ipv4) {
        memcpy(&ipv4, address, sizeof ipv4);
        return is_link_local_v4(ipv4.sin_addr);
    }
    if (address->sa_family != AF_INET6 || len < sizeof ipv6) return false;
    memcpy(&ipv6, address, sizeof ipv6);
    return is_link_local_v6(&ipv6.sin6_addr);
}

/* Also the spellings that only the C library takes for an address: 2852039166, 0xa9fea9fe. */
err *client_check(const struct client *client, const struct url *url)
{
    arena a AUTO(arena_done) = {0};
    struct in_addr ipv4;
    struct in6_addr ipv6;
    const char *host = str_z(&a, url->host);
    if (!client->options.no_link_local) return NULL;
    bool refused = (inet_aton(host, &ipv4) && is_link_local_v4(ipv4)) ||
                   (inet_pton(AF_INET6, host, &ipv6) == 1 && is_link_local_v6(&ipv6));
    if (!refused) return NULL;
    str peer = url_host_port(&a, url);
    return err_invalid(STR_FMT ": link-local addresses are not allowed", STR_ARG(peer));
}

/* Decides by the address, not by the name, so that no record in the DNS leads around it. */
static curl_socket_t on_socket_wanted(void *context, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    (void)context, (void)purpose;
    if (client_is_link_local(&address->addr, address->addrlen)) {
        errno = EACCES;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static CURLcode on_tls_context(CURL *curl, void *tls_context, void *context)
{
    (void)curl;
    struct client *client = context;
    err *e AUTO(err_done) = tls_equip(client->tls, tls_context);
    return e ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

/* What every request of the client has in common; set once per handle. */
static void equip(void *context, struct multi_handle *handle)
{
    struct client *client = context;
    const struct http_options *options = &client->options;
    CURL *curl = handle->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* transfer.c follows */
    curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE,
                     (long)(options->buffer_bytes ?: LIMIT_HTTP_BUFFER_BYTES));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CLIENT_CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (options->user_agent.len) {
        curl_easy_setopt(curl, CURLOPT_USERAGENT, options->user_agent.data);
    }

    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, (long)PROBE_IDLE_S);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, (long)PROBE_EVERY_S);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
    if (options->no_link_local)
        curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket_wanted);

    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options->insecure ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options->insecure ? 0L : 2L);
    /* The certificates come with tls_equip, not from files that libcurl reads per connection. */
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_PROXY_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_PROXY_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    must(curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, client);

    curl_easy_setopt(curl, CURLOPT_NOPROXY, client->proxy_except.data);
    if (options->proxy_user.len || options->proxy_password.len) {
        curl_easy_setopt(curl, CURLOPT_PROXYUSERNAME, options->proxy_user.data);
        curl_easy_setopt(curl, CURLOPT_PROXYPASSWORD, options->proxy_password.data);
    }
}

/* The upper-case name first, as Go does. libcurl does not read HTTP_PROXY at all, because CGI
 * programs must not; we are none. */
static str from_environment(arena *a, const char *upper, const char *lower)
{
    const char *value = getenv(upper);
    if (!value || !*value) value = getenv(lower);
    str copy = str_of(value);
    return (str){str_z(a, copy), copy.len};
}

static err *check_proxy(str proxy)
{
    struct url url;
    err *e = url_parse(proxy, &url);
    if (e) return err_wrap(e, "proxy");
    static const char *const schemes[] = {"http", "https", "socks5", "socks5h"};
    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (str_eq_fold(url.scheme, str_of(schemes[i]))) return NULL;
    }
    return err_invalid("proxy: scheme '" STR_FMT "' is not http, https, socks5 or socks5h",
                       STR_ARG(url.scheme));
}

static err *choose_proxies(struct client *client)
{
    arena *a = &client->arena;
    /* Empty and not NULL, which would make libcurl read the environment. */
    client->proxy_http = client->proxy_https = client->proxy_except = STR("");
    if (client->options.no_proxy) return NULL;
    if (client->options.proxy.len) {
        TRY(check_proxy(client->options.proxy));
        client->proxy_http = client->proxy_https = client->options.proxy;
        return NULL;
    }
    client->proxy_from_environment = true;
    client->proxy_http = from_environment(a, "HTTP_PROXY", "http_proxy");
    client->proxy_https = from_environment(a, "HTTPS_PROXY", "https_proxy");
    client->proxy_except = from_environment(a, "NO_PROXY", "no_proxy");
    return NULL;
}

static str copy_text(arena *a, str text)
{
    return (str){str_z(a, text), text.len};
}

static err *fill(struct client *client, struct http_options options,
                 void (*done)(void *owner, CURLcode code))
{
    arena *a = &client->arena;
    struct tls_options tls = {options.ca_pem, options.ca_only, options.cert_pem, options.key_pem};
    TRY(tls_new(tls, &client->tls));
    client->options = options;
    client->options.ca_pem = client->options.cert_pem = client->options.key_pem = (str){0};
    client->options.server_name = copy_text(a, options.server_name);
    client->options.proxy = copy_text(a, options.proxy);
    client->options.proxy_user = copy_text(a, options.proxy_user);
    client->options.proxy_password = copy_text(a, options.proxy_password);
    client->options.user_agent = copy_text(a, options.user_agent);
    TRY(choose_proxies(client));
    client->multi = multi_new(client->loop, (struct multi_options){
                                                .connections_per_host = options.connections_per_host
                                                                            ?: CONNECTIONS_PER_HOST,
                                                .equip = equip,
                                                .done = done,
                                                .context = client,
                                            });
    return NULL;
}

err *client_new(struct loop *loop, struct http_options options,
                void (*done)(void *owner, CURLcode code), struct client **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    arena a = {0};
    struct client *client = NEW(&a, struct client);
    *client = (struct client){.loop = loop, .arena = a};
    err *e = fill(client, options, done);
    if (e) {
        client_free(client);
        return e;
    }
    *out = client;
    return NULL;
}

void client_free(struct client *client)
{
    if (!client) return;
    multi_free(client->multi);
    tls_free(client->tls);
    arena a = client->arena;
    arena_done(&a);
}

static bool is_this_machine(str host)
{
    return str_eq_fold(host, STR("localhost")) || str_starts(host, STR("127.")) ||
           str_eq(host, STR("::1"));
}

str client_proxy(const struct client *client, const struct url *url)
{
    /* As Go does: a proxy of the environment is never asked for this machine. */
    if (client->proxy_from_environment && is_this_machine(url->host)) return STR("");
    return str_eq_fold(url->scheme, STR("https")) ? client->proxy_https : client->proxy_http;
}
