"""What Prometheus reads: how far behind Git, what drifted, what the operator does."""
import os
import re
import subprocess
import time

from harness.eventually import eventually
from harness.manifests import configmap
from harness.operator import ROOT


class Page:
    """One scrape."""

    def __init__(self, operator):
        self.text = operator.fetch(operator.metrics_port, "/metrics")[1].decode()

    def value(self, metric, **labels):
        """The value of the series with these labels, or None."""
        for found, text, value in re.findall(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", self.text, re.M):
            given = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', text))
            if found == metric and labels.items() <= given.items():
                return float(value)
        return None


def unit(tenant, name="app"):
    return {"kind": "Kustomization", "namespace": tenant.namespace, "name": name}


def test_ready_behind_and_converged(tenant, operator):
    tenant.deploy(configmap("settings"))
    labels = unit(tenant)
    eventually(lambda: Page(operator).value("fixpoint_ready", **labels) == 1, what="ready")
    page = Page(operator)
    assert page.value("fixpoint_behind_since_timestamp_seconds", **labels) is None
    assert abs(page.value("fixpoint_converged_timestamp_seconds", **labels) - time.time()) < 60
    before = page.value("fixpoint_sync_lag_seconds_count", kind="Kustomization") or 0
    tenant.push({"app/objects.yaml": "kind: ConfigMap\n"})
    tenant.pull_now()
    tenant.wait_failed("BuildFailed")
    eventually(lambda: Page(operator).value("fixpoint_ready", **labels) == 0, what="not ready")
    page = Page(operator)
    assert abs(page.value("fixpoint_behind_since_timestamp_seconds", **labels) - time.time()) < 60
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    tenant.wait_applied(commit)
    eventually(lambda: Page(operator).value("fixpoint_ready", **labels) == 1, what="ready again")
    assert Page(operator).value("fixpoint_sync_lag_seconds_count", kind="Kustomization") > before
    tenant.change_unit({"spec": {"suspend": True}})
    eventually(lambda: Page(operator).value("fixpoint_ready", **labels) is None, what="no series")
    tenant.api.delete("kustomizations", tenant.namespace, "app")
    tenant.wait_gone("kustomizations", "app")
    assert Page(operator).value("fixpoint_converged_timestamp_seconds", **labels) is None


def test_drift_is_counted_and_timed(tenant, operator):
    tenant.deploy(configmap("settings"))
    tenant.api.patch("configmaps", tenant.namespace, "settings", {"data": {"key": "by hand"}})
    eventually(lambda: tenant.get("configmaps", "settings")["data"] == {"key": "one"},
               what="the state of Git")

    def counted():
        page = Page(operator)
        return page.value("fixpoint_drift_total", name="app", namespace=tenant.namespace) == 1 and \
            page.value("fixpoint_drift_seconds_count", namespace=tenant.namespace) == 1
    eventually(counted, what="the drift in the metrics")


def test_the_operator_at_work(tenant, operator):
    tenant.deploy(configmap("settings"))
    page = Page(operator)
    assert page.value("fixpoint_api_requests_total", verb="dry-run", kind="ConfigMap") > 0
    assert page.value("fixpoint_api_requests_total", verb="apply", kind="ConfigMap") > 0
    assert page.value("fixpoint_api_requests_total", verb="watch", kind="Kustomization") > 0
    assert page.value("workqueue_queue_duration_seconds_count", name="kustomization") > 0
    assert page.value("workqueue_depth", name="kustomization") is not None
    assert page.value("gotk_reconcile_duration_seconds_count", **unit(tenant)) > 0
    assert page.value("rest_client_requests_total", code="200", method="GET") > 0
    assert "# TYPE fixpoint_watch_restarts_total counter" in page.text


def test_rules_are_accepted_by_prometheus():
    rules = os.path.join(ROOT, "install", "prometheus-rules.yaml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_a_scrape_is_accepted_by_prometheus(tenant, operator):
    tenant.deploy(configmap("settings"))
    done = subprocess.run(["promtool", "check", "metrics"], input=Page(operator).text, text=True,
                          capture_output=True, timeout=60)
    # Exit status 3 is about style: names that Kubernetes has given.
    assert done.returncode in (0, 3), done.stdout + done.stderr
