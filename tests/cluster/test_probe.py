"""The sandbox answers as a real API server does: to each sequence of requests it says what was
recorded from one (tests/golden/sandbox). Where the real servers are there, the recording is held to
them, too; GOLDEN=write records anew."""
import json
import os

import pytest

from harness.probes import PROBES, answers
from harness.servers import ROOT, SandboxServers, on_sandbox

FOLDER = os.path.join(ROOT, "tests", "golden", "sandbox")


@pytest.fixture(scope="module")
def sandbox():
    servers = SandboxServers()
    try:
        yield servers.start()
    finally:
        servers.stop()


def golden(name):
    with open(os.path.join(FOLDER, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("name", PROBES)
def test_sandbox(sandbox, name):
    assert answers(sandbox.admin, name, "probe-" + name.replace("_", "-")) == golden(name)


if not on_sandbox():
    @pytest.mark.parametrize("name", PROBES)
    def test_real(servers, name):
        said = answers(servers.admin, name, "probe-" + name.replace("_", "-"))
        if os.environ.get("GOLDEN") == "write":
            with open(os.path.join(FOLDER, name + ".json"), "w", encoding="utf-8") as file:
                file.write(json.dumps(said, indent=1, sort_keys=True) + "\n")
        assert said == golden(name)
