"""What people type: every kubectl command works on the sandbox as on a real API server."""
import json
import os
import subprocess

import pytest

from harness.eventually import eventually
from harness.servers import on_sandbox, program


@pytest.fixture
def k(tenant):
    """kubectl in the namespace of the test, as an administrator."""
    def run(*arguments, **more):
        return tenant.servers.kubectl("-n", tenant.namespace, *arguments, **more)
    return run


def read(k, *arguments):
    return json.loads(k("get", *arguments, "-o", "json"))


def deploy(k, name="web"):
    """Without replicas, as nothing runs pods here; so it is complete at once."""
    k("create", "deployment", name, "--image=registry.example.com/web:1", "--replicas=0",
      "--port=80")


# ---- create: bodies in protobuf ----

@pytest.mark.parametrize("command, plural, path, wanted", [
    ("configmap a --from-literal=k=v --from-literal=empty=", "configmap", ["data"],
     {"k": "v", "empty": ""}),
    ("secret generic a --from-literal=k=v", "secret", ["data"], {"k": "dg=="}),
    ("serviceaccount a", "serviceaccount", ["metadata", "name"], "a"),
    ("job a --image=i:1 -- date -u", "job", ["spec", "template", "spec", "containers", 0,
                                             "command"], ["date", "-u"]),
    ("cronjob a --image=i:1 --schedule=5&*&*&*&* -- date", "cronjob", ["spec", "schedule"],
     "5 * * * *"),
    ("role a --verb=get,list --resource=pods", "role", ["rules"],
     [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]),
    ("rolebinding a --clusterrole=view --user=alice", "rolebinding", ["roleRef", "name"], "view"),
    ("service clusterip a --tcp=80:8080", "service", ["spec", "ports", 0, "targetPort"], 8080),
    ("ingress a --rule=example.com/path=web:http", "ingress",
     ["spec", "rules", 0, "http", "paths", 0, "backend", "service"],
     {"name": "web", "port": {"name": "http"}}),
    ("quota a --hard=cpu=1,pods=2", "resourcequota", ["spec", "hard"], {"cpu": "1", "pods": "2"}),
    ("poddisruptionbudget a --selector=x=y --min-available=1", "poddisruptionbudget",
     ["spec", "minAvailable"], 1),
])
def test_create(k, command, plural, path, wanted):
    assert "created" in k("create", *[word.replace("&", " ") for word in command.split()])
    value = read(k, plural, "a")
    for step in path:
        value = value[step]
    assert value == wanted
    assert "deleted" in k("delete", plural, "a")


def test_create_cluster_wide(tenant, k):
    name = f"{tenant.namespace}-more"
    assert k("create", "namespace", name) == f"namespace/{name} created\n"
    assert k("create", "clusterrole", name, "--verb=get", "--resource=pods")
    assert k("create", "clusterrolebinding", name, f"--clusterrole={name}", "--user=nobody")
    assert k("create", "priorityclass", name, "--value=7")
    assert read(k, "priorityclass", name)["value"] == 7
    k("delete", "clusterrole,clusterrolebinding,priorityclass", name)
    k("delete", "namespace", name, "--timeout=60s")


def test_create_deployment(k):
    deploy(k)
    item = read(k, "deployment", "web")
    container = item["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/web:1"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert item["spec"]["replicas"] == 0
    assert item["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%",
                                                         "maxUnavailable": "25%"}


def test_create_twice_is_refused(k):
    k("create", "configmap", "a")
    done = k("create", "configmap", "a", check=False)
    assert done.returncode == 1
    assert 'configmaps "a" already exists' in done.stderr


def test_create_what_is_invalid_is_refused(k):
    done = k("create", "configmap", "A_b", check=False)
    assert done.returncode == 1 and "a lowercase RFC 1123 subdomain" in done.stderr


def test_dry_run_leaves_nothing(k):
    k("create", "configmap", "a", "--dry-run=server")
    assert k("get", "configmap", "a", "--ignore-not-found") == ""


# ---- reading ----

def test_get(k):
    k("create", "configmap", "a", "--from-literal=k=v")
    rows = [line.split() for line in k("get", "configmaps").splitlines()]
    assert rows[0] == ["NAME", "DATA", "AGE"]
    assert ["a", "1"] in [row[:2] for row in rows]
    assert k("get", "cm", "a", "-o", "jsonpath={.data.k}") == "v"
    assert k("get", "cm", "a", "-o", "name") == "configmap/a\n"
    assert "k: v" in k("get", "cm", "a", "-o", "yaml")
    assert k("get", "cm", "-l", "no=such", "-o", "name") == ""
    assert k("get", "cm", "--field-selector=metadata.name=a", "-o", "name") == "configmap/a\n"
    assert "a" in k("get", "cm", "-A", "--chunk-size=1")


def test_get_of_all_kinds_of_workloads(k):
    deploy(k)
    eventually(lambda: "replicaset.apps/web-" in k("get", "all"), what="the ReplicaSet")
    out = k("get", "all")
    assert "deployment.apps/web" in out and "UP-TO-DATE" in out


def test_get_of_what_is_not_there(k):
    done = k("get", "configmap", "none", check=False)
    assert done.returncode == 1
    assert done.stderr == 'Error from server (NotFound): configmaps "none" not found\n'
    assert "the server doesn't have a resource type" in k("get", "nonsense", check=False).stderr


def test_get_watch(tenant, k):
    environment = {**os.environ, "KUBECONFIG": tenant.servers.kubeconfig("admin"),
                   "HOME": tenant.servers.folder}
    watch = subprocess.Popen(
        [program("kubectl"), "-n", tenant.namespace, "get", "cm", "-w", "-o", "name"], text=True,
        stdout=subprocess.PIPE, env=environment)
    try:
        k("create", "configmap", "seen")
        for line in watch.stdout:
            if line == "configmap/seen\n":
                break
        else:
            raise AssertionError("the watch ended before it told of the object")
    finally:
        watch.kill()
        watch.communicate(timeout=30)


def test_describe(k):
    deploy(k)
    out = k("describe", "deployment", "web")
    assert "StrategyType:" in out and "registry.example.com/web:1" in out
    k("create", "configmap", "a", "--from-literal=k=v")
    assert "k:\n----\nv\n" in k("describe", "cm", "a")
    assert "Name:" in k("describe", "namespace", read(k, "cm", "a")["metadata"]["namespace"])


def test_explain_of_our_kinds(k):
    out = k("explain", "kustomizations.kustomize.toolkit.fluxcd.io.spec.prune")
    assert "prune" in out and "<boolean>" in out
    assert "FIELD: image <string>" in k("explain", "deployment.spec.template.spec.containers.image")
    assert "does not exist" in k("explain", "deployment.nonsense", check=False).stderr


def test_discovery(k):
    names = k("api-resources", "--verbs=list", "-o", "name").split()
    assert {"configmaps", "deployments.apps", "gitrepositories.source.toolkit.fluxcd.io"} <= \
        set(names)
    assert "apps/v1" in k("api-versions").split()
    assert "Server Version" in k("version")


# ---- changing ----

def test_apply(k):
    def manifest(value):
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                           "data": {"k": value}})
    assert k("apply", "-f", "-", stdin=manifest("1")) == "configmap/a created\n"
    assert k("apply", "-f", "-", stdin=manifest("1")) == "configmap/a unchanged\n"
    assert k("apply", "-f", "-", stdin=manifest("2")) == "configmap/a configured\n"
    assert read(k, "cm", "a")["data"] == {"k": "2"}
    assert k("diff", "-f", "-", stdin=manifest("2")) == ""
    done = k("diff", "-f", "-", stdin=manifest("3"), check=False)
    assert done.returncode == 1 and "+  k: \"3\"" in done.stdout


def test_apply_of_a_deployment_twice(k):
    """The three-way merge of the client needs the schemas of the server."""
    def manifest(image, replicas):
        return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                           "spec": {"replicas": replicas, "selector": {"matchLabels": {"x": "y"}},
                                    "template": {"metadata": {"labels": {"x": "y"}}, "spec": {
                                        "containers": [{"name": "c", "image": image},
                                                       {"name": "d", "image": "other:1"}]}}}})
    k("apply", "-f", "-", stdin=manifest("i:1", 0))
    k("set", "image", "deployment/a", "d=other:2")
    assert k("apply", "-f", "-", stdin=manifest("i:2", 0)) == "deployment.apps/a configured\n"
    containers = read(k, "deployment", "a")["spec"]["template"]["spec"]["containers"]
    assert [c["image"] for c in containers] == ["i:2", "other:1"]


def test_apply_server_side(k):
    manifest = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                           "data": {"k": "1"}})
    k("apply", "--server-side", "-f", "-", stdin=manifest)
    k("patch", "cm", "a", "--type=merge", "-p", '{"data":{"k":"2"}}')
    done = k("apply", "--server-side", "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1 and "conflict with \"kubectl-patch\"" in done.stderr
    k("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
    assert read(k, "cm", "a")["data"] == {"k": "1"}
    assert "manager: kubectl" in k("get", "cm", "a", "-o", "yaml", "--show-managed-fields")


def test_apply_of_an_unknown_field_is_refused(k):
    manifest = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
                           "dataa": {"k": "1"}})
    done = k("apply", "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1 and 'unknown field "dataa"' in done.stderr


def test_apply_with_prune(k):
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": name, "labels": {"set": "one"}}} for name in ("a", "b")]
    k("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    out = k("apply", "-f", "-", "--prune", "-l", "set=one",
            "--prune-allowlist=core/v1/ConfigMap", stdin=json.dumps(items[0]))
    assert "configmap/b pruned" in out


def test_edit(tenant, k, monkeypatch):
    k("create", "configmap", "a", "--from-literal=k=before")
    monkeypatch.setenv("KUBE_EDITOR", "sed -i s/before/after/")
    assert k("edit", "configmap", "a") == "configmap/a edited\n"
    assert read(k, "cm", "a")["data"] == {"k": "after"}


def test_replace(k):
    k("create", "configmap", "a", "--from-literal=k=v")
    item = read(k, "cm", "a")
    item["data"] = {"l": "w"}
    k("replace", "-f", "-", stdin=json.dumps(item))
    assert read(k, "cm", "a")["data"] == {"l": "w"}
    done = k("replace", "-f", "-", stdin=json.dumps(item), check=False)
    assert done.returncode == 1 and "the object has been modified" in done.stderr


def test_scale(k):
    deploy(k)
    k("scale", "deployment", "web", "--replicas=2", "--current-replicas=0")
    assert read(k, "deployment", "web")["spec"]["replicas"] == 2
    done = k("scale", "deployment", "web", "--replicas=3", "--current-replicas=0", check=False)
    assert done.returncode == 1 and "Expected replicas to be 0, was 2" in done.stderr
    k("scale", "deployment", "web", "--replicas=0")


@pytest.mark.parametrize("verb, field", [("label", "labels"), ("annotate", "annotations")])
def test_label_and_annotate(k, verb, field):
    k("create", "configmap", "a")
    k(verb, "configmap", "a", "example.com/x=1")
    assert read(k, "cm", "a")["metadata"][field] == {"example.com/x": "1"}
    done = k(verb, "configmap", "a", "example.com/x=2", check=False)
    assert done.returncode == 1
    k(verb, "configmap", "a", "example.com/x=2", "--overwrite")
    k(verb, "configmap", "a", "example.com/x-")
    assert field not in read(k, "cm", "a")["metadata"]


@pytest.mark.parametrize("kind, patch", [
    ("strategic", {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "i:2"}]}}}}),
    ("merge", {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "i:2"}]}}}}),
    ("json", [{"op": "replace", "path": "/spec/template/spec/containers/0/image",
               "value": "i:2"}]),
])
def test_patch(k, kind, patch):
    deploy(k)
    k("patch", "deployment", "web", f"--type={kind}", "-p", json.dumps(patch))
    containers = read(k, "deployment", "web")["spec"]["template"]["spec"]["containers"]
    assert [c["image"] for c in containers] == ["i:2"]
    assert ("ports" in containers[0]) == (kind != "merge")


def test_patch_of_a_subresource(k):
    deploy(k)
    k("patch", "deployment", "web", "--subresource=scale", "--type=merge", "-p",
      '{"spec":{"replicas":0}}')
    assert k("get", "deployment", "web", "--subresource=scale", "-o", "jsonpath={.kind}") == "Scale"


def test_set_and_expose(k):
    deploy(k)
    k("set", "env", "deployment/web", "A=1")
    env = read(k, "deployment", "web")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "A", "value": "1"}]
    k("expose", "deployment", "web")
    assert read(k, "service", "web")["spec"]["selector"] == {"app": "web"}


# ---- rollouts ----

def test_rollout(k):
    deploy(k)
    assert "successfully rolled out" in k("rollout", "status", "deployment/web", "--timeout=60s")
    k("rollout", "restart", "deployment/web")
    assert "successfully rolled out" in k("rollout", "status", "deployment/web", "--timeout=60s")
    k("rollout", "pause", "deployment/web")
    assert read(k, "deployment", "web")["spec"]["paused"] is True
    k("rollout", "resume", "deployment/web")


def test_rollout_history_and_undo(k):
    deploy(k)
    k("rollout", "status", "deployment/web", "--timeout=60s")
    k("set", "image", "deployment/web", "web=registry.example.com/web:2")
    k("rollout", "status", "deployment/web", "--timeout=60s")
    history = [line.split()[0] for line in k("rollout", "history", "deployment/web").splitlines()
               if line[:1].isdigit()]
    assert history == ["1", "2"]
    k("rollout", "undo", "deployment/web")
    container = read(k, "deployment", "web")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/web:1"
    k("rollout", "status", "deployment/web", "--timeout=60s")

    def renumbered():
        lines = k("rollout", "history", "deployment/web").splitlines()
        return [line.split()[0] for line in lines if line[:1].isdigit()] == ["2", "3"]
    eventually(renumbered, what="the old ReplicaSet as revision 3")


def test_wait(k):
    deploy(k)
    assert "condition met" in k("wait", "--for=condition=Available", "deployment/web",
                                "--timeout=60s")
    done = k("wait", "--for=condition=Nonsense", "deployment/web", "--timeout=1s", check=False)
    assert done.returncode == 1 and "timed out waiting" in done.stderr
    k("delete", "deployment", "web", "--wait=false")
    k("wait", "--for=delete", "deployment/web", "--timeout=60s")


# ---- deleting ----

@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_delete_takes_what_it_owns(k, cascade):
    deploy(k)
    eventually(lambda: k("get", "replicaset", "-l", "app=web", "-o", "name"),
               what="the ReplicaSet")
    k("delete", "deployment", "web", f"--cascade={cascade}", "--timeout=60s")
    eventually(lambda: not k("get", "replicaset", "-l", "app=web", "-o", "name"),
               what="its end")


def test_delete_may_leave_orphans(k):
    deploy(k)
    eventually(lambda: k("get", "replicaset", "-l", "app=web", "-o", "name"),
               what="the ReplicaSet")
    k("delete", "deployment", "web", "--cascade=orphan", "--timeout=60s")
    (left,) = read(k, "replicaset", "-l", "app=web")["items"]
    assert "ownerReferences" not in left["metadata"]


def test_delete_of_many(k):
    for name in ("a", "b"):
        k("create", "configmap", name)
        k("label", "configmap", name, "x=y")
    assert k("delete", "configmap", "-l", "x=y").count("deleted") == 2
    assert k("delete", "configmap", "a", "--ignore-not-found") == ""
    done = k("delete", "configmap", "a", check=False)
    assert done.returncode == 1 and "NotFound" in done.stderr
    k("create", "secret", "generic", "s")
    k("delete", "secrets", "--all")
    assert k("get", "secrets", "-o", "name") == ""


# ---- who may ----

def test_auth(k):
    assert k("auth", "can-i", "create", "deployments") == "yes\n"
    assert "admin" in k("auth", "whoami")
    assert "selfsubjectrulesreviews.authorization.k8s.io" in k("auth", "can-i", "--list")


def test_auth_of_others(tenant, k):
    k("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    k("create", "rolebinding", "reader", "--role=reader",
      f"--serviceaccount={tenant.namespace}:robot")
    robot = f"--as=system:serviceaccount:{tenant.namespace}:robot"
    assert k("auth", "can-i", "list", "configmaps", robot) == "yes\n"
    done = k("auth", "can-i", "list", "secrets", robot, check=False)
    assert done.returncode == 1 and done.stdout == "no\n"
    assert "configmaps" in k("auth", "can-i", "--list", robot)
    k("get", "configmaps", robot)
    done = k("get", "secrets", robot, check=False)
    assert done.returncode == 1 and "cannot list resource \"secrets\"" in done.stderr


# ---- what needs containers ----

if on_sandbox():
    @pytest.mark.parametrize("command", [["logs", "alone"], ["exec", "alone", "--", "date"],
                                         ["attach", "alone"]])
    def test_no_containers_run_here(k, command):
        k("run", "alone", "--image=i:1")
        done = k(*command, check=False)
        assert done.returncode != 0
        assert "no containers run here" in done.stderr
