"""The command line against a real API server: what is printed where, and how it ends."""
import base64
import json
import os
import re
import subprocess

import pytest

from harness.eventually import eventually
from harness.manifests import configmap, deployment, secret, service, stream
from harness.operator import fixpoint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(ROOT, "tests", "golden", "control", "every_field")


class Done:
    def __init__(self, done):
        self.code, self.out, self.errors = done.returncode, done.stdout, done.stderr

    def rows(self):
        """The table without its padding."""
        return [[cell.strip() for cell in line.split("\t")[:-1]]
                for line in self.out.splitlines()]


def start(tenant, *arguments, **more):
    environment = {**os.environ, "KUBECONFIG": tenant.servers.kubeconfig("admin"),
                   "HOME": tenant.servers.folder}
    return subprocess.Popen([fixpoint(), *arguments, "-n", tenant.namespace], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **more)


def run(tenant, *arguments, code=0):
    process = start(tenant, *arguments)
    out, errors = process.communicate(timeout=60)
    process.stdout, process.stderr = out, errors
    done = Done(process)
    assert done.code == code, f"{arguments} ended with {done.code}:\n{out}{errors}"
    return done


def folder_of(tenant, name, *items):
    folder = os.path.join(tenant.repository.work, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "objects.yaml"), "w", encoding="utf-8") as file:
        file.write(stream(*items))
    return folder


# ---- The kinds ----

@pytest.mark.parametrize("kind", ["gitrepository", "kustomization", "alert", "provider",
                                  "receiver"])
def test_every_field_of_the_spec_survives(servers, kind):
    """What the API server keeps is what was written, but for the defaults it adds."""
    with open(os.path.join(EXAMPLES, f"{kind}.yaml"), encoding="utf-8") as file:
        text = file.read()
    wanted = json.loads(servers.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-",
                                        stdin=text))["spec"]
    kept = json.loads(servers.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-",
                                      stdin=text))
    for item in wanted.get("postBuild", {}).get("substituteFrom", []):
        item.setdefault("optional", False)
    assert kept["spec"] == wanted
    static = kind in ("alert", "provider")
    assert kept.get("status") == (None if static else {"observedGeneration": -1})


@pytest.mark.parametrize("change, message", [
    ({"interval": "abc"}, "spec.interval in body should match"),
    ({"interval": None}, "spec.interval: Required value"),
    ({"prune": None}, "spec.prune: Required value"),
    ({"sourceRef": {"kind": "HelmChart", "name": "x"}}, 'Unsupported value: "HelmChart"'),
    ({"kubeConfig": {}}, "exactly one of spec.kubeConfig.configMapRef or "
                         "spec.kubeConfig.secretRef must be specified"),
    ({"kubeConfig": {"secretRef": {"name": "a"}, "configMapRef": {"name": "b"}}},
     "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified"),
    ({"targetNamespace": ""}, "should be at least 1 chars long"),
    ({"deletionPolicy": "Never"}, 'Unsupported value: "Never"'),
])
def test_the_api_server_refuses(servers, change, message):
    spec = {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"},
            **change}
    item = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {key: value for key, value in spec.items() if value is not None}}
    done = servers.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-",
                           stdin=json.dumps(item), check=False)
    assert done.returncode == 1 and message in done.stderr, done.stderr


def test_service_account_needs_a_provider(servers):
    item = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "x", "namespace": "default"},
            "spec": {"interval": "1m", "url": "https://example.test/x", "serviceAccountName": "a"}}
    done = servers.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-",
                           stdin=json.dumps(item), check=False)
    assert "serviceAccountName can only be set when provider is 'azure' or 'aws'" in done.stderr


def test_crds_have_the_labels_that_tools_look_for(servers):
    crd = servers.admin.get("customresourcedefinitions", None,
                            "gitrepositories.source.toolkit.fluxcd.io")
    labels = crd["metadata"]["labels"]
    assert labels["app.kubernetes.io/part-of"] == "flux"
    assert re.fullmatch(r"v2\.\d+\.\d+", labels["app.kubernetes.io/version"])
    assert crd["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"


# ---- get ----

def test_get(tenant):
    unit = tenant.deploy(configmap("settings"))
    short = unit["status"]["lastAppliedRevision"][:len("main@sha1:") + 8]
    for words in (["kustomizations"], ["ks"], ["kustomization", "app"]):
        assert run(tenant, "get", *words).rows() == [
            ["NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"],
            ["app", short, "False", "True", f"Applied revision: {short}"]]
    assert run(tenant, "get", "sources", "git", "--no-header").rows() == [
        ["repo", short, "False", "True", f"stored artifact for revision '{short}'"]]

    all_rows = run(tenant, "get", "all").rows()
    assert [row[0] for row in all_rows if row] == [
        "NAME", "gitrepository/repo", "NAME", "kustomization/app"]
    assert [tenant.namespace, "app", short, "False", "True", f"Applied revision: {short}"] in \
        run(tenant, "get", "ks", "-A").rows()
    assert json.loads(run(tenant, "get", "ks", "app", "-o", "json").out)["spec"]["path"] == "./app"
    assert json.loads(run(tenant, "get", "all", "-o", "json").out)["kind"] == "List"
    assert run(tenant, "get", "ks", "-o", "name").out == \
        "kustomization.kustomize.toolkit.fluxcd.io/app\n"
    assert run(tenant, "get", "ks", "-o", "wide").rows()[1][1] == \
        unit["status"]["lastAppliedRevision"]


def test_get_nothing(tenant):
    missing = f'in "{tenant.namespace}" namespace\n'
    assert run(tenant, "get", "ks", code=1).errors == f"✗ no Kustomization objects found {missing}"
    assert run(tenant, "get", "ks", "x", code=1).errors == \
        f"✗ Kustomization object 'x' not found {missing}"
    assert run(tenant, "get", "all").errors == f"✗ no objects found {missing}"


def test_get_by_status_and_label(tenant):
    tenant.deploy(configmap("settings"))
    tenant.api.patch("kustomizations", tenant.namespace, "app",
                     {"metadata": {"labels": {"team": "blue"}}})
    assert len(run(tenant, "get", "ks", "--status-selector", "ready=true").rows()) == 2
    run(tenant, "get", "ks", "--status-selector", "ready=false", code=1)
    run(tenant, "get", "ks", "--status-selector", "ready!=true", code=1)
    assert len(run(tenant, "get", "ks", "-l", "team=blue").rows()) == 2
    run(tenant, "get", "ks", "-l", "team=red", code=1)


def test_get_watches(tenant):
    tenant.deploy(configmap("settings"))
    process = start(tenant, "get", "ks", "--watch")
    try:
        assert process.stdout.readline().startswith("NAME")
        assert process.stdout.readline().split()[2] == "False"
        tenant.change_unit({"spec": {"suspend": True}})
        assert process.stdout.readline().split()[2] == "True"
    finally:
        process.kill()
        process.communicate()


# ---- reconcile, suspend, resume ----

def test_reconcile_with_source(tenant):
    tenant.deploy(configmap("settings"))
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    done = run(tenant, "reconcile", "kustomization", "app", "--with-source")
    namespace = tenant.namespace
    assert done.errors.splitlines() == [
        f"► annotating GitRepository repo in {namespace} namespace",
        "✔ GitRepository annotated",
        "◎ waiting for GitRepository reconciliation",
        f"✔ fetched revision main@sha1:{commit}",
        f"► annotating Kustomization app in {namespace} namespace",
        "✔ Kustomization annotated",
        "◎ waiting for Kustomization reconciliation",
        f"✔ applied revision main@sha1:{commit}"]
    assert done.out == ""
    assert tenant.get("configmaps", "settings")["data"]["key"] == "two"


def test_reconcile_tells_what_failed(tenant):
    tenant.deploy(configmap("settings"))
    tenant.push({"app/objects.yaml": "apiVersion: v1\nkind: ConfigMap\n"})
    done = run(tenant, "reconcile", "ks", "app", "--with-source", code=1)
    assert "✗ Kustomization reconciliation failed: '" in done.errors.splitlines()[-1]
    assert "not found" in run(tenant, "reconcile", "ks", "nope", code=1).errors


def test_suspend_and_resume(tenant):
    unit = tenant.deploy(configmap("settings"))
    namespace = tenant.namespace
    assert run(tenant, "suspend", "ks", "app").errors.splitlines() == [
        f"► suspending kustomization app in {namespace} namespace",
        "✔ kustomization suspended"]
    assert tenant.get_unit()["spec"]["suspend"] is True
    assert run(tenant, "reconcile", "ks", "app", code=1).errors == "✗ resource is suspended\n"
    assert run(tenant, "resume", "ks", "--all").errors.splitlines() == [
        f"► resuming kustomization app in {namespace} namespace",
        "✔ kustomization resumed",
        "◎ waiting for Kustomization reconciliation",
        "✔ Kustomization app reconciliation completed",
        f"✔ applied revision {unit['status']['lastAppliedRevision']}"]
    done = run(tenant, "suspend", "source", "git", "nope", "repo", code=1)
    assert "✔ source git suspended" in done.errors, "one that is missing does not stop the others"


# ---- tree, events ----

def test_tree(tenant):
    tenant.deploy(configmap("settings"), deployment("web"))
    namespace = tenant.namespace
    assert run(tenant, "tree", "ks", "app").out == (
        f"Kustomization/{namespace}/app\n"
        f"├── ConfigMap/{namespace}/settings\n"
        f"└── Deployment/{namespace}/web\n")
    assert run(tenant, "tree", "ks", "app", "--compact").out == f"Kustomization/{namespace}/app\n"
    tree = json.loads(run(tenant, "tree", "ks", "app", "-o", "json").out)
    assert tree["resources"][1]["resource"] == {
        "Namespace": namespace, "Name": "web", "GroupKind": {"Group": "apps", "Kind": "Deployment"}}


def test_events(tenant):
    tenant.deploy(configmap("settings"))
    tenant.wait_event("ReconciliationSucceeded")

    def reported():
        rows = run(tenant, "events", "--for", "Kustomization/app").rows()
        assert rows[0] == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
        assert ["Normal", "ReconciliationSucceeded", "Kustomization/app"] in \
            [row[1:4] for row in rows]
        assert "GitRepository/repo" in [row[3] for row in rows], "the source's events are shown too"
        return True
    eventually(reported, timeout=10, what="events of app")
    assert "no events found" in run(tenant, "events", "--types", "Warning").errors


# ---- build, diff ----

def test_build(tenant):
    tenant.deploy(configmap("settings"), postBuild={
        "substitute": {"level": "debug"},
        "substituteFrom": [{"kind": "ConfigMap", "name": "variables", "optional": True}]})
    tenant.api.create(configmap("variables", {"region": "eu"}, namespace=tenant.namespace))
    folder = folder_of(tenant, "local",
                       configmap("settings", {"key": "${level} ${region} ${none}"}),
                       secret("keys", {"password": "hunter2"}))
    done = run(tenant, "build", "kustomization", "app", "--path", folder)
    assert "key: 'debug eu '" in done.out or "key: debug eu" in done.out
    assert f"kustomize.toolkit.fluxcd.io/namespace: {tenant.namespace}" in done.out
    assert f"namespace: {tenant.namespace}\n" in done.out
    value = base64.b64encode(b"hunter2").decode()
    assert value not in done.out and "hunter2" not in done.out and "'***'" in done.out
    done = run(tenant, "build", "ks", "app", "--path", folder, "--show-secrets")
    assert value in done.out
    strict = run(tenant, "build", "ks", "app", "--path", folder, "--strict-substitute", code=1)
    assert "none" in strict.errors
    tenant.servers.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server",
                           "-f", "-", stdin=done.out)


def test_build_without_a_cluster(tenant):
    folder = folder_of(tenant, "local", configmap("settings", {"key": "${level}"}))
    file = os.path.join(folder, "..", "unit.yaml")
    with open(file, "w", encoding="utf-8") as out:
        out.write(stream({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                          "metadata": {"name": "app", "namespace": tenant.namespace},
                          "spec": {"interval": "1h", "prune": True, "namePrefix": "pre-",
                                   "sourceRef": {"kind": "GitRepository", "name": "repo"},
                                   "postBuild": {"substitute": {"level": "info"}}}}))
    words = ["build", "ks", "app", "--path", folder, "--kustomization-file", file, "--dry-run"]
    done = run(tenant, *words, "--server", "https://127.0.0.1:1")
    assert "name: pre-settings\n" in done.out and "key: info\n" in done.out
    missing = run(tenant, "build", "ks", "other", *words[3:], code=1)
    assert "holds no Kustomization" in missing.errors


def test_diff(tenant):
    tenant.deploy(configmap("settings"), deployment("web"), service("old"),
                  secret("keys", {"password": "hunter2"}))
    same = folder_of(tenant, "same", configmap("settings"), deployment("web"), service("old"),
                     secret("keys", {"password": "hunter2"}))
    assert run(tenant, "diff", "ks", "app", "--path", same).out == ""

    changed = folder_of(tenant, "changed", configmap("settings", {"key": "two"}),
                        deployment("web", image="example.test/app:2.0.0"), configmap("new"),
                        secret("keys", {"password": "hunter3"}))
    done = run(tenant, "diff", "kustomization", "app", "--path", changed, code=1)
    namespace = tenant.namespace
    heads = [line for line in done.out.splitlines() if line.startswith("►")]
    assert sorted(heads) == [
        f"► ConfigMap/{namespace}/new created", f"► ConfigMap/{namespace}/settings drifted",
        f"► Deployment/{namespace}/web drifted", f"► Secret/{namespace}/keys drifted",
        f"► Service/{namespace}/old deleted"]
    assert "spec.template.spec.containers[name=app].image" in done.out
    assert '- "example.test/app:1.0.0"' in done.out and '+ "example.test/app:2.0.0"' in done.out
    assert "hunter" not in done.out + done.errors and "aHVudGVy" not in done.out + done.errors
    assert done.errors.endswith("identified at least one change, exiting with non-zero exit code\n")
    assert tenant.get("configmaps", "settings")["data"]["key"] == "one", "nothing was changed"


def test_diff_of_what_would_be_refused(tenant):
    tenant.deploy(configmap("settings"))
    bad = folder_of(tenant, "bad", configmap("settings"),
                    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                     "spec": {"ports": [{"port": 99999}]}})
    done = run(tenant, "diff", "ks", "app", "--path", bad, code=2)
    assert "Service" in done.errors and "99999" in done.errors
    failed = run(tenant, "diff", "ks", "app", "--path", "/nonexistent", code=2)
    assert failed.errors.startswith("✗ ")


# ---- install, version ----

def test_install(tenant):
    """Into the namespace of the test; the part of a kubelet is played here."""
    process = start(tenant, "install", "--timeout", "30s")
    try:
        tenant.run_pods("source-controller")
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert out == ""
    assert errors.splitlines() == [
        "✚ generating manifests", "✔ manifests build completed",
        f"► installing components in {tenant.namespace} namespace", "✔ components applied",
        "◎ verifying installation", "✔ fixpoint-controller: deployment ready",
        "✔ install finished"]
    lines = run(tenant, "version").out.splitlines()
    assert lines[0].startswith("flux: v2.") and lines[1].startswith("fixpoint-cli: ")
    assert lines[2].startswith("distribution: flux-v2.")

    tenant.servers.kubectl("-n", tenant.namespace, "create", "deployment", "source-controller",
                           "--image=example.test/x:1", "--replicas=0")
    tenant.servers.kubectl("-n", tenant.namespace, "label", "deployment", "source-controller",
                           "app.kubernetes.io/part-of=flux")
    refused = run(tenant, "install", code=1)
    assert "controllers of another Flux run" in refused.errors
    for kind in ("clusterrole", "clusterrolebinding"):
        tenant.servers.kubectl("delete", kind, "-l",
                               f"app.kubernetes.io/instance={tenant.namespace}")


def test_no_server(tenant):
    done = run(tenant, "get", "ks", "--server", "https://127.0.0.1:1", code=1)
    assert done.errors.startswith("✗ ") and "127.0.0.1:1" in done.errors
