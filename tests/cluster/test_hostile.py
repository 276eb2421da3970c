"""Objects that should not be possible, and values that must not be seen. One bad object never stops
the others."""
import json

from harness.api import MERGE, path_of
from harness.eventually import eventually
from harness.manifests import configmap, stream
from harness.tenant import condition

DEFINITIONS = ["gitrepositories.source.toolkit.fluxcd.io",
               "kustomizations.kustomize.toolkit.fluxcd.io"]
LAX = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def everything_seen(tenant, operator):
    """All that a person without rights on Secrets may read about the tenant."""
    parts = [tenant.api.list(plural, tenant.namespace) for plural in
             ("events", "kustomizations", "gitrepositories", "configmaps")]
    return json.dumps(parts) + operator.text() + \
        operator.fetch(operator.metrics_port, "/metrics")[1].decode()


def without_schema(api):
    """Lets the API server accept anything for our kinds, as old objects and old definitions do."""
    for name in DEFINITIONS:
        definition = api.get("customresourcedefinitions", None, name)
        versions = definition["spec"]["versions"]
        for version in versions:
            version["schema"] = {"openAPIV3Schema": LAX}
        api.patch("customresourcedefinitions", None, name, {"spec": {"versions": versions}}, MERGE)


MALFORMED = {
    "interval-number": {"interval": 5},
    "interval-map": {"interval": {"a": 1}},
    "interval-negative": {"interval": "-1s"},
    "interval-huge": {"interval": "99999999999999h"},
    "interval-missing": {"interval": None},
    "path-list": {"path": ["a"]},
    "prune-text": {"prune": "yes"},
    "source-text": {"sourceRef": "repo"},
    "source-missing": {"sourceRef": None},
    "source-kind": {"sourceRef": {"kind": "Nonsense", "name": "repo"}},
    "depends-on-text": {"dependsOn": "other"},
    "depends-on-empty": {"dependsOn": [{}]},
    "build-number": {"postBuild": 7},
    "patches-null": {"patches": [None]},
    "images-deep": {"images": [[[[]]]]},
    "checks-number": {"healthChecks": [3]},
    "wait-text": {"wait": "maybe"},
}


def test_malformed_objects_of_our_kinds_hurt_only_themselves(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    commit = own_tenant.push_objects(configmap("settings"))
    without_schema(own_tenant.api)

    def create(name, spec):
        def created():
            try:
                return own_tenant.apply_ours("Kustomization", name, spec)
            except Exception as error:  # the API server takes a moment for a new definition
                raise AssertionError(error) from error
        return eventually(created, what=name)
    fine = {"interval": "1h", "path": "./app", "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "repo"},
            "targetNamespace": own_tenant.namespace}
    for name, change in MALFORMED.items():
        create(name, {**fine, **change})
    own_tenant.apply_ours("GitRepository", "bad-source", {"url": 7, "interval": []})
    own_tenant.source()
    own_tenant.unit()
    own_tenant.wait_applied(commit)
    for name, change in MALFORMED.items():
        field = next(iter(change))
        message = own_tenant.wait_condition("kustomizations", name, "False")["message"]
        assert f"spec.{field}" in message, f"{name}: {message}"

    operator.stop()
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}))
    operator.start_ready()
    own_tenant.pull_now()
    own_tenant.wait_applied(commit)
    for name in MALFORMED:
        own_tenant.api.delete("kustomizations", own_tenant.namespace, name)
    eventually(lambda: [item["metadata"]["name"] for item in own_tenant.api.list(
        "kustomizations", own_tenant.namespace)] == ["app"], what="the end of the malformed ones")


def test_absurd_annotations(tenant):
    tenant.deploy(configmap("settings"))
    huge = "x" * 200_000
    tenant.api.patch("kustomizations", tenant.namespace, "app", {"metadata": {"annotations": {
        "reconcile.fluxcd.io/requestedAt": huge, "event.toolkit.fluxcd.io/x": "\u202e",
        "no-slash": "\u0000\u202e\n"}}})
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    tenant.wait_applied(commit)


def test_value_of_a_malformed_secret_is_seen_nowhere(tenant, operator):
    """The API server quotes a value of the wrong type in its answer; we must not."""
    number = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "number"},
              "stringData": {"pin": 424283171}}
    nested = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nested"},
              "data": {"token": {"inner": "hunter2hunter2"}}}
    encoded = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "encoded"},
               "data": {"token": "not*base64*hunter3"}}
    tenant.push_objects(configmap("settings"), number, nested, encoded)
    tenant.source()
    tenant.unit()
    ready = tenant.wait_failed("ReconciliationFailed")
    for name in ("number", "nested", "encoded"):
        assert f"Secret/{tenant.namespace}/{name}" in ready["message"], ready["message"]
    assert not tenant.exists("configmaps", "settings")
    seen = everything_seen(tenant, operator)
    for value in ("424283171", "hunter2hunter2", "hunter3"):
        assert value not in seen


def test_value_from_a_secret_is_not_in_a_build_error(tenant, operator):
    tenant.api.create({"apiVersion": "v1", "kind": "Secret",
                       "metadata": {"name": "vars", "namespace": tenant.namespace},
                       "stringData": {"token": "{unbalanced: swordfish99"}})
    tenant.push({"app/a.yaml": stream(configmap("a")).replace('"one"', "${token}")})
    tenant.source()
    tenant.unit(postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]})
    tenant.wait_failed("BuildFailed", "a")
    assert "swordfish99" not in everything_seen(tenant, operator)


def test_password_in_a_url_is_not_shown(tenant, operator):
    tenant.push_objects(configmap("a"))
    url = tenant.repository.url.replace("http://", "http://robot:opensesame7@")
    tenant.host.fail(tenant.repository.name, 403)
    tenant.source(url=url)
    message = tenant.wait_source("False")["message"]
    assert "opensesame7" not in message
    events = json.dumps(tenant.api.list("events", tenant.namespace))
    assert "opensesame7" not in events + operator.text()


def test_address_that_smuggles_options(tenant):
    for number, url in enumerate(("ssh://-oProxyCommand=touch/x", "http://127.0.0.1:1/$(id).git",
                                  "http://127.0.0.1:1/a%0d%0ab.git")):
        try:
            tenant.source(f"bad-{number}", url=url)
        except Exception as error:
            assert "422" in str(error), error
            continue
        tenant.wait_source("False", name=f"bad-{number}")


def test_foreign_condition_is_kept(tenant):
    tenant.deploy(configmap("settings"))
    path = path_of("kustomizations", tenant.namespace, "app") + "/status?fieldManager=other"
    conditions = tenant.get_unit()["status"]["conditions"] + [{
        "type": "Audited", "status": "True", "reason": "Done", "message": "by someone else",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    tenant.api.call("PATCH", path, {"status": {"conditions": conditions}}, content_type=MERGE)
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    assert condition(tenant.wait_applied(commit), "Audited")["message"] == "by someone else"
