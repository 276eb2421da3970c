"""Operators that stop, are killed, compete; an API server that goes away."""
import random
import time

from harness.audit import Audit
from harness.eventually import eventually, never
from harness.manifests import configmap, deployment, service
from harness.tenant import OWNER, condition

SEED = 20260714


def owned(tenant, plural="configmaps"):
    items = tenant.api.list(plural, tenant.namespace, f"{OWNER}/name=app")
    return {item["metadata"]["name"]: item for item in items}


def test_restart_writes_nothing(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    own_tenant.deploy(configmap("settings"), service("web"), deployment("web"), wait=True)
    assert operator.stop() < 10
    audit = Audit(own_tenant.servers)
    operator.start_ready()
    time.sleep(5)
    assert audit.writes() == []
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}))
    own_tenant.pull_now()
    own_tenant.wait_applied(commit)


def test_restart_with_an_empty_disk(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    unit = own_tenant.deploy(configmap("settings"))
    operator.stop()
    operator.forget()
    audit = Audit(own_tenant.servers)
    operator.start_ready()
    artifact = own_tenant.wait_artifact(own_tenant.repository.head)

    def served():
        return operator.fetch(operator.storage_port, "/" + artifact["path"])[0] == 200
    eventually(served, what="the artifact, fetched again")
    own_tenant.wait_applied(own_tenant.repository.head)
    assert audit.writes(resource="configmaps") == []
    assert own_tenant.get_unit()["status"]["inventory"] == unit["status"]["inventory"]


def test_drift_is_healed_while_the_newest_revision_is_refused(private_cluster, own_tenant):
    """Also after a restart, and though the retention would have the old artifact go."""
    operator = private_cluster.operator("--artifact-retention-records=1",
                                        "--artifact-retention-ttl=1s").start_ready()
    own_tenant.deploy(configmap("away", {"key": "good"}), configmap("later", {"key": "good"}))
    good = own_tenant.get_unit()["status"]["lastAppliedArtifact"]
    for number in range(3):
        own_tenant.push({"app/objects.yaml": f"kind: [broken {number}"})
        own_tenant.pull_now()
        own_tenant.wait_artifact(own_tenant.repository.head)
        time.sleep(1.1)
    own_tenant.wait_failed("BuildFailed")
    own_tenant.pull_now()
    operator.stop()

    def spoil(name):
        own_tenant.servers.kubectl("-n", own_tenant.namespace, "patch", f"configmap/{name}", "-p",
                                   '{"data":{"key":"by hand"}}')

    def healed(name):
        return own_tenant.get("configmaps", name)["data"] == {"key": "good"}
    spoil("away")
    operator.start_ready()
    eventually(lambda: healed("away"), what="what was changed while the operator was away")
    spoil("later")
    eventually(lambda: healed("later"), what="what was changed after the restart")
    own_tenant.wait_failed("BuildFailed")
    assert own_tenant.get_unit()["status"]["lastAppliedArtifact"] == good


def test_drift_while_away_is_healed_at_start(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    own_tenant.deploy(configmap("changed"), configmap("deleted"), configmap("left-alone"))
    operator.stop()
    namespace = own_tenant.namespace
    own_tenant.servers.kubectl("-n", namespace, "patch", "configmap/changed", "-p",
                               '{"data":{"key":"by hand"}}')
    own_tenant.servers.kubectl("-n", namespace, "delete", "configmap/deleted")
    version = own_tenant.get("configmaps", "left-alone")["metadata"]["resourceVersion"]
    operator.start_ready()

    def healed():
        items = owned(own_tenant)
        return len(items) == 3 and all(item["data"] == {"key": "one"} for item in items.values())
    eventually(healed, what="all three as in Git")
    own_tenant.wait_event("Drifted", "changed", "kubectl-patch")
    time.sleep(1)
    assert own_tenant.get("configmaps", "left-alone")["metadata"]["resourceVersion"] == version


def test_commit_while_away_is_applied_at_start(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    own_tenant.source(interval="1s")
    own_tenant.unit()
    own_tenant.push_objects(configmap("settings"))
    own_tenant.wait_applied(own_tenant.repository.head)
    operator.stop()
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}))
    operator.start_ready()
    own_tenant.wait_applied(commit)


def test_killed_at_twenty_moments_of_an_apply(private_cluster, own_tenant):
    chance = random.Random(SEED)
    operator = private_cluster.operator()
    own_tenant.source(interval="1s")
    own_tenant.unit(retryInterval="1s")
    names = []
    for generation in range(20):
        # A third of the names is new each time, so every kill falls into creating and pruning.
        names = [f"item-{(number + generation * 67) % 400}" for number in range(200)]
        own_tenant.push_objects(*(configmap(name, {"at": str(generation)}) for name in names))
        operator.start()
        if generation % 4 == 0:
            eventually(operator.is_ready, what="the operator")
        time.sleep(chance.uniform(0, 1.5))
        operator.kill()
    operator.start_ready()
    own_tenant.wait_applied(own_tenant.repository.head, timeout=60)
    eventually(lambda: set(owned(own_tenant)) == set(names), what="exactly the objects of Git")
    assert all(item["data"] == {"at": "19"} for item in owned(own_tenant).values())
    everything = {item["metadata"]["name"]
                  for item in own_tenant.api.list("configmaps", own_tenant.namespace)}
    assert everything - {"kube-root-ca.crt"} == set(names), "orphans"
    assert len(own_tenant.inventory()) == 200


def test_killed_then_taken_back_leaves_no_orphan(private_cluster, own_tenant):
    """Killed within an apply; while it is away the commit is taken back and the unit suspended."""
    operator = private_cluster.operator().start_ready()
    own_tenant.deploy(configmap("base"))
    many = [configmap(f"item-{number}") for number in range(300)]
    own_tenant.push_objects(configmap("base"), *many)
    own_tenant.pull_now()
    eventually(lambda: len(owned(own_tenant)) > 1, every=0.005, what="the first of the new objects")
    operator.kill()
    own_tenant.change_unit({"spec": {"suspend": True}})
    commit = own_tenant.repository.revert()
    operator.start_ready()
    own_tenant.pull_now()
    own_tenant.wait_artifact(commit)
    own_tenant.change_unit({"spec": {"suspend": False}})
    own_tenant.wait_applied(commit)
    eventually(lambda: set(owned(own_tenant)) == {"base"}, what="no orphan")


def test_two_operators_with_one_lease(private_cluster, own_tenant):
    first = private_cluster.operator("--enable-leader-election", user="fixpoint").start_ready()
    audit = Audit(own_tenant.servers)
    own_tenant.deploy(configmap("settings"))
    second = private_cluster.operator("--enable-leader-election", user="fixpoint-b").start_ready()
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}))
    own_tenant.pull_now()
    own_tenant.wait_applied(commit)
    assert audit.writes(user="fixpoint", resource="configmaps")
    assert audit.writes(user="fixpoint-b") == [], "the second one only watches"

    audit = Audit(own_tenant.servers)
    first.stop()  # gives the lease up
    commit = own_tenant.push_objects(configmap("settings", {"key": "three"}))
    own_tenant.pull_now()
    own_tenant.wait_applied(commit, timeout=30)
    assert audit.writes(user="fixpoint-b", resource="configmaps")
    assert second.is_running()


def test_leader_that_is_killed_is_replaced(private_cluster, own_tenant):
    flags = ["--enable-leader-election", "--leader-election-lease-duration=6s",
             "--leader-election-renew-deadline=4s", "--leader-election-retry-period=1s"]
    first = private_cluster.operator(*flags, user="fixpoint").start_ready()
    own_tenant.deploy(configmap("settings"))
    private_cluster.operator(*flags, user="fixpoint-b").start_ready()
    first.kill()
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}))
    own_tenant.pull_now()
    own_tenant.wait_applied(commit, timeout=30)


def test_api_server_restarts(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    own_tenant.deploy(configmap("settings"), configmap("other"))
    private_cluster.servers.stop_apiserver()
    commit = own_tenant.push_objects(configmap("settings", {"key": "two"}), configmap("other"))
    time.sleep(5)
    assert operator.is_running()
    private_cluster.servers.start_apiserver()
    own_tenant.api.patch("configmaps", own_tenant.namespace, "other", {"data": {"key": "by hand"}})
    own_tenant.pull_now()
    own_tenant.wait_applied(commit, timeout=40)
    eventually(lambda: own_tenant.get("configmaps", "other")["data"] == {"key": "one"},
               timeout=40, what="healing after the restart")
    assert operator.is_running()


def test_api_server_goes_away_within_an_apply(private_cluster, own_tenant):
    private_cluster.operator().start_ready()
    own_tenant.source()
    own_tenant.unit(retryInterval="1s")
    commit = own_tenant.push_objects(*(configmap(f"item-{number}") for number in range(300)))
    own_tenant.pull_now()
    eventually(lambda: len(owned(own_tenant)) > 1, every=0.01, what="the first objects")
    private_cluster.servers.stop_apiserver()
    time.sleep(1)
    private_cluster.servers.start_apiserver()
    own_tenant.wait_applied(commit, timeout=60)
    assert len(owned(own_tenant)) == 300


def test_idle_operator_sends_nothing(private_cluster, own_tenant):
    operator = private_cluster.operator().start_ready()
    own_tenant.deploy(*(configmap(f"item-{number}") for number in range(50)))
    time.sleep(2)
    audit, cpu = Audit(own_tenant.servers), operator.cpu_seconds()
    time.sleep(10)
    requests = [request for request in audit.requests() if "watch=" not in request]
    assert requests == []
    assert operator.cpu_seconds() - cpu < 0.1


def test_cross_namespace_source_can_be_refused(private_cluster, own_tenant):
    private_cluster.operator("--no-cross-namespace-refs").start_ready()
    own_tenant.push_objects(configmap("settings"))
    own_tenant.unit(sourceRef={"kind": "GitRepository", "name": "repo", "namespace": "default"})
    own_tenant.wait_failed("AccessDenied", "cross-namespace references have been blocked")
    assert condition(own_tenant.get_unit(), "Stalled")["status"] == "True"
    never(lambda: owned(own_tenant), 1, what="an apply")
