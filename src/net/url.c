#include "net/url.h"

#include "base/arena.h"
#include "base/buf.h"

enum { HOST_BYTES_MAX = 253 }; /* of a DNS name, RFC 1035 section 2.3.4 */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool is_unreserved(char c)
{
    return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static err *check_bytes(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == ' ' || c == '\t') return err_invalid("URL holds white space at byte %zu", i + 1);
        if (c < 0x20 || c == 0x7f) {
            return err_invalid("URL holds a control character at byte %zu", i + 1);
        }
        if (c == '\\') return err_invalid("URL holds a backslash at byte %zu", i + 1);
        if (c > 0x7f) {
            return err_invalid("URL holds a character that is not ASCII at byte %zu; "
                               "percent-encode it",
                               i + 1);
        }
    }
    return NULL;
}

static err *check_scheme(str scheme)
{
    bool good = scheme.len > 0 && is_alpha(scheme.data[0]);
    for (size_t i = 0; good && i < scheme.len; i++) {
        char c = scheme.data[i];
        good = is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    }
    return good ? NULL : err_invalid("URL does not begin with a scheme such as https://");
}

static err *check_name(str host)
{
    if (host.len > HOST_BYTES_MAX) {
        return err_invalid("URL: host is longer than %d bytes", HOST_BYTES_MAX);
    }
    /* A '-' in front would be an option to a program. */
    if (host.data[0] == '-') return err_invalid("URL: host begins with '-'");
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.' && c != '_') {
            return err_invalid("URL: host holds '%c'", c);
        }
    }
    return NULL;
}

static err *check_ipv6(str host)
{
    bool good = str_has_char(host, ':');
    for (size_t i = 0; good && i < host.len; i++) {
        good = hex_value(host.data[i]) >= 0 || host.data[i] == ':' || host.data[i] == '.';
    }
    return good ? NULL : err_invalid("URL: what is in brackets is not an IPv6 address");
}

static err *check_port(str port)
{
    uint64_t number;
    bool good = str_to_uint(port, &number) && number > 0 && number <= 65535;
    return good ? NULL : err_invalid("URL: port is not a number from 1 to 65535");
}

/* Splits "host", "host:port", "[ipv6]" and "[ipv6]:port". */
static err *parse_host(str text, struct url *url)
{
    str rest = {0};
    if (str_starts(text, STR("["))) {
        if (!str_cut(str_skip(text, 1), ']', &url->host, &rest)) {
            return err_invalid("URL: host has a '[' without ']'");
        }
        TRY(check_ipv6(url->host));
        if (rest.len == 0) return NULL;
        if (rest.data[0] != ':') return err_invalid("URL: host goes on after ']'");
        url->port = str_skip(rest, 1);
        return check_port(url->port);
    }
    bool has_port = str_cut(text, ':', &url->host, &url->port);
    if (url->host.len == 0) return err_invalid("URL has no host");
    TRY(check_name(url->host));
    return has_port ? check_port(url->port) : NULL;
}

err *url_parse(str text, struct url *out)
{
    struct url url = {0};
    TRY(check_bytes(text));
    ptrdiff_t colon = str_find(text, STR("://"));
    url.scheme = str_head(text, colon < 0 ? 0 : (size_t)colon);
    TRY(check_scheme(url.scheme));

    str rest = str_skip(text, url.scheme.len + 3), authority, user_info;
    str_cut(rest, '#', &rest, &url.fragment);
    str_cut(rest, '?', &rest, &url.query);
    ptrdiff_t slash = str_find_char(rest, '/');
    authority = str_head(rest, slash < 0 ? rest.len : (size_t)slash);
    url.path = str_skip(rest, authority.len);

    if (str_cut(authority, '@', &user_info, &authority)) {
        if (str_has_char(authority, '@')) {
            return err_invalid("URL holds more than one '@' before its path");
        }
        str_cut(user_info, ':', &url.user, &url.password);
    } else {
        authority = user_info;
    }
    TRY(parse_host(authority, &url));
    *out = url;
    return NULL;
}

int url_port(const struct url *url)
{
    static const struct {
        const char *scheme;
        int port;
    } usual[] = {{"http", 80}, {"https", 443}, {"ssh", 22}, {"git", 9418}};

    uint64_t number;
    if (url->port.len && str_to_uint(url->port, &number)) return (int)number;
    for (size_t i = 0; i < COUNT(usual); i++) {
        if (str_eq_fold(url->scheme, str_of(usual[i].scheme))) return usual[i].port;
    }
    return 0;
}

str url_host_port(arena *a, const struct url *url)
{
    const char *format = str_has_char(url->host, ':') ? "[" STR_FMT "]:%d" : STR_FMT ":%d";
    return str_printf(a, format, STR_ARG(str_lower(a, url->host)), url_port(url));
}

str url_redact(arena *a, str text)
{
    struct url url;
    err *e AUTO(err_done) = url_parse(text, &url);
    if (e) return STR("(invalid URL)");
    buf b = BUF(a);
    buf_add(&b, url.scheme);
    BUF_ADD(&b, "://");
    bool ipv6 = str_has_char(url.host, ':');
    if (ipv6) buf_add_char(&b, '[');
    buf_add(&b, url.host);
    if (ipv6) buf_add_char(&b, ']');
    if (url.port.len) {
        buf_add_char(&b, ':');
        buf_add(&b, url.port);
    }
    buf_add(&b, url.path);
    return buf_str(&b);
}

str url_escape(arena *a, str part)
{
    static const char digits[] = "0123456789ABCDEF";
    buf b = BUF(a);
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.data[i];
        if (is_unreserved((char)c)) {
            buf_add_char(&b, (char)c);
        } else {
            buf_add_bytes(&b, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
        }
    }
    return buf_str(&b);
}

err *url_unescape(arena *a, str part, str *out)
{
    buf b = BUF(a);
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] != '%') {
            buf_add_char(&b, part.data[i]);
            continue;
        }
        int high = i + 2 < part.len ? hex_value(part.data[i + 1]) : -1;
        int low = i + 2 < part.len ? hex_value(part.data[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return err_invalid("'%%' at byte %zu is not followed by two digits", i + 1);
        }
        if (high + low == 0) return err_invalid("'%%00' at byte %zu is not allowed", i + 1);
        buf_add_char(&b, (char)(high * 16 + low));
        i += 2;
    }
    *out = buf_str(&b);
    return NULL;
}
