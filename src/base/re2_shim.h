#pragma once
/*
 * The RE2 library as C sees it. Only regex.c calls this: the border between
 * the languages knows no type of ours. Texts are pointer and length.
 */
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum re2_shim_error {
    RE2_SHIM_OK,
    RE2_SHIM_BAD_ESCAPE,
    RE2_SHIM_BAD_CLASS,
    RE2_SHIM_BAD_RANGE,
    RE2_SHIM_NO_BRACKET,
    RE2_SHIM_NO_PAREN,
    RE2_SHIM_EXTRA_PAREN,
    RE2_SHIM_TRAILING_BACKSLASH,
    RE2_SHIM_REPEAT_NOTHING,
    RE2_SHIM_REPEAT_SIZE,
    RE2_SHIM_REPEAT_REPEAT,
    RE2_SHIM_BAD_PERL,
    RE2_SHIM_BAD_UTF8,
    RE2_SHIM_BAD_NAME,
    RE2_SHIM_TOO_LARGE,
    RE2_SHIM_INTERNAL,
};

struct re2_shim_span {
    const char *data; /* NULL: took no part */
    size_t len;
};

/* Never NULL; ask re2_shim_error before use. *fault is the piece of the pattern that is wrong. */
void *re2_shim_new(const char *pattern, size_t len);
void re2_shim_free(void *expression);
enum re2_shim_error re2_shim_error(const void *expression, const char **fault, size_t *fault_len);

size_t re2_shim_groups(const void *expression);
size_t re2_shim_group(const void *expression, const char *name, size_t len); /* 0: none */
bool re2_shim_find(const void *expression, const char *text, size_t len, size_t from,
                   struct re2_shim_span *groups, size_t group_count);

#ifdef __cplusplus
}
#endif
