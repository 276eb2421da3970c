/* client: which addresses a client may be kept from. */
#include "net/client.h"

#include "http_fixture.h"

/* However the address is written; a proxy would reach it for us, so it is not asked either. */
static void link_local_addresses_are_refused(void **state)
{
    struct fixture *f = serve(state, remember);
    static const char *const hosts[] = {
        "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
        "169.254.43518",   "[fe80::1]",  "[febf::1]",  "[::ffff:169.254.169.254]"};
    for (int proxied = 0; proxied < 2; proxied++) {
        struct http_options options = {.no_link_local = true, .no_proxy = !proxied};
        if (proxied) options.proxy = url_of(f, "");
        struct http *http;
        assert_null(http_new(f->loop, options, &http));
        for (size_t i = 0; i < COUNT(hosts); i++) {
            struct http_response response;
            struct http_request request = {.url = str_printf(&f->a, "http://%s/x", hosts[i])};
            err *e AUTO(err_done) = http_do(http, &f->a, &request, &response);
            if (!e || e->kind != ERR_INVALID || !strstr(e->message, "link-local"))
                fail_msg("%s: %s", hosts[i], e ? e->message : "accepted");
        }
        struct http_request fine = {.url = url_of(f, "/")};
        struct http_response response;
        assert_null(http_do(http, &f->a, &fine, &response));
        http_free(http);
    }
    assert_int_equal(f->server.requests, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(link_local_addresses_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
