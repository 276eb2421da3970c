/*
 * Every row of every roster, in tests/golden/roster.txt: the index for humans, and the proof that
 * no row was lost. `make golden` writes it anew.
 */
#include "base/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/metrics.h"
#include "cli/cli.h"
#include "control/kind.h"
#include "control/manager.h"
#include "control/webhook.h"
#include "doc/cel_call.h"
#include "notify/notify.h"
#include "render/builtin.h"
#include "tmpl/call.h"

#define EXPECTED "tests/golden/roster.txt"

struct names {
    const char **items;
    size_t count, room;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "metric gotk_reconcile_duration_seconds", a line for each; a name is there once. */
static void print(buf *text, const char *roster, struct names *names)
{
    if (names->count) qsort(names->items, names->count, sizeof *names->items, by_name);
    for (size_t i = 0; i < names->count; i++) {
        if (i && !strcmp(names->items[i], names->items[i - 1]))
            fail_msg("two rows of the roster %s are called '%s'", roster, names->items[i]);
        buf_printf(text, "%s %s\n", roster, names->items[i]);
    }
}

#define PRINT(a, text, table, type, member)                                                        \
    do {                                                                                           \
        struct names names = {0};                                                                  \
        ROSTER_EACH (table, type, row)                                                             \
            *ARENA_PUSH(a, names.items, names.count, names.room) = (*row)->member;                 \
        print(text, #table, &names);                                                               \
    } while (0)

/* A family is a file; its functions are told apart by what they take, too. */
static void print_cel(arena *a, buf *text)
{
    struct names names = {0};
    ROSTER_EACH (cel_family, struct cel_functions, family) {
        for (size_t i = 0; i < (*family)->count; i++)
            *ARENA_PUSH(a, names.items, names.count, names.room) = (*family)->rows[i].name;
    }
    if (names.count) qsort(names.items, names.count, sizeof *names.items, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < names.count; i++) {
        if (!kept || strcmp(names.items[i], names.items[kept - 1]) != 0)
            names.items[kept++] = names.items[i];
    }
    names.count = kept;
    print(text, "cel_function", &names);
}

static void test_every_row(void **state UNUSED)
{
    arena a AUTO(arena_done) = {0};
    buf text = BUF(&a);
    str wanted;
    print_cel(&a, &text);
    PRINT(&a, &text, builtin, struct builtin, kind);
    PRINT(&a, &text, command, struct command, path);
    PRINT(&a, &text, controller, struct controller, name);
    PRINT(&a, &text, func, struct func, name);
    PRINT(&a, &text, kind, struct kind, kind);
    PRINT(&a, &text, metric, struct metric, name);
    PRINT(&a, &text, provider, struct provider, type);
    PRINT(&a, &text, webhook, struct webhook, type);
    const char *mode = getenv("GOLDEN");
    if (mode && !strcmp(mode, "write")) {
        assert_null(fs_write(STR(EXPECTED), buf_str(&text), 0644));
        return;
    }
    err *e AUTO(err_done) = fs_read(&a, STR(EXPECTED), 1 << 20, &wanted);
    if (e) fail_msg("%s", e->message);
    for (str got = buf_str(&text), line, want; str_next_line(&got, &line);) {
        if (!str_next_line(&wanted, &want) || !str_eq(line, want))
            fail_msg("'" STR_FMT "' instead of '" STR_FMT "': if that is right, `make golden`",
                     STR_ARG(line), STR_ARG(want));
    }
    if (wanted.len) fail_msg("rows are gone: " STR_FMT, STR_ARG(wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
