#include "sandbox/read.h"

#include "base/b64.h"
#include "doc/selector.h"
#include "sandbox/table.h"

enum read_form_kind read_form_of(const struct call *call)
{
    if (str_find(call->accept, STR("as=Table")) >= 0) return READ_TABLE;
    return str_find(call->accept, STR("as=PartialObjectMetadata")) >= 0 ? READ_PARTIAL
                                                                        : READ_OBJECT;
}

const node *read_shaped(arena *a, const struct served *served, enum read_form_kind form,
                        str include, const node *object)
{
    if (form == READ_PARTIAL) return table_partial(a, object);
    str version = node_find_str(object, "metadata", "resourceVersion", NULL);
    if (form == READ_TABLE) return table_of(a, served, &object, 1, version, include);
    if (!served->custom || str_eq(node_get_str(object, STR("apiVersion")), served->api_version))
        return object;
    node *converted = doc_copy_top(a, object);
    node_set_str(a, converted, STR("apiVersion"), served->api_version);
    return converted;
}

const node *read_form(const struct call *call, const node *object)
{
    return read_shaped(call->a, call->served, read_form_of(call),
                       world_query(call, "includeObject"), object);
}

/* Fields beyond name and namespace that objects of a kind can be selected by. */
static const struct {
    const char *kind, *fields;
} selectable[] = {
    {"Pod", "spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
            "spec.hostNetwork status.phase status.podIP status.podIPs status.nominatedNodeName"},
    {"Event", "involvedObject.kind involvedObject.namespace involvedObject.name "
              "involvedObject.uid involvedObject.apiVersion involvedObject.resourceVersion "
              "involvedObject.fieldPath reason reportingComponent source type"},
    {"Secret", "type"},
    {"Namespace", "status.phase"},
    {"Node", "spec.unschedulable"},
    {"Job", "status.successful"},
    {"ReplicaSet", "status.replicas"},
    {"ReplicationController", "status.replicas"},
};

static bool lists(const char *text, str word)
{
    for (str rest = str_of(text), item; str_next(&rest, ' ', &item);)
        if (str_eq(item, word)) return true;
    return false;
}

static err *check_field(const struct served *served, str field)
{
    if (str_is(field, "metadata.name")) return NULL;
    if (str_is(field, "metadata.namespace") && served->namespaced) return NULL;
    bool special = served->custom;
    for (size_t i = 0; i < COUNT(selectable) && !served->custom; i++) {
        if (!str_is(served->kind, selectable[i].kind)) continue;
        if (lists(selectable[i].fields, field)) return NULL;
        special = true;
    }
    NODE_EACH (served->selectable, item) {
        str path = node_get_str(item, STR("jsonPath"));
        str_strip_prefix(&path, STR("."));
        if (str_eq(path, field)) return NULL;
    }
    if (special) return world_bad_request("field label not supported: " STR_FMT, STR_ARG(field));
    return world_bad_request("\"" STR_FMT "\" is not a known field selector: only "
                             "\"metadata.name\"%s",
                             STR_ARG(field), served->namespaced ? ", \"metadata.namespace\"" : "");
}

/* "name=value", "name==value" or "name!=value" */
static err *read_term(const struct call *call, str text, struct read_filter *out)
{
    arena *a = call->a;
    str name, value;
    bool differs = str_find(text, STR("!=")) >= 0;
    if (!str_cut(text, '=', &name, &value))
        return world_bad_request("invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'",
                                 STR_ARG(text), STR_ARG(text));
    str_strip_prefix(&value, STR("="));
    if (differs) str_strip_suffix(&name, STR("!"));
    TRY(check_field(call->served, name));
    /* Paths are no label keys, so the terms are made by hand. */
    struct selector_term *terms = NEW_ARRAY(a, struct selector_term, out->fields.count + 1);
    if (out->fields.count) memcpy(terms, out->fields.terms, out->fields.count * sizeof *terms);
    str *one = NEW(a, str);
    *one = value;
    terms[out->fields.count++] =
        (struct selector_term){.key = name,
                               .op = differs ? SELECTOR_NOT_IN : SELECTOR_IN,
                               .values = one,
                               .value_count = 1};
    out->fields.terms = terms;
    return NULL;
}

err *read_filter_of(const struct call *call, struct read_filter *out)
{
    arena *a = call->a;
    out->namespace = call->namespace;
    out->name = call->name;
    str labels = world_query(call, "labelSelector"), fields = world_query(call, "fieldSelector");
    for (str rest = fields, term; fields.len && str_next(&rest, ',', &term);)
        TRY(read_term(call, term, out));
    err *e = labels.len ? selector_parse(a, labels, &out->labels) : NULL;
    if (!e) return NULL;
    str why = str_dup(a, err_text(e));
    err_free(e);
    return world_bad_request(STR_FMT, STR_ARG(why));
}

static str field_text(const node *object, str path)
{
    str part;
    while (object && str_next(&path, '.', &part))
        object = node_get(object, part);
    return object && node_is_scalar(object) && object->kind != NODE_NULL ? object->text : STR("");
}

bool read_matches(const struct read_filter *filter, const node *object)
{
    const node *metadata = node_get(object, STR("metadata"));
    if (filter->namespace.len &&
        !str_eq(node_get_str(metadata, STR("namespace")), filter->namespace))
        return false;
    if (filter->name.len && !str_eq(node_get_str(metadata, STR("name")), filter->name))
        return false;
    for (size_t i = 0; i < filter->fields.count; i++) {
        const struct selector_term *term = &filter->fields.terms[i];
        bool same = str_eq(field_text(object, term->key), term->values[0]);
        if (same != (term->op == SELECTOR_IN)) return false;
    }
    return selector_match(&filter->labels, node_get(metadata, STR("labels")));
}

/* ---- lists ---- */

err *read_keys(struct call *call, str **keys_out, size_t *count_out)
{
    struct read_filter filter = {0};
    TRY(read_filter_of(call, &filter));
    size_t count, kept = 0;
    str *keys = store_keys(call->a, call->served->collection, &count);
    for (size_t i = 0; i < count; i++) {
        const doc *object = map_get(&call->served->collection->objects, keys[i]);
        if (read_matches(&filter, object->root)) keys[kept++] = keys[i];
    }
    *keys_out = keys;
    *count_out = kept;
    return NULL;
}

/* "version:key" */
static err *read_token(const struct call *call, str *version, str *key)
{
    str token = world_query(call, "continue"), text;
    if (!token.len) return NULL;
    err *e AUTO(err_done) = b64_decode_url(call->a, token, &text);
    int64_t number;
    if (!e && str_cut(text, ':', version, key) && str_to_int(*version, &number)) return NULL;
    /* Upstream's tokens are JSON, and so is its complaint. */
    unsigned char first = e || !text.len ? 0 : (unsigned char)text.data[0];
    if (e || first < 0x80)
        return world_bad_request("invalid continue token: continue key is not valid");
    return world_bad_request("invalid continue token: continue key is not valid: invalid character "
                             "'\\u%04x' looking for beginning of value",
                             first);
}

static err *check_versions(struct call *call)
{
    str version = world_query(call, "resourceVersion");
    str match = world_query(call, "resourceVersionMatch");
    uint64_t number = 0;
    const char *why = NULL;
    if (match.len && !version.len)
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
    else if (str_is(match, "Exact") && str_is(version, "0"))
        why = "Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
    if (why)
        return world_wrong_options(call, "ListOptions", "FieldValueForbidden",
                                   "resourceVersionMatch", str_of(why));
    if (!version.len || str_to_uint(version, &number)) return NULL;
    return world_bad_request("invalid resource version: resourceVersion: Invalid value: \"" STR_FMT
                             "\": strconv.ParseUint: parsing \"" STR_FMT "\": invalid syntax",
                             STR_ARG(version), STR_ARG(version));
}

static node *list_of(struct call *call, const node **items, size_t count, str version)
{
    arena *a = call->a;
    enum read_form_kind form = read_form_of(call);
    str include = world_query(call, "includeObject");
    if (form == READ_TABLE) return table_of(a, call->served, items, count, version, include);
    node *out = node_map(a), *list = node_list(a);
    bool partial = form == READ_PARTIAL;
    node_set_str(a, out, STR("kind"),
                 partial ? STR("PartialObjectMetadataList")
                         : str_concat(a, call->served->kind, STR("List")));
    node_set_str(a, out, STR("apiVersion"),
                 partial ? STR("meta.k8s.io/v1") : call->served->api_version);
    node_set_str(a, node_make_map(a, out, STR("metadata")), STR("resourceVersion"), version);
    node_set(a, out, STR("items"), list);
    for (size_t i = 0; i < count; i++) {
        const node *item = read_shaped(a, call->served, form, include, items[i]);
        if (!partial && !call->served->custom) {
            node *bare = doc_copy_top(a, item);
            node_unset(bare, STR("kind"));
            node_unset(bare, STR("apiVersion"));
            item = bare;
        }
        node_push(a, list, (node *)item);
    }
    return out;
}

err *read_list(struct call *call, const node **out)
{
    arena *a = call->a;
    str *keys, version = {0}, after = {0}, limit = world_query(call, "limit");
    size_t count, first = 0;
    TRY(check_versions(call));
    TRY(read_keys(call, &keys, &count));
    TRY(read_token(call, &version, &after));
    while (after.len && first < count && str_cmp(keys[first], after) <= 0)
        first++;
    int64_t most = 0;
    if (limit.len && !str_to_int(limit, &most))
        return world_bad_request("limit: '" STR_FMT "' is no count", STR_ARG(limit));
    size_t shown = count - first;
    if (most > 0 && (size_t)most < shown) shown = (size_t)most;
    const node **items = NEW_ARRAY(a, const node *, shown + 1);
    for (size_t i = 0; i < shown; i++)
        items[i] =
            ((const doc *)map_get(&call->served->collection->objects, keys[first + i]))->root;
    if (!version.len) version = str_printf(a, "%lld", (long long)store_version(call->world->store));
    node *list = list_of(call, items, shown, version);
    if (first + shown < count) {
        node *metadata = node_get(list, STR("metadata"));
        str token =
            str_printf(a, STR_FMT ":" STR_FMT, STR_ARG(version), STR_ARG(keys[first + shown - 1]));
        node_set_str(a, metadata, STR("continue"), b64_encode_url(a, token));
        if (!world_query(call, "labelSelector").len && !world_query(call, "fieldSelector").len)
            node_set_int(a, metadata, STR("remainingItemCount"), (int64_t)(count - first - shown));
    }
    /* Lists of custom kinds are made by hand upstream, and show it. */
    bool plain = call->served->custom && read_form_of(call) == READ_OBJECT;
    node *metadata = node_get(list, STR("metadata"));
    if (plain && !node_get(metadata, STR("continue")))
        node_set_str(a, metadata, STR("continue"), STR(""));
    *out = list;
    return NULL;
}
