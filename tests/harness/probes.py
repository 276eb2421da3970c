"""Sequences of requests whose answers a real API server and the sandbox are to agree on."""
import json
import re
import urllib.parse

from harness.api import APPLY, JSON_PATCH, MERGE, STRATEGIC, ApiError
from harness.eventually import eventually

CORE, APPS = "/api/v1/namespaces/NS", "/apis/apps/v1/namespaces/NS"
MAP, DEPLOYMENT, SERVICE, SECRET = (f"{CORE}/configmaps/a", f"{APPS}/deployments/a",
                                    f"{CORE}/services/a", f"{CORE}/secrets/a")


def config(data=None, **metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata},
            **({"data": data} if data is not None else {})}


def secret(bytes):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": bytes}}


def deployment(image="i:1", **spec):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"x": "y"}},
        "template": {"metadata": {"labels": {"x": "y"}}, "spec": {"containers": [
            {"name": "c", "image": image, "ports": [{"containerPort": 80}],
             "env": [{"name": "K", "value": "1"}]}]}}, **spec}}


def apply_deployment(**spec):
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    return {**item, "spec": spec} if spec else item


def service(*ports, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
            "spec": {"ports": list(ports), "clusterIP": "None", **spec}}


def post(path, body, query=""):
    return "POST", path + query, body, "application/json"


def put(path, body, query=""):
    return "PUT", path + query, body, "application/json"


def patch(path, body, kind=MERGE, manager="p", query=""):
    return "PATCH", f"{path}?fieldManager={manager}{query}", body, kind


def apply(path, body, manager="p", force=False, query=""):
    return patch(path, body, APPLY, manager, ("&force=true" if force else "") + query)


def get(path, query=""):
    return "GET", path + query, None, "application/json"


def delete(path, body=None, query=""):
    return "DELETE", path + query, body, "application/json"


def gone(path):
    return "GONE", path


def ready(path):
    return "READY", path


def get_as(path, accept):
    return "GET", path, None, "application/json", accept


def watch(path, query=""):
    """One second of it."""
    return get(path, "?watch=true&timeoutSeconds=1" + query)


def child(**owner):
    return post(MAPS, config(name="b", ownerReferences=[{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "{uid}", **owner}]),
        "?fieldManager=maker")


def options(**values):
    return {"kind": "DeleteOptions", "apiVersion": "v1", **values}


MAPS = CORE + "/configmaps"
B = MAPS + "/b"
NEW = [post(MAPS, config({"k": "1", "l": "1"}), "?fieldManager=maker")]
SET = [apply(MAP, config({"k": "1", "l": "1"}), "one")]
NEW_D = [post(APPS + "/deployments", deployment(), "?fieldManager=maker")]
TWO_SHARE = SET + [apply(MAP, config({"k": "1"}), "two")]
ROLE = "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles/a"


def role(*verbs):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {
        "name": "a"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]}


def containers(*items, **more):
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


MORE_APPLY = {
    "apply_null": SET + [apply(MAP, config({"k": None}), "one")],
    "apply_new_null": [apply(MAP, config({"k": None, "l": "1"}), "one")],
    "apply_stale": SET + [apply(MAP, config({"k": "2"}, resourceVersion="1"), "one")],
    "apply_current": SET + [apply(MAP, config({"k": "2"}, resourceVersion="{rv}"), "one")],
    "apply_version_of_nothing": [apply(MAP, config({"k": "2"}, resourceVersion="1"), "one")],
    "apply_uid_of_nothing": [apply(MAP, config(
        {"k": "2"}, uid="00000000-0000-0000-0000-000000000000"), "one")],
    "apply_taken_and_given_up": SET + [
        apply(MAP, config({"k": "2"}), "two", True), apply(MAP, config({"l": "1"}), "one"),
        apply(MAP, config(), "two")],
    "apply_conflict_with_two": TWO_SHARE + [apply(MAP, config({"k": "2"}), "three")],
    "apply_conflicts_with_two": TWO_SHARE + [apply(MAP, config({"k": "2", "l": "2"}), "three")],
    "apply_other_kind": [apply(MAP, {"apiVersion": "v1", "kind": "Secret",
                                     "metadata": {"name": "a"}})],
    "apply_other_version": [apply(MAP, {"apiVersion": "v2", "kind": "ConfigMap",
                                        "metadata": {"name": "a"}})],
    "apply_dry_conflict": SET + [apply(MAP, config({"k": "2"}), "two", query="&dryRun=All")],
    "apply_dry_forced": SET + [apply(MAP, config({"k": "2"}), "two", True, "&dryRun=All"),
                               get(MAP)],
    "apply_by_the_maker": NEW + [apply(MAP, config({"k": "1"}), "maker"),
                                 apply(MAP, config({"l": "1"}), "maker")],
    "apply_long_manager": [apply(MAP, config({"k": "1"}), "m" * 129)],
    "apply_atomic_list": [apply(ROLE, role("get"), "one"), apply(ROLE, role("list"), "two"),
                          apply(ROLE, role("list"), "two", True)],
    "apply_ports_of_two": [
        apply(SERVICE, service({"port": 80, "name": "a"}), "one"),
        apply(SERVICE, service({"port": 81, "name": "b"}), "two", True),
        apply(SERVICE, service({"port": 80, "name": "z"}), "two")],
    "apply_port_twice": [apply(SERVICE, service({"port": 80, "name": "a"},
                                                {"port": 80, "name": "b"}))],
    "apply_replicas_handed_over": [
        apply(DEPLOYMENT, deployment(), "one"),
        patch(DEPLOYMENT + "/scale", {"spec": {"replicas": 0}}, MERGE, "scaler"),
        apply(DEPLOYMENT, {**deployment(), "spec": {
            key: value for key, value in deployment()["spec"].items() if key != "replicas"}},
              "one")],
    "apply_env_dropped": [apply(DEPLOYMENT, deployment(), "one"), apply(
        DEPLOYMENT, apply_deployment(template={"spec": {"containers": [{"name": "c"}]}}), "one")],
    "apply_status": NEW_D + [apply(DEPLOYMENT + "/status", {
        **apply_deployment(), "status": {"conditions": [{"type": "X", "status": "True"}]}}, "s")],
    "apply_owner": NEW + [apply(B, config({"x": "y"}, name="b", ownerReferences=[{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "{uid}"}]), "one"),
        apply(B, config({"x": "y"}, name="b"), "one")],
}
MORE_CHANGES = {
    "put_stale": NEW + [put(MAP, config({"k": "2"}, resourceVersion="1"))],
    "put_current": NEW + [put(MAP, config({"k": "2"}, resourceVersion="{rv}"), "?fieldManager=p")],
    "put_over_apply": SET + [put(MAP, config({"k": "2", "l": "1"}), "?fieldManager=p")],
    "put_other_uid": NEW + [put(MAP, config(
        {"k": "2"}, uid="00000000-0000-0000-0000-000000000000"))],
    "managed_fields_null": SET + [patch(MAP, {"metadata": {"managedFields": None}})],
    "managed_fields_reset": SET + [patch(MAP, {"metadata": {"managedFields": [{}]}})],
    "managed_fields_reset_put": SET + [put(MAP, config({"k": "3"}, managedFields=[]),
                                           "?fieldManager=p")],
    "managed_fields_reset_apply": SET + [
        patch(MAP, {"metadata": {"managedFields": [{}]}}), patch(MAP, {"data": {"k": "2"}}),
        apply(MAP, config({"k": "3"}), "two"), apply(MAP, config({"k": "3"}), "two", True)],
    "managed_fields_wrong": SET + [patch(MAP, {"metadata": {"managedFields": [
        {"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
         "fieldsV1": {"nonsense": {}}}]}})],
    "json_patch_test": NEW + [patch(MAP, [{"op": "test", "path": "/data/k", "value": "2"}],
                                    JSON_PATCH)],
    "json_patch_missing": NEW + [patch(MAP, [{"op": "remove", "path": "/data/none"}], JSON_PATCH)],
    "json_patch_add": NEW + [patch(MAP, [{"op": "add", "path": "/metadata/labels",
                                          "value": {"a": "b"}}], JSON_PATCH)],
    "strategic_order": NEW_D + [patch(DEPLOYMENT, containers(
        {"name": "d", "image": "j:2"}, **{"$setElementOrder/containers": [
            {"name": "c"}, {"name": "d"}]}), STRATEGIC)],
    "strategic_delete": NEW_D + [patch(DEPLOYMENT, containers(
        {"name": "d", "image": "j:2"}, {"name": "c", "$patch": "delete"}), STRATEGIC)],
    "strategic_wrong_order": NEW_D + [patch(DEPLOYMENT, containers(
        {"name": "d", "image": "j:2"}, **{"$setElementOrder/containers": [{"name": "c"}]}),
        STRATEGIC)],
    "strategic_unknown": NEW_D + [patch(DEPLOYMENT, {"spec": {"$patch": "nonsense"}}, STRATEGIC)],
    "patch_to_invalid": NEW + [patch(MAP, {"metadata": {"labels": {"a": "-"}}})],
    "patch_the_name": NEW + [patch(MAP, {"metadata": {"name": "b"}})],
    "patch_wrong_type": NEW + [patch(MAP, {"data": {"k": 1}})],
    "merge_empty_labels": NEW + [patch(MAP, {"metadata": {"labels": {}, "annotations": {
        "a": "b"}}}), patch(MAP, {"metadata": {"annotations": {"a": None}}})],
    "generate_name": [post(MAPS, {"metadata": {"generateName": "gen-"}}, "?fieldManager=x")],
    "unknown_content": [("POST", MAPS, "x", "text/plain")],
    "unknown_patch_content": NEW + [patch(MAP, {"data": {}}, "application/json")],
    "strict_unknown": [post(MAPS, {**config(), "nonsense": 1}, "?fieldValidation=Strict")],
    "warn_unknown": [post(MAPS, {**config(), "nonsense": 1}, "?fieldManager=x")],
    "scale_put": NEW_D + [put(DEPLOYMENT + "/scale", {
        "metadata": {"name": "a", "namespace": "NS"}, "spec": {"replicas": 0}})],
    "scale_negative": NEW_D + [patch(DEPLOYMENT + "/scale", {"spec": {"replicas": -1}})],
}
MORE_DELETIONS = {
    "delete_foreground": NEW + [child(blockOwnerDeletion=True),
                                delete(MAP, options(propagationPolicy="Foreground")),
                                gone(MAP), get(B)],
    "delete_background": NEW + [child(), delete(MAP, options(propagationPolicy="Background")),
                                gone(B), get(MAP)],
    "delete_orphan": NEW + [child(), delete(MAP, options(propagationPolicy="Orphan")),
                            gone(MAP), get(B)],
    "delete_wrong_policy": NEW + [delete(MAP, options(propagationPolicy="Sideways"))],
    "delete_two_policies": NEW + [delete(MAP, options(propagationPolicy="Orphan",
                                                      orphanDependents=True))],
    "delete_by_query": NEW + [delete(MAP, query="?propagationPolicy=Background"), get(MAP)],
    "delete_other_uid": NEW + [delete(MAP, options(preconditions={
        "uid": "00000000-0000-0000-0000-000000000000"}))],
    "delete_other_version": NEW + [delete(MAP, options(preconditions={"resourceVersion": "1"}))],
    "delete_right_version": NEW + [delete(MAP, options(preconditions={
        "resourceVersion": "{rv}"}))],
    "delete_twice": [post(MAPS, config(finalizers=["x.io/y"]), "?fieldManager=x"), delete(MAP),
                     delete(MAP)],
    "delete_then_hold": [post(MAPS, config(finalizers=["x.io/y"]), "?fieldManager=x"), delete(MAP),
                         patch(MAP, {"metadata": {"finalizers": ["x.io/y", "x.io/z"]}})],
    "delete_then_change": [post(MAPS, config(finalizers=["x.io/y"]), "?fieldManager=x"),
                           delete(MAP), patch(MAP, {"data": {"k": "v"}}), get(MAP)],
    "delete_collection": NEW + [post(MAPS, config(name="b", labels={"x": "y"}), "?fieldManager=x"),
                                delete(MAPS, query="?labelSelector=x%3Dy"), get(MAPS)],
    "delete_collection_dry": NEW + [delete(MAPS, query="?dryRun=All"), get(MAP)],
    "finalizer_name": [post(MAPS, config(finalizers=["no slash"]))],
    "owner_without_uid": [post(MAPS, config(ownerReferences=[{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": ""}]))],
    "namespace_ends": [
        post("/api/v1/namespaces", {"metadata": {"name": "NS-b"}}, "?fieldManager=x"),
        post("/api/v1/namespaces/NS-b/configmaps", config(finalizers=["x.io/y"]),
             "?fieldManager=x"),
        delete("/api/v1/namespaces/NS-b"),
        post("/api/v1/namespaces/NS-b/configmaps", config(name="late")),
        ("DO", *patch("/api/v1/namespaces/NS-b/configmaps/a", {"metadata": {"finalizers": None}})),
        gone("/api/v1/namespaces/NS-b")],
}
THREE = [post(MAPS, config(name=name, labels={"n": name}), "?fieldManager=x") for name in "abc"]


def selected(text):
    return get(MAPS, "?labelSelector=" + urllib.parse.quote(text))


TABLE, PARTIAL, PARTIAL_LIST = (f"application/json;as={kind};g=meta.k8s.io;v=v1" for kind in
                                ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"))
INITIAL = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
MORE_READING = {
    "list_pages": THREE + [get(MAPS, "?limit=2"), get(MAPS, "?limit=2&continue={continue}")],
    "list_pages_selected": THREE + [get(MAPS, "?limit=1&labelSelector=n"),
                                    get(MAPS, "?limit=5&labelSelector=n&continue={continue}")],
    "list_bad_continue": [get(MAPS, "?limit=2&continue=nonsense")],
    "list_negative_limit": [get(MAPS, "?limit=-1")],
    "list_selectors": THREE + [selected("n in (a,c)"), selected("n notin (a)"), selected("!n"),
                               selected("n!=a,n!=b")],
    "list_selector_errors": [selected("n in ()"), selected("=a"), selected("n=a=b"),
                             selected("n>x"), selected("-a"), selected("a=-b")],
    "list_fields": THREE + [get(MAPS, "?fieldSelector=metadata.name!%3Da"),
                            get(MAPS, "?fieldSelector=metadata.namespace%3Dother"),
                            get(MAPS, "?fieldSelector=data.k%3Dv"),
                            get(MAPS, "?fieldSelector=metadata.name"),
                            get(CORE + "/secrets", "?fieldSelector=type%3DOpaque")],
    "list_version_match": NEW + [get(MAPS, "?resourceVersionMatch=Exact"),
                                 get(MAPS, "?resourceVersion=0&resourceVersionMatch=Exact"),
                                 get(MAPS, "?resourceVersion=0"), get(MAPS, "?resourceVersion=x")],
    "table": NEW + [get_as(MAP, TABLE), get_as(MAPS, TABLE),
                    get_as(MAPS + "?includeObject=None", TABLE)],
    "table_of_workloads": NEW_D + [get_as(DEPLOYMENT + "?includeObject=None&x=", TABLE)],
    "table_of_kinds": [
        post(APPS + "/statefulsets", {**deployment(serviceName="s"), "kind": "StatefulSet"}),
        get_as(APPS + "/statefulsets/a?includeObject=None", TABLE),
        post(CORE + "/pods", {"metadata": {"name": "a"}, "spec": {"containers": [
            {"name": "c", "image": "i"}, {"name": "d", "image": "i"}]}}),
        get_as(CORE + "/pods/a?includeObject=None", TABLE),
        post(CORE + "/secrets", {"metadata": {"name": "a"}, "stringData": {"k": "v"}}),
        get_as(CORE + "/secrets/a?includeObject=None", TABLE),
        post(CORE + "/serviceaccounts", {"metadata": {"name": "a"}}),
        get_as(CORE + "/serviceaccounts/a?includeObject=None", TABLE),
        post(CORE + "/persistentvolumeclaims", {"metadata": {"name": "a"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "fast"}}),
        get_as(CORE + "/persistentvolumeclaims/a?includeObject=None", TABLE)],
    "table_of_more_kinds": [
        post("/apis/batch/v1/namespaces/NS/cronjobs", {"metadata": {"name": "a"}, "spec": {
            "schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}}),
        get_as("/apis/batch/v1/namespaces/NS/cronjobs/a?includeObject=None", TABLE),
        post("/apis/networking.k8s.io/v1/namespaces/NS/ingresses", {
            "metadata": {"name": "a"}, "spec": {"ingressClassName": "nginx", "rules": [{
                "host": "h.example.com", "http": {"paths": [
                    {"path": "/", "pathType": "Prefix", "backend": {"service": {
                        "name": "s", "port": {"number": 80}}}}]}}]}}),
        get_as("/apis/networking.k8s.io/v1/namespaces/NS/ingresses/a?includeObject=None", TABLE),
        post("/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies", {
            "metadata": {"name": "a"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
        get_as("/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies/a?includeObject=None",
               TABLE),
        apply(ROLE, role("get")), get_as(ROLE + "?includeObject=None", TABLE),
        post(ROLE.replace("roles/a", "rolebindings"), {
            "metadata": {"name": "a"}, "roleRef": {"kind": "Role", "name": "a",
                                                   "apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"kind": "User", "name": "u"}]}),
        get_as(ROLE.replace("roles/a", "rolebindings/a") + "?includeObject=None", TABLE),
        post("/apis/coordination.k8s.io/v1/namespaces/NS/leases", {
            "metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}),
        get_as("/apis/coordination.k8s.io/v1/namespaces/NS/leases/a?includeObject=None", TABLE),
        post("/apis/policy/v1/namespaces/NS/poddisruptionbudgets", {
            "metadata": {"name": "a"}, "spec": {"minAvailable": 1}}),
        get_as("/apis/policy/v1/namespaces/NS/poddisruptionbudgets/a?includeObject=None", TABLE),
        post(CORE + "/events", {"metadata": {"name": "a"}, "type": "Normal", "reason": "Made",
                                "message": "It is made.", "involvedObject": {
                                    "kind": "ConfigMap", "name": "a", "namespace": "NS"}}),
        get_as(CORE + "/events/a?includeObject=None", TABLE),
        get_as("/api/v1/namespaces/NS?includeObject=None", TABLE)],
    "table_of_service": [apply(SERVICE, service({"port": 80})), get_as(SERVICE, TABLE)],
    "partial": NEW + [get_as(MAP, PARTIAL), get_as(MAPS, PARTIAL_LIST)],
    "watch_from_now": NEW + [watch(MAPS, "&resourceVersion={rv}")],
    "watch_all": NEW + [watch(MAPS)],
    "watch_changes": NEW + [patch(MAP, {"data": {"k": "2"}}, manager="q"),
                            delete(MAP)] + [watch(MAPS)],
    "watch_initial": NEW + [watch(MAPS, INITIAL + "&allowWatchBookmarks=true")],
    "watch_initial_without_bookmarks": NEW + [watch(MAPS, INITIAL)],
    "watch_initial_without_match": [watch(MAPS, "&sendInitialEvents=true")],
    "watch_with_match": [watch(MAPS, "&resourceVersionMatch=NotOlderThan")],
    "watch_table": NEW + [get_as(MAPS + "?watch=true&timeoutSeconds=1", TABLE)],
    "watch_bad_version": [watch(MAPS, "&resourceVersion=x")],
    "get_subresource": NEW + [get(MAP + "/nonsense"), get(MAP + "/status")],
    "wrong_scope": [get("/api/v1/configmaps/a"), get("/api/v1/namespaces/NS/namespaces")],
    "wrong_method": NEW + [post(MAP, config()), ("PUT", MAPS, config(), "application/json"),
                           ("PATCH", MAPS, {}, MERGE)],
}
MORE_KINDS = {
    "statefulset": [post(APPS + "/statefulsets", {**deployment(serviceName="s"),
                                                  "kind": "StatefulSet"}, "?fieldManager=x")],
    "daemonset": [post(APPS + "/daemonsets", {"metadata": {"name": "a"}, "spec": {
        "selector": {"matchLabels": {"x": "y"}},
        "template": deployment()["spec"]["template"]}}, "?fieldManager=x")],
    "job": [post("/apis/batch/v1/namespaces/NS/jobs", {"metadata": {"name": "a"}, "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "c", "image": "i"}]}}}}, "?fieldManager=x&dryRun=All")],
    "job_always": [post("/apis/batch/v1/namespaces/NS/jobs", {"metadata": {"name": "a"}, "spec": {
        "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}})],
    "cronjob": [post("/apis/batch/v1/namespaces/NS/cronjobs", {"metadata": {"name": "a"}, "spec": {
        "schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}},
        "?fieldManager=x")],
    "cronjob_schedule": [post("/apis/batch/v1/namespaces/NS/cronjobs", {
        "metadata": {"name": "a"}, "spec": {"schedule": "often", "jobTemplate": {"spec": {
            "template": {"spec": {"restartPolicy": "Never", "containers": [
                {"name": "c", "image": "i"}]}}}}}})],
    "ingress": [post("/apis/networking.k8s.io/v1/namespaces/NS/ingresses", {
        "metadata": {"name": "a"}, "spec": {"rules": [{"host": "h.example.com", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {
                "name": "s", "port": {"number": 80}}}}]}}]}}, "?fieldManager=x")],
    "network_policy": [post("/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies", {
        "metadata": {"name": "a"}, "spec": {"podSelector": {}, "ingress": [{"ports": [
            {"port": 80}]}]}}, "?fieldManager=x")],
    "service_account": [post(CORE + "/serviceaccounts", {"metadata": {"name": "a"}},
                             "?fieldManager=x")],
    "pod": [post(CORE + "/pods", {"metadata": {"name": "a"}, "spec": {"containers": [
        {"name": "c", "image": "i"}]}}, "?fieldManager=x")],
    "pod_immutable": [post(CORE + "/pods", {"metadata": {"name": "a"}, "spec": {"containers": [
        {"name": "c", "image": "i"}]}}, "?fieldManager=x"),
        patch(CORE + "/pods/a", {"spec": {"hostNetwork": True}})],
    "claim": [post(CORE + "/persistentvolumeclaims", {"metadata": {"name": "a"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        "?fieldManager=x")],
    "role_binding_ref": [post(ROLE.replace("roles/a", "rolebindings"), {
        "metadata": {"name": "a"}, "roleRef": {"kind": "Role", "name": "a",
                                               "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "User", "name": "u"}]}, "?fieldManager=x"), patch(
            ROLE.replace("roles/a", "rolebindings/a"), {"roleRef": {"name": "b"}})],
    "external_name": [post(CORE + "/services", {"metadata": {"name": "a"}, "spec": {
        "type": "ExternalName", "externalName": "example.com"}}, "?fieldManager=x")],
}


# ---- kinds of one's own ----

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/NS.example.com/v1/namespaces/NS/things"
THING = THINGS + "/a"
SCHEMA = {"type": "object", "properties": {
    "spec": {"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
        "replicas": {"type": "integer"},
        "parts": {"type": "array", "x-kubernetes-list-type": "map",
                  "x-kubernetes-list-map-keys": ["id"], "maxItems": 3,
                  "items": {"type": "object", "required": ["id"], "properties": {
                      "id": {"type": "string"}, "weight": {"type": "integer", "default": 1}}}},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "plain": {"type": "array", "items": {"type": "string"}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "maybe": {"type": "string", "nullable": True},
        "map": {"type": "object", "additionalProperties": {"type": "integer"}}}},
    "status": {"type": "object", "properties": {
        "phase": {"type": "string"}, "replicas": {"type": "integer"}}}}}


def crd(schema=None, **version):
    return {"metadata": {"name": "things.NS.example.com"}, "spec": {
        "group": "NS.example.com", "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing", "shortNames": ["th"]},
        "versions": [{"name": "v1", "served": True, "storage": True,
                      "schema": {"openAPIV3Schema": schema or SCHEMA},
                      "subresources": {"status": {}, "scale": {
                          "specReplicasPath": ".spec.replicas",
                          "statusReplicasPath": ".status.replicas"}},
                      "additionalPrinterColumns": [
                          {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                          {"name": "Color", "type": "string", "jsonPath": ".spec.color"}],
                      **version}]}}


def thing(size=2, name="a", **more):
    return {"apiVersion": "NS.example.com/v1", "kind": "Thing", "metadata": {"name": name},
            "spec": {"size": size, **more}}


def ruled(*rules):
    return crd({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"size": {"type": "integer"}},
        "x-kubernetes-validations": list(rules)}}})


def rules_schema():
    schema = json.loads(json.dumps(SCHEMA))
    spec = schema["properties"]["spec"]
    spec["x-kubernetes-validations"] = [
        {"rule": "self.size < 5"},
        {"rule": "self.color == 'red'", "message": "red is the only color", "reason":
         "FieldValueForbidden"},
        {"rule": "!has(self.tags) || self.tags.size() == 0", "messageExpression":
         "'no tags for ' + self.color", "fieldPath": ".tags"},
        {"rule": "self.size >= oldSelf.size", "message": "it only grows"}]
    spec["properties"]["name"] = {"type": "string", "maxLength": 9, "x-kubernetes-validations": [
        {"rule": "self.startsWith('x')"}]}
    spec["properties"]["color"]["maxLength"] = 9
    spec["properties"]["plain"] = {"type": "array", "maxItems": 5, "items": {
        "type": "string", "maxLength": 5,
        "x-kubernetes-validations": [{"rule": "self.size() == 1", "message": "one letter"}]}}
    spec["properties"]["tags"]["maxItems"] = 5
    spec["properties"]["tags"]["items"]["maxLength"] = 5
    spec["properties"]["map"] = {"type": "object", "maxProperties": 5, "additionalProperties": {
        "type": "integer", "x-kubernetes-validations": [{"rule": "self > 0"}]}}
    schema["x-kubernetes-validations"] = [
        {"rule": "self.metadata.name != 'b'", "message": "not b"}]
    return schema


def make(item, query="?fieldManager=maker"):
    return post(THINGS, item, query)


def defined(schema=None):
    """The definition itself is not compared here: its conditions come when they come."""
    return [("DO", *post(CRDS, crd(schema))), ready(THINGS)]


END = [("DO", *delete(CRDS + "/things.NS.example.com"))]


def custom(*steps, schema=None):
    return defined(schema) + list(steps) + END


CUSTOM = {
    "custom_defaults": custom(make(thing(parts=[{"id": "x"}], gone=1, open={"any": {"thing": [1]}},
                                         port="http", maybe=None))),
    "custom_invalid": custom(*(make(item) for item in (
        thing(0), thing(10), thing(color="green"), thing(name="ABCDEF"), thing("many"),
        thing(1.5), {**thing(), "spec": {}}, {**thing(), "spec": None}, thing(tags=["a", "a"]),
        thing(parts=[{"weight": 1}]), thing(parts=[{"id": "a"}, {"id": "a"}]),
        thing(plain=[1]), thing(map={"a": "b"}), thing(port=[]), thing(parts=[
            {"id": id} for id in "abcd"])))),
    "custom_strict": custom(make(thing(gone=1), "?fieldValidation=Strict"),
                            make(thing(parts=[{"id": "a", "gone": 1}]),
                                 "?fieldValidation=Strict")),
    "custom_status": custom(
        make({**thing(), "status": {"phase": "Made"}}),
        patch(THING + "/status", {"spec": {"size": 5}, "status": {"phase": "Up", "gone": 1}}),
        patch(THING, {"spec": {"size": 3}, "status": {"phase": "Down"}}, manager="q"),
        put(THING + "/status", {**thing(7), "status": {"phase": "Put"}}, "?fieldManager=r"),
        get(THING + "/status")),
    "custom_apply": custom(
        apply(THING, thing(parts=[{"id": "x"}, {"id": "y", "weight": 3}], tags=["a"]), "one"),
        apply(THING, thing(parts=[{"id": "z"}], tags=["b"], plain=["p"]), "two"),
        apply(THING, thing(parts=[{"id": "y", "weight": 4}], plain=["q"]), "three"),
        apply(THING, thing(parts=[{"id": "x"}]), "one")),
    "custom_apply_status": custom(
        make(thing()), apply(THING + "/status", {
            "apiVersion": "NS.example.com/v1", "kind": "Thing", "metadata": {"name": "a"},
            "status": {"phase": "Up"}}, "one"),
        apply(THING, {**thing(4), "status": {"phase": "Down"}}, "two", True)),
    "custom_apply_invalid": custom(apply(THING, thing("many")), apply(THING, thing(0)),
                                   apply(THING, thing(gone=1)),
                                   apply(THING, thing(tags=["a", "a"]))),
    "custom_finalizer": custom(
        make({**thing(), "metadata": {"name": "a", "finalizers": ["finalizers.example.com"]}}),
        patch(THING, {"metadata": {"finalizers": ["no good"]}}),
        patch(THING, {"metadata": {"finalizers": []}})),
    "custom_patch": custom(
        make(thing(map={"a": 1, "b": 2})),
        patch(THING, {"spec": {"map": {"a": None, "c": 3}, "color": None}}),
        patch(THING, [{"op": "add", "path": "/spec/plain", "value": ["x"]}], JSON_PATCH),
        patch(THING, {"spec": {"size": 3}}, STRATEGIC)),
    "custom_scale": custom(
        make(thing(replicas=2)), get(THING + "/scale"),
        patch(THING + "/scale", {"spec": {"replicas": 5}}, manager="scaler"), get(THING)),
    "custom_table": custom(make(thing()), get_as(THING, TABLE), get_as(THING, PARTIAL)),
    "custom_list": custom(make(thing()), get(THINGS), get(
        THINGS, "?fieldSelector=spec.size%3D2")),
    "definition_invalid": [post(CRDS, item) for item in (
        {**crd(), "metadata": {"name": "others.NS.example.com"}},
        crd({"type": "string"}),
        crd({"type": "object", "properties": {"spec": {"properties": {}}}}),
        crd({"type": "object", "properties": {"spec": {"type": "list"}}}),
        crd({"type": "object", "properties": {"spec": {
            "type": "object", "properties": {"x": {"type": "string", "default": 1}}}}}),
        crd({"type": "object", "properties": {"x": {"type": "array"}}}),
        crd({"type": "object", "properties": {"x": {
            "type": "array", "items": {}}}}),
        crd({"type": "object", "properties": {"x": {
            "type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}}}),
        crd({"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}}))],
    "definition_rules_invalid": [post(CRDS, item) for item in (
        ruled({"rule": "self.size >"}), ruled({"rule": "size > 1"}), ruled({"rule": "1 + 1"}),
        ruled({"rule": ""}), ruled({"rule": "true"}, {
            "rule": "nonsense(self)", "message": "m"}))],
    "custom_rules": custom(
        make(thing(6)), make(thing(2, color="blue")), make(thing(2, tags=["x"])),
        make(thing(2, name="ab")), make(thing(2, plain=["a", "bb"])), make(thing(2, map={"a": 0})),
        make(thing(2)), patch(THING, {"spec": {"size": 1}}), patch(THING, {"spec": {"size": 3}}),
        make(thing("many")),
        schema=rules_schema()),
}
PROBES = {
    # ---- ConfigMaps: ownership ----
    "create": NEW,
    "create_twice": NEW + NEW,
    "create_invalid_name": [post(MAPS, config(name="X_a"))],
    "create_without_name": [post(MAPS, {"metadata": {}})],
    "create_invalid_label": [post(MAPS, config(labels={"a": "-x"}))],
    "create_other_namespace": [post(MAPS, config(namespace="elsewhere"))],
    "create_dry": [post(MAPS, config({"k": "1"}), "?dryRun=All&fieldManager=x"), get(MAP)],
    "create_labels": [post(MAPS, config(labels={"a": "b"}, annotations={"c": "d"}),
                           "?fieldManager=x")],
    "get_missing": [get(MAP)],
    "get_unknown_kind": [get(CORE + "/nonsense")],
    "merge": NEW + [patch(MAP, {"data": {"k": "2", "m": "3"}})],
    "merge_null": NEW + [patch(MAP, {"data": {"k": None}})],
    "merge_all_null": NEW + [patch(MAP, {"data": None})],
    "merge_same_value": NEW + [patch(MAP, {"data": {"k": "1"}})],
    "merge_missing": [patch(MAP, {"data": {"k": "2"}})],
    "merge_same_manager": NEW + [patch(MAP, {"data": {"k": "2"}}, manager="maker")],
    "merge_twice": NEW + [patch(MAP, {"data": {"k": "2"}}), patch(MAP, {"data": {"k": "3"}},
                                                                  manager="q")],
    "merge_stale": NEW + [patch(MAP, {"metadata": {"resourceVersion": "1"}, "data": {"k": "9"}})],
    "merge_labels": NEW + [patch(MAP, {"metadata": {"labels": {"a": "b"}}})],
    "json_patch": NEW + [patch(MAP, [{"op": "replace", "path": "/data/k", "value": "5"}],
                               JSON_PATCH)],
    "json_patch_remove": NEW + [patch(MAP, [{"op": "remove", "path": "/data/l"}], JSON_PATCH)],
    "strategic": NEW + [patch(MAP, {"data": {"k": "2"}}, STRATEGIC)],
    "put": NEW + [put(MAP, config({"z": "1"}), "?fieldManager=p")],
    "put_missing": [put(MAP, config({"z": "1"}), "?fieldManager=p")],
    "put_other_name": NEW + [put(MAP, config(name="b"))],
    "apply_new": SET,
    "apply_same": SET + SET,
    "apply_dry": [apply(MAP, config({"k": "1"}), query="&dryRun=All"), get(MAP)],
    "apply_without_manager": [("PATCH", MAP, config(), APPLY)],
    "apply_conflict": SET + [apply(MAP, config({"k": "2"}), "two")],
    "apply_conflicts": SET + [apply(MAP, config({"k": "2", "l": "2"}), "two")],
    "apply_forced": SET + [apply(MAP, config({"k": "2"}), "two", True)],
    "apply_shared": SET + [apply(MAP, config({"k": "1"}), "two")],
    "apply_shared_dropped": SET + [apply(MAP, config({"k": "1"}), "two"),
                                   apply(MAP, config({"l": "1"}), "one")],
    "apply_dropped": SET + [apply(MAP, config({"k": "1"}), "one")],
    "apply_dropped_all": SET + [apply(MAP, config(), "one")],
    "apply_over_update": NEW + [apply(MAP, config({"k": "2"}), "two")],
    "apply_over_update_forced": NEW + [apply(MAP, config({"k": "2"}), "two", True)],
    "apply_same_over_update": NEW + [apply(MAP, config({"k": "1"}), "two")],
    "apply_then_update": SET + [patch(MAP, {"data": {"k": "7"}})],
    "apply_then_update_then_apply": SET + [patch(MAP, {"data": {"k": "7"}})] + SET,
    "apply_then_update_then_forced": SET + [patch(MAP, {"data": {"k": "7"}}), apply(
        MAP, config({"k": "1", "l": "1"}), "one", True)],
    "apply_then_remove": SET + [patch(MAP, {"data": {"k": None}})],
    "apply_unknown_field": [apply(MAP, {**config(), "nonsense": 1})],
    "apply_wrong_type": [apply(MAP, config({"k": 1}))],
    "apply_managed_fields": [apply(MAP, config(managedFields=[]))],
    "apply_wrong_name": [apply(MAP, config(name="b"))],
    "apply_labels": [apply(MAP, config(labels={"a": "b"}), "one"),
                     apply(MAP, config(labels={"c": "d"}), "one")],
    "apply_finalizers": [apply(MAP, config(finalizers=["x.io/a"]), "one"),
                         apply(MAP, config(finalizers=["x.io/b"]), "two"),
                         apply(MAP, config(), "one"), apply(MAP, config(), "two")],
    # ---- deletion ----
    "delete": NEW + [delete(MAP), get(MAP)],
    "delete_missing": [delete(MAP)],
    "delete_dry": NEW + [delete(MAP, query="?dryRun=All"), get(MAP)],
    "delete_finalizer": [post(MAPS, config(finalizers=["x.io/y"]), "?fieldManager=x"), delete(MAP),
                         patch(MAP, {"metadata": {"finalizers": None}}), get(MAP)],
    # ---- Secrets and Services ----
    "secret": [post(CORE + "/secrets", {"metadata": {"name": "a"}, "stringData": {"k": "v"}},
                    "?fieldManager=x")],
    "secret_type": [post(CORE + "/secrets", {"metadata": {"name": "a"}}),
                    patch(SECRET, {"type": "other"})],
    "secret_bytes": [apply(SECRET, secret(bytes)) for bytes in
                     ("not*base64", "Y", "YQ", "YQ=", "YQ==YQ==", "Y\nQ==", "YR==")],
    "secret_bytes_created": [post(CORE + "/secrets", secret("not*base64")),
                             post(CORE + "/secrets", secret("YQ==")),
                             put(SECRET, secret("Y!Q"))],
    "sealed": [post(MAPS, {**config({"k": "1"}), "immutable": True}, "?fieldManager=x"),
               patch(MAP, {"data": {"k": "2"}})],
    "service": [post(CORE + "/services", service({"port": 80}), "?fieldManager=x")],
    "service_port": [post(CORE + "/services", service({"port": 80800}))],
    "service_ports": [post(CORE + "/services", service({"port": 80}, {"port": 81}))],
    "service_apply": [apply(SERVICE, service({"port": 80, "name": "a"})), apply(
        SERVICE, service({"port": 80, "name": "a"}, {"port": 81, "name": "b"})),
                      apply(SERVICE, service({"port": 81, "name": "b"}))],
    "service_selector": [apply(SERVICE, service({"port": 80}, selector={"a": "b"})), apply(
        SERVICE, service({"port": 80}, selector={"c": "d"}))],
    # ---- Deployments ----
    "deployment": NEW_D,
    "deployment_selector": NEW_D + [patch(DEPLOYMENT, {"spec": {"selector": {"matchLabels": {
        "x": "z"}}}}, MERGE)],
    "deployment_no_containers": [post(APPS + "/deployments", deployment(template={
        "metadata": {"labels": {"x": "y"}}, "spec": {"containers": []}}))],
    "deployment_image": NEW_D + [patch(DEPLOYMENT, {"spec": {"template": {"spec": {
        "containers": [{"name": "c", "image": "i:2"}]}}}}, STRATEGIC)],
    "deployment_new_container": NEW_D + [patch(DEPLOYMENT, {"spec": {"template": {"spec": {
        "containers": [{"name": "d", "image": "j:2"}]}}}}, STRATEGIC)],
    "deployment_apply": [apply(DEPLOYMENT, deployment())],
    "deployment_apply_image": [apply(DEPLOYMENT, deployment()), apply(DEPLOYMENT,
                                                                      deployment("i:2"))],
    "deployment_apply_scale": [apply(DEPLOYMENT, deployment()), patch(
        DEPLOYMENT + "/scale", {"spec": {"replicas": 0}}, MERGE, "scaler")],
    "deployment_apply_env": [apply(DEPLOYMENT, deployment()), apply(
        DEPLOYMENT, apply_deployment(template={"spec": {"containers": [{
            "name": "c", "env": [{"name": "L", "value": "2"}]}]}}), "two")],
    "deployment_wrong_type": [apply(DEPLOYMENT, deployment(replicas="many"))],
    "deployment_unknown_field": [apply(DEPLOYMENT, deployment(nonsense=1))],
    "deployment_negative": [post(APPS + "/deployments", deployment(replicas=-1))],
    "deployment_status": NEW_D + [patch(DEPLOYMENT + "/status", {"spec": {"replicas": 5}})],
    "scale_get": NEW_D + [get(DEPLOYMENT + "/scale")],
    # ---- lists ----
    "list": NEW + [get(MAPS, "?labelSelector=none%3Dsuch")],
    "list_by_name": NEW + [get(MAPS, "?fieldSelector=metadata.name%3Da")],
    "list_bad_selector": [get(MAPS, "?labelSelector=" + urllib.parse.quote("a in"))],
    # ---- others ----
    "role": [apply("/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles/a", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})],
    "namespace_missing": [apply("/api/v1/namespaces/none/configmaps/a", config())],
    **MORE_APPLY, **MORE_CHANGES, **MORE_DELETIONS, **MORE_READING, **MORE_KINDS, **CUSTOM,
    "lease": [post("/apis/coordination.k8s.io/v1/namespaces/NS/leases", {
        "metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}, "?fieldManager=x")],
}
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "continue",
            "lastTransitionTime"}


REVISION = "deployment.kubernetes.io/revision"  # of a controller, too


def plain(value, namespace):
    """Without what differs from run to run."""
    if isinstance(value, dict):
        if value.get("kind") == "Deployment":  # controllers report when they get to it
            value = {key: item for key, item in value.items() if key != "status"}
        if value.get("annotations", {}) and REVISION in value["annotations"]:
            value = {**value, "annotations": {
                key: item for key, item in value["annotations"].items() if key != REVISION}}
            if not value["annotations"]:
                del value["annotations"]
        if isinstance(value.get("managedFields"), list):
            entries = [entry for entry in value["managedFields"]
                       if entry.get("manager") != "kube-controller-manager"]
            # Upstream sorts by time before the manager, which depends on when a second ends.
            value = {**value, "managedFields": sorted(entries, key=lambda entry: [
                entry.get(key, "") for key in ("operation", "manager", "apiVersion",
                                               "subresource")])}
        if "columnDefinitions" in value:  # prose
            value = {**value, "columnDefinitions": [
                {key: item for key, item in column.items() if key != "description"}
                for column in value["columnDefinitions"]]}
        if isinstance(value.get("causes"), list):  # in the order of a hash, and some twice
            texts = {json.dumps(cause, sort_keys=True) for cause in value["causes"]}
            value = {**value, "causes": [json.loads(text) for text in sorted(texts)]}
        return {plain(key, namespace):
                "*" if key in VOLATILE and isinstance(item, str) else plain(item, namespace)
                for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, namespace) for item in value]
    if isinstance(value, str):
        value = value.replace(namespace, "NS")
        value = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", value)
        value = re.sub(r"resource version: \d+( \(\d+\))?", "resource version: *", value)
        value = re.sub(r"ResourceVersion(.*?): \d+", r"ResourceVersion\1: *", value)
        value = re.sub(r"in record \(\d+\)", "in record (*)", value)
        value = re.sub(r"json: cannot unmarshal.*", "json: cannot unmarshal ...", value)
        value = re.sub(r"expression, but isn't:.*", "expression, but isn't: ...", value)
        value = re.sub(r"compilation failed:.*", "compilation failed: ...", value, flags=re.DOTALL)
        value = re.sub(r"\n@@.*", "", value, flags=re.DOTALL)  # a difference in Go's words
        value = re.sub(r"^.* is invalid: patch: .*json: ", "... json: ", value)
        value = re.sub(r"^Invalid value: \"\{.*json: ", "... json: ", value)
        value = re.sub(r"\bgen-[a-z0-9]{5}\b", "gen-*", value)
        value = re.sub(r"^\d+s$", "AGE", value)
        return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", value)
    return value


def read(text):
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:  # the lines of a watch
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return text.strip()


class Run:
    """One sequence. Texts in it may refer to what was said before: {uid}, {rv}, {continue} of the
    last object or list that had it."""

    def __init__(self, api, namespace):
        self.api, self.namespace, self.known = api, namespace, {}

    def fill(self, text):
        text = text.replace("NS", self.namespace)
        for key, value in self.known.items():
            text = text.replace("{" + key + "}", value)
        return text

    def ask(self, method, path, body, kind, accept=None):
        if body is not None:
            body = self.fill(body if isinstance(body, str) else json.dumps(body))
        try:
            return 200, self.api.request(method, self.fill(path), body, kind, accept)
        except ApiError as error:
            return error.status, error.body

    def learn(self, answer):
        metadata = answer.get("metadata") if isinstance(answer, dict) else None
        for name, key in (("uid", "uid"), ("rv", "resourceVersion"), ("continue", "continue")):
            if isinstance(metadata, dict) and metadata.get(key):
                self.known[name] = metadata[key]

    def step(self, method, path, *rest):
        """What was said, or None for a step that only waits."""
        if method == "GONE":
            eventually(lambda: self.ask("GET", path, None, "application/json")[0] == 404,
                       what=f"the end of {path}")
            return None
        if method == "READY":
            eventually(lambda: self.ask("GET", path, None, "application/json")[0] == 200,
                       what=path)
            return None
        if method == "DO":
            status, text = self.ask(path, *rest)
            assert status == 200, text
            return None
        status, text = self.ask(method, path, *rest)
        answer = read(text)
        self.learn(answer)
        return [status, plain(answer, self.namespace)]


def answers(api, name, namespace):
    """What the server says to each request of the probe."""
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    run = Run(api, namespace)
    said = [run.step(*step) for step in PROBES[name]]
    return [answer for answer in said if answer is not None]
