/* health: kstatus, kind by kind. A case is an object and what is to be said of it. */
#include "kube/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "doc/json.h"

#define DEPLOYMENT                                                                                 \
    "\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"generation\":2},"
#define ROLLED_OUT                                                                                 \
    "\"conditions\":[{\"type\":\"Progressing\",\"status\":\"True\",\"reason\":"                    \
    "\"NewReplicaSetAvailable\"},{\"type\":\"Available\",\"status\":\"True\"}]"
#define JOB    "\"apiVersion\":\"batch/v1\",\"kind\":\"Job\","
#define CRD    "\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
#define POD    "\"apiVersion\":\"v1\",\"kind\":\"Pod\","
#define SET    "\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\","
#define DAEMON "\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\","

static const struct {
    const char *object;
    enum health_status status;
    const char *message; /* part of it */
} cases[] = {
    {"", HEALTH_CURRENT, ""},
    {"\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"", HEALTH_CURRENT, ""},
    {"\"metadata\":{\"deletionTimestamp\":\"x\"}", HEALTH_TERMINATING, "being deleted"},
    {"\"metadata\":{\"generation\":3},\"status\":{\"observedGeneration\":2}", HEALTH_IN_PROGRESS,
     "generation 3"},
    {"\"status\":{\"conditions\":[{\"type\":\"Reconciling\",\"status\":\"True\",\"message\":\"m\"}]"
     "}",
     HEALTH_IN_PROGRESS, "m"},
    {"\"status\":{\"conditions\":[{\"type\":\"Stalled\",\"status\":\"True\",\"message\":\"m\"}]}",
     HEALTH_FAILED, "m"},
    {"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"message\":\"m\"}]}",
     HEALTH_IN_PROGRESS, "m"},
    {"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}",
     HEALTH_IN_PROGRESS, "not ready"},
    {"\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}", HEALTH_CURRENT, ""},
    {"\"status\":\"nonsense\"", HEALTH_CURRENT, ""},

    {DEPLOYMENT "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":1}", HEALTH_IN_PROGRESS,
     "1 of 2 replicas exist"},
    {DEPLOYMENT "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"updatedReplicas\":1}",
     HEALTH_IN_PROGRESS, "1 of 2 replicas are updated"},
    {DEPLOYMENT "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":3,\"updatedReplicas\":2}",
     HEALTH_IN_PROGRESS, "1 old replicas"},
    {DEPLOYMENT "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"updatedReplicas\":2,"
                "\"availableReplicas\":1}",
     HEALTH_IN_PROGRESS, "1 of 2 replicas are available"},
    {DEPLOYMENT "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"updatedReplicas\":2,"
                "\"availableReplicas\":2,\"readyReplicas\":1}",
     HEALTH_IN_PROGRESS, "1 of 2 replicas are ready"},
    {DEPLOYMENT
     "\"spec\":{\"replicas\":1,\"progressDeadlineSeconds\":600},\"status\":{\"replicas\":1,"
     "\"updatedReplicas\":1,\"availableReplicas\":1,\"readyReplicas\":1}",
     HEALTH_IN_PROGRESS, "replica set"},
    {DEPLOYMENT
     "\"spec\":{\"replicas\":1,\"progressDeadlineSeconds\":600},\"status\":{\"replicas\":1,"
     "\"updatedReplicas\":1,\"availableReplicas\":1,\"readyReplicas\":1," ROLLED_OUT "}",
     HEALTH_CURRENT, ""},
    {DEPLOYMENT "\"spec\":{\"replicas\":0},\"status\":{" ROLLED_OUT "}", HEALTH_CURRENT, ""},
    {DEPLOYMENT
     "\"status\":{\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\",\"reason\":"
     "\"ProgressDeadlineExceeded\",\"message\":\"too slow\"}]}",
     HEALTH_FAILED, "too slow"},

    {JOB "\"status\":{}", HEALTH_IN_PROGRESS, "not completed"},
    {JOB "\"spec\":{\"suspend\":true}", HEALTH_CURRENT, ""},
    {JOB "\"status\":{\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}",
     HEALTH_CURRENT, ""},
    {JOB
     "\"status\":{\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"message\":\"boom\"}]}",
     HEALTH_FAILED, "boom"},

    {CRD "\"status\":{}", HEALTH_IN_PROGRESS, "installed"},
    {CRD "\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"True\"}]}",
     HEALTH_CURRENT, ""},
    {CRD "\"status\":{\"conditions\":[{\"type\":\"Established\",\"status\":\"False\",\"reason\":"
         "\"Installing\"}]}",
     HEALTH_IN_PROGRESS, ""},
    {CRD "\"status\":{\"conditions\":[{\"type\":\"NamesAccepted\",\"status\":\"False\",\"message\":"
         "\"taken\"}]}",
     HEALTH_FAILED, "taken"},

    {POD "\"status\":{\"phase\":\"Succeeded\"}", HEALTH_CURRENT, ""},
    {POD "\"status\":{\"phase\":\"Running\"}", HEALTH_IN_PROGRESS, "not ready"},
    {POD
     "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
     HEALTH_CURRENT, ""},
    {POD "\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"app\",\"state\":"
         "{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]}",
     HEALTH_FAILED, "'app' keeps crashing"},
    {POD "\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":"
         "\"False\","
         "\"reason\":\"Unschedulable\",\"lastTransitionTime\":\"2020-01-01T00:00:00Z\",\"message\":"
         "\"full\"}]}",
     HEALTH_FAILED, "full"},
    {POD "\"status\":{\"phase\":\"Pending\"}", HEALTH_IN_PROGRESS, "Pending"},

    {SET "\"spec\":{\"updateStrategy\":{\"type\":\"OnDelete\"}}", HEALTH_CURRENT, ""},
    {SET "\"spec\":{\"replicas\":2},\"status\":{\"replicas\":2,\"readyReplicas\":1}",
     HEALTH_IN_PROGRESS, "1 of 2 replicas are ready"},
    {SET "\"spec\":{\"replicas\":2,\"updateStrategy\":{\"rollingUpdate\":{\"partition\":1}}},"
         "\"status\":"
         "{\"replicas\":2,\"readyReplicas\":2,\"updatedReplicas\":1}",
     HEALTH_CURRENT, ""},
    {SET "\"spec\":{\"replicas\":1},\"status\":{\"replicas\":1,\"readyReplicas\":1,"
         "\"currentReplicas\":1,"
         "\"currentRevision\":\"a\",\"updateRevision\":\"b\"}",
     HEALTH_IN_PROGRESS, "update"},
    {SET "\"spec\":{\"replicas\":1},\"status\":{\"replicas\":1,\"readyReplicas\":1,"
         "\"currentReplicas\":1,"
         "\"currentRevision\":\"a\",\"updateRevision\":\"a\"}",
     HEALTH_CURRENT, ""},

    {DAEMON "\"status\":{}", HEALTH_IN_PROGRESS, "observed"},
    {DAEMON
     "\"metadata\":{\"generation\":1},\"status\":{\"observedGeneration\":1,"
     "\"desiredNumberScheduled\":2,\"currentNumberScheduled\":2,\"updatedNumberScheduled\":2,"
     "\"numberAvailable\":1,\"numberReady\":1}",
     HEALTH_IN_PROGRESS, "1 of 2 pods are available"},

    {"\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"status\":{\"phase\":\"Bound\"}",
     HEALTH_CURRENT, ""},
    {"\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"status\":{\"phase\":\"Pending\"}",
     HEALTH_IN_PROGRESS, "Pending"},
    {"\"apiVersion\":\"v1\",\"kind\":\"Service\",\"spec\":{\"type\":\"LoadBalancer\"}",
     HEALTH_IN_PROGRESS, "IP"},
    {"\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"status\":{\"phase\":\"Terminating\"}",
     HEALTH_TERMINATING, ""},
    /* A kind of the same name in another group has no special rule. */
    {"\"apiVersion\":\"example.com/v1\",\"kind\":\"Job\"", HEALTH_CURRENT, ""},
};

static void test_kinds(void **state UNUSED)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        arena a AUTO(arena_done) = {0};
        node *object = NULL;
        str message, json = str_printf(&a, "{%s}", cases[i].object);
        err *e = json_parse(&a, json, (struct json_options){0}, &object);
        if (e) fail_msg("%s: %s", cases[i].object, e->message);
        enum health_status status = health_of(&a, object, &message);
        if (status != cases[i].status) {
            fail_msg("%s: %s (" STR_FMT ")", cases[i].object, health_name(status),
                     STR_ARG(message));
        }
        if (str_find(message, str_of(cases[i].message)) < 0) {
            fail_msg("%s: says '" STR_FMT "'", cases[i].object, STR_ARG(message));
        }
    }
}

static void test_bodies(void **state UNUSED)
{
    assert_false(health_needs_body(STR(""), STR("ConfigMap")));
    assert_true(health_needs_body(STR("example.com"), STR("ConfigMap")));
    assert_true(health_needs_body(STR("apps"), STR("Deployment")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
