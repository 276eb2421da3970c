#include "oci/reference.h"

#include <arpa/inet.h>

#include "base/limits.h"

#define DOCKER_HUB "index.docker.io"

static bool all_of(str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c));
        if (!fits) return false;
    }
    return true;
}

bool reference_tag_is_valid(str tag)
{
    return tag.len > 0 && tag.len <= LIMIT_OCI_TAG_BYTES &&
           all_of(tag, "_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

bool reference_digest_is_valid(str digest)
{
    if (!str_strip_prefix(&digest, STR("sha256:")) || digest.len != 64) return false;
    for (size_t i = 0; i < digest.len; i++) {
        char c = digest.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
    }
    return true;
}

static bool is_repository(str text)
{
    return text.len > 0 && text.len <= LIMIT_OCI_REPOSITORY_BYTES && all_of(text, "_-./") &&
           text.data[0] != '/' && text.data[text.len - 1] != '/' && str_find(text, STR("..")) < 0 &&
           str_find(text, STR("//")) < 0;
}

static bool is_ipv6(str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.len >= sizeof text || !all_of(host, ":.ABCDEF")) return false;
    memcpy(text, host.data, host.len);
    text[host.len] = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* The authority of a URL: a name or an address, and a port. */
static bool is_registry(str text)
{
    str host, port = {0};
    bool has_port = false;
    if (str_starts(text, STR("["))) {
        ptrdiff_t end = str_find_char(text, ']');
        if (end < 0) return false;
        host = str_slice(text, 1, (size_t)end);
        port = str_skip(text, (size_t)end + 1);
        if (!is_ipv6(host)) return false;
        has_port = port.len > 0;
        if (has_port && !str_strip_prefix(&port, STR(":"))) return false;
    } else {
        has_port = str_cut(text, ':', &host, &port);
        if (!all_of(host, "-._ABCDEFGHIJKLMNOPQRSTUVWXYZ")) return false;
    }
    uint64_t number;
    return host.len && (!has_port || (str_to_uint(port, &number) && number > 0 && number < 65536));
}

static err *refuse(str text)
{
    return err_new(ERR_INVALID, "ImageURLInvalid", "could not parse reference: " STR_FMT,
                   STR_ARG(text));
}

/* "registry/rest": the first part is a registry if it looks like a host. */
static void split_registry(str text, str *registry, str *rest)
{
    str first, more;
    bool host =
        str_cut(text, '/', &first, &more) &&
        (str_is(first, "localhost") || str_has_char(first, '.') || str_has_char(first, ':'));
    *registry = host ? first : STR(DOCKER_HUB);
    *rest = host ? more : text;
    if (str_is(*registry, "docker.io")) *registry = STR(DOCKER_HUB);
}

err *reference_parse(arena *a, str text, struct reference *out)
{
    struct reference reference = {0};
    str rest, name, digest = {0};
    if (text.len > LIMIT_OCI_REFERENCE_BYTES) return refuse(str_head_utf8(text, 100));
    bool has_digest = str_cut(text, '@', &name, &digest);
    if (has_digest && !reference_digest_is_valid(digest)) return refuse(text);
    split_registry(name, &reference.registry, &rest);
    bool has_tag = str_cut_last(rest, ':', &reference.repository, &reference.tag);
    if (!has_tag) {
        reference.repository = rest;
        reference.tag = (str){0};
    }
    if (has_tag && !reference_tag_is_valid(reference.tag)) return refuse(text);
    if (str_is(reference.registry, DOCKER_HUB) && !str_has_char(reference.repository, '/'))
        reference.repository = str_concat(a, STR("library/"), reference.repository);
    if (!is_registry(reference.registry) || !is_repository(reference.repository))
        return refuse(text);
    if (has_digest) reference.digest = digest;
    *out = reference;
    return NULL;
}

err *reference_parse_repository(arena *a, str text, struct reference *out)
{
    ptrdiff_t scheme = str_find(text, STR("://"));
    if (scheme >= 0) {
        str front = str_head(text, (size_t)scheme);
        return err_new(ERR_INVALID, "ImageURLInvalid",
                       "image '" STR_FMT "' should not include URL scheme; remove '" STR_FMT "://'",
                       STR_ARG(text), STR_ARG(front));
    }
    struct reference reference;
    TRY(reference_parse(a, text, &reference));
    if (reference.tag.len) {
        return err_new(ERR_INVALID, "ImageURLInvalid",
                       "image '" STR_FMT "' should not include a tag; remove ':" STR_FMT "'",
                       STR_ARG(text), STR_ARG(reference.tag));
    }
    if (reference.digest.len) return refuse(text);
    *out = reference;
    return NULL;
}

str reference_name(arena *a, const struct reference *reference)
{
    return str_printf(a, STR_FMT "/" STR_FMT, STR_ARG(reference->registry),
                      STR_ARG(reference->repository));
}

static bool is_private_ipv4(str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    if (host.len >= sizeof text) return false;
    memcpy(text, host.data, host.len);
    text[host.len] = 0;
    if (inet_pton(AF_INET, text, &address) != 1) return false;
    uint32_t ip = ntohl(address.s_addr);
    return ip >> 24 == 10 || ip >> 20 == 0xAC1 || ip >> 16 == 0xC0A8;
}

bool reference_is_local(str registry)
{
    str host, port;
    if (str_starts(registry, STR("[::1]")) || str_is(registry, "::1")) return true;
    bool has_port = str_cut(registry, ':', &host, &port);
    return (has_port && str_is(host, "localhost")) || str_ends(host, STR(".localhost")) ||
           str_is(host, "127.0.0.1") || is_private_ipv4(host);
}
