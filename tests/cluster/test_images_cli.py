"""images list, matrix and policy-test: what runs, what may run, what would be chosen."""
import json
import os
import subprocess

import pytest

from harness.manifests import deployment
from harness.operator import fixpoint

HEX = "0123456789abcdef" * 4


def run(tenant, *arguments, code=0, stdin=None):
    done = subprocess.run(
        [fixpoint(), "images", *arguments], input=stdin, text=True, capture_output=True, timeout=60,
        env={**os.environ, "KUBECONFIG": tenant.servers.kubeconfig("admin"),
             "HOME": tenant.servers.folder})
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def rows(done):
    return [[cell.strip() for cell in line.split("\t")[:-1]] for line in done.stdout.splitlines()]


def put_status(tenant, plural, name, status):
    tenant.api.patch(plural, tenant.namespace, name, {"status": status}, subresource="/status")


def policy(tenant, name, image, tag, digest=None):
    """An ImagePolicy as if it had chosen; suspended, so that its controller leaves it alone."""
    tenant.apply_ours("ImagePolicy", name, {
        "imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "*"}},
        "suspend": True})
    latest = {"name": image, "tag": tag, **({"digest": digest} if digest else {})}
    put_status(tenant, "imagepolicies", name, {"latestRef": latest})


def repository(tenant, image, *tags):
    tenant.apply_ours("ImageRepository", "app", {
        "interval": "1h", "image": image, "suspend": True})
    put_status(tenant, "imagerepositories", "app", {
        "canonicalImageName": image,
        "lastScanResult": {"tagCount": len(tags), "latestTags": list(tags)}})


def deploy(tenant, name, image):
    item = deployment(name, image=image)
    item["metadata"]["namespace"] = tenant.namespace
    tenant.api.apply(item)


def test_list(tenant):
    image = f"reg.example.com/{tenant.namespace}"
    repository(tenant, image, "latest", "1.9.0", "1.10.0")
    policy(tenant, "prod", image, "1.2.0")
    deploy(tenant, "behind", image + ":1.1.0")
    deploy(tenant, "current", image + ":1.2.0")
    deploy(tenant, "ahead", image + ":1.3.0-rc.1")
    deploy(tenant, "moving", image)
    deploy(tenant, "other", "reg.example.com/other:1")
    table = rows(run(tenant, "list", "-n", tenant.namespace))
    assert table[0] == ["WORKLOAD", "CONTAINER", "IMAGE", "RUNNING", "ALLOWED", "AVAILABLE",
                        "POLICY", "STATE"]
    states = {row[0]: (row[3], row[4], row[5], row[6], row[7]) for row in table[1:]}
    ours = f"{tenant.namespace}/prod"
    assert states == {
        "deployment/behind": ("1.1.0", "1.2.0", "1.10.0", ours, "behind"),
        "deployment/current": ("1.2.0", "1.2.0", "1.10.0", ours, "current"),
        "deployment/ahead": ("1.3.0-rc.1", "1.2.0", "1.10.0", ours, "ahead"),
        "deployment/moving": ("latest", "1.2.0", "1.10.0", ours, "differs"),
        "deployment/other": ("1", "-", "-", "-", "no policy"),
    }
    outdated = rows(run(tenant, "list", "-n", tenant.namespace, "--outdated"))
    assert [row[0] for row in outdated[1:]] == ["deployment/ahead", "deployment/behind",
                                                "deployment/moving"]


def test_list_of_pinned_images_as_json(tenant):
    image = f"reg.example.com/{tenant.namespace}"
    digest = "sha256:" + HEX
    repository(tenant, image, "1.2.0")
    policy(tenant, "pinned", image, "1.2.0", digest)
    deploy(tenant, "same", f"{image}:1.2.0@{digest}")
    deploy(tenant, "moved", f"{image}:1.2.0@sha256:{HEX[::-1]}")
    found = json.loads(run(tenant, "list", "-n", tenant.namespace, "-o", "json").stdout)
    assert {item["workload"]: item["state"] for item in found} == {
        "deployment/same": "current", "deployment/moved": "other digest"}


def test_list_without_workloads(tenant):
    done = run(tenant, "list", "-n", tenant.namespace)
    assert done.stdout == "" and "no workloads found" in done.stderr


def test_policies_of_other_namespaces_count(tenant, shared_cluster, request):
    """Policies often live beside the operator, and workloads elsewhere."""
    other = shared_cluster.tenant(request.node.name)
    try:
        image = f"reg.example.com/{tenant.namespace}"
        repository(other, image, "1.0.0")
        policy(other, "far", image, "1.0.0")
        deploy(tenant, "web", image + ":1.0.0")
        table = rows(run(tenant, "list", "-n", tenant.namespace, "--no-header"))
        assert table[0][-2:] == [f"{other.namespace}/far", "current"]
    finally:
        other.leave()


def test_matrix(tenant, shared_cluster, request):
    production = shared_cluster.tenant(request.node.name)
    try:
        name = f"app-{tenant.namespace}"
        deploy(tenant, name, "reg.example.com/app:1.1.0")
        deploy(production, name, "reg.example.com/app:1.0.0")
        deploy(tenant, "same", "reg.example.com/app:2")
        deploy(production, "same", "reg.example.com/app:2")
        deploy(tenant, "lonely", "reg.example.com/app:3")
        places = [tenant.namespace, production.namespace]
        table = rows(run(tenant, "matrix", *places))
        assert table[0] == ["WORKLOAD", "CONTAINER", *(place.upper() for place in places), "SAME"]
        cells = {row[0]: row[2:] for row in table[1:]}
        assert cells == {f"deployment/{name}": ["1.1.0", "1.0.0", "no"],
                         "deployment/same": ["2", "2", "yes"],
                         "deployment/lonely": ["3", "-", "yes"]}
        only = rows(run(tenant, "matrix", "--differing", "--no-header", *places))
        assert [row[0] for row in only] == [f"deployment/{name}"]
        for place, stage in zip(places, ("dev", "live")):
            tenant.api.patch("namespaces", None, place, {"metadata": {"labels": {
                tenant.namespace: stage}}})
        table = rows(run(tenant, "matrix", "--label", tenant.namespace, "live", "dev"))
        assert table[0][2:4] == ["LIVE", "DEV"]
        assert {row[0]: row[2:4] for row in table}[f"deployment/{name}"] == ["1.0.0", "1.1.0"]
    finally:
        production.leave()


@pytest.mark.parametrize("arguments,tags,chosen", [
    (["--select-semver", "1.x"], "1.0.0\n1.2.0\n2.0.0\n", "1.2.0"),
    (["--select-semver", ">=1.0.0-0"], "1.0.0\r\n1.1.0-rc.1\r\n", "1.1.0-rc.1"),
    (["--select-alpha", "desc"], "b\n\n  a\n", "a"),
    (["--select-numeric", "asc", "--filter-regex", "-(?P<n>[0-9]+)$", "--filter-extract", "$n"],
     "main-9\nmain-10\nlatest\n", "main-10"),
])
def test_policy_test(tenant, arguments, tags, chosen):
    assert run(tenant, "policy-test", *arguments, stdin=tags).stdout == chosen + "\n"


@pytest.mark.parametrize("arguments,text", [
    ([], "one of --select-semver"),
    (["--select-semver", "*", "--select-alpha", "asc"], "one of --select-semver"),
    (["--select-semver", "a"], "improper constraint"),
    (["--select-semver", ">9"], "unable to determine latest version"),
    (["--select-numeric", "asc"], "invalid numeric value '1.0.0'"),
    (["--select-alpha", "asc", "--filter-regex", "("], "invalid regular expression pattern '('"),
    (["--select-alpha", "asc", "--filter-extract", "$1"], "--filter-extract needs --filter-regex"),
    (["--file", "missing.yaml", "--select-alpha", "asc"], "--file goes without"),
    (["--file", "missing.yaml"], "missing.yaml"),
])
def test_policy_test_that_chooses_nothing(tenant, arguments, text):
    done = run(tenant, "policy-test", *arguments, code=1, stdin="1.0.0\n")
    assert text in done.stderr and done.stdout == ""


def test_policy_test_of_a_file(tenant, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("kind: ConfigMap\n---\napiVersion: image.toolkit.fluxcd.io/v1\n"
                    "kind: ImagePolicy\nmetadata: {name: app}\nspec:\n"
                    "  imageRepositoryRef: {name: app}\n"
                    "  filterTags: {pattern: '^v(.*)-slim$', extract: '$1'}\n"
                    "  policy: {semver: {range: '<2'}}\n")
    tags = "v1.0.0-slim\nv1.4.0-slim\nv1.5.0\nv2.0.0-slim\n"
    assert run(tenant, "policy-test", "-f", str(path), stdin=tags).stdout == "v1.4.0-slim\n"
