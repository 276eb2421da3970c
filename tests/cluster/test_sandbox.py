"""`fixpoint sandbox` as somebody uses it who has a folder of manifests and no cluster. It brings
its own API server, so these tests are the same on every kind of servers."""
import base64
import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from harness.audit import WRITES
from harness.eventually import eventually
from harness.git_host import GitHost
from harness.manifests import configmap, stream
from harness.operator import fixpoint
from harness.process import Process
from harness.repository import Repository, git
from harness.servers import program
from harness.tenant import condition

SOON = 30


class Sandbox(Process):
    """One in a folder of its own; everything that it may leave behind would be in there."""

    def __init__(self, home, *arguments):
        self.home, self.temp = home, home / "temp"
        self.kubeconfig, self.audit_log = home / "kubeconfig", home / "audit.log"
        self.temp.mkdir(exist_ok=True)
        command = [fixpoint(), "sandbox", "--write-kubeconfig", str(self.kubeconfig),
                   "--audit-log", str(self.audit_log), *map(str, arguments)]
        super().__init__("sandbox", command, str(home / "log"), cwd=str(home),
                         env={"TMPDIR": str(self.temp), "HOME": str(home)})

    def kubectl(self, *arguments):
        assert self.is_running(), self.tail()
        done = subprocess.run([program("kubectl"), "--kubeconfig", str(self.kubeconfig),
                               *arguments], text=True, capture_output=True, timeout=60,
                              env={**os.environ, "HOME": str(self.home)})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *arguments):
        return json.loads(self.kubectl("get", "-o", "json", *arguments))

    def data(self, name):
        return self.get("configmap", name, "-n", "default")["data"]

    def names(self):
        items = self.get("configmaps", "-n", "default")["items"]
        return {item["metadata"]["name"] for item in items} - {"kube-root-ca.crt"}

    def unit(self):
        return self.get("kustomization.kustomize.toolkit.fluxcd.io", "sandbox", "-n", "flux-system")

    def source(self):
        return self.get("gitrepository", "sandbox", "-n", "flux-system")

    def says(self, text):
        eventually(lambda: text in self.text(), timeout=SOON, what=f"'{text}'")

    def converges(self, name, data, within=SOON):
        def as_told():
            assert self.data(name) == data
            return True
        eventually(as_told, timeout=within, what=f"{name} with {data}")

    def end(self):
        """SIGTERM: it says no error and leaves nothing behind."""
        assert self.stop() < 15
        assert self.popen.returncode == 0, self.tail()
        assert os.listdir(self.temp) == []
        assert not self.kubeconfig.exists()


@pytest.fixture
def begin(tmp_path):
    """Starts sandboxes, one after the other."""
    begun = []

    def start(*arguments):
        sandbox = Sandbox(tmp_path, *arguments)
        begun.append(sandbox)
        return sandbox.start()
    yield start
    for sandbox in begun:
        sandbox.kill()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "fleet"
    folder.mkdir()
    return folder


def put(path, *items):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(stream(*items))


def here(name, data=None):
    return configmap(name, data or {"key": "one"}, namespace="default")


def test_a_folder_is_converged_at_each_change(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.converges("a", {"key": "one"})
    assert "not for production" in sandbox.text()

    put(files / "a.yaml", here("a", {"key": "two"}))
    sandbox.converges("a", {"key": "two"})
    put(files / "deep" / "er" / "b.yaml", here("b"))
    sandbox.converges("b", {"key": "one"})
    put(files / "deep" / "er" / "b.yaml", here("b", {"key": "two"}))
    sandbox.converges("b", {"key": "two"})
    (files / "deep").rename(files / "renamed")
    put(files / "renamed" / "er" / "c.yaml", here("c"))
    (files / "a.yaml").unlink()
    eventually(lambda: sandbox.names() == {"b", "c"}, timeout=SOON, what="a pruned, c there")
    sandbox.end()


def test_a_folder_that_never_rests_is_converged_all_the_same(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.converges("a", {"key": "one"})
    resting = threading.Event()

    def scribble():
        while not resting.wait(0.05):
            (files / "notes.txt").write_text(str(time.monotonic()))
    scribbler = threading.Thread(target=scribble)
    scribbler.start()
    try:
        put(files / "a.yaml", here("a", {"key": "two"}))
        sandbox.converges("a", {"key": "two"})
    finally:
        resting.set()
        scribbler.join()
    sandbox.end()


def test_what_is_wrong_is_told_and_changes_nothing(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.converges("a", {"key": "one"})
    put(files / "a.yaml", here("a", {"key": "two"}), here("Not_A_Name"))

    def refused():
        ready = condition(sandbox.unit())
        assert ready["status"] == "False" and "Not_A_Name" in ready["message"], ready
        return True
    eventually(refused, timeout=SOON, what="the refusal")
    assert sandbox.data("a") == {"key": "one"}
    put(files / "a.yaml", here("a", {"key": "two"}))
    sandbox.converges("a", {"key": "two"})
    sandbox.end()


def test_a_folder_that_is_gone_is_waited_for(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.converges("a", {"key": "one"})
    files.rename(files.parent / "elsewhere")
    sandbox.says(f"opening the folder '{files}'")
    assert sandbox.data("a") == {"key": "one"}
    put(files / "a.yaml", here("a", {"key": "back"}))
    sandbox.converges("a", {"key": "back"})
    sandbox.end()


def test_the_files_of_a_work_tree_count_and_what_they_refer_to(begin, files):
    """An overlay whose base is beside it, neither of them as it was committed."""
    put(files / "base" / "a.yaml", here("a"))
    (files / "base" / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    overlay = files / "overlays" / "dev"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text("resources: [../../base]\nnamePrefix: dev-\n")
    git("init", "-q", "-b", "elsewhere", str(files))
    git("add", "-A", cwd=files)
    git("commit", "-q", "-m", "first", cwd=files)
    put(files / "base" / "a.yaml", here("a", {"key": "not committed"}))
    before = git("status", "--porcelain", cwd=files), os.listdir(files / ".git")
    sandbox = begin("--path", "fleet/overlays/dev")
    sandbox.converges("dev-a", {"key": "not committed"})
    assert sandbox.unit()["spec"]["path"] == "./overlays/dev"
    put(files / "base" / "a.yaml", here("a", {"key": "later"}))
    sandbox.converges("dev-a", {"key": "later"})
    sandbox.end()
    assert (git("status", "--porcelain", cwd=files), os.listdir(files / ".git")) == before


def test_a_repository_is_converged_from_its_branch(begin, tmp_path):
    host = GitHost(str(tmp_path / "git"))
    try:
        repository = Repository(host, str(tmp_path / "work"), "fleet")
        repository.push({"apps/a.yaml": stream(here("a")), "b.yaml": stream(here("b"))},
                        branch="stage")
        sandbox = begin("--repo", repository.url, "--branch", "stage", "--path", "./apps")
        sandbox.converges("a", {"key": "one"})
        assert sandbox.names() == {"a"}
        sandbox.end()
    finally:
        host.stop()


def test_its_repository_is_for_the_operator_alone(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.converges("a", {"key": "one"})
    url = sandbox.source()["spec"]["url"]
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"{url}/info/refs?service=git-upload-pack", timeout=20)
    assert answer.value.code == 401
    secret = sandbox.get("secret", "sandbox", "-n", "flux-system")["data"]
    user, password = (base64.b64decode(secret[key]) for key in ("username", "password"))
    known = "Basic " + base64.b64encode(user + b":" + password).decode()
    for path in ("/info/refs?service=git-receive-pack", "/config", "/../../etc/passwd"):
        request = urllib.request.Request(url + path, headers={"Authorization": known})
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(request, timeout=20)
        assert answer.value.code in (400, 404), path
    sandbox.end()


def state(sandbox):
    """Every object of the kinds that the sandbox itself does not write to again."""
    kinds = "configmaps,namespaces,customresourcedefinitions,clusterroles,serviceaccounts"
    return {(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]): (
        item["metadata"]["uid"], item["metadata"]["resourceVersion"])
            for item in sandbox.get(kinds, "-A")["items"]}


def test_a_snapshot_is_resumed_and_nothing_is_applied_again(begin, files, tmp_path):
    put(files / "a.yaml", here("a"), here("b"))
    sandbox = begin("--path", files, "--snapshot", tmp_path / "snapshot")
    sandbox.converges("b", {"key": "one"})
    eventually(lambda: condition(sandbox.unit())["status"] == "True", timeout=SOON, what="Ready")
    before, unit = state(sandbox), sandbox.unit()
    sandbox.end()
    size = sandbox.audit_log.stat().st_size

    sandbox = begin("--path", files, "--snapshot", tmp_path / "snapshot")
    eventually(sandbox.kubeconfig.exists, timeout=SOON, what="the second one")
    assert state(sandbox) == before
    assert sandbox.unit()["metadata"]["uid"] == unit["metadata"]["uid"]
    sandbox.kubectl("annotate", "kustomization.kustomize.toolkit.fluxcd.io", "sandbox", "-n",
                    "flux-system", "reconcile.fluxcd.io/requestedAt=now")
    eventually(lambda: sandbox.unit()["status"].get("lastHandledReconcileAt") == "now",
               timeout=SOON, what="a look of the operator")
    with open(sandbox.audit_log, encoding="utf-8") as log:
        log.seek(size)
        requests = [json.loads(line) for line in log]
    assert [request["requestURI"] for request in requests
            if request["verb"] in WRITES and
            request["objectRef"].get("resource") == "configmaps"] == []
    put(files / "c.yaml", here("c"))
    sandbox.converges("c", {"key": "one"})
    after = state(sandbox)
    assert {key: after[key] for key in before} == before
    sandbox.end()


def test_it_may_be_stopped_before_it_has_begun(begin, files):
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files)
    sandbox.says("not for production")
    sandbox.end()


@pytest.mark.parametrize("rules", [
    "status=429,rate=0.2,verb=patch; status=500,rate=0.1,verb=patch",
    "lost,rate=0.1,verb=patch; delay=300ms,verb=patch",
    "expired,rate=0.5; cut=1s",
])
def test_faults_on_purpose_do_not_keep_it_from_its_end(begin, files, rules):
    """A refusal may hit the word that the folder changed: then the interval of a minute tells."""
    put(files / "a.yaml", here("a"))
    sandbox = begin("--path", files, "--fault", rules)
    sandbox.converges("a", {"key": "one"}, within=4 * SOON)
    for turn in range(2):
        put(files / "a.yaml", here("a", {"key": f"turn {turn}"}))
        put(files / f"{turn}.yaml", here(f"b{turn}"))
        sandbox.converges("a", {"key": f"turn {turn}"}, within=4 * SOON)
        sandbox.converges(f"b{turn}", {"key": "one"}, within=4 * SOON)
    entries = [json.loads(line) for line in open(sandbox.audit_log)]
    codes = {entry["responseStatus"]["code"] for entry in entries}
    if "status" in rules:
        assert codes & {429, 500}, codes
    elif "expired" in rules:
        assert 410 in codes, codes


def refusal(tmp_path, *arguments):
    sandbox = Sandbox(tmp_path, *arguments).start()
    sandbox.popen.wait(60)
    assert sandbox.popen.returncode == 1
    assert os.listdir(sandbox.temp) == [] and not sandbox.kubeconfig.exists()
    return sandbox.text()


def test_mistakes_are_named(files, tmp_path):
    put(files / "a.yaml", here("a"))
    assert "--path: 'nowhere' is no folder" in refusal(tmp_path, "--path", "nowhere")
    assert "is no folder" in refusal(tmp_path, "--path", files / "a.yaml")
    for url in (files, f"file://{files}", "./fleet", "fleet"):
        assert f"--repo: '{url}' is on this machine: give the folder with --path" in \
            refusal(tmp_path, "--repo", url)
    (tmp_path / "mine").write_text("apiVersion: v1\nkind: Config\n")
    for path in (tmp_path / "mine", files):
        assert f"--write-kubeconfig: '{path}' is there and no sandbox's" in \
            refusal(tmp_path, "--write-kubeconfig", path)
    assert "--fault: fault 'lost=1': lost takes no value" in refusal(tmp_path, "--fault", "lost=1")
    assert "--server-only runs no operator" in refusal(tmp_path, "--server-only", "--path", files)


def test_a_snapshot_that_is_none_is_named(files, tmp_path):
    put(files / "a.yaml", here("a"))
    for text in ("", "kind: Deployment", '{"version":5}\n["/configmaps",{"kind":'):
        (tmp_path / "other").write_text(text)
        said = refusal(tmp_path, "--path", files, "--snapshot", tmp_path / "other")
        assert f"the snapshot '{tmp_path / 'other'}': " in said
        assert (tmp_path / "other").read_text() == text


def test_a_folder_that_is_too_large_is_named(files, tmp_path):
    os.truncate(os.open(files / "big", os.O_CREAT | os.O_WRONLY), 65 * 1024 * 1024)
    text = refusal(tmp_path, "--path", files)
    assert re.search(f"the folder '{files}'.*name a smaller one", text), text
