#include "render/hint.h"

#include "doc/json.h"

/* A comment that is a JSON object, or an empty text. */
static str object_in(str comment)
{
    while (str_starts(comment, STR("#")))
        comment = str_skip(comment, 1);
    comment = str_trim(comment);
    bool object = str_starts(comment, STR("{")) && str_ends(comment, STR("}"));
    return object ? comment : (str){0};
}

/* Where the comment of a line begins: at its front or behind a blank. */
static ptrdiff_t find_comment(str line)
{
    for (size_t i = 0; i < line.len; i++) {
        bool begins = i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t';
        if (line.data[i] == '#' && begins) return (ptrdiff_t)i;
    }
    return -1;
}

/* Every field of that line gets the hint; one field a line is what people write. */
static void attach(arena *a, const node *n, uint32_t line, const node *schema, struct hints *out)
{
    NODE_EACH (n, item)
        attach(a, item, line, schema, out);
    PAIR_EACH (n, pair) {
        if (pair->line == line)
            *ARENA_PUSH(a, out->items, out->count, out->room) =
                (struct hint){.line = line, .key = pair->key, .schema = schema};
        attach(a, pair->value, line, schema, out);
    }
}

static const node *parse(arena *a, str text)
{
    node *schema;
    err *e AUTO(err_done) = json_parse(a, text, (struct json_options){.last_wins = true}, &schema);
    return e ? NULL : schema;
}

const struct hints *hint_read(arena *a, str text, const node *root)
{
    if (str_find(text, STR("x-kubernetes-")) < 0 || str_find_char(text, '#') < 0) return NULL;
    struct hints *hints = NEW(a, struct hints);
    const node *above = NULL; /* of comments on lines of their own */
    uint32_t number = 0;
    for (str line; str_next_line(&text, &line);) {
        number++;
        ptrdiff_t at = find_comment(line);
        bool alone = at >= 0 && !str_trim(str_head(line, (size_t)at)).len;
        str object = at < 0 ? (str){0} : object_in(str_skip(line, (size_t)at));
        const node *schema = object.len ? parse(a, object) : NULL;
        if (alone) {
            above = schema;
            continue;
        }
        if (!schema) schema = above;
        if (schema) attach(a, root, number, schema, hints);
        above = NULL;
    }
    return hints->count ? hints : NULL;
}

const node *hint_find(const struct hints *hints, const node *map, str key)
{
    if (!hints) return NULL;
    PAIR_EACH (map, pair) {
        if (!str_eq(pair->key, key)) continue;
        for (size_t i = 0; i < hints->count; i++)
            if (hints->items[i].line == pair->line && str_eq(hints->items[i].key, key))
                return hints->items[i].schema;
    }
    return NULL;
}
