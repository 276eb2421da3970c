/* What a server lists: an advertisement, the answer to ls-refs, and both in a row as over SSH. */
#include "git/reflist.h"
#include "git/remote.h"
#include "git/sshpoll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reflist *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct reflist_ref *ref = &listing->refs[i];
        must(remote_ref_is_valid(ref->name) && remote_sha_is_valid(ref->sha));
        must(!ref->peeled.len || remote_sha_is_valid(ref->peeled));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str body = str_from((const char *)data, size);
    struct reflist listing;
    err *e AUTO(err_done) = reflist_parse_advertisement(&a, body, &listing);
    if (!e) check(&listing);
    err *f AUTO(err_done) = reflist_parse_answer(&a, body, &listing);
    if (!f) check(&listing);
    err *g AUTO(err_done) = sshpoll_parse(&a, body, &listing);
    if (!g) check(&listing);
    return 0;
}
