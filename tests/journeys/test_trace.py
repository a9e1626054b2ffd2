"""`onecard trace record` at a real terminal: of a tap at the running agent, and without one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from apdu.replay import replay
from apdu.trace import Trace, parse
from contracts.secrets_probe import Probe
from simulators.site import DOOR, READERS, Site
from tests.journeys.gate import Doors, onecard
from tests.journeys.test_secrets import planted

WHO = "gulbahar"


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site(language="en") as site:
        doors = Doors(site)
        doors.open()
        yield doors


def proven(doors: Doors, raw: bytes) -> Trace:
    """It holds a whole flow that replays, and nobody."""
    Probe(planted(doors.site.cast)).check("trace", raw)
    trace = parse(raw)
    replayed = replay(trace)
    assert replayed.as_recorded
    assert replayed.read is not None
    assert replayed.read.holder.social_security_number == "519900190001010014"
    return trace


def test_the_next_tap_at_the_running_agent_is_recorded(doors: Doors, tmp_path: Path) -> None:
    out = tmp_path / "tap.jsonl"
    command = [str(Path(sys.executable).parent / "onecard"), "trace", "record", "--json"]
    recorder = subprocess.Popen(
        [*command, "--out", str(out), "--config", str(doors.site.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**doors.site.pcscd.environment(), "LANG": "en_US.UTF-8"},
    )
    while recorder.poll() is None:  # until it listens it hears of no tap
        doors.tap(WHO)
    assert recorder.stdout is not None
    with recorder.stdout as stdout:
        printed = stdout.read()
    said = msgspec.json.decode(printed)
    assert (recorder.returncode, said["file"], said["header"]["ended"]) == (0, str(out), "")
    trace = proven(doors, out.read_bytes())
    assert trace.header.flow.kind == "basic"
    assert trace.header.transport == "T=1"
    Probe(planted(doors.site.cast)).check("what was printed", printed)


def test_other_flows_are_refused_while_the_agent_runs(doors: Doors) -> None:
    told = onecard(doors.site, "trace", "record", "--flow", "details", "--json")
    assert msgspec.json.decode(told.stdout)["error"] == "trace.flow"
    told = onecard(doors.site, "trace", "record", "--reader", "nowhere", "--json")
    found = msgspec.json.decode(told.stdout)
    assert found["error"] == "trace.reader"
    assert READERS[DOOR][0] in found["facts"]["allowed"]


def test_without_an_agent_a_reader_is_opened_here(doors: Doors, tmp_path: Path) -> None:
    site = doors.site
    site.agent.stop()
    try:
        with doors.held(doors.card(WHO)):
            whole = onecard(site, "trace", "record", "--flow", "details", "--reader", "door")
            files = onecard(
                site, "trace", "record", "--flow", "read", "--files", "SSSEEF06|08|09|$", "--json"
            )
    finally:
        site.agent.start()
    assert whole.returncode == 0, whole.stderr
    assert proven(doors, whole.stdout.encode()).header.flow.kind == "details"
    trace = parse(msgspec.json.decode(files.stdout)["trace"].encode())
    Probe(planted(site.cast)).check("files", bytes(trace))
    replayed = replay(trace)
    assert replayed.as_recorded
    assert replayed.files[0].values[0] == "519900190001010014"
