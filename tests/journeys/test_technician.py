"""A technician at a terminal where one thing is wrong: `onecard doctor` names it and what to do, in
Chinese and in English, and nothing else that is not the trouble.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.cards import Algorithm
from simulators.site import DOOR, PSAM, TERMINAL, Site, until
from tests.journeys.gate import OTHER, Doors, onecard

LANGUAGES = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}
CLOCK = ("No time service keeps", "时钟没有时间服务")  # this machine's own, not the terminal's


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site() as site:
        doors = Doors(site)
        doors.open()
        site.publish_blacklist()
        until(lambda: "blacklist" in site.agent.status()["lists"], "the blacklist does not come")
        yield doors


def complaints(site: Site, language: str) -> str:
    """What `onecard doctor` says is not well; it ends with 1 just when there is something."""
    told = onecard(site, "doctor", language=LANGUAGES[language])
    assert told.returncode in (0, 1), told.stderr
    lines = re.split(r"^(?=[✓✗] )", told.stdout.replace("\n", " \n"), flags=re.MULTILINE)
    wrong = [line for line in lines if line.startswith("✗")]
    assert (told.returncode == 1) == bool(wrong)
    text = " ".join(line for line in wrong if not any(clock in line for clock in CLOCK))
    return re.sub(r"\s+", " ", text)


def check(site: Site, words: Mapping[str, tuple[str, ...]]) -> None:
    for language, parts in words.items():
        said = complaints(site, language)
        assert all(part in said for part in parts), said


def test_nothing_is_said_of_a_terminal_that_is_well(doors: Doors) -> None:
    until(lambda: doors.site.agent.status()["sync"]["state"] == "online", "no link")
    for language in LANGUAGES:
        assert complaints(doors.site, language) == ""


def test_psam_not_there(doors: Doors) -> None:
    doors.site.slots[PSAM].remove()
    until(lambda: bool(doors.site.agent.status()["sams"][0]["fault"]), "the PSAM is not missed")
    check(
        doors.site,
        {"en": ("PSAM in psam does not answer", "Check"), "zh": ("psam 中的 PSAM", "请检查")},
    )
    doors.site.slots[PSAM].insert(doors.site.cast.psam())
    until(lambda: not doors.site.agent.status()["sams"][0]["fault"], "the PSAM is not back")


def test_psam_of_another_algorithm(doors: Doors) -> None:
    cast = doors.site.cast
    old = cast.city.psam(cast.terminal_number, algorithms=(Algorithm.DES3,))
    doors.site.slots[PSAM].insert(old)
    until(lambda: doors.site.agent.status()["sams"][0]["algorithms"] == ["3DES"], "not probed")
    proof = doors.tap(OTHER).event.authentication
    assert proof is not None
    assert proof.mode == "hsm"  # people do not notice
    check(
        doors.site,
        {"en": ("SSF33, SM4", "Get a PSAM"), "zh": ("不支持 SSF33, SM4", "请向市卡管中心")},
    )
    doors.site.slots[PSAM].insert(cast.psam())
    until(lambda: len(doors.site.agent.status()["sams"][0]["algorithms"]) == 3, "not probed")


def test_psam_of_another_terminal(doors: Doors) -> None:
    """Cards are taken all the same, so nobody would notice."""
    site, cast = doors.site, doors.site.cast
    assert doors.tap().accepted
    assert "PSAM is another one" not in onecard(site, "doctor").stdout
    other = "519900999999"
    site.slots[PSAM].insert(cast.city.psam(other))
    until(lambda: site.agent.status()["sams"][0]["terminal_number"] == other, "not probed")
    said = onecard(site, "doctor").stdout
    assert f"number {cast.terminal_number}, now it is {other}" in re.sub(r"\s+", " ", said)
    site.slots[PSAM].insert(cast.psam())
    until(lambda: site.agent.status()["sams"][0]["terminal_number"] != other, "not probed")


def test_reader_not_there(doors: Doors) -> None:
    doors.site.slots[DOOR].unplug()
    until(lambda: doors.reader(DOOR)["state"] == "absent", "the reader is not missed")
    check(
        doors.site,
        {
            "en": ("Slot door: no reader fits", "Onecard Contactless B", "cable"),
            "zh": ("卡槽 door", "Onecard Contactless B", "连线"),
        },
    )
    doors.site.slots[DOOR].plug()
    until(lambda: doors.reader(DOOR)["state"] == "ready", "the reader is not back")


def test_pcscd_down(doors: Doors) -> None:
    doors.site.pcscd.kill()
    until(lambda: doors.reader(DOOR)["state"] == "absent", "pcscd is not missed")
    for language in LANGUAGES:
        said = complaints(doors.site, language)
        assert "systemctl restart pcscd" in said
        assert said.count("✗") == 1, "what hangs on pcscd is not the trouble"
    doors.site.pcscd.start()
    until(lambda: doors.reader(DOOR)["state"] == "ready", "the reader is not back")


HOLD_THE_READER = """
import sys
from smartcard.scard import *
_, context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)
error, handle, _ = SCardConnect(context, sys.argv[1], SCARD_SHARE_DIRECT, 0)
print(error, flush=True)
sys.stdin.read()
"""


def test_another_program_holds_the_reader(doors: Doors) -> None:
    """yubikey-manager #35 #514, PCSC #215: it is named."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_READER, doors.site.slots[DOOR].attached],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=doors.site.pcscd.environment(),
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"0\n"
        tap = doors.tap()
        assert (tap.reason, tap.event.fault) == ("reader-busy", "device.busy")
        who = f"({holder.pid})"
        check(doors.site, {"en": ("Slot door", who, "Close"), "zh": ("卡槽 door", who, "请关闭")})
        holder.communicate()
    until(lambda: doors.tap("wang").accepted, "the reader is not free again")
    assert complaints(doors.site, "en") == ""


def test_broker_down(doors: Doors) -> None:
    site = doors.site
    site.broker.kill()
    until(lambda: site.agent.status()["sync"]["state"] == "offline", "the broker is not missed")
    where = f"localhost:{site.broker.port}"
    until(lambda: "Connection refused" in complaints(site, "en"), "the cause is not told")
    check(site, {"en": (where, "check network"), "zh": (where, "请检查网络")})
    for language, words in (("en", "not connected"), ("zh", "未连接")):
        told = onecard(site, "sync", "status", language=LANGUAGES[language])
        assert words in told.stdout
        assert "{" not in told.stdout
    site.broker.start()
    until(lambda: site.agent.status()["sync"]["state"] == "online", "the broker is not back")


@pytest.mark.parametrize(("name", "mode"), [("city-reference", 0o644), ("", 0o755)])
def test_keys_that_others_can_read(doors: Doors, name: str, mode: int) -> None:
    path = doors.site.folder / "keys" / name
    before = path.stat().st_mode
    path.chmod(mode)
    command = f"chmod {before & 0o777:o} {path}"
    check(doors.site, {"en": (f"Run: {command}",), "zh": (f"请运行：{command}",)})
    path.chmod(before)


# Before anybody is asked to tap


def test_nobody_is_asked_to_tap_where_no_reader_can_take_a_card(doors: Doors) -> None:
    site = doors.site
    site.pcscd.stop()
    absent = [
        ("en", "pcscd does not answer", "No reader can take a card now"),
        ("zh", "pcscd", "现在没有读卡器能读卡"),
    ]
    until(lambda: not any(r["state"] == "ready" for r in _readers(site)), "the readers stay")
    for language, cause, words in absent:
        for command in (("tap",), ("trace", "record")):
            told = onecard(site, *command, language=LANGUAGES[language])
            assert told.returncode == 69
            assert cause in told.stderr
            assert words in told.stderr
            assert told.stdout == "", "nobody is asked to tap"
    site.pcscd.start()
    until(lambda: all(r["state"] == "ready" for r in _readers(site)), "no readers")


def test_a_psam_that_was_taken_out_is_named(doors: Doors) -> None:
    site = doors.site
    site.slots[PSAM].remove()
    until(lambda: bool(site.agent.status()["sams"][0]["fault"]), "the PSAM is not missed")
    told = onecard(site, "tap", "--wait", "1", language=LANGUAGES["en"])
    assert "PSAM in psam does not answer" in told.stderr
    assert "tap.nobody" in told.stderr, "people may still be served, by the HSM"
    site.broker.kill()
    until(lambda: site.agent.status()["sync"]["state"] == "offline", "the broker is not missed")
    with _watching(site) as watcher:
        while watcher.poll() is None:
            doors.tap(OTHER)
        assert watcher.stdout is not None
        said = watcher.stdout.read()
    assert "PSAM in psam does not answer" in said
    site.broker.start()
    site.slots[PSAM].insert(site.cast.psam())
    until(lambda: not site.agent.status()["sams"][0]["fault"], "the PSAM is not back")
    until(lambda: site.agent.status()["sync"]["state"] == "online", "the broker is not back")


def _readers(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.agent.status()["readers"]
    return found


def _watching(site: Site) -> "subprocess.Popen[str]":
    command = [str(Path(sys.executable).parent / "onecard"), "tap", "--config", str(site.config)]
    environment = {**os.environ, **site.pcscd.environment(), "LANG": LANGUAGES["en"]}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


# From here on the agent is started anew with another file.


def restarted(doors: Doors, change: Callable[[str], str]) -> Iterator[Site]:
    site = doors.site
    good = site.config.read_text()
    site.agent.stop()
    site.config.write_text(change(good))
    site.agent.start()
    yield site
    site.agent.stop()
    site.config.write_text(good)
    site.agent.start()


@pytest.fixture
def wrong_pattern(doors: Doors) -> Iterator[Site]:
    yield from restarted(doors, lambda good: good.replace(f"{DOOR}*", "ACS ACR122*"))


def test_wrong_pattern(wrong_pattern: Site) -> None:
    check(
        wrong_pattern,
        {"en": ("ACS ACR122*", f"{DOOR} 00 00", "match"), "zh": ("ACS ACR122*", f"{DOOR} 00 00")},
    )
    assert f"{DOOR} 00 00" in onecard(wrong_pattern, "readers").stdout, "it is there, unbound"


@pytest.fixture
def expired(doors: Doors) -> Iterator[Site]:
    issued = doors.site._authority.issue(TERMINAL, valid=timedelta(days=-30))

    def change(good: str) -> str:
        text = re.sub(
            r"^certificate = .*$", f'certificate = "{issued.certificate}"', good, flags=re.M
        )
        return re.sub(r"^key = .*$", f'key = "{issued.key}"', text, flags=re.M)

    yield from restarted(doors, change)


def test_certificate_expired(expired: Site) -> None:
    until(lambda: bool(expired.agent.status()["sync"]["last_fault"]), "the broker takes it")
    check(
        expired,
        {
            "en": ("expired on", f"{TERMINAL}-", "of this terminal has expired", "Renew it"),
            "zh": ("过期", f"{TERMINAL}-", "请更换"),
        },
    )


def test_no_agent_runs(doors: Doors) -> None:
    doors.site.agent.stop()
    check(doors.site, dict.fromkeys(LANGUAGES, ("systemctl start onecard",)))
    for command in (("sync", "status"), ("tap", "--wait", "1")):
        told = onecard(doors.site, *command, language=LANGUAGES["zh"])
        assert told.returncode == 69
        assert "Traceback" not in told.stderr
        assert re.search(r"[。：]", told.stderr), told.stderr
    doors.site.agent.start()


def test_a_second_agent_is_told_what_to_stop(doors: Doors) -> None:
    for language, words in (("en", "already answers"), ("zh", "已有终端程序")):
        told = onecard(doors.site, "run", language=LANGUAGES[language])
        assert told.returncode == 78
        assert words in told.stderr
        assert "systemctl stop onecard" in told.stderr


def test_a_wrong_configuration_names_file_key_and_what_is_allowed(doors: Doors) -> None:
    good = doors.site.config.read_text()
    doors.site.config.write_text(good.replace('interface = "sam"', 'interface = "sim"'))
    for command in (("config", "check"), ("run",)):
        for language in LANGUAGES.values():
            told = onecard(doors.site, *command, language=language)
            assert told.returncode == 69
            for part in (str(doors.site.config), "readers[psam].interface", "sim", "contactless"):
                assert part in told.stderr
    doors.site.config.write_text(good)


@pytest.mark.parametrize("wrong", ['interface = "sim"', 'interface = = "sam"', "\x00"])
def test_a_wrong_file_blinds_nobody_to_the_agent_that_still_runs(doors: Doors, wrong: str) -> None:
    good = doors.site.config.read_text()
    doors.site.config.write_text(good.replace('interface = "sam"', wrong))
    for language, words in (("en", "still runs with the settings of"), ("zh", "仍按")):
        told = onecard(doors.site, "doctor", language=LANGUAGES[language])
        assert told.returncode == 1
        line = next(line for line in told.stdout.splitlines() if line.startswith("✗"))
        assert words in line
        assert str(doors.site.config) in line
        for command in (("readers",), ("devices",), ("journal", "list"), ("sync", "status")):
            told = onecard(doors.site, *command, language=LANGUAGES[language])
            assert told.returncode == 0, told.stderr
            assert told.stdout
            assert words in told.stderr
    doors.site.config.write_text(good)


def test_settings_that_were_refused_are_told_until_others_are_taken(doors: Doors) -> None:
    site = doors.site
    good = site.config.read_text()
    site.config.write_text(good.replace('interface = "sam"', 'interface = "sim"'))
    site.agent.reload()
    until(lambda: site.agent.status()["settings"]["refused"] is not None, "they are not refused")
    site.config.write_text(good)
    told = onecard(site, "doctor", language=LANGUAGES["en"])
    assert told.returncode == 1
    assert "the agent refused the settings" in told.stdout
    assert "readers[psam].interface" in told.stdout
    site.agent.reload()
    until(lambda: site.agent.status()["settings"]["refused"] is None, "they are not taken")
    assert complaints(site, "en") == ""
