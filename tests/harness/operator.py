"""The program under test, run as an operator beside the API server."""
import os
import shutil
import tempfile
import urllib.error
import urllib.request

from harness import ports
from harness.eventually import eventually
from harness.process import Process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMESPACE = "flux-system"


def fixpoint():
    return os.path.abspath(os.environ.get("FIXPOINT") or os.path.join(ROOT, "build", "fixpoint"))


class Operator(Process):
    def __init__(self, servers, *arguments, user="fixpoint"):
        self.folder = tempfile.mkdtemp(prefix="operator-", dir=servers.folder)
        self.storage_port, self.metrics_port, self.health_port, self.hook_port, self.keys_port = (
            ports.claim() for _ in range(5))
        address = f"127.0.0.1:{self.storage_port}"
        command = [fixpoint(), "run", "--storage-path", os.path.join(self.folder, "storage"),
                   "--storage-addr", address, "--storage-adv-addr", address,
                   "--metrics-addr", f"127.0.0.1:{self.metrics_port}",
                   "--health-addr", f"127.0.0.1:{self.health_port}",
                   "--receiver-addr", f"127.0.0.1:{self.hook_port}",
                   "--google-keys-url", f"http://127.0.0.1:{self.keys_port}/keys", *arguments]
        super().__init__("fixpoint", command, os.path.join(self.folder, "log"), cwd=self.folder,
                         env={"KUBECONFIG": servers.kubeconfig(user), "HOME": self.folder,
                              "RUNTIME_NAMESPACE": NAMESPACE, "TMPDIR": self.folder})

    def fetch(self, port, path):
        """(status, bytes) of a GET at one of its ports."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def is_ready(self):
        if not self.is_running():
            raise RuntimeError(f"fixpoint ended with {self.popen.returncode}:\n{self.tail()}")
        try:
            return self.fetch(self.health_port, "/readyz")[0] == 200
        except OSError as error:
            raise AssertionError(error) from error

    def start_ready(self, timeout=20):
        self.start()
        eventually(self.is_ready, timeout=timeout, every=0.05, what="the operator")
        return self

    def forget(self):
        """Empties its storage, as when a Pod starts on another node."""
        shutil.rmtree(os.path.join(self.folder, "storage"), ignore_errors=True)
