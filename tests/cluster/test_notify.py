"""What happens reaches people: alerts, providers, the intake of events."""
import base64
import http.client
import json
import time

import pytest

from harness.eventually import eventually, never
from harness.manifests import configmap, secret
from harness.tenant import condition
from harness.webhook import Webhook


class Desk:
    """A tenant with a service that is told, a Provider and an Alert."""

    def __init__(self, tenant, operator):
        self.tenant, self.operator, self.hook = tenant, operator, Webhook()
        self.hooks = [self.hook]

    def another_hook(self, **options):
        self.hooks.append(Webhook(**options))
        return self.hooks[-1]

    def secret(self, name="hook", **data):
        self.tenant.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": name, "namespace": self.tenant.namespace}, "stringData": data})

    def provider(self, name="hook", **spec):
        spec = {"type": "generic", "address": self.hook.url + "/", **spec}
        return self.tenant.apply_ours("Provider", name, spec)

    def alert(self, name="all", sources=None, provider="hook", **spec):
        sources = sources or [{"kind": "Kustomization", "name": "*"}]
        return self.tenant.apply_ours("Alert", name, {
            "providerRef": {"name": provider}, "eventSources": sources, **spec})

    def settled(self, *names):
        """Until the operator knows the Alerts and Providers as they are."""
        for plural, name in names or (("providers", "hook"), ("alerts", "all")):
            def known():
                item = self.tenant.get(plural, name)
                seen = item.get("status", {}).get("observedGeneration")
                return seen == item["metadata"]["generation"]
            eventually(known, what=f"{plural}/{name}")
        return self

    def ready(self, sources=None, provider=None, **alert):
        self.provider(**(provider or {}))
        self.alert(sources=sources, **alert)
        return self.settled()

    def event(self, message="something happened", kind="Kustomization", name="app", **more):
        return {"involvedObject": {
                    "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": kind, "name": name,
                    "namespace": self.tenant.namespace, "uid": "1234"},
                "severity": "info", "timestamp": "2026-01-02T03:04:05Z", "message": message,
                "reason": "Tested", "reportingController": "suite", **more}

    def post(self, event, **options):
        return post(self.operator, event, **options)

    def stop(self):
        for hook in self.hooks:
            hook.stop()


def post(operator, event, path="/", method="POST"):
    """(status, headers, body) of an event at the intake."""
    connection = http.client.HTTPConnection("127.0.0.1", operator.storage_port, timeout=20)
    try:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.fixture
def desk(tenant, operator):
    desk = Desk(tenant, operator)
    yield desk
    desk.stop()


def test_stock_event_reaches_a_provider(desk):
    desk.ready()
    event = desk.event(metadata={"kustomize.toolkit.fluxcd.io/revision": "main@sha1:abc",
                                 "other.example.com/key": "x"})
    assert desk.post(event)[0] == 202
    request = desk.hook.wait("something happened")[0]
    assert request.method == "POST"
    assert request.headers["gotk-component"] == "suite"
    assert request.headers["Content-Type"] == "application/json"
    assert request.json == {**event, "metadata": {"revision": "main@sha1:abc"}}


def test_success_of_a_deployment_is_told(desk):
    desk.ready()
    desk.tenant.deploy(configmap("settings"))
    found = desk.hook.wait("settings created")[0].json
    assert found["severity"] == "info" and found["reason"] == "Progressing"
    assert found["involvedObject"]["kind"] == "Kustomization"
    assert found["metadata"]["revision"].startswith("main@sha1:")
    assert found["reportingController"] == "kustomize-controller"
