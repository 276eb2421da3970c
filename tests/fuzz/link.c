/* A Link header in the first line, the URL that was asked behind: the next page is at that server.
 */
#include "oci/link.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str header, asked, next;
    if (!str_cut(str_from((const char *)data, size), '\n', &header, &asked))
        asked = STR("https://reg.example.com/v2/a/tags/list?n=1000");
    err *e AUTO(err_done) = link_next(&a, header, asked, &next);
    if (e || !next.len) return 0;
    struct url from, to;
    err *bad = url_parse(asked, &from);
    if (!bad) bad = url_parse(next, &to);
    must(!bad);
    must(str_eq(url_host_port(&a, &from), url_host_port(&a, &to)));
    must(str_eq_fold(from.scheme, to.scheme));
    return 0;
}
