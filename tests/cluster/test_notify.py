"""What happens reaches people: alerts, providers, the intake of events."""
import base64
import http.client
import itertools
import json
import subprocess
import time

import pytest

from harness.eventually import eventually, never
from harness.manifests import configmap, secret
from harness.nats import Nats
from harness.operator import fixpoint
from harness.ports import claim
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


# ---- drift, failure, recovery ----

def test_drift_names_fields_and_culprit_and_then_that_it_is_healed(desk, tmp_path):
    desk.ready()
    desk.tenant.deploy(configmap("settings"))
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/key: one/key: edited/' \"$1\"\n")
    editor.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBE_EDITOR", str(editor))
        desk.tenant.servers.kubectl("-n", desk.tenant.namespace, "edit", "configmap/settings",
                                    user="alice")
    begun = time.monotonic()
    drifted = desk.hook.wait('"reason":"Drifted"')[0]
    print(f"told after {drifted.at - begun:.2f} s")
    event = drifted.json
    subject = f"ConfigMap/{desk.tenant.namespace}/settings"
    assert event["severity"] == "error"
    assert subject in event["message"] and "kubectl-edit" in event["message"]
    assert event["metadata"]["drift_object"] == subject
    assert event["metadata"]["drift"] == 'data.key: "edited" -> "one"'
    assert event["metadata"]["drift_manager"] == "kubectl-edit"
    assert "token" not in event["metadata"]
    healed = desk.hook.wait('"reason":"DriftHealed"')[0].json
    assert healed["severity"] == "info"
    assert healed["message"] == f"{subject} is as Git says again"


def test_the_same_drift_twice_is_told_twice(desk):
    desk.ready()
    desk.tenant.deploy(configmap("settings"))
    for count in (1, 2):
        desk.tenant.api.patch("configmaps", desk.tenant.namespace, "settings",
                              {"data": {"key": "bad"}}, manager="mallory")
        desk.hook.wait('"reason":"Drifted"', count=count)
        desk.hook.wait('"reason":"DriftHealed"', count=count)


def test_values_of_a_secret_are_masked(desk):
    desk.ready()
    desk.tenant.deploy(secret("login", {"password": "correct-horse"}))
    desk.tenant.api.patch("secrets", desk.tenant.namespace, "login",
                          {"stringData": {"password": "stolen-battery"}}, manager="mallory")
    event = desk.hook.wait('"reason":"Drifted"')[0].json
    assert event["metadata"]["drift"] == \
        'data.password: "*** (before)" -> "*** (after)"'
    everything = b"".join(request.body for request in desk.hook.requests).decode()
    for value in ("correct-horse", "stolen-battery"):
        assert value not in everything
        assert base64.b64encode(value.encode()).decode() not in everything


def test_failure_and_recovery(desk):
    desk.ready()
    desk.tenant.deploy(configmap("settings"))
    desk.tenant.push({"app/objects.yaml": "kind: ConfigMap\napiVersion: v1\n"})
    desk.tenant.pull_now()
    failed = desk.hook.wait('"severity":"error"')[0].json
    assert failed["reason"] in ("BuildFailed", "ReconciliationFailed")
    commit = desk.tenant.push_objects(configmap("settings", {"key": "two"}))
    desk.tenant.pull_now()
    desk.tenant.wait_applied(commit)
    well = desk.hook.wait("Ready again after ")[0].json
    assert well["severity"] == "info" and well["reason"] == "ReconciliationSucceeded"
    assert well["metadata"]["recovered_after"].endswith(" s")
    assert well["metadata"]["revision"].endswith(commit)


def test_a_source_that_fails_and_recovers(desk):
    desk.ready(sources=[{"kind": "GitRepository", "name": "repo"}])
    desk.tenant.push_objects(configmap("settings"))
    desk.tenant.source()
    desk.tenant.wait_source()
    desk.hook.wait('"reason":"NewArtifact"')
    desk.tenant.apply_ours("GitRepository", "repo", {
        "interval": "1h", "url": desk.tenant.repository.url, "ref": {"branch": "gone"}})
    desk.hook.wait('"severity":"error"', "gone")
    desk.tenant.source()
    desk.hook.wait("Ready again after ", '"kind":"GitRepository"')


# ---- which events ----

def told(desk, *messages):
    """The messages that arrived, when the last of them has."""
    desk.hook.wait(messages[-1])
    return [request.json["message"] for request in desk.hook.requests]


def test_severity(desk):
    desk.ready(eventSeverity="error")
    desk.post(desk.event("for information"))
    desk.post(desk.event("an error", severity="error"))
    assert told(desk, "an error") == ["an error"]


def test_inclusion_and_exclusion(desk):
    desk.ready(inclusionList=["^deployed", "fail(ed|ure)"], exclusionList=["noise$"])
    for message in ("nothing", "deployed x", "deployed noise", "a failure", "last deployed",
                    "it failed"):
        desk.post(desk.event(message))
    assert told(desk, "it failed") == ["deployed x", "a failure", "it failed"]


def test_expression_that_cannot_be_read(desk):
    desk.ready(exclusionList=["[broken", "^no"])
    desk.tenant.wait_event("InvalidConfig", "[broken", name="all")
    desk.post(desk.event("no, thanks"))
    desk.post(desk.event("yes"))
    assert told(desk, "yes") == ["yes"]


def test_names_kinds_and_namespaces(desk):
    desk.ready(sources=[{"kind": "Kustomization", "name": "app"},
                        {"kind": "GitRepository", "name": "*"}])
    desk.post(desk.event("1", name="other"))
    desk.post(desk.event("2", kind="HelmRelease"))
    desk.post(desk.event("3", kind="GitRepository", name="any"))
    other = desk.event("4")
    other["involvedObject"]["namespace"] = "default"
    desk.post(other)
    desk.post(desk.event("5"))
    assert told(desk, '"message":"5"') == ["3", "5"]


def test_labels(desk):
    desk.ready(sources=[{"kind": "Kustomization", "name": "*", "matchLabels": {"team": "web"}}])
    for name, labels in (("web", {"team": "web"}), ("ops", {"team": "ops"}), ("bare", {})):
        desk.tenant.unit(name, suspend=True)
        desk.tenant.api.patch("kustomizations", desk.tenant.namespace, name,
                              {"metadata": {"labels": labels}})
    time.sleep(0.5)
    for name in ("ops", "bare", "web"):
        desk.post(desk.event(f"from {name}", name=name))
    assert told(desk, "from web") == ["from web"]


def test_labels_that_nobody_knows(desk):
    desk.ready(sources=[{"kind": "HelmRelease", "name": "*", "matchLabels": {"a": "b"}}])
    event = desk.event("unknown", kind="HelmRelease")
    event["involvedObject"]["apiVersion"] = "helm.toolkit.fluxcd.io/v2"
    assert desk.post(event)[0] == 202
    desk.tenant.wait_event("SourceFetchFailed", "labels", name="all")
    assert desk.hook.requests == []


def test_another_namespace_may_be_named(desk, shared_cluster):
    other = shared_cluster.tenant("other-namespace")
    try:
        desk.ready(sources=[{"kind": "Kustomization", "name": "*", "namespace": other.namespace}])
        desk.post(desk.event("own"))
        foreign = desk.event("foreign")
        foreign["involvedObject"]["namespace"] = other.namespace
        desk.post(foreign)
        assert told(desk, "foreign") == ["foreign"]
    finally:
        other.leave()


def test_suspended_alert_and_provider(desk):
    desk.ready(suspend=True)
    desk.post(desk.event("while the alert is suspended"))
    desk.alert(suspend=False)
    desk.provider(suspend=True)
    desk.settled()
    desk.post(desk.event("while the provider is suspended"))
    desk.provider(suspend=False)
    desk.settled()
    desk.post(desk.event("now"))
    assert told(desk, "now") == ["now"]


def test_metadata_of_all_sides(desk):
    desk.ready(eventMetadata={"cluster": "prod-1", "revision": "mine"}, summary="by hand")
    desk.post(desk.event("x", metadata={
        "event.toolkit.fluxcd.io/cluster": "object", "event.toolkit.fluxcd.io/deploy": "blue",
        "kustomize.toolkit.fluxcd.io/revision": "main@sha1:1",
        "kustomize.toolkit.fluxcd.io/checksum": "c", "kustomize.toolkit.fluxcd.io/token": "t"}))
    assert desk.hook.wait('"x"')[0].json["metadata"] == {
        "cluster": "prod-1", "deploy": "blue", "revision": "main@sha1:1", "summary": "by hand"}
    desk.tenant.wait_event("MetadataAppendFailed", "conflicts", name="all")


def test_annotations_of_the_object_go_along(desk):
    desk.ready()
    commit = desk.tenant.push_objects(configmap("settings"))
    desk.tenant.source()
    desk.tenant.api.apply({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": desk.tenant.namespace,
                     "annotations": {"event.toolkit.fluxcd.io/team": "web", "other": "no"}},
        "spec": {"interval": "1h", "prune": True, "path": "./app",
                 "targetNamespace": desk.tenant.namespace,
                 "sourceRef": {"kind": "GitRepository", "name": "repo"}}})
    desk.tenant.wait_applied(commit)
    metadata = desk.hook.wait("settings created")[0].json["metadata"]
    assert metadata["team"] == "web" and "other" not in metadata


# ---- the intake ----

def test_repetition_is_refused(desk):
    desk.ready()
    assert desk.post(desk.event("again"))[0] == 202
    status, headers, _ = desk.post(desk.event("again", timestamp="2026-01-02T03:09:09Z"))
    assert status == 429
    assert headers["X-RateLimit-Limit"] == "1" and headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(headers["Retry-After"]) <= 300 and "X-RateLimit-Reset" in headers
    event = desk.event("again", metadata={"kustomize.toolkit.fluxcd.io/revision": "new"})
    assert desk.post(event)[0] == 202
    desk.hook.wait("again", count=2)
    never(lambda: len(desk.hook.requests) > 2, 1, what="a third one")


def test_what_is_no_event(desk):
    desk.ready()
    good = desk.event("good")
    for wrong in (b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}" * 2,
                  {**good, "involvedObject": None}, {**good, "involvedObject": {"kind": "X"}},
                  {**good, "severity": "fatal"}, {**good, "metadata": {"a": 1}},
                  {**good, "metadata": ["a"]}, {**good, "message": 7},
                  {**good, "message": "x" * 39001}, {**good, "timestamp": "yesterday"},
                  {**good, "metadata": {f"k{i}": "v" for i in range(300)}},
                  b'{"involvedObject":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        status, _, body = desk.post(wrong)
        assert status == 400, (wrong, status, body)
    assert desk.post(good, method="PUT")[0] == 405
    assert desk.post(good, method="GET")[0] == 404
    assert desk.post(good, path="/any/path")[0] == 202
    assert told(desk, "good") == ["good"]


def test_large_body_is_refused_before_it_is_read(desk):
    connection = http.client.HTTPConnection("127.0.0.1", desk.operator.storage_port, timeout=20)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(10 ** 12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


# ---- the way to a service ----

def test_secret_is_read_again_when_it_changes(desk):
    second = desk.another_hook()
    desk.secret(address=desk.hook.url + "/one", token="first-token")
    desk.ready(provider={"type": "generic-hmac", "secretRef": {"name": "hook"},
                         "address": "http://ignored.invalid"})
    desk.post(desk.event("before"))
    first = desk.hook.wait("before")[0]
    assert first.path == "/one" and first.headers["X-Signature"].startswith("sha256=")
    desk.secret(address=second.url + "/two", token="other-token")
    numbers = itertools.count(1)

    def arrived():
        number = next(numbers)
        desk.post(desk.event("before", name=f"after-{number}", reason=f"Reason{number}"))
        return second.seen("before")
    request = eventually(arrived, every=0.5, what="a notice at the new address")[0]
    assert request.path == "/two"
    assert request.headers["X-Signature"] != first.headers["X-Signature"]


def test_secret_that_comes_late(desk):
    desk.ready(provider={"secretRef": {"name": "hook"}, "address": None})
    desk.post(desk.event("waits for its secret"))
    desk.tenant.wait_event("NotificationDispatchFailed", "the Secret", name="all")
    desk.secret(address=desk.hook.url)
    desk.hook.wait("waits for its secret", timeout=30)


def test_proxy(desk):
    proxy = desk.another_hook()
    desk.secret("proxy", address=proxy.url, username="me", password="pass-word")
    desk.ready(provider={"address": "http://service.invalid/hook",
                         "proxySecretRef": {"name": "proxy"}})
    desk.post(desk.event("through the proxy"))
    request = proxy.wait("through the proxy")[0]
    assert request.path == "http://service.invalid/hook"
    login = base64.b64encode(b"me:pass-word").decode()
    assert request.headers["Proxy-Authorization"] == f"Basic {login}"


def test_proxy_by_name_in_the_spec(desk):
    proxy = desk.another_hook()
    desk.ready(provider={"address": "http://service.invalid/hook", "proxy": proxy.url})
    desk.post(desk.event("through the proxy"))
    assert proxy.wait("through the proxy")[0].path == "http://service.invalid/hook"


def test_headers_of_the_secret(desk):
    desk.secret(headers="X-Team: web\nAuthorization: Basic abc\n")
    desk.ready(provider={"secretRef": {"name": "hook"}})
    desk.post(desk.event("with headers"))
    headers = desk.hook.wait("with headers")[0].headers
    assert headers["X-Team"] == "web" and headers["Authorization"] == "Basic abc"


def test_credentials_within_the_address(desk):
    desk.secret(address=desk.hook.url.replace("http://", "http://me:pass%21word@") + "/path?q=1")
    desk.ready(provider={"secretRef": {"name": "hook"}})
    desk.post(desk.event("by name"))
    request = desk.hook.wait("by name")[0]
    assert request.path == "/path?q=1"
    login = base64.b64encode(b"me:pass!word").decode()
    assert request.headers["Authorization"] == f"Basic {login}"


def test_certificates(desk, certificates):
    service = desk.another_hook(certificate=certificates["server"])
    desk.secret("trust", **{"ca.crt": certificates["ca"]})
    url = f"https://localhost:{service.port}/"
    desk.ready(provider={"address": url, "certSecretRef": {"name": "trust"}})
    desk.post(desk.event("over TLS"))
    service.wait("over TLS")
    desk.provider("plain", address=url)
    desk.alert("plain", provider="plain")
    desk.settled(("providers", "plain"), ("alerts", "plain"))
    desk.post(desk.event("not trusted"))
    desk.tenant.wait_event("NotificationDispatchFailed", "certificate", name="plain")
    assert len(service.wait("not trusted")) == 1


def test_client_certificate(desk, certificates):
    service = desk.another_hook(certificate=certificates["server"],
                                clients=certificates["server"][0])
    cert, key = (open(path, encoding="utf-8").read() for path in certificates["server"])
    desk.secret("trust", **{"ca.crt": certificates["ca"]})
    desk.secret("both", **{"ca.crt": certificates["ca"], "tls.crt": cert, "tls.key": key})
    url = f"https://localhost:{service.port}/"
    desk.ready(provider={"address": url, "certSecretRef": {"name": "trust"}})
    desk.post(desk.event("without"))
    desk.tenant.wait_event("NotificationDispatchFailed", "localhost", name="all")
    assert service.requests == []
    desk.provider(address=url, certSecretRef={"name": "both"})
    service.wait("without")


def test_status_tells_how_deliveries_go(desk):
    desk.ready()
    desk.post(desk.event("well"))
    for plural, name in (("providers", "hook"), ("alerts", "all")):
        desk.tenant.wait_condition(plural, name, "True", kind="Delivered")
    first = desk.tenant.get("providers", "hook")["status"]
    assert first["sent"] == 1 and first["lastDeliveryAt"] and "lastError" not in first
    assert condition({"status": first})["status"] == "True"
    desk.hook.status, desk.hook.body = 503, b"out of order"
    desk.post(desk.event("not well"))
    found = desk.tenant.wait_condition("providers", "hook", "False", "DeliveryFailed",
                                       "request failed with status code 503: out of order",
                                       kind="Delivered")
    status = desk.tenant.get("alerts", "all")["status"]
    assert status["failuresInARow"] >= 1 and "503" in status["lastError"], found
    assert condition({"status": status})["status"] == "True"
    desk.tenant.wait_event("NotificationDispatchFailed", "503: out of order; it is tried again",
                           name="all")
    desk.hook.status = 200
    desk.tenant.wait_condition("providers", "hook", "True", kind="Delivered", timeout=40)
    assert "failuresInARow" not in desk.tenant.get("providers", "hook")["status"]


def test_a_service_that_hangs_delays_no_other(desk):
    stuck = desk.another_hook()
    stuck.answer = lambda handler, request: stuck.released.wait(60)
    desk.provider("stuck", address=stuck.url)
    desk.alert("stuck", provider="stuck")
    desk.ready()
    desk.settled(("providers", "stuck"), ("alerts", "stuck"))
    desk.post(desk.event("first"))
    stuck.wait("first")
    begun = time.monotonic()
    desk.tenant.deploy(configmap("settings"))
    desk.hook.wait("settings created")
    assert time.monotonic() - begun < 10
    assert len(stuck.requests) == 1


def test_a_notice_that_is_refused_holds_up_nothing(desk):
    desk.ready()

    def answer(handler, request):
        handler.reply(400 if b"poison" in request.body else 200, b"no such thing")
    desk.hook.answer = answer
    desk.post(desk.event("poison"))
    desk.post(desk.event("cure"))
    desk.hook.wait("cure")
    desk.tenant.wait_event("NotificationDispatchFailed",
                           "request failed with status code 400: no such thing", name="all")
    assert len(desk.hook.seen("poison")) == 1


def test_busy_service_is_asked_when_it_says(desk):
    desk.ready()
    desk.hook.status, desk.hook.headers = 429, {"Retry-After": "3"}
    desk.post(desk.event("later, please"))
    first = desk.hook.wait("later, please")[0]
    desk.hook.status, desk.hook.headers = 200, {}
    second = desk.hook.wait("later, please", count=2, timeout=30)[1]
    assert second.at - first.at > 2.9


def test_provider_that_is_missing(desk):
    desk.alert(provider="nowhere")
    desk.settled(("alerts", "all"))
    desk.post(desk.event("to nobody"))
    desk.tenant.wait_event("NotificationDispatchFailed", "does not exist", name="all")


def test_field_that_is_not_supported_says_so(desk):
    desk.provider(type="googlepubsub", address="p", channel="x", serviceAccountName="me")
    desk.tenant.wait_condition("providers", "hook", "False", "UnsupportedField",
                               "spec.serviceAccountName")
    desk.tenant.wait_condition("providers", "hook", "True", "UnsupportedField", kind="Stalled")


def test_finalizer_of_another_controller_is_taken_off(desk):
    desk.ready()
    desk.tenant.api.patch("providers", desk.tenant.namespace, "hook",
                          {"metadata": {"finalizers": ["finalizers.fluxcd.io"]}})
    desk.tenant.api.delete("providers", desk.tenant.namespace, "hook")
    desk.tenant.wait_gone("providers", "hook")


def test_outcomes_are_counted(desk):
    desk.ready()
    desk.post(desk.event("to be counted"))
    desk.hook.wait("to be counted")
    line = (f'fixpoint_notification_deliveries_total{{namespace="{desk.tenant.namespace}",'
            'provider="hook",outcome="sent"} 1')
    taken = 'gotk_event_http_request_duration_seconds_count{handler="/",method="POST",code="202"'

    def counted():
        text = desk.operator.fetch(desk.operator.metrics_port, "/metrics")[1].decode()
        return line in text and taken in text
    eventually(counted, what=line)


def test_commands(desk):
    desk.ready()

    def run(*arguments):
        done = subprocess.run(
            [fixpoint(), *arguments, "-n", desk.tenant.namespace], text=True, timeout=60,
            capture_output=True, env={"KUBECONFIG": desk.tenant.servers.kubeconfig("admin"),
                                      "HOME": desk.tenant.servers.folder})
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr
    desk.post(desk.event("before"))
    desk.hook.wait("before")
    desk.tenant.wait_condition("alerts", "all", "True", kind="Delivered")
    assert "LAST DELIVERY" in run("get", "alerts") and "hook" in run("get", "alerts")
    assert "generic" in run("get", "alert-providers")
    assert "tells provider hook" in run("reconcile", "alert", "all")
    run("suspend", "alert", "all")
    desk.settled()
    desk.post(desk.event("meanwhile"))
    run("resume", "alert", "all")
    desk.post(desk.event("after"))
    assert told(desk, "after") == ["before", "after"]


# ---- hosts of repositories ----

def test_state_of_a_commit(desk):
    """The scripted double keeps states, newest first, as the host's API does."""
    states = []

    def answer(handler, request):
        assert request.headers["Authorization"] == "token t0ken"
        if request.method == "POST":
            states.insert(0, {**request.json, "status": request.json["state"]})
        handler.reply(201 if request.method == "POST" else 200, json.dumps(states).encode())
    desk.hook.answer = answer
    desk.secret(token="t0ken")
    desk.ready(provider={"type": "gitea", "address": desk.hook.url + "/org/fleet.git",
                         "secretRef": {"name": "hook"}})
    commit = desk.tenant.push_objects(configmap("settings"))
    desk.tenant.source()
    desk.tenant.unit()
    desk.tenant.wait_applied(commit)
    eventually(lambda: states and states[0]["state"] == "success", what="success")
    assert desk.hook.seen(path=f"/api/v1/repos/org/fleet/statuses/{commit}")
    uid = desk.tenant.get("providers", "hook")["metadata"]["uid"].split("-")[0]
    assert states[0]["context"] == f"kustomization/app/{uid}"
    assert states[0]["description"] == "reconciliation succeeded"
    count = len(states)
    desk.tenant.api.patch("configmaps", desk.tenant.namespace, "settings",
                          {"data": {"key": "by hand"}}, manager="mallory")
    desk.tenant.wait_event("DriftHealed")
    desk.tenant.request("kustomizations", "app")
    time.sleep(1)
    assert len(states) == count, states
    broken = desk.tenant.push({"app/objects.yaml": "kind: ConfigMap\napiVersion: v1\n"})
    desk.tenant.pull_now()
    eventually(lambda: states[0]["state"] == "failure", what="failure")
    assert desk.hook.seen(path=f"/api/v1/repos/org/fleet/statuses/{broken}")


def test_state_of_a_commit_is_named_by_an_expression(desk):
    desk.hook.body = b"[]"
    desk.secret(token="t0ken")
    desk.ready(provider={"type": "gitea", "address": desk.hook.url + "/org/fleet",
                         "secretRef": {"name": "hook"}, "commitStatusExpr":
                         "event.metadata.cluster + '/' + event.involvedObject.name + '/' + "
                         "provider.metadata.name + '/' + alert.metadata.name"},
               eventMetadata={"cluster": "prod"})
    desk.post(desk.event("x", severity="error", metadata={
        "kustomize.toolkit.fluxcd.io/revision": "main@sha1:" + "a" * 40}))
    assert desk.hook.wait('"state"')[0].json["context"] == "prod/app/hook/all"
    desk.provider(type="gitea", commitStatusExpr="nobody.knows", secretRef={"name": "hook"})
    desk.tenant.wait_condition("providers", "hook", "False", "InvalidCELExpression",
                               "spec.commitStatusExpr")


def test_comment_on_a_change_request(desk):
    notes = []

    def answer(handler, request):
        if request.path.endswith("/user"):
            handler.reply(200, b'{"login": "me"}')
        elif request.method == "GET":
            handler.reply(200, json.dumps(notes).encode())
        elif request.method == "POST":
            notes.append({"id": 7, "user": {"login": "me"}, "body": request.json["body"]})
            handler.reply(201)
        else:
            assert request.method == "PATCH" and request.path.endswith("/issues/comments/7")
            notes[0]["body"] = request.json["body"]
            handler.reply(200)
    desk.hook.answer = answer
    desk.secret(token="t0ken")
    desk.ready(provider={"type": "githubpullrequestcomment", "secretRef": {"name": "hook"},
                         "address": desk.hook.url + "/org/fleet"})
    change = {"event.toolkit.fluxcd.io/change_request": "42"}
    desk.post(desk.event("of no change request"))
    desk.post(desk.event("planned", metadata=change))
    desk.post(desk.event("applied", metadata=change))
    eventually(lambda: notes and "applied" in notes[0]["body"], what="the comment")
    assert len(notes) == 1 and "planned" not in notes[0]["body"]
    assert notes[0]["body"].startswith("<!-- flux-pr-comment-key:")
    assert not desk.hook.seen("of no change request")


def test_refreshed_states_are_no_news_for_people(desk):
    desk.ready(provider={"type": "slack"})
    update = {"kustomize.toolkit.fluxcd.io/commit_status": "update"}
    desk.post(desk.event("an update", metadata=update))
    desk.post(desk.event("something new"))
    desk.hook.wait("something new")
    assert not desk.hook.seen("an update")
    desk.tenant.wait_condition("alerts", "all", "True", kind="Delivered")
    eventually(lambda: desk.tenant.get("alerts", "all")["status"].get("skipped") == 1,
               what="the count of what was skipped")


# ---- hostile ----

def test_metadata_service_is_out_of_reach(desk):
    desk.ready(provider={"address": "http://169.254.169.254/latest/meta-data"})
    desk.post(desk.event("steal"))
    desk.tenant.wait_event("NotificationDispatchFailed", "169.254.169.254:80", name="all")


def test_line_break_in_a_header_of_the_secret(desk):
    desk.secret(headers='{"X-Team": "web\\r\\nX-Injected: yes"}')
    desk.ready(provider={"secretRef": {"name": "hook"}})
    desk.post(desk.event("smuggle"))
    event = desk.tenant.wait_event("NotificationDispatchFailed", "X-Team", name="all")
    assert "X-Injected" not in event["message"]
    assert desk.hook.requests == []


def test_proxy_of_another_kind(desk):
    desk.secret("proxy", address="file:///etc/passwd", password="hidden-word")
    desk.ready(provider={"proxySecretRef": {"name": "proxy"}})
    desk.post(desk.event("through a file"))
    event = desk.tenant.wait_event("NotificationDispatchFailed", "proxy", name="all")
    assert "passwd" not in event["message"] and "hidden-word" not in event["message"]
    assert desk.hook.requests == []


def test_redirect_gets_neither_event_nor_credentials(desk):
    thief = desk.another_hook()
    desk.hook.status, desk.hook.headers = 307, {"Location": thief.url}
    desk.secret(headers="Authorization: Bearer top-secret")
    desk.ready(provider={"secretRef": {"name": "hook"}})
    desk.post(desk.event("follow me"))
    desk.tenant.wait_event("NotificationDispatchFailed", "307", name="all")
    assert thief.requests == []


def test_answer_without_an_end(desk):
    def answer(handler, request):
        handler.send_response(200)
        handler.end_headers()
        try:
            while not desk.hook.released.is_set():
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass
        handler.close_connection = True
    desk.hook.answer = answer
    desk.ready()
    desk.post(desk.event("talk to me"))
    desk.post(desk.event("and again"))
    desk.hook.wait("and again")
    desk.tenant.wait_condition("providers", "hook", "True", kind="Delivered")


def test_secrets_are_in_no_error(desk):
    desk.hook.answer = lambda handler, request: handler.reply(
        403, b"bad credentials: " + request.headers["Authorization"].encode())
    desk.secret(token="very-secret-token")
    desk.ready(provider={"type": "slack", "secretRef": {"name": "hook"}})
    desk.post(desk.event("who am I"))
    event = desk.tenant.wait_event("NotificationDispatchFailed", "403: bad credentials", name="all")
    desk.tenant.wait_condition("providers", "hook", "False", kind="Delivered")
    seen = str(event) + str(desk.tenant.get("providers", "hook")) + desk.operator.text()
    assert "very-secret-token" not in seen and "Bearer *****" in event["message"]


def test_markup_in_an_event_calls_nobody(desk):
    desk.ready(provider={"type": "slack"})
    desk.post(desk.event('<!channel> @everyone "}],"channel":"#general'))
    payload = desk.hook.wait("attachments")[0].json
    text = payload["attachments"][0]["text"]
    assert "<!channel>" not in text and "@everyone" not in text
    assert payload["channel"] == "" and text.endswith('"}],"channel":"#general')


# ---- with an operator of their own ----

@pytest.fixture
def own_desk(own_tenant, private_cluster):
    desks = []

    def make(*arguments):
        operator = private_cluster.operator(*arguments)
        operator.start_ready()
        desks.append(Desk(own_tenant, operator))
        return desks[-1]
    yield make
    for desk in desks:
        desk.stop()


def test_cross_namespace_references_can_be_blocked(own_desk):
    desk = own_desk("--no-cross-namespace-refs")
    desk.ready(sources=[{"kind": "Kustomization", "name": "*", "namespace": "default"},
                        {"kind": "Kustomization", "name": "*"}])
    foreign = desk.event("foreign")
    foreign["involvedObject"]["namespace"] = "default"
    desk.post(foreign)
    desk.post(desk.event("own"))
    assert told(desk, "own") == ["own"]
    desk.tenant.wait_event("AccessDenied", f"alert '{desk.tenant.namespace}/all' can't process "
                           "event from 'Kustomization/default/app'", name="all")


def test_a_service_that_is_down_misses_nothing(own_desk):
    """A long outage, shortened: every try fails for many times the longest delay."""
    desk = own_desk("--notification-min-retry-delay=50ms", "--notification-max-retry-delay=200ms",
                    "--notification-flood-threshold=0", "--notification-rate=0")
    desk.ready()
    desk.hook.status = 503
    for number in range(100):
        desk.post(desk.event(f"failure {number}", name=f"unit-{number}", severity="error"))
    eventually(lambda: len(desk.hook.requests) > 20, what="20 tries")
    assert len({request.json["message"] for request in desk.hook.requests}) == 1
    desk.hook.status = 200
    desk.hook.forget()
    desk.hook.wait("failure 99", timeout=30)
    messages = [request.json["message"] for request in desk.hook.requests]
    assert [m for m in dict.fromkeys(messages)] == [f"failure {n}" for n in range(100)]
    eventually(lambda: desk.tenant.get("providers", "hook")["status"].get("sent") == 100,
               what="the count")
    assert "lost" not in desk.tenant.get("providers", "hook")["status"]


def test_flood_becomes_a_sum(own_desk):
    desk = own_desk("--notification-flood-window=5s")
    desk.ready()
    for number in range(500):
        status = desk.post(desk.event(f"unit {number} failed", name=f"unit-{number}",
                                      severity="error", reason="HealthCheckFailed"))[0]
        assert status == 202
    desk.post(desk.event("something else", reason="Other"))
    desk.hook.wait("something else")

    def parts():
        sums = [request.json for request in desk.hook.seen(" more events 'HealthCheckFailed'")]
        singles = len(desk.hook.seen('"reason":"HealthCheckFailed"')) - len(sums)
        return singles, sums
    eventually(lambda: parts()[0] + sum(int(s["metadata"]["events"]) for s in parts()[1]) == 500,
               timeout=40, what="all 500, one way or the other")
    singles, sums = parts()
    assert singles <= 20 and 1 <= len(sums) <= 10, (singles, len(sums))
    total = sums[0]
    assert total["severity"] == "error" and total["involvedObject"]["kind"] == "Alert"
    assert " more events 'HealthCheckFailed' of Kustomization objects within 5s: " + \
        f"{desk.tenant.namespace}/unit-20, " in total["message"]
    assert "The last one says: unit " in total["message"]


def test_units_that_fail_together_give_a_sum(own_desk):
    desk = own_desk("--notification-flood-window=3s", "--notification-flood-threshold=3")
    desk.ready(eventSeverity="error")
    desk.tenant.push({"app/objects.yaml": "kind: ConfigMap\napiVersion: v1\n"})
    desk.tenant.source()
    for number in range(12):
        desk.tenant.unit(f"app-{number}")

    def failures():
        total = 0
        for request in desk.hook.seen('"severity":"error"'):
            total += int(request.json["metadata"].get("events", 1))
        return total
    eventually(lambda: failures() == 12, what="12 failures, told one way or the other")
    assert len(desk.hook.seen('"severity":"error"')) < 12


def test_recovery_is_told_after_a_restart(own_desk, private_cluster):
    desk = own_desk()
    desk.ready(provider={"type": "slack"})  # which is not told of success but after a failure
    desk.tenant.push({"app/objects.yaml": "kind: ConfigMap\napiVersion: v1\n"})
    desk.tenant.source()
    desk.tenant.unit()
    desk.tenant.wait_failed("BuildFailed")
    desk.operator.stop()
    commit = desk.tenant.push_objects(configmap("settings"))
    private_cluster.operator().start_ready()
    desk.tenant.pull_now()
    desk.tenant.wait_applied(commit)
    desk.hook.wait("Ready again after ")


def test_rate_of_one_provider(own_desk):
    desk = own_desk("--notification-rate=2", "--notification-flood-threshold=0")
    desk.ready()
    for number in range(20):
        desk.post(desk.event(f"number {number}"))
    desk.hook.wait(count=20, timeout=30)
    times = [request.at for request in desk.hook.requests]
    assert times[-1] - times[0] > 3.5  # ten at once, then two a second


def test_alerts_are_known_before_the_first_event(own_desk, private_cluster):
    """After a restart: what was pushed meanwhile is told."""
    desk = own_desk()
    desk.ready()
    desk.tenant.deploy(configmap("settings"))
    desk.hook.wait("settings created")
    desk.operator.stop()
    desk.tenant.push_objects(configmap("settings"), configmap("late"))
    operator = private_cluster.operator()
    operator.start_ready()
    desk.tenant.pull_now()
    desk.hook.wait("late created")


def test_events_are_posted_to_another_hub(own_desk, private_cluster):
    """A part of the operator beside a notification-controller: all events go there, as they are."""
    hub = Webhook()
    try:
        desk = own_desk("--controllers=gitrepository,kustomization", f"--events-addr={hub.url}/")
        desk.provider()
        desk.alert()
        desk.tenant.deploy(configmap("settings"))
        event = hub.wait("settings created")[0].json
        assert event["metadata"]["kustomize.toolkit.fluxcd.io/revision"].startswith("main@sha1:")
        assert event["reportingInstance"] and event["involvedObject"]["uid"]
        assert hub.wait('"reason":"NewArtifact"')[0].path == "/"
        assert desk.hook.requests == []
        assert desk.post(desk.event("to nobody"))[0] in (405, 413)
        assert "status" not in desk.tenant.get("alerts", "all")
    finally:
        hub.stop()


# ---- NATS ----

def nats_ready(desk, server, host="127.0.0.1"):
    desk.hooks.append(server)
    desk.secret(username="fixpoint", password="correct-horse")
    return desk.ready(provider={"type": "nats", "channel": "flux.events",
                                "address": f"nats://{host}:{server.port}",
                                "secretRef": {"name": "hook"}})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nats_is_told(desk, host):
    server = Nats(login=("fixpoint", "correct-horse"))
    nats_ready(desk, server, host)
    event = desk.event("first", metadata={"kustomize.toolkit.fluxcd.io/revision": "main@sha1:1"})
    desk.post(event)
    desk.post(desk.event("second"))
    server.wait("second")
    assert [(subject, body["message"]) for subject, body in server.messages] == [
        ("flux.events", "first"), ("flux.events", "second")]
    assert server.messages[0][1] == {**event, "metadata": {"revision": "main@sha1:1"}}
    assert server.connects[0]["name"] == "NATS Provider Publisher"
    desk.tenant.wait_condition("providers", "hook", "True", kind="Delivered")


def test_nats_refuses_a_wrong_password(desk):
    server = Nats(login=("fixpoint", "another"))
    nats_ready(desk, server)
    desk.post(desk.event("let me in"))
    found = desk.tenant.wait_condition("providers", "hook", "False", "DeliveryFailed",
                                       "Authorization Violation", kind="Delivered")
    assert f"127.0.0.1:{server.port}" in str(found) and "correct-horse" not in str(found)
    assert server.messages == []
    server.login = ("fixpoint", "correct-horse")
    server.wait("let me in")
    desk.tenant.wait_condition("providers", "hook", "True", kind="Delivered")


def test_nats_refuses_a_subject(desk):
    server = Nats(login=("fixpoint", "correct-horse"))
    server.refusal = 'Permissions Violation for Publish to "flux.events"'
    nats_ready(desk, server)
    desk.post(desk.event("not there"))
    desk.tenant.wait_condition("providers", "hook", "False", "DeliveryFailed",
                               "Permissions Violation", kind="Delivered")


def test_nats_that_demands_tls(desk):
    server = Nats(tls_required=True)
    nats_ready(desk, server)
    desk.post(desk.event("in the open"))
    desk.tenant.wait_condition("providers", "hook", "False", "DeliveryFailed", "demands TLS",
                               kind="Delivered")
    assert server.connects == []


def test_nats_that_is_away_and_back(desk):
    port = claim()
    server = Nats(port=port, login=("fixpoint", "correct-horse"))
    nats_ready(desk, server)
    desk.post(desk.event("before"))
    server.wait("before")
    server.stop()
    desk.post(desk.event("meanwhile 1"))
    desk.post(desk.event("meanwhile 2"))
    desk.tenant.wait_condition("providers", "hook", "False", "DeliveryFailed",
                               "connection refused", kind="Delivered")
    desk.hooks[-1] = again = Nats(port=port, login=("fixpoint", "correct-horse"))
    again.wait("meanwhile 2")
    assert [body["message"] for _, body in again.messages] == ["meanwhile 1", "meanwhile 2"]
    desk.tenant.wait_condition("providers", "hook", "True", kind="Delivered")
