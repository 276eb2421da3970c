#include "sandbox/admit_builtin.h"

#include "doc/json.h"
#include "doc/selector.h"
#include "sandbox/definition.h"
#include "sandbox/schedule.h"

/* Sets `json` at the path of every object of the kinds where it is missing. A part "x[]" is a list
 * whose items all get it. The parents have to be there; "?" at the end of a part makes one. */
static const struct fallback {
    const char *kinds, *path, *json;
} fallbacks[] = {
    {"Deployment ReplicaSet StatefulSet", "spec?.replicas", "1"},
    {"Deployment", "spec.strategy?.type", "\"RollingUpdate\""},
    {"Deployment", "spec.revisionHistoryLimit", "10"},
    {"Deployment", "spec.progressDeadlineSeconds", "600"},
    {"StatefulSet", "spec.podManagementPolicy", "\"OrderedReady\""},
    {"StatefulSet", "spec.updateStrategy?.type", "\"RollingUpdate\""},
    {"StatefulSet DaemonSet", "spec.revisionHistoryLimit", "10"},
    {"StatefulSet", "spec.persistentVolumeClaimRetentionPolicy",
     "{\"whenDeleted\":\"Retain\",\"whenScaled\":\"Retain\"}"},
    {"DaemonSet", "spec.updateStrategy?.type", "\"RollingUpdate\""},
    {"Job", "spec.completions", "1"},
    {"Job", "spec.parallelism", "1"},
    {"Job", "spec.backoffLimit", "6"},
    {"Job", "spec.completionMode", "\"NonIndexed\""},
    {"Job", "spec.suspend", "false"},
    {"Job", "spec.manualSelector", "false"},
    {"Job", "spec.podReplacementPolicy", "\"TerminatingOrFailed\""},
    {"CronJob", "spec.concurrencyPolicy", "\"Allow\""},
    {"CronJob", "spec.suspend", "false"},
    {"CronJob", "spec.jobTemplate.metadata", "{}"},
    {"CronJob", "spec.jobTemplate.spec.template.metadata", "{}"},
    {"CronJob", "spec.successfulJobsHistoryLimit", "3"},
    {"CronJob", "spec.failedJobsHistoryLimit", "1"},
    {"Service", "spec?.type", "\"ClusterIP\""},
    {"Service", "spec.sessionAffinity", "\"None\""},
    {"Service", "spec.ports[].protocol", "\"TCP\""},
    {"Service Ingress", "status?.loadBalancer", "{}"},
    {"StatefulSet ReplicaSet", "status?.replicas", "0"},
    {"StatefulSet", "status.availableReplicas", "0"},
    {"DaemonSet", "status?.currentNumberScheduled", "0"},
    {"DaemonSet", "status.desiredNumberScheduled", "0"},
    {"DaemonSet", "status.numberMisscheduled", "0"},
    {"DaemonSet", "status.numberReady", "0"},
    {"PodDisruptionBudget", "status?.currentHealthy", "0"},
    {"PodDisruptionBudget", "status.desiredHealthy", "0"},
    {"PodDisruptionBudget", "status.disruptionsAllowed", "0"},
    {"PodDisruptionBudget", "status.expectedPods", "0"},
    {"NetworkPolicy", "spec.ingress[].ports[].protocol", "\"TCP\""},
    {"NetworkPolicy", "spec.egress[].ports[].protocol", "\"TCP\""},
    {"Pod", "spec.enableServiceLinks", "true"},
    {"Pod", "status?.phase", "\"Pending\""},
    {"Secret", "type", "\"Opaque\""},
    {"Namespace", "status?.phase", "\"Active\""},
    {"PersistentVolumeClaim", "spec.volumeMode", "\"Filesystem\""},
    {"PersistentVolumeClaim", "status?.phase", "\"Pending\""},
    {"Role ClusterRole", "rules", "null"},
    {"RoleBinding ClusterRoleBinding", "roleRef.apiGroup", "\"rbac.authorization.k8s.io\""},
    {"CustomResourceDefinition", "spec.conversion?.strategy", "\"None\""},
    {"Deployment StatefulSet DaemonSet ReplicaSet Job CronJob", "status", "{}"},
};
static const struct fallback pod_fallbacks[] = {
    {NULL, "restartPolicy", "\"Always\""},
    {NULL, "terminationGracePeriodSeconds", "30"},
    {NULL, "dnsPolicy", "\"ClusterFirst\""},
    {NULL, "securityContext", "{}"},
    {NULL, "schedulerName", "\"default-scheduler\""},
    {NULL, "volumes[].secret.defaultMode", "420"},
    {NULL, "volumes[].configMap.defaultMode", "420"},
    {NULL, "volumes[].projected.defaultMode", "420"},
    {NULL, "volumes[].downwardAPI.defaultMode", "420"},
    {NULL, "volumes[].hostPath.type", "\"\""},
};
static const struct fallback container_fallbacks[] = {
    {NULL, "resources", "{}"},
    {NULL, "terminationMessagePath", "\"/dev/termination-log\""},
    {NULL, "terminationMessagePolicy", "\"File\""},
    {NULL, "ports[].protocol", "\"TCP\""},
    {NULL, "env[].valueFrom.fieldRef.apiVersion", "\"v1\""},
};
static const struct fallback probe_fallbacks[] = {
    {NULL, "timeoutSeconds", "1"},   {NULL, "periodSeconds", "10"},
    {NULL, "successThreshold", "1"}, {NULL, "failureThreshold", "3"},
    {NULL, "httpGet.path", "\"/\""}, {NULL, "httpGet.scheme", "\"HTTP\""},
    {NULL, "grpc.service", "\"\""},
};

static void set_fallback(arena *a, node *at, str path, const char *json)
{
    str part, rest;
    bool more = str_cut(path, '.', &part, &rest);
    bool list = str_strip_suffix(&part, STR("[]")), make = str_strip_suffix(&part, STR("?"));
    if (!node_is_map(at)) return;
    node *child = node_get(at, part);
    if (more && make) child = node_make_map(a, at, part);
    if (list) {
        NODE_EACH (child, item) {
            set_fallback(a, item, rest, json);
        }
    } else if (more) {
        set_fallback(a, child, rest, json);
    } else if (!child) {
        node *value = NULL;
        err *e AUTO(err_done) =
            json_parse(a, str_of(json), (struct json_options){.borrow = true}, &value);
        must(!e);
        node_set(a, at, str_dup(a, part), value);
    }
}

static bool names(const char *list, str word)
{
    for (str rest = str_of(list), item; str_next(&rest, ' ', &item);)
        if (str_eq(item, word)) return true;
    return false;
}

#define SET_ALL(a, at, table)                                                                      \
    for (size_t i_ = 0; i_ < COUNT(table); i_++)                                                   \
    set_fallback((a), (at), str_of((table)[i_].path), (table)[i_].json)

static void default_container(arena *a, node *container)
{
    if (!node_is_map(container)) return;
    SET_ALL(a, container, container_fallbacks);
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    for (size_t i = 0; i < COUNT(probes); i++) {
        node *probe = node_get(container, str_of(probes[i]));
        if (probe) SET_ALL(a, probe, probe_fallbacks);
    }
    str image = node_get_str(container, STR("image")), path, tag = {0};
    str_cut_last(image, ':', &path, &tag);
    bool latest = !tag.len || str_has_char(tag, '/') || str_is(tag, "latest");
    if (!node_get(container, STR("imagePullPolicy")))
        node_set_str(a, container, STR("imagePullPolicy"),
                     latest ? STR("Always") : STR("IfNotPresent"));
}

static void default_pod(arena *a, node *spec)
{
    if (!node_is_map(spec)) return;
    SET_ALL(a, spec, pod_fallbacks);
    NODE_EACH (node_get(spec, STR("containers")), container) {
        default_container(a, container);
    }
    NODE_EACH (node_get(spec, STR("initContainers")), container) {
        default_container(a, container);
    }
    NODE_EACH (node_get(spec, STR("volumes")), volume) {
        if (node_is_map(volume) && volume->count == 1)
            node_set(a, volume, STR("emptyDir"), node_map(a));
    }
    str account = node_get_str(spec, STR("serviceAccountName"));
    if (!account.len) account = node_get_str(spec, STR("serviceAccount"));
    if (!account.len) return;
    node_set_str(a, spec, STR("serviceAccountName"), account);
    node_set_str(a, spec, STR("serviceAccount"), account);
}

static void default_strategy(arena *a, str kind, node *spec)
{
    bool deployment = str_is(kind, "Deployment"), stateful = str_is(kind, "StatefulSet");
    if (!deployment && !stateful && !str_is(kind, "DaemonSet")) return;
    node *strategy = node_get(spec, deployment ? STR("strategy") : STR("updateStrategy"));
    if (!str_is(node_get_str(strategy, STR("type")), "RollingUpdate")) return;
    node *rolling = node_make_map(a, strategy, STR("rollingUpdate"));
    if (stateful) {
        set_fallback(a, rolling, STR("partition"), "0");
        return;
    }
    set_fallback(a, rolling, STR("maxUnavailable"), deployment ? "\"25%\"" : "1");
    set_fallback(a, rolling, STR("maxSurge"), deployment ? "\"25%\"" : "0");
}

static void default_rbac(arena *a, str kind, node *object)
{
    if (!str_is(kind, "RoleBinding") && !str_is(kind, "ClusterRoleBinding")) return;
    NODE_EACH (node_get(object, STR("subjects")), subject) {
        bool account = str_is(node_get_str(subject, STR("kind")), "ServiceAccount");
        if (!account) set_fallback(a, subject, STR("apiGroup"), "\"rbac.authorization.k8s.io\"");
    }
}

static void default_crd(arena *a, str kind, node *object)
{
    node *names_of = node_find(object, "spec", "names", NULL);
    if (!str_is(kind, "CustomResourceDefinition") || !node_is_map(names_of)) return;
    str name = node_get_str(names_of, STR("kind"));
    if (!node_get(names_of, STR("listKind")))
        node_set_str(a, names_of, STR("listKind"), str_concat(a, name, STR("List")));
    if (!node_get(names_of, STR("singular")))
        node_set_str(a, names_of, STR("singular"), str_lower(a, name));
}

static bool has_amounts(const node *resources, const char *which, bool both)
{
    const node *amounts = node_get(resources, str_of(which));
    bool cpu = node_get(amounts, STR("cpu")) != NULL,
         memory = node_get(amounts, STR("memory")) != NULL;
    return both ? cpu && memory : cpu || memory;
}

/* How the pod would be treated when its node runs out. */
static const char *quality_of(const node *spec)
{
    bool some = false, all = true;
    NODE_EACH (node_get(spec, STR("containers")), container) {
        const node *resources = node_get(container, STR("resources"));
        const node *limits = node_get(resources, STR("limits"));
        const node *requests = node_get(resources, STR("requests"));
        some = some || has_amounts(resources, "limits", false) ||
               has_amounts(resources, "requests", false);
        all = all && has_amounts(resources, "limits", true) &&
              (!requests || node_equal(limits, requests));
    }
    return !some ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

static void default_network_policy(arena *a, node *spec)
{
    if (!node_is_map(spec) || node_get(spec, STR("policyTypes"))) return;
    node *types = node_list(a);
    node_push(a, types, node_str(a, STR("Ingress")));
    if (node_get(spec, STR("egress"))) node_push(a, types, node_str(a, STR("Egress")));
    node_set(a, spec, STR("policyTypes"), types);
}

static void default_others(arena *a, str kind, node *object, node *spec)
{
    if (str_is(kind, "NetworkPolicy")) default_network_policy(a, spec);
    if (str_is(kind, "Service") && !str_is(node_get_str(spec, STR("type")), "ExternalName"))
        set_fallback(a, spec, STR("internalTrafficPolicy"), "\"Cluster\"");
    node *status = node_get(object, STR("status"));
    if (str_is(kind, "Pod") && !node_get(status, STR("qosClass")))
        node_set_str(a, status, STR("qosClass"), str_of(quality_of(spec)));
    if (str_is(kind, "DaemonSet")) {
        node *metadata = node_make_map(a, object, STR("metadata"));
        node *notes = node_make_map(a, metadata, STR("annotations"));
        str key = STR("deprecated.daemonset.template.generation");
        if (!node_get(notes, key)) node_set_str(a, notes, key, STR("1"));
    }
}

void admit_builtin_defaults(arena *a, str kind, node *object)
{
    for (size_t i = 0; i < COUNT(fallbacks); i++) {
        if (!names(fallbacks[i].kinds, kind)) continue;
        set_fallback(a, object, str_of(fallbacks[i].path), fallbacks[i].json);
    }
    node *spec = node_get(object, STR("spec"));
    default_strategy(a, kind, spec);
    default_rbac(a, kind, object);
    default_others(a, kind, object, spec);
    default_crd(a, kind, object);
    if (str_is(kind, "Pod")) default_pod(a, spec);
    default_pod(a, node_find(spec, "template", "spec", NULL));
    default_pod(a, node_find(spec, "jobTemplate", "spec", "template", "spec", NULL));
    if (str_is(kind, "Service")) {
        NODE_EACH (node_get(spec, STR("ports")), port) {
            const node *number = node_get(port, STR("port"));
            if (number && !node_get(port, STR("targetPort")))
                node_set(a, port, STR("targetPort"), doc_copy(a, number));
        }
    }
    if (str_is(kind, "Secret")) {
        node *texts = node_get(object, STR("stringData"));
        if (texts) node_make_map(a, object, STR("data"));
    }
}

/* ---- checks ---- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_dns(str name, bool dots)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool edge =
            i == 0 || i + 1 == name.len || name.data[i - 1] == '.' || name.data[i + 1] == '.';
        if (!is_alnum(c) && (edge || c != '-') &&
            !(c == '.' && dots && i && i + 1 < name.len && name.data[i - 1] != '.'))
            return false;
    }
    return name.len > 0 && name.len <= (dots ? 253 : 63);
}

#define SUBDOMAIN                                                                                  \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL                                                                                      \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "   \
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "     \
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define DNS_1035                                                                                   \
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "   \
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "           \
    "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define LABEL_VALUE                                                                                \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "    \
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "             \
    "'my_value',  or '12345', regex used for validation is "                                       \
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static str invalid_text(arena *a, str value, const char *why)
{
    buf quoted = BUF(a);
    json_write_str(&quoted, value, false);
    return str_printf(a, "Invalid value: " STR_FMT ": %s", STR_ARG(buf_str(&quoted)), why);
}

static bool is_label_value(str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        bool word = is_alnum(c) || (c >= 'A' && c <= 'Z');
        bool edge = i == 0 || i + 1 == value.len;
        if (!word && (edge || (c != '-' && c != '_' && c != '.'))) return false;
    }
    return value.len <= 63;
}

#define NAME_PART                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static bool is_qualified(str name)
{
    str prefix, part;
    if (!str_cut(name, '/', &prefix, &part)) return name.len && is_label_value(name);
    return is_dns(prefix, true) && part.len && is_label_value(part);
}

/* Those of built-in kinds are to say whose they are, unless they are Kubernetes' own. */
static void check_finalizers(arena *a, bool builtin, const node *metadata, node *causes)
{
    size_t at = 0;
    NODE_EACH (node_get(metadata, STR("finalizers")), item) {
        str name = node_is_scalar(item) ? item->text : STR("");
        if (!is_qualified(name))
            admit_add_cause(a, causes, "FieldValueInvalid", STR("metadata.finalizers"),
                            invalid_text(a, name, NAME_PART));
        if (builtin && !str_has_char(name, '/') &&
            !names("orphan foregroundDeletion kubernetes", name))
            admit_add_cause(a, causes, "FieldValueInvalid",
                            str_printf(a, "metadata.finalizers[%zu]", at),
                            invalid_text(a, name,
                                         "name is neither a standard finalizer name nor is it "
                                         "fully qualified"));
        at++;
    }
}

static void check_owners(arena *a, const node *metadata, node *causes)
{
    static const char *const fields[] = {"apiVersion", "kind", "name", "uid"};
    NODE_EACH (node_get(metadata, STR("ownerReferences")), owner) {
        for (size_t i = 0; i < COUNT(fields); i++)
            if (!node_get_str(owner, str_of(fields[i])).len)
                admit_add_cause(a, causes, "FieldValueInvalid",
                                str_printf(a, "metadata.ownerReferences.%s", fields[i]),
                                STR("Invalid value: \"\": must not be empty"));
    }
}

/* Nobody may hold what is about to go, but for those who hold it already. */
static void check_held(arena *a, const node *before, const node *object, node *causes)
{
    if (!node_find(before, "metadata", "deletionTimestamp", NULL)) return;
    buf list = BUF(a);
    NODE_EACH (node_find(object, "metadata", "finalizers", NULL), item) {
        bool old = false;
        NODE_EACH (node_find(before, "metadata", "finalizers", NULL), other) {
            old = old || node_equal(item, other);
        }
        if (!old)
            buf_printf(&list, "%s" STR_FMT, list.len ? ", " : "", STR_ARG(json_text(a, item)));
    }
    if (list.len)
        admit_add_cause(a, causes, "FieldValueForbidden", STR("metadata.finalizers"),
                        str_printf(a,
                                   "Forbidden: no new finalizers can be added if the object is "
                                   "being deleted, found new finalizers []string{" STR_FMT "}",
                                   STR_ARG(buf_str(&list))));
}

void admit_builtin_metadata(arena *a, const struct served *served, const node *before,
                            const node *object, node *causes)
{
    str name = node_find_str(object, "metadata", "name", NULL);
    bool rbac = str_is(served->group, "rbac.authorization.k8s.io");
    bool label = str_is(served->kind, "Namespace"), service = str_is(served->kind, "Service");
    if (!before && !name.len) {
        admit_add_cause(a, causes, "FieldValueRequired", STR("metadata.name"),
                        STR("Required value: name or generateName is required"));
    } else if (!before && !rbac && !is_dns(name, !label && !service)) {
        admit_add_cause(a, causes, "FieldValueInvalid", STR("metadata.name"),
                        invalid_text(a, name,
                                     label     ? LABEL
                                     : service ? DNS_1035
                                               : SUBDOMAIN));
    }
    PAIR_EACH (node_find(object, "metadata", "labels", NULL), pair) {
        str value = {0};
        if (node_to_str(pair->value, &value) && !is_label_value(value))
            admit_add_cause(a, causes, "FieldValueInvalid", STR("metadata.labels"),
                            invalid_text(a, value, LABEL_VALUE));
    }
    const node *metadata = node_get(object, STR("metadata"));
    check_owners(a, metadata, causes);
    check_finalizers(a, !served->custom, metadata, causes);
    check_held(a, before, object, causes);
}

static void check_fixed(arena *a, const node *before, const node *object, const char *parent,
                        const char *name, node *causes)
{
    if (!before) return;
    const node *old = node_get(node_get(before, str_of(parent)), str_of(name));
    const node *new = node_get(node_get(object, str_of(parent)), str_of(name));
    if (node_equal(old, new)) return;
    admit_add_cause(a, causes, "FieldValueInvalid", str_printf(a, "%s.%s", parent, name),
                    str_printf(a, "Invalid value: " STR_FMT ": field is immutable",
                               STR_ARG(new ? json_text(a, new) : STR("null"))));
}

static void check_port(arena *a, const node *port, str path, node *causes)
{
    int64_t number;
    if (!port || port->kind == NODE_STR || !node_to_int(port, &number)) return;
    if (number >= 1 && number <= 65535) return;
    admit_add_cause(a, causes, "FieldValueInvalid", path,
                    str_printf(a, "Invalid value: %lld: must be between 1 and 65535, inclusive",
                               (long long)number));
}

static void check_service(arena *a, const node *before, const node *object, node *causes)
{
    const node *ports = node_find(object, "spec", "ports", NULL);
    str type = node_find_str(object, "spec", "type", NULL);
    str address = node_find_str(object, "spec", "clusterIP", NULL);
    if ((!ports || !ports->count) && !str_is(type, "ExternalName") && !str_is(address, "None"))
        admit_add_cause(a, causes, "FieldValueRequired", STR("spec.ports"), STR("Required value"));
    size_t at = 0;
    NODE_EACH (ports, port) {
        if (ports->count > 1 && !node_get_str(port, STR("name")).len)
            admit_add_cause(a, causes, "FieldValueRequired",
                            str_printf(a, "spec.ports[%zu].name", at), STR("Required value"));
        check_port(a, node_get(port, STR("port")), str_printf(a, "spec.ports[%zu].port", at),
                   causes);
        check_port(a, node_get(port, STR("targetPort")),
                   str_printf(a, "spec.ports[%zu].targetPort", at), causes);
        at++;
    }
    str old = node_find_str(before, "spec", "clusterIP", NULL);
    if (old.len && !str_eq(old, address) && !str_is(type, "ExternalName"))
        admit_add_cause(a, causes, "FieldValueInvalid", STR("spec.clusterIPs[0]"),
                        str_printf(a, "Invalid value: [\"" STR_FMT "\"]: may not change once set",
                                   STR_ARG(address)));
}

static void check_pod(arena *a, const node *spec, str path, node *causes)
{
    const node *containers = node_get(spec, STR("containers"));
    if (!containers || !containers->count)
        admit_add_cause(a, causes, "FieldValueRequired", str_concat(a, path, STR(".containers")),
                        STR("Required value"));
    size_t at = 0;
    NODE_EACH (containers, container) {
        str place = str_printf(a, STR_FMT ".containers[%zu]", STR_ARG(path), at++);
        str name = node_get_str(container, STR("name"));
        if (!name.len)
            admit_add_cause(a, causes, "FieldValueRequired", str_concat(a, place, STR(".name")),
                            STR("Required value"));
        else if (!is_dns(name, false))
            admit_add_cause(a, causes, "FieldValueInvalid", str_concat(a, place, STR(".name")),
                            invalid_text(a, name, LABEL));
        if (!node_get_str(container, STR("image")).len)
            admit_add_cause(a, causes, "FieldValueRequired", str_concat(a, place, STR(".image")),
                            STR("Required value"));
        size_t index = 0;
        NODE_EACH (node_get(container, STR("ports")), port) {
            check_port(a, node_get(port, STR("containerPort")),
                       str_printf(a, STR_FMT ".ports[%zu].containerPort", STR_ARG(place), index++),
                       causes);
        }
    }
}

/* Pods of Jobs end. */
static void check_ending(arena *a, const node *template, str path, node *causes)
{
    if (!str_is(node_find_str(template, "spec", "restartPolicy", NULL), "Always")) return;
    admit_add_cause(a, causes, "FieldValueRequired",
                    str_concat(a, path, STR(".spec.restartPolicy")),
                    STR("Required value: valid values: \"OnFailure\", \"Never\""));
}

static void check_workload(arena *a, str kind, const node *before, const node *object, node *causes)
{
    const node *spec = node_get(object, STR("spec")), *wanted = node_get(spec, STR("selector"));
    const node *template = node_get(spec, STR("template"));
    const node *labels = node_find(template, "metadata", "labels", NULL);
    const node *replicas = node_get(spec, STR("replicas"));
    int64_t count;
    if (replicas && node_to_int(replicas, &count) && count < 0)
        admit_add_cause(a, causes, "FieldValueInvalid", STR("spec.replicas"),
                        str_printf(a, "Invalid value: %lld: must be greater than or equal to 0",
                                   (long long)count));
    if (!str_is(kind, "Job")) {
        struct selector selector = {.nothing = true};
        err *e AUTO(err_done) = NULL;
        if (wanted)
            e = selector_from_node(a, wanted, &selector);
        else
            admit_add_cause(a, causes, "FieldValueRequired", STR("spec.selector"),
                            STR("Required value"));
        if (!e && !selector_match(&selector, labels))
            admit_add_cause(a, causes, "FieldValueInvalid", STR("spec.template.metadata.labels"),
                            str_printf(a,
                                       "Invalid value: " STR_FMT
                                       ": `selector` does not match template `labels`",
                                       STR_ARG(labels ? json_text(a, labels) : STR("null"))));
    }
    check_pod(a, node_get(template, STR("spec")), STR("spec.template.spec"), causes);
    if (str_is(kind, "Job")) check_ending(a, template, STR("spec.template"), causes);
    if (str_is(kind, "Job")) check_fixed(a, before, object, "spec", "template", causes);
    check_fixed(a, before, object, "spec", "selector", causes);
}

static void check_cron_job(arena *a, const node *object, node *causes)
{
    const node *spec = node_get(object, STR("spec"));
    str text = node_get_str(spec, STR("schedule"));
    struct schedule schedule;
    err *e AUTO(err_done) = schedule_parse(text, &schedule);
    if (!text.len)
        admit_add_cause(a, causes, "FieldValueRequired", STR("spec.schedule"),
                        STR("Required value"));
    else if (e)
        admit_add_cause(a, causes, "FieldValueInvalid", STR("spec.schedule"),
                        invalid_text(a, text, str_z(a, err_text(e))));
    str zone = node_get_str(spec, STR("timeZone"));
    if (zone.len && !names("UTC Etc/UTC", zone))
        admit_add_cause(a, causes, "FieldValueInvalid", STR("spec.timeZone"),
                        invalid_text(a, zone, "the sandbox knows the time zone UTC only"));
    const node *template = node_find(spec, "jobTemplate", "spec", "template", NULL);
    check_pod(a, node_get(template, STR("spec")), STR("spec.jobTemplate.spec.template.spec"),
              causes);
    check_ending(a, template, STR("spec.jobTemplate.spec.template"), causes);
}

/* Of a pod only little may change: images, two times, and more tolerations. */
static void check_pod_change(arena *a, const node *before, const node *object, node *causes)
{
    static const char *const free_fields[] = {"activeDeadlineSeconds", "tolerations",
                                              "terminationGracePeriodSeconds"};
    if (!before) return;
    node *x = doc_copy(a, node_get(before, STR("spec")));
    node *y = doc_copy(a, node_get(object, STR("spec")));
    for (int side = 0; side < 2; side++) {
        node *spec = side ? x : y;
        if (!node_is_map(spec)) return;
        for (size_t i = 0; i < COUNT(free_fields); i++)
            node_unset(spec, str_of(free_fields[i]));
        NODE_EACH (node_get(spec, STR("containers")), container) {
            node_unset(container, STR("image"));
        }
        NODE_EACH (node_get(spec, STR("initContainers")), container) {
            node_unset(container, STR("image"));
        }
    }
    if (!node_equal(x, y))
        admit_add_cause(a, causes, "FieldValueForbidden", STR("spec"),
                        STR("Forbidden: pod updates may not change fields other than "
                            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it "
                            "to be set to 1 if it was previously negative)"));
}

static void check_sealed(arena *a, const node *before, const node *object, node *causes)
{
    if (!before || !node_get_bool(before, STR("immutable"), false)) return;
    bool changed = !node_get_bool(object, STR("immutable"), false) ||
                   !node_equal(node_get(before, STR("data")), node_get(object, STR("data")));
    if (changed)
        admit_add_cause(a, causes, "FieldValueForbidden", STR("data"),
                        STR("Forbidden: field is immutable when `immutable` is set"));
}

static void check_type(arena *a, const node *before, const node *object, node *causes)
{
    str old = node_get_str(before, STR("type")), new = node_get_str(object, STR("type"));
    if (!before || str_eq(old, new)) return;
    admit_add_cause(a, causes, "FieldValueInvalid", STR("type"),
                    invalid_text(a, new, "field is immutable"));
}

static void check_role(arena *a, const node *before, const node *object, node *causes)
{
    const node *role = node_get(object, STR("roleRef"));
    if (!before || node_equal(node_get(before, STR("roleRef")), role)) return;
    node *shown = node_map(a); /* as Go names the fields */
    node_set_str(a, shown, STR("APIGroup"), node_get_str(role, STR("apiGroup")));
    node_set_str(a, shown, STR("Kind"), node_get_str(role, STR("kind")));
    node_set_str(a, shown, STR("Name"), node_get_str(role, STR("name")));
    admit_add_cause(a, causes, "FieldValueInvalid", STR("roleRef"),
                    str_printf(a, "Invalid value: " STR_FMT ": cannot change roleRef",
                               STR_ARG(json_text(a, shown))));
}

void admit_builtin_check(arena *a, str kind, const node *before, const node *object, node *causes)
{
    if (names("Deployment ReplicaSet StatefulSet DaemonSet Job", kind))
        check_workload(a, kind, before, object, causes);
    if (str_is(kind, "Service")) check_service(a, before, object, causes);
    if (str_is(kind, "Pod")) check_pod(a, node_get(object, STR("spec")), STR("spec"), causes);
    if (str_is(kind, "Pod")) check_pod_change(a, before, object, causes);
    if (str_is(kind, "CronJob")) check_cron_job(a, object, causes);
    if (names("ConfigMap Secret", kind)) check_sealed(a, before, object, causes);
    if (str_is(kind, "Secret")) check_type(a, before, object, causes);
    if (str_is(kind, "CustomResourceDefinition")) definition_check(a, object, causes);
    if (names("RoleBinding ClusterRoleBinding", kind)) check_role(a, before, object, causes);
}
