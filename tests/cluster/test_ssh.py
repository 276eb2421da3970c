"""Git over SSH: keys, host keys, servers that refuse or hang, and all the way into the cluster."""
import os
import re
import socket
import subprocess

import pytest

from harness import ports
from harness.eventually import eventually
from harness.manifests import configmap, secret, stream
from harness.operator import fixpoint
from harness.ssh_host import SshHost, read

FAST = {"interval": "1s", "timeout": "30s"}
HANDSHAKE = "ssh: handshake failed: "
REFUSED = HANDSHAKE + ("ssh: unable to authenticate, attempted methods [none publickey], "
                       "no supported methods remain")


def running(servers, name, *more):
    host = SshHost(servers.path(name), *more)
    try:
        yield host.start()
    finally:
        host.stop()


@pytest.fixture(scope="module")
def ssh_host(servers):
    yield from running(servers, "sshd")


@pytest.fixture
def own_host(servers, request):
    """One that may be changed."""
    yield from running(servers, request.node.name)


def credentials(tenant, name="ssh", **keys):
    tenant.api.apply(secret(name, {key.replace("__", "."): text for key, text in keys.items()},
                            namespace=tenant.namespace))


def connect(tenant, host, private=None, **spec):
    """The usual: a key that is let in, the host that is known."""
    private = private or host.key(tenant.namespace)
    credentials(tenant, identity=private, known_hosts=host.known_hosts())
    tenant.source(**{"url": host.url(tenant.repository), "secretRef": {"name": "ssh"}, **FAST,
                     **spec})


def wait_refused(tenant, text, reason="GitOperationFailed"):
    found = tenant.wait_source("False", reason, text, timeout=40)
    for ours in ("/proc/", "PRIVATE KEY", "/fd/"):
        assert ours not in found["message"]
    return found["message"]


def test_deploys_updates_and_heals(tenant, ssh_host):
    commit = tenant.push_objects(configmap("a"))
    connect(tenant, ssh_host)
    tenant.unit()
    tenant.wait_applied(commit, timeout=40)
    commit = tenant.push_objects(configmap("a", {"key": "two"}))
    tenant.wait_applied(commit, timeout=40)  # by polling alone
    assert tenant.get("configmaps", "a")["data"] == {"key": "two"}
    tenant.api.patch("configmaps", tenant.namespace, "a", {"data": {"key": "by hand"}})
    eventually(lambda: tenant.get("configmaps", "a")["data"]["key"] == "two", what="heal")


@pytest.mark.parametrize("kind,more", [("ed25519", ()), ("ecdsa", ("-b", "384")),
                                       ("rsa", ("-b", "2048")),
                                       ("rsa", ("-b", "2048", "-m", "PEM"))],
                         ids=["ed25519", "ecdsa", "rsa", "rsa-pem"])
def test_kinds_of_keys(tenant, ssh_host, kind, more):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    connect(tenant, ssh_host, ssh_host.key(tenant.namespace, kind, "", *more))
    tenant.wait_artifact(commit, timeout=40)


@pytest.mark.parametrize("more", [(), ("-m", "PEM")], ids=["openssh", "pem"])
def test_key_with_a_passphrase(tenant, ssh_host, more):
    """Without it, with a wrong one, with the right one, which has characters of shells."""
    passphrase = "it's a \"$(touch x)\" `\\n` pass %s !"
    private = ssh_host.key(tenant.namespace, "rsa", passphrase, "-b", "2048", *more)
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    connect(tenant, ssh_host, private)
    wait_refused(tenant, "SSH identity key is encrypted but no 'password' field was provided in "
                         f"the secret '{tenant.namespace}/ssh'", "AuthenticationFailed")
    credentials(tenant, password="s3cret-guess")
    tenant.pull_now()
    message = wait_refused(tenant, "the 'password' is not its passphrase")
    assert "s3cret-guess" not in message
    credentials(tenant, password=passphrase)
    tenant.pull_now()
    tenant.wait_artifact(commit, timeout=40)


def test_hashed_known_hosts_and_other_lines(tenant, ssh_host):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    lines = "# comment\n\nnonsense\n" + ssh_host.hashed_known_hosts().rstrip("\n")
    connect(tenant, ssh_host)
    credentials(tenant, known_hosts=lines)
    tenant.pull_now()
    tenant.wait_artifact(commit, timeout=40)


def test_unknown_host_is_refused(tenant, ssh_host):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    private = ssh_host.key(tenant.namespace)
    credentials(tenant, identity=private, known_hosts=ssh_host.known_hosts(port=1))
    tenant.source(url=ssh_host.url(tenant.repository), secretRef={"name": "ssh"}, **FAST)
    wait_refused(tenant, HANDSHAKE + "knownhosts: key is unknown")
    credentials(tenant, known_hosts=ssh_host.known_hosts())
    tenant.pull_now()
    tenant.wait_artifact(commit, timeout=40)


def test_changed_host_key_is_refused(tenant, own_host):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    connect(tenant, own_host)
    tenant.wait_artifact(commit, timeout=40)
    own_host.restart_as_another()
    tenant.push({"a.yaml": stream(configmap("b"))})
    wait_refused(tenant, f"unable to list remote for '{own_host.url(tenant.repository)}': "
                         + HANDSHAKE + "knownhosts: key mismatch")
    assert tenant.get_source()["status"]["artifact"]["revision"].endswith(commit)
    assert "Accepted publickey" not in own_host.process.text().rsplit("Server listening", 1)[1]


@pytest.mark.parametrize("missing", ["identity", "known_hosts"])
def test_incomplete_secret(tenant, ssh_host, missing):
    keys = {"identity": ssh_host.key(tenant.namespace), "known_hosts": ssh_host.known_hosts()}
    keys.pop(missing)
    tenant.push({"a.yaml": stream(configmap("a"))})
    credentials(tenant, **keys)
    tenant.source(url=ssh_host.url(tenant.repository), secretRef={"name": "ssh"}, **FAST)
    wait_refused(tenant, "failed to configure authentication options: invalid 'ssh' auth option: "
                         f"'{missing}' is required", "AuthenticationFailed")


def test_no_secret(tenant, ssh_host):
    tenant.push({"a.yaml": stream(configmap("a"))})
    tenant.source(url=ssh_host.url(tenant.repository), **FAST)
    wait_refused(tenant, "invalid 'ssh' auth option: 'identity' is required",
                 "AuthenticationFailed")


def test_key_that_is_not_let_in(tenant, ssh_host):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    private = ssh_host.key(tenant.namespace, allowed=False)
    connect(tenant, ssh_host, private)
    wait_refused(tenant, REFUSED)
    ssh_host.allow(read(os.path.join(ssh_host.folder, tenant.namespace + ".pub")))
    tenant.wait_artifact(commit, timeout=60)


def test_identity_that_is_no_key(tenant, ssh_host):
    tenant.push({"a.yaml": stream(configmap("a"))})
    connect(tenant, ssh_host, "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n")
    message = wait_refused(tenant, "'identity' of the secret cannot be read")
    assert "s3cret" not in message


def test_user_is_git_when_the_url_has_none(tenant, own_host):
    tenant.push({"a.yaml": stream(configmap("a"))})
    private = own_host.key(tenant.namespace, allowed=False)
    url = f"ssh://127.0.0.1:{own_host.port}{tenant.repository.bare}"
    connect(tenant, own_host, private, url=url)
    wait_refused(tenant, REFUSED)
    log = own_host.process.text()
    assert "user git " in log and f"user {own_host.user} " not in log


def test_repository_that_is_not_there(tenant, ssh_host):
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    tenant.repository.hide()
    connect(tenant, ssh_host)
    wait_refused(tenant, "repository not found")
    tenant.repository.show()
    tenant.wait_artifact(commit, timeout=60)


def test_repository_that_moves(tenant, ssh_host):
    first = tenant.push({"a.yaml": stream(configmap("a"))})
    connect(tenant, ssh_host)
    tenant.wait_artifact(first, timeout=40)
    moved = tenant.repository.bare + "-it's $(touch moved)!.git"
    os.rename(tenant.repository.bare, moved)
    wait_refused(tenant, "repository not found")
    tenant.repository.git("remote", "set-url", "origin", moved)
    second = tenant.push({"a.yaml": stream(configmap("b"))})
    path = moved.replace("'", "%27").replace(" ", "%20")
    connect(tenant, ssh_host, read(os.path.join(ssh_host.folder, tenant.namespace)),
            url=f"ssh://{ssh_host.user}@127.0.0.1:{ssh_host.port}{path}")
    tenant.wait_artifact(second, timeout=40)


def test_tags_semver_and_commits(tenant, ssh_host):
    commits = {}
    for tag in ("v1.0.0", "v1.2.0"):
        commits[tag] = tenant.push({"a.yaml": stream(configmap("a", {"tag": tag}))}, tag)
        tenant.repository.tag(tag)
    tenant.push({"a.yaml": stream(configmap("a", {"tag": "none"}))})
    connect(tenant, ssh_host, ref={"semver": "1.x"})
    artifact = tenant.wait_artifact(commits["v1.2.0"], timeout=40)
    assert artifact["revision"] == f"v1.2.0@sha1:{commits['v1.2.0']}"
    tenant.source("fixed", url=ssh_host.url(tenant.repository), secretRef={"name": "ssh"},
                  ref={"commit": commits["v1.0.0"]})
    tenant.wait_artifact(commits["v1.0.0"], "fixed", timeout=40)


def test_server_of_protocol_0(tenant, servers):
    """One that does not take GIT_PROTOCOL, so that it lists everything at once."""
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    for host in running(servers, "sshd-0", ""):
        connect(tenant, host)
        tenant.wait_artifact(commit, timeout=40)
        commit = tenant.push({"a.yaml": stream(configmap("b"))})
        tenant.wait_artifact(commit, timeout=40)


def test_host_that_is_down(tenant, ssh_host):
    tenant.push({"a.yaml": stream(configmap("a"))})
    port = ports.claim()
    connect(tenant, ssh_host, url=f"ssh://git@127.0.0.1:{port}/a.git")
    wait_refused(tenant, f"ssh: connect to host 127.0.0.1 port {port}: Connection refused")


def test_host_that_hangs_holds_nobody_up(tenant, ssh_host):
    """It takes connections and never says a word."""
    commit = tenant.push({"a.yaml": stream(configmap("a"))})
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        port = silent.getsockname()[1]
        private = ssh_host.key(tenant.namespace)
        credentials(tenant, identity=private, known_hosts=ssh_host.known_hosts())
        for number in range(6):
            tenant.source(f"stuck-{number}", url=f"ssh://git@127.0.0.1:{port}/a.git",
                          secretRef={"name": "ssh"}, interval="1s", timeout="3s")
        connect(tenant, ssh_host, private)
        tenant.wait_artifact(commit, timeout=60)
        found = tenant.wait_source("False", "GitOperationFailed", "took too long",
                                   name="stuck-0", timeout=60)
        assert "/proc/" not in found["message"]
        for number in range(6):
            tenant.api.delete("gitrepositories", tenant.namespace, f"stuck-{number}")


def test_host_that_talks_nonsense(tenant, ssh_host):
    """What it says is neither shown with its control characters nor believed."""
    tenant.push({"a.yaml": stream(configmap("a"))})
    private = ssh_host.key(tenant.namespace, allowed=False)
    ssh_host.allow(read(os.path.join(ssh_host.folder, tenant.namespace + ".pub")),
                   'command="printf \'000fnot\\033[31m git\\n\'",restrict')
    connect(tenant, ssh_host, private)
    found = tenant.wait_source("False", "GitOperationFailed", timeout=40)
    assert "\x1b" not in found["message"]
    assert "artifact" not in tenant.get_source()["status"]


def test_hostile_urls_start_nothing(tenant, ssh_host):
    """Options, quotes, control characters in host, user, path: refused, or one plain argument."""
    private = ssh_host.key(tenant.namespace)
    credentials(tenant, identity=private, known_hosts=ssh_host.known_hosts())
    mark = os.path.join(ssh_host.folder, "pwned")
    port = ssh_host.port
    refused = [f"ssh://-oProxyCommand=touch%20{mark}/a", f"ssh://-oProxyCommand=touch/{mark}",
               f"ssh://git@-oProxyCommand=x:{port}/a", "ssh://%2DoProxyCommand=x/a",
               f"ssh://-oProxyCommand=x@127.0.0.1:{port}/a", f"ssh://a$(touch)b@127.0.0.1:{port}/a",
               f"ssh://a%0Ab@127.0.0.1:{port}/a", f"ssh://git@127.0.0.1:{port}/a%0Ab",
               f"ssh://git@127.0.0.1:{port}/a%00b", f"ssh://git@127.0.0.1:{port}/a%0D",
               f"ssh://git@127.0.0.1:{port}/-u", f"ssh://git@127.0.0.1:{port}",
               f"ssh://git@127.0.0.1:{port}/a?b", f"ssh://git@127.0.0.1:{port}:{port}/a"]
    harmless = [f"ssh://{ssh_host.user}@127.0.0.1:{port}/x%27;touch%20{mark};%27",
                f"ssh://{ssh_host.user}@127.0.0.1:{port}/$(touch%20{mark})`touch%20{mark}`",
                f"ssh://{ssh_host.user}@127.0.0.1:{port}/a;touch%20{mark}"]
    for number, url in enumerate(refused + harmless):
        tenant.source(f"url-{number}", url=url, secretRef={"name": "ssh"}, **FAST)
    for number in range(len(refused)):
        tenant.wait_source("False", "URLInvalid", name=f"url-{number}", timeout=40)
    for number in range(len(refused), len(refused) + len(harmless)):
        tenant.wait_source("False", "GitOperationFailed", "repository not found",
                           name=f"url-{number}", timeout=40)
    assert not os.path.exists(mark)


def test_only_the_key_of_the_secret_is_offered(tenant, own_host):
    tenant.push({"a.yaml": stream(configmap("a"))})
    private = own_host.key(tenant.namespace, allowed=False)
    connect(tenant, own_host, private)
    wait_refused(tenant, REFUSED)
    offered = set(re.findall(r"Failed publickey for .* (SHA256:\S+)", own_host.process.text()))
    assert offered == {own_host.fingerprint(tenant.namespace)}
    assert "artifact" not in tenant.get_source()["status"]


def test_algorithms_are_those_of_the_flags(private_cluster, own_tenant):
    host = SshHost(private_cluster.servers.path("sshd-algorithms"),
                   "KexAlgorithms curve25519-sha256").start()
    try:
        private_cluster.operator("--ssh-kex-algos=diffie-hellman-group14-sha256",
                                 "--ssh-hostkey-algos=ssh-ed25519").start_ready()
        commit = own_tenant.push_objects(configmap("a"))
        connect(own_tenant, host)
        wait_refused(own_tenant, "no matching key exchange method")
        private_cluster.operators[-1].stop()
        private_cluster.operator("--ssh-kex-algos=curve25519-sha256",
                                 "--ssh-hostkey-algos=ssh-ed25519").start_ready()
        own_tenant.wait_artifact(commit, timeout=40)
    finally:
        host.stop()


def test_algorithms_that_are_none_are_refused():
    done = subprocess.run([fixpoint(), "run", "--ssh-kex-algos=a\nProxyCommand b"], text=True,
                          capture_output=True, timeout=30, check=False)
    assert done.returncode != 0 and "--ssh-kex-algos: names of algorithms" in done.stderr
