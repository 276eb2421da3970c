/* OpenPGP private keys: the first byte says whether the rest is armored already. */
#include "git/pgpkey.h"

#include "base/b64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data, size), out;
    struct pgpkey *key = NULL;
    if (size && data[0] == 'B') {
        text = str_printf(&a,
                          "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" STR_FMT
                          "\n-----END PGP PRIVATE KEY BLOCK-----\n",
                          STR_ARG(b64_encode(&a, str_skip(text, 1))));
    }
    err *e = pgpkey_read(text, size % 2 ? STR("secret") : (str){0}, &key);
    if (!e) e = pgpkey_sign(key, &a, STR("text"), 0, &out);
    err_free(e);
    pgpkey_free(key);
    return 0;
}
