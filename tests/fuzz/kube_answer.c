/* What an API server answers: a refusal, a page of a list, a stream torn in two. The first byte
 * says where it is torn, the first line is taken for a Secret as well. */
#include "doc/json.h"
#include "kube/kube_status.h"
#include "kube/lines.h"
#include "kube/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err *add_line(void *context, str line)
{
    buf *seen = context;
    must(line.len && !str_has_char(line, '\n'));
    buf_add(seen, line);
    buf_add_char(seen, '\n');
    return NULL;
}

static void tear(str text, size_t place)
{
    struct lines whole AUTO(lines_done) = {0}, torn AUTO(lines_done) = {0};
    buf all AUTO(buf_done) = {0}, parts AUTO(buf_done) = {0};
    err *one AUTO(err_done) = lines_feed(&whole, text, 100, add_line, &all);
    err *first AUTO(err_done) = lines_feed(&torn, str_head(text, place), 100, add_line, &parts);
    if (first) return;
    err *second AUTO(err_done) = lines_feed(&torn, str_skip(text, place), 100, add_line, &parts);
    must(!one == !second);
    must(str_eq(buf_str(&all), buf_str(&parts)));
}

static void cut(arena *a, str text)
{
    struct page page;
    str object;
    err *e AUTO(err_done) = page_open(a, text, &page);
    for (size_t left = text.len; !e && page_next(&page, &object); left -= object.len) {
        must(object.len && object.len <= left);
        node *parsed;
        err *bad AUTO(err_done) = page_object(a, object, STR("v1"), STR("Pod"), &parsed);
        must(bad || str_is(node_get_str(parsed, STR("kind")), "Pod"));
    }
}

static void redact(arena *a, str text)
{
    str line, message;
    node *secret = NULL;
    str_cut(text, '\n', &line, &message);
    err *no_secret AUTO(err_done) = json_parse(a, line, (struct json_options){0}, &secret);
    err *e AUTO(err_done) = kube_status_redact(kube_status_error(500, message), secret);
    must(e->status == 500);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    arena a AUTO(arena_done) = {0};
    str text = str_from((const char *)data + 1, size - 1);
    tear(text, data[0] % size);
    cut(&a, text);
    redact(&a, text);
    return 0;
}
