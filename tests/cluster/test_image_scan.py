"""Images in registries: what is found there, and what a policy chooses of it."""
import base64
import hashlib
import json
import threading

import pytest

from harness.eventually import eventually
from harness.registry import INDEX, PASSWORD, USER, Registry, docker_config
from harness.webhook import Webhook
from harness.tenant import condition, summary

POLICIES, REPOSITORIES = "imagepolicies", "imagerepositories"
MANY = 100_000


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    server = Registry(str(tmp_path_factory.mktemp("registry"))).start()
    yield server
    server.stop()


class Images:
    """What the tests do with a tenant."""

    def __init__(self, tenant, registry):
        self.tenant, self.registry = tenant, registry
        self.name = f"{tenant.namespace}/app"
        self.doubles = []

    def push(self, *tags, content=""):
        return self.registry.push(self.name, *tags, content=content)

    def repository(self, name="app", image=None, **spec):
        image = image or f"{self.registry.host}/{self.name}"
        return self.tenant.apply_ours("ImageRepository", name,
                                      {"interval": "1h", "image": image, **spec})

    def policy(self, name="app", repository="app", **spec):
        ref = repository if isinstance(repository, dict) else {"name": repository}
        return self.tenant.apply_ours("ImagePolicy", name, {"imageRepositoryRef": ref, **spec})

    def secret(self, name, kind="Opaque", **data):
        self.tenant.api.apply({
            "apiVersion": "v1", "kind": "Secret", "type": kind,
            "metadata": {"name": name, "namespace": self.tenant.namespace},
            "data": {key: base64.b64encode(value.encode()).decode()
                     for key, value in data.items()}})

    def pull_secret(self, name="pull", **who):
        self.secret(name, "kubernetes.io/dockerconfigjson",
                    **docker_config(self.registry.host, **who))

    def scan_now(self, name="app"):
        """Asks for a scan, and waits until it was made."""
        token = self.tenant.request(REPOSITORIES, name)
        def handled():
            item = self.tenant.get(REPOSITORIES, name)
            assert item["status"].get("lastHandledReconcileAt") == token, summary(item)
            return item
        return eventually(handled, what="the scan")

    def wait_scanned(self, count=None, name="app", timeout=20):
        text = "successful scan: found " + (f"{count} tags" if count is not None else "")
        return self.tenant.wait_condition(REPOSITORIES, name, "True", "Succeeded", text,
                                          timeout=timeout)

    def wait_unscanned(self, reason, text="", name="app", timeout=20):
        return self.tenant.wait_condition(REPOSITORIES, name, "False", reason, text,
                                          timeout=timeout)

    def wait_chosen(self, tag, name="app", timeout=20):
        def chosen():
            item = self.tenant.get(POLICIES, name)
            latest = (item or {}).get("status", {}).get("latestRef", {})
            assert latest.get("tag") == tag and condition(item).get("status") == "True", \
                f"{latest} {summary(item)}"
            return item
        return eventually(chosen, timeout=timeout, what=f"tag {tag}")

    def wait_unchosen(self, reason, text="", name="app"):
        return self.tenant.wait_condition(POLICIES, name, "False", reason, text)

    def double(self, answer, certificate=None, clients=None):
        """A registry that answers as the test says: answer(handler, request)."""
        double = Webhook(certificate=certificate, clients=clients)
        double.answer = answer
        double.host = f"127.0.0.1:{double.port}"
        self.doubles.append(double)
        return double


@pytest.fixture
def images(tenant, registry):
    images = Images(tenant, registry)
    yield images
    for double in images.doubles:
        double.stop()


def tags_of(*tags):
    return json.dumps({"name": "app", "tags": list(tags)}).encode()


def ping_or(answer):
    """A registry without authentication whose lists of tags are the test's."""
    def tell(handler, request):
        if request.path == "/v2/":
            handler.reply(200)
        else:
            answer(handler, request)
    return tell


# ---- policies ----

def test_semver(images):
    images.push("1.0.0", "1.4.2", "1.4.10", "2.0.0", "1.5.0-rc.1", "latest")
    images.repository()
    images.policy(policy={"semver": {"range": "1.x"}})
    found = images.wait_chosen("1.4.10")
    assert found["status"]["latestRef"]["name"] == f"{images.registry.host}/{images.name}"
    assert "digest" not in found["status"]["latestRef"]
    assert condition(found)["message"] == \
        f"Latest image tag for {images.registry.host}/{images.name} resolved to 1.4.10"


def test_new_tag_is_chosen_and_told(images):
    images.push("1.0.0")
    images.repository()
    images.policy(policy={"semver": {"range": ">=1.0.0"}})
    images.wait_chosen("1.0.0")
    images.push("1.1.0")
    images.scan_now()
    found = images.wait_chosen("1.1.0")
    assert found["status"]["observedPreviousRef"]["tag"] == "1.0.0"
    name = f"{images.registry.host}/{images.name}"
    assert condition(found)["message"].endswith(f"(previously {name}:1.0.0)")
    images.tenant.wait_event("Succeeded", "resolved to 1.1.0", f"previously {name}:1.0.0")


@pytest.mark.parametrize("policy,tag", [
    ({"semver": {"range": ">=1.5.0-0 <2.0.0-0"}}, "1.5.0-rc.1"),
    ({"semver": {"range": "~1.4.0"}}, "1.4.10"),
    ({"semver": {"range": "*"}}, "2.0.0"),
    ({"alphabetical": {"order": "asc"}}, "v9"),
    ({"alphabetical": {"order": "desc"}}, "1.4.10"),
    ({"alphabetical": {}}, "v9"),
])
def test_policies(images, policy, tag):
    images.push("1.4.2", "1.4.10", "2.0.0", "1.5.0-rc.1", "v9")
    images.repository()
    images.policy(policy=policy)
    images.wait_chosen(tag)


@pytest.mark.parametrize("order,tag", [("asc", "100"), ("desc", "9")])
def test_numerical(images, order, tag):
    images.push("9", "100", "20.5", "1e1")
    images.repository()
    images.policy(policy={"numerical": {"order": order}})
    images.wait_chosen(tag)


@pytest.mark.parametrize("filter_tags,policy,tag", [
    ({"pattern": r"^main-[a-f0-9]+-(?P<ts>\d+)$", "extract": "$ts"}, {"numerical": {}},
     "main-aa-30"),
    ({"pattern": r"^main-[a-f0-9]+-(?P<ts>\d+)$", "extract": "$ts"},
     {"numerical": {"order": "desc"}}, "main-bb-2"),
    ({"pattern": r"^rel-(.*)$", "extract": "$1"}, {"semver": {"range": "^1"}}, "rel-1.10.0"),
    ({"pattern": "^dev-"}, {"alphabetical": {}}, "dev-2026-02"),
])
def test_filter_and_extract(images, filter_tags, policy, tag):
    images.push("main-aa-30", "main-bb-2", "rel-1.9.0", "rel-1.10.0", "rel-2.0.0", "dev-2026-01",
                "dev-2026-02")
    images.repository()
    images.policy(filterTags=filter_tags, policy=policy)
    images.wait_chosen(tag)


@pytest.mark.parametrize("spec,reason,text", [
    ({"policy": {"semver": {"range": ">a"}}}, "InvalidPolicy", 'improper constraint: ">a"'),
    ({"policy": {"alphabetical": {}}, "filterTags": {"pattern": "["}}, "InvalidPolicy",
     "invalid regular expression pattern '['"),
    ({"policy": {}}, "InvalidPolicy", "needs one of semver"),
])
def test_policy_that_is_wrong_is_stalled(images, spec, reason, text):
    images.push("1.0.0")
    images.repository()
    images.policy(**spec)
    images.wait_unchosen(reason, text)
    images.tenant.wait_condition(POLICIES, "app", "True", reason, text, kind="Stalled")


@pytest.mark.parametrize("spec,text", [
    ({"policy": {"semver": {"range": ">5"}}},
     "unable to determine latest version from provided list"),
    ({"policy": {"numerical": {}}}, "failed to parse invalid numeric value"),
    ({"policy": {"alphabetical": {}}, "filterTags": {"pattern": "^nothing$"}},
     "version list argument cannot be empty"),
])
def test_nothing_to_choose(images, spec, text):
    images.push("1.0.0", "latest")
    images.repository()
    images.policy(**spec)
    images.wait_unchosen("Failure", text)


def test_policy_before_its_repository(images):
    images.policy(policy={"semver": {"range": "*"}})
    images.wait_unchosen("DependencyNotReady", "not found")
    images.push("1.0.0")
    images.repository()
    images.wait_chosen("1.0.0")


# ---- digests ----

def test_digest_if_not_present_is_kept(images):
    digest = images.push("1.0.0")
    images.repository()
    images.policy(policy={"semver": {"range": "*"}}, digestReflectionPolicy="IfNotPresent")
    found = images.wait_chosen("1.0.0")
    assert found["status"]["latestRef"]["digest"] == digest
    assert f"resolved to 1.0.0 with digest {digest}" in condition(found)["message"]
    images.push("1.0.0", content="moved")
    other = images.push("1.0.1", content="new")
    images.scan_now()
    assert images.wait_chosen("1.0.1")["status"]["latestRef"]["digest"] == other


def test_digest_of_a_moved_tag_is_followed(images):
    first = images.push("latest")
    images.repository()
    images.policy(policy={"alphabetical": {}}, digestReflectionPolicy="Always", interval="1s")
    assert images.wait_chosen("latest")["status"]["latestRef"]["digest"] == first
    second = images.push("latest", content="moved")

    def moved():
        status = images.tenant.get(POLICIES, "app")["status"]
        assert status["latestRef"]["digest"] == second, status
        return status
    assert eventually(moved)["observedPreviousRef"]["digest"] == first


def test_digest_that_is_a_lie(images):
    body, lie = b'{"schemaVersion":2}', "sha256:" + "0" * 64

    def answer(handler, request):
        if "tags/list" in request.path:
            handler.reply(200, tags_of("1.0.0"))
        else:
            handler.reply(200, body, {"Docker-Content-Digest": lie, "Content-Type": INDEX})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.policy(policy={"semver": {"range": "*"}}, digestReflectionPolicy="IfNotPresent")
    images.wait_unchosen("Failure", hashlib.sha256(body).hexdigest())
    assert "latestRef" not in images.tenant.get(POLICIES, "app")["status"]


# ---- what is scanned, and when ----

@pytest.mark.parametrize("image,text", [
    ("https://example.test/app", "should not include URL scheme; remove 'https://'"),
    ("example.test/app:1.0", "should not include a tag; remove ':1.0'"),
    ("example.test/App", "could not parse reference: example.test/App"),
])
def test_image_that_is_no_name(images, image, text):
    images.repository(image=image)
    images.wait_unscanned("ImageURLInvalid", text)
    images.tenant.wait_condition(REPOSITORIES, "app", "True", "ImageURLInvalid", kind="Stalled")


def test_status_of_a_scan(images):
    images.push(*[f"1.0.{i}" for i in range(12)], "1.0.0.sig", "1.0.0.debug")
    images.repository(exclusionList=["[.]debug$", "[.]sig$"])
    images.wait_scanned(12)
    status = images.tenant.get(REPOSITORIES, "app")["status"]
    assert status["canonicalImageName"] == f"{images.registry.host}/{images.name}"
    assert status["observedExclusionList"] == ["[.]debug$", "[.]sig$"]
    assert status["lastScanResult"]["tagCount"] == 12
    assert status["lastScanResult"]["latestTags"] == sorted(
        (f"1.0.{i}" for i in range(12)), reverse=True)[:10]


def test_signatures_are_passed_over_by_default(images):
    images.push("1.0.0", "sha256-00.sig")
    images.repository()
    images.wait_scanned(1)


def test_exclusion_that_is_no_expression(images):
    images.push("1.0.0")
    images.repository(exclusionList=["("])
    images.wait_unscanned("ReadOperationFailed", "failed to compile regex (")


def test_scans_are_rare_and_asked_for(images):
    double = images.double(ping_or(lambda handler, request: handler.reply(200, tags_of("1.0.0"))))
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(1)
    before = len(double.seen(path="/v2/app/"))
    images.tenant.api.patch(REPOSITORIES, images.tenant.namespace, "app",
                            {"metadata": {"labels": {"any": "thing"}}})
    images.scan_now()
    assert len(double.seen(path="/v2/app/")) == before + 1


def test_suspended_repository_is_not_scanned(images):
    double = images.double(ping_or(lambda handler, request: handler.reply(200, tags_of("1.0.0"))))
    images.repository(name="paused", image=f"{double.host}/paused", suspend=True)
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(1)
    assert not double.seen(path="/v2/paused/")


def test_deleted_repository_leaves_no_tags(images):
    images.push("1.0.0")
    images.repository()
    images.wait_scanned(1)
    images.tenant.api.delete(REPOSITORIES, images.tenant.namespace, "app")
    images.tenant.wait_gone(REPOSITORIES, "app")
    images.policy(policy={"semver": {"range": "*"}})
    images.wait_unchosen("DependencyNotReady")


def test_many_tags(images):
    pages = [[f"1.{i // 1000}.{i % 1000}" for i in range(start, start + 10_000)]
             for start in range(0, MANY, 10_000)]

    def answer(handler, request):
        at = int(request.path.partition("at=")[2] or 0)
        more = {"Link": f'</v2/app/tags/list?at={at + 1}>; rel="next"'} if at < 9 else {}
        handler.reply(200, tags_of(*pages[at]), more)
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.policy(policy={"semver": {"range": "<1.50.0"}})
    images.wait_scanned(MANY, timeout=60)
    images.wait_chosen("1.49.999")


# ---- across namespaces ----

@pytest.mark.parametrize("access,reason,text", [
    (None, "AccessDenied", "due to missing ACL labels on 'accessFrom'"),
    ({"namespaceSelectors": [{"matchLabels": {"no": "such"}}]}, "AccessDenied",
     "due to ACL labels mismatch on namespace"),
    ({"namespaceSelectors": [{"matchLabels": {"no": "such"}}, {}]}, None, ""),
])
def test_repository_of_another_namespace(images, shared_cluster, request, access, reason, text):
    guest = shared_cluster.tenant(request.node.name)
    try:
        images.push("1.0.0")
        images.repository(accessFrom=access)
        images.wait_scanned(1)
        theirs = Images(guest, images.registry)
        theirs.policy(repository={"name": "app", "namespace": images.tenant.namespace},
                      policy={"semver": {"range": "*"}})
        if reason:
            theirs.wait_unchosen(reason, text)
        else:
            theirs.wait_chosen("1.0.0")
    finally:
        guest.leave()


# ---- credentials ----

@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    server = Registry(str(tmp_path_factory.mktemp("locked")), auth=True).start()
    yield server
    server.stop()


def test_basic_authentication(images, locked):
    images.registry = locked
    images.push("1.0.0")
    images.repository()
    images.wait_unscanned("ReadOperationFailed", "UNAUTHORIZED")
    images.pull_secret()
    images.repository(secretRef={"name": "pull"})
    images.wait_scanned(1)


def test_pull_secret_of_the_service_account(images, locked):
    images.registry = locked
    images.push("1.0.0")
    images.pull_secret()
    images.tenant.api.apply({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": images.tenant.namespace},
        "imagePullSecrets": [{"name": "missing"}, {"name": "pull"}]})
    images.repository(serviceAccountName="puller")
    images.wait_scanned(1)


def test_wrong_password_is_refused_and_not_told(images, locked):
    images.registry = locked
    images.push("1.0.0")
    images.pull_secret(password="not the right one")
    images.repository(secretRef={"name": "pull"})
    found = images.wait_unscanned("ReadOperationFailed", "UNAUTHORIZED")
    assert "not the right one" not in found["message"]


@pytest.mark.parametrize("kind,data,text", [
    (None, {}, "failed to get secret"),
    ("Opaque", {"username": "x"}, "kubernetes.io/dockerconfigjson"),
])
def test_secret_that_is_of_no_use(images, kind, data, text):
    if kind:
        images.secret("pull", kind, **data)
    images.repository(secretRef={"name": "pull"})
    images.wait_unscanned("AuthenticationFailed", text)


def test_private_authority(images, certificates, tmp_path):
    certificate, key = certificates["server"]
    server = Registry(str(tmp_path), tls=(certificate, key, certificate)).start()
    try:
        images.registry = server
        images.push("1.0.0")
        images.repository()
        images.wait_unscanned("ReadOperationFailed", "certificate")
        with open(certificate, encoding="utf-8") as file:
            images.secret("trust", **{"ca.crt": file.read()})
        images.repository(certSecretRef={"name": "trust"})
        images.wait_scanned(1)
    finally:
        server.stop()


def test_client_certificate(images, certificates):
    double = images.double(ping_or(lambda handler, request: handler.reply(200, tags_of("1.0.0"))),
                           certificate=certificates["server"],
                           clients=certificates["server"][0])
    texts = {}
    for name, path in (("ca.crt", certificates["server"][0]),
                       ("tls.crt", certificates["server"][0]),
                       ("tls.key", certificates["server"][1])):
        with open(path, encoding="utf-8") as file:
            texts[name] = file.read()
    images.secret("mutual", **texts)
    images.repository(image=f"{double.host}/app", certSecretRef={"name": "mutual"})
    images.wait_scanned(1)


class TokenRegistry:
    """A registry that wants tokens of its own token server, on one port."""

    def __init__(self, images, realm=None):
        self.asked = []
        self.double = images.double(self.answer)
        self.host = self.double.host
        self.realm = realm or f"{self.double.url}/token"

    def answer(self, handler, request):
        if request.path.startswith("/token"):
            self.asked.append((request.path, request.headers.get("Authorization")))
            handler.reply(200, json.dumps({"token": "a-token", "expires_in": 300}).encode())
        elif request.headers.get("Authorization") == "Bearer a-token":
            handler.reply(200, tags_of("1.0.0"))
        else:
            challenge = (f'Bearer realm="{self.realm}",service="registry",'
                         'scope="repository:app:pull"')
            handler.reply(401, b"{}", {"WWW-Authenticate": challenge})


def test_token_server(images):
    server = TokenRegistry(images)
    images.secret("pull", "kubernetes.io/dockerconfigjson", **docker_config(server.host))
    images.repository(image=f"{server.host}/app", secretRef={"name": "pull"})
    images.wait_scanned(1)
    images.scan_now()
    assert len(server.asked) == 1, "the token is kept"
    path, who = server.asked[0]
    assert "service=registry" in path and "scope=repository%3Aapp%3Apull" in path
    assert base64.b64decode(who.removeprefix("Basic ")).decode() == f"{USER}:{PASSWORD}"


@pytest.mark.parametrize("host", ["localhost", "169.254.169.254"])
def test_token_server_elsewhere_gets_no_credentials(images, host):
    thief = images.double(lambda handler, request: handler.reply(200, b'{"token":"x"}'))
    server = TokenRegistry(images, realm=f"http://{host}:{thief.port}/token")
    images.secret("pull", "kubernetes.io/dockerconfigjson", **docker_config(server.host))
    images.repository(image=f"{server.host}/app", secretRef={"name": "pull"})
    images.wait_unscanned("ReadOperationFailed", "credentials are not sent there")
    assert not thief.requests


def test_redirect_takes_no_credentials_along(images):
    other = images.double(lambda handler, request: handler.reply(200, tags_of("1.0.0")))

    def answer(handler, request):
        if not request.headers.get("Authorization"):
            handler.reply(401, b"{}", {"WWW-Authenticate": 'Basic realm="x"'})
        else:
            handler.reply(307, b"", {"Location": f"http://localhost:{other.port}/elsewhere"})
    double = images.double(ping_or(answer))
    images.secret("pull", "kubernetes.io/dockerconfigjson", **docker_config(double.host))
    images.repository(image=f"{double.host}/app", secretRef={"name": "pull"})
    images.wait_scanned(1)
    assert [request.headers.get("Authorization") for request in other.requests] == [None]


def test_proxy(images):
    def answer(handler, request):
        assert request.path.startswith("http://registry.localhost/"), request.path
        handler.reply(200, tags_of("1.0.0"))
    proxy = images.double(answer)
    images.secret("proxy", address=proxy.url, username="who", password="what")
    images.repository(image="registry.localhost/app", insecure=True,
                      proxySecretRef={"name": "proxy"})
    images.wait_scanned(1)
    who = base64.b64encode(b"who:what").decode()
    assert proxy.requests[-1].headers["Proxy-Authorization"] == f"Basic {who}"


# ---- registries that are in trouble, or want us to be ----

def test_registry_down_and_back(images, tmp_path):
    server = Registry(str(tmp_path)).start()
    images.registry = server
    images.push("1.0.0")
    images.repository()
    images.wait_scanned(1)
    server.stop()
    images.tenant.request(REPOSITORIES, "app")
    images.wait_unscanned("ReadOperationFailed", "scan failed", timeout=40)
    server.start()
    try:
        images.wait_scanned(1, timeout=40)
    finally:
        server.stop()


def test_repository_that_is_missing(images):
    images.repository()
    images.wait_unscanned("ReadOperationFailed", "NAME_UNKNOWN")
    images.push("1.0.0")
    images.wait_scanned(1, timeout=40)


def test_registry_that_hangs_delays_nobody(images):
    released = threading.Event()
    double = images.double(lambda handler, request: released.wait(60))
    try:
        for i in range(20):
            images.repository(name=f"hanging-{i}", image=f"{double.host}/app{i}")
        eventually(lambda: double.requests, what="a request that hangs")
        images.push("1.0.0")
        images.repository()
        images.wait_scanned(1)
    finally:
        released.set()


def test_too_many_requests(images):
    refused = []

    def answer(handler, request):
        if len(refused) < 2:
            refused.append(request)
            handler.reply(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
                          {"Retry-After": "1"})
        else:
            handler.reply(200, tags_of("1.0.0"))
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(1, timeout=40)
    times = [request.at for request in double.seen(path="/v2/app/")]
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[1:])), times


def test_pages_are_followed(images):
    def answer(handler, request):
        if "last=" in request.path:
            handler.reply(200, tags_of("2.0.0"))
        else:
            handler.reply(200, tags_of("1.0.0"),
                          {"Link": '</v2/app/tags/list?n=1&last=1.0.0>; rel="next"'})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(2)


@pytest.mark.parametrize("tags", [("1.0.0",), ()])
def test_pages_without_an_end(images, tags):
    def answer(handler, request):
        at = int(request.path.partition("at=")[2] or 0)
        handler.reply(200, tags_of(*tags) if at == 0 else tags_of(),
                      {"Link": f'</v2/app/tags/list?at={at + 1}>; rel="next"'})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.wait_unscanned("ReadOperationFailed", "do not come to an end")


def test_pages_in_a_circle(images):
    """Each page has tags, so that only its address tells that it was there before."""
    def answer(handler, request):
        at = int(request.path.partition("at=")[2] or 0)
        handler.reply(200, tags_of(f"1.{at}.0"),
                      {"Link": f'</v2/app/tags/list?at={1 if at == 3 else at + 1}>; rel="next"'})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.wait_unscanned("ReadOperationFailed", "do not come to an end")
    pages = [request.path.partition("?")[2] for request in double.requests
             if "tags/list" in request.path]
    assert pages[:4] == ["n=1000", "at=1", "at=2", "at=3"]
    assert pages[4:5] in ([], ["n=1000"]), "a page was asked for twice in one scan"


def test_pages_that_lead_elsewhere(images):
    other = images.double(lambda handler, request: handler.reply(200, tags_of("9.9.9")))
    link = {"Link": f'<http://127.0.0.1:{other.port}/v2/app/tags/list>; rel="next"'}
    double = images.double(
        ping_or(lambda handler, request: handler.reply(200, tags_of("1.0.0"), link)))
    images.repository(image=f"{double.host}/app")
    images.wait_unscanned("ReadOperationFailed", "leads to another server")
    assert not other.requests


@pytest.mark.parametrize("body,text", [
    (b"<html>", "tags/list"),
    (b'{"tags":{"a":1}}', "'tags' of the answer is no list"),
    (b"[" * 100_000, "tags/list"),
])
def test_answers_that_are_no_list(images, body, text):
    double = images.double(ping_or(lambda handler, request: handler.reply(200, body)))
    images.repository(image=f"{double.host}/app")
    images.wait_unscanned("ReadOperationFailed", text)


def test_tags_that_no_registry_may_have(images):
    strange = ["1.0.0", "a\nb", "../up", "x" * 129, "", "é", 5, None, "yes", "1e3", "1.0.0"]
    double = images.double(ping_or(
        lambda handler, request: handler.reply(200, json.dumps({"tags": strange}).encode())))
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(3)
    assert images.tenant.get(REPOSITORIES, "app")["status"]["lastScanResult"]["latestTags"] == \
        ["yes", "1e3", "1.0.0"]


def test_restart_knows_the_tags(private_cluster, own_tenant, registry, tmp_path):
    server = Registry(str(tmp_path)).start()
    images = Images(own_tenant, server)
    images.push("1.0.0", "1.1.0")
    operator = private_cluster.operator()
    operator.start_ready()
    images.repository()
    images.wait_scanned(2)
    server.stop()
    operator.stop()
    operator.start_ready()
    images.policy(policy={"semver": {"range": "*"}})
    images.wait_chosen("1.1.0")


def test_list_that_is_the_same_is_not_sent_again(images):
    def answer(handler, request):
        if request.headers.get("If-None-Match") == '"one"':
            handler.reply(304, b"", {"ETag": '"one"'})
        else:
            handler.reply(200, tags_of("1.0.0"), {"ETag": '"one"'})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.wait_scanned(1)
    images.scan_now()
    images.wait_scanned(1)
    asked = [request.headers.get("If-None-Match") for request in double.seen(path="/v2/app/")]
    assert asked == [None, '"one"']
    images.repository(image=f"{double.host}/app", exclusionList=["^1[.]"])
    images.wait_scanned(0)


def test_manifest_without_an_end(images):
    def answer(handler, request):
        if "tags/list" in request.path:
            handler.reply(200, tags_of("1.0.0"))
        else:
            handler.reply(200, b"x" * (5 << 20), {"Content-Type": INDEX})
    double = images.double(ping_or(answer))
    images.repository(image=f"{double.host}/app")
    images.policy(policy={"semver": {"range": "*"}}, digestReflectionPolicy="IfNotPresent")
    images.wait_unchosen("Failure", "has more than 4194304 bytes")


@pytest.mark.parametrize("location,text", [
    ("/v2/app/tags/list?again", "more than 3 redirects"),
    ("file:///etc/passwd", "redirect: URL has no host"),
    ("ftp://127.0.0.1/etc/passwd", "scheme 'ftp' is not http or https"),
])
def test_redirects_that_lead_nowhere(images, location, text):
    double = images.double(
        ping_or(lambda handler, request: handler.reply(307, b"", {"Location": location})))
    images.repository(image=f"{double.host}/app")
    images.wait_unscanned("ReadOperationFailed", text)
