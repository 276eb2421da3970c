"""What the process shows to the outside: probes, metrics, logs."""
import json

from harness.manifests import configmap


def test_probes(operator):
    assert operator.fetch(operator.health_port, "/healthz")[0] == 200
    assert operator.fetch(operator.health_port, "/readyz")[0] == 200
    assert operator.fetch(operator.health_port, "/nothing")[0] == 404


def test_metrics(tenant, operator):
    tenant.deploy(configmap("settings"))
    status, body = operator.fetch(operator.metrics_port, "/metrics")
    text = body.decode()
    assert status == 200
    labels = f'kind="Kustomization",name="app",namespace="{tenant.namespace}"'
    assert f"gotk_reconcile_duration_seconds_count{{{labels}}}" in text
    assert 'controller_runtime_reconcile_total{controller="kustomization",result="' in text


def test_log_is_lines_of_json_for_flux_logs(tenant, operator):
    tenant.deploy(configmap("settings"))
    found = False
    for line in operator.text().splitlines():
        entry = json.loads(line)
        assert {"ts", "level", "msg"} <= set(entry), line
        found |= entry.get("namespace") == tenant.namespace and entry.get("name") == "app" and \
            entry.get("controllerKind") == "Kustomization"
    assert found, "no line about the unit"
