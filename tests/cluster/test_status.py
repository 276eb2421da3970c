"""`fixpoint status`: one screen that says whether everything is converged, and if not, why."""
import json
import os
import subprocess

from harness.eventually import eventually
from harness.manifests import configmap, document
from harness.operator import fixpoint


def start(tenant, *arguments):
    environment = {**os.environ, "KUBECONFIG": tenant.servers.kubeconfig("admin"),
                   "HOME": tenant.servers.folder}
    return subprocess.Popen([fixpoint(), *arguments, "-n", tenant.namespace], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def status(tenant, *arguments, code=0):
    process = start(tenant, "status", *arguments)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == code, f"ended with {process.returncode}:\n{out}{errors}"
    return out


def verdict(tenant, *arguments, code=0):
    return json.loads(status(tenant, "-o", "json", *arguments, code=code))


def row(text, kind):
    """The cells of the kind's line in the table."""
    return next(cells for cells in map(str.split, text.splitlines()) if cells[:1] == [kind])


def test_nothing_to_converge(tenant):
    assert status(tenant) == "✔ there is nothing to converge: no objects found\n"


def test_converged(tenant):
    tenant.deploy(configmap("settings"))
    text = status(tenant)
    assert text.startswith("✔ converged: 2 objects, for ")
    assert row(text, "GitRepository")[1:6] == ["1", "1", "0", "0", "0"]
    assert row(text, "Kustomization")[1:6] == ["1", "1", "0", "0", "0"]
    document = verdict(tenant)
    assert document["converged"] and document["objects"] == 2 and document["attention"] == []
    assert document["since"] == tenant.get_unit()["status"]["conditions"][0]["lastTransitionTime"]


def test_the_root_cause_is_named_not_its_victims(tenant):
    tenant.push({"app/a.yaml": document(configmap("a")),
                 "broken/a.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: [x]}\n"})
    tenant.source()
    tenant.unit("base", path="./broken")
    tenant.unit("middle", dependsOn=[{"name": "base"}])
    tenant.unit("top", dependsOn=[{"name": "middle"}])
    tenant.wait_failed("DependencyNotReady", name="middle")
    tenant.wait_failed("DependencyNotReady", name="top")
    text = status(tenant, code=1)
    assert text.startswith("✗ not converged: 3 of 4 objects are not as they should be\n")
    assert row(text, "Kustomization")[1:6] == ["3", "0", "3", "0", "0"]
    base = f"Kustomization/{tenant.namespace}/base"
    assert f"\n✗ {base} " in text
    assert text.count("\n✗ ") == 1
    assert f"  holds up Kustomization/{tenant.namespace}/middle, " \
           f"Kustomization/{tenant.namespace}/top\n" in text
    found = verdict(tenant, code=1)["attention"]
    assert [(item["name"], item["state"], len(item["holdsUp"])) for item in found] == [
        ("base", "failing", 2)]


def test_a_source_that_fails(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(url=tenant.repository.url + "-missing")
    tenant.unit()
    tenant.wait_source("False")
    tenant.wait_failed("ArtifactFailed")
    text = status(tenant, code=1)
    assert f"✗ GitRepository/{tenant.namespace}/repo cannot be fetched, for " in text or \
        f"✗ GitRepository/{tenant.namespace}/repo is not let in" in text, text
    assert f"  holds up Kustomization/{tenant.namespace}/app\n" in text


def test_suspended_objects_are_no_failure(tenant):
    tenant.deploy(configmap("settings"))
    tenant.change_unit({"spec": {"suspend": True}})
    text = status(tenant)
    assert row(text, "Kustomization")[1:6] == ["1", "0", "0", "0", "1"]


def test_yaml_and_errors(tenant):
    tenant.deploy(configmap("settings"))
    assert "\nconverged: true\n" in status(tenant, "-o", "yaml")
    process = start(tenant, "status", "--kubeconfig", "/nonexistent")
    assert process.wait(60) == 2
    process.communicate()


def test_watch(tenant):
    tenant.deploy(configmap("settings"))
    process = start(tenant, "status", "--watch", "-o", "json")
    try:
        assert json.loads(process.stdout.readline())["converged"]
        tenant.push({"app/objects.yaml": "kind: ConfigMap\n"})
        tenant.pull_now()
        tenant.wait_failed("BuildFailed")
        while json.loads(process.stdout.readline())["converged"]:
            pass
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_events_as_documents(tenant):
    tenant.deploy(configmap("settings"))
    tenant.wait_event("ReconciliationSucceeded")

    def found():
        process = start(tenant, "events", "-o", "json")
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        items = json.loads(out)["items"]
        return [item for item in items if item["reason"] == "ReconciliationSucceeded"]
    item = eventually(found, what="the event")[0]
    assert item["kind"] == "Event" and "managedFields" not in item["metadata"]
    process = start(tenant, "events", "-o", "yaml", "--watch")
    assert process.wait(60) == 1
    process.communicate()
