/* A WWW-Authenticate header in the first line, a registry in the second, an answer of a token
 * server behind: whoever is told credentials is of the registry's domain, and speaks HTTP. */
#include "net/url.h"
#include "oci/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str header, registry, body, token;
    int64_t lifetime_ns;
    str_cut(str_from((const char *)data, size), '\n', &header, &body);
    str_cut(body, '\n', &registry, &body);
    struct challenge challenge = challenge_parse(&a, header);
    err *no_token AUTO(err_done) = token_read(&a, body, &token, &lifetime_ns);
    must(no_token || (token.len > 0 && lifetime_ns > 0 && !str_has_char(token, '\n')));
    err *refused AUTO(err_done) = token_check_realm(&a, registry, true, challenge.realm);
    if (refused) return 0;
    struct url home, to;
    err *e = url_parse(challenge.realm, &to);
    if (!e) e = url_parse(str_concat(&a, STR("https://"), registry), &home);
    must(!e && str_eq_fold(to.scheme, STR("https")));
    str tail = str_tail(str_lower(&a, to.host), 4);
    must(str_ends(str_lower(&a, home.host), tail) || to.host.len < 4);
    struct http_request request;
    token_request(&a, &challenge, STR("a/b"), NULL, &request);
    must(str_starts(request.url, challenge.realm));
    return 0;
}
