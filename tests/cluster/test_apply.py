"""From a commit to the cluster: create, change, prune, order, and all or nothing."""
import re

import pytest

from harness.audit import Audit
from harness.eventually import eventually, never
from harness.manifests import (configmap, crd, custom, deployment, kustomization_file, service,
                               stream)
from harness.tenant import OWNER, condition


def test_create(tenant):
    commit = tenant.push_objects(configmap("settings"), service("web"), deployment("web"))
    tenant.source()
    tenant.unit(wait=True)
    unit = tenant.wait_applied(commit)

    for plural, name in (("configmaps", "settings"), ("services", "web"), ("deployments", "web")):
        item = tenant.get(plural, name)
        assert item["metadata"]["labels"][f"{OWNER}/name"] == "app"
        assert item["metadata"]["labels"][f"{OWNER}/namespace"] == tenant.namespace
        managers = [entry["manager"] for entry in item["metadata"]["managedFields"]
                    if entry["operation"] == "Apply"]
        assert managers == ["kustomize-controller"]
    ready = condition(unit)
    assert ready["reason"] == "ReconciliationSucceeded"
    assert ready["message"] == f"Applied revision: main@sha1:{commit}"
    assert condition(unit, "Healthy")["reason"] == "Succeeded"
    assert not condition(unit, "Reconciling") and not condition(unit, "Stalled")
    assert unit["status"]["lastAttemptedRevision"] == f"main@sha1:{commit}"


def test_inventory_and_history_have_the_format_of_flux(tenant):
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "team:reader"}, "rules": []}
    unit = tenant.deploy(deployment("web"), configmap("settings"), role)
    namespace = tenant.namespace
    assert unit["status"]["inventory"]["entries"] == [
        {"id": f"{namespace}_team__reader_rbac.authorization.k8s.io_Role", "v": "v1"},
        {"id": f"{namespace}_settings__ConfigMap", "v": "v1"},
        {"id": f"{namespace}_web_apps_Deployment", "v": "v1"},
    ]
    (entry,) = unit["status"]["history"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", entry["digest"])
    assert entry["lastReconciledStatus"] == "ReconciliationSucceeded"
    assert entry["totalReconciliations"] >= 1
    assert entry["metadata"]["revision"] == unit["status"]["lastAppliedRevision"]
    for field in ("firstReconciled", "lastReconciled", "lastReconciledDuration"):
        assert entry[field]

    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    unit = tenant.wait_applied(commit)
    assert [entry["metadata"]["revision"] for entry in unit["status"]["history"]] == [
        f"main@sha1:{commit}", entry["metadata"]["revision"]]


def test_change_touches_only_what_changed(tenant):
    tenant.deploy(configmap("one"), configmap("two"), service("web"))
    before = tenant.get("configmaps", "two")["metadata"]["resourceVersion"]
    audit = Audit(tenant.servers)

    commit = tenant.push_objects(configmap("one", {"key": "new"}), configmap("two"), service("web"))
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.get("configmaps", "one")["data"] == {"key": "new"}
    assert tenant.get("configmaps", "two")["metadata"]["resourceVersion"] == before
    writes = audit.writes(namespace=tenant.namespace, resource="configmaps")
    assert len(writes) == 1, writes
    touched = audit.requests(namespace=tenant.namespace, resource="services")
    assert touched == [], "the unchanged Service was asked about"


def test_prune_removes_what_left_the_repository(tenant):
    tenant.deploy(configmap("stays"), configmap("goes"), service("goes"))
    commit = tenant.push_objects(configmap("stays"))
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.exists("configmaps", "stays")
    tenant.wait_gone("configmaps", "goes")
    tenant.wait_gone("services", "goes")
    assert tenant.inventory() == [f"{tenant.namespace}_stays__ConfigMap"]
    tenant.wait_event("Progressing", f"ConfigMap/{tenant.namespace}/goes deleted")


def test_prune_spares_what_is_protected_or_not_ours(tenant):
    keep = {"annotations": {f"{OWNER}/prune": "disabled"}}
    tenant.deploy(configmap("first"), configmap("kept", **keep), configmap("taken"))
    tenant.api.patch("configmaps", tenant.namespace, "taken",
                     {"metadata": {"labels": {f"{OWNER}/name": "someone-else"}}})
    commit = tenant.push_objects(configmap("first"))
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.exists("configmaps", "kept")


def test_without_prune_objects_stay(tenant):
    tenant.deploy(configmap("stays"), configmap("left"), prune=False)
    commit = tenant.push_objects(configmap("stays"))
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.exists("configmaps", "left")


def test_depends_on_runs_in_order(tenant):
    files = {f"{name}/app.yaml": stream(configmap(name)) for name in ("third", "second", "first")}
    commit = tenant.push(files)
    tenant.unit("third", path="./third", dependsOn=[{"name": "second"}])
    tenant.unit("second", path="./second", dependsOn=[{"name": "first"}])
    tenant.unit("first", path="./first")
    tenant.source()
    versions = []
    for name in ("first", "second", "third"):
        tenant.wait_applied(commit, name)
        versions.append(int(tenant.get("configmaps", name)["metadata"]["resourceVersion"]))
    assert versions == sorted(versions), "applied in the order of dependsOn"


def test_dependency_that_fails_holds_its_dependent(tenant):
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "base"},
              "spec": {"ports": [{"port": 70000}]}}
    tenant.push({"base/app.yaml": stream(broken), "app/app.yaml": stream(configmap("top"))})
    tenant.source()
    tenant.unit("base", path="./base")
    tenant.unit(dependsOn=[{"name": "base"}])
    tenant.wait_failed("ReconciliationFailed", "Service/", name="base")
    tenant.wait_failed("DependencyNotReady", f"dependency '{tenant.namespace}/base' is not ready")
    assert not tenant.exists("configmaps", "top")

    commit = tenant.push({"base/app.yaml": stream(service("base"))})
    tenant.pull_now()
    tenant.wait_applied(commit, "base")
    tenant.wait_applied(commit, timeout=5)  # woken by its dependency, not by the clock


def test_bad_commit_is_refused_whole_with_every_error(tenant):
    tenant.deploy(configmap("good"))
    before = tenant.get("configmaps", "good")["metadata"]["resourceVersion"]
    bad_port = service("bad-port")
    bad_port["spec"]["ports"][0]["port"] = 70000
    bad_selector = deployment("bad-selector")
    bad_selector["spec"]["selector"]["matchLabels"] = {"app": "something-else"}
    audit = Audit(tenant.servers)
    tenant.push_objects(configmap("good", {"key": "new"}), configmap("also-good"), bad_port,
                        bad_selector, configmap("Bad_Name"))
    tenant.pull_now()
    message = tenant.wait_failed("ReconciliationFailed")["message"]
    for name in ("bad-port", "bad-selector", "Bad_Name"):
        assert name in message, f"{name} is not named in: {message}"
    assert tenant.get("configmaps", "good")["metadata"]["resourceVersion"] == before
    assert not tenant.exists("configmaps", "also-good")
    for resource in ("configmaps", "services", "deployments"):
        assert audit.writes(namespace=tenant.namespace, resource=resource) == []
    assert tenant.inventory() == [f"{tenant.namespace}_good__ConfigMap"]


def test_revert_heals_a_bad_commit(tenant):
    tenant.deploy(configmap("settings"))
    bad = service("bad")
    bad["spec"]["ports"][0]["port"] = 70000
    tenant.push_objects(configmap("settings", {"key": "two"}), bad)
    tenant.pull_now()
    tenant.wait_failed("ReconciliationFailed", "bad")
    commit = tenant.repository.revert()
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.get("configmaps", "settings")["data"] == {"key": "one"}
    assert not tenant.exists("services", "bad")


def test_force_push_is_followed(tenant):
    tenant.deploy(configmap("base"))
    tenant.push_objects(configmap("base"), configmap("mistake"))
    tenant.pull_now()
    eventually(lambda: tenant.exists("configmaps", "mistake"), what="the mistake")
    tenant.repository.git("reset", "-q", "--hard", "HEAD~1")
    tenant.repository.commit({"app/more.yaml": stream(configmap("other"))})
    commit = tenant.repository.push(force=True)
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert tenant.exists("configmaps", "other")
    tenant.wait_gone("configmaps", "mistake")


def test_kubectl_wait_sees_ready(tenant):
    tenant.push_objects(configmap("settings"))
    tenant.source()
    tenant.unit()
    tenant.servers.kubectl("-n", tenant.namespace, "wait", "kustomization/app",
                           "gitrepository/repo", "--for=condition=Ready", "--timeout=20s")


def test_unit_of_a_thousand_objects(tenant):
    files = {f"app/part-{part}.yaml": stream(*(
        configmap(f"item-{part}-{number}") for number in range(100))) for part in range(10)}
    commit = tenant.push(files)
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit, timeout=60)
    names = {item["metadata"]["name"] for item in tenant.api.list(
        "configmaps", tenant.namespace, f"{OWNER}/name=app")}
    assert len(names) == 1000
    assert len(tenant.inventory()) == 1000

    audit = Audit(tenant.servers)
    changed = [configmap(f"item-3-{number}") for number in range(99)]
    commit = tenant.push_objects(*changed, path="app/part-3.yaml")
    tenant.pull_now()
    tenant.wait_applied(commit)
    tenant.wait_gone("configmaps", "item-3-99")
    touched = audit.requests(namespace=tenant.namespace, resource="configmaps")
    assert len(touched) <= 10, f"{len(touched)} requests for one object less"


def test_definition_and_its_objects_in_one_commit(tenant):
    kind = "Gadget" + tenant.namespace.rsplit("-", 1)[1]
    plural = kind.lower() + "s"
    commit = tenant.push_objects(custom(kind, "first"), crd(plural, kind), custom(kind, "second"))
    tenant.source()
    tenant.unit(wait=True)
    tenant.wait_applied(commit)
    path = f"/apis/suite.example.test/v1/namespaces/{tenant.namespace}/{plural}"
    names = [item["metadata"]["name"] for item in tenant.api.call("GET", path)["items"]]
    assert names == ["first", "second"]


def test_unknown_kind_is_retried_when_its_definition_appears(tenant):
    kind = "Widget" + tenant.namespace.rsplit("-", 1)[1]
    plural = kind.lower() + "s"
    commit = tenant.push_objects(configmap("settings"), custom(kind, "first"))
    tenant.source()
    tenant.unit(retryInterval="5s")
    tenant.wait_failed("ReconciliationFailed", kind)
    assert not tenant.exists("configmaps", "settings")
    tenant.api.apply(crd(plural, kind))
    try:
        tenant.wait_applied(commit)
    finally:
        tenant.api.delete("customresourcedefinitions", None, f"{plural}.suite.example.test")


def test_object_of_another_unit_is_a_conflict(tenant):
    commit = tenant.push({"app/shared.yaml": stream(configmap("shared")),
                          "other/shared.yaml": stream(configmap("shared", {"key": "other"}))})
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit)
    tenant.unit("other", path="./other")
    message = tenant.wait_failed("ReconciliationFailed", name="other")["message"]
    assert f"ConfigMap/{tenant.namespace}/shared" in message
    assert f"{tenant.namespace}/app" in message, "the owner is named"
    item = tenant.get("configmaps", "shared")
    assert item["data"] == {"key": "one"}
    assert item["metadata"]["labels"][f"{OWNER}/name"] == "app"


def test_object_moves_from_one_unit_to_another(tenant):
    tenant.push({"app/a.yaml": stream(configmap("stays")),
                 "app/b.yaml": stream(configmap("moves")), "other/.keep": "",
                 "other/kustomization.yaml": kustomization_file()})
    tenant.source()
    tenant.unit()
    tenant.unit("other", path="./other", retryInterval="1s")
    eventually(lambda: tenant.exists("configmaps", "moves"), what="the object")
    commit = tenant.push({"app/b.yaml": None, "other/b.yaml": stream(configmap("moves")),
                          "other/kustomization.yaml": kustomization_file("b.yaml")})
    tenant.pull_now()
    tenant.wait_applied(commit)
    tenant.wait_applied(commit, "other")

    def moved():
        item = tenant.get("configmaps", "moves")
        return item and item["metadata"]["labels"][f"{OWNER}/name"] == "other"
    eventually(moved, what="the move")
    never(lambda: not tenant.exists("configmaps", "moves"), 1, what="the end of the moved object")


def test_suspend_and_resume(tenant):
    tenant.deploy(configmap("settings"))
    tenant.change_unit({"spec": {"suspend": True}})
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    tenant.wait_artifact(commit)
    tenant.request("kustomizations", "app")
    never(lambda: tenant.get("configmaps", "settings")["data"]["key"] != "one", 2,
          what="an apply while suspended")
    tenant.change_unit({"spec": {"suspend": False}})
    tenant.wait_applied(commit)
    assert tenant.get("configmaps", "settings")["data"] == {"key": "two"}


def test_requested_run_is_answered(tenant):
    tenant.deploy(configmap("settings"))
    for plural, name in (("kustomizations", "app"), ("gitrepositories", "repo")):
        token = tenant.request(plural, name)

        def answered():
            return tenant.get(plural, name)["status"].get("lastHandledReconcileAt") == token
        eventually(answered, what=f"the answer of {plural}")


def test_immutable_field_needs_force(tenant):
    tenant.deploy(deployment("web"), configmap("settings"))
    uid = tenant.get("deployments", "web")["metadata"]["uid"]
    other = tenant.get("configmaps", "settings")["metadata"]["uid"]
    changed = deployment("web")
    changed["spec"]["selector"]["matchLabels"]["tier"] = "front"
    changed["spec"]["template"]["metadata"]["labels"]["tier"] = "front"
    commit = tenant.push_objects(changed, configmap("settings"))
    tenant.pull_now()
    tenant.wait_failed("ReconciliationFailed", "immutable")
    assert tenant.get("deployments", "web")["metadata"]["uid"] == uid

    tenant.change_unit({"spec": {"force": True}})
    tenant.wait_applied(commit)
    web = tenant.get("deployments", "web")
    assert web["metadata"]["uid"] != uid
    assert web["spec"]["selector"]["matchLabels"] == {"app": "web", "tier": "front"}
    assert tenant.get("configmaps", "settings")["metadata"]["uid"] == other


def test_force_does_not_recreate_for_an_invalid_value(tenant):
    tenant.deploy(service("web"), force=True)
    uid = tenant.get("services", "web")["metadata"]["uid"]
    bad = service("web")
    bad["spec"]["ports"][0]["port"] = 70000
    tenant.push_objects(bad)
    tenant.pull_now()
    tenant.wait_failed("ReconciliationFailed", "70000")
    assert tenant.get("services", "web")["metadata"]["uid"] == uid


@pytest.mark.parametrize("field, value", [
    ("serviceAccountName", "deployer"),
    ("decryption", {"provider": "sops"}),
    ("kubeConfig", {"secretRef": {"name": "other"}}),
    ("ignore", [{"paths": ["/spec/replicas"]}]),
])
def test_field_that_is_not_there_yet_is_refused_by_name(tenant, field, value):
    """Never ignored: with other rights, another cluster or a key, something else would be made."""
    tenant.push_objects(configmap("settings"))
    tenant.source()
    tenant.unit(**{field: value})
    tenant.wait_failed("UnsupportedField", f"spec.{field}")
    assert not tenant.exists("configmaps", "settings")


def test_events_tell_what_happened(tenant):
    commit = tenant.push_objects(configmap("settings"), service("web"))
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit)
    namespace = tenant.namespace
    applied = tenant.wait_event("Progressing", f"ConfigMap/{namespace}/settings created",
                                f"Service/{namespace}/web created")
    done = tenant.wait_event("ReconciliationSucceeded", "Reconciliation finished in",
                             "next run in")
    for event in (applied, done):
        assert event["type"] == "Normal"
        assert event["source"]["component"] == "kustomize-controller"
        key = "kustomize.toolkit.fluxcd.io/revision"
        assert event["metadata"]["annotations"][key] == f"main@sha1:{commit}"
    stored = tenant.wait_event("NewArtifact", "stored artifact for commit 'change'", name="repo")
    assert stored["source"]["component"] == "source-controller"


def test_repeated_failure_is_one_event_and_a_still_status(tenant):
    bad = service("bad")
    bad["spec"]["ports"][0]["port"] = 70000
    tenant.push_objects(bad)
    tenant.source()
    tenant.unit(retryInterval="1s")
    first = tenant.wait_failed("ReconciliationFailed", "bad")
    tenant.wait_event("ReconciliationFailed", "bad")
    never(lambda: len(tenant.events("ReconciliationFailed")) > 1, 4, every=0.5,
          what="a second event for the same failure")
    last = tenant.wait_failed("ReconciliationFailed", "bad")
    assert last["message"] == first["message"]
    assert last["lastTransitionTime"] == first["lastTransitionTime"]
