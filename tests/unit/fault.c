/* fault: rules as they are typed, and whose turn it is. */
#include "sandbox/fault.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rand.h"

struct fixture {
    arena a;
    struct store *store;
    struct served_table *served;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    f->store = store_new();
    f->served = served_new(f->store);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    rand_seed(0);
    served_free(f->served);
    store_free(f->store);
    arena_done(&f->a);
    test_free(f);
    return 0;
}

static struct fault_rules rules(struct fixture *f, const char *text)
{
    struct fault_rules out;
    err *e = fault_parse(&f->a, str_of(text), &out);
    assert_null(e);
    return out;
}

static struct call call(struct fixture *f, enum call_verb verb, const char *query)
{
    return (struct call){
        .a = &f->a,
        .verb = verb,
        .served = served_find(f->served, STR(""), STR("v1"), STR("configmaps")),
        .user = STR("admin"),
        .query = str_of(query),
    };
}

static void mistakes_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"status=200", "status: '200' is no number from 400 to 599"},
        {"status", "status: '' is no number"},
        {"delay=soon", "delay: 'soon' is no duration"},
        {"delay=2h", "no duration up to an hour"},
        {"cut=0s", "cut: '0s' is no duration"},
        {"lost,rate=2", "rate: '2' is no number from 0 to 1"},
        {"lost,rate=0.1x", "rate: '0.1x' is no number"},
        {"lost,verb=steal", "verb: 'steal' is none of get"},
        {"lost,resource=", "resource has no value"},
        {"lost=1", "lost takes no value"},
        {"lost,expired", "'expired' is a second fault"},
        {"rate=0.5", "it does not say what happens"},
        {"status=500;explode", "fault 'explode': 'explode' is none of status"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault_rules out;
        err *e AUTO(err_done) = fault_parse(&f->a, str_of(cases[i][0]), &out);
        assert_non_null(e);
        if (str_find(err_text(e), str_of(cases[i][1])) < 0)
            fail_msg("%s: %s", cases[i][0], e->message);
    }
    buf many = BUF(&f->a);
    struct fault_rules out;
    for (int i = 0; i < 65; i++)
        BUF_ADD(&many, "lost;");
    err *e AUTO(err_done) = fault_parse(&f->a, buf_str(&many), &out);
    assert_non_null(e);
}

static void the_first_that_fits_counts(void **state)
{
    struct fixture *f = *state;
    struct fault_rules all = rules(
        f, "status=409,verb=update;delay=1s500ms,resource=secrets; lost , user=admin ; status=500");
    struct call update = call(f, CALL_UPDATE, ""), get = call(f, CALL_GET, "");
    assert_int_equal(all.count, 4);
    assert_int_equal(fault_choose(&all, &update).status, 409);
    assert_int_equal(fault_choose(&all, &get).kind, FAULT_LOST);
    get.user = STR("guest");
    assert_int_equal(fault_choose(&all, &get).status, 500);
    struct fault_rules none = rules(f, " ; ");
    assert_int_equal(fault_choose(&none, &get).kind, FAULT_NONE);
}

static void watches_have_faults_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct fault_rules all = rules(f, "lost;delay=1s;cut=30s,rate=1");
    struct fault_rules expired = rules(f, "expired");
    struct call watch = call(f, CALL_WATCH, ""), resumed = call(f, CALL_WATCH, "resourceVersion=7");
    struct call list = call(f, CALL_LIST, "resourceVersion=7");
    assert_int_equal(fault_choose(&all, &watch).kind, FAULT_CUT);
    assert_int_equal(fault_choose(&all, &list).kind, FAULT_LOST);
    assert_int_equal(fault_choose(&expired, &watch).kind, FAULT_NONE);
    assert_int_equal(fault_choose(&expired, &list).kind, FAULT_NONE);
    assert_int_equal(fault_choose(&expired, &resumed).kind, FAULT_EXPIRED);
}

static void a_share_of_the_requests(void **state)
{
    struct fixture *f = *state;
    struct fault_rules some = rules(f, "status=503,rate=0.25"), never = rules(f, "lost,rate=0");
    struct call get = call(f, CALL_GET, "");
    int refused = 0;
    rand_seed(7);
    for (int i = 0; i < 4000; i++) {
        refused += fault_choose(&some, &get).kind == FAULT_STATUS;
        assert_int_equal(fault_choose(&never, &get).kind, FAULT_NONE);
    }
    assert_in_range(refused, 850, 1150);
}

static void refusals_have_reasons(void **state)
{
    (void)state;
    err *busy AUTO(err_done) = fault_refusal(429), *odd AUTO(err_done) = fault_refusal(418);
    assert_int_equal(busy->status, 429);
    assert_string_equal(busy->reason, "TooManyRequests");
    assert_int_equal(odd->status, 418);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mistakes_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_that_fits_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_have_faults_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_share_of_the_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_have_reasons, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
