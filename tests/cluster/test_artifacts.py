"""The artifact server gives nothing but artifacts, and who takes an artifact verifies it."""
import hashlib
import http.client
import io
import socket
import tarfile
import urllib.parse

import pytest

from harness.manifests import configmap, document
from harness.webhook import Webhook


class Store:
    """The artifact of a source, as a client sees it."""

    def __init__(self, tenant, operator):
        commit = tenant.push_objects(configmap("settings"))
        tenant.source()
        self.artifact = tenant.wait_artifact(commit)
        self.path = urllib.parse.urlparse(self.artifact["url"]).path
        self.port = operator.storage_port
        self.bytes = self.get(self.path)[1]

    def get(self, path, method="GET", **headers):
        """(status, body, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value
                                                      for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def raw(self, text):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as wire:
            wire.sendall(text)
            return int(wire.recv(4096).split(b" ")[1])


@pytest.fixture
def store(tenant, operator):
    return Store(tenant, operator)


def test_bytes_are_those_of_the_digest(store):
    assert "sha256:" + hashlib.sha256(store.bytes).hexdigest() == store.artifact["digest"]
    assert len(store.bytes) == store.artifact["size"]


def test_folders_are_not_listed(store):
    folder = store.path
    while folder != "/":
        folder = folder.rsplit("/", 1)[0] or "/"
        for path in (folder, folder.rstrip("/") + "/", folder.rstrip("/") + "/."):
            status, body, _ = store.get(path)
            assert status in (400, 404), path
            assert b".tar.gz" not in body


def test_paths_that_lead_elsewhere(store):
    kind, namespace, name, file = store.path.strip("/").split("/")[-4:]
    for path in (
            "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/./" + store.path,
            f"/{kind}/..%2f..%2f..%2fetc/passwd", f"/{kind}/{namespace}/{name}/../{name}/{file}",
            f"/{kind}/{namespace}/{name}/%2e%2e/{name}/{file}", f"{store.path}%00",
            f"{store.path}/", f"{store.path}/.", f"{store.path}\\",
            store.path.replace("/", "//", 1),
            f"/{kind}/{namespace}/{name}/{file}x", f"/{kind}/{namespace}/{name}/.lock",
            f"/{kind}/{namespace}/{name}/..", "/mirror", "/mirror/", "/trees"):
        status, body, _ = store.get(path.replace(" ", "%20"))
        assert status in (400, 404), path
        assert b"root:" not in body and store.bytes not in body, path
    assert store.get(store.path + "?x=1")[0] in (200, 404)


def test_artifacts_of_others_are_not_guessed(store):
    """The name of the file is the digest of a revision; a wrong one tells nothing."""
    folder, file = store.path.rsplit("/", 1)
    for wrong in ("0" * 64 + ".tar.gz", file[:-8] + ".tar.gz", "latest.tar.gz"):
        assert store.get(f"{folder}/{wrong}")[:2] == store.get("/nothing/of/the/kind")[:2]


def test_methods(store):
    status, body, headers = store.get(store.path, "HEAD")
    assert (status, body, int(headers["Content-Length"])) == (200, b"", len(store.bytes))
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert store.get(store.path, method)[0] in (400, 405), method
    assert store.get(store.path)[1] == store.bytes


def test_ranges_and_conditions(store):
    size = len(store.bytes)
    assert store.get(store.path, Range="bytes=0-9")[:2] == (206, store.bytes[:10])
    assert store.get(store.path, Range=f"bytes={size}-")[0] == 416
    for bomb in ("bytes=" + ",".join(f"{i}-{i}" for i in range(1000)), "bytes=9-1", "bytes=--",
                 "bytes=0-99999999999999999999", "bytes=0-,0-,0-,0-", "lines=1-2"):
        status, body, _ = store.get(store.path, Range=bomb)
        assert status in (200, 206, 400, 416), bomb
        assert len(body) <= size, bomb
    headers = store.get(store.path)[2]
    assert store.get(store.path, If_None_Match=headers["ETag"])[:2] == (304, b"")
    assert store.get(store.path, If_None_Match='"other"')[0] == 200
    assert store.get(store.path, If_Modified_Since=headers["Last-Modified"])[0] == 304


def test_requests_that_are_none(store):
    path = store.path.encode()
    for text in (b"GET http://other.test/ HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET " + path[1:] + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                 b"Content-Length: 2\r\n\r\n"):
        assert store.raw(text) in (400, 404)


# ---- artifacts that others made ----

def archive(*items):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for number, item in enumerate(items):
            text = document(item).encode()
            member = tarfile.TarInfo(f"app/{number}.yaml")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return data.getvalue()


def publish(tenant, server, body, digest):
    """What a source-controller of somebody else would write."""
    server.body = body
    tenant.source()
    revision = f"main@sha1:{hashlib.sha1(digest.encode()).hexdigest()}"
    tenant.api.patch("gitrepositories", tenant.namespace, "repo", {"status": {
        "observedGeneration": 1, "artifact": {
            "path": "x", "url": f"{server.url}/{digest[:8]}.tar.gz", "revision": revision,
            "digest": digest, "size": len(body), "lastUpdateTime": "2026-01-01T00:00:00Z"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "",
                        "lastTransitionTime": "2026-01-01T00:00:00Z"}]}},
        subresource="/status")
    return revision


def digest_of(body):
    return "sha256:" + hashlib.sha256(body).hexdigest()


def test_artifact_with_other_bytes_is_refused(private_cluster, own_tenant):
    operator = private_cluster.operator("--controllers", "kustomization")
    operator.start_ready()
    server, tenant = Webhook(), own_tenant
    try:
        good, evil = archive(configmap("settings")), archive(configmap("evil"))
        publish(tenant, server, evil, digest_of(good))
        tenant.unit()
        tenant.wait_failed("ArtifactFailed", "digest")
        assert not tenant.exists("configmaps", "evil")
        publish(tenant, server, evil[:-20], digest_of(evil))
        tenant.wait_failed("ArtifactFailed")
        assert not tenant.exists("configmaps", "evil")
        revision = publish(tenant, server, good, digest_of(good + b""))
        tenant.request("kustomizations", "app")
        tenant.wait_applied(revision)
        assert tenant.exists("configmaps", "settings")
    finally:
        server.stop()
