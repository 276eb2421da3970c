"""What most tests work with: a namespace, a repository, and the objects that connect the two."""
import time

from harness.api import APPLY, KINDS, STRATEGIC, plural_of
from harness.eventually import eventually
from harness.manifests import stream
from harness.repository import Repository

OWNER = "kustomize.toolkit.fluxcd.io"


def condition(item, kind="Ready"):
    for found in (item or {}).get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return found
    return {}


def summary(item):
    """What a human would look at, for the message of a failed test."""
    if item is None:
        return "no such object"
    status = item.get("status", {})
    parts = [f"{c['type']}={c['status']} {c['reason']}: {c['message']}"
             for c in status.get("conditions", [])]
    return f"{item['kind']} at {status.get('lastAppliedRevision')}: " + "; ".join(parts)


class Tenant:
    def __init__(self, servers, host, name):
        self.servers, self.host, self.namespace = servers, host, name
        self.api = servers.admin
        self.repository = Repository(host, servers.path("work"), name)
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # ---- Git ----

    def push(self, files, message="change"):
        return self.repository.push(files, message)

    def push_objects(self, *items, path="app/objects.yaml"):
        """One commit with these objects in one file."""
        return self.push({path: stream(*items)})

    def pull_now(self, name="repo"):
        """Asks for the new commit, as `flux reconcile source git` does."""
        self.request("gitrepositories", name)

    def request(self, plural, name):
        token = str(time.time_ns())
        self.api.patch(plural, self.namespace, name,
                       {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})
        return token

    # ---- our kinds ----

    def source(self, name="repo", **spec):
        return self.apply_ours("GitRepository", name, {
            "interval": "1h", "url": self.repository.url, "ref": {"branch": "main"}, **spec})

    def unit(self, name="app", **spec):
        """A Kustomization; called so to tell it from kustomize's own."""
        return self.apply_ours("Kustomization", name, {
            "interval": "1h", "retryInterval": "1h", "prune": True, "path": "./app",
            "targetNamespace": self.namespace, "timeout": "1m",
            "sourceRef": {"kind": "GitRepository", "name": "repo"}, **spec})

    def apply_ours(self, kind, name, spec):
        """A field that is None is left out."""
        spec = {key: value for key, value in spec.items() if value is not None}
        return self.api.apply({"apiVersion": KINDS[plural_of(kind)][0], "kind": kind,
                               "metadata": {"name": name, "namespace": self.namespace},
                               "spec": spec})

    def change_unit(self, change, name="app"):
        return self.api.patch("kustomizations", self.namespace, name, change)

    def deploy(self, *items, **spec):
        """Objects, source and unit in one go, until Ready; returns the unit."""
        commit = self.push_objects(*items)
        self.source()
        self.unit(**spec)
        return self.wait_applied(commit)

    # ---- what became of it ----

    def get_unit(self, name="app"):
        return self.api.get("kustomizations", self.namespace, name)

    def get_source(self, name="repo"):
        return self.api.get("gitrepositories", self.namespace, name)

    def get(self, plural, name):
        return self.api.get(plural, self.namespace, name)

    def exists(self, plural, name):
        return self.get(plural, name) is not None

    def wait_applied(self, commit, name="app", timeout=20):
        """Until the unit is Ready at the commit; returns it."""
        def applied():
            item = self.get_unit(name)
            at = (item or {}).get("status", {}).get("lastAppliedRevision", "")
            ready = condition(item)
            seen = (item or {}).get("status", {}).get("observedGeneration")
            fine = at.endswith(commit) and ready.get("status") == "True" and \
                seen == item["metadata"]["generation"]
            assert fine, summary(item)
            return item
        return eventually(applied, timeout=timeout, what=f"{name} at {commit[:8]}")

    def wait_condition(self, plural, name, status, reason=None, text="", kind="Ready", timeout=20):
        """Until the condition has the status (and reason, and text in its message); returns it."""
        def holds():
            item = self.api.get(plural, self.namespace, name)
            found = condition(item, kind)
            fine = found.get("status") == status and reason in (None, found["reason"]) and \
                text in found["message"]
            assert fine, summary(item)
            return found
        return eventually(holds, timeout=timeout, what=f"{kind}={status} {reason or ''} of {name}")

    def wait_failed(self, reason, text="", name="app", timeout=20):
        return self.wait_condition("kustomizations", name, "False", reason, text, timeout=timeout)

    def wait_source(self, status="True", reason=None, text="", name="repo", timeout=20):
        return self.wait_condition("gitrepositories", name, status, reason, text, timeout=timeout)

    def wait_artifact(self, commit, name="repo", timeout=20):
        def stored():
            item = self.get_source(name)
            artifact = (item or {}).get("status", {}).get("artifact") or {}
            assert artifact.get("revision", "").endswith(commit), summary(item)
            return artifact
        return eventually(stored, timeout=timeout, what=f"artifact of {commit[:8]}")

    def wait_gone(self, plural, name, timeout=20):
        eventually(lambda: not self.exists(plural, name), timeout=timeout,
                   what=f"end of {plural}/{name}")

    def inventory(self, name="app"):
        item = self.get_unit(name) or {}
        entries = item.get("status", {}).get("inventory", {}).get("entries", [])
        return [entry["id"] for entry in entries]

    def events(self, reason=None, name="app"):
        """Events about the object, oldest first; one that was counted up is one."""
        found = [event for event in self.api.list("events", self.namespace)
                 if event["involvedObject"]["name"] == name and
                 reason in (None, event.get("reason"))]
        return sorted(found, key=lambda event: event["metadata"]["resourceVersion"])

    def wait_event(self, reason, *texts, name="app", timeout=10):
        def reported():
            messages = [event["message"] for event in self.events(reason, name)]
            for event in self.events(reason, name):
                if all(text in event["message"] for text in texts):
                    return event
            raise AssertionError(f"events {reason}: {messages}")
        return eventually(reported, timeout=timeout, what=f"event {reason} with {texts}")

    # ---- the part of a kubelet ----

    def finish_job(self, name, phase="Succeeded"):
        """Lets the pods of a Job end."""
        def pod():
            return self.api.list("pods", self.namespace, f"job-name={name}")
        code = 0 if phase == "Succeeded" else 1
        ended = {"terminated": {"exitCode": code, "startedAt": "2026-01-01T00:00:00Z",
                                "finishedAt": "2026-01-01T00:00:01Z"}}
        for item in eventually(pod, what=f"a pod of job {name}"):
            self.api.patch("pods", self.namespace, item["metadata"]["name"], {"status": {
                "phase": phase, "containerStatuses": [
                    {"name": "job", "image": "x", "imageID": "x", "ready": False,
                     "restartCount": 0, "state": ended}]}}, STRATEGIC, subresource="/status")

    def run_pods(self, app):
        """Lets the pods with the label app=... run and be ready."""
        def pods():
            return self.api.list("pods", self.namespace, f"app={app}")
        for item in eventually(pods, what=f"pods of {app}"):
            self.api.patch("pods", self.namespace, item["metadata"]["name"], {"status": {
                "phase": "Running", "conditions": [
                    {"type": "Ready", "status": "True"}]}}, STRATEGIC, subresource="/status")

    def crash_pods(self, app):
        """Lets the containers of the pods with the label app=... crash again and again."""
        for item in eventually(lambda: self.api.list("pods", self.namespace, f"app={app}"),
                               what=f"pods of {app}"):
            container = item["spec"]["containers"][0]["name"]
            self.api.patch("pods", self.namespace, item["metadata"]["name"], {"status": {
                "phase": "Running", "containerStatuses": [
                    {"name": container, "image": "x", "imageID": "x", "ready": False,
                     "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                     "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}}]}},
                STRATEGIC, subresource="/status")

    # ---- the end ----

    def leave(self, abandon=False):
        """Deletes our objects and the namespace. When no operator is there to clear finalizers,
        abandon does it."""
        for plural in ("imageupdateautomations", "imagepolicies", "imagerepositories", "receivers",
                       "kustomizations", "gitrepositories", "alerts",
                       "providers"):
            for item in self.api.list(plural, self.namespace):
                name = item["metadata"]["name"]
                if abandon:
                    self.api.patch(plural, self.namespace, name,
                                   {"metadata": {"finalizers": None}})
                self.api.delete(plural, self.namespace, name)
        self.api.delete("namespaces", None, self.namespace)
