"""A terminal with a scan module, a real mosquitto and the city's platform: codes from a phone are
resolved on their way through all of it, and staff sign in with the code on the console.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from msgspec import convert

from agent.staff.qr import HALVES
from contracts.secrets_probe import Probe
from offline_store.events.row import Record
from offline_store.lists.keys import key_list_payload
from simulators.devices.scan_module import ScanModule
from simulators.site import STAFF, TERMINAL, Site, until
from simulators.transit import tickets
from simulators.transit.codes import GOOD, PHONE, Phones
from tests.journeys.gate import Doors, Tap, Wire, onecard
from tests.journeys.test_secrets import EVERYTHING_LOGGED
from trust.sm2 import sm2

DARK = {character: pair for pair, character in HALVES.items()}
SETTINGS = """
[scene]
kind = "library-gate"
options.repeat_window = 3600

[[scanners]]
name = "eye"
driver = "serial-scanner"
options = {{ port = "{port}" }}

[[codes]]
name = "e-card"
resolve = "platform"
prefix = "SI-"
characters = "base64"
shortest = 43
longest = 43

[[codes]]
name = "ministry-three-level"
resolve = "offline"

[[codes]]
name = "onecard-ticket"
resolve = "offline"

[offline_codes]
gate_groups = [3]

[sign_in]
enabled = true
poll = 0.5
required_for = ["lend-devices"]
"""


class DoorsWithScanner(Doors):
    """Doors with a scan module at the entry."""

    def __init__(self, site: Site, stack: ExitStack) -> None:
        super().__init__(site)
        self.module = ScanModule()
        self.shown: list[bytes] = []
        port = self.module.plugged_at(site.folder / "scanner")
        stack.enter_context(port)
        text = site.config.read_text()
        entry = 'readers = ["door", "door-slot"]'
        assert entry in text
        text = text.replace(entry, f'{entry}\nscanners = ["eye"]')
        site.config.write_text(text + SETTINGS.format(port=port.path))

    def eye_state(self) -> str:
        devices = self.site.agent.status()["devices"]
        return str(next(device["state"] for device in devices if device["name"] == "eye"))

    def shows(self, code: bytes, *, evidence: bool = False) -> Tap:
        """A phone is held before the module until its tap is over. `evidence`: the journal is to
        keep the code, for clearing."""
        if not evidence:
            self.shown.append(code)
        self.module.show(code)
        told = self._feed.next("eye")
        self.module.hide()
        return Tap(told["reason"], told["accepted"], convert(told["record"], Record | None))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsWithScanner]:
    early = tmp_path_factory.mktemp("early")
    (early / "sitecustomize.py").write_text(EVERYTHING_LOGGED)
    with ExitStack() as stack:
        site = Site(language="en", environment={"PYTHONPATH": str(early)})
        stack.enter_context(site)
        doors = DoorsWithScanner(site, stack)
        doors.open()
        until(lambda: site.agent.status()["sync"]["state"] == "online", "no link to the platform")
        until(lambda: doors.eye_state() == "ready", "the scan module is not ready")
        yield doors


def test_a_code_opens_once_for_the_person_of_the_card(doors: DoorsWithScanner) -> None:
    code = doors.site.codes.issue("lin")
    by_code = doors.shows(code)
    assert by_code.reason == "accepted"
    by_card = doors.tap("lin")
    assert by_card.reason == "repeated"
    assert by_card.event.person == by_code.event.person != ""
    assert doors.shows(doors.site.codes.issue("lin")).reason == "repeated"


def test_every_other_code_is_told_apart(doors: DoorsWithScanner) -> None:
    codes = doors.site.codes
    used = codes.issue("sun")
    told = {
        "code-used": used,
        "code-expired": codes.issue("sun", life=0.0),
        "code-forged": codes.forged(),
        "code-foreign": codes.issue("sun", foreign=True),
    }
    assert codes.resolve(used).outcome == "resolved", "at another terminal"
    assert {reason: doors.shows(code).reason for reason, code in told.items()} == {
        reason: reason for reason in told
    }


def test_codes_that_are_verified_here_open_once_by_the_keys_the_platform_sends(
    doors: DoorsWithScanner,
) -> None:
    backend = sm2()
    phones = Phones(backend)
    now = int(time.time())
    assert doors.shows(phones.three_level(replace(GOOD, generated=now))).reason == (
        "code-root-unknown"
    )
    lists = {
        "ministry-roots": phones.roots().values(),
        "ticket-issuers": tickets.issuers(backend).values(),
    }
    for name, keys in lists.items():
        doors.site.platform.publish("keys", name, key_list_payload(name, keys), audience="*")
    until(lambda: lists.keys() <= doors.site.agent.status()["lists"].keys(), "no keys came")
    code = phones.three_level(replace(GOOD, generated=now))
    taken = doors.shows(code, evidence=True)
    assert taken.reason == "accepted"
    assert taken.event.code_content == code.hex()
    # A scan module says the same bytes once; a phone may sign the same code again.
    again = code[:-64] + backend.sign(PHONE, code[:-65])
    assert doors.shows(again).reason in ("code-too-soon", "code-seen")
    order = replace(tickets.GOOD, first=now - 60, last=now + 600)
    assert doors.shows(tickets.made(backend, order), evidence=True).reason == "accepted"
    assert doors.shows(tickets.made(backend, replace(order, group=4))).reason == "ticket-elsewhere"


def test_a_silent_platform_is_unknown_and_asked_once(doors: DoorsWithScanner) -> None:
    codes = doors.site.codes
    asked = len(codes.asked)
    with codes.holding_back():
        tap = doors.shows(codes.issue("zhang"))
    assert (tap.reason, tap.event.verdict) == ("code-unanswered", "unknown")
    assert len(codes.asked) == asked + 1


def test_staff_sign_in_by_the_code_on_the_console(doors: DoorsWithScanner) -> None:
    refused = onecard(doors.site, "devices", "release", "eye")
    assert refused.returncode != 0
    assert "kept for staff" in refused.stderr
    command = [str(Path(sys.executable).parent / "onecard"), "sign-in"]
    with subprocess.Popen(
        [*command, "--config", str(doors.site.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**doors.site.pcscd.environment(), "LANG": "en_US.UTF-8", "COLUMNS": "200"},
    ) as asking:
        assert asking.stdout is not None
        lines: list[str] = []
        for line in asking.stdout:
            if not set(line.rstrip("\n")) <= DARK.keys():
                break
            lines.append(line.rstrip("\n"))
        phone = doors.site.sign_ins.phone(STAFF[0])
        assert phone.scan(seen(lines))
        assert phone.confirm()
        told = asking.stdout.read()
    assert asking.returncode == 0, told
    staff = doors.site.agent.client.get("/v1/sign-in")["staff"]
    number = doors.site.cast.person(STAFF[0]).number
    assert staff["person"] == doors.site.references().person(number)[:8]
    assert staff["person"] in told
    assert onecard(doors.site, "devices", "release", "eye").returncode == 0
    assert onecard(doors.site, "devices", "take-back", "eye").returncode == 0
    assert onecard(doors.site, "sign-out").returncode == 0
    assert onecard(doors.site, "devices", "release", "eye").returncode != 0
    reasons = [record.event().reason for record in doors.site.agent.records()]
    assert reasons[-2:] == ["signed-in", "signed-out"]


def seen(lines: list[str]) -> str:
    """What a phone's camera makes of the console."""
    rows = [[DARK[character][half] for character in line] for line in lines for half in (0, 1)]
    dark = np.kron(np.array(rows), np.ones((4, 4), bool))
    [code] = zxingcpp.read_barcodes(np.where(dark, 0, 255).astype(np.uint8))
    return code.text


def test_a_phone_that_refuses_signs_nobody_in(doors: DoorsWithScanner) -> None:
    client = doors.site.agent.client
    assert client.post("/v1/sign-in", {})["state"] == "PENDING"
    assert onecard(doors.site, "sign-in").returncode != 0, "one at a time"
    client.post("/v1/sign-in/cancel", {})
    assert client.get("/v1/sign-in")["state"] == "CANCELLED"
    assert client.get("/v1/sign-in")["staff"] is None


def test_no_code_number_or_name_is_left_anywhere(doors: DoorsWithScanner) -> None:
    site = doors.site
    with Wire(site) as wire:
        code = site.codes.issue("gulbahar")
        assert doors.shows(code).accepted
        doors.drained()
    person = site.cast.person("gulbahar")
    probe = Probe(
        {f"code {n}": code for n, code in enumerate(doors.shown)}
        | {"number": person.number, "name": person.name}
    )
    log = site.agent.printed()
    assert "DEBUG" in log, "nothing was logged at DEBUG, so this shows nothing"
    probe.check("the agent's log", log)
    # Question and answer themselves go under TLS, to nobody but the platform and back.
    kept = [message for message in wire.messages if TERMINAL in message.topic]
    private = [m for m in kept if "/request/" in m.topic or "/response/" in m.topic]
    assert {leak.secret for m in private for leak in probe.leaks("", m.payload)} >= {"number"}
    probe.check_all({m.topic: m.payload for m in kept if m not in private})
    for command in (("journal", "list"), ("doctor",), ("sync", "status"), ("journal", "show", "2")):
        told = onecard(site, *command)
        probe.check(" ".join(command), told.stdout + told.stderr)
    secret = ("keys", "platform-keys", "ca")
    for path in site.folder.rglob("*"):
        if path.is_file() and path.relative_to(site.folder).parts[0] not in secret:
            probe.check(str(path), path.read_bytes())


def test_without_a_platform_the_code_is_kept_for_later(doors: DoorsWithScanner) -> None:
    """The last one: the broker is gone."""
    code = doors.site.codes.issue("chen")
    doors.site.broker.kill()
    until(lambda: doors.site.agent.status()["sync"]["state"] == "offline", "the link stays")
    assert doors.shows(code).reason == "code-unresolved"
    assert doors.tap("chen").accepted, "the card needs nobody"
