#pragma once
/*
 * A dozen words that extend the language. The only header whose names do not
 * carry its file's name: they are part of the language we write in.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs fn(&variable) when the variable goes out of scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(format_index, first_index)                                                          \
    __attribute__((format(printf, format_index, first_index)))
#define UNUSED __attribute__((unused))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a_ = (a);                                                                \
        __typeof__(b) min_b_ = (b);                                                                \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a_ = (a);                                                                \
        __typeof__(b) max_b_ = (b);                                                                \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })

/* The struct of the given type that holds `pointer` as its member. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Hands an error up. The only macro that hides a return. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        struct err *try_err_ = (call);                                                             \
        if (try_err_) return try_err_;                                                             \
    } while (0)

/* States what has to hold. Stays on in release builds: prints the line and aborts. */
#define must(condition)                                                                            \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) lang_must(#condition, __FILE__, __LINE__);          \
    } while (0)

_Noreturn void lang_must(const char *condition, const char *file, int line);

/* malloc, realloc and calloc that abort when memory runs out. For base/ only. */
void *lang_alloc(size_t size_bytes);
void *lang_realloc(void *memory, size_t size_bytes);
void *lang_zalloc(size_t size_bytes);
