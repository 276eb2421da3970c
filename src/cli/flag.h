#pragma once
/*
 * Command line flags from tables. A row says where the value goes in the
 * command's options struct; from the same rows come the parser, its errors and
 * the help text. Pure but for the environment variables that rows name.
 *
 *     static const struct flag flags[] = {
 *         FLAG(struct options, watch, "watch", 'w', FLAG_BOOL, .help = "print changes as they
 * come"), FLAG(struct options, timeout_ns, "timeout", 0, FLAG_DURATION, .fallback = "5m", .help =
 * "..."),
 *     };
 */
#include "base/buf.h"
#include "base/err.h"

enum flag_type {
    FLAG_BOOL,     /* bool; --name, --name=false */
    FLAG_STR,      /* str; the last one given wins */
    FLAG_INT,      /* int64_t */
    FLAG_DURATION, /* int64_t, nanoseconds */
    FLAG_LIST,     /* struct flag_list: may be given several times, and commas separate */
};

struct flag_list {
    str *items;
    size_t count;
};

struct flag {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum flag_type type;
    size_t offset, size;
    const char *fallback;       /* as it would be written; NULL: zero */
    const char *env;            /* environment variable that replaces the fallback; NULL: none */
    const char *value;          /* what the value is called in the help; NULL: from the type */
    const char *const *choices; /* texts allowed, ends with NULL */
    const char *help;
    bool hidden;
    bool split_off; /* FLAG_LIST: commas do not separate */
};

#define FLAG(struct_type, member, flag_name, flag_letter, flag_type_, ...)                         \
    {                                                                                              \
        .name = (flag_name), .letter = (flag_letter), .type = (flag_type_),                        \
        .offset = offsetof(struct_type, member), .size = sizeof(((struct_type *)0)->member),       \
        __VA_ARGS__                                                                                \
    }

/* A table and the struct it fills. */
struct flag_set {
    const struct flag *flags;
    size_t count;
    void *options;
};

/* Zeroed options get their fallbacks. An environment variable that cannot be read is an error. */
MUST_USE err *flag_defaults(arena *a, struct flag_set set);
/* Reads every flag out of words, in any order, up to "--"; the others are kept in order as
 * *args_out. The first set that has a name wins. --help and -h set *help_out. Errors name the flag,
 * what was given and what is expected, with the nearest known name for a misspelt one. */
MUST_USE err *flag_parse(arena *a, const struct flag_set *sets, size_t set_count, const str *words,
                         size_t word_count, str **args_out, size_t *arg_count_out, bool *help_out);
/* Whether the word is a flag of the table whose value is the next word: "-n", "--namespace". */
bool flag_takes_next(const struct flag *flags, size_t count, str word);
/* One line per flag, aligned: "  -w, --watch            print changes as they come". */
void flag_help(buf *b, const struct flag *flags, size_t count);

/* The word of the list that is nearest to `word`, if any is near enough; else NULL. */
const char *flag_nearest(str word, const char *const *words, size_t count);
