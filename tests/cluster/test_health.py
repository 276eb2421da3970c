"""Ready means healthy: what is waited for, for how long, and what failed."""
from harness.eventually import never
from harness.manifests import configmap, deployment, document, job
from harness.tenant import condition


def test_deployment_that_fails_is_told_early(tenant):
    web = deployment("web", replicas=1)
    web["spec"]["progressDeadlineSeconds"] = 2
    tenant.push_objects(web)
    tenant.source()
    tenant.unit(wait=True, timeout="5m")
    message = tenant.wait_failed("HealthCheckFailed")["message"]
    assert f"Deployment/{tenant.namespace}/web status: 'Failed'" in message
    assert condition(tenant.get_unit(), "Healthy")["status"] == "False"
    assert tenant.inventory() == [f"{tenant.namespace}_web_apps_Deployment"]
    assert "lastAppliedRevision" not in tenant.get_unit()["status"]


def test_deployment_that_never_gets_ready_times_out(tenant):
    tenant.push_objects(deployment("web", replicas=1))
    tenant.source()
    tenant.unit(wait=True, timeout="30s")
    tenant.crash_pods("web")
    message = tenant.wait_failed("HealthCheckFailed", timeout=60)["message"]
    assert "timeout waiting for" in message
    assert f"a pod of Deployment/{tenant.namespace}/web: container '" in message
    assert "is in CrashLoopBackOff, it ended with code 3 (Error)" in message
    assert f"Deployment/{tenant.namespace}/web status: 'InProgress'" in message
    tenant.wait_event("HealthCheckFailed", "web")


def test_ready_when_the_pods_are(tenant):
    commit = tenant.push_objects(deployment("web", replicas=2))
    tenant.source()
    tenant.unit(wait=True)
    tenant.wait_condition("kustomizations", "app", "Unknown", "Progressing",
                          "Running health checks", kind="Healthy")
    never(lambda: condition(tenant.get_unit())["status"] == "True", 1, what="Ready too early")
    tenant.run_pods("web")
    tenant.wait_applied(commit)


def test_new_commit_does_not_wait_for_the_old_one(tenant):
    tenant.push_objects(deployment("web", replicas=1))
    tenant.source()
    tenant.unit(wait=True, timeout="10m")
    tenant.wait_condition("kustomizations", "app", "Unknown", kind="Healthy")
    commit = tenant.push_objects(deployment("web", replicas=0))
    tenant.pull_now()
    tenant.wait_applied(commit)


def test_waiting_units_do_not_delay_others(tenant):
    files = {"app/ok.yaml": configmap("fine")}
    for number in range(30):
        files[f"stuck-{number}/web.yaml"] = deployment(f"stuck-{number}", replicas=1)
    commit = tenant.push({path: document(item) for path, item in files.items()})
    tenant.source()
    for number in range(30):
        tenant.unit(f"stuck-{number}", path=f"./stuck-{number}", wait=True, timeout="10m")
    tenant.wait_condition("kustomizations", "stuck-29", "Unknown", kind="Healthy")
    tenant.unit()
    tenant.wait_applied(commit, timeout=5)


def test_job_is_healthy_when_complete(tenant):
    commit = tenant.push_objects(job("migrate"))
    tenant.source()
    tenant.unit(wait=True)
    tenant.wait_condition("kustomizations", "app", "Unknown", kind="Healthy")
    never(lambda: condition(tenant.get_unit())["status"] == "True", 1, what="Ready too early")
    tenant.finish_job("migrate")
    tenant.wait_applied(commit)


def test_job_that_fails(tenant):
    tenant.push_objects(job("migrate"))
    tenant.source()
    tenant.unit(wait=True)
    tenant.finish_job("migrate", "Failed")
    tenant.wait_failed("HealthCheckFailed", f"Job/{tenant.namespace}/migrate status: 'Failed'")


def test_health_checks_without_wait(tenant):
    commit = tenant.push_objects(deployment("web", replicas=1), deployment("ignored", replicas=1))
    tenant.source()
    tenant.unit(wait=False, healthChecks=[
        {"kind": "Deployment", "name": "web", "namespace": tenant.namespace}])
    tenant.wait_condition("kustomizations", "app", "Unknown", kind="Healthy")
    tenant.run_pods("web")
    tenant.wait_applied(commit)


def test_without_checks_nothing_is_waited_for(tenant):
    unit = tenant.deploy(deployment("web", replicas=1))
    assert not condition(unit, "Healthy")


def test_dependent_waits_for_health(tenant):
    commit = tenant.push({"base/web.yaml": document(deployment("web", replicas=1)),
                          "app/top.yaml": document(configmap("top"))})
    tenant.source()
    tenant.unit("base", path="./base", wait=True)
    tenant.unit(dependsOn=[{"name": "base"}])
    tenant.wait_failed("DependencyNotReady")
    assert not tenant.exists("configmaps", "top")
    tenant.run_pods("web")
    tenant.wait_applied(commit, "base")
    tenant.wait_applied(commit, timeout=5)
