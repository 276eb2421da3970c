"""From the files of a commit to objects: overlays, substitution, and files that are wrong."""
import base64
import os

import pytest

from harness.eventually import eventually
from harness.manifests import (configmap, deployment, document, kustomization_file, secret, stream)
from harness.tenant import OWNER


def push_and_fail(tenant, files, reason="BuildFailed", text="", **spec):
    tenant.push(files)
    tenant.source()
    tenant.unit(**spec)
    return tenant.wait_failed(reason, text)["message"]


def test_target_namespace_metadata_patches_and_images(tenant):
    tenant.deploy(
        deployment("web", namespace="somewhere-else"),
        configmap("settings", namespace="somewhere-else"),
        namePrefix="pre-", nameSuffix="-post",
        commonMetadata={"labels": {"team": "blue"},
                        "annotations": {"contact": "blue@example.test"}},
        patches=[{"patch": document({"apiVersion": "apps/v1", "kind": "Deployment",
                                     "metadata": {"name": "web", "namespace": "somewhere-else"},
                                     "spec": {"revisionHistoryLimit": 3}})},
                 {"patch": document([{"op": "add", "path": "/spec/minReadySeconds", "value": 7}]),
                  "target": {"kind": "Deployment"}}],
        images=[{"name": "example.test/app", "newName": "mirror.test/app", "newTag": "2.0.0"}])
    assert tenant.exists("configmaps", "pre-settings-post"), "the namespace is replaced"
    web = tenant.get("deployments", "pre-web-post")
    assert web["metadata"]["labels"]["team"] == "blue"
    assert web["metadata"]["annotations"]["contact"] == "blue@example.test"
    assert web["spec"]["revisionHistoryLimit"] == 3
    assert web["spec"]["minReadySeconds"] == 7
    pod = web["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == "mirror.test/app:2.0.0"
    assert "team" not in pod["metadata"]["labels"], "commonMetadata stops at the object"


def test_kustomization_file_with_a_base_and_a_generator(tenant):
    commit = tenant.push({
        "base/web.yaml": stream(deployment("web")),
        "base/kustomization.yaml": kustomization_file("web.yaml"),
        "app/kustomization.yaml": kustomization_file(
            "../base", configMapGenerator=[{"name": "settings", "literals": ["key=one"]}],
            labels=[{"pairs": {"tier": "front"}}])})
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit)
    assert tenant.get("deployments", "web")["metadata"]["labels"]["tier"] == "front"
    names = [item["metadata"]["name"] for item in tenant.api.list(
        "configmaps", tenant.namespace, f"{OWNER}/name=app")]
    assert len(names) == 1 and names[0].startswith("settings-") and len(names[0]) == 19


def test_files_without_a_kustomization_file(tenant):
    commit = tenant.push({
        "app/a.yaml": stream(configmap("from-file")),
        "app/deep/er/b.yml": stream(configmap("from-deep")),
        "app/notes.txt": "no manifest",
        "app/sub/kustomization.yaml": kustomization_file("c.yaml", namePrefix="sub-"),
        "app/sub/c.yaml": stream(configmap("from-sub"))})
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit)
    for name in ("from-file", "from-deep", "sub-from-sub"):
        assert tenant.exists("configmaps", name), name


def test_substitution_from_everywhere(tenant):
    tenant.api.create(configmap("vars", {"region": "eu", "size": "small"},
                                namespace=tenant.namespace))
    tenant.api.create(secret("more-vars", {"size": "large", "note": "from the secret"},
                             namespace=tenant.namespace))
    data = {"where": "${region}-${zone:-a}", "size": "${size}", "note": "${note}",
            "inline": "${inline}", "kept": "$${kept}", "shell": "$HOME"}
    opted_out = configmap("untouched", {"key": "${nothing}"},
                          annotations={f"{OWNER}/substitute": "disabled"})
    tenant.deploy(configmap("result", data), opted_out, postBuild={
        "substitute": {"inline": "from the unit"},
        "substituteFrom": [{"kind": "ConfigMap", "name": "vars"},
                           {"kind": "Secret", "name": "more-vars"},
                           {"kind": "ConfigMap", "name": "missing", "optional": True}]})
    assert tenant.get("configmaps", "result")["data"] == {
        "where": "eu-a", "size": "large", "note": "from the secret", "inline": "from the unit",
        "kept": "${kept}", "shell": "$HOME"}
    assert tenant.get("configmaps", "untouched")["data"] == {"key": "${nothing}"}


def test_substitution_is_strict(tenant):
    message = push_and_fail(
        tenant, {"app/a.yaml": stream(configmap("a", {"key": "${NOT_THERE}"}))},
        postBuild={"substitute": {"other": "x"}})
    assert 'variable not set (strict mode): "NOT_THERE"' in message
    assert "ConfigMap.v1.[noGrp]/a" in message


def test_substitution_names_a_missing_source(tenant):
    message = push_and_fail(
        tenant, {"app/a.yaml": stream(configmap("a"))},
        postBuild={"substituteFrom": [{"kind": "Secret", "name": "nowhere"}]})
    assert "substitute from 'Secret/nowhere' error" in message


def test_watched_variables_are_followed(tenant):
    labels = {"labels": {"reconcile.fluxcd.io/watch": "Enabled"}}
    tenant.api.create(configmap("vars", {"size": "one"}, namespace=tenant.namespace, **labels))
    tenant.deploy(configmap("result", {"size": "${size}"}), postBuild={
        "substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]})
    tenant.api.patch("configmaps", tenant.namespace, "vars", {"data": {"size": "two"}})
    eventually(lambda: tenant.get("configmaps", "result")["data"] == {"size": "two"},
               what="the new value")


def test_path_that_is_missing(tenant):
    message = push_and_fail(tenant, {"app/a.yaml": stream(configmap("a"))}, "ArtifactFailed",
                            "kustomization path not found", path="./nope")
    assert "nope" in message
    assert "/tmp" not in message, "no temporary folder in a message"


@pytest.mark.parametrize("path", ["../../../../etc", "/etc"])
def test_path_cannot_leave_the_repository(tenant, path):
    push_and_fail(tenant, {"app/a.yaml": stream(configmap("a"))}, "ArtifactFailed",
                  "kustomization path not found", path=path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../../../etc/passwd"])
def test_resource_cannot_leave_the_repository(tenant, target):
    message = push_and_fail(tenant, {"app/kustomization.yaml": kustomization_file(target)})
    assert "root:" not in message


def test_generator_cannot_read_files_of_the_operator(tenant):
    message = push_and_fail(tenant, {"app/kustomization.yaml": kustomization_file(
        configMapGenerator=[{"name": "stolen", "files": ["/etc/passwd"]}])})
    assert "root:" not in message


def test_symbolic_link_does_not_lead_out(tenant):
    tenant.repository.write({"app/a.yaml": stream(configmap("a"))})
    os.symlink("/etc/passwd", os.path.join(tenant.repository.work, "app", "stolen.yaml"))
    commit = tenant.push({})
    tenant.source()
    tenant.unit()
    tenant.wait_applied(commit)  # links are not part of an artifact
    assert tenant.inventory() == [f"{tenant.namespace}_a__ConfigMap"]


def test_invalid_yaml_names_file_and_line(tenant):
    text = stream(configmap("fine")) + "---\nkind: ConfigMap\nmetadata:\n  name: x\n bad: [\n"
    message = push_and_fail(tenant, {"app/good.yaml": stream(configmap("good")),
                                     "app/broken.yaml": text})
    assert "broken.yaml" in message
    assert "line " in message
    assert not tenant.exists("configmaps", "good")


def test_yaml_that_is_no_object(tenant):
    message = push_and_fail(tenant, {"app/values.yaml": "replicas: 3\n"})
    assert "values.yaml" in message


def test_same_object_twice(tenant):
    message = push_and_fail(tenant, {"app/one.yaml": stream(configmap("twice")),
                                     "app/two.yaml": stream(configmap("twice"))})
    assert "may not add resource with an already registered id" in message
    assert "twice" in message


def test_alias_bomb_is_refused_and_hurts_nobody(tenant, operator):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    bomb = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bomb\ndata:\n  " + \
        "\n  ".join(levels) + "\n"
    message = push_and_fail(tenant, {"app/bomb.yaml": bomb, "fine/a.yaml": stream(configmap("a"))})
    assert "bomb.yaml" in message
    assert operator.memory_mib() < 200
    tenant.unit("fine", path="./fine")
    tenant.wait_applied(tenant.repository.head, "fine")


def test_empty_folder_prunes_everything(tenant):
    tenant.deploy(configmap("a"))
    commit = tenant.push({"app/objects.yaml": None, "app/notes.txt": "nothing here"})
    tenant.pull_now()
    tenant.wait_applied(commit)
    tenant.wait_gone("configmaps", "a")
    assert tenant.inventory() == []


def test_secret_data_is_applied_as_written(tenant):
    tenant.deploy(secret("login", {"user": "me", "password": "söme thing: 'else'"}))
    data = tenant.get("secrets", "login")["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == {
        "user": "me", "password": "söme thing: 'else'"}


def test_list_is_applied_item_by_item(tenant):
    tenant.deploy({"apiVersion": "v1", "kind": "List",
                   "items": [configmap("in-list"), configmap("in-list-too")]})
    assert tenant.exists("configmaps", "in-list") and tenant.exists("configmaps", "in-list-too")
