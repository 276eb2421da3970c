/*
 * Feeds a fuzz target its corpus, and the empty input. Linked with one target
 * NAME.c into a program NAME, so the corpus is tests/fuzz/corpus/NAME.
 */
#include <stdio.h>

#include "base/arena.h"
#include "base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_BYTES_MAX (64u * 1024 * 1024)

static err *replay(arena *a, str corpus, size_t *replayed_out)
{
    str *names;
    size_t count;
    TRY(fs_list(a, corpus, &names, &count));
    if (!count) return err_invalid("'" STR_FMT "' is empty", STR_ARG(corpus));

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (size_t i = 0; i < count; i++) {
        str content;
        TRY(fs_read(a, fs_join(a, corpus, names[i]), FILE_BYTES_MAX, &content));
        printf(STR_FMT "\n", STR_ARG(names[i]));
        fflush(stdout); /* the last name printed is the one that crashed */
        LLVMFuzzerTestOneInput((const uint8_t *)content.data, content.len);
    }
    *replayed_out = count;
    return NULL;
}

int main(int argc, char **argv)
{
    must(argc == 1);
    arena a AUTO(arena_done) = {0};
    size_t replayed = 0;
    err *e = replay(&a, fs_join(&a, STR("tests/fuzz/corpus"), fs_base(str_of(argv[0]))), &replayed);
    if (e) {
        fprintf(stderr, "%s\n[  FAILED  ] 1 test(s).\n", e->message);
        err_free(e);
        return 1;
    }
    printf("[  PASSED  ] %zu test(s).\n", replayed);
    return 0;
}
