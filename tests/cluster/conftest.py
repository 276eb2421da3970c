"""The suite against a real API server. Every test has a namespace and a repository of its own, so
one API server and one operator serve most of them; a test that stops either gets its own."""
import itertools
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.git_host import GitHost  # noqa: E402
from harness.operator import NAMESPACE, Operator, fixpoint  # noqa: E402
from harness.servers import Servers  # noqa: E402
from harness.tenant import Tenant  # noqa: E402

numbers = itertools.count(1)


class Cluster:
    """API server and Git host, with our kinds installed."""

    def __init__(self):
        self.servers = Servers()
        self.operators = []
        self.host = None

    def start(self):
        self.servers.start()
        self.host = GitHost(self.servers.path("git"))
        export = subprocess.run([fixpoint(), "install", "--export"], check=True, text=True,
                                capture_output=True, timeout=30).stdout
        self.servers.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=export)
        namespaces = [item["metadata"]["name"] for item in self.servers.admin.list("namespaces")]
        if NAMESPACE not in namespaces:
            self.servers.kubectl("create", "namespace", NAMESPACE)
        self.servers.kubectl("wait", "--for=condition=Established", "crd", "--all")
        return self

    def operator(self, *arguments, user="fixpoint"):
        operator = Operator(self.servers, *arguments, user=user)
        self.operators.append(operator)
        return operator

    def tenant(self, test_name):
        short = re.sub("[^a-z0-9]+", "-", test_name.removeprefix("test_").lower())
        return Tenant(self.servers, self.host, f"{short[:50].strip('-')}-{next(numbers)}")

    def stop(self):
        for operator in self.operators:
            operator.kill()
        if self.host:
            self.host.stop()
        self.servers.stop()


def stop_cleanly(operator):
    """SIGTERM ends it soon and with status 0; under a sanitizer this is where leaks show."""
    if operator.is_running():
        assert operator.stop() < 10, "the operator did not stop within 10 s of SIGTERM"
        status = operator.popen.returncode
        assert status == 0, f"the operator ended with {status}:\n{operator.tail(60)}"


def running_cluster():
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def shared_cluster():
    yield from running_cluster()


@pytest.fixture(scope="session")
def operator(shared_cluster):
    operator = shared_cluster.operator()
    operator.start_ready()
    yield operator
    assert operator.is_running(), f"the operator ended:\n{operator.tail()}"
    stop_cleanly(operator)


@pytest.fixture(scope="session")
def servers(shared_cluster):
    return shared_cluster.servers


@pytest.fixture
def tenant(shared_cluster, operator, request):
    tenant = shared_cluster.tenant(request.node.name)
    yield tenant
    tenant.host.fail(tenant.repository.name, None)
    tenant.leave()
    assert operator.is_running(), f"the operator ended:\n{operator.tail()}"


@pytest.fixture(scope="module")
def private_cluster():
    """For tests that start, kill and restart operators, or the API server itself."""
    yield from running_cluster()


@pytest.fixture
def own_tenant(private_cluster, request):
    tenant = private_cluster.tenant(request.node.name)
    yield tenant
    operators = list(private_cluster.operators)
    private_cluster.operators.clear()
    try:
        for operator in operators:
            stop_cleanly(operator)
    finally:
        for operator in operators:
            operator.kill()
        tenant.leave(abandon=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A certificate for localhost that is its own authority."""
    folder = tmp_path_factory.mktemp("certificates")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, stderr=subprocess.DEVNULL)
    return {"server": (cert, key), "ca": (folder / "cert.pem").read_text()}


counts = {"passed": 0, "failed": 0}


def pytest_runtest_logreport(report):
    """Everything that did not pass has failed; there is no third state."""
    if report.when == "call" and report.passed:
        counts["passed"] += 1
    elif not report.passed:
        counts["failed"] += 1


def pytest_collectreport(report):
    counts["failed"] += not report.passed


def pytest_unconfigure():
    print(f"{counts['passed']} passed, {counts['failed']} failed")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Shows what the operators logged about the tenant of a failed test, and their last lines."""
    outcome = yield
    report = outcome.get_result()
    cluster = item.funcargs.get("shared_cluster") or item.funcargs.get("private_cluster")
    tenant = item.funcargs.get("tenant") or item.funcargs.get("own_tenant")
    for operator in cluster.operators if report.failed and cluster else []:
        lines = operator.text().splitlines()
        ours = [line for line in lines[:-5] if tenant and f'"{tenant.namespace}"' in line]
        report.sections.append((f"operator {operator.pid}", "\n".join(ours[-20:] + lines[-5:])))
