"""CEL in Kustomizations: healthCheckExprs and readyExpr."""
import pytest

from harness.eventually import eventually, never
from harness.manifests import configmap, crd, custom, document
from harness.tenant import condition

STALLED = "Reconciliation failed terminally due to configuration error: "
READY = "status.conditions.filter(c, c.type == 'Ready').all(c, c.status == 'True')"
FAILED = "status.conditions.exists(c, c.type == 'Ready' && c.reason == 'Broken')"


def rule(current=READY, group="widgets.example.test", **more):
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "current": current, **more}


class Widgets:
    """A unit with one custom resource, and who plays its controller."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.group = f"{tenant.namespace}.example.test"  # the definition goes with the unit
        self.commit = tenant.push_objects(crd("widgets", "Widget", self.group),
                                          custom("Widget", "one", group=self.group))
        tenant.source()

    def rule(self, current=READY, **more):
        return rule(current, self.group, **more)

    def report(self, status, reason="Fine", **more):
        eventually(lambda: self.tenant.api.get("widgets", self.tenant.namespace, "one",
                                               f"{self.group}/v1"),
                   what="the widget")
        self.tenant.api.patch("widgets", self.tenant.namespace, "one", {"status": {
            "conditions": [{"type": "Ready", "status": status, "reason": reason}], **more}},
            subresource="/status", version=f"{self.group}/v1")

    def waits(self):
        self.tenant.wait_condition("kustomizations", "app", "Unknown", "Progressing",
                                   "Running health checks", kind="Healthy")
        never(lambda: condition(self.tenant.get_unit())["status"] == "True", 1,
              what="Ready too early")


@pytest.fixture
def widgets(tenant):
    return Widgets(tenant)


def test_current_when_the_expression_says_so(widgets):
    widgets.tenant.unit(wait=True, healthCheckExprs=[
        widgets.rule("has(status.conditions) && " + READY)])
    widgets.waits()
    widgets.report("False")
    widgets.waits()
    widgets.report("True")
    unit = widgets.tenant.wait_applied(widgets.commit)
    assert condition(unit, "Healthy")["status"] == "True"


def test_failed_ends_the_wait(widgets):
    widgets.tenant.unit(wait=True, timeout="10m", healthCheckExprs=[
        widgets.rule("has(status.conditions) && " + READY,
             failed="has(status.conditions) && " + FAILED)])
    widgets.report("False", "Broken")
    widgets.tenant.wait_failed(
        "HealthCheckFailed", f"Widget/{widgets.tenant.namespace}/one status: 'Failed'")


def test_in_progress_goes_before_current(widgets):
    widgets.tenant.unit(wait=True, healthCheckExprs=[
        widgets.rule("true", inProgress="!has(status.conditions) || !(" + READY + ")")])
    widgets.waits()
    widgets.report("True")
    widgets.tenant.wait_applied(widgets.commit)


def test_generation_that_was_not_observed(widgets):
    widgets.tenant.unit(wait=True, healthCheckExprs=[widgets.rule("has(status.phase)")])
    widgets.report("True", observedGeneration=99, phase="Up")
    widgets.waits()
    widgets.report("True", observedGeneration=1)
    widgets.tenant.wait_applied(widgets.commit)


def test_evaluation_error_is_unknown_until_the_timeout(widgets):
    widgets.tenant.unit(wait=True, timeout="30s", healthCheckExprs=[
        widgets.rule("spec.size.startsWith('x')")])
    message = widgets.tenant.wait_failed("HealthCheckFailed", "timeout waiting for",
                                         timeout=50)["message"]
    assert f"Widget/{widgets.tenant.namespace}/one status: 'Unknown'" in message
    assert "failed to evaluate the CEL expression" in message


def test_named_check_with_an_expression(widgets):
    widgets.tenant.unit(wait=False, healthChecks=[
        {"apiVersion": f"{widgets.group}/v1", "kind": "Widget", "name": "one",
         "namespace": widgets.tenant.namespace}],
        healthCheckExprs=[{"apiVersion": f"{widgets.group}/v1alpha9",
                           "current": "metadata.name == 'one' && has(status.conditions)"}])
    widgets.waits()
    widgets.report("True")
    widgets.tenant.wait_applied(widgets.commit)


def test_unhealthy_again_after_it_was_ready(widgets):
    widgets.tenant.unit(wait=True, healthCheckExprs=[
        widgets.rule("has(status.conditions) && " + READY,
                     failed="has(status.conditions) && " + FAILED)])
    widgets.report("True")
    widgets.tenant.wait_applied(widgets.commit)
    widgets.report("False", "Broken")
    widgets.tenant.wait_failed("HealthCheckFailed")
    widgets.report("True")
    widgets.tenant.wait_condition("kustomizations", "app", "True", timeout=30)


def check_stalled(tenant, text):
    message = tenant.wait_failed("InvalidCELExpression", text)["message"]
    assert message.startswith(STALLED)
    unit = tenant.get_unit()
    stalled = condition(unit, "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidCELExpression")
    assert unit["status"]["observedGeneration"] == unit["metadata"]["generation"]
    tenant.wait_event("InvalidCELExpression", text)


def test_expression_that_does_not_parse(tenant):
    tenant.push_objects(configmap("settings"))
    tenant.source()
    tenant.unit(healthCheckExprs=[rule("status.("), rule("true", kind="Gadget")])
    check_stalled(tenant, "failed to create custom status evaluator for healthchecks[0]: failed to "
                  "parse the expression Current: failed to parse the CEL expression 'status.('")
    assert not tenant.exists("configmaps", "settings")
    tenant.unit(healthCheckExprs=[rule("true"), rule("false")])
    check_stalled(tenant, "healthchecks[1]: group")
    tenant.unit(healthCheckExprs=[rule("true")])
    tenant.wait_condition("kustomizations", "app", "True")


def pair(tenant, expression, **base):
    commit = tenant.push({"base/a.yaml": document(configmap("base")),
                          "app/b.yaml": document(configmap("top"))})
    tenant.source()
    tenant.unit("base", path="./base", **base)
    tenant.unit(dependsOn=[{"name": "base", "readyExpr": expression}])
    return commit


def test_ready_expression_compares_both(tenant):
    commit = pair(tenant, "dep.status.?lastAppliedRevision.orValue('') != '' && "
                  "dep.metadata.?labels.?version == self.metadata.?labels.?version")
    tenant.wait_applied(commit)
    tenant.change_unit({"metadata": {"labels": {"version": "2"}},
                        "spec": {"force": True}})
    tenant.wait_failed("DependencyNotReady",
                       f"dependency '{tenant.namespace}/base' is not ready according to "
                       "readyExpr eval")
    tenant.change_unit({"metadata": {"labels": {"version": "2"}}}, "base")
    tenant.request("kustomizations", "app")
    tenant.wait_condition("kustomizations", "app", "True")


def test_ready_expression_replaces_the_condition(tenant):
    commit = pair(tenant, "dep.spec.prune == true", suspend=True)
    tenant.wait_applied(commit)
    assert not condition(tenant.get_unit("base"))


def test_ready_expression_that_cannot_be_evaluated(tenant):
    pair(tenant, "dep.status.nothing == 'x'")
    tenant.wait_failed("DependencyNotReady", "no such key: nothing")
    assert not tenant.exists("configmaps", "top")


@pytest.mark.parametrize("expression, text", [
    ("dep.", "failed to parse the CEL expression 'dep.'"),
    ("other.x == 1", "undeclared reference to 'other'"),
    ("dep.spec.prune", "CEL expression output type mismatch: expected bool, got dyn")])
def test_ready_expression_that_is_wrong(tenant, expression, text):
    pair(tenant, expression)
    check_stalled(tenant, text)


def test_expression_that_costs_too_much(tenant):
    ten = "[0,1,2,3,4,5,6,7,8,9]"
    loops = "".join(f"{ten}.all(x{i}, " for i in range(8)) + "true" + ")" * 8
    pair(tenant, loops)
    tenant.wait_failed("DependencyNotReady", "the expression costs more than the limit of 1000000")
