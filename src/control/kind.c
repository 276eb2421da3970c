#include "control/kind.h"

#include "doc/json.h"

/* ---- Status fields that kinds share (metav1.Condition, meta.Artifact) ---- */

static const struct field condition_fields[] = {
    FIELD_SHOWN("type", FIELD_STR, .required = true, .max_length = 316,
                .pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                           "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                .doc = "What the condition is about: Ready, Reconciling, Stalled ..."),
    FIELD_SHOWN("status", FIELD_STR, .required = true,
                .choices = SCHEMA_CHOICES("True", "False", "Unknown"), .doc = "Whether it holds."),
    FIELD_SHOWN("reason", FIELD_STR, .required = true, .min_length = 1, .max_length = 1024,
                .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                .doc = "Why, in one word for programs."),
    FIELD_SHOWN("message", FIELD_STR, .required = true, .max_length = 32768,
                .doc = "Why, for people."),
    FIELD_SHOWN("lastTransitionTime", FIELD_TIME, .required = true, .doc = "When it last changed."),
    FIELD_SHOWN("observedGeneration", FIELD_INT, .has_min = true,
                .doc = "The generation of the object that the condition speaks of."),
};
const struct schema kind_condition = SCHEMA_SHOWN(condition_fields);

static const struct field artifact_fields[] = {
    FIELD_SHOWN("url", FIELD_STR, .required = true, .doc = "Where the archive can be fetched."),
    FIELD_SHOWN("path", FIELD_STR, .required = true,
                .doc = "The archive's path below the root of the artifact server."),
    FIELD_SHOWN("revision", FIELD_STR, .required = true,
                .doc = "What it was made from, such as main@sha1:<commit>."),
    FIELD_SHOWN("digest", FIELD_STR, .required = true,
                .pattern = "^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$",
                .doc = "Digest of the archive's bytes, such as sha256:<hex>."),
    FIELD_SHOWN("size", FIELD_INT, .doc = "Bytes of the archive."),
    FIELD_SHOWN("lastUpdateTime", FIELD_TIME, .required = true,
                .doc = "When the archive was written."),
    FIELD_SHOWN("metadata", FIELD_STR_MAP, .doc = "What the origin says about it."),
};
const struct schema kind_artifact = SCHEMA_SHOWN(artifact_fields);

node *kind_plain(arena *a, const node *object)
{
    node *copy = doc_copy_top(a, object);
    node *metadata = doc_copy_top(a, node_get(object, STR("metadata")));
    node_unset(metadata, STR("managedFields"));
    node_set(a, copy, STR("metadata"), metadata);
    return copy;
}

/* ---- Finding a kind ---- */

static int by_rank(const void *a, const void *b)
{
    const struct kind *left = *(const struct kind *const *)a;
    const struct kind *right = *(const struct kind *const *)b;
    return (left->rank > right->rank) - (left->rank < right->rank);
}

const struct kind **kind_all(arena *a, size_t *count_out)
{
    const struct kind **all = NULL;
    size_t count = 0, room = 0;
    ROSTER_EACH (kind, struct kind, row) {
        *ARENA_PUSH(a, all, count, room) = *row;
    }
    if (count) qsort(all, count, sizeof *all, by_rank);
    *count_out = count;
    return all;
}

const struct kind *kind_find(str kind)
{
    ROSTER_EACH (kind, struct kind, row) {
        if (str_is(kind, (*row)->kind)) return *row;
    }
    return NULL;
}

static bool is_called(const struct kind *kind, str word)
{
    if (str_eq_fold(word, str_of(kind->kind)) || str_eq_fold(word, str_of(kind->plural)))
        return true;
    for (size_t i = 0; i < COUNT(kind->short_names) && kind->short_names[i]; i++) {
        if (str_eq_fold(word, str_of(kind->short_names[i]))) return true;
    }
    return false;
}

const struct kind *kind_find_word(str word)
{
    ROSTER_EACH (kind, struct kind, row) {
        if (is_called(*row, word)) return *row;
    }
    return NULL;
}

struct kube_kind kind_gvk(const struct kind *kind)
{
    return (struct kube_kind){str_of(kind->group), str_of(kind->version), str_of(kind->kind)};
}

/* ---- The CRD ---- */

str kind_crd_name(arena *a, const struct kind *kind)
{
    return str_printf(a, "%s.%s", kind->plural, kind->group);
}

static void set_text(arena *a, node *map, const char *key, const char *text)
{
    node_set_str(a, map, str_of(key), str_of(text));
}

static node *text_list(arena *a, const char *const *texts, size_t room)
{
    node *list = node_list(a);
    for (size_t i = 0; i < room && texts[i]; i++)
        node_push(a, list, node_str(a, str_of(texts[i])));
    return list;
}

static node *crd_names(arena *a, const struct kind *kind)
{
    node *names = node_map(a);
    set_text(a, names, "kind", kind->kind);
    node_set_str(a, names, STR("listKind"), str_printf(a, "%sList", kind->kind));
    set_text(a, names, "plural", kind->plural);
    node_set_str(a, names, STR("singular"), str_lower(a, str_of(kind->kind)));
    node *short_names = text_list(a, kind->short_names, COUNT(kind->short_names));
    if (short_names->count) node_set(a, names, STR("shortNames"), short_names);
    node_set(a, names, STR("categories"), text_list(a, kind->categories, COUNT(kind->categories)));
    return names;
}

static node *crd_columns(arena *a, const struct kind *kind)
{
    node *columns = node_list(a);
    for (size_t i = 0; i < COUNT(kind->columns) && kind->columns[i].name; i++) {
        node *column = node_map(a);
        set_text(a, column, "name", kind->columns[i].name);
        set_text(a, column, "type", kind->columns[i].type);
        set_text(a, column, "jsonPath", kind->columns[i].path);
        if (kind->columns[i].priority)
            node_set_int(a, column, STR("priority"), kind->columns[i].priority);
        node_push(a, columns, column);
    }
    return columns;
}

static node *text_schema(arena *a, const char *meaning)
{
    node *out = node_map(a);
    set_text(a, out, "type", "string");
    set_text(a, out, "description", meaning);
    return out;
}

static node *crd_schema(arena *a, const struct kind *kind)
{
    node *spec = schema_openapi(a, kind->spec), *status = schema_openapi(a, kind->status);
    set_text(a, spec, "description", "What is wanted.");
    set_text(a, status, "description", "What is, as last observed.");
    if (kind->status_default) {
        node *fallback;
        err *e = json_parse(a, str_of(kind->status_default), (struct json_options){0}, &fallback);
        must(!e);
        node_set(a, status, STR("default"), fallback);
    }

    node *metadata = node_map(a), *properties = node_map(a), *out = node_map(a);
    set_text(a, metadata, "type", "object");
    node_set(a, properties, STR("apiVersion"), text_schema(a, "Group and version of the kind."));
    node_set(a, properties, STR("kind"), text_schema(a, "Name of the kind."));
    node_set(a, properties, STR("metadata"), metadata);
    node_set(a, properties, STR("spec"), spec);
    node_set(a, properties, STR("status"), status);
    set_text(a, out, "type", "object");
    set_text(a, out, "description", kind->doc);
    node_set(a, out, STR("properties"), properties);
    return out;
}

static node *crd_version(arena *a, const struct kind *kind)
{
    node *schema = node_map(a), *subresources = node_map(a), *version = node_map(a);
    node_set(a, schema, STR("openAPIV3Schema"), crd_schema(a, kind));
    node_set(a, subresources, STR("status"), node_map(a));
    set_text(a, version, "name", kind->version);
    node_set_bool(a, version, STR("served"), true);
    node_set_bool(a, version, STR("storage"), true);
    node_set(a, version, STR("additionalPrinterColumns"), crd_columns(a, kind));
    node_set(a, version, STR("schema"), schema);
    node_set(a, version, STR("subresources"), subresources);
    return version;
}

node *kind_crd(arena *a, const struct kind *kind)
{
    node *crd = node_map(a), *metadata = node_map(a), *annotations = node_map(a);
    node *spec = node_map(a), *versions = node_list(a);
    set_text(a, crd, "apiVersion", "apiextensions.k8s.io/v1");
    set_text(a, crd, "kind", "CustomResourceDefinition");

    /* Patterns hold "$": a Kustomization that installs us must not substitute in them. */
    set_text(a, annotations, "kustomize.toolkit.fluxcd.io/substitute", "disabled");
    node_set(a, metadata, STR("annotations"), annotations);
    node_set_str(a, metadata, STR("name"), kind_crd_name(a, kind));
    node_set(a, crd, STR("metadata"), metadata);

    set_text(a, spec, "group", kind->group);
    node_set(a, spec, STR("names"), crd_names(a, kind));
    set_text(a, spec, "scope", "Namespaced");
    node_push(a, versions, crd_version(a, kind));
    node_set(a, spec, STR("versions"), versions);
    node_set(a, crd, STR("spec"), spec);
    return crd;
}

/* ---- The reference ---- */

void kind_markdown(buf *b, const struct kind *kind)
{
    buf_printf(b, "## %s\n\n`%s/%s`. %s\n\n", kind->kind, kind->group, kind->version, kind->doc);
    BUF_ADD(b, "| Field | Type | Default | Meaning |\n|---|---|---|---|\n");
    schema_markdown(b, kind->spec, STR("spec"));
    schema_markdown(b, kind->status, STR("status"));
    BUF_ADD(b, "\n");
}
