#include <stdlib.h>

#include "base/clock.h"
#include "notify/notify.h"

/* compat: the tail in lower case, so HealthCheckFailed is Healthcheckfailed. */
static str title_case(arena *a, str reason)
{
    str head = str_upper(a, str_head(reason, 1)), tail = str_lower(a, str_skip(reason, 1));
    return str_concat(a, head, tail);
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct node_pair *)a)->key, ((const struct node_pair *)b)->key);
}

/* Labels tell one alert from another; what differs each time is no label. */
static bool is_annotation(str key)
{
    return str_is(key, "summary") || str_is(key, "recovered_after") ||
           str_starts(key, STR("drift"));
}

static node *annotations_of(arena *a, const struct notice *notice)
{
    node *annotations = notify_map(a, "message", node_str(a, notice->message), NULL);
    PAIR_EACH (notice->metadata, pair)
        if (is_annotation(pair->key)) node_set(a, annotations, pair->key, pair->value);
    qsort(annotations->pairs, annotations->count, sizeof *annotations->pairs, by_key);
    return annotations;
}

static node *labels_of(arena *a, const struct notice *notice)
{
    node *labels = node_map(a);
    PAIR_EACH (notice->metadata, pair)
        if (!is_annotation(pair->key)) node_set(a, labels, pair->key, pair->value);
    str title = title_case(a, notice->reason);
    str name =
        str_printf(a, "Flux" STR_FMT STR_FMT, STR_ARG(notice->about.kind.kind), STR_ARG(title));
    node_set_str(a, labels, STR("alertname"), name);
    node_set_str(a, labels, STR("severity"), notice_severity_name(notice));
    node_set_str(a, labels, STR("reason"), notice->reason);
    node_set_str(a, labels, STR("kind"), notice->about.kind.kind);
    node_set_str(a, labels, STR("name"), notice->about.name);
    node_set_str(a, labels, STR("namespace"), notice->about.namespace);
    node_set_str(a, labels, STR("reportingcontroller"), notice->controller);
    qsort(labels->pairs, labels->count, sizeof *labels->pairs, by_key);
    return labels;
}

static err *format(arena *a, const struct notice *notice, const struct target *target,
                   struct http_request *out)
{
    node *alert = notify_map(a, "status", node_str(a, STR("firing")), "labels",
                             labels_of(a, notice), "annotations", annotations_of(a, notice),
                             "startsAt", node_str(a, clock_format(a, notice->wall_ns)), "endsAt",
                             node_str(a, STR("0001-01-01T00:00:00Z")), NULL);
    notify_json(a, out, target->address, notify_list(a, alert, NULL));
    notify_authorize(out, target);
    return NULL;
}

PROVIDER(alertmanager) = {
    .type = "alertmanager", .flags = NOTIFY_ADDRESS | NOTIFY_SINGLY, .format = format};
