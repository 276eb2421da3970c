#!/usr/bin/env python3
"""The tour of fixpoint in a terminal: an API server on this machine, a Git repository, and what
happens between the two. Every step shows the command that a user would type, its output and its
time, and checks that it did what is told. Ends with status 0 only when all of it was true.

DEMO_KEEP=1 leaves everything running and says how to use and to end it."""
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "tests"))

from harness.eventually import eventually  # noqa: E402
from harness.git_host import GIT_ENVIRONMENT, GitHost  # noqa: E402
from harness.operator import Operator, fixpoint  # noqa: E402
from harness.registry import Registry  # noqa: E402
from harness.repository import Repository, git  # noqa: E402
from harness.servers import Servers, assets_folder, on_sandbox  # noqa: E402

BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
KEEP = bool(os.environ.get("DEMO_KEEP"))

SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  greeting: hello
"""
SHOP = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - name: shop
          image: registry.example.com/shop:1.0.0
          ports: [{name: http, containerPort: 8080}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: shop
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: http}]
"""
SYNC = """\
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{name: fleet, namespace: shop}}
spec:
  interval: 1m
  url: {url}
  ref: {{branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: shop, namespace: shop}}
spec:
  interval: 10m
  prune: true
  path: ./apps/shop
  targetNamespace: shop
  sourceRef: {{kind: GitRepository, name: fleet}}
"""
IMAGES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: shop, namespace: shop}}
spec: {{image: {host}/shop, interval: 10m, insecure: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: shop, namespace: shop}}
spec:
  imageRepositoryRef: {{name: shop}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {{name: shop, namespace: shop}}
spec:
  interval: 10m
  sourceRef: {{kind: GitRepository, name: fleet}}
  git:
    commit:
      author: {{name: Robot, email: robot@example.com}}
      messageTemplate: "Images: {{{{ range .Changed.Changes }}}}{{{{ .NewValue }}}}{{{{ end }}}}"
  update: {{path: ./apps}}
"""


class NotAsTold(Exception):
    pass


class Tour:
    def __init__(self):
        self.begun = time.monotonic()
        self.steps = 0
        self.servers, self.host, self.operator, self.repository = Servers(), None, None, None
        self.registry = None

    # ---- the stage ----

    def start(self):
        self.servers.start()
        self.host = GitHost(self.servers.path("git"))
        self.repository = Repository(self.host, self.servers.folder, "fleet")
        git("config", "http.receivepack", "true", cwd=self.repository.bare)
        self.registry = Registry(self.servers.path("registry")).start()
        tools = self.servers.path("bin")
        os.mkdir(tools)
        os.symlink(fixpoint(), os.path.join(tools, "fixpoint"))
        self.env = {**os.environ, **GIT_ENVIRONMENT, "HOME": self.servers.folder,
                    "KUBECONFIG": self.servers.kubeconfig("alice"),
                    "PATH": f"{tools}:{os.environ['PATH']}:{assets_folder()}"}

    def stop(self):
        if self.operator:
            self.operator.stop()
        if self.registry:
            self.registry.stop()
        if self.host:
            self.host.stop()
        self.servers.stop()

    # ---- the narration ----

    def step(self, title, text):
        self.steps += 1
        print(f"\n{BOLD}{self.steps}. {title}{PLAIN}")
        print(textwrap.fill(" ".join(text.split()), 96))

    def type(self, command, fails=False):
        """Shows and runs what the user types, in the repository; returns its output."""
        print(f"\n{BOLD}$ {command}{PLAIN}", flush=True)
        begun = time.monotonic()
        done = subprocess.run(["bash", "-o", "pipefail", "-c", command], text=True, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=self.repository.work, timeout=120)
        if done.stdout.strip():
            print(textwrap.indent(done.stdout.rstrip(), "  "))
        print(f"{DIM}  {time.monotonic() - begun:.2f} s{PLAIN}")
        self.check((done.returncode != 0) == fails, f"'{command}' ended with {done.returncode}")
        return done.stdout

    def check(self, fact, what):
        if not fact:
            raise NotAsTold(what)

    def within(self, seconds, condition, what):
        begun = time.monotonic()
        eventually(condition, timeout=seconds, every=0.02, what=what)
        print(f"{DIM}  {what}: after {time.monotonic() - begun:.2f} s{PLAIN}")

    # ---- the tour ----

    def install(self):
        self.step("Install", """The CRDs of the Flux API and the controller come from the program
            itself. In a cluster it runs as a Deployment; here it runs beside the API server.""")
        out = self.type("fixpoint install --export | kubectl apply --server-side -f - | tail -n 4")
        self.check("serverside-applied" in out, "the manifests are applied")
        self.operator = Operator(self.servers).start_ready()

    def create(self):
        self.step("Create", """A repository with three manifests, and two objects that say where it
            is and what to apply.""")
        self.repository.write({"apps/shop/settings.yaml": SETTINGS, "apps/shop/shop.yaml": SHOP,
                               "apps/shop/service.yaml": SERVICE,
                               "sync.yaml": SYNC.format(url=self.repository.url)})
        self.type("git add . && git commit -qm 'The shop, version 1' && git push -q origin main")
        self.type("kubectl apply -f sync.yaml")
        self.type("kubectl -n shop wait kustomization/shop --for=condition=Ready --timeout=30s")
        out = self.type("fixpoint -n shop tree kustomization shop")
        for name in ("ConfigMap/shop/settings", "Service/shop/shop", "Deployment/shop/shop"):
            self.check(name in out, f"{name} is in the tree")

    def change(self):
        self.step("Change", "A commit that changes one image. Nothing else is touched.")
        self.type("sed -i 's/shop:1.0.0/shop:1.1.0/' apps/shop/shop.yaml && "
                  "git commit -qam 'The shop, version 1.1' && git push -q origin main")
        self.reconcile()
        self.check("shop:1.1.0" in self.image(), "the new image is there")

    def image(self):
        return self.type("kubectl -n shop get deployment shop "
                         "-o jsonpath='{..containers[0].image}{\"\\n\"}'")

    def reconcile(self, fails=False):
        return self.type("fixpoint -n shop reconcile kustomization shop --with-source", fails)

    def drift(self):
        self.step("Drift", """Somebody changes the cluster by hand. The watch tells at once, the
            event names who did what, and the state of Git comes back.""")
        self.type("kubectl -n shop set image deployment/shop shop=registry.example.com/evil:6.6.6")
        api = self.servers.admin

        def healed():
            pod = api.get("deployments", "shop", "shop")["spec"]["template"]["spec"]
            return pod["containers"][0]["image"].endswith("shop:1.1.0")
        self.within(2, healed, "healed")

        def told():
            return [event for event in api.list("events", "shop") if event["reason"] == "Drifted"]
        self.within(5, told, "reported")
        out = self.type("kubectl -n shop get events --field-selector reason=Drifted "
                        "-o custom-columns=REASON:.reason,MESSAGE:.message")
        self.check("kubectl-set" in out and "Deployment/shop/shop" in out, "the culprit is named")

    def refuse(self):
        self.step("A bad commit", """Three mistakes and one good change in one commit: it is refused
            whole, with all of the mistakes in one message, and the cluster stays as it is.""")
        self.type("sed -i 's/port: 80,/port: 80800,/' apps/shop/service.yaml")
        self.type("sed -i 's/replicas: 2/replicas: many/' apps/shop/shop.yaml")
        self.type("sed 's/name: settings/name: Upper_Case/' apps/shop/settings.yaml "
                  "> apps/shop/more.yaml")
        self.type("sed -i 's/hello/good morning/' apps/shop/settings.yaml")
        self.type("git add . && git commit -qm 'Three mistakes' && git push -q origin main")
        self.reconcile(fails=True)
        out = self.type("kubectl -n shop get kustomization shop "
                        "-o jsonpath='{.status.conditions[?(@.type==\"Ready\")].message}{\"\\n\"}'")
        for name in ("Service/shop/shop", "Deployment/shop/shop", "ConfigMap/shop/Upper_Case"):
            self.check(name in out, f"the mistake in {name} is told")
        out = self.type("kubectl -n shop get configmap settings -o jsonpath='{.data}{\"\\n\"}'")
        self.check("hello" in out, "the good change of the bad commit is not applied")

    def revert(self):
        self.step("Back", "git revert is all it takes.")
        self.type("git revert --no-edit HEAD | head -n 1 && git push -q origin main")
        self.reconcile()
        self.type("fixpoint -n shop get kustomizations")

    def prune(self):
        self.step("Prune", "What leaves the repository leaves the cluster.")
        self.type("git rm -q apps/shop/service.yaml && git commit -qm 'No service' && "
                  "git push -q origin main")
        self.reconcile()
        out = self.type("kubectl -n shop get service shop", fails=True)
        self.check("NotFound" in out, "the Service is gone")
        self.type("fixpoint -n shop tree kustomization shop")

    def automate(self):
        self.step("Images", """A comment in the manifest names a policy; the policy follows the tags
            of a registry; the automation writes what it chooses into Git.""")
        host = self.registry.host
        self.registry.push("shop", "1.1.0")
        self.repository.write({"images.yaml": IMAGES.format(host=host)})
        self.type(f"sed -i 's|image: .*|image: {host}/shop:1.1.0"
                  """ # {"$imagepolicy": "shop:shop"}|' apps/shop/shop.yaml && """
                  "grep -n image: apps/shop/shop.yaml")
        self.type("git add . && git commit -qm 'The image follows a policy' && "
                  "git push -q origin main")
        self.reconcile()
        self.type("kubectl apply -f images.yaml")
        self.type("kubectl -n shop wait imageupdateautomation/shop --for=condition=Ready "
                  "--timeout=30s")

    def release(self):
        self.step("Release", """CI pushes shop:1.2.0 to the registry. A webhook, the interval or, as
            here, a request makes the operator look: commit in Git, rollout in the cluster.""")
        self.registry.push("shop", "1.2.0")
        self.type("fixpoint -n shop reconcile image repository shop")
        api = self.servers.admin

        def runs():
            pod = api.get("deployments", "shop", "shop")["spec"]["template"]["spec"]
            return pod["containers"][0]["image"].endswith("shop:1.2.0")
        self.within(5, runs, "rolled out")
        out = self.type("git pull -q origin main && git show --format='%an: %s' --unified=0 | "
                        "grep -v '^index'")
        self.check("Robot: Images: " in out and "+" in out, "the commit is in Git")
        self.check("shop:1.2.0" in self.image(), "the new image is there")

    def run(self):
        servers = "the sandbox" if on_sandbox() else \
            "etcd, kube-apiserver, kube-controller-manager"
        print(f"{BOLD}fixpoint: a tour{PLAIN}\nStarting {servers} and a Git host on this machine "
              "...", flush=True)
        self.start()
        print(f"{DIM}  {time.monotonic() - self.begun:.2f} s{PLAIN}")
        for step in (self.install, self.create, self.change, self.drift, self.refuse, self.revert,
                     self.prune, self.automate, self.release):
            step()
        print(f"\n{BOLD}All {self.steps} steps as told, in "
              f"{time.monotonic() - self.begun:.1f} s.{PLAIN}")

    def tell_how_to_go_on(self):
        print(textwrap.dedent(f"""
            Everything is still running. To look around:
              export KUBECONFIG={self.env['KUBECONFIG']}
              cd {self.repository.work}
              fixpoint (is {fixpoint()}), kubectl, git
            To end it:
              kill {os.getpid()}"""), flush=True)


def tour():
    """Runs the tour; returns the exit status and, when it is to go on, the stage."""
    stage = Tour()
    try:
        stage.run()
    except (NotAsTold, AssertionError, RuntimeError, subprocess.SubprocessError) as error:
        log = re.sub(r"(?m)^", "  ", stage.operator.tail(30)) if stage.operator else ""
        print(f"\n{BOLD}Not as told: {error}{PLAIN}\n{log}", flush=True)
        stage.stop()
        return 1, None
    except BaseException:
        stage.stop()
        raise
    if KEEP:
        return 0, stage
    stage.stop()
    return 0, None


def keep():
    """The tour runs in a child that stays behind with the servers; its parent ends when the tour
    has."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        status = os.read(reader, 1)
        return status[0] if status else 1
    os.setsid()
    os.close(reader)
    status, stage = tour()
    if stage:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        stage.tell_how_to_go_on()
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.write(writer, bytes([status]))
    os.close(writer)
    try:
        while stage:
            signal.pause()
    finally:
        if stage:
            stage.stop()
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(keep() if KEEP else tour()[0])
