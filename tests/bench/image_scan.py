"""Scans of 200 repositories with 1,000 tags each, and a choice among 100,000 tags."""
import json
import os
import subprocess
import time

from harness.audit import WRITES, Audit
from harness.eventually import eventually
from harness.git_host import GitHost
from harness.operator import Operator, fixpoint
from harness.servers import Servers
from harness.tenant import Tenant, condition
from harness.webhook import Webhook

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REPOSITORIES, TAGS = 200, 1000


def registry():
    """A registry of which only the lists of tags are there."""
    body = json.dumps({"name": "app", "tags": [f"1.{tag}.0" for tag in range(TAGS)]}).encode()
    double = Webhook()
    double.answer = lambda handler, request: handler.reply(200, body)
    return double


class Scanned:
    def __init__(self, servers, double):
        self.servers, self.double = servers, double
        self.tenant = Tenant(servers, GitHost(servers.path("git")), "images")
        self.operator = Operator(servers).start_ready()

    def repositories(self, **more):
        for number in range(REPOSITORIES):
            self.tenant.apply_ours("ImageRepository", f"app-{number}", {
                "interval": "1h", "image": f"127.0.0.1:{self.double.port}/app-{number}", **more})

    def ready(self, plural, count):
        def all_ready():
            items = self.tenant.api.list(plural, "images")
            good = [item for item in items if condition(item).get("status") == "True" and
                    item["status"].get("observedGeneration") == item["metadata"]["generation"]]
            assert len(good) == count, f"{len(good)} of {count}"
            return True
        eventually(all_ready, timeout=600, every=0.2, what=plural)

    def measured(self, work):
        self.double.forget()
        audit, cpu, begun = Audit(self.servers), self.operator.cpu_seconds(), time.monotonic()
        work()
        seconds, cpu = time.monotonic() - begun, self.operator.cpu_seconds() - cpu
        ours = [r for r in audit.requests() if "watch=" not in r]
        writes = [r for r in ours if r.split()[0] in WRITES]
        return [f"{seconds:.2f}", len(self.double.requests), len(ours), len(writes),
                f"{cpu:.2f}", self.operator.memory_mib("VmHWM")]

    def first_scan(self):
        self.repositories()
        self.ready("imagerepositories", REPOSITORIES)

    def policies(self):
        for number in range(REPOSITORIES):
            self.tenant.apply_ours("ImagePolicy", f"app-{number}", {
                "imageRepositoryRef": {"name": f"app-{number}"},
                "policy": {"semver": {"range": ">=1.0.0"}}})
        self.ready("imagepolicies", REPOSITORIES)

    def scan_again(self):
        self.repositories(exclusionList=["^none$"])
        self.ready("imagerepositories", REPOSITORIES)


def measure_choice(print_row):
    print("\nan ImagePolicy chooses among 100,000 tags")
    print_row("", ["ms"])
    out = subprocess.run([f"{ROOT}/build/bench/policy", "100000"], check=True,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        name, milliseconds = line.split()
        print_row(name, [milliseconds])


def measure(print_row):
    measure_choice(print_row)
    print(f"\n{REPOSITORIES} ImageRepositories of {TAGS} tags at one registry")
    print_row("", ["seconds", "registry", "API", "writes", "CPU s", "peak MiB"])
    servers, double = Servers(), registry()
    scanned = None
    try:
        servers.start()
        export = subprocess.run([fixpoint(), "install", "--export"], check=True,
                                capture_output=True, text=True).stdout
        servers.kubectl("apply", "--server-side", "-f", "-", stdin=export)
        scanned = Scanned(servers, double)
        print_row("first scan", scanned.measured(scanned.first_scan))
        print_row("200 policies", scanned.measured(scanned.policies))
        print_row("scan again", scanned.measured(scanned.scan_again))
    finally:
        if scanned:
            scanned.operator.kill()
        servers.stop()
        double.stop()
