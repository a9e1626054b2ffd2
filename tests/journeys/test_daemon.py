"""The daemon under its signals, and the commands that ask it, on real readers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.people import Wallet
from simulators.site import DOOR, PSAM, Site, until
from simulators.vpcd import Faults
from tests.journeys.gate import onecard


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(language="en") as site:
        site.slots[PSAM].insert(site.cast.psam())
        site.agent.start()
        yield site


def asked(site: Site, *arguments: str, expect: int | None = 0) -> Any:
    """The JSON that a command prints."""
    told = onecard(site, *arguments, "--json")
    assert expect is None or told.returncode == expect, told.stdout + told.stderr
    return json.loads(told.stdout)


def tap(site: Site, card: str, faults: Faults | None = None) -> dict[str, Any]:
    """Hold a card to the door until its event is in the journal; the row. Whoever came before the
    reader was looked at would not have been seen coming."""
    until(lambda: _door(site)["state"] == "ready", "the door's reader is not ready")
    before = len(site.agent.records())
    visit = next(visit for visit in site.cast.visits if visit.card == card)
    insertion = site.slots[DOOR].insert(Wallet(site.cast).bring(visit), faults or Faults())
    until(lambda: len(site.agent.records()) > before, "no event of this tap")
    insertion.pull()
    row: dict[str, Any] = json.loads(site.agent.records()[-1].body)
    return row


def _door(site: Site) -> dict[str, Any]:
    """What the status says of its reader."""
    readers: list[dict[str, Any]] = site.agent.status()["readers"]
    return next(reader for reader in readers if reader["name"] == "door")


def test_a_tap_is_told_with_all_its_stages(site: Site) -> None:
    watcher = subprocess.Popen(
        [str(Path(sys.executable).parent / "onecard"), "tap", "--json", "--config", site.config],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **site.pcscd.environment()},
    )
    # The watcher is connected once the daemon has a listener; until then cards are not missed by
    # the agent, only by the watcher, so people come until one was seen.
    while watcher.poll() is None:
        tap(site, "aygul")
    assert watcher.stdout is not None
    with watcher.stdout as stdout:
        report = json.loads(stdout.read())
    assert report["reason"] in ("accepted", "repeated")
    assert set(report["stages_us"]) == {
        "detect", "open", "select", "authenticate", "read", "decide", "commit", "act",
    }  # fmt: skip
    assert "fields" not in report


def test_show_is_refused_while_the_daemon_runs(site: Site) -> None:
    told = asked(site, "tap", "--show", "--wait", "2", expect=69)
    assert told["error"] == "tap.daemon-runs"


def test_readers_are_listed_by_their_names(site: Site) -> None:
    found = asked(site, "readers")
    assert {reader["name"]: reader["state"] for reader in found["readers"]} == {
        "door": "ready",
        "door-out": "ready",
        "door-slot": "ready",
        "psam": "ready",
    }


def test_doctor_finds_reader_service_and_psam_well(site: Site) -> None:
    found = asked(site, "doctor", expect=None)
    findings = {finding["id"]: finding for finding in found["findings"]}
    for well in ("daemon-runs", "pcscd-runs", "psam-answers", "platform-online", "journal-well"):
        assert findings[well]["well"], findings
    assert "519900000001" in findings["psam-answers"]["sentence"]


def test_journal_can_be_listed_shown_verified_and_exported(site: Site, tmp_path: Path) -> None:
    row = tap(site, "gulbahar")
    listed = asked(site, "journal", "list", "--limit", "200")["records"]
    assert [record["seq"] for record in listed] == list(range(1, len(listed) + 1))
    newest = asked(site, "journal", "list", "--limit", "2")["records"]
    assert [record["seq"] for record in newest] == [row["seq"] - 1, row["seq"]]
    second = asked(site, "journal", "list", "--after", "1", "--limit", "1")["records"]
    assert [record["seq"] for record in second] == [2]
    shown = asked(site, "journal", "show", str(row["seq"]))
    assert shown["event"]["reason"] == row["event"]["reason"]
    assert asked(site, "journal", "show", "999999", expect=69)["error"] == (
        "journal.no-such-record"
    )
    assert asked(site, "journal", "verify")["whole"] is True
    for name in ("all.csv", "all.jsonl"):
        exported = asked(site, "journal", "export", str(tmp_path / name))
        lines = (tmp_path / name).read_text().splitlines()
        assert len(lines) == exported["records"] + (name == "all.csv")


def test_sync_status_tells_what_is_receipted(site: Site) -> None:
    until(lambda: site.agent.status()["store"]["unreceipted"] == 0, "nothing is receipted")
    found = asked(site, "sync", "status")
    assert found["sync"]["state"] == "online"
    assert found["store"]["unreceipted"] == 0


def test_status_has_a_version_and_exactly_these_parts(site: Site) -> None:
    status = site.agent.status()
    assert status["version"] == 1
    assert set(status) == {
        "version", "ready", "terminal", "agent", "scene", "clock", "pcscd", "readers", "attached",
        "devices", "sams", "store", "lists", "arrived", "sync", "facade", "settings",
            "standing",
    }  # fmt: skip


def test_sighup_takes_a_good_configuration_and_keeps_the_old_one_when_it_is_wrong(
    site: Site,
) -> None:
    good = site.config.read_text()
    assert tap(site, "zhu")["event"]["reason"] == "accepted"
    assert tap(site, "zhu")["event"]["reason"] == "repeated"

    site.config.write_text(good + "\n[scene]\nkind = 'library-gate'\noptions.repeat_window = 0.0\n")
    site.agent.reload()
    until(lambda: "The new configuration is in use" in site.agent.printed(), "not reloaded")
    assert tap(site, "zhu")["event"]["reason"] == "accepted"

    site.config.write_text(good + "\n[scene]\nkind = 'library-gate'\nrepeat_windw = 5\n")
    site.agent.reload()
    until(lambda: "repeat_windw" in site.agent.printed(), "the error was not told")
    assert tap(site, "zhu")["event"]["reason"] == "accepted"  # still without a window

    site.config.write_text(good.replace('id = "library-gate-1"', 'id = "another"'))
    site.agent.reload()
    until(lambda: "terminal.id" in site.agent.printed(), "the error was not told")
    site.config.write_text(good)
    assert site.agent.status()["terminal"] == "library-gate-1"


def test_sighup_to_a_link_that_cannot_be_made_keeps_the_one_that_is(site: Site) -> None:
    good = site.config.read_text()
    before = site.agent.status()["sync"]
    site.config.write_text(good + '\nusername = "gate"\npassword_secret = "nowhere"\n')
    site.agent.reload()
    until(lambda: "nowhere" in site.agent.printed(), "the error was not told")
    site.config.write_text(good)
    after = site.agent.status()["sync"]
    assert (after["state"], after["session"]) == ("online", before["session"])
    assert tap(site, "shen")["event"]["verdict"] in ("accepted", "refused")


def test_sigterm_lets_a_tap_under_way_end_and_be_recorded(site: Site) -> None:
    before = len(site.agent.records())
    visit = next(visit for visit in site.cast.visits if visit.card == "wang")
    card = Wallet(site.cast).bring(visit)
    slow = site.slots[DOOR].insert(card, Faults(slow=0.05))
    assert slow.wait_for(3)
    assert site.agent.stop() == 0
    slow.pull()
    offline = asked(site, "journal", "list", "--limit", "1000")["records"]
    assert len(offline) == before + 1  # read from the file: no daemon runs
    assert asked(site, "journal", "list", "--limit", "1")["records"] == offline[-1:]
    site.agent.start()
    assert len(site.agent.records()) == before + 1


def test_without_a_daemon_a_card_is_read_here_and_shown_only_when_asked(site: Site) -> None:
    site.agent.stop()
    visit = next(visit for visit in site.cast.visits if visit.card == "lin")
    site.slots[DOOR].insert(Wallet(site.cast).bring(visit))
    person = site.cast.person("lin")
    hidden = asked(site, "tap")
    assert person.number not in json.dumps(hidden, ensure_ascii=False)
    site.slots[DOOR].insert(Wallet(site.cast).bring(visit))
    shown = asked(site, "tap", "--show")
    assert shown["fields"]["social-security-number"] == person.number
    assert shown["fields"]["name"] == person.name
    site.slots[DOOR].remove()
    site.agent.start()


def test_a_second_agent_on_the_same_data_is_told_so(site: Site) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "agent", "--config", site.config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **site.pcscd.environment()},
    )
    assert second.returncode == 78
    assert "already answers" in second.stderr
    assert site.agent.ready()


def test_a_wrong_configuration_ends_the_start_with_file_key_found_and_allowed(site: Site) -> None:
    wrong = site.folder / "wrong.toml"
    wrong.write_text(site.config.read_text().replace('interface = "sam"', 'interface = "sim"'))
    told = subprocess.run(
        [sys.executable, "-m", "agent", "--config", wrong],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 78
    for part in ("wrong.toml", "readers[psam].interface", "sim", "contactless"):
        assert part in told.stderr


def test_the_socket_is_for_owner_and_group_only(site: Site) -> None:
    mode = (site.folder / "agent.sock").stat().st_mode
    assert mode & 0o777 == 0o660


def test_signals_are_not_lost_before_the_agent_is_ready(site: Site) -> None:
    site.agent.stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "--config", site.config],
        env={**os.environ, **site.pcscd.environment()},
        stderr=subprocess.DEVNULL,
    )
    until(lambda: b"agent" in Path(f"/proc/{process.pid}/cmdline").read_bytes(), "not started")
    until(lambda: site.agent.client is not None and _answers(site), "no answer")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    site.agent.start()


def _answers(site: Site) -> bool:
    from agent.cli.client import DaemonAbsent

    try:
        return bool(site.agent.status())
    except DaemonAbsent:
        return False


def test_the_log_is_json_lines_when_asked(site: Site) -> None:
    wrong = site.folder / "absent.toml"
    command = [sys.executable, "-m", "agent", "--config", str(wrong), "--json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 78
    assert "config.absent" in json.loads(told.stderr)["message"]
