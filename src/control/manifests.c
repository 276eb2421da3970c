#include "control/manifests.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/limits.h"
#include "render/kustomize.h"
#include "render/subst.h"

static err *build(arena *a, const struct manifests_options *options, struct kustomize_output *out)
{
    const struct kustomization_spec *spec = options->spec;
    struct overlay overlay = {
        .namespace = spec->target_namespace,
        .name_prefix = spec->name_prefix,
        .name_suffix = spec->name_suffix,
        .patches = spec->patches,
        .images = spec->images,
        .components = spec->components,
        .ignore_missing_components = spec->ignore_missing_components,
        .build_metadata = spec->build_metadata,
    };
    struct kustomize_options build_options = {.overlay = &overlay};
    err *e = kustomize_build(a, options->tree, options->path, &build_options, out);
    return err_because(e, "BuildFailed");
}

static err *check_path(arena *a, const struct manifests_options *options, str path)
{
    str real;
    enum tree_kind kind;
    err *e = tree_find(a, options->tree, path, &real, &kind);
    if (e && e->kind == ERR_DENIED) return err_because(e, "ArtifactFailed");
    if (!e && kind == TREE_DIR) return NULL;
    err_free(e);
    return err_new(ERR_INVALID, "ArtifactFailed", "kustomization path not found: " STR_FMT,
                   STR_ARG(options->path));
}

static err *substitute(arena *a, const struct manifests_options *options, node **object)
{
    bool always = options->spec->post_build.substitute_strategy == KUSTOMIZATION_ALWAYS;
    if (!options->variables->count && !always) return NULL;
    struct subst_options subst = {.strict = !options->lenient};
    return err_because(subst_object(a, options->variables, subst, object), "BuildFailed");
}

/* compat: an encrypted Secret must never reach the cluster as it is. */
static err *refuse_encrypted(arena *a, const node *object, const struct kube_ref *ref)
{
    if (!node_is_map(node_get(object, STR("sops")))) return NULL;
    str name = kube_ref_text(a, *ref);
    return err_new(ERR_INVALID, "ReconciliationFailed",
                   STR_FMT
                   " is SOPS encrypted, configuring decryption is required for this secret to "
                   "be reconciled",
                   STR_ARG(name));
}

/* Why the object must not be sent, if so. */
static err *prepare(arena *a, const struct manifests_options *options, node *object,
                    const struct kube_ref *ref)
{
    struct prepare_options prepare_options = {
        .owner_name = options->name,
        .owner_namespace = options->namespace,
        .common_labels = options->spec->common_metadata.labels,
        .common_annotations = options->spec->common_metadata.annotations,
    };
    if (!options->keep_encrypted) TRY(refuse_encrypted(a, object, ref));
    return err_because(prepare_object(a, object, &prepare_options), "BuildFailed");
}

static err *make_piece(arena *a, const struct manifests_options *options, node *object,
                       struct piece *out)
{
    TRY(substitute(a, options, &object));
    struct kube_ref ref = kube_ref_of(object);
    err *refused = prepare(a, options, object, &ref);
    if (refused && !options->keep_refused) return refused;
    *out = (struct piece){
        .ref = ref,
        .object = object,
        .desired = node_hash(object),
        .state = prepare_policy_of(object) == PREPARE_IGNORE ? SUBMIT_SKIP : SUBMIT_CHANGE,
        .error = refused,
    };
    return NULL;
}

/* compat: a kustomization file among the resources is not an object of the cluster. */
static bool is_for_cluster(const node *object)
{
    return !str_starts(node_get_str(object, STR("apiVersion")), STR("kustomize.config.k8s.io/"));
}

/* Every object that fails is in the error, a line each. */
static err *make_pieces(arena *a, const struct manifests_options *options,
                        const struct kustomize_output *output, struct manifests *out)
{
    buf text AUTO(buf_done) = {0};
    for (size_t i = 0; i < output->count; i++) {
        node *object = doc_copy_tree(a, output->objects[i]);
        if (!is_for_cluster(object)) continue;
        err *e AUTO(err_done) = make_piece(a, options, object, &out->pieces[out->count]);
        if (!e) out->count++;
        if (!e) continue;
        if (text.len) buf_add_char(&text, '\n');
        buf_add(&text, err_text(e));
    }
    if (!text.len) return NULL;
    struct pieces pieces = {.items = out->pieces, .count = out->count, .a = a};
    submit_done(&pieces);
    return err_new(ERR_INVALID, "BuildFailed", STR_FMT, STR_ARG(buf_str(&text)));
}

err *manifests_build(arena *a, const struct manifests_options *given, struct manifests *out)
{
    struct kustomize_output output;
    struct manifests_options joined = *given;
    const struct manifests_options *options = &joined;
    *out = (struct manifests){0};
    /* compat: joined under the root of the artifact as Flux does, so "../app" is "app". */
    joined.path = fs_clean(a, str_concat(a, STR("/"), given->path));
    TRY(check_path(a, given, joined.path));
    TRY(build(a, options, &output));
    buf text AUTO(buf_done) = {0};
    TRY(err_because(kustomize_print(&text, &output), "BuildFailed"));
    str digest = hash_sha256_hex(a, buf_str(&text));
    out->digest = str_concat(a, STR("sha256:"), digest);
    out->warnings = output.warnings;
    out->pieces = NEW_ARRAY(a, struct piece, output.count + 1);
    TRY(make_pieces(a, options, &output, out));
    struct pieces pieces = {.items = out->pieces, .count = out->count, .a = a};
    submit_sort(&pieces);
    return NULL;
}

/* ---- variables ---- */

static err *put(arena *a, struct map *out, uint64_t *digest, str name, str value)
{
    TRY(subst_check_name(name));
    str *kept = NEW(a, str);
    *kept = subst_clean(a, value);
    map_put(out, name, kept);
    *digest = hash_mix(*digest, hash_mix(hash_stable(name), hash_stable(*kept)));
    return NULL;
}

static err *take_data(arena *a, const node *object, bool encoded, struct map *out, uint64_t *digest)
{
    PAIR_EACH (node_get(object, STR("data")), pair) {
        str value;
        if (!node_to_str(pair->value, &value)) continue;
        if (encoded) TRY(b64_decode(a, value, &value));
        TRY(put(a, out, digest, pair->key, value));
    }
    return NULL;
}

static err *take_from(struct kube *kube, arena *a, const struct kustomization_variables *from,
                      str namespace, struct map *out, uint64_t *digest)
{
    struct kube_request get = {.verb = KUBE_GET,
                               .ref = {{STR(""), STR("v1"), from->kind}, namespace, from->name}};
    node *object;
    err *e = kube_do(kube, a, &get, &object);
    if (err_is(e, ERR_NOT_FOUND) && from->optional) {
        err_free(e);
        return NULL;
    }
    if (!e) e = take_data(a, object, str_is(from->kind, "Secret"), out, digest);
    if (!e) return NULL;
    return err_wrap(e, "substitute from '" STR_FMT "/" STR_FMT "' error", STR_ARG(from->kind),
                    STR_ARG(from->name));
}

err *manifests_variables(struct kube *kube, arena *a, const struct kustomization_spec *spec,
                         str namespace, struct map *out, uint64_t *digest_out)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < spec->post_build.substitute_from.count; i++) {
        const struct kustomization_variables *from = &spec->post_build.substitute_from.items[i];
        TRY(err_because(take_from(kube, a, from, namespace, out, &digest), "BuildFailed"));
    }
    PAIR_EACH (spec->post_build.substitute, pair) {
        str value;
        if (!node_to_str(pair->value, &value)) continue;
        TRY(err_because(put(a, out, &digest, pair->key, value), "BuildFailed"));
    }
    *digest_out = digest;
    return NULL;
}
