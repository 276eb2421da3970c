"""Sequences of requests whose answers a real API server and the sandbox are to agree on."""
import json
import re
import urllib.parse

from harness.api import APPLY, JSON_PATCH, MERGE, STRATEGIC, ApiError

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


MAPS = CORE + "/configmaps"
NEW = [post(MAPS, config({"k": "1", "l": "1"}), "?fieldManager=maker")]
SET = [apply(MAP, config({"k": "1", "l": "1"}), "one")]
NEW_D = [post(APPS + "/deployments", deployment(), "?fieldManager=maker")]
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
    "lease": [post("/apis/coordination.k8s.io/v1/namespaces/NS/leases", {
        "metadata": {"name": "a"}, "spec": {"holderIdentity": "x"}}, "?fieldManager=x")],
}
VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time"}


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
            value = {**value, "managedFields": [
                entry for entry in value["managedFields"]
                if entry["manager"] != "kube-controller-manager"]}
        return {key: "*" if key in VOLATILE and isinstance(item, str) else plain(item, namespace)
                for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, namespace) for item in value]
    if isinstance(value, str):
        value = value.replace(namespace, "NS")
        value = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", value)
        return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", value)
    return value


def read(text):
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def answers(api, name, namespace):
    """What the server says to each request of the probe."""
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    said = []
    for method, path, body, kind in PROBES[name]:
        if isinstance(body, dict) and kind == "application/json":
            body = json.loads(json.dumps(body))
        try:
            text, status = api.request(method, path.replace("NS", namespace), body, kind), 200
        except ApiError as error:
            text, status = error.body, error.status
        said.append([status, plain(read(text), namespace)])
    return said
