"""Live changes are healed within two seconds, and the one who made them is named."""
import time

import pytest

from harness.api import STRATEGIC
from harness.audit import Audit
from harness.eventually import eventually, never
from harness.manifests import configmap, deployment, document, secret
from harness.tenant import OWNER, condition

HEAL_SECONDS = 2


class Site:
    """A Deployment and a ConfigMap that Git owns, and who changes them by hand."""

    def __init__(self, tenant):
        self.tenant = tenant
        tenant.deploy(deployment("web", replicas=2), configmap("settings"))

    def kubectl(self, *arguments, **options):
        return self.tenant.servers.kubectl("-n", self.tenant.namespace, *arguments, user="alice",
                                           **options)

    def healed(self, is_as_in_git, *texts):
        """The state comes back in time, and a Drifted event has all of the texts."""
        begun = time.monotonic()
        eventually(is_as_in_git, timeout=HEAL_SECONDS, every=0.02, what="the state of Git")
        print(f"healed after {time.monotonic() - begun:.2f} s")
        self.tenant.wait_event("Drifted", *texts)
        assert condition(self.tenant.get_unit())["status"] == "True"

    def web(self):
        return self.tenant.get("deployments", "web")

    def settings(self):
        return self.tenant.get("configmaps", "settings")


@pytest.fixture
def site(tenant):
    return Site(tenant)


def test_scale(site):
    site.kubectl("scale", "deployment/web", "--replicas=5")
    site.healed(lambda: site.web()["spec"]["replicas"] == 2,
                f"Deployment/{site.tenant.namespace}/web", "kubectl", "spec.replicas")


def test_set_image(site):
    site.kubectl("set", "image", "deployment/web", "app=evil.test/app:6.6.6")

    def image():
        return site.web()["spec"]["template"]["spec"]["containers"][0]["image"]
    site.healed(lambda: image() == "example.test/app:1.0.0",
                f"Deployment/{site.tenant.namespace}/web", "kubectl-set", "image")


def test_set_env(site):
    site.kubectl("set", "env", "deployment/web", "LEVEL=debug")

    def level():
        env = site.web()["spec"]["template"]["spec"]["containers"][0]["env"]
        return {item["name"]: item.get("value") for item in env}["LEVEL"]
    site.healed(lambda: level() == "info", f"Deployment/{site.tenant.namespace}/web", "kubectl-set")


def test_edit(site, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/key: one/key: edited/' \"$1\"\n")
    editor.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBE_EDITOR", str(editor))
        site.kubectl("edit", "configmap/settings")
    site.healed(lambda: site.settings()["data"] == {"key": "one"},
                f"ConfigMap/{site.tenant.namespace}/settings", "kubectl-edit")


def test_patch(site):
    site.kubectl("patch", "configmap/settings", "-p", '{"data":{"key":"patched"}}')
    site.healed(lambda: site.settings()["data"] == {"key": "one"},
                f"ConfigMap/{site.tenant.namespace}/settings", "kubectl-patch", "data.key")


def test_field_that_is_removed(site):
    site.kubectl("patch", "configmap/settings", "--type=json",
                 "-p", '[{"op":"remove","path":"/data/key"}]')
    site.healed(lambda: site.settings().get("data") == {"key": "one"},
                f"ConfigMap/{site.tenant.namespace}/settings")


def test_replace(site):
    item = site.settings()
    item["data"] = {"key": "replaced"}
    item["metadata"].pop("managedFields")
    site.kubectl("replace", "-f", "-", stdin=document(item))
    site.healed(lambda: site.settings()["data"] == {"key": "one"},
                f"ConfigMap/{site.tenant.namespace}/settings", "kubectl-replace")


def test_delete(site):
    uid = site.settings()["metadata"]["uid"]
    site.kubectl("delete", "configmap/settings")

    def back():
        item = site.settings()
        return item and item["metadata"]["uid"] != uid and item["data"] == {"key": "one"}
    site.healed(back, f"ConfigMap/{site.tenant.namespace}/settings", "deleted")


def test_owner_label_is_removed(site):
    site.kubectl("label", "configmap/settings", f"{OWNER}/name-")
    # Who removes a field leaves no claim behind: the API server does not tell who it was.
    site.healed(lambda: site.settings()["metadata"]["labels"].get(f"{OWNER}/name") == "app",
                f"ConfigMap/{site.tenant.namespace}/settings", f"{OWNER}/name")


def test_owner_label_is_changed(site):
    site.kubectl("label", "--overwrite", "configmap/settings", f"{OWNER}/name=somebody")
    site.healed(lambda: site.settings()["metadata"]["labels"].get(f"{OWNER}/name") == "app",
                f"ConfigMap/{site.tenant.namespace}/settings", "kubectl-label")


def test_only_what_drifted_is_written(site):
    audit = Audit(site.tenant.servers)
    site.kubectl("patch", "configmap/settings", "-p", '{"data":{"key":"patched"}}')
    site.healed(lambda: site.settings()["data"] == {"key": "one"}, "kubectl-patch")
    time.sleep(1)
    namespace = site.tenant.namespace
    assert len(audit.writes(namespace=namespace, resource="configmaps")) == 1
    assert audit.requests(namespace=namespace, resource="deployments") == []


def test_additions_of_others_are_not_drift(site):
    audit = Audit(site.tenant.servers)
    site.kubectl("label", "configmap/settings", "team=blue")
    site.kubectl("annotate", "deployment/web", "note=hello")
    site.kubectl("patch", "configmap/settings", "-p", '{"data":{"extra":"by hand"}}')
    never(lambda: site.tenant.events("Drifted"), 2, every=0.5, what="an event")
    assert site.settings()["metadata"]["labels"]["team"] == "blue"
    assert site.settings()["data"] == {"key": "one", "extra": "by hand"}
    for resource in ("configmaps", "deployments", "kustomizations"):
        assert audit.writes(namespace=site.tenant.namespace, resource=resource) == []


def test_many_objects_are_healed_together(tenant):
    names = [f"item-{number}" for number in range(50)]
    tenant.deploy(*(configmap(name) for name in names))
    for name in names:
        tenant.api.patch("configmaps", tenant.namespace, name, {"data": {"key": "bad"}}, STRATEGIC)

    def healed():
        items = tenant.api.list("configmaps", tenant.namespace, f"{OWNER}/name=app")
        return len(items) == 50 and all(item["data"] == {"key": "one"} for item in items)
    eventually(healed, timeout=HEAL_SECONDS, every=0.05, what="50 objects healed")


def test_suspended_unit_leaves_drift_and_heals_it_later(tenant):
    tenant.deploy(configmap("settings"))
    tenant.change_unit({"spec": {"suspend": True}})
    time.sleep(0.5)
    tenant.api.patch("configmaps", tenant.namespace, "settings", {"data": {"key": "by hand"}})
    never(lambda: tenant.get("configmaps", "settings")["data"]["key"] == "one", 2,
          what="healing while suspended")
    tenant.change_unit({"spec": {"suspend": False}})
    eventually(lambda: tenant.get("configmaps", "settings")["data"]["key"] == "one",
               what="healing after resume")


def test_reconcile_disabled_is_respected(tenant):
    tenant.deploy(configmap("settings"))
    tenant.servers.kubectl("-n", tenant.namespace, "annotate", "configmap/settings",
                           f"{OWNER}/reconcile=disabled")
    tenant.api.patch("configmaps", tenant.namespace, "settings", {"data": {"key": "by hand"}})
    never(lambda: tenant.get("configmaps", "settings")["data"]["key"] == "one", 2,
          what="healing of a disabled object")


def test_value_of_a_secret_is_in_no_event(tenant, operator):
    tenant.deploy(secret("login", {"password": "correct-horse"}))
    tenant.api.patch("secrets", tenant.namespace, "login",
                     {"stringData": {"password": "stolen-battery"}}, manager="mallory")
    eventually(lambda: tenant.get("secrets", "login")["data"]["password"] == "Y29ycmVjdC1ob3JzZQ==",
               timeout=HEAL_SECONDS, every=0.05, what="the password of Git")
    tenant.wait_event("Drifted", "login", "mallory")
    seen = str(tenant.api.list("events", tenant.namespace)) + str(tenant.get_unit()) + \
        operator.text()
    for value in ("correct-horse", "stolen-battery", "Y29ycmVjdC1ob3JzZQ", "c3RvbGVuLWJhdHRlcnk"):
        assert value not in seen


def test_fight_is_not_healed_forever(tenant):
    """Another controller that takes the field again and again: healing backs off and says so."""
    tenant.deploy(configmap("settings"))
    audit = Audit(tenant.servers)
    deadline = time.monotonic() + 10
    rounds = 0
    while time.monotonic() < deadline:
        if tenant.get("configmaps", "settings")["data"]["key"] == "one":
            tenant.api.patch("configmaps", tenant.namespace, "settings", {"data": {"key": "mine"}},
                             manager="rival")
            rounds += 1
        time.sleep(0.05)
    writes = audit.writes(namespace=tenant.namespace, resource="configmaps")
    assert len(writes) <= 10, f"{len(writes)} writes in 10 s"
    assert rounds >= 2
    tenant.wait_event("Drifted", "rival")
