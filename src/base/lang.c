#include "base/lang.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void lang_must(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, condition);
    abort();
}

void *lang_alloc(size_t size_bytes)
{
    void *memory = malloc(size_bytes ? size_bytes : 1);
    must(memory);
    return memory;
}

void *lang_realloc(void *memory, size_t size_bytes)
{
    void *grown = realloc(memory, size_bytes ? size_bytes : 1);
    must(grown);
    return grown;
}

void *lang_zalloc(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes ? size_bytes : 1);
    must(memory);
    return memory;
}
