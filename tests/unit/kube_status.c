#include "kube/kube_status.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"

/* Answers recorded from kube-apiserver 1.36. */
#define STATUS(fields)                                                                             \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\"," fields "}"

static void codes_become_kinds_and_reasons(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *body, *reason, *message;
        enum err_kind kind;
    } rows[] = {
        {404,
         STATUS("\"message\":\"secrets \\\"a\\\" not found\",\"reason\":\"NotFound\",\"code\":404"),
         "NotFound", "secrets \"a\" not found", ERR_NOT_FOUND},
        {404, "404 page not found\n", "NotFound", "the API server answered 404: 404 page not found",
         ERR_NOT_FOUND},
        {409, STATUS("\"reason\":\"AlreadyExists\",\"message\":\"m\""), "AlreadyExists", "m",
         ERR_CONFLICT},
        {409, STATUS("\"reason\":\"Conflict\",\"message\":\"Apply failed with 1 conflict\""),
         "Conflict", "Apply failed with 1 conflict", ERR_CONFLICT},
        {422, STATUS("\"reason\":\"Invalid\",\"message\":\"m\""), "Invalid", "m", ERR_INVALID},
        {400, STATUS("\"reason\":\"BadRequest\",\"message\":\"m\""), "BadRequest", "m",
         ERR_INVALID},
        {413, "", "RequestEntityTooLarge", "the API server answered 413", ERR_INVALID},
        {415, STATUS("\"message\":\"m\""), "UnsupportedMediaType", "m", ERR_INVALID},
        {401, STATUS("\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\""), "Unauthorized",
         "Unauthorized", ERR_DENIED},
        {403, STATUS("\"reason\":\"Forbidden\",\"message\":\"m\""), "Forbidden", "m", ERR_DENIED},
        {408, "", "Timeout", "the API server answered 408", ERR_TRANSIENT},
        {410, STATUS("\"reason\":\"Expired\",\"message\":\"m\""), "Expired", "m", ERR_TRANSIENT},
        {429, STATUS("\"reason\":\"TooManyRequests\",\"message\":\"m\""), "TooManyRequests", "m",
         ERR_TRANSIENT},
        {500, STATUS("\"message\":\"etcdserver: request timed out\",\"code\":500"), "InternalError",
         "etcdserver: request timed out", ERR_TRANSIENT},
        {503, "upstream connect error\r\nmore", "ServiceUnavailable",
         "the API server answered 503: upstream connect error", ERR_TRANSIENT},
        {502, "\x1f\x8b\x08", "", "the API server answered 502", ERR_TRANSIENT},
        {500,
         STATUS(
             "\"message\":\"failed to create typed patch object (/a; /v1, Kind=ConfigMap): .foo: "
             "field not declared in schema\",\"code\":500"),
         "InternalError",
         "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .foo: field not declared "
         "in "
         "schema",
         ERR_INVALID},
        {500,
         STATUS(
             "\"message\":\"failed to convert new object (/a; /v1, Kind=Secret) to proper version: "
             "illegal base64 data at input byte 3\""),
         "InternalError",
         "failed to convert new object (/a; /v1, Kind=Secret) to proper version: illegal base64 "
         "data "
         "at input byte 3",
         ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        err *e AUTO(err_done) = kube_status_error(rows[i].code, str_of(rows[i].body));
        assert_int_equal(e->kind, rows[i].kind);
        assert_int_equal(e->status, rows[i].code);
        assert_string_equal(e->reason, rows[i].reason);
        assert_string_equal(e->message, rows[i].message);
    }
}

static void odd_answers_are_errors_too(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",           "[]",
        "null",       "{\"kind\":\"Status\"}",
        "{\"kind\":", "{\"kind\":\"Status\",\"message\":7,\"reason\":[]}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        err *e AUTO(err_done) = kube_status_error(503, str_of(bodies[i]));
        assert_int_equal(e->kind, ERR_TRANSIENT);
        assert_true(e->len > 0);
    }
    /* A reason that does not fit is cut, not written past its end. */
    err *e AUTO(err_done) = kube_status_error(
        422, STR(STATUS("\"message\":\"m\",\"reason\":"
                        "\"0123456789012345678901234567890123456789012345678901234567890123\"")));
    assert_int_equal(strlen(e->reason), sizeof e->reason - 1);
}

static void an_error_event_counts_by_its_own_code(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    node *status;
    assert_null(json_parse(&a,
                           STR("{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old "
                               "resource version: 1 (200)\",\"reason\":\"Expired\",\"code\":410}"),
                           (struct json_options){0}, &status));
    err *e AUTO(err_done) = kube_status_from(status);
    assert_int_equal(e->status, 410);
    assert_string_equal(e->reason, "Expired");
    err *none AUTO(err_done) = kube_status_from(NULL);
    assert_int_equal(none->kind, ERR_TRANSIENT);
}

static void check_redaction(const char *message, const char *secret_json, const char *expected)
{
    arena a AUTO(arena_done) = {0};
    node *secret = NULL;
    if (secret_json)
        assert_null(json_parse(&a, str_of(secret_json), (struct json_options){0}, &secret));
    err *e = err_new(ERR_INVALID, "Invalid", "%s", message);
    e->status = 422;
    err *clean AUTO(err_done) = kube_status_redact(e, secret);
    assert_string_equal(clean->message, expected);
    assert_string_equal(clean->reason, "Invalid");
    assert_int_equal(clean->status, 422);
}

static void values_are_redacted_by_their_form(void **state)
{
    (void)state;
    static const struct {
        const char *message, *expected;
    } rows[] = {
        /* server-side apply, one wrong field and several */
        {"failed to create typed patch object (/a; /v1, Kind=Secret): .stringData.pin: expected "
         "string, got &value.valueUnstructured{Value:424283171}",
         "failed to create typed patch object (/a; /v1, Kind=Secret): .stringData.pin: expected "
         "string, got <redacted>"},
        {"errors:\n  .stringData.m: expected string, got &value.valueUnstructured{Value:map[string]"
         "interface {}{\"a\":\"s3cret}x\"}}\n  .stringData.l: expected string, got &{[hunter2]}",
         "errors:\n  .stringData.m: expected string, got <redacted>\n  .stringData.l: expected "
         "string, got <redacted>"},
        {".immutable: expected boolean, got &{ye\ns}",
         ".immutable: expected boolean, got <redacted>"},
        {"odd &value.valueUnstructured{Value:\"a}b\\\"}c\"} end",
         "odd &value.valueUnstructured{Value:<redacted>} end"},
        {"odd {Value:map[string]interface {}{\"a\":[]int{1}}} end", "odd {Value:<redacted>} end"},
        {"cut off {Value:\"abc", "cut off {Value:<redacted>"},
        /* validation */
        {"Secret \"a\" is invalid: [data[x]: Invalid value: \"hunter2, \\\"ok\\\": ]\": a valid "
         "key, "
         "data[y]: Invalid value: 4711: must be so]",
         "Secret \"a\" is invalid: [data[x]: Invalid value: <redacted>: a valid key, data[y]: "
         "Invalid "
         "value: <redacted>: must be so]"},
        {"type: Unsupported value: \"hunter2\": supported values: \"Opaque\"",
         "type: Unsupported value: <redacted>: supported values: \"Opaque\""},
        {"x: Duplicate value: map[string]string{\"a\":\"b, c: d\"}",
         "x: Duplicate value: <redacted>"},
        /* decoding */
        {"json: cannot unmarshal number 4711 into Go struct field Secret.data of type []uint8",
         "json: cannot unmarshal number <redacted> into Go struct field Secret.data of type "
         "[]uint8"},
        {"strconv.ParseInt: parsing \"hunter2\": invalid syntax",
         "strconv.ParseInt: parsing <redacted>: invalid syntax"},
        {"error found in #10 byte of ...|foo\":\"bar|...\"|..., bigger context "
         "...|{\"data\":{\"foo|...",
         "error found in #10 byte of ...|<redacted>|..."},
        /* nothing to redact */
        {"secrets \"a\" is forbidden: User \"u\" cannot patch resource \"secrets\"",
         "secrets \"a\" is forbidden: User \"u\" cannot patch resource \"secrets\""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_redaction(rows[i].message, NULL, rows[i].expected);
        check_redaction(rows[i].expected, NULL, rows[i].expected);
    }
}

static void values_are_redacted_wherever_they_stand(void **state)
{
    (void)state;
    const char *secret =
        "{\"metadata\":{\"name\":\"database\"},\"stringData\":{\"password\":\"hunter2\","
        "\"pin\":4242,\"name\":\"database\",\"two\":\"line one\\nline two\\n\","
        "\"a\":\"xyz\",\"deep\":{\"list\":[\"buried\"]}},"
        "\"data\":{\"key\":\"c2VzYW1l\",\"bad\":\"&&&&\"}}";
    check_redaction("admission webhook \"w\" denied the request: hunter2 is weak, hunter2hunter2",
                    secret,
                    "admission webhook \"w\" denied the request: <redacted> is weak, "
                    "<redacted><redacted>");
    check_redaction("sesame is c2VzYW1l, 4242 and buried", secret,
                    "<redacted> is <redacted>, <redacted> and <redacted>");
    check_redaction("have line one\nline two or \"line one\\nline two\"", secret,
                    "have <redacted> or \"<redacted>\"");
    check_redaction("abcdefgh abcd", "{\"stringData\":{\"a\":\"abcd\",\"b\":\"abcdefgh\"}}",
                    "<redacted> <redacted>");
    /* Names are everywhere, and three letters say nothing. */
    check_redaction("secrets \"database\" xyz", secret, "secrets \"database\" xyz");
}

static int64_t retry_after(const char *value)
{
    struct http_header header = {STR("retry-after"), str_of(value)};
    struct http_response response = {.status = 429, .headers = &header, .header_count = 1};
    return kube_status_retry_after_ns(&response);
}

static void retry_after_is_seconds(void **state)
{
    (void)state;
    assert_int_equal(retry_after("7"), 7 * CLOCK_SECOND);
    assert_int_equal(retry_after("0"), 0);
    assert_int_equal(retry_after("99999999999999"), 3600 * CLOCK_SECOND);
    assert_int_equal(retry_after("-1"), -1);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), -1);
    struct http_response none = {.status = 429};
    assert_int_equal(kube_status_retry_after_ns(&none), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_become_kinds_and_reasons),
        cmocka_unit_test(odd_answers_are_errors_too),
        cmocka_unit_test(an_error_event_counts_by_its_own_code),
        cmocka_unit_test(values_are_redacted_by_their_form),
        cmocka_unit_test(values_are_redacted_wherever_they_stand),
        cmocka_unit_test(retry_after_is_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
