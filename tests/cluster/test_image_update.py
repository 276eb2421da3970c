"""From an image that a policy has chosen to a commit in Git, and on to the cluster."""
import json
import os
import subprocess
import threading
import time

import pytest

from harness.eventually import eventually
from harness.git_host import GIT_ENVIRONMENT
from harness.manifests import deployment, secret, stream
from harness.operator import fixpoint
from harness.repository import git
from harness.tenant import summary

AUTOMATIONS = "imageupdateautomations"
IMAGE = "registry.example.test/app"
AUTHOR = {"name": "Robot", "email": "robot@example.test"}


def marker(tenant, policy="app", part=None):
    setter = ":".join(filter(None, (tenant.namespace, policy, part)))
    return "# " + json.dumps({"$imagepolicy": setter})


class Images:
    """A tenant with policies and automations."""

    def __init__(self, tenant):
        self.tenant, self.api = tenant, tenant.api
        for key, value in (("http.receivepack", "true"), ("receive.advertisePushOptions", "true"),
                           ("receive.denyNonFastForwards", "true")):
            self.bare("config", key, value)

    def bare(self, *arguments):
        return git(*arguments, cwd=self.tenant.repository.bare)

    def file(self, text, path="app/app.yaml", message="first"):
        return self.tenant.push({path: text}, message)

    def policy(self, name="app", tag=None, image=IMAGE, digest=None, labels=None):
        namespace = self.tenant.namespace
        self.api.apply({"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
                        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
                        "spec": {"suspend": True, "imageRepositoryRef": {"name": name},
                                 "policy": {"semver": {"range": "*"}}}})
        if tag:
            self.choose(name, tag, image, digest)

    def choose(self, name, tag, image=IMAGE, digest=None):
        """What the policy's own controller does when a new tag wins."""
        ref = {"name": image, "tag": tag, "digest": digest}
        self.api.patch("imagepolicies", self.tenant.namespace, name,
                       {"status": {"latestRef": ref}}, subresource="/status")

    def automation(self, name="auto", branch=None, push=None, commit=None, path="./", **spec):
        how = {"author": AUTHOR, **(commit or {})}
        checkout = {"ref": {"branch": branch}} if branch else None
        part = {key: value for key, value in
                (("checkout", checkout), ("commit", how), ("push", push)) if value}
        return self.tenant.apply_ours("ImageUpdateAutomation", name, {
            "interval": "1h", "sourceRef": {"kind": "GitRepository", "name": "repo"},
            "git": part, "update": {"path": path, "strategy": "Setters"}, **spec})

    def get(self, name="auto"):
        return self.api.get(AUTOMATIONS, self.tenant.namespace, name)

    def wait(self, status="True", reason=None, text="", name="auto", timeout=20):
        return self.tenant.wait_condition(AUTOMATIONS, name, status, reason, text, timeout=timeout)

    def now(self, name="auto"):
        return self.tenant.request(AUTOMATIONS, name)

    def head(self, branch="main"):
        return self.bare("rev-parse", f"refs/heads/{branch}")

    def show(self, path="app/app.yaml", branch="main"):
        """The file's content; empty while there is no such branch."""
        done = subprocess.run(["git", "show", f"{branch}:{path}"], capture_output=True,
                              cwd=self.tenant.repository.bare)
        return done.stdout.decode()

    def wait_text(self, text, path="app/app.yaml", branch="main", timeout=20):
        def written():
            assert text in self.show(path, branch), self.show(path, branch) + summary(self.get())
            return True
        eventually(written, timeout=timeout, what=f"'{text}' in {path}")

    def wait_settled(self, branch="main", name="auto"):
        """Until the status knows of the push; returns it."""
        def settled():
            status = self.get(name).get("status", {})
            assert status.get("lastPushCommit") == self.head(branch), summary(self.get(name))
            return status
        status = eventually(settled, what="the status after the push")
        self.wait(name=name)
        return status

    def commits(self, branch="main"):
        return int(self.bare("rev-list", "--count", branch))

    def message(self, branch="main"):
        return self.bare("log", "-1", "--format=%B", branch)

    def start(self, text=None, tag="1.0.1", **automation):
        """One file, one policy, one automation; returns the commit before."""
        before = self.file(text or f"image: {IMAGE}:1.0.0 {marker(self.tenant)}\n")
        self.policy(tag=tag)
        self.tenant.source()
        self.automation(**automation)
        return before


@pytest.fixture
def images(tenant):
    return Images(tenant)


def test_tag_becomes_a_commit_with_that_line_only(images):
    text = f"# first\n\nimage:   {IMAGE}:1.0.0   {marker(images.tenant)}\r\n\n\nother: [a,  b]  # c"
    before = images.start(text)
    images.wait_text(":1.0.1")
    assert images.show() == text.replace(":1.0.0", ":1.0.1")
    assert images.bare("diff", "--numstat", before, "main") == "1\t1\tapp/app.yaml"
    assert images.bare("log", "-1", "--format=%an <%ae>|%cn <%ce>|%P|%s", "main") == (
        f"Robot <robot@example.test>|Robot <robot@example.test>|{before}"
        "|Update from image update automation")
    images.bare("fsck", "--strict")


def test_status_says_what_was_done(images):
    images.start()
    images.wait_text(":1.0.1")
    status = images.wait_settled()
    assert images.wait("True", "Succeeded")["message"] == "repository up-to-date"
    assert status["observedSourceRevision"] == f"main@sha1:{images.head()}"
    assert status["observedPolicies"] == {"app": {"name": IMAGE, "tag": "1.0.1"}}
    assert status["lastPushTime"] >= status["lastAutomationRunTime"]
    assert status["observedGeneration"] == 1
    assert "finalizers.fluxcd.io" in images.get()["metadata"]["finalizers"]


def test_event_names_commit_and_branch(images):
    images.start()
    images.wait_text(":1.0.1")

    def told():
        messages = [event["message"] for event in images.tenant.events("Succeeded", "auto")]
        assert f"pushed commit '{images.head()[:7]}' to branch 'main'\nUpdate from image update " \
            "automation" in messages, messages
        return True
    eventually(told, what="the event")


def test_commit_is_deployed(images):
    tenant = images.tenant
    text = json.dumps(deployment("web", f"{IMAGE}:1.0.0"), indent=1)
    text = text.replace(f'"image": "{IMAGE}:1.0.0",',
                        f'"image": "{IMAGE}:1.0.0", {marker(tenant)}')
    images.file(text)
    tenant.source()
    tenant.unit()
    tenant.wait_applied(tenant.repository.head)
    images.policy(tag="1.0.0")
    images.automation()
    images.wait()
    for tag in ("1.0.1", "1.0.2"):
        images.choose("app", tag)

        def runs():
            container = tenant.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
            assert container[0]["image"] == f"{IMAGE}:{tag}", summary(images.get())
            return True
        eventually(runs, what=f"the Deployment with {tag}")
    tenant.wait_applied(images.head())


def test_restart_of_the_loop_writes_nothing(images):
    """The same images again: no commit, no further push."""
    images.start()
    images.wait_text(":1.0.1")
    images.wait_settled()
    head, token = images.head(), images.now()

    def handled():
        assert images.get()["status"].get("lastHandledReconcileAt") == token
        return True
    eventually(handled, what="the request")
    assert images.head() == head


def test_three_environments_by_three_policies(images):
    tenant = images.tenant
    files = {}
    for name in ("dev", "staging", "production"):
        tag = marker(tenant, name, "tag")
        files[f"{name}/kustomization.yaml"] = (
            f"resources: [../base]\nnamePrefix: {name}-\nimages:\n- name: {IMAGE}\n"
            f"  newTag: 1.0.0  {tag}\n")
    files["base/kustomization.yaml"] = "resources: [web.yaml]\n"
    files["base/web.yaml"] = stream(deployment("web", f"{IMAGE}:1.0.0"))
    tenant.push(files)
    tenant.source()
    for name, tag in (("dev", "1.4.3-rc.1"), ("staging", "1.4.2"), ("production", "1.3.9")):
        tenant.unit(name, path=f"./{name}")
        images.policy(name, tag)
    images.automation()

    def image_of(name):
        item = tenant.get("deployments", f"{name}-web")
        return item and item["spec"]["template"]["spec"]["containers"][0]["image"].split(":")[1]

    def all_run(expected):
        found = {name: image_of(name) for name in expected}
        assert found == expected, f"{found} {summary(images.get())}"
        return True
    eventually(lambda: all_run({"dev": "1.4.3-rc.1", "staging": "1.4.2", "production": "1.3.9"}),
               what="three environments")
    assert images.commits() <= 4, "one commit per run, whatever the number of changes"
    images.choose("staging", "1.4.3")
    eventually(lambda: all_run({"dev": "1.4.3-rc.1", "staging": "1.4.3", "production": "1.3.9"}),
               what="staging alone")
    assert images.bare("diff", "--numstat", "main~1", "main") == \
        "1\t1\tstaging/kustomization.yaml"


def test_digest_and_name_parts(images):
    tenant = images.tenant
    text = (f"name: x {marker(tenant, part='name')}\ntag: x {marker(tenant, part='tag')}\n"
            f"digest: x {marker(tenant, part='digest')}\nwhole: x {marker(tenant)}\n")
    images.file(text)
    digest = "sha256:" + "ab" * 32
    images.policy()
    images.choose("app", "1.10", digest=digest)
    tenant.source()
    images.automation()
    images.wait_text(digest)
    lines = [line.split(" #")[0] for line in images.show().splitlines()]
    assert lines == [f"name: {IMAGE}", 'tag: "1.10"', f"digest: {digest}",
                     f"whole: {IMAGE}:1.10@{digest}"]


def test_push_branch_is_made_and_followed(images):
    before = images.start(push={"branch": "updates"})
    images.wait_text(":1.0.1", branch="updates")
    assert images.head() == before
    images.choose("app", "1.0.2")
    images.wait_text(":1.0.2", branch="updates")
    status = images.wait_settled("updates")
    assert images.commits("updates") == images.commits() + 2, "upon what was pushed before"
    assert status["observedSourceRevision"] == f"main@sha1:{before}"


def test_checkout_ref_of_the_automation(images):
    images.file(f"image: {IMAGE}:1.0.0 {marker(images.tenant)}\n")
    images.tenant.repository.push(branch="release")
    images.policy(tag="1.0.1")
    images.tenant.source()
    images.automation(branch="release")
    images.wait_text(":1.0.1", branch="release")
    assert ":1.0.0" in images.show()


def test_refspec_is_pushed_in_addition(images):
    images.start(push={"branch": "main", "refspec": "refs/heads/main:refs/for/review"})
    images.wait_text(":1.0.1")
    images.wait_settled()
    assert images.bare("rev-parse", "refs/for/review") == images.head()

    def told():
        events = [event["message"] for event in images.tenant.events("Succeeded", "auto")]
        assert any("to branch 'main' and refspecs 'refs/heads/main:refs/for/review'" in text
                   for text in events), events
        return True
    eventually(told, what="the event")


def hook(images, name, text):
    path = os.path.join(images.tenant.repository.bare, "hooks", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def test_push_options_reach_the_server(images):
    hook(images, "pre-receive",
         'printf "%s|%s" "$GIT_PUSH_OPTION_0" "$GIT_PUSH_OPTION_1" > options\n')
    images.start(push={"options": {"ci.skip": "", "topic": "images; $(id)"}})
    images.wait_text(":1.0.1")
    with open(os.path.join(images.tenant.repository.bare, "options")) as file:
        assert file.read() == "ci.skip=|topic=images; $(id)"


def test_server_hook_rejects(images):
    before = images.start(tag=None)
    images.wait()
    hook(images, "pre-receive", 'echo "no images on Fridays" >&2\nexit 1\n')
    images.choose("app", "1.0.1")
    message = images.wait("False", "GitOperationFailed", "pre-receive hook declined")["message"]
    assert message.startswith("failed to update source: failed to push to remote: "
                              "command error on refs/heads/main: "), message
    assert "no images on Fridays" in message
    assert images.head() == before
    os.remove(os.path.join(images.tenant.repository.bare, "hooks", "pre-receive"))
    images.wait_text(":1.0.1", timeout=30)
    images.wait()


def test_branch_that_moves_between_fetch_and_push(images):
    """The first push meets a commit that was not there at the fetch; the second is upon it."""
    repository = images.tenant.repository
    other = images.tenant.repository.work
    images.file(f"image: {IMAGE}:1.0.0 {marker(images.tenant)}\n")
    repository.commit({"other.txt": "by hand"}, "by hand")
    git("push", "-q", "origin", "HEAD:refs/stash/by-hand", cwd=other)
    hook(images, "pre-receive", f"""
[ -e raced ] && exit 0
touch raced
unset GIT_QUARANTINE_PATH
git update-ref refs/heads/main {repository.head}
""")
    images.policy(tag="1.0.1")
    images.tenant.source()
    images.automation()
    images.wait_text(":1.0.1")
    images.wait_settled()
    assert images.show("other.txt") == "by hand"
    assert os.path.exists(os.path.join(repository.bare, "raced"))
    assert images.bare("log", "--format=%s", "main").splitlines()[1] == "by hand"


def test_two_automations_on_one_branch_under_load(images):
    """Fifty tags while somebody else pushes, too: every update lands, and history only grows."""
    tenant = images.tenant
    tenant.push({f"app/{name}.yaml": f"image: {IMAGE}:0 {marker(tenant, name)}\n"
                 for name in ("one", "two")})
    hook(images, "update", 'echo "$2 $3" >> updates\n')
    tenant.source()
    for name in ("one", "two"):
        images.policy(name, "0")
        images.automation(f"auto-{name}", path=f"./app/{name}.yaml")
    rest = threading.Thread(target=push_by_hand, args=(tenant.repository, 10))
    rest.start()
    for number in range(1, 51):
        images.choose("one" if number % 2 else "two", f"1.0.{number}")
        time.sleep(0.05)
    rest.join()
    images.wait_text(":1.0.49 ", "app/one.yaml", timeout=60)
    images.wait_text(":1.0.50 ", "app/two.yaml", timeout=60)
    for name in ("one", "two"):
        images.wait(name=f"auto-{name}", timeout=60)
    assert len(images.show("by-hand.txt").split()) == 10
    with open(os.path.join(tenant.repository.bare, "updates")) as file:
        for old, new in (line.split() for line in file):
            if set(old) != {"0"}:
                images.bare("merge-base", "--is-ancestor", old, new)


def push_by_hand(repository, count):
    for number in range(count):
        while True:
            try:
                repository.git("fetch", "-q", "origin")
                repository.git("reset", "-q", "--hard", "origin/main")
                path = os.path.join(repository.work, "by-hand.txt")
                before = ""
                if os.path.exists(path):
                    with open(path) as file:
                        before = file.read()
                repository.push({"by-hand.txt": f"{before}{number}\n"})
                break
            except RuntimeError:
                continue
        time.sleep(0.2)


# ---- commit messages ----

TEMPLATE = """Images of {{ .AutomationObject }} for {{ .Values.team | upper }}
{{ range $file, $objects := .Changed.FileChanges }}
{{ $file }}:
{{- range $object, $changes := $objects }}
- {{ $object.Kind }} {{ $object.Name }}
{{- range $changes }}
  - {{ .OldValue }} -> {{ .NewValue }} ({{ .Setter }})
{{- end }}{{ end }}{{ end }}
{{ range .Changed.Changes }}{{ trunc 5 .NewValue }};{{ end }}{{ len .Changed.Objects }}"""


def test_message_template_over_the_data_model(images):
    tenant = images.tenant
    tag = marker(tenant, part="tag")
    images.file(f"kind: A\nmetadata: {{name: one}}\na: 1.0.0 {tag}\nb: 1.0.0 {tag}\n---\n"
                f"kind: B\nmetadata:\n  name: two\nc: 0.9.0 {tag}\n")
    images.policy(tag="1.0.1")
    tenant.source()
    images.automation(path="./app", commit={"messageTemplate": TEMPLATE,
                                            "messageTemplateValues": {"team": "web"}})
    images.wait_text("c: 1.0.1")
    setter = f"{tenant.namespace}:app:tag"
    expected = (f"Images of {tenant.namespace}/auto for WEB\n\napp.yaml:\n- A one\n"
                f"  - 1.0.0 -> 1.0.1 ({setter})\n  - 1.0.0 -> 1.0.1 ({setter})\n- B two\n"
                f"  - 0.9.0 -> 1.0.1 ({setter})\n1.0.1;1.0.1;2")
    assert images.message() == expected


@pytest.mark.parametrize("template, reason, text", [
    ("{{ .Updated.Images }}", "RemovedTemplateField", "template uses removed '.Updated' field"),
    ("{{ .Changed.ImageResult }}", "RemovedTemplateField",
     "template uses removed '.Changed.ImageResult' field"),
    ("{{ nope }}", "GitOperationFailed",
     "failed to update source: unable to create commit message template from spec: template: "
     "commit message:1: function \"nope\" not defined"),
    ("{{ .Changed.Nope }}", "GitOperationFailed",
     "failed to update source: failed to run template from spec: "),
    ("{{ range until 100000 }}{{ repeat 1000 \"x\" }}{{ end }}", "GitOperationFailed",
     "more output than the limit of 65536 bytes"),
    ("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}", "GitOperationFailed",
     "nested deeper than the limit"),
], ids=["updated", "image-result", "parse", "run", "huge-output", "endless"])
def test_message_template_that_fails(images, template, reason, text):
    before = images.start(commit={"messageTemplate": template})
    images.wait("False", reason, text)
    assert images.head() == before


# ---- signatures ----

def gpg(home, *arguments, stdin=None):
    done = subprocess.run(["gpg", "--batch", "--homedir", home, "--pinentry-mode", "loopback",
                           *arguments], input=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def gpg_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("g")
    os.chmod(home, 0o700)
    yield str(home)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True)


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa2048", "nistp256"])
@pytest.mark.parametrize("passphrase", ["", "open sesame"], ids=["open", "locked"])
def test_gpg_signature_is_good_to_git(images, gpg_home, algorithm, passphrase):
    gpg(gpg_home, "--passphrase", passphrase, "--quick-generate-key", "Robot <robot@example.test>",
        algorithm, "sign", "never")
    key = gpg(gpg_home, "--passphrase", passphrase, "--armor", "--export-secret-keys").decode()
    images.api.apply(secret("key", {"git.asc": key, "passphrase": passphrase},
                            namespace=images.tenant.namespace))
    images.start(commit={"signingKey": {"secretRef": {"name": "key"}}})
    images.wait_text(":1.0.1")
    done = subprocess.run(["git", "verify-commit", "--raw", "main"], capture_output=True,
                          cwd=images.tenant.repository.bare,
                          env={**os.environ, **GIT_ENVIRONMENT, "GNUPGHOME": gpg_home})
    assert done.returncode == 0 and b"GOODSIG" in done.stderr, done.stderr.decode()


@pytest.mark.parametrize("kind, password", [("ed25519", ""), ("ecdsa", "open sesame"), ("rsa", "")])
def test_ssh_signature_is_good_to_git(images, tmp_path, kind, password):
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", password, "-f", path], check=True)
    images.api.apply(secret("key", {"identity": path.read_text(), "password": password},
                            namespace=images.tenant.namespace))
    allowed = tmp_path / "allowed"
    allowed.write_text("robot@example.test " + (tmp_path / "key.pub").read_text())
    images.start(commit={"signingKey": {"type": "ssh", "secretRef": {"name": "key"}}})
    images.wait_text(":1.0.1")
    images.bare("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}",
                "verify-commit", "main")


def test_signing_key_that_cannot_be_used(images, gpg_home, tmp_path):
    namespace = images.tenant.namespace
    for name in ("one", "two"):
        gpg(gpg_home, "--passphrase", "secret", "--quick-generate-key", name, "ed25519", "sign")
    both = gpg(gpg_home, "--passphrase", "secret", "--armor", "--export-secret-keys").decode()
    one = gpg(gpg_home, "--passphrase", "secret", "--armor", "--export-secret-keys", "one").decode()
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", path], check=True)
    failed = "failed configuring source manager: "
    images.start()
    images.wait()
    for kind, data, text in (
            ("gpg", None, "could not find signing key secret 'key'"),
            ("gpg", {"x": "y"}, "signing key secret 'key' does not contain a 'git.asc' key"),
            ("ssh", {"x": "y"}, "signing key secret 'key' does not contain an 'identity' key"),
            ("gpg", {"git.asc": one}, "can not use passphrase protected signing key without "
                                      "'passphrase' field present in secret key"),
            ("gpg", {"git.asc": one, "passphrase": "wrong"}, "the passphrase is wrong"),
            ("gpg", {"git.asc": both, "passphrase": "secret"},
             "multiple entities read from secret 'key', could not determine which signing key"),
            ("gpg", {"git.asc": "not a key"}, "it is no armored private key"),
            ("ssh", {"identity": path.read_text()},
             "can not use passphrase protected signing key without 'password' field present"),
            ("ssh", {"identity": path.read_text(), "password": "wrong"}, "the password is wrong"),
            ("ssh", {"identity": "not a key"}, "ssh-keygen cannot sign with the key")):
        images.api.delete("secrets", namespace, "key")
        if data is not None:
            images.api.apply(secret("key", data, namespace=namespace))
        images.automation(commit={"signingKey": {"type": kind, "secretRef": {"name": "key"}}})
        images.now()
        message = images.wait("False", "SourceManagerFailed", text)["message"]
        assert message.startswith(failed) and "sesame" not in message


# ---- what is asked for ----

def test_suspended_automation_does_nothing(images):
    before = images.start(suspend=True)
    images.policy("later", "1.0.1")
    images.api.patch(AUTOMATIONS, images.tenant.namespace, "auto", {"spec": {"suspend": False}})
    images.wait_text(":1.0.1")
    assert images.bare("log", "-1", "--format=%P", "main") == before, "the first commit of ours"


def test_policy_selector(images):
    tenant = images.tenant
    images.file(f"a: {IMAGE}:0 {marker(tenant, 'a')}\nb: {IMAGE}:0 {marker(tenant, 'b')}\n")
    images.policy("a", "1", labels={"team": "web"})
    images.policy("b", "1", labels={"team": "data"})
    tenant.source()
    images.automation(policySelector={"matchLabels": {"team": "web"}})
    images.wait_text(f"a: {IMAGE}:1")
    assert f"b: {IMAGE}:0" in images.show()
    assert list(images.wait_settled()["observedPolicies"]) == ["a"]
    images.automation(policySelector={"matchExpressions": [{"key": "team", "operator": "Is"}]})
    images.wait("False", "InvalidPolicySelector", "failed to parse policy selector: ")
    tenant.wait_condition(AUTOMATIONS, "auto", "True", "InvalidPolicySelector", kind="Stalled")


def test_only_below_the_path(images):
    tenant = images.tenant
    text = f"image: {IMAGE}:1.0.0 {marker(tenant)}\n"
    tenant.push({"apps/a.yaml": text, "apps/b/Kustomization": text, "apps/c.yml": text,
                 "apps/d.json": text, "appsx/a.yaml": text, "other/a.yaml": text})
    images.policy(tag="1.0.1")
    tenant.source()
    images.automation(path="./apps/")
    images.wait_text(":1.0.1", "apps/a.yaml")
    changed = images.bare("diff", "--name-only", "main~1", "main").split()
    assert changed == ["apps/a.yaml", "apps/b/Kustomization", "apps/c.yml"]


@pytest.mark.parametrize("path, text", [
    ("../elsewhere", "spec.update.path: '../elsewhere' leads out of the repository"),
    ("/../../etc", "spec.update.path"),
    ("nowhere", "spec.update.path: lstat nowhere: no such file or directory"),
    ("link", "spec.update.path: 'link' is, or goes through, a symbolic link"),
], ids=["up", "absolute", "missing", "link"])
def test_path_that_leads_elsewhere(images, path, text):
    os.makedirs(images.tenant.repository.work, exist_ok=True)
    os.symlink("/etc", os.path.join(images.tenant.repository.work, "link"))
    before = images.start(path=path)
    message = images.wait("False", "UpdateFailed", text)["message"]
    assert message.startswith("failed to apply policies: ")
    assert images.head() == before


def test_source_that_is_missing_and_comes(images):
    images.file(f"image: {IMAGE}:1.0.0 {marker(images.tenant)}\n")
    images.policy(tag="1.0.1")
    images.automation()
    images.wait("False", "SourceManagerFailed",
                "failed configuring source manager: referenced git repository does not exist: ")
    images.tenant.source()
    images.wait_text(":1.0.1")
    images.wait_settled()


def test_git_is_missing(images):
    images.tenant.source()
    images.tenant.apply_ours("ImageUpdateAutomation", "auto", {
        "interval": "1h", "sourceRef": {"kind": "GitRepository", "name": "repo"}})
    images.wait("False", "InvalidSourceConfiguration",
                "source kind 'GitRepository' necessitates field .spec.git: invalid source config")


def test_no_branch_to_push_to(images):
    images.file("a: 1\n")
    images.tenant.source(ref={"tag": "v1"})
    images.automation()
    images.wait("False", "SourceManagerFailed", "push spec not provided, and cannot be inferred "
                "from .spec.git.checkout.ref or GitRepository .spec.ref")


def test_branch_that_is_gone_and_back(images):
    images.start()
    images.wait_text(":1.0.1")
    images.wait_settled()
    head = images.head()
    images.bare("update-ref", "-d", "refs/heads/main")
    images.choose("app", "1.0.2")
    images.wait("False", "GitOperationFailed", "failed to checkout source: ")
    images.bare("update-ref", "refs/heads/main", head)
    images.wait_text(":1.0.2", timeout=40)
    images.wait()


def test_history_that_somebody_rewrites(images):
    """A forced push by somebody else is where the next commit begins; nothing is forced by us."""
    before = images.start()
    images.wait_text(":1.0.1")
    images.wait_settled()
    images.bare("update-ref", "refs/heads/main", before)
    images.choose("app", "1.0.2")
    images.wait_text(":1.0.2")
    assert images.bare("log", "-1", "--format=%P", "main") == before


def test_repository_behind_a_password(images):
    tenant = images.tenant
    tenant.host.passwords[tenant.repository.name] = ("robot", "s3cr3t-pass")
    images.api.apply(secret("git", {"username": "robot", "password": "wrong-pass"},
                            namespace=tenant.namespace))
    images.file(f"image: {IMAGE}:1.0.0 {marker(tenant)}\n")
    images.policy(tag="1.0.1")
    tenant.source(secretRef={"name": "git"})
    images.automation()
    message = images.wait("False", "GitOperationFailed", "authentication required")["message"]
    assert "wrong-pass" not in message
    images.api.apply(secret("git", {"username": "robot", "password": "s3cr3t-pass"},
                            namespace=tenant.namespace))
    images.wait_text(":1.0.1", timeout=40)


def test_deletion_leaves_git_alone(images):
    images.start()
    images.wait_text(":1.0.1")
    images.wait_settled()
    head = images.head()
    images.api.delete(AUTOMATIONS, images.tenant.namespace, "auto")
    images.tenant.wait_gone(AUTOMATIONS, "auto")
    assert images.head() == head


# ---- hostile inputs ----

def test_markers_that_are_not_for_us(images):
    tenant = images.tenant
    other = "# " + json.dumps({"$imagepolicy": "kube-system:app"})
    bomb = '# {"$imagepolicy": ' + '{"a":' * 2000
    lines = "".join(f"- x{number} {other if number % 2 else bomb}\n" for number in range(500))
    text = (f"a: {IMAGE}:1.0.0 {other}\nb: {IMAGE}:1.0.0 {marker(tenant, 'nobody')}\n"
            f"c: &x {IMAGE}:1.0.0 {marker(tenant)}\nd: *x\nlist:\n{lines}")
    images.start(text)
    images.wait_text("c: &x registry.example.test/app:1.0.1")
    assert images.show() == text.replace(f"&x {IMAGE}:1.0.0", f"&x {IMAGE}:1.0.1")


def test_links_binaries_and_broken_files_are_passed_over(images):
    tenant, work = images.tenant, images.tenant.repository.work
    text = f"image: {IMAGE}:1.0.0 {marker(tenant)}\n"
    outside = os.path.join(os.path.dirname(work), f"outside-{tenant.namespace}.yaml")
    with open(outside, "w") as file:
        file.write(text)
    os.makedirs(os.path.join(work, "app"), exist_ok=True)
    os.symlink(outside, os.path.join(work, "app/out.yaml"))
    os.symlink("../inside.txt", os.path.join(work, "app/in.yaml"))
    tenant.push({"inside.txt": text, "app/binary.yaml": b"\x00\xff" + text.encode(),
                 "app/broken.yaml": "a: [" + text, "app/huge.yaml": text + "#" * (5 << 20),
                 "app/app.yaml": text, "app/chart.yaml": "{{ if .x }}\n" + text + "{{ end }}\n"})
    images.policy(tag="1.0.1")
    tenant.source()
    images.automation()
    images.wait_text(":1.0.1")
    images.wait_settled()
    assert images.bare("diff", "--name-only", "main~1", "main") == "app/app.yaml"
    assert images.bare("ls-tree", "main", "app/out.yaml").startswith("120000 ")
    with open(outside) as file:
        assert file.read() == text


@pytest.mark.parametrize("author, text", [
    ({"name": "Robot\nparent " + "0" * 40, "email": "r@example.test"}, "author.name"),
    ({"name": "Robot", "email": "r@example.test> 0 +0000\ncommitter x <y"}, "author.email"),
    ({"name": "Robot <root@example.test>", "email": "r@example.test"}, "'<' is not allowed"),
], ids=["name", "mail", "brackets"])
def test_author_that_would_break_the_header(images, author, text):
    before = images.start(commit={"author": author})
    images.wait("False", "InvalidSourceConfiguration", text)
    images.tenant.wait_condition(AUTOMATIONS, "auto", "True", kind="Stalled")
    assert images.head() == before


def test_message_is_verbatim_and_nothing_more(images):
    """Trailers in the message are the template's own text; images cannot bring any in."""
    message = "Update\n\n  indented\n\nSigned-off-by: Somebody Else <else@example.test>\n"
    images.start(commit={"messageTemplate": message})
    images.wait_text(":1.0.1")
    done = subprocess.run(["git", "cat-file", "commit", "main"], capture_output=True, check=True,
                          cwd=images.tenant.repository.bare)
    assert done.stdout.decode().split("\n\n", 1)[1] == message


@pytest.mark.parametrize("push", [
    {"branch": "../../config"}, {"branch": "-delete"}, {"branch": "a..b"}, {"branch": "a b"},
    {"branch": "main\nx"}, {"branch": "main:refs/heads/other"}, {"branch": "--force"},
], ids=lambda push: push["branch"].strip())
def test_branch_that_is_no_name(images, push):
    before = images.start(push=push)
    images.wait("False", "InvalidSourceConfiguration", "is not a valid name of a branch")
    assert images.bare("for-each-ref", "--format=%(objectname) %(refname)") == \
        f"{before} refs/heads/main"


@pytest.mark.parametrize("refspec", [
    ":refs/heads/main", "refs/heads/other:refs/heads/x", "refs/heads/main:../x",
    "refs/heads/main:refs/heads/a --force", "--delete"])
def test_refspec_that_is_refused(images, refspec):
    before = images.start(push={"branch": "main", "refspec": refspec})
    images.wait("False", "InvalidSourceConfiguration", "spec.git.push.refspec: ")
    assert images.bare("for-each-ref", "--format=%(objectname) %(refname)") == \
        f"{before} refs/heads/main"


def test_refspec_that_the_server_refuses_is_pushed_again(images):
    before = images.start(tag=None, push={"branch": "main", "refspec": "HEAD:refs/for/main"})
    images.wait()
    hook(images, "update", '[ "$1" = refs/heads/main ] || [ -e open ]\n')
    images.choose("app", "1.0.1")
    images.wait("False", "GitOperationFailed", "command error on refs/for/main: hook declined")
    assert images.head() != before
    with open(os.path.join(images.tenant.repository.bare, "open"), "w"):
        pass
    images.wait(timeout=40)
    assert images.bare("rev-parse", "refs/for/main") == images.head()


@pytest.mark.parametrize("tag, image", [
    ("1.0.1\n\nSigned-off-by: root", IMAGE), ("1.0.1 # {x: y}", IMAGE), ("$(reboot)", IMAGE),
    ("1.0.1", "app\": {x: y}"), ("1.0.1", "`id`"), ("x" * 200, IMAGE)])
def test_image_with_characters_that_no_image_has(images, tag, image):
    before = images.start(tag=None)
    images.wait()
    images.choose("app", tag, image)

    def told():
        events = images.tenant.events("InvalidImage", "auto")
        assert events and events[0]["type"] == "Warning", events
        return True
    eventually(told, what="the event")
    assert images.head() == before


def test_tags_stay_texts(images):
    """Tags that YAML takes for something else are quoted, and reach the cluster as they are."""
    tenant = images.tenant
    images.file("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: tags\ndata:\n"
                f"  tag: x {marker(tenant, part='tag')}\n")
    images.policy(tag="1.0.0")
    tenant.source()
    tenant.unit()
    images.automation()
    for tag in ("1e3", "yes", "0x10", "null", "007", "1.10", "2024-01-02", "on"):
        images.choose("app", tag)
        images.wait_text(f'tag: "{tag}" #')

        def applied():
            found = tenant.get("configmaps", "tags")
            assert found and found["data"] == {"tag": tag}
            return True
        eventually(applied, what=f"the tag {tag}")


# ---- the command line ----

def fixpoint_as_admin(tenant, *arguments):
    return subprocess.run([fixpoint(), "-n", tenant.namespace, *arguments], text=True,
                          capture_output=True, cwd=tenant.repository.work, timeout=60,
                          env={**os.environ, "KUBECONFIG": tenant.servers.kubeconfig("alice")})


def test_preview_of_a_suspended_automation(images):
    tenant = images.tenant
    before = images.start(f"kind: A\nmetadata: {{name: one}}\n\nimage: {IMAGE}:1.0.0 "
                          f"{marker(tenant)}\n", suspend=True, path="./app")
    tenant.repository.write({"app/broken.yaml": f"a: [ {marker(tenant)}",
                             "other.yaml": f"image: {IMAGE}:1.0.0 {marker(tenant)}\n"})
    done = fixpoint_as_admin(tenant, "images", "preview", "auto")
    assert done.returncode == 0, done.stderr
    row = done.stdout.splitlines()[1].split()
    assert row == ["app/app.yaml:4", "A/one", f"{IMAGE}:1.0.0", f"{IMAGE}:1.0.1",
                   f"{tenant.namespace}:app"]
    assert "1 values in 1 files would be updated" in done.stderr
    assert "app/broken.yaml: yaml: " in done.stderr
    assert "1.0.0" in images.show() and images.head() == before


def test_get_and_reconcile_image_update(images):
    images.start()
    images.wait()
    done = fixpoint_as_admin(images.tenant, "get", "image", "update")
    assert done.returncode == 0 and "repository up-to-date" in done.stdout, done.stderr
    done = fixpoint_as_admin(images.tenant, "reconcile", "image", "update", "auto")
    assert done.returncode == 0 and "✔ repository up-to-date" in done.stderr, done.stderr
    assert fixpoint_as_admin(images.tenant, "suspend", "image", "update", "auto").returncode == 0
    assert images.get()["spec"]["suspend"] is True
