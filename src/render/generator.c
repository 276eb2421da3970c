#include "render/generator.h"

#include <stdlib.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/map.h"
#include "render/quote.h"
#include "render/scalar.h"

/* --- Sources of data --- */

struct datum {
    str key, value;
};

struct source {
    arena *a;
    struct generator_files files;
    bool secret; /* values do not go into messages */
    struct datum *data;
    size_t count, room;
};

static void add_datum(struct source *source, str key, str value)
{
    *ARENA_PUSH(source->a, source->data, source->count, source->room) = (struct datum){key, value};
}

/* Go's %v of a list of texts. */
static str show_list(arena *a, const node *list)
{
    buf b = BUF(a);
    NODE_EACH (list, item) {
        buf_add(&b, b.len ? STR(" ") : STR("["));
        if (node_is_scalar(item)) buf_add(&b, item->text);
    }
    buf_add(&b, b.len ? STR("]") : STR("[]"));
    return buf_str(&b);
}

/* The literals of a Secret are shown by key. */
static str show_literals(struct source *source, const node *list)
{
    if (!source->secret) return show_list(source->a, list);
    buf b = BUF(source->a);
    NODE_EACH (list, item) {
        str key, value;
        bool pair = str_cut(item->text, '=', &key, &value);
        buf_add(&b, b.len ? STR(" ") : STR("["));
        if (pair) buf_printf(&b, STR_FMT "=", STR_ARG(key));
        BUF_ADD(&b, "***");
    }
    BUF_ADD(&b, "]");
    return buf_str(&b);
}

/* One pair of quotes around the text goes. */
static str unquote(str value)
{
    if (value.len < 2 || value.data[0] != value.data[value.len - 1]) return value;
    bool quoted = value.data[0] == '"' || value.data[0] == '\'';
    return quoted ? str_slice(value, 1, value.len - 1) : value;
}

static err *read_literal(struct source *source, str literal)
{
    str key, value;
    if (!str_cut(literal, '=', &key, &value) || !key.len)
        return err_invalid("invalid literal source " STR_FMT ", expected key=value",
                           STR_ARG(source->secret ? STR("***") : literal));
    add_datum(source, key, unquote(value));
    return NULL;
}

static str base_name(str path)
{
    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    if (!path.len) return STR(".");
    ptrdiff_t slash = str_rfind_char(path, '/');
    return slash < 0 || path.len == 1 ? path : str_skip(path, (size_t)slash + 1);
}

static err *read_file(struct source *source, str text)
{
    str key, path, rest, content;
    if (!str_cut(text, '=', &key, &path)) {
        key = base_name(text);
        path = text;
    } else if (str_cut(path, '=', &rest, &rest)) {
        return err_invalid("source " STR_FMT " key name or file path contains '='",
                           STR_ARG(quote_go(source->a, text)));
    } else if (!key.len) {
        return err_invalid("missing key name for file path " STR_FMT " in source " STR_FMT,
                           STR_ARG(quote_go(source->a, path)),
                           STR_ARG(quote_go(source->a, text)));
    } else if (!path.len) {
        return err_invalid("missing file path for key name " STR_FMT " in source " STR_FMT,
                           STR_ARG(quote_go(source->a, key)),
                           STR_ARG(quote_go(source->a, text)));
    }
    TRY(source->files.read(source->files.context, source->a, path, &content));
    add_datum(source, key, content);
    return NULL;
}

/* Go's unicode.IsSpace. */
static bool is_space(uint32_t rune)
{
    return (rune >= '\t' && rune <= '\r') || rune == ' ' || rune == 0x85 || rune == 0xA0 ||
           rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028 ||
           rune == 0x2029 || rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

static str trim_left(str line)
{
    uint32_t rune;
    for (size_t len; (len = str_rune(line, &rune)) && is_space(rune);)
        line = str_skip(line, len);
    return line;
}

/* compat: reading ends without a word at a line longer than Go's scanner takes; pinned by
 * unit/generator. */
enum { ENV_LINE_BYTES = 65535 };

static err *read_env(struct source *source, str path)
{
    str text, line, key, value;
    TRY(source->files.read(source->files.context, source->a, path, &text));
    for (int number = 0; text.len; number++) {
        str_cut(text, '\n', &line, &text);
        if (line.len > ENV_LINE_BYTES) break;
        str_strip_suffix(&line, STR("\r"));
        if (!str_valid_utf8(line)) return err_invalid("line %d has invalid utf8 bytes", number + 1);
        if (number == 0) str_strip_prefix(&line, STR("\xEF\xBB\xBF"));
        line = trim_left(line);
        if (!line.len || line.data[0] == '#') continue;
        if (!str_cut(line, '=', &key, &value)) value = STR("");
        if (key.len) add_datum(source, key, value);
    }
    return NULL;
}

/* Runs `read` on every text of a list. */
static err *read_all(struct source *source, const node *list,
                     err *(*read)(struct source *source, str text))
{
    NODE_EACH (list, item)
        TRY(read(source, node_is_scalar(item) ? item->text : STR("")));
    return NULL;
}

static err *read_sources(struct source *source, const node *entry)
{
    const node *envs = node_get(entry, STR("envs")), *files = node_get(entry, STR("files"));
    const node *literals = node_get(entry, STR("literals"));
    err *e = read_all(source, envs, read_env);
    if (e) return err_wrap(e, "env source files: " STR_FMT, STR_ARG(show_list(source->a, envs)));
    e = read_all(source, literals, read_literal);
    if (e) return err_wrap(e, "literal sources " STR_FMT, STR_ARG(show_literals(source, literals)));
    e = read_all(source, files, read_file);
    if (e) return err_wrap(e, "file sources: " STR_FMT, STR_ARG(show_list(source->a, files)));
    return NULL;
}

static int compare_data(const void *a, const void *b)
{
    const struct datum *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

/* All data of an entry, sorted by key. */
static err *collect(struct source *source, const node *entry, str name)
{
    err *e = read_sources(source, entry);
    if (e) return err_wrap(e, "loading KV pairs");

    struct map seen AUTO(map_done) = {0};
    for (size_t i = 0; i < source->count; i++) {
        if (map_has(&seen, source->data[i].key))
            return err_invalid("configmap " STR_FMT " illegally repeats the key `" STR_FMT "`",
                               STR_ARG(name), STR_ARG(source->data[i].key));
        map_put(&seen, source->data[i].key, source);
    }
    if (source->count) qsort(source->data, source->count, sizeof *source->data, compare_data);
    return NULL;
}

/* --- Objects --- */

static void set_text(arena *a, node *map, str key, str text)
{
    node *value = node_str(a, text);
    if (str_has_char(text, '\n')) value->style = NODE_LITERAL;
    node_set(a, map, key, value);
}

/* Base64 in lines, each with its line break, unless it is short enough for one without. */
static str folded_base64(arena *a, str bytes)
{
    enum { LINE = 70 };
    str code = b64_encode(a, bytes);
    if (code.len < LINE) return code;
    buf b = BUF(a);
    for (; code.len; code = str_skip(code, LINE)) {
        buf_add(&b, str_head(code, LINE));
        buf_add_char(&b, '\n');
    }
    return buf_str(&b);
}

/* A text of a ConfigMap; what is no text goes to binaryData. */
static void set_datum(arena *a, node *object, str key, str value)
{
    if (str_valid_utf8(value))
        set_text(a, node_make_map(a, object, STR("data")), key, value);
    else
        set_text(a, node_make_map(a, object, STR("binaryData")), key, folded_base64(a, value));
}

static node *new_object(arena *a, const char *kind, str name, str namespace)
{
    node *object = node_map(a), *metadata = node_map(a);
    node_set_str(a, object, STR("apiVersion"), STR("v1"));
    node_set_str(a, object, STR("kind"), str_of(kind));
    node_set(a, object, STR("metadata"), metadata);
    node_set_str(a, metadata, STR("name"), name);
    if (namespace.len) node_set_str(a, metadata, STR("namespace"), namespace);
    return object;
}

static void copy_texts(arena *a, node *metadata, const node *options, str field)
{
    PAIR_EACH (node_get(options, field), pair)
        set_text(a, node_make_map(a, metadata, field), pair->key, pair->value->text);
}

static void apply_options(arena *a, node *object, const node *options)
{
    node *metadata = node_get(object, STR("metadata"));
    copy_texts(a, metadata, options, STR("labels"));
    copy_texts(a, metadata, options, STR("annotations"));
    if (node_get_bool(options, STR("immutable"), false))
        node_set_bool(a, object, STR("immutable"), true);
}

static err *new_source(arena *a, const node *entry, struct generator_files files, bool secret,
                       struct source *out)
{
    str name = node_get_str(entry, STR("name"));
    if (!name.len) return err_invalid("a configmap must have a name");
    *out = (struct source){.a = a, .files = files, .secret = secret};
    return collect(out, entry, name);
}

err *generator_config_map(arena *a, const node *entry, struct generator_files files, node **out)
{
    struct source source;
    TRY(new_source(a, entry, files, false, &source));
    node *object = new_object(a, "ConfigMap", node_get_str(entry, STR("name")),
                              node_get_str(entry, STR("namespace")));
    for (size_t i = 0; i < source.count; i++)
        set_datum(a, object, source.data[i].key, source.data[i].value);
    apply_options(a, object, node_get(entry, STR("options")));
    *out = object;
    return NULL;
}

err *generator_secret(arena *a, const node *entry, struct generator_files files, node **out)
{
    struct source source;
    TRY(new_source(a, entry, files, true, &source));
    node *object = new_object(a, "Secret", node_get_str(entry, STR("name")),
                              node_get_str(entry, STR("namespace")));
    str type = node_get_str(entry, STR("type"));
    node_set_str(a, object, STR("type"), type.len ? type : STR("Opaque"));
    node *data = node_make_map(a, object, STR("data"));
    for (size_t i = 0; i < source.count; i++)
        set_text(a, data, source.data[i].key, folded_base64(a, source.data[i].value));
    apply_options(a, object, node_get(entry, STR("options")));
    *out = object;
    return NULL;
}

/* --- Entries --- */

static void fill_up(arena *a, node *options, const node *more, str field)
{
    PAIR_EACH (node_get(more, field), pair) {
        node *map = node_make_map(a, options, field);
        if (map && !node_get(map, pair->key)) node_set(a, map, pair->key, pair->value);
    }
}

static void raise(arena *a, node *options, const node *more, str flag)
{
    if (node_get_bool(more, flag, false)) node_set_bool(a, options, flag, true);
}

node *generator_entry(arena *a, const node *entry, const node *generator_options)
{
    node *copy = doc_copy_tree(a, entry);
    if (node_is_null(generator_options)) return copy;
    node *options = node_make_map(a, copy, STR("options"));
    if (!options) return copy;
    fill_up(a, options, generator_options, STR("labels"));
    fill_up(a, options, generator_options, STR("annotations"));
    raise(a, options, generator_options, STR("disableNameSuffixHash"));
    raise(a, options, generator_options, STR("immutable"));
    return copy;
}

static const char *const behavior_names[] = {
    [GENERATOR_UNSPECIFIED] = "unspecified",
    [GENERATOR_CREATE] = "create",
    [GENERATOR_REPLACE] = "replace",
    [GENERATOR_MERGE] = "merge",
};

enum generator_behavior generator_behavior(const node *entry)
{
    str word = node_get_str(entry, STR("behavior"));
    for (size_t i = 0; i < COUNT(behavior_names); i++)
        if (str_is(word, behavior_names[i])) return (enum generator_behavior)i;
    return GENERATOR_UNSPECIFIED;
}

const char *generator_behavior_name(enum generator_behavior behavior)
{
    return behavior_names[behavior];
}

bool generator_wants_hash(const node *entry)
{
    const node *options = node_get(entry, STR("options"));
    return !node_get_bool(options, STR("disableNameSuffixHash"), false);
}

/* --- In the place of another --- */

static str scalar_text(const node *n)
{
    return node_is_scalar(n) && !node_is_null(n) ? n->text : STR("");
}

/* A map of texts: what `old` has, overridden by what `own` has; sorted. NULL when both are empty.
 */
static node *merged_texts(arena *a, const node *old, const node *own)
{
    size_t count = 0;
    const node *maps[] = {old, own};
    struct datum *data = NEW_ARRAY(a, struct datum,
                                   (node_is_map(old) ? old->count : 0) +
                                       (size_t)(node_is_map(own) ? own->count : 0));
    for (size_t i = 0; i < COUNT(maps); i++)
        PAIR_EACH (maps[i], pair) {
            if (i == 0 && node_get(own, pair->key)) continue;
            data[count++] = (struct datum){pair->key, scalar_text(pair->value)};
        }
    if (!count) return NULL;
    qsort(data, count, sizeof *data, compare_data);
    node *merged = node_map(a);
    for (size_t i = 0; i < count; i++)
        set_text(a, merged, data[i].key, data[i].value);
    return merged;
}

static void merge_texts(arena *a, const node *old, node *own, str field)
{
    node *merged = merged_texts(a, node_get(old, field), node_get(own, field));
    node_unset(own, field);
    if (merged) node_set(a, own, field, merged);
}

/* The data of a Secret as the API server will see it: stringData is encoded over data. */
static err *secret_data(arena *a, const node *secret, const node **out)
{
    node *all = node_map(a);
    node *data = merged_texts(a, NULL, node_get(secret, STR("data")));
    if (!data) data = node_map(a);
    PAIR_EACH (node_get(secret, STR("stringData")), pair) {
        if (!node_is_scalar(pair->value))
            return err_invalid("stringData value for key \"" STR_FMT "\" must be a scalar",
                               STR_ARG(pair->key));
        set_text(a, data, pair->key, folded_base64(a, scalar_text(pair->value)));
    }
    node_set(a, all, STR("data"), data);
    *out = all;
    return NULL;
}

err *generator_absorb(arena *a, const node *old, bool merge, node *object)
{
    const node *old_metadata = node_get(old, STR("metadata"));
    node *metadata = node_make_map(a, object, STR("metadata"));
    if (!metadata) return err_invalid("metadata is not a map");
    merge_texts(a, old_metadata, metadata, STR("labels"));
    merge_texts(a, old_metadata, metadata, STR("annotations"));
    node_set(a, metadata, STR("name"),
             scalar_new(a, scalar_text(node_get(old_metadata, STR("name")))));
    str namespace = scalar_text(node_get(old_metadata, STR("namespace")));
    node_unset(metadata, STR("namespace"));
    if (namespace.len) node_set_str(a, metadata, STR("namespace"), namespace);
    if (!merge) return NULL;

    const node *old_data = old;
    if (str_is(node_get_str(object, STR("kind")), "Secret")) TRY(secret_data(a, old, &old_data));
    merge_texts(a, old_data, object, STR("data"));
    merge_texts(a, old, object, STR("binaryData"));
    return NULL;
}
