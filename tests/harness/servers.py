"""etcd, kube-apiserver and kube-controller-manager on loopback, in a folder of their own."""
import json
import os
import shutil
import subprocess
import tempfile

from harness import ports
from harness.api import Api
from harness.eventually import eventually
from harness.process import Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# token, user, uid, groups
USERS = [
    ("admin-token", "admin", ["system:masters"]),
    ("fixpoint-token", "fixpoint", []),
    ("fixpoint-b-token", "fixpoint-b", []),
    ("alice-token", "alice", []),
]
# Of these controllers the tests see the effects; the others would only cost time.
CONTROLLERS = ["deployment-controller", "replicaset-controller", "namespace-controller",
               "job-controller", "garbage-collector-controller"]
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
              {"level": "Metadata"}],
}


def assets_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.environ.get("KUBEBUILDER_ASSETS") or os.path.join(cache, "fixpoint", "kube")


def program(name):
    path = os.path.join(assets_folder(), name)
    path = path if os.access(path, os.X_OK) else shutil.which(name)
    if not path:
        raise RuntimeError(f"{name} is neither in {assets_folder()} nor in PATH: run `make setup`")
    return path


def on_sandbox():
    """FIXPOINT_SERVERS=sandbox runs everything on the API server within the program."""
    return os.environ.get("FIXPOINT_SERVERS") == "sandbox"


class Servers:
    """The real ones, or the sandbox in their place: same tests, one switch."""

    def __new__(cls):
        return super().__new__(SandboxServers if cls is Servers and on_sandbox() else cls)

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="fixpoint-cluster-")
        self.api_port, self.etcd_port, self.peer_port = (ports.claim() for _ in range(3))
        self.audit_log = self.path("audit.log")
        self.processes = {}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        return self.path(name)

    def run(self, name, *arguments):
        command = [program(name), *arguments]
        self.processes[name] = Process(name, command, self.path(name + ".log"), cwd=self.folder)
        self.processes[name].start()

    def start(self):
        self.write_tokens()
        self.write("audit.yaml", AUDIT_POLICY)
        subprocess.run(["openssl", "genrsa", "-out", self.path("sa.key"), "2048"], check=True,
                       stderr=subprocess.DEVNULL)
        self.admin = Api(self.api_port, "admin-token")
        self.run_etcd()
        self.run_apiserver()
        self.wait_ready()
        self.run(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig('admin')}",
            f"--controllers={','.join(CONTROLLERS)}", "--kube-api-qps=500",
            "--kube-api-burst=1000", "--leader-elect=false", "--secure-port=0",
            "--concurrent-namespace-syncs=2", "--concurrent-gc-syncs=2")
        self.bind_users()
        return self

    def write_tokens(self):
        tokens = [f'{token},{user},{user},"{",".join(groups)}"' for token, user, groups in USERS]
        self.write("tokens.csv", "\n".join(tokens) + "\n")

    def bind_users(self):
        self.admin.apply({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "suite"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "cluster-admin"},
            "subjects": [{"kind": "User", "name": user} for _, user, _ in USERS]})

    def run_etcd(self):
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.peer_port))
        self.run(
            "etcd", "--data-dir", self.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"default={peer}")

    def run_apiserver(self):
        key = self.path("sa.key")
        self.run(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--cert-dir={self.path('certs')}", f"--secure-port={self.api_port}",
            "--bind-address=127.0.0.1", "--service-account-issuer=https://kubernetes",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            f"--token-auth-file={self.path('tokens.csv')}", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/16", "--disable-admission-plugins=ServiceAccount",
            f"--audit-log-path={self.audit_log}",
            f"--audit-policy-file={self.path('audit.yaml')}")

    def wait_ready(self):
        def ready():
            for process in self.processes.values():
                if not process.is_running():
                    raise RuntimeError(f"{process.name} ended:\n{process.tail()}")
            try:
                return self.admin.request("GET", "/readyz") == "ok"
            except Exception as error:
                raise AssertionError(error) from error
        eventually(ready, timeout=60, what="the API server")

    def kubeconfig(self, user):
        token = next(token for token, name, _ in USERS if name == user)
        server = f"https://127.0.0.1:{self.api_port}"
        return self.write(f"{user}.kubeconfig", {
            "apiVersion": "v1", "kind": "Config", "current-context": "suite",
            "clusters": [{"name": "suite", "cluster": {
                "server": server, "insecure-skip-tls-verify": True}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "suite", "context": {"cluster": "suite", "user": user}}]})

    def kubectl(self, *arguments, user="admin", stdin=None, check=True, timeout=60):
        """Runs kubectl as the user; returns its output, or all of it when it may fail."""
        done = subprocess.run(
            [program("kubectl"), *arguments], input=stdin, text=True, capture_output=True,
            timeout=timeout, env={**os.environ, "KUBECONFIG": self.kubeconfig(user),
                                  "HOME": self.folder})
        if not check:
            return done
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def stop_apiserver(self):
        self.processes["kube-apiserver"].kill()

    def start_apiserver(self):
        self.run_apiserver()
        self.wait_ready()

    def stop(self):
        for process in reversed(self.processes.values()):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class SandboxServers(Servers):
    """`fixpoint sandbox`. Tests play the kubelet themselves, so pods stay pending unless asked."""

    pods_run = False

    def start(self):
        self.write_tokens()
        self.admin = Api(self.api_port, "admin-token")
        self.start_apiserver()
        self.bind_users()
        return self

    def run_apiserver(self):
        command = [os.path.abspath(os.environ.get("FIXPOINT") or os.path.join(ROOT, "build",
                                                                             "fixpoint")),
                   "sandbox", "--server-only", "--port", str(self.api_port),
                   "--tokens", self.path("tokens.csv"), "--audit-log", self.audit_log,
                   "--snapshot", self.path("snapshot.json"),
                   "--write-kubeconfig", self.path("sandbox.kubeconfig")]
        if not self.pods_run:
            command.append("--pods-pending")
        process = Process("sandbox", command, self.path("sandbox.log"), cwd=self.folder)
        self.processes["sandbox"] = process
        process.start()

    def stop_apiserver(self):
        """It writes its snapshot, as etcd has every object on disk."""
        self.processes["sandbox"].stop()
