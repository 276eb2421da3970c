/* url: a text that is taken for a URL holds nothing that others read differently. */
#include "net/url.h"

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(str host)
{
    must(host.len > 0);
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        must(c > ' ' && c < 0x7f && c != '/' && c != '@' && c != '\\' && c != '%' && c != '[');
    }
    must(host.data[0] != '-');
}

/* What is shown is a URL again, of the same server, without what may be secret. */
static void check_redacted(arena *a, str text, const struct url *url)
{
    struct url shown;
    err *e = url_parse(url_redact(a, text), &shown);
    must(!e);
    must(shown.user.len + shown.password.len + shown.query.len + shown.fragment.len == 0);
    must(str_eq(shown.host, url->host) && str_eq(shown.path, url->path));
    must(str_eq(url_host_port(a, &shown), url_host_port(a, url)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = {(const char *)data, size}, plain, back;
    struct url url;
    err *e AUTO(err_done) = url_parse(text, &url);
    if (!e) {
        check_host(url.host);
        check_redacted(&a, text, &url);
    }
    err *bad AUTO(err_done) = url_unescape(&a, text, &plain);
    if (bad) return 0;
    err *not_back AUTO(err_done) = url_unescape(&a, url_escape(&a, plain), &back);
    must(not_back ? str_has_char(plain, '\0') : str_eq(plain, back));
    return 0;
}
