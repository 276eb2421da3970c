/* The body of a posted event: read, compared, cleaned, and formatted for every kind of service. */
#include "notify/destination.h"
#include "notify/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void format(arena *a, const struct provider *provider, const struct notice *notice)
{
    struct target target = {
        .type = str_of(provider->type),
        .address = STR("https://host.example.com/scm/org/repo"),
        .channel = STR("channel/topic"),
        .token = STR("user:token"),
        .provider_uid = STR("0c9c2e41-d2f9"),
    };
    struct exchange exchange = {.a = a, .notice = notice, .target = &target};
    struct http_request request = {0};
    err *e AUTO(err_done) = provider->dial ? NULL : notify_begin(provider, &exchange, &request);
    for (size_t i = 0; i < request.header_count; i++) /* nothing of an event begins a line */
        must(!str_has_char(request.headers[i].value, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a AUTO(arena_done) = {0};
    struct notice notice, again;
    bool conflict;
    err *e AUTO(err_done) = notice_decode(&a, str_from((const char *)data, size), &notice);
    if (e) return 0;
    err *twice AUTO(err_done) = notice_decode(&a, notice_json(&a, &notice), &again);
    must(!twice);
    must(str_eq(notice_same_key(&a, &notice), notice_same_key(&a, &again)));
    notice.metadata = notice_clean_metadata(&a, &notice);
    const struct rule_source source = {.kind = notice.about.kind.kind, .name = STR("*")};
    struct rule *rule = rule_new(&(struct rule_spec){
        .namespace = notice.about.namespace, .sources = &source, .source_count = 1});
    must(rule_match(rule, &notice, true, NULL) == RULE_YES);
    notice.metadata = rule_metadata(&a, rule, &notice, &conflict);
    rule_unref(rule);
    ROSTER_EACH (provider, struct provider, row) {
        format(&a, *row, &notice);
    }
    return 0;
}
