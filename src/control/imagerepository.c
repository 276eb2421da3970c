/*
 * The ImageRepository controller: asks the registry for tags when it is time,
 * and keeps them in the tag store. Rules, texts and reasons are Flux's.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/regex.h"
#include "control/image_access.h"
#include "control/status.h"
#include "image/tag_store.h"

#define FIELD_MANAGER "image-reflector-controller"
#define LATEST_TAGS   10
#define SOON_NS       CLOCK_SECOND       /* a scan that is due that soon is due */
#define BUSY_NS       (CLOCK_SECOND / 2) /* to look for a free turn at the registry */

/* One run over one object. */
struct scan {
    struct work *work;
    arena *a;
    struct status status;
    struct imagerepository_spec spec;
    struct reference image;
    str canonical;
    struct outcome *out;
};

static str storage_of(const struct scan *scan)
{
    return manager_options_of(scan->work->manager)->storage_path;
}

/* ---- saying how it went ---- */

static err *save(struct scan *scan)
{
    status_handled(&scan->status);
    return status_save(&scan->status);
}

static err *stall(struct scan *scan, const char *reason, str message)
{
    status_tell_ready(&scan->status, "False", str_of(reason), message);
    status_stalled(&scan->status, str_of(reason), message);
    status_observed(&scan->status);
    return save(scan);
}

static err *fail(struct scan *scan, err *e)
{
    if (err_is(e, ERR_CANCELED)) return e;
    if (str_is(str_of(e->reason), "Busy")) {
        err_free(e);
        int64_t until_ns =
            registry_blocked_until_ns(manager_registry(scan->work->manager), scan->image.registry);
        scan->out->again_ns = MAX(until_ns - clock_now_ns(), BUSY_NS);
        return NULL;
    }
    bool access = str_is(str_of(e->reason), "AuthenticationFailed");
    str reason = access ? STR("AuthenticationFailed") : STR("ReadOperationFailed");
    if (!access) e = err_wrap(e, "scan failed");
    str message = str_dup(scan->a, err_text(e));
    err_free(e);
    status_tell_ready(&scan->status, "False", reason, message);
    status_reconciling(&scan->status, STR("ProgressingWithRetry"),
                       STR("reconciliation in progress"));
    scan->out->retry = true;
    return save(scan);
}

static err *succeed(struct scan *scan, size_t count, str revision)
{
    str message = str_printf(scan->a, "successful scan: found %zu tags with checksum " STR_FMT,
                             count, STR_ARG(revision));
    status_unset(&scan->status, "Reconciling");
    status_unset(&scan->status, "Stalled");
    status_tell_ready(&scan->status, "True", STR("Succeeded"), message);
    status_observed(&scan->status);
    return save(scan);
}

/* ---- is it time? ---- */

static bool is_same_list(const node *observed, const struct schema_strings *list)
{
    if (!observed || observed->count != list->count) return false;
    for (size_t i = 0; i < list->count; i++) {
        bool found = false;
        NODE_EACH (observed, item) {
            str text;
            found = found || (node_to_str(item, &text) && str_eq(text, list->items[i]));
        }
        if (!found) return false;
    }
    return true;
}

/* Why what is kept does not stand for what the object asks for; NULL: it does. */
static const char *reason_of_age(struct scan *scan, const struct tag_list *kept)
{
    struct status *status = &scan->status;
    const node *result = status_get(status, "lastScanResult");
    const node *name = status_get(status, "canonicalImageName");
    str canonical = {0};
    if (!result) return "first scan";
    if (!name || !node_to_str(name, &canonical) || !str_eq(canonical, scan->canonical))
        return "new image name";
    if (!is_same_list(status_get(status, "observedExclusionList"), &scan->spec.exclusion_list))
        return "updated exclusion list";
    /* A list that was scanned and is empty is kept too: it is not asked for again and again. */
    if (!str_eq(kept->revision, node_get_str(result, STR("revision"))))
        return "no tags in database";
    return NULL;
}

/* Why the registry is asked now; NULL: it is not, but after *wait_ns_out. */
static const char *reason_to_scan(struct scan *scan, const struct tag_list *kept,
                                  int64_t *wait_ns_out)
{
    struct status *status = &scan->status;
    str scan_time = node_get_str(status_get(status, "lastScanResult"), STR("scanTime"));
    int64_t scanned_ns;
    if (!clock_parse(scan_time, &scanned_ns)) return "first scan";
    if (status_is_requested(status)) return "reconcile requested";
    const char *reason = reason_of_age(scan, kept);
    if (reason) return reason;
    if (!status_is(status, "Ready", "True")) return "last scan failed";
    *wait_ns_out = scanned_ns + scan->spec.interval_ns - clock_wall_ns();
    /* A clock that was set back does not put the scan off for longer than the interval. */
    *wait_ns_out = MIN(*wait_ns_out, scan->spec.interval_ns);
    return *wait_ns_out < SOON_NS ? "triggered by interval" : NULL;
}

/* ---- the scan ---- */

static err *exclude(struct scan *scan, str *tags, size_t *count)
{
    const struct schema_strings *list = &scan->spec.exclusion_list;
    for (size_t i = 0; i < list->count; i++) {
        struct regex *regex AUTO(regex_free_done) = NULL;
        err *e = regex_compile(list->items[i], &regex);
        if (e) return err_wrap(e, "failed to compile regex " STR_FMT, STR_ARG(list->items[i]));
        size_t left = 0;
        for (size_t tag = 0; tag < *count; tag++)
            if (!regex_match(regex, tags[tag])) tags[left++] = tags[tag];
        *count = left;
    }
    return NULL;
}

static void set_result(struct scan *scan, const struct tag_list *list)
{
    arena *a = scan->a;
    node *result = node_map(a), *latest = node_list(a), *exclusions = node_list(a);
    for (size_t i = 0; i < list->count && i < LATEST_TAGS; i++)
        node_push(a, latest, node_str(a, list->items[i]));
    for (size_t i = 0; i < scan->spec.exclusion_list.count; i++)
        node_push(a, exclusions, node_str(a, scan->spec.exclusion_list.items[i]));
    node_set_str(a, result, STR("revision"), list->revision);
    node_set_int(a, result, STR("tagCount"), (int64_t)list->count);
    node_set_str(a, result, STR("scanTime"), clock_format(a, clock_wall_ns()));
    if (latest->count) node_set(a, result, STR("latestTags"), latest);
    status_put(&scan->status, "lastScanResult", result);
    status_put(&scan->status, "observedExclusionList", exclusions);
    status_put_str(&scan->status, "canonicalImageName", scan->canonical);
}

/* *list: what is kept, and then what was found. One that is not outdated is not listed again while
 * the registry says that it is the same. */
static err *scan_tags(struct scan *scan, bool outdated, struct tag_list *list)
{
    struct work *work = scan->work;
    struct registry_access access;
    struct registry_tags tags = {.etag = outdated ? (str){0} : list->etag};
    TRY(image_access_take(work, work->namespace, &scan->spec, &access));
    TRY(registry_tags(manager_registry(work->manager), scan->a, &scan->image, &access, &tags));
    if (tags.unchanged) return NULL;
    TRY(exclude(scan, tags.items, &tags.count));
    *list = tag_store_order(scan->a, tags.items, tags.count);
    list->etag = tags.etag;
    return tag_store_save(storage_of(scan), work->namespace, work->name, list);
}

static err *scan_if_due(struct scan *scan)
{
    struct work *work = scan->work;
    struct tag_list list;
    int64_t wait_ns = 0;
    TRY(tag_store_load(scan->a, storage_of(scan), work->namespace, work->name, &list));
    if (!reason_to_scan(scan, &list, &wait_ns)) {
        scan->out->again_ns = wait_ns;
        return succeed(scan, list.count, list.revision);
    }
    err *e = scan_tags(scan, reason_of_age(scan, &list), &list);
    if (e) return fail(scan, e);
    set_result(scan, &list);
    scan->out->again_ns = manager_jitter(work->manager, scan->spec.interval_ns);
    return succeed(scan, list.count, list.revision);
}

static err *reconcile(struct work *work, struct outcome *out)
{
    struct scan scan = {
        .work = work, .a = work->a, .status = status_begin(work, FIELD_MANAGER), .out = out};
    if (node_find(work->object, "metadata", "deletionTimestamp", NULL)) {
        TRY(tag_store_remove(storage_of(&scan), work->namespace, work->name));
        return status_remove_finalizer(work);
    }
    err *e = imagerepository_spec_decode(work->a, work->object, &scan.spec);
    const char *reason = "InvalidSpec";
    if (!e) {
        TRY(status_add_finalizer(work));
        if (scan.spec.suspend) return NULL;
        reason = "ImageURLInvalid";
        e = reference_parse_repository(work->a, scan.spec.image, &scan.image);
    }
    const char *field = e ? NULL : image_access_refused(&scan.spec);
    if (field) {
        reason = "UnsupportedField";
        e = err_invalid("%s is not supported by this version of fixpoint", field);
    }
    if (e) {
        str message = str_dup(work->a, err_text(e));
        err_free(e);
        return stall(&scan, reason, message);
    }
    scan.canonical = reference_name(work->a, &scan.image);
    return scan_if_due(&scan);
}

CONTROLLER(imagerepository) = {
    .name = "imagerepository",
    .kind = {{"image.toolkit.fluxcd.io", 23}, {"v1", 2}, {"ImageRepository", 15}},
    .plural = "imagerepositories",
    .component = "image-reflector-controller",
    .workers_least = 16,
    .reconcile = reconcile,
};
