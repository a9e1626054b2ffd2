"""Every kind of device at work in one box: each unplugged in turn, and nobody else notices."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proving.demos.devices import PEOPLE

HERE = Path(sys.executable).parent
# Each runs all devices of a box; how long that takes is the machine's affair.
pytestmark = pytest.mark.timeout(900)


def answer(*command: str) -> dict[str, Any]:
    """The JSON that a command ends with. Each is a process: it finds its pcscd once in its life."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**told, "status": done.returncode}


def test_each_device_is_unplugged_in_turn_and_all_others_work() -> None:
    figures = answer(str(HERE / "onecard"), "prove", "devices", "--json", "--faults", "unplugged")
    assert figures["failed"] == []
    assert figures["survived"] == figures["injected"] >= 16
    assert figures["noticed"] == figures["injected"]
    assert figures["others_disturbed"] == 0
    assert figures["checks_of_others"] > 200
    assert (figures["holds"], figures["status"]) == (True, 0)
    # The control: devices whose keeper opens them once are lost.
    assert figures["control"] == {"injected": 4, "survived": 0}


@pytest.mark.parametrize("part", ["wand", "id-reader", "gate"])
def test_hostile_bytes_on_one_port_are_nobody_elses_trouble(part: str) -> None:
    figures = answer(
        sys.executable, "-m", "proving.proofs.devices",
        "--parts", part, "--faults", "garbage", "endless bytes", "--no-control",
    )  # fmt: skip
    assert figures["failed"] == []
    assert figures["survived"] == figures["injected"] == 2


def test_codes_documents_and_pins_leave_no_trace_and_an_end_leaves_no_thread() -> None:
    """Reloads and the end are judged in the process itself (`box_traces`), which fails then."""
    found = answer(sys.executable, "-m", "tests.journeys.box_traces")
    assert found["leaks"] == []
    assert {"log", "devices", "status", "data/journal-0001.db", "platform.db"} <= {*found["places"]}
    assert {"code-read", "document-accepted", "pin-entered"} <= {*found["did"].values()}
    assert found["pin"]
    assert found["debug"], "nothing was logged at DEBUG, so this shows nothing"
    assert found["control"]
    assert found["threads"] > len(found["did"])


def test_the_demo_shows_every_kind_at_work() -> None:
    told = answer(str(HERE / "onecard"), "demo", "--scene", "devices", "--json")
    assert (told["good"], told["status"]) == (True, 0)
    assert {device["kind"] for device in told["devices"]} == {
        "readers", "scanners", "documents", "barriers", "prompts", "pinpads", "printers",
    }  # fmt: skip
    assert all(device["good"] for device in told["devices"])
    # Nobody is taken for somebody who was let in earlier and did not go.
    assert told["passages"] == [end for _, ends in PEOPLE for end in ends]
    assert told["equal_hashes"]
