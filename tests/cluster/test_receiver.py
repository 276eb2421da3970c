"""Webhooks: who calls truly has objects reconciled at once, and nobody else."""
import base64
import hashlib
import hmac
import http.client
import json
import socket
import time

import pytest

from harness.eventually import eventually, never
from harness.issuer import Issuer, Key
from harness.manifests import configmap, secret
from harness.tenant import condition, summary

TOKEN = "a token that nobody guesses"
ANNOTATION = "reconcile.fluxcd.io/requestedAt"


class Hooks:
    """A source, a Receiver for it, and a caller."""

    def __init__(self, tenant, operator):
        self.tenant, self.operator, self.path = tenant, operator, None
        tenant.push_objects(configmap("settings"))
        tenant.source()
        tenant.wait_source()

    def secret(self, name="hook", **data):
        item = secret(name, data, namespace=self.tenant.namespace)
        self.tenant.api.apply(item)

    def receiver(self, kind="generic", name="hook", token=TOKEN, ready=True, resources=None,
                 data=None, **spec):
        if "oidcProviders" not in spec:
            self.secret(name, token=token, **(data or {}))
            spec["secretRef"] = {"name": name}
        spec["resources"] = resources or [{"kind": "GitRepository", "name": "repo"}]
        self.tenant.apply_ours("Receiver", name, {"type": kind, **spec})
        if ready:
            self.wait_ready(name)
        return self

    def wait_ready(self, name="hook"):
        def ready():
            item = self.tenant.get("receivers", name)
            seen = item.get("status", {}).get("observedGeneration")
            assert condition(item).get("status") == "True" and \
                seen == item["metadata"]["generation"], summary(item)
            return item["status"]["webhookPath"]
        self.path = eventually(ready, what="Ready of the Receiver")
        return self.path

    def call(self, body=b"", headers=None, path=None, method="POST"):
        """The status of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.operator.hook_port, timeout=30)
        try:
            connection.request(method, path or self.path, body, headers or {})
            answer = connection.getresponse()
            assert answer.read() == b""
            return answer.status
        finally:
            connection.close()

    def asked(self, name="repo", plural="gitrepositories"):
        item = self.tenant.get(plural, name)
        return item["metadata"].get("annotations", {}).get(ANNOTATION)

    def triggers(self, body=b"", headers=None):
        before = self.asked()
        assert self.call(body, headers) == 200
        asked = self.asked()
        assert asked and asked != before

    def refuses(self, body=b"", headers=None, status=400, **options):
        before = self.asked()
        assert self.call(body, headers, **options) == status
        assert self.asked() == before


@pytest.fixture
def hooks(tenant, operator):
    return Hooks(tenant, operator)


@pytest.fixture(scope="module")
def google(operator, tmp_path_factory):
    issuer = Issuer(str(tmp_path_factory.mktemp("google")), operator.keys_port)
    yield issuer
    issuer.stop()


@pytest.fixture
def issuer(tmp_path):
    issuer = Issuer(str(tmp_path))
    yield issuer
    issuer.stop()


def digest(name, body, token=TOKEN):
    return hmac.new(token.encode(), body, name).hexdigest()


def dump(value):
    return json.dumps(value).encode()


JSON = {"Content-Type": "application/json"}
PUSH = dump({"ref": "refs/heads/main", "repository": {"full_name": "acme/fleet"}})


# ---- the path ----

def test_path_and_status(hooks):
    hooks.receiver()
    tenant = hooks.tenant
    wanted = hashlib.sha256(f"{TOKEN}hook{tenant.namespace}".encode()).hexdigest()
    assert hooks.path == f"/hook/{wanted}"
    found = condition(tenant.get("receivers", "hook"))
    assert (found["reason"], found["message"]) == (
        "Succeeded", f"Receiver initialized for path: /hook/{wanted}")
    tenant.wait_event("Succeeded", "Reconciliation finished, next run in 10m0s", name="hook")


def test_a_call_brings_the_new_commit(hooks):
    hooks.receiver()
    commit = hooks.tenant.push_objects(configmap("settings", {"key": "two"}))
    never(lambda: hooks.tenant.get_source()["status"]["artifact"]["revision"].endswith(commit), 1)
    hooks.triggers()
    hooks.tenant.wait_artifact(commit, timeout=5)
    source = hooks.tenant.get_source()
    eventually(lambda: hooks.tenant.get_source()["status"].get("lastHandledReconcileAt") ==
               source["metadata"]["annotations"][ANNOTATION], what="the request to be handled")


def test_unknown_paths(hooks):
    hooks.receiver()
    for path in ("/hook/" + "0" * 64, "/hook/", hooks.path + "/", hooks.path + "?x=1",
                 hooks.path[:-1], hooks.path.upper(), "/", "/healthz"):
        hooks.refuses(path=path, status=404)
    hooks.triggers()


def test_any_method_is_a_call(hooks):
    hooks.receiver()
    for method in ("GET", "PUT", "POST"):
        assert hooks.call(method=method) == 200


def test_secret_that_is_missing_or_empty(hooks):
    hooks.receiver(ready=True)
    path = hooks.path
    hooks.tenant.api.delete("secrets", hooks.tenant.namespace, "hook")
    hooks.refuses(status=400)
    hooks.tenant.request("receivers", "hook")
    name = f"{hooks.tenant.namespace}/hook"
    hooks.tenant.wait_condition("receivers", "hook", "False", "TokenNotFound",
                                f"unable to read token from secret '{name}' error: ")
    assert "webhookPath" not in hooks.tenant.get("receivers", "hook")["status"]
    hooks.refuses(path=path, status=404)
    hooks.secret(token="")
    hooks.tenant.request("receivers", "hook")
    hooks.tenant.wait_condition("receivers", "hook", "False", "TokenNotFound",
                                f"invalid '{name}' secret data: required fields 'token'")
    empty = hashlib.sha256(f"hook{hooks.tenant.namespace}".encode()).hexdigest()
    hooks.refuses(path=f"/hook/{empty}", status=404)
    hooks.secret(token=TOKEN)
    hooks.tenant.request("receivers", "hook")
    assert hooks.wait_ready() == path


def test_new_token_ends_the_old_path(hooks):
    hooks.receiver()
    old = hooks.path
    hooks.secret(token="another")
    hooks.refuses(path=old, status=404)
    hooks.tenant.request("receivers", "hook")
    eventually(lambda: hooks.wait_ready() != old, what="the new path")
    hooks.triggers()
    hooks.refuses(path=old, status=404)


def test_suspended(hooks):
    hooks.receiver()
    hooks.tenant.api.patch("receivers", hooks.tenant.namespace, "hook",
                           {"spec": {"suspend": True}})
    eventually(lambda: hooks.call() == 503, what="503")
    hooks.tenant.api.patch("receivers", hooks.tenant.namespace, "hook",
                           {"spec": {"suspend": None}})
    eventually(lambda: hooks.call() == 200, what="200")


# ---- types ----

def hub(header, name, body=PUSH, token=TOKEN, **more):
    return {header: f"{name}={digest(name, body, token)}", **JSON, **more}


def signature_cases(hooks, header, name, body=PUSH, **more):
    """Wrong, missing and truncated signatures are refused; the right one is taken."""
    good = hub(header, name, body, **more)
    hooks.refuses(body + b" ", good)
    hooks.refuses(body, {**good, header: good[header][:-1]})
    hooks.refuses(body, {**good, header: good[header][:-2]})
    hooks.refuses(body, {**good, header: good[header] + "0"})
    hooks.refuses(body, {**good, header: f"{name}="})
    hooks.refuses(body, {**good, header: digest(name, body)})
    hooks.refuses(body, {**good, header: f"md5={digest('md5', body)}"})
    hooks.refuses(body, hub(header, name, body, token="", **more))
    hooks.refuses(body, hub(header, name, body, token=TOKEN + "x", **more))
    hooks.refuses(body, {key: value for key, value in good.items() if key != header})
    hooks.triggers(body, good)


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
def test_generic_hmac(hooks, name):
    hooks.receiver("generic-hmac")
    signature_cases(hooks, "X-Signature", name)


def test_github(hooks):
    hooks.receiver("github", events=["ping", "Push"])
    event = {"X-GitHub-Event": "push"}
    signature_cases(hooks, "X-Hub-Signature-256", "sha256", **event)
    signature_cases(hooks, "X-Hub-Signature", "sha1", **event)
    hooks.refuses(PUSH, {**hub("X-Hub-Signature", "sha1", **event),
                         "X-Hub-Signature-256": "sha256=" + "0" * 64})
    hooks.refuses(PUSH, {**event, **JSON, "X-Hub-Signature-256": f"sha1={digest('sha1', PUSH)}"})
    hooks.refuses(PUSH, hub("X-Hub-Signature-256", "sha256", **{"X-GitHub-Event": "fork"}))
    hooks.refuses(PUSH, hub("X-Hub-Signature-256", "sha256"))
    hooks.refuses(b"no json", hub("X-Hub-Signature-256", "sha256", b"no json", **event))
    form = b"payload=%7B%22ref%22%3A+%22main%22%7D"
    hooks.triggers(form, {**hub("X-Hub-Signature-256", "sha256", form, **event),
                          "Content-Type": "application/x-www-form-urlencoded"})
    hooks.refuses(PUSH, {**hub("X-Hub-Signature-256", "sha256", **event),
                         "Content-Type": "text/plain"})


def test_gitlab(hooks):
    hooks.receiver("gitlab", events=["Push Hook"])
    good = {"X-Gitlab-Token": TOKEN, "X-Gitlab-Event": "Push Hook", **JSON}
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
        hooks.refuses(PUSH, {**good, "X-Gitlab-Token": wrong})
    hooks.refuses(PUSH, {**good, "X-Gitlab-Event": "Tag Push Hook"})
    hooks.refuses(PUSH, {"X-Gitlab-Event": "Push Hook"})
    hooks.triggers(PUSH, good)


def test_bitbucket(hooks):
    hooks.receiver("bitbucket", events=["repo:push"])
    event = {"X-Event-Key": "repo:push"}
    signature_cases(hooks, "X-Hub-Signature", "sha256", **event)
    hooks.refuses(PUSH, hub("X-Hub-Signature", "sha256", **{"X-Event-Key": "pr:opened"}))


def test_harbor(hooks):
    hooks.receiver("harbor")
    for wrong in (None, "x", TOKEN[:-1], f"Bearer {TOKEN}"):
        hooks.refuses(PUSH, {"Authorization": wrong} if wrong else {})
    hooks.triggers(PUSH, {"Authorization": TOKEN})


def test_nexus(hooks):
    hooks.receiver("nexus")
    header, good = "X-Nexus-Webhook-Signature", digest("sha1", PUSH)
    for wrong in (None, good[:-1], good + "0", f"sha1={good}", digest("sha1", PUSH, ""),
                  digest("sha256", PUSH)):
        hooks.refuses(PUSH, {header: wrong} if wrong else {})
    hooks.refuses(b"{", {header: digest("sha1", b"{")})
    hooks.triggers(PUSH, {header: good})


@pytest.mark.parametrize("kind, body, wrong", [
    ("dockerhub", {"push_data": {"tag": "1.0"}, "repository": {"repo_url": "https://hub/x"}},
     {"push_data": {"tag": 1}, "repository": {"repo_url": "https://hub/x"}}),
    ("quay", {"docker_url": "quay.io/x/y", "updated_tags": ["latest"]},
     {"docker_url": "quay.io/x/y", "updated_tags": "latest"}),
    ("acr", {"action": "push", "target": {"repository": "hello", "tag": "v1"}},
     {"action": "push", "target": "hello"})])
def test_registries_that_sign_nothing(hooks, kind, body, wrong):
    hooks.receiver(kind)
    for text in (b"", b"[]", b"null", b"{}", b"{", dump(wrong), dump(body)[:-1], b"[" * 1000):
        hooks.refuses(text, JSON)
    hooks.triggers(dump(body), JSON)


def test_cdevents(hooks):
    kind = "dev.cdevents.change.merged.0.2.0"
    body = {"context": {"version": "0.4.1", "id": "a1", "source": "/event/source", "type": kind,
                        "timestamp": "2026-01-02T03:04:05Z"},
            "subject": {"id": "change1", "source": "/s", "type": "change", "content": {}}}
    hooks.receiver("cdevents", events=[kind])
    for part in ("context", "subject"):
        for field in body[part]:
            if (part, field) == ("subject", "source"):
                continue
            less = {**body, part: {k: v for k, v in body[part].items() if k != field}}
            hooks.refuses(dump(less), {"Ce-Type": kind, **JSON})
    hooks.refuses(dump(body), JSON)
    hooks.refuses(dump(body), {"Ce-Type": "dev.cdevents.change.created.0.2.0", **JSON})
    hooks.triggers(dump(body), {"Ce-Type": kind, **JSON})


def bearer(token):
    return {"Authorization": f"Bearer {token}", **JSON}


def pub_sub(number=1, **inner):
    data = dump({"action": "INSERT", "tag": "gcr.io/x/y:1", **inner})
    return dump({"message": {"data": base64.b64encode(data).decode(), "messageId": str(number)},
                 "subscription": "projects/x/subscriptions/y"})


def test_gcr(hooks, google, tmp_path):
    hooks.receiver("gcr", data={"email": "push@x.test", "audience": "https://flux.test"})

    def token(key=google.key, header=None, **more):
        claims = google.claims(**{"iss": "https://accounts.google.com", "aud": "https://flux.test",
                                  "email": "push@x.test", "email_verified": True, **more})
        return bearer(key.token(claims, **(header or {})))
    hooks.triggers(pub_sub(), token())
    past = int(time.time()) - 3600
    for number, wrong in enumerate((
            {}, bearer(""), bearer("a.b.c"), token(aud="https://other.test"), token(aud=None),
            token(email="else@x.test"), token(email=None), token(email_verified=False),
            token(email_verified="true"), token(email_verified=None),
            token(iss="https://evil.test"),
            token(exp=past), token(exp=None), token(exp="never"), token(nbf=past + 7200),
            token(header={"alg": "none"}), token(header={"alg": "HS256"}),
            token(key=Key(str(tmp_path), "one")), token(header={"kid": "../../etc/passwd"}),
            {"Authorization": token()["Authorization"][:-3]},
            {"Authorization": token()["Authorization"].replace("Bearer ", "")})):
        hooks.refuses(pub_sub(100 + number), wrong)
    for body in (b"", b"{}", dump({"message": {}}), dump({"message": {"data": "!"}}),
                 dump({"message": {"data": base64.b64encode(b"x").decode()}})):
        hooks.refuses(body, token())
    hooks.triggers(pub_sub(2), token(iss="accounts.google.com", aud=["x", "https://flux.test"]))


def test_gcr_needs_email_and_audience(hooks):
    hooks.receiver("gcr", ready=False)
    hooks.tenant.wait_condition("receivers", "hook", "False", "TokenNotFound", "'email'")


def oidc(issuer, **more):
    return [{"issuerURL": issuer.url, "variables": [
        {"name": "repo", "expression": "claims.repository"},
        {"name": "owner", "expression": "vars.repo.split('/')[0]"}],
        "validations": [{"expression": "vars.owner == 'acme'", "message": "wrong owner"},
                        {"expression": "claims.ref == 'refs/heads/main'",
                         "message": "wrong branch"}], **more}]


def test_generic_oidc(hooks, issuer, tmp_path):
    hooks.receiver("generic-oidc", oidcProviders=oidc(issuer),
                   resourceFilter="claims.repository == 'acme/fleet'")
    assert hooks.path == "/hook/" + hashlib.sha256(
        f"hook{hooks.tenant.namespace}".encode()).hexdigest()

    def token(key=issuer.key, header=None, **more):
        claims = issuer.claims(**{"repository": "acme/fleet", "ref": "refs/heads/main", **more})
        return bearer(key.token(claims, **(header or {})))
    hooks.triggers(b"{}", token())
    other = Key(str(tmp_path), "other")
    confused = issuer.key.token(issuer.claims(), alg="HS256")
    for wrong in ({}, bearer("x"), token(aud="else"), token(aud=None),
                  token(iss="http://evil.test"), token(exp=1), token(exp=None),
                  token(repository="evil/fleet"),
                  token(ref="refs/heads/x"), token(ref=None),
                  token(header={"alg": "none"}),
                  bearer(confused), token(key=other),
                  token(key=other, header={"kid": "one"}),
                  token(key=other, header={"kid": "one", "jku": issuer.url + "/evil"}),
                  token(iss=issuer.url + "/")):
        hooks.refuses(b"{}", wrong)
    assert hooks.call(b"{}", token(repository="acme/other")) == 200  # the filter, not the token
    before = hooks.asked()
    hooks.call(b"{}", token(repository="acme/other"))
    assert hooks.asked() == before


def test_issuer_that_lies_about_itself(hooks, issuer):
    hooks.receiver("generic-oidc", oidcProviders=oidc(issuer))
    good = bearer(issuer.key.token(issuer.claims(repository="acme/x", ref="refs/heads/main")))
    issuer.document = {"issuer": "http://127.0.0.1:1", "jwks_uri": f"{issuer.url}/keys"}
    hooks.refuses(b"{}", good)


# ---- replay ----

def test_a_delivery_counts_once(hooks):
    hooks.receiver("github")
    event = {"X-GitHub-Event": "push", "X-GitHub-Delivery": "72d3162e"}
    good = hub("X-Hub-Signature-256", "sha256", **event)
    hooks.refuses(PUSH, {**good, "X-Hub-Signature-256": "sha256=" + "0" * 64})
    hooks.triggers(PUSH, good)
    hooks.refuses(PUSH, good, status=409)
    hooks.triggers(PUSH, {**good, "X-GitHub-Delivery": "72d3162f"})


def test_a_delivery_that_failed_may_come_again(hooks):
    hooks.receiver("gitlab", resources=[{"kind": "GitRepository", "name": "later"}])
    headers = {"X-Gitlab-Token": TOKEN, "X-Gitlab-Event": "Push Hook",
               "X-Gitlab-Event-UUID": "13792a34"}
    assert hooks.call(PUSH, headers) == 500
    hooks.tenant.source("later")
    assert hooks.call(PUSH, headers) == 200
    assert hooks.call(PUSH, headers) == 409


# ---- resources ----

def test_labels(hooks):
    tenant = hooks.tenant
    for name, tier in (("a", "web"), ("b", "web"), ("c", "db")):
        tenant.source(name)
        tenant.api.patch("gitrepositories", tenant.namespace, name,
                         {"metadata": {"labels": {"tier": tier}}})
    hooks.receiver(resources=[{"kind": "GitRepository", "name": "*",
                               "matchLabels": {"tier": "web"}}])
    assert hooks.call() == 200
    assert hooks.asked("a") and hooks.asked("b")
    assert not hooks.asked("c") and not hooks.asked("repo")
    hooks.receiver(name="none", resources=[{"kind": "GitRepository", "name": "*",
                                            "matchLabels": {"tier": "nothing"}}])
    assert hooks.call() == 200


def test_errors_of_one_do_not_keep_the_others(hooks):
    tenant = hooks.tenant
    tenant.unit("app", suspend=True)
    bad = [{"kind": "GitRepository", "name": "missing"}, {"kind": "GitRepository", "name": "*"},
           {"kind": "Kustomization", "name": "app"}]
    for number, item in enumerate(bad):
        hooks.receiver(name=f"hook{number}", resources=[item, {"kind": "GitRepository",
                                                               "name": "repo"}])
        before = hooks.asked()
        assert hooks.call() == 500, item
        assert hooks.asked() != before
    hooks.receiver(name="hook9", resources=[
        {"kind": "Kustomization", "name": "app",
         "apiVersion": "kustomize.toolkit.fluxcd.io/v1"}])
    assert hooks.call() == 200
    assert hooks.asked("app", "kustomizations")


def test_filters(hooks):
    tenant = hooks.tenant
    for name in ("a", "b"):
        tenant.source(name)
    hooks.receiver("generic-hmac", resourceFilter="req.target.startsWith(res.metadata.name)",
                   resources=[{"kind": "GitRepository", "name": "a"},
                              {"kind": "GitRepository", "name": "b",
                               "filter": "req.size > 1.5 && res.kind == 'GitRepository'"}])

    def call(**body):
        body = dump(body)
        return hooks.call(body, hub("X-Signature", "sha256", body))
    assert call(target="a:1", size=1) == 200
    assert hooks.asked("a") and not hooks.asked("b")
    assert call(target="b:1", size=1) == 200
    assert not hooks.asked("b")
    assert call(target="b:1", size=2) == 200
    assert hooks.asked("b")
    assert call(size=1) == 500
    plain = b"target"
    assert hooks.call(plain, {**hub("X-Signature", "sha256", plain),
                              "Content-Type": "text/plain"}) == 500
    assert hooks.call(plain, hub("X-Signature", "sha256", plain)) == 500


def test_filter_that_costs_too_much(hooks):
    ten = "[0,1,2,3,4,5,6,7,8,9]"
    loops = "".join(f"{ten}.all(x{i}, " for i in range(8)) + "true" + ")" * 8
    hooks.receiver(resourceFilter=loops)
    hooks.refuses(status=500)


@pytest.mark.parametrize("spec, reason, text", [
    ({"resourceFilter": "req.flag"}, "InvalidCELExpression",
     "CEL expression output type mismatch: expected bool, got dyn"),
    ({"resourceFilter": "other.x == 1"}, "InvalidCELExpression",
     "undeclared reference to 'other'"),
    ({"resources": [{"kind": "GitRepository", "name": "repo", "filter": "("}]},
     "InvalidCELExpression", "failed to parse the CEL expression '('")])
def test_expressions_that_are_wrong(hooks, spec, reason, text):
    hooks.receiver(ready=False, **spec)
    found = hooks.tenant.wait_condition("receivers", "hook", "False", reason, text)
    assert found["message"].startswith(
        "Reconciliation failed terminally due to configuration error: ")
    item = hooks.tenant.get("receivers", "hook")
    assert condition(item, "Stalled")["status"] == "True"
    assert "webhookPath" not in item["status"]


def test_another_namespace(hooks, shared_cluster):
    other = shared_cluster.tenant("hooks-elsewhere")
    try:
        other.source()
        hooks.receiver(resources=[{"kind": "GitRepository", "name": "repo",
                                   "namespace": other.namespace}])
        assert hooks.call() == 200
        assert other.get("gitrepositories", "repo")["metadata"]["annotations"][ANNOTATION]
        assert not hooks.asked()
    finally:
        other.leave()


def test_another_namespace_where_that_is_blocked(private_cluster, own_tenant):
    operator = private_cluster.operator("--no-cross-namespace-refs")
    operator.start_ready()
    hooks = Hooks(own_tenant, operator)
    other = private_cluster.tenant("hooks-elsewhere")
    other.source()
    hooks.receiver(resources=[{"kind": "GitRepository", "name": "repo",
                               "namespace": other.namespace},
                              {"kind": "GitRepository", "name": "repo"}])
    assert hooks.call() == 500
    assert hooks.asked()
    assert ANNOTATION not in other.get("gitrepositories", "repo")["metadata"].get("annotations", {})
    eventually(lambda: "cross-namespace references have been blocked" in operator.text(),
               what="the reason in the log")
    other.leave(abandon=True)


# ---- bytes ----

def exchange(port, head, body=b""):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(head + body)
        return wire.recv(4096)


def test_body_that_is_too_long_is_refused_before_it_is_read(hooks):
    hooks.receiver()
    head = (f"POST {hooks.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {4 * 1024 * 1024}\r\n"
            "\r\n").encode()
    assert b" 413 " in exchange(hooks.operator.hook_port, head).split(b"\r\n")[0]
    assert hooks.call(b"x" * (3 * 1024 * 1024)) == 200


def test_a_slow_issuer_delays_nobody_else(hooks, issuer, shared_cluster):
    """Calls of one namespace hang at their issuer; those of others are answered, and the process
    goes on."""
    other = shared_cluster.tenant("hooks-elsewhere")
    others = Hooks(other, hooks.operator).receiver()
    hooks.receiver("generic-oidc", oidcProviders=oidc(issuer))
    good = bearer(issuer.key.token(issuer.claims(repository="acme/x", ref="refs/heads/main")))

    def hang(handler, _):
        issuer.released.wait(60)
        handler.close_connection = True
    issuer.answer = hang
    head = "".join(f"{name}: {value}\r\n" for name, value in good.items())
    text = f"POST {hooks.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{head}\r\n".encode()
    wires = [socket.create_connection(("127.0.0.1", hooks.operator.hook_port)) for _ in range(30)]
    for wire in wires:
        wire.sendall(text)
    eventually(lambda: issuer.requests, what="a call that waits for its issuer")
    others.triggers()
    commit = hooks.tenant.push_objects(configmap("settings", {"key": "three"}))
    hooks.tenant.pull_now()
    hooks.tenant.wait_artifact(commit)
    assert hooks.operator.fetch(hooks.operator.health_port, "/healthz")[0] == 200
    issuer.released.set()
    for wire in wires:
        wire.settimeout(60)
        assert wire.recv(100).startswith(b"HTTP/1.1 ")
        wire.close()
    other.leave()


def test_secrets_are_in_no_log(hooks):
    hooks.receiver("gitlab")
    hooks.refuses(PUSH, {"X-Gitlab-Token": "a wrong guess", "X-Gitlab-Event": "Push Hook"})
    hooks.triggers(PUSH, {"X-Gitlab-Token": TOKEN, "X-Gitlab-Event": "Push Hook"})
    text = hooks.operator.text()
    assert "unable to validate payload" in text
    assert TOKEN not in text and "a wrong guess" not in text


def test_metrics(hooks):
    hooks.receiver()
    hooks.triggers()
    text = hooks.operator.fetch(hooks.operator.metrics_port, "/metrics")[1].decode()
    assert 'fixpoint_receiver_calls_total{type="generic",code="200"}' in text
    assert "gotk_receiver_http_request_duration_seconds_count" in text
