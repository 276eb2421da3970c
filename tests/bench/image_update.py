"""Image updates in a repository of 5,000 files: from the policy's new tag to the commit in Git."""
import json
import subprocess
import time

from harness.audit import Audit
from harness.eventually import eventually
from harness.git_host import GitHost
from harness.operator import Operator, fixpoint
from harness.repository import git
from harness.servers import Servers
from harness.tenant import Tenant

FILES, IMAGE = 5000, "registry.example.com/app"
AUTHOR = {"name": "Robot", "email": "robot@example.com"}


class Automated:
    """A repository whose files follow two policies: one file the first, 500 files the second."""

    def __init__(self, servers):
        self.servers = servers
        self.tenant = Tenant(servers, GitHost(servers.path("git")), "images")
        self.bare("config", "http.receivepack", "true")
        self.operator = Operator(servers).start_ready()

    def bare(self, *arguments):
        return git(*arguments, cwd=self.tenant.repository.bare)

    def fill(self):
        files = {}
        for number in range(FILES):
            policy = "one" if number == 0 else "many" if number % 10 == 0 else None
            mark = "# " + json.dumps({"$imagepolicy": f"images:{policy}"}) if policy else ""
            files[f"apps/{number // 100}/{number}/app.yaml"] = (
                f"kind: Deployment\nmetadata: {{name: app-{number}}}\nspec:\n"
                + "".join(f"  line{line}: some text that is not looked at\n" for line in range(40))
                + f"  image: {IMAGE}:1.0.0 {mark}\n")
        self.tenant.push(files)

    def choose(self, policy, tag):
        self.tenant.api.patch("imagepolicies", "images", policy,
                              {"status": {"latestRef": {"name": IMAGE, "tag": tag}}},
                              subresource="/status")

    def connect(self):
        for name in ("one", "many"):
            self.tenant.api.apply({
                "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
                "metadata": {"name": name, "namespace": "images"},
                "spec": {"suspend": True, "imageRepositoryRef": {"name": name},
                         "policy": {"semver": {"range": "*"}}}})
            self.choose(name, "1.0.0")
        self.tenant.source()
        self.tenant.apply_ours("ImageUpdateAutomation", "auto", {
            "interval": "1h", "sourceRef": {"kind": "GitRepository", "name": "repo"},
            "git": {"commit": {"author": AUTHOR}}, "update": {"path": "./"}})
        self.tenant.wait_condition("imageupdateautomations", "auto", "True", timeout=120)

    def update(self, policy, path, tag):
        audit, cpu = Audit(self.servers), self.operator.cpu_seconds()
        before = self.bare("rev-parse", "main")
        seconds = self.until_pushed(policy, path, tag)
        changed = self.bare("diff", "--shortstat", before, "main").split()[0]
        requests = [r for r in audit.requests() if "watch=" not in r and "imageupdate" in r]
        return [changed, f"{seconds:.3f}", len(requests),
                f"{self.operator.cpu_seconds() - cpu:.2f}", self.operator.memory_mib()]

    def until_pushed(self, policy, path, tag):
        begun = time.monotonic()
        self.choose(policy, tag)
        eventually(lambda: f":{tag} " in self.bare("show", f"main:{path}"), timeout=120,
                   every=0.01, what="the commit")
        seconds = time.monotonic() - begun
        self.tenant.wait_condition("imageupdateautomations", "auto", "True")
        return seconds


def measure(print_row):
    print(f"\nimage updates in a repository of {FILES} files")
    print_row("", ["files", "seconds", "requests", "CPU s", "MiB"])
    servers = Servers()
    bench = None
    try:
        servers.start()
        export = subprocess.run([fixpoint(), "install", "--export"], check=True,
                                capture_output=True, text=True).stdout
        servers.kubectl("apply", "--server-side", "-f", "-", stdin=export)
        bench = Automated(servers)
        bench.fill()
        bench.connect()
        for tag in ("1.0.1", "1.0.2"):
            print_row("new tag, one file", bench.update("one", "apps/0/0/app.yaml", tag))
            print_row("new tag, 499 files", bench.update("many", "apps/0/10/app.yaml", tag))
    finally:
        if bench:
            bench.operator.kill()
        servers.stop()
