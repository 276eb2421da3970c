/* The files for Prometheus and Grafana in install/: each metric that they name is one of ours. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/metrics.h"
#include "doc/json.h"
#include "doc/yaml.h"

static const char *const prefixes[] = {"fixpoint_",           "gotk_",        "workqueue_",
                                       "controller_runtime_", "rest_client_", "process_"};

static bool is_part(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_known(str name, str page)
{
    static const char *const parts[] = {"_bucket", "_sum", "_count"};
    arena a AUTO(arena_done) = {0};
    str line = str_printf(&a, "# TYPE " STR_FMT " ", STR_ARG(name));
    if (str_find(page, line) >= 0) return true;
    for (size_t i = 0; i < COUNT(parts); i++) {
        str base = name;
        if (!str_strip_suffix(&base, str_of(parts[i]))) continue;
        line = str_printf(&a, "# TYPE " STR_FMT " histogram\n", STR_ARG(base));
        if (str_find(page, line) >= 0) return true;
    }
    return false;
}

/* Every word of the expression that begins as our metrics do. */
static size_t check_expression(str text, str page)
{
    size_t found = 0;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && is_part(text.data[end]))
            end++;
        str word = str_slice(text, i, end);
        i = end == i ? i + 1 : end;
        for (size_t k = 0; k < COUNT(prefixes); k++) {
            if (!str_starts(word, str_of(prefixes[k]))) continue;
            if (!is_known(word, page)) fail_msg("there is no metric %.*s", STR_ARG(word));
            found++;
        }
    }
    return found;
}

/* Of every text below a key `expr` or `query`. */
static size_t check_tree(const node *n, str page)
{
    size_t found = 0;
    str text;
    NODE_EACH (n, item)
        found += check_tree(item, page);
    PAIR_EACH (n, pair) {
        bool expression = str_is(pair->key, "expr") || str_is(pair->key, "query");
        if (expression && node_to_str(pair->value, &text))
            found += check_expression(text, page);
        else
            found += check_tree(pair->value, page);
    }
    return found;
}

static str page_of(arena *a)
{
    buf page = BUF(a);
    metrics_write(&page);
    return buf_str(&page);
}

static void rules(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text;
    node *root;
    assert_null(fs_read(&a, STR("install/prometheus-rules.yaml"), 1 << 20, &text));
    assert_null(yaml_parse(&a, text, (struct yaml_options){.dup_error = true}, &root));
    assert_true(check_tree(root, page_of(&a)) >= 14);
}

static void dashboard(void **state)
{
    (void)state;
    arena a AUTO(arena_done) = {0};
    str text;
    node *root;
    assert_null(fs_read(&a, STR("install/grafana-dashboard.json"), 1 << 20, &text));
    assert_null(json_parse(&a, text, (struct json_options){0}, &root));
    assert_true(check_tree(root, page_of(&a)) >= 20);
    assert_true(node_get(root, STR("panels"))->count >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(dashboard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
