"""The controller and `fixpoint build kustomize` call one engine: the digest in status.history is
that of the very bytes that the command prints."""
import hashlib
import json
import os
import subprocess

import pytest

from harness.eventually import eventually
from harness.operator import ROOT, fixpoint

SHARED = os.environ.get("FIXPOINT_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")
RECORDED = os.path.join(SHARED, "conformance", "kustomize")
OWN = os.path.join(ROOT, "tests", "golden", "kustomize")
SAMPLE = 20


def is_plain(folder):
    """Built with no flags at its root, and with a result. (The controller adds the origin of
    objects where a kustomization file names no resources: compat with Flux.)"""
    with open(os.path.join(folder, "args"), encoding="utf-8") as args:
        plain = args.read().split() in ([], ["."])
    try:
        with open(os.path.join(folder, "in", "kustomization.yaml"), encoding="utf-8") as file:
            plain = plain and "\nresources:" in "\n" + file.read()
    except FileNotFoundError:
        return False
    expected = os.path.join(folder, "expected.yaml")
    return plain and os.path.exists(expected) and os.path.getsize(expected) > 0


def sample():
    """Every so many of the recorded cases; our own where those are not at hand."""
    source = RECORDED if os.path.isdir(RECORDED) else OWN
    if source is OWN and os.environ.get("CI"):
        raise RuntimeError(f"{RECORDED} is missing")
    names = sorted(os.listdir(source)) if os.path.isdir(source) else []
    folders = [os.path.join(source, name) for name in names]
    plain = [folder for folder in folders if os.path.isdir(folder) and is_plain(folder)]
    return plain[::max(1, len(plain) // SAMPLE)][:SAMPLE]


def files_of(folder):
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, encoding="utf-8") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


@pytest.mark.parametrize("case", sample(), ids=os.path.basename)
def test_controller_builds_what_the_command_prints(case, tenant):
    tree = os.path.join(case, "in")
    printed = subprocess.run([fixpoint(), "build", "kustomize", tree, "--reorder", "none",
                              "--load-restrictor", "LoadRestrictionsNone"],
                             check=True, capture_output=True, timeout=30).stdout
    tenant.push({f"app/{path}": text for path, text in files_of(tree).items()})
    tenant.source(ignore="!*")
    tenant.unit(targetNamespace=None)

    def built():
        history = tenant.get_unit().get("status", {}).get("history")
        assert history, json.dumps(tenant.get_unit().get("status", {}).get("conditions"))
        return history[0]["digest"]
    digest = eventually(built, what="the history")
    assert digest == "sha256:" + hashlib.sha256(printed).hexdigest()
