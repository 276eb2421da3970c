"""The whole way of an image: CI pushes a tag, a policy chooses it, a commit says so, the cluster
runs it."""
import pytest

from harness.eventually import eventually
from harness.manifests import secret
from harness.registry import Registry
from harness.repository import git
from harness.ssh_host import SshHost
from harness.tenant import summary

TAGS = 50
MANIFEST = """\
# Kept as it is.
apiVersion: apps/v1
kind: Deployment
metadata:
    name:   {app}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {app}}}}}
  template:
    metadata: {{labels: {{app: {app}}}}}
    spec:
      containers:
        - name: app

          image: {image}   # {{"$imagepolicy": "{policy}"}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    server = Registry(str(tmp_path_factory.mktemp("registry"))).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ssh_host(servers):
    host = SshHost(servers.path("sshd-images"))
    try:
        yield host.start()
    finally:
        host.stop()


class Chain:
    def __init__(self, tenant, registry):
        self.tenant, self.registry = tenant, registry
        self.git("config", "http.receivepack", "true")
        self.git("config", "receive.denyNonFastForwards", "true")

    def image(self, app):
        return f"{self.registry.host}/{self.tenant.namespace}/{app}"

    def push(self, app, *tags):
        self.registry.push(f"{self.tenant.namespace}/{app}", *tags)

    def manifest(self, app, tag):
        return MANIFEST.format(app=app, image=f"{self.image(app)}:{tag}",
                               policy=f"{self.tenant.namespace}:{app}")

    def git(self, *arguments):
        return git(*arguments, cwd=self.tenant.repository.bare)

    def follow(self, app, semver=">=1.0.0"):
        ours = self.tenant.apply_ours
        ours("ImageRepository", app, {"image": self.image(app), "interval": "1h"})
        ours("ImagePolicy", app, {"imageRepositoryRef": {"name": app},
                                  "policy": {"semver": {"range": semver}}})

    def automate(self, name="auto", path="./app"):
        self.tenant.apply_ours("ImageUpdateAutomation", name, {
            "interval": "1h", "sourceRef": {"kind": "GitRepository", "name": "repo"},
            "git": {"commit": {"author": {"name": "robot", "email": "robot@example.test"}}},
            "update": {"path": path, "strategy": "Setters"}})

    def wait_runs(self, app, tag, timeout=40):
        def runs():
            item = self.tenant.get("deployments", app)
            image = item and item["spec"]["template"]["spec"]["containers"][0]["image"]
            assert image == f"{self.image(app)}:{tag}", \
                f"{image}; {summary(self.tenant.get('imageupdateautomations', 'auto'))}"
            return item
        return eventually(runs, timeout=timeout, what=f"{app}:{tag} in the cluster")


@pytest.fixture(params=["http", "ssh"])
def source(request, tenant):
    """The repository, by the way it is reached: both for reading and for the pushes."""
    if request.param == "http":
        return {}
    host = request.getfixturevalue("ssh_host")
    tenant.api.apply(secret("ssh", {"identity": host.key(tenant.namespace),
                                    "known_hosts": host.known_hosts()},
                            namespace=tenant.namespace))
    return {"url": host.url(tenant.repository), "secretRef": {"name": "ssh"}}


def test_from_a_push_to_the_cluster(tenant, registry, source):
    chain = Chain(tenant, registry)
    chain.push("app", "1.4.2")
    tenant.push({"app/app.yaml": chain.manifest("app", "1.4.2")})
    tenant.source(**source)
    tenant.unit()
    chain.follow("app")
    chain.automate()
    chain.wait_runs("app", "1.4.2")

    chain.push("app", "1.4.3")
    tenant.request("imagerepositories", "app")
    chain.wait_runs("app", "1.4.3")
    assert chain.git("show", "main:app/app.yaml") == chain.manifest("app", "1.4.3").strip()
    tenant.wait_event("Succeeded", "pushed commit", "to branch 'main'", name="auto")


def test_many_tags_for_two_automations(tenant, registry):
    """Every update lands, nothing is forced, and the last state is the last tag of each."""
    chain = Chain(tenant, registry)
    apps = ("left", "right")
    for app in apps:
        chain.push(app, "1.0.0")
    tenant.push({f"app/{app}/app.yaml": chain.manifest(app, "1.0.0") for app in apps})
    tenant.source()
    tenant.unit()
    for app in apps:
        chain.follow(app)
        chain.automate(f"auto-{app}", path=f"./app/{app}")
        chain.wait_runs(app, "1.0.0")
    first = chain.git("rev-parse", "main")
    for number in range(1, TAGS // len(apps) + 1):
        for app in apps:
            chain.push(app, f"1.0.{number}")
            tenant.request("imagerepositories", app)
    for app in apps:
        chain.wait_runs(app, f"1.0.{TAGS // len(apps)}", timeout=60)
    subjects = chain.git("log", "--format=%an", f"{first}..main").split()
    assert subjects and set(subjects) == {"robot"}
    chain.git("merge-base", "--is-ancestor", first, "main")
