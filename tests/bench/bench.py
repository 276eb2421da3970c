#!/usr/bin/env python3
"""Measures fixpoint and prints a table: bench.py [UNITS...].

Times on a shared machine are only comparable within one run; counts of requests are exact. For each
number of Kustomizations, each with four objects from one repository: creating them until all are
Ready, one commit that changes one object in each, one commit that changes one object in one, idle
time, and up to a hundred objects changed by hand until all are as in Git again. The kustomize
engine and the delivery of notices are measured alone, first; what a unit costs among ten thousand,
on the sandbox, last."""
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness.api import STRATEGIC  # noqa: E402
from harness.audit import WRITES, Audit  # noqa: E402
from harness.eventually import eventually  # noqa: E402
from harness.git_host import GitHost  # noqa: E402
from harness.manifests import (configmap, deployment, kustomization_file, service,  # noqa: E402
                               stream)
from harness.operator import Operator, fixpoint  # noqa: E402
from harness.servers import Servers  # noqa: E402
from harness.tenant import Tenant, condition  # noqa: E402

import engine  # noqa: E402
import image_scan  # noqa: E402
import image_update  # noqa: E402
import scale  # noqa: E402

IDLE_SECONDS = 30


def manifests(number, version):
    name = f"app-{number}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    return stream(account, service(name), configmap(name, {"level": "info"}),
                  deployment(name, image=f"registry.example.com/app:1.{version}.0"))


class Fleet:
    """Units with four objects each, in one namespace, from one repository."""

    def __init__(self, units):
        self.units = units
        self.servers = Servers()

    def start(self):
        self.servers.start()
        host = GitHost(self.servers.path("git"))
        export = subprocess.run([fixpoint(), "install", "--export"], check=True,
                                capture_output=True, text=True).stdout
        self.servers.kubectl("apply", "--server-side", "-f", "-", stdin=export)
        self.tenant = Tenant(self.servers, host, "fleet")
        self.operator = Operator(self.servers, "--concurrent", "20").start_ready()

    def commit(self, numbers, version):
        files = {f"apps/{number}/app.yaml": manifests(number, version) for number in numbers}
        files.update({f"apps/{number}/kustomization.yaml": kustomization_file("app.yaml")
                      for number in numbers})
        return self.tenant.push(files)

    def wait(self, commit):
        def all_ready():
            items = self.tenant.api.list("kustomizations", "fleet")
            ready = [item for item in items if condition(item).get("status") == "True" and
                     item["status"].get("lastAppliedRevision", "").endswith(commit)]
            assert len(ready) == self.units, f"{len(ready)} of {self.units} are ready"
            return True
        eventually(all_ready, timeout=600, what="all units")

    def measured(self, work):
        """Seconds, requests, writes and CPU seconds of the operator while work runs."""
        audit, cpu, begun = Audit(self.servers), self.operator.cpu_seconds(), time.monotonic()
        work()
        seconds, cpu = time.monotonic() - begun, self.operator.cpu_seconds() - cpu
        requests = [r for r in audit.requests() if "watch=" not in r]
        writes = [r for r in requests if r.split()[0] in WRITES and "dryRun=" not in r]
        return [f"{seconds:.2f}", len(requests), len(writes), f"{cpu:.2f}",
                self.operator.memory_mib()]

    def create(self):
        commit = self.tenant.repository.head
        self.tenant.source()
        for number in range(self.units):
            self.tenant.unit(f"app-{number}", path=f"./apps/{number}", wait=True)
        self.wait(commit)

    def change(self, numbers, version):
        commit = self.commit(numbers, version)

        def follow():
            self.tenant.pull_now()
            self.wait(commit)
        return self.measured(follow)

    def drift(self):
        names = [f"app-{number}" for number in range(min(100, self.units))]
        image = {"spec": {"template": {"spec": {"containers": [
            {"name": "app", "image": "by-hand:1"}]}}}}

        def heal():
            for name in names:
                self.tenant.api.patch("deployments", "fleet", name, image, STRATEGIC)
            eventually(lambda: not any(
                item["spec"]["template"]["spec"]["containers"][0]["image"] == "by-hand:1"
                for item in self.tenant.api.list("deployments", "fleet")), what="healing")
        return self.measured(heal)

    def rows(self):
        self.commit(range(self.units), 1)
        yield "create, until all are Ready", self.measured(self.create)
        time.sleep(3)
        yield "one commit, one object in each", self.change(range(self.units), 2)
        time.sleep(3)
        yield "one commit, one object in one", self.change([0], 3)
        time.sleep(3)
        yield f"idle for {IDLE_SECONDS} s", self.measured(lambda: time.sleep(IDLE_SECONDS))
        yield "changed by hand, until healed", self.drift()


def print_row(title, cells):
    print(f"  {title:34}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def measure_fleet(units):
    fleet = Fleet(units)
    try:
        fleet.start()
        print(f"\n{units} Kustomizations, {4 * units} objects")
        print_row("", ["seconds", "requests", "writes", "CPU s", "MiB"])
        for title, cells in fleet.rows():
            print_row(title, cells)
    finally:
        if hasattr(fleet, "operator"):
            fleet.operator.kill()
        fleet.servers.stop()


def measure_engine():
    print("\nfixpoint build kustomize, and kustomize build where it is installed")
    print_row("", ["ms", "MiB", "M instr.", "its ms", "its MiB", "faster"])
    for title, cells in engine.rows():
        print_row(title, cells)


def measure_notices():
    print("\n10,000 events through 20 Alerts and 10 Providers, each to two Alerts")
    print_row("", ["to tell", "seconds", "requests", "arrived", "lost", "KiB"])
    for title, flood in (("one by one", "0"), ("like ones summed up", "10")):
        out = subprocess.run([f"{ROOT}/build/bench/notify", "10000", flood], check=True,
                             capture_output=True, text=True).stdout
        print_row(title, out.split())


if __name__ == "__main__":
    measure_engine()
    measure_notices()
    image_scan.measure(print_row)
    image_update.measure(print_row)
    for argument in sys.argv[1:] or ["50", "200"]:
        measure_fleet(int(argument))
    scale.measure()
