/* batch: objects out of pieces of any size. */
#include "git/batch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"

#define SHA "1111111111111111111111111111111111111111"

static err *begin(void *context, size_t index, str sha, uint64_t size)
{
    buf_printf(context, "%zu:" STR_FMT ":%d[", index, STR_ARG(str_head(sha, 2)), (int)size);
    return NULL;
}

static err *data(void *context, str bytes)
{
    assert_true(bytes.len > 0);
    buf_add(context, bytes);
    return NULL;
}

static err *end(void *context)
{
    BUF_ADD((buf *)context, "]");
    return NULL;
}

static const struct batch_events events = {begin, data, end};

static err *feed(arena *a, str text, size_t count, size_t piece, buf *out)
{
    struct batch *batch = batch_new(a, count, &events, out);
    while (text.len) {
        TRY(batch_take(batch, str_head(text, piece)));
        text = str_skip(text, piece);
    }
    return batch_end(batch);
}

static void test_pieces(void **state UNUSED)
{
    str text = STR(SHA " blob 3\na\nb\n" SHA " tree 0\n\n" SHA " commit 1\nx\n");
    for (size_t piece = 1; piece <= text.len; piece++) {
        arena a AUTO(arena_done) = {0};
        buf out = BUF(&a);
        err *e = feed(&a, text, 3, piece, &out);
        if (e) fail_msg("pieces of %zu: %s", piece, e->message);
        assert_true(str_is(buf_str(&out), "0:11:3[a\nb]1:11:0[]2:11:1[x]"));
    }
}

static void test_faults(void **state UNUSED)
{
    static const struct {
        const char *text;
        size_t count;
        enum err_kind kind;
    } rows[] = {
        {"", 1, ERR_TRANSIENT},
        {SHA " missing\n", 1, ERR_NOT_FOUND},
        {"refs/keep/x^{commit} missing\n", 1, ERR_NOT_FOUND},
        {SHA " ambiguous\n", 1, ERR_TRANSIENT},
        {"x blob 1\na\n", 1, ERR_TRANSIENT},
        {SHA " blob x\na\n", 1, ERR_TRANSIENT},
        {SHA " blob -1\na\n", 1, ERR_TRANSIENT},
        {SHA " blob 99999999999999999999\na\n", 1, ERR_TRANSIENT},
        {SHA " blob 1\nab\n", 1, ERR_TRANSIENT},
        {SHA " blob 9\na\n", 1, ERR_TRANSIENT},
        {SHA " blob 1\na", 1, ERR_TRANSIENT},
        {SHA " blob 1\na\n" SHA " blob 1\na\n", 1, ERR_TRANSIENT},
        {SHA " blob 1\na\n", 2, ERR_TRANSIENT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena a AUTO(arena_done) = {0};
        buf out = BUF(&a);
        err *e AUTO(err_done) = feed(&a, str_of(rows[i].text), rows[i].count, 7, &out);
        if (!e || e->kind != rows[i].kind) fail_msg("row %zu", i);
    }
    arena a AUTO(arena_done) = {0};
    buf out = BUF(&a), endless = BUF(&a);
    buf_fill(&endless, 'a', 100000);
    err *e AUTO(err_done) = feed(&a, buf_str(&endless), 1, 1000, &out);
    assert_true(err_is(e, ERR_TRANSIENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
