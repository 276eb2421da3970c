#include "kube/page.h"

#include "doc/json.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static str skip_space(str s)
{
    while (s.len && is_space(s.data[0]))
        s = str_skip(s, 1);
    return s;
}

/* Takes a character that has to stand there. */
static bool take_char(str *s, char c)
{
    *s = skip_space(*s);
    if (!s->len || s->data[0] != c) return false;
    *s = str_skip(*s, 1);
    return true;
}

/* The length of the string that begins at s, quotes included; 0 when it never ends. */
static size_t string_len(str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The same for any value: up to the end of its brackets, or of its word. */
static size_t value_len(str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '"') {
            size_t len = string_len(str_skip(s, i));
            if (!len) return 0;
            i += len - 1;
            if (!depth) return i + 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (!depth) return i;
            if (!--depth) return i + 1;
        } else if (!depth && (c == ',' || is_space(c))) {
            return i;
        }
    }
    return depth ? 0 : s.len;
}

static bool take_value(str *s, str *value)
{
    *s = skip_space(*s);
    size_t len = value_len(*s);
    if (!len) return false;
    *value = str_head(*s, len);
    *s = str_skip(*s, len);
    return true;
}

static bool take_pair(str *s, str *key, str *value)
{
    *s = skip_space(*s);
    return s->len && s->data[0] == '"' && take_value(s, key) && take_char(s, ':') &&
           take_value(s, value);
}

static err *read_metadata(arena *a, str text, struct page *page)
{
    node *metadata;
    TRY(json_parse(a, text, (struct json_options){.last_wins = true}, &metadata));
    page->resource_version = node_get_str(metadata, STR("resourceVersion"));
    page->continue_token = node_get_str(metadata, STR("continue"));
    return NULL;
}

err *page_open(arena *a, str body, struct page *out)
{
    struct page page = {0};
    str rest = body, key, value;
    bool has_items = false, whole = false;
    if (!take_char(&rest, '{')) return err_invalid("the answer is no list: it is no JSON object");
    while (take_pair(&rest, &key, &value)) {
        if (str_is(key, "\"metadata\"")) TRY(read_metadata(a, value, &page));
        if (str_is(key, "\"kind\"")) page.kind = str_trim_char(value, '"');
        if (str_is(key, "\"items\"")) {
            has_items = true;
            page.rest = str_starts(value, STR("[")) ? str_skip(value, 1) : (str){0};
        }
        whole = !take_char(&rest, ',');
        if (whole) break;
    }
    if (!whole || !take_char(&rest, '}'))
        return err_invalid("the answer is no list: it breaks off");
    if (!has_items) return err_invalid("the answer is no list: it has no items");
    *out = page;
    return NULL;
}

bool page_next(struct page *page, str *object)
{
    if (!take_value(&page->rest, object)) return false;
    take_char(&page->rest, ',');
    return true;
}

void page_set_type(arena *a, node *object, str api_version, str kind)
{
    node_set_str(a, object, STR("apiVersion"), api_version);
    node_set_str(a, object, STR("kind"), kind);
}

err *page_object(arena *a, str text, str api_version, str kind, node **out)
{
    node *object;
    TRY(json_parse(a, text, (struct json_options){.last_wins = true, .borrow = true}, &object));
    if (!node_is_map(object)) return err_invalid("an item of the list is no object");
    page_set_type(a, object, api_version, kind);
    *out = object;
    return NULL;
}
