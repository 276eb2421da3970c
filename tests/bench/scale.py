"""What a unit costs when there are many: scale.py [UNITS...], 1,000 and 10,000 unless told.

The sandbox is one process and the operator another. Each unit is a Kustomization with four objects,
all from one repository. For each number a line of JSON: creating them until all are Ready, one
commit that changes one object in each, one that changes one object in one, and quiet time. *_cpu_s
is the CPU time of a process (git: of the programs that the operator starts), *_requests what the
operator asked of the server; kib_per_unit is what the resident memory grew by. The last line has
the costs per unit at the largest number by those at the smallest: what grows faster than the work
shows there, whatever else the machine does."""
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness.api import path_of  # noqa: E402
from harness.audit import Audit  # noqa: E402
from harness.eventually import eventually  # noqa: E402
from harness.git_host import GitHost  # noqa: E402
from harness.manifests import (deployment, kustomization_file, metadata, service,  # noqa: E402
                               stream)
from harness.operator import Operator, fixpoint  # noqa: E402
from harness.servers import SandboxServers  # noqa: E402
from harness.tenant import Tenant, condition  # noqa: E402

NAMESPACE = "fleet"
IDLE_SECONDS = 30
LIMIT_SECONDS = 1800
PROCESSES = ("operator", "server")
MEMORY_DISK = "/dev/shm"
MEMORY_DISK_BYTES = 2 << 30


def choose_folder():
    """Files go to memory where there is room: an ext4 without journal passes by every inode
    that was freed of late, so what else was deleted on the machine would count."""
    if os.path.isdir(MEMORY_DISK) and shutil.disk_usage(MEMORY_DISK).free >= MEMORY_DISK_BYTES:
        tempfile.tempdir = MEMORY_DISK


def manifests(number, version):
    name = f"app-{number}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name)}
    backend = {"service": {"name": name, "port": {"number": 80}}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata(name),
               "spec": {"rules": [{"host": f"{name}.example.com", "http": {"paths": [
                   {"path": "/", "pathType": "Prefix", "backend": backend}]}}]}}
    return stream(account, service(name),
                  deployment(name, image=f"registry.example.com/app:1.{version}.0"), ingress)


class Readiness:
    """Which units are Ready at which revision, by a watch: a poll would cost the server more than
    the operator does."""

    def __init__(self, servers):
        self.revisions, self.changed = {}, threading.Condition()
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", servers.api_port, context=ssl._create_unverified_context())
        self.connection.request(
            "GET", path_of("kustomizations", NAMESPACE) + "?watch=true&timeoutSeconds=86400",
            headers={"Authorization": "Bearer admin-token"})
        self.answer = self.connection.getresponse()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.answer:
            event = json.loads(line)
            if event["type"] != "MODIFIED":
                continue
            item = event["object"]
            ready = condition(item).get("status") == "True"
            revision = item.get("status", {}).get("lastAppliedRevision", "") if ready else ""
            with self.changed:
                self.revisions[item["metadata"]["name"]] = revision
                self.changed.notify()

    def wait(self, names, commit):
        missing, deadline = set(names), time.monotonic() + LIMIT_SECONDS
        with self.changed:
            while True:
                missing = {name for name in missing
                           if not self.revisions.get(name, "").endswith(commit)}
                if not missing:
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{len(missing)} units are not Ready, as {min(missing)}")
                self.changed.wait(1)


class Scale:
    def __init__(self, units):
        self.units, self.servers, self.operator = units, SandboxServers(), None
        self.servers.pods_run = True  # as a user starts it: with every controller
        self.names = [f"app-{number}" for number in range(units)]
        self.out = {"units": units, "objects": 4 * units}

    def start(self):
        self.servers.start()
        export = subprocess.run([fixpoint(), "install", "--export"], check=True,
                                capture_output=True, text=True).stdout
        self.servers.kubectl("apply", "--server-side", "-f", "-", stdin=export)
        self.tenant = Tenant(self.servers, GitHost(self.servers.path("git")), NAMESPACE)
        self.operator = Operator(self.servers, "--concurrent", "20").start_ready()
        self.readiness = Readiness(self.servers)
        self.processes = {"operator": self.operator, "server": self.servers.processes["sandbox"]}

    def stop(self):
        if self.operator:
            self.operator.kill()
        self.servers.stop()

    def commit(self, numbers, version):
        files = {f"apps/{number}/app.yaml": manifests(number, version) for number in numbers}
        files.update({f"apps/{number}/kustomization.yaml": kustomization_file("app.yaml")
                      for number in numbers})
        return self.tenant.push(files)

    def measure(self, title, work):
        """Seconds, CPU seconds of both and requests until the work is done and all is quiet."""
        audit, begun = Audit(self.servers), time.monotonic()
        before = {name: process.cpu_seconds() for name, process in self.processes.items()}
        git = self.operator.cpu_seconds(children=True)
        work()
        self.out[f"{title}_s"] = round(time.monotonic() - begun, 2)
        if title != "idle":
            self.settle()
        for name, process in self.processes.items():
            self.out[f"{title}_{name}_cpu_s"] = round(process.cpu_seconds() - before[name], 2)
        self.out[f"{title}_git_cpu_s"] = round(self.operator.cpu_seconds(children=True) - git, 2)
        requests = [line for line in audit.requests() if "watch=" not in line]
        self.out[f"{title}_requests"] = len(requests)
        if title == "idle" and requests:
            self.out["idle_requests_first"] = requests[:5]

    def settle(self):
        """Until both have used no CPU time to speak of for a while: what is late counts, too."""
        def quiet():
            before = [process.cpu_seconds() for process in self.processes.values()]
            time.sleep(2)
            after = [process.cpu_seconds() for process in self.processes.values()]
            return all(y - x <= 0.1 for x, y in zip(before, after))
        eventually(quiet, timeout=LIMIT_SECONDS, what="quiet")

    def memory(self, field):
        return {name: process.memory_mib(field) for name, process in self.processes.items()}

    def create(self, commit):
        self.tenant.source()
        self.tenant.wait_artifact(commit, timeout=LIMIT_SECONDS)
        for name in self.names:
            self.tenant.api.create({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": metadata(name, NAMESPACE),
                "spec": {"interval": "1h", "retryInterval": "30s", "prune": True, "wait": True,
                         "timeout": "5m", "path": f"./apps/{name[4:]}",
                         "targetNamespace": NAMESPACE,
                         "sourceRef": {"kind": "GitRepository", "name": "repo"}}})
        self.readiness.wait(self.names, commit)

    def follow(self, names, commit):
        self.tenant.pull_now()
        self.readiness.wait(names, commit)

    def run(self):
        commit = self.commit(range(self.units), 1)
        before = self.memory("VmRSS")
        self.measure("create", lambda: self.create(commit))
        for name, mib in self.memory("VmRSS").items():
            self.out[f"{name}_kib_per_unit"] = round((mib - before[name]) * 1024 / self.units, 1)
        commit = self.commit(range(self.units), 2)
        self.measure("change_each", lambda: self.follow(self.names, commit))
        commit = self.commit([0], 3)
        self.measure("change_one", lambda: self.follow(self.names[:1], commit))
        self.measure("idle", lambda: time.sleep(IDLE_SECONDS))
        for name in PROCESSES:
            self.out[f"idle_{name}_percent"] = round(
                100 * self.out[f"idle_{name}_cpu_s"] / IDLE_SECONDS, 2)
        for name, mib in self.memory("VmHWM").items():
            self.out[f"{name}_peak_mib"] = mib
        return self.out


def measured(units):
    scale = Scale(units)
    try:
        scale.start()
        return scale.run()
    finally:
        scale.stop()


def growth(few, many):
    """Cost per unit at many by cost per unit at few."""
    share = many["units"] / few["units"]
    out = {"units": f"{few['units']} -> {many['units']}"}
    for step in ("create", "change_each"):
        for cost in ("s", "operator_cpu_s", "git_cpu_s", "server_cpu_s", "requests"):
            name = f"{step}_{cost}"
            out[name] = round(many[name] / few[name] / share, 2) if few[name] else None
    for name in PROCESSES:
        field = f"{name}_kib_per_unit"
        out[field] = round(many[field] / few[field], 2) if few[field] else None
    return out


def measure(numbers=(1000, 10000)):
    choose_folder()
    results = []
    for units in numbers:
        results.append(measured(units))
        print(json.dumps(results[-1]), flush=True)
    if len(results) > 1:
        print(json.dumps({"cost per unit": growth(results[0], results[-1])}), flush=True)


if __name__ == "__main__":
    measure([int(argument) for argument in sys.argv[1:]] or (1000, 10000))
