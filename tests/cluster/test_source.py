"""From a Git host to an artifact: references, credentials, and hosts that misbehave."""
import hashlib
import io
import tarfile
import time
import urllib.request

import pytest

from harness.audit import Audit
from harness.eventually import eventually, never
from harness.manifests import configmap, stream
from harness.tenant import condition, summary


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def names_in(archive):
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: member for member in tar.getmembers()}


def test_artifact_is_served_with_its_digest(tenant):
    commit = tenant.push({"app/a.yaml": stream(configmap("a")), "run.sh": "#!/bin/sh\n"})
    tenant.source()
    tenant.wait_source(reason="Succeeded",
                       text=f"stored artifact for revision 'main@sha1:{commit}'")
    artifact = tenant.wait_artifact(commit)
    assert artifact["revision"] == f"main@sha1:{commit}"
    assert artifact["path"] == f"gitrepository/{tenant.namespace}/repo/{commit}.tar.gz"
    assert artifact["url"].endswith("/" + artifact["path"])
    archive = fetch(artifact["url"])
    assert artifact["digest"] == "sha256:" + hashlib.sha256(archive).hexdigest()
    assert artifact["size"] == len(archive)
    members = names_in(archive)
    assert "app/a.yaml" in members and "run.sh" in members
    assert not any(name.startswith(".git") for name in members)
    for member in members.values():
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert member.mtime == 0


def test_same_content_gives_the_same_artifact(tenant):
    commit = tenant.push({"app/a.yaml": stream(configmap("a"))})
    tenant.source()
    tenant.source("again")
    first = tenant.wait_artifact(commit)
    assert tenant.wait_artifact(commit, "again")["digest"] == first["digest"]


def test_default_ignore_rules(tenant):
    commit = tenant.push({"app/a.yaml": "a: 1\n", "logo.png": "x", ".github/w.yaml": "x",
                          "app/.gitignore": "x", "x.zip": "x"})
    tenant.source()
    members = names_in(fetch(tenant.wait_artifact(commit)["url"]))
    files = {name for name, member in members.items() if member.isfile()}
    assert files == {"app/a.yaml"}


def test_ignore_file_and_field(tenant):
    commit = tenant.push({
        ".sourceignore": "# comment\n/docs\n*.txt\n!keep.txt\n", "docs/a.md": "x", "a.txt": "x",
        "keep.txt": "x", "app/docs/b.md": "x", "logo.png": "x", "app/local.yaml": "x",
        "app/.sourceignore": "local.yaml\n", "ci/x.yaml": "x"})
    tenant.source(ignore="/ci\n")
    members = names_in(fetch(tenant.wait_artifact(commit)["url"]))
    files = {name for name, member in members.items() if member.isfile()}
    assert files == {".sourceignore", "app/.sourceignore", "keep.txt", "app/docs/b.md", "logo.png"}


def tagged(tenant):
    """Three releases, and a commit after them; returns tag -> commit."""
    commits = {}
    for tag in ("v1.0.0", "v1.2.0", "v2.0.0-rc.1"):
        commits[tag] = tenant.push({"app/a.yaml": stream(configmap("a", {"tag": tag}))}, tag)
        tenant.repository.tag(tag)
    commits["main"] = tenant.push({"app/a.yaml": stream(configmap("a", {"tag": "main"}))})
    return commits


@pytest.mark.parametrize("ref, revision", [
    ({"branch": "main"}, "main@sha1:{main}"),
    ({"tag": "v1.0.0"}, "v1.0.0@sha1:{v1.0.0}"),
    ({"semver": "1.x"}, "v1.2.0@sha1:{v1.2.0}"),
    ({"semver": ">=1.0.0-0"}, "v2.0.0-rc.1@sha1:{v2.0.0-rc.1}"),
    ({"commit": "v1.0.0"}, "sha1:{v1.0.0}"),
    ({"branch": "main", "commit": "v1.2.0"}, "main@sha1:{v1.2.0}"),
    ({"name": "refs/heads/main"}, "refs/heads/main@sha1:{main}"),
    ({"name": "refs/tags/v1.2.0"}, "refs/tags/v1.2.0@sha1:{v1.2.0}"),
], ids=["branch", "tag", "semver", "prerelease", "commit", "branch-and-commit", "name-branch",
        "name-tag"])
def test_reference(tenant, ref, revision):
    commits = tagged(tenant)
    if "commit" in ref:
        ref = {**ref, "commit": commits[ref["commit"]]}
    for tag, commit in commits.items():
        revision = revision.replace("{" + tag + "}", commit)
    tenant.source(ref=ref)
    artifact = tenant.wait_artifact(revision.rsplit(":", 1)[1])
    assert artifact["revision"] == revision


def test_new_tag_of_a_range_is_followed(tenant):
    tagged(tenant)
    tenant.source(ref={"semver": "1.x"}, interval="1s")
    tenant.wait_source()
    commit = tenant.push({"app/a.yaml": stream(configmap("a", {"tag": "v1.3.0"}))})
    tenant.repository.tag("v1.3.0")
    tenant.wait_artifact(commit)


def test_interval_finds_a_new_commit(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(interval="1s")
    tenant.unit()
    tenant.wait_applied(tenant.repository.head)
    commit = tenant.push_objects(configmap("a", {"key": "two"}))
    tenant.wait_applied(commit, timeout=5)


def test_polls_write_nothing(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(interval="1s")
    tenant.wait_source()
    audit = Audit(tenant.servers)
    polls = len(tenant.host.requests)
    time.sleep(4)
    assert len(tenant.host.requests) > polls
    assert audit.writes(namespace=tenant.namespace) == []


def test_branch_that_is_missing(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(ref={"branch": "nowhere"})
    message = tenant.wait_source("False", "GitOperationFailed")["message"]
    assert "nowhere" in message


def test_repository_gone_and_back(tenant):
    tenant.deploy(configmap("a"))
    tenant.repository.hide()
    tenant.pull_now()
    tenant.wait_source("False", "GitOperationFailed")
    assert tenant.get_source()["status"]["artifact"], "the last artifact stays"
    tenant.api.patch("configmaps", tenant.namespace, "a", {"data": {"key": "by hand"}})
    eventually(lambda: tenant.get("configmaps", "a")["data"] == {"key": "one"},
               what="healing from the last artifact")
    tenant.repository.show()
    commit = tenant.push_objects(configmap("a", {"key": "two"}))
    tenant.pull_now()
    tenant.wait_applied(commit)
    assert condition(tenant.get_source())["status"] == "True"


@pytest.mark.parametrize("fault", ["garbage", 500, 403])
def test_host_that_answers_nonsense(tenant, fault):
    commit = tenant.push_objects(configmap("a"))
    tenant.host.fail(tenant.repository.name, fault)
    tenant.source()
    message = tenant.wait_source("False", "GitOperationFailed")["message"]
    assert "\x1b" not in message
    tenant.host.fail(tenant.repository.name, None)
    tenant.wait_artifact(commit)  # tried again by itself
    tenant.wait_source()


def test_host_that_hangs_delays_nobody(tenant):
    """More repositories hang than the controller has workers: waiting for a host takes none."""
    commit = tenant.push_objects(configmap("a"))
    stuck = [f"{tenant.namespace}-stuck-{number}" for number in range(48)]
    before = len(tenant.host.requests)
    for name in stuck:
        tenant.host.fail(f"{name}.git", "hang")
        url = tenant.repository.url.replace(tenant.repository.name, f"{name}.git")
        tenant.source(name, url=url)
    eventually(lambda: len({name for name, *_ in tenant.host.requests[before:]} &
                           {f"{name}.git" for name in stuck}) == len(stuck) or None,
               what="a request for each of them")
    tenant.source()
    tenant.wait_artifact(commit, timeout=20)
    for name in stuck:
        tenant.host.fail(f"{name}.git", None)


def test_sources_of_one_repository_share_a_poll(tenant):
    """A host that hangs is asked twice, however many want to know."""
    commit = tenant.push_objects(configmap("a"))
    tenant.host.fail(tenant.repository.name, "hang")
    before = len(tenant.host.requests)
    names = [f"same-{number}" for number in range(12)]

    def polls():
        return [path for name, _, path in tenant.host.requests[before:]
                if name == tenant.repository.name]
    for name in names:
        tenant.source(name)
    eventually(lambda: len(polls()) == 2, what="the second request")
    never(lambda: len(polls()) > 2, 2, what="a third request")
    tenant.host.fail(tenant.repository.name, None)
    for name in names:
        tenant.wait_artifact(commit, name=name)


def test_host_that_hangs_times_out_and_recovers(tenant):
    commit = tenant.push_objects(configmap("a"))
    tenant.host.fail(tenant.repository.name, "hang")
    tenant.source(timeout="2s")
    tenant.wait_source("False", "GitOperationFailed", timeout=10)
    tenant.host.fail(tenant.repository.name, None)
    tenant.wait_artifact(commit)


def test_basic_auth(tenant, operator):
    password = "tröub4dor&3/:@"
    tenant.host.passwords[tenant.repository.name] = ("robot", password)
    commit = tenant.push_objects(configmap("a"))

    def login(secret):
        tenant.api.apply({"apiVersion": "v1", "kind": "Secret",
                          "metadata": {"name": "login", "namespace": tenant.namespace},
                          "stringData": {"username": "robot", "password": secret}})
    login("not-the-password")
    tenant.source(secretRef={"name": "login"})
    tenant.wait_source("False")
    login(password)
    tenant.pull_now()
    tenant.wait_artifact(commit)
    seen = str(tenant.get_source()) + str(tenant.api.list("events", tenant.namespace)) + \
        operator.text()
    for value in ("not-the-password", password, "tröub4dor"):
        assert value not in seen


def test_missing_credentials_are_named(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(secretRef={"name": "nowhere"})
    message = tenant.wait_source("False", "AuthenticationFailed")["message"]
    where = f"failed to get secret '{tenant.namespace}/nowhere': "
    assert message == where + where + 'secrets "nowhere" not found'


def test_suspended_source_is_not_polled(tenant):
    tenant.push_objects(configmap("a"))
    tenant.source(interval="1s")
    tenant.wait_source()
    tenant.api.patch("gitrepositories", tenant.namespace, "repo", {"spec": {"suspend": True}})
    time.sleep(1.5)
    commit = tenant.push_objects(configmap("a", {"key": "two"}))
    never(lambda: commit in summary(tenant.get_source()), 3, every=0.5, what="a fetch")
    tenant.api.patch("gitrepositories", tenant.namespace, "repo", {"spec": {"suspend": False}})
    tenant.wait_artifact(commit)


def test_unit_waits_for_a_source_that_comes_later(tenant):
    commit = tenant.push_objects(configmap("a"))
    tenant.unit()
    tenant.wait_failed("ArtifactFailed", "repo")
    tenant.source()
    tenant.wait_applied(commit)


def test_artifact_server_serves_nothing_else(tenant, operator):
    commit = tenant.push_objects(configmap("a"))
    tenant.source()
    tenant.wait_artifact(commit)
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                 "/gitrepository/..%2f..%2f..%2fetc/passwd", "/nothing"):
        status, body = operator.fetch(operator.storage_port, path)
        assert status in (400, 403, 404), path
        assert b"root:" not in body
