/*
 * The ImagePolicy controller: chooses one of the tags that its ImageRepository
 * has found. Rules, texts and reasons are Flux's.
 */
#include "image/policy.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/image_access.h"
#include "control/imagepolicy_spec.h"
#include "control/status.h"
#include "image/tag_store.h"

#define FIELD_MANAGER "image-reflector-controller"
#define INTERVAL_NS   (600 * CLOCK_SECOND)
#define BUSY_NS       (CLOCK_SECOND / 2)

/* One run over one object. */
struct choice {
    struct work *work;
    arena *a;
    struct status status;
    struct imagepolicy_spec spec;
    str namespace; /* of the ImageRepository */
    node *repository;
    struct imagerepository_spec image; /* its spec */
    struct reference reference;
    struct outcome *out;
};

static str repository_key(struct choice *choice)
{
    return objects_key(choice->a, STR("ImageRepository"), choice->namespace,
                       choice->spec.repository.name);
}

/* ---- saying how it went ---- */

static err *save(struct choice *choice)
{
    status_handled(&choice->status);
    return status_save(&choice->status);
}

/* Only a change of the object, or of what it refers to, can help. */
static err *stall(struct choice *choice, const char *reason, str message)
{
    status_tell_ready(&choice->status, "False", str_of(reason), message);
    status_stalled(&choice->status, str_of(reason), message);
    status_observed(&choice->status);
    return save(choice);
}

static err *wait_for(struct choice *choice, const char *reason, str message, int64_t again_ns)
{
    status_tell_ready(&choice->status, "False", str_of(reason), message);
    status_reconciling(&choice->status, STR("ProgressingWithRetry"),
                       STR("reconciliation in progress"));
    choice->out->again_ns = again_ns;
    choice->out->retry = !again_ns;
    return save(choice);
}

/* Takes the error: stalled when it is about the spec, else tried again. */
static err *fail(struct choice *choice, err *e)
{
    if (err_is(e, ERR_CANCELED)) return e;
    if (str_is(str_of(e->reason), "Busy")) {
        err_free(e);
        choice->out->again_ns = BUSY_NS;
        return NULL;
    }
    static const char *const final[] = {"InvalidPolicy", "ImageURLInvalid", "UnsupportedField",
                                        "InvalidSpec", "IntervalNotConfigured"};
    str reason = str_dup(choice->a, str_of(e->reason)), message = str_dup(choice->a, err_text(e));
    err_free(e);
    for (size_t i = 0; i < COUNT(final); i++)
        if (str_is(reason, final[i])) return stall(choice, final[i], message);
    bool access = str_is(reason, "AuthenticationFailed") || str_is(reason, "AccessDenied") ||
                  str_is(reason, "DependencyNotReady");
    return wait_for(choice, access ? str_z(choice->a, reason) : "Failure", message, 0);
}

/* ---- the repository ---- */

static bool has_labels(const node *labels, const node *wanted)
{
    PAIR_EACH (wanted, pair) {
        str is, want;
        const node *value = node_get(labels, pair->key);
        if (!value || !node_to_str(value, &is) || !node_to_str(pair->value, &want) ||
            !str_eq(is, want))
            return false;
    }
    return true;
}

/* compat: the labels of our namespace decide, as accessFrom of the repository says. */
static err *check_access(struct choice *choice)
{
    struct work *work = choice->work;
    str namespace = choice->namespace, name = choice->spec.repository.name;
    if (str_eq(namespace, work->namespace)) return NULL;
    if (!node_find(choice->repository, "spec", "accessFrom", NULL)) {
        return err_new(ERR_DENIED, "AccessDenied",
                       "failed to get the referred ImageRepository: access denied: '" STR_FMT
                       "/" STR_FMT "' can't be accessed due to missing ACL labels on 'accessFrom'",
                       STR_ARG(namespace), STR_ARG(name));
    }
    struct kube_request get = {
        .verb = KUBE_GET,
        .ref = {{STR(""), STR("v1"), STR("Namespace")}, STR(""), work->namespace},
    };
    node *ours;
    TRY(kube_do(manager_kube(work->manager), choice->a, &get, &ours));
    const node *labels = node_find(ours, "metadata", "labels", NULL);
    for (size_t i = 0; i < choice->image.access_from.selectors.count; i++)
        if (has_labels(labels, choice->image.access_from.selectors.items[i].match_labels))
            return NULL;
    return err_new(ERR_DENIED, "AccessDenied",
                   "failed to get the referred ImageRepository: access denied: '" STR_FMT
                   "/" STR_FMT
                   "' can't be accessed due to ACL labels mismatch on namespace '" STR_FMT "'",
                   STR_ARG(namespace), STR_ARG(name), STR_ARG(work->namespace));
}

static err *take_repository(struct choice *choice)
{
    struct work *work = choice->work;
    str given = choice->spec.repository.namespace, name = choice->spec.repository.name;
    choice->namespace = given.len ? given : work->namespace;
    if (manager_options_of(work->manager)->no_cross_namespace_refs &&
        !str_eq(choice->namespace, work->namespace)) {
        return err_new(ERR_DENIED, "AccessDenied",
                       "failed to get the referred ImageRepository: cannot access "
                       "'ImageRepository/" STR_FMT "/" STR_FMT
                       "', cross-namespace references have been blocked",
                       STR_ARG(choice->namespace), STR_ARG(name));
    }
    choice->repository =
        manager_get(work->manager, choice->a, STR("ImageRepository"), choice->namespace, name);
    if (!choice->repository) {
        return err_new(ERR_NOT_FOUND, "DependencyNotReady",
                       "failed to get the referred ImageRepository: "
                       "imagerepositories.image.toolkit.fluxcd.io \"" STR_FMT "\" not found",
                       STR_ARG(name));
    }
    err *e = imagerepository_spec_decode(choice->a, choice->repository, &choice->image);
    if (e) {
        e = err_wrap(e, "%s", str_z(choice->a, repository_key(choice)));
        return err_because(e, "ImageURLInvalid");
    }
    TRY(check_access(choice));
    return reference_parse_repository(choice->a, choice->image.image, &choice->reference);
}

/* ---- the choice ---- */

/* The digest that goes with the tag; empty when none is wanted. */
static err *resolve_digest(struct choice *choice, str tag, str *out)
{
    const node *latest = status_get(&choice->status, "latestRef");
    struct work *work = choice->work;
    str known = node_get_str(latest, STR("digest"));
    bool same = str_eq(node_get_str(latest, STR("name")), choice->image.image) &&
                str_eq(node_get_str(latest, STR("tag")), tag);
    *out = (str){0};
    if (choice->spec.reflection == IMAGEPOLICY_NEVER) return NULL;
    if (choice->spec.reflection == IMAGEPOLICY_IF_NOT_PRESENT && same && known.len) {
        *out = known;
        return NULL;
    }
    struct registry_access access;
    struct reference reference = choice->reference;
    reference.tag = tag;
    const char *field = image_access_refused(&choice->image);
    if (field)
        return err_new(ERR_INVALID, "UnsupportedField",
                       "%s of the ImageRepository is not supported by this version of fixpoint",
                       field);
    TRY(image_access_take(work, choice->namespace, &choice->image, &access));
    err *e = registry_digest(manager_registry(work->manager), choice->a, &reference, &access,
                             same ? known : (str){0}, out);
    return e && !err_is(e, ERR_CANCELED)
               ? err_wrap(e, "failed to get the digest of tag '" STR_FMT "'", STR_ARG(tag))
               : e;
}

static str ref_text(arena *a, const node *ref)
{
    str digest = node_get_str(ref, STR("digest"));
    return str_printf(a, STR_FMT ":" STR_FMT "%s" STR_FMT, STR_ARG(node_get_str(ref, STR("name"))),
                      STR_ARG(node_get_str(ref, STR("tag"))), digest.len ? "@" : "",
                      STR_ARG(digest));
}

static str success_message(struct choice *choice)
{
    const node *latest = status_get(&choice->status, "latestRef");
    const node *previous = status_get(&choice->status, "observedPreviousRef");
    str digest = node_get_str(latest, STR("digest"));
    buf b = BUF(choice->a);
    buf_printf(&b, "Latest image tag for " STR_FMT " resolved to " STR_FMT,
               STR_ARG(node_get_str(latest, STR("name"))),
               STR_ARG(node_get_str(latest, STR("tag"))));
    if (digest.len) buf_printf(&b, " with digest " STR_FMT, STR_ARG(digest));
    if (previous && !node_equal(previous, latest))
        buf_printf(&b, " (previously " STR_FMT ")", STR_ARG(ref_text(choice->a, previous)));
    return buf_str(&b);
}

static err *succeed(struct choice *choice, str tag, str digest)
{
    struct status *status = &choice->status;
    node *latest = node_map(choice->a), *before = status_get(status, "latestRef");
    node_set_str(choice->a, latest, STR("name"), choice->image.image);
    node_set_str(choice->a, latest, STR("tag"), tag);
    if (digest.len) node_set_str(choice->a, latest, STR("digest"), digest);
    if (!before || !node_equal(before, latest)) {
        if (before) status_put(status, "observedPreviousRef", before);
        status_put(status, "latestRef", latest);
    }
    status_unset(status, "Reconciling");
    status_unset(status, "Stalled");
    status_tell_ready(&choice->status, "True", STR("Succeeded"), success_message(choice));
    status_observed(status);
    if (choice->spec.reflection == IMAGEPOLICY_ALWAYS)
        choice->out->again_ns =
            manager_jitter(choice->work->manager, choice->spec.interval_ns ?: INTERVAL_NS);
    return save(choice);
}

/* compat: until the repository was scanned there is nothing to choose from. */
static err *await_tags(struct choice *choice)
{
    int64_t again_ns = manager_options_of(choice->work->manager)->requeue_dependency_ns;
    str text = str_printf(choice->a, "retrying in " STR_FMT " error: no tags in database",
                          STR_ARG(clock_format_duration(choice->a, again_ns)));
    return wait_for(choice, "DependencyNotReady", text, again_ns);
}

static err *choose(struct choice *choice)
{
    struct policy policy;
    struct tag_list list;
    str tag, digest;
    if (choice->spec.reflection == IMAGEPOLICY_ALWAYS && !choice->spec.interval_ns)
        return stall(choice, "IntervalNotConfigured",
                     STR("spec.interval must be set when spec.digestReflectionPolicy is set to "
                         "'Always'"));
    err *e = take_repository(choice);
    if (!e) e = imagepolicy_spec_policy(&choice->spec, &policy);
    if (e) return fail(choice, e);
    TRY(tag_store_load(choice->a, manager_options_of(choice->work->manager)->storage_path,
                       choice->namespace, choice->spec.repository.name, &list));
    /* A list of another image, or of another scan than the object shows, is not chosen from. */
    str scanned = node_find_str(choice->repository, "status", "lastScanResult", "revision", NULL);
    if (!list.count || !str_eq(scanned, list.revision)) return await_tags(choice);
    e = policy_choose(choice->a, &policy, list.items, list.count, &tag);
    if (!e) e = resolve_digest(choice, tag, &digest);
    return e ? fail(choice, e) : succeed(choice, tag, digest);
}

static err *reconcile(struct work *work, struct outcome *out)
{
    struct choice choice = {
        .work = work, .a = work->a, .status = status_begin(work, FIELD_MANAGER), .out = out};
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL))
        return status_remove_finalizer(work);
    err *e = imagepolicy_spec_decode(work->a, work->object, &choice.spec);
    if (e) return fail(&choice, err_because(e, "InvalidSpec"));
    TRY(status_add_finalizer(work));
    return choice.spec.suspend ? NULL : choose(&choice);
}

static void refs(arena *a, const node *object, str **keys_out, size_t *count_out)
{
    const node *ref = node_find(object, "spec", "imageRepositoryRef", NULL);
    str namespace = node_get_str(ref, STR("namespace"));
    if (!namespace.len) namespace = node_find_str(object, "metadata", "namespace", NULL);
    *keys_out = NEW(a, str);
    (*keys_out)[0] =
        objects_key(a, STR("ImageRepository"), namespace, node_get_str(ref, STR("name")));
    *count_out = 1;
}

CONTROLLER(imagepolicy) = {
    .name = "imagepolicy",
    .kind = {{"image.toolkit.fluxcd.io", 23}, {"v1", 2}, {"ImagePolicy", 11}},
    .plural = "imagepolicies",
    .component = "image-reflector-controller",
    .workers_least = 8,
    .reconcile = reconcile,
    .refs = refs,
};
