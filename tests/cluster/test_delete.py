"""What stays and what goes when a Kustomization is deleted."""
from harness.eventually import never
from harness.manifests import configmap, deployment, service


def delete_unit(tenant):
    tenant.api.delete("kustomizations", tenant.namespace, "app")
    tenant.wait_gone("kustomizations", "app")


def test_delete_prunes(tenant):
    tenant.deploy(configmap("settings"), service("web"), deployment("web"))
    delete_unit(tenant)
    for plural, name in (("configmaps", "settings"), ("services", "web"), ("deployments", "web")):
        tenant.wait_gone(plural, name)


def test_delete_without_prune_leaves_the_objects(tenant):
    tenant.deploy(configmap("settings"), prune=False)
    delete_unit(tenant)
    assert tenant.exists("configmaps", "settings")


def test_policy_delete_overrides_prune(tenant):
    tenant.deploy(configmap("settings"), prune=False, deletionPolicy="Delete")
    delete_unit(tenant)
    tenant.wait_gone("configmaps", "settings")


def test_policy_orphan(tenant):
    tenant.deploy(configmap("settings"), deletionPolicy="Orphan")
    delete_unit(tenant)
    never(lambda: not tenant.exists("configmaps", "settings"), 1, what="a deletion")


def test_policy_wait_for_termination(tenant):
    held = configmap("held", finalizers=["suite.example.test/hold"])
    tenant.deploy(held, deletionPolicy="WaitForTermination")
    tenant.api.delete("kustomizations", tenant.namespace, "app")
    never(lambda: not tenant.exists("kustomizations", "app"), 3, what="an end before the objects'")
    tenant.api.patch("configmaps", tenant.namespace, "held", {"metadata": {"finalizers": None}})
    tenant.wait_gone("configmaps", "held")
    tenant.wait_gone("kustomizations", "app")


def test_suspended_unit_is_deleted_without_its_objects(tenant):
    tenant.deploy(configmap("settings"))
    tenant.change_unit({"spec": {"suspend": True}})
    delete_unit(tenant)
    assert tenant.exists("configmaps", "settings")


def test_delete_does_not_need_the_source(tenant):
    tenant.deploy(configmap("settings"))
    tenant.api.delete("gitrepositories", tenant.namespace, "repo")
    tenant.wait_gone("gitrepositories", "repo")
    delete_unit(tenant)
    tenant.wait_gone("configmaps", "settings")


def test_foreign_object_is_never_deleted(tenant):
    """An inventory that names an object which is not ours (forged, or taken over) prunes it not."""
    tenant.api.create(configmap("precious", namespace=tenant.namespace))
    tenant.deploy(configmap("settings"))
    forged = {"id": f"{tenant.namespace}_precious__ConfigMap", "v": "v1"}
    entries = tenant.get_unit()["status"]["inventory"]["entries"]
    tenant.api.patch("kustomizations", tenant.namespace, "app",
                     {"status": {"inventory": {"entries": entries + [forged]}}},
                     subresource="/status")
    commit = tenant.push_objects(configmap("settings", {"key": "two"}))
    tenant.pull_now()
    tenant.wait_applied(commit)
    delete_unit(tenant)
    tenant.wait_gone("configmaps", "settings")
    assert tenant.exists("configmaps", "precious")


def test_delete_of_the_source_removes_its_artifact(tenant, operator):
    commit = tenant.push_objects(configmap("settings"))
    tenant.source()
    path = tenant.wait_artifact(commit)["path"]
    assert operator.fetch(operator.storage_port, f"/{path}")[0] == 200
    tenant.api.delete("gitrepositories", tenant.namespace, "repo")
    tenant.wait_gone("gitrepositories", "repo")
    assert operator.fetch(operator.storage_port, f"/{path}")[0] == 404
