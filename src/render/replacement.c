#include "render/replacement.h"

#include "base/limits.h"
#include "base/regex.h"
#include "doc/json.h"
#include "doc/plain.h"
#include "doc/yaml.h"
#include "doc/yaml_print.h"
#include "render/field_path.h"
#include "render/quote.h"
#include "render/scalar.h"
#include "render/shape.h"

struct replacement_options replacement_options(const node *options)
{
    return (struct replacement_options){
        .delimiter = node_get_str(options, STR("delimiter")),
        .index = node_get_int(options, STR("index"), 0),
        .create = node_get_bool(options, STR("create"), false),
    };
}

/* --- Pieces of texts --- */

static str scalar_text(const node *n)
{
    return node_is_scalar(n) && !node_is_null(n) ? n->text : STR("");
}

static str *split(arena *a, str text, str delimiter, size_t *count_out)
{
    str *pieces = NULL;
    size_t count = 0, room = 0;
    for (ptrdiff_t at; (at = str_find(text, delimiter)) >= 0;) {
        *ARENA_PUSH(a, pieces, count, room) = str_head(text, (size_t)at);
        text = str_skip(text, (size_t)at + delimiter.len);
    }
    *ARENA_PUSH(a, pieces, count, room) = text;
    *count_out = count;
    return pieces;
}

/* The text with one piece replaced: before the first, or after the last, it is added. */
static str with_piece(arena *a, str text, struct replacement_options options, str piece)
{
    size_t count;
    str *pieces = split(a, text, options.delimiter, &count);
    str *all = NEW_ARRAY(a, str, count + 1);
    bool before = options.index < 0, after = options.index >= (int64_t)count;
    for (size_t i = 0; i < count; i++)
        all[i + before] = pieces[i];
    all[before ? 0 : after ? count : (size_t)options.index] = piece;
    return str_join(a, all, count + (before || after), options.delimiter);
}

/* --- The value of a source --- */

static bool is_empty(const node *n)
{
    return node_is_null(n) || ((node_is_map(n) || node_is_list(n)) && n->count == 0);
}

err *replacement_value(arena *a, node *object, str path, struct replacement_options options, str id,
                       node **out)
{
    if (!path.len) path = STR("metadata.name");
    node *value;
    err *e = field_path_get(field_path_parse(a, path), object, &value);
    if (e) return shape_hide(err_wrap(e, "error looking up replacement source"), object);
    if (is_empty(value))
        return err_invalid("fieldPath `" STR_FMT "` is missing for replacement source " STR_FMT,
                           STR_ARG(path), STR_ARG(id));
    *out = value;
    if (!options.delimiter.len) return NULL;

    if (!node_is_scalar(value))
        return err_invalid("delimiter option can only be used with scalar nodes");
    size_t count;
    str *pieces = split(a, scalar_text(value), options.delimiter, &count);
    if (options.index < 0 || options.index >= (int64_t)count)
        return err_invalid("options.index %lld is out of bounds for value " STR_FMT,
                           (long long)options.index,
                           STR_ARG(shape_is_secret(object) ? STR("***") : scalar_text(value)));
    node *piece = doc_copy_tree(a, value);
    piece->text = pieces[options.index];
    *out = piece;
    return NULL;
}

/* --- The places of a target --- */

struct place {
    node *node;
    bool fresh; /* just made: what it means follows from its text */
};

struct search {
    arena *a;
    bool create;
    enum shape made; /* of what is made at the end of the path */
    struct place *places;
    size_t count, room;
};

static err *find(struct search *s, struct field_path path, struct place at);

static err *find_in_text(struct search *s, struct field_path path, const node *scalar);

/* A node for what comes before the rest of a path. */
static node *new_node(struct search *s, struct field_path rest)
{
    struct field_path_part part = {0};
    if (rest.count) err_free(field_path_part(rest.parts[0], &part)); /* told when it is walked */
    bool list = rest.count ? part.kind == FIELD_PATH_INDEX || part.kind == FIELD_PATH_SELECT
                           : s->made == SHAPE_LIST;
    bool map = rest.count ? !list : s->made == SHAPE_MAP;
    return list ? node_list(s->a) : map ? node_map(s->a) : scalar_new(s->a, STR(""));
}

static err *find_field(struct search *s, struct field_path path, node *map)
{
    TRY(shape_check(map, path.parts[0].len ? SHAPE_MAP : SHAPE_SCALAR));
    struct field_path rest = field_path_skip(path, 1);
    struct place at = {.node = node_get(map, path.parts[0])};
    if (!at.node) {
        if (!s->create) return NULL;
        at = (struct place){new_node(s, rest), true};
        if (node_is_map(map)) node_set(s->a, map, path.parts[0], at.node);
    }
    if (rest.count && node_is_scalar(at.node)) return find_in_text(s, rest, at.node);
    return find(s, rest, at);
}

static err *find_index(struct search *s, struct field_path path, int64_t index, node *list)
{
    TRY(shape_check(list, SHAPE_LIST));
    struct field_path rest = field_path_skip(path, 1);
    int64_t count = node_is_list(list) ? list->count : 0;
    if (s->create && index == count) {
        node *item = new_node(s, rest);
        if (node_is_list(list)) node_push(s->a, list, item);
        return find(s, rest, (struct place){item, true});
    }
    if (index >= count)
        return err_invalid("index %lld specified but only %lld elements found", (long long)index,
                           (long long)count);
    return find(s, rest, (struct place){.node = list->items[index]});
}

/* compat: an expression that has to match somewhere in the YAML text, quotes and all; pinned by
 * unit/replacement. */
static bool item_matches(const struct regex *regex, const node *value)
{
    buf text AUTO(buf_done) = {0};
    yaml_print(&text, value);
    return value && regex_match(regex, str_trim(buf_str(&text)));
}

static err *find_matching(struct search *s, struct field_path rest, const struct regex *regex,
                          str key, node *list, bool fresh)
{
    NODE_EACH (list, item) {
        if (!item_matches(regex, key.len ? node_get(item, key) : item)) continue;
        /* compat: what follows on [=value] has no meaning. */
        TRY(find(s, key.len ? rest : field_path_skip(rest, rest.count),
                 (struct place){item, fresh && !key.len}));
    }
    return NULL;
}

static err *find_selected(struct search *s, struct field_path path,
                          const struct field_path_part *part, node *list)
{
    struct field_path rest = field_path_skip(path, 1);
    struct regex *regex AUTO(regex_free_done) = NULL;
    TRY(shape_check(list, SHAPE_LIST));
    if (node_is_list(list) && list->count) {
        size_t before = s->count;
        TRY(regex_compile(part->value, &regex));
        TRY(find_matching(s, rest, regex, part->key, list, false));
        if (s->count > before) return NULL;
    }
    if (!s->create) return NULL;

    node *item = scalar_new(s->a, part->value), *made = node_list(s->a);
    if (part->key.len) {
        node *map = node_map(s->a);
        node_set(s->a, map, part->key, item);
        item = map;
    }
    if (node_is_list(list)) node_push(s->a, list, item);
    node_push(s->a, made, item);
    if (!regex) TRY(regex_compile(part->value, &regex));
    return find_matching(s, rest, regex, part->key, made, true);
}

static err *find_all(struct search *s, struct field_path path, node *list)
{
    TRY(shape_check(list, SHAPE_LIST));
    NODE_EACH (list, item)
        TRY(find(s, field_path_skip(path, 1), (struct place){.node = item}));
    return NULL;
}

/* Adds the places the path leads to. A null is walked like an empty map or list, and what is made
 * below it is lost. */
static err *find(struct search *s, struct field_path path, struct place at)
{
    if (!path.count) {
        *ARENA_PUSH(s->a, s->places, s->count, s->room) = at;
        return NULL;
    }
    struct field_path_part part;
    TRY(field_path_part(path.parts[0], &part));
    switch (part.kind) {
    case FIELD_PATH_INDEX:
        return find_index(s, path, part.index, at.node);
    case FIELD_PATH_SELECT:
        return find_selected(s, path, &part, at.node);
    case FIELD_PATH_ALL:
        return find_all(s, path, at.node);
    case FIELD_PATH_KEY:
        break;
    }
    return find_field(s, path, at.node);
}

/* Reads the text of a field as YAML, in which the path goes on. */
static err *read_text(arena *a, str text, struct field_path path, node **out)
{
    struct field_path_part part;
    TRY(yaml_parse(a, text, (struct yaml_options){.dialect = YAML_V3}, out));
    bool nothing = node_is_null(*out) && !(*out)->line; /* not even a null was read */
    if (!nothing) return NULL;
    TRY(field_path_part(path.parts[0], &part));
    return err_invalid("wrong node kind: expected %s but got : node contents:\nnull\n",
                       part.kind == FIELD_PATH_KEY ? "MappingNode" : "SequenceNode");
}

/* compat: what is found behind a "*" in the text of a field is changed in vain; pinned by
 * unit/replacement. */
static err *find_in_text(struct search *s, struct field_path path, const node *scalar)
{
    node *inner;
    TRY(read_text(s->a, scalar->text, path, &inner));
    return find(s, path, (struct place){.node = inner});
}

/* --- Writing --- */

static err *put(arena *a, struct place place, struct replacement_options options, const node *value)
{
    node *target = place.node;
    str text = scalar_text(value);
    if (options.delimiter.len) {
        if (!node_is_scalar(target))
            return err_invalid("delimiter option can only be used with scalar nodes");
        text = with_piece(a, target->text, options, text);
    }
    if (!node_is_scalar(target))
        *target = *doc_copy_tree(a, value);
    else if (place.fresh)
        scalar_put(target, text);
    else
        target->text = text;
    return NULL;
}

static err *put_all(arena *a, const struct search *s, struct replacement_options options,
                    const node *value)
{
    size_t before = a->used_bytes;
    for (size_t i = 0; i < s->count; i++) {
        TRY(put(a, s->places[i], options, value));
        if (a->used_bytes - before > LIMIT_RENDER_BYTES)
            return err_invalid("one replacement needs more than %u bytes of memory, the limit of "
                               "what a build puts out",
                               LIMIT_RENDER_BYTES);
    }
    return NULL;
}

/* The tree as text, in the form that `before` has. */
static err *print_text(arena *a, node *tree, str before, str *out)
{
    buf b = BUF(a);
    str trimmed = str_trim(before);
    if (!str_starts(trimmed, STR("{")) && !str_starts(trimmed, STR("["))) {
        yaml_print(&b, tree);
        *out = str_trim(buf_str(&b));
        return NULL;
    }
    TRY(plain_tree(a, tree, &tree));
    TRY(scalar_to_json(a, tree, false));
    bool pretty = str_has_char(before, '\n') && str_find(before, STR("  ")) >= 0;
    json_write(&b, tree,
               (struct json_style){.html = true, .sorted = true, .indent = pretty ? 2 : 0});
    *out = buf_str(&b);
    return NULL;
}

/* Writes into the JSON or YAML that is the text of a field on the way. */
static err *set_in_text(struct search *s, node *object, struct field_path path,
                        struct replacement_options options, const node *value)
{
    node *scalar = NULL, *tree = NULL;
    size_t length = 1;
    for (; length < path.count; length++) {
        err *e = field_path_get(field_path_head(path, length), object, &scalar);
        bool text = !e && node_is_scalar(scalar);
        if (text) e = read_text(s->a, scalar->text, field_path_skip(path, length), &tree);
        bool found = text && !e;
        err_free(e);
        if (found) break;
    }
    if (length >= path.count) return err_not_found("no structured data found in path");
    TRY(find(s, field_path_skip(path, length), (struct place){.node = tree}));
    if (!s->count) return err_not_found("unable to find field in structured data");
    TRY(put_all(s->a, s, options, value));
    return print_text(s->a, tree, scalar->text, &scalar->text);
}

static err *set_in_tree(struct search *s, node *object, struct field_path path,
                        struct replacement_options options, const node *value, str shown)
{
    const char *or_create = s->create ? "or create " : "";
    str quoted = quote_go(s->a, shown);
    err *e = find(s, path, (struct place){.node = object});
    if (e)
        return err_wrap(e, "unable to find %sfield " STR_FMT " in replacement target", or_create,
                        STR_ARG(quoted));
    if (!s->count)
        return err_invalid("unable to find %sfield " STR_FMT " in replacement target", or_create,
                           STR_ARG(quoted));
    TRY(put_all(s->a, s, options, value));
    if (node_is_scalar(value) || !node_is_too_deep(object)) return NULL;
    return err_invalid("replacements nest field \"" STR_FMT "\" deeper than the limit of %d levels",
                       STR_ARG(shown), LIMIT_DOC_DEPTH);
}

err *replacement_set(arena *a, node *object, str path, struct replacement_options options,
                     const node *value)
{
    if (!path.len) path = STR("metadata.name");
    struct field_path parts = field_path_parse(a, path);
    if (parts.count > LIMIT_DOC_DEPTH) {
        path = str_head_utf8(path, 40);
        return err_invalid("field path '" STR_FMT "...' has more than the limit of %d parts",
                           STR_ARG(path), LIMIT_DOC_DEPTH);
    }
    struct search search = {.a = a, .create = options.create, .made = shape_of(value)};
    struct search in_text = search;
    err *e = set_in_text(&in_text, object, parts, options, value);
    if (!e) return NULL;
    err_free(e); /* then it is no text, or not one with such a field */
    return shape_hide(set_in_tree(&search, object, parts, options, value, path), object);
}
