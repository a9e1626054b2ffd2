"""A counter's own program at a real daemon with real readers: socket, steps, death, secrets."""

import http.client
import json
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.secrets_probe import Probe
from offline_store.events.terminal import Disclosure
from simulators.cards import Interface
from simulators.ceremony import CITY_KEYS
from simulators.people import Wallet
from simulators.site import DOOR, DOOR_SLOT, PSAM, TERMINAL, Site, until
from tests.agent.facade.callers import Library
from tests.agent.facade.counter import Counter
from tests.journeys.gate import onecard
from tests.journeys.test_secrets import EVERYTHING_LOGGED, planted

USER = pwd.getpwuid(os.geteuid()).pw_name
ORIGIN = "https://his.example"
DIES_BETWEEN_THE_STEPS = """
import sys
from pathlib import Path
from tests.agent.facade.callers import Library
library = Library(Path(sys.argv[1]))
print(library.call("iReadCardBas_HSM_Step1", b"1")[0], flush=True)
sys.stdin.read()
"""


class Window:
    """The site's lane "entry" made a counter whose cards wait for calls."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.wallet = Wallet(site.cast)
        self.socket = site.folder / "sscard.sock"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        authority = site.folder / "authority.toml"
        authority.write_text(CITY_KEYS)
        text = site.config.read_text()
        for was, becomes in (
            (
                'name = "entry"\ndirection = "entry"',
                'name = "entry"\ndirection = "counter"\ntaps = false',
            ),
            ("[keys]\n", f'[keys]\nauthority = "{authority}"\n'),
        ):
            assert was in text
            text = text.replace(was, becomes)
        site.config.write_text(text + self._facade())

    def _facade(self) -> str:
        return f"""
[facade]
socket = "{self.socket}"
port = {self.port}
lease = 20.0
device_number = "WINDOW-7"

[sign_in]
enabled = true
required_for = ["write"]

[[facade.clients]]
name = "his"
user = "{USER}"
purpose = "made up"
capabilities = ["identity", "files", "write", "pin"]

[[facade.clients]]
name = "page"
origin = "{ORIGIN}"
host = "localhost:{self.port}"
purpose = "made up too"
"""

    def put(self, key: str, door: str = DOOR_SLOT) -> None:
        """That card lies there, and the agent knows."""
        interface = Interface.CONTACT if door == DOOR_SLOT else Interface.CONTACTLESS
        self.site.slots[door].insert(self.wallet.at(key, interface))

    def take(self, door: str = DOOR_SLOT) -> None:
        self.site.slots[door].remove()

    def read(self, kind: bytes = b"1") -> tuple[int, str]:
        try:
            with Library(self.socket) as library:
                return library.call("iReadCardBas", kind)
        except OSError:  # between two settings nobody listens
            return -5, ""

    def await_card(self) -> None:
        until(lambda: self.read(b"3")[0] == 0, "the card is not seen")

    def leases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.site.agent.client.get("/v1/leases")["leases"]
        return found

    def disclosures(self) -> list[Disclosure]:
        events = [record.event() for record in self.site.agent.records()]
        return [event for event in events if isinstance(event, Disclosure)]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    early = tmp_path_factory.mktemp("early")
    (early / "sitecustomize.py").write_text(EVERYTHING_LOGGED)
    path = os.pathsep.join([str(early), os.environ.get("PYTHONPATH", "")])
    with Site(language="en", environment={"PYTHONPATH": path}) as site:
        window = Window(site)
        site.slots[PSAM].insert(site.cast.psam())
        site.agent.start()
        yield window


@pytest.fixture
def lin(window: Window) -> Iterator[Window]:
    window.put("lin")
    window.await_card()
    yield window
    window.take()
    until(lambda: not window.leases(), "a lease is left")


def test_no_card_then_a_card_at_either_reader(window: Window) -> None:
    assert window.read()[0] == -2
    window.put("lin", DOOR)
    until(lambda: window.read(b"2")[0] == 0, "the card is not read")
    assert window.read(b"1")[0] == -1
    assert window.read(b"3")[0] == 0
    window.take(DOOR)
    until(lambda: window.read(b"2")[0] == -2, "the card has left")


def test_cards_that_wait_for_calls_are_no_taps(lin: Window) -> None:
    kinds = {record.event().kind for record in lin.site.agent.records()}
    assert "tap" not in kinds
    assert "disclosure" in kinds


def test_eleven_fields_two_steps_and_files(lin: Window) -> None:
    cast = lin.site.cast
    person, card = cast.person("lin"), cast.card("lin")
    with Library(lin.socket) as library:
        result, output = library.call("iReadCardBas", b"1")
        assert result == 0
        told = output.split("|")
        assert told[1:5] == [person.number, card.card_number, cast.card_id(card), person.name]
        assert told[9:] == [cast.terminal_number, "WINDOW-7", ""]
        result, output = library.call("iReadCardBas_HSM_Step1", b"1")
        assert result == 0
        key = hsm(lin.site, output.split("|")[:-1])
        result, output = library.call("iReadCardBas_HSM_Step2", key.encode())
        assert result == 0
        assert output.split("|")[9] == "000000000000"
        info = f"{cast.card_id(card)}|{card.card_number}|".encode()
        result, output = library.call("iReadCard", b"1", b"2", info, b"SSSEEF06|09|08|$")
        assert (result, output) == (0, f"SSSEEF06|{person.name}|{person.number}|$")


def test_what_is_kept_for_staff_is_refused_while_nobody_is_signed_in(lin: Window) -> None:
    with Library(lin.socket) as library:
        result, output = library.call("iWriteCard", b"1", b"|", b"DF01EF05|20|$", b"DF01EF05|x|$")
        assert result == -13
        assert "没有工作人员登录" in output
        assert library.call("iReadCardBas", b"1")[0] == 0


def hsm(site: Site, question: list[str]) -> str:
    class Server:
        stand = site
        proof = Counter.proof

    return Counter.hsm(Server(), question)  # type: ignore[arg-type]


def test_a_card_of_another_city_without_a_psam_is_served_by_the_citys_hsm(window: Window) -> None:
    window.site.slots[PSAM].remove()
    window.put("lin")
    window.await_card()
    until(lambda: window.read()[0] == 0, "the HSM does not serve it")
    window.take()
    window.site.slots[PSAM].insert(window.site.cast.psam())
    assert window.disclosures()[-1].authentication.mode == "hsm"  # type: ignore[union-attr]


def test_a_program_that_is_killed_between_the_steps(lin: Window) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", DIES_BETWEEN_THE_STEPS, str(lin.socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert program.stdout is not None
    assert program.stdout.readline() == b"0\n"
    (lease,) = lin.leases()
    assert lease["client"] == "his"
    assert "his (iReadCardBas_HSM_Step1" in onecard(lin.site, "readers").stdout
    assert lin.read()[0] == -12
    program.kill()
    program.communicate()
    until(lambda: lin.read()[0] == 0, "the reader is not free")


def test_a_card_pulled_between_the_steps(lin: Window) -> None:
    with Library(lin.socket) as library:
        assert library.call("iReadCardBas_HSM_Step1", b"1")[0] == 0
        lin.take()
        until(lambda: not lin.leases(), "the lease is left")
        assert library.call("iReadCardBas_HSM_Step2", b"00|")[0] == -12
    lin.put("lin")
    lin.await_card()


def test_reload_ends_what_was_leased_and_serves_again(lin: Window) -> None:
    with Library(lin.socket) as library:
        assert library.call("iReadCardBas_HSM_Step1", b"1")[0] == 0
        lin.site.agent.reload()
        assert library.over()
    until(lambda: lin.site.agent.ready(), "the agent is not ready")
    until(lambda: lin.read()[0] == 0, "the card is not read")


def test_a_page_reads_and_another_one_does_not(lin: Window) -> None:
    for origin, status in ((ORIGIN, 200), ("https://evil.example", 403)):
        line = http.client.HTTPConnection("127.0.0.1", lin.port, timeout=60)
        headers = {
            "Host": f"localhost:{lin.port}",
            "Origin": origin,
            "Content-Type": "application/json",
        }
        line.request("POST", "/sscard/iReadCardBas", '{"in":["1"]}', headers)
        response = line.getresponse()
        told = json.loads(response.read())
        line.close()
        assert response.status == status
        assert (told["result"] == "0") == (status == 200)


def test_the_platform_gets_disclosures_too(window: Window) -> None:
    agent = window.site.agent
    until(lambda: agent.status()["store"]["unreceipted"] == 0, "not receipted", 40.0)
    assert not window.site.platform.ledger.quarantined(TERMINAL)


def test_nothing_of_a_person_is_in_log_status_or_journal(window: Window) -> None:
    probe = Probe(planted(window.site.cast))
    agent = window.site.agent
    assert "DEBUG" in agent.printed(), "nothing was logged at DEBUG, so this shows nothing"
    probe.check("the agent's log", agent.printed())
    for route in ("/v1/status", "/v1/readers", "/v1/leases"):
        probe.check(route, json.dumps(agent.client.get(route), ensure_ascii=False))
    probe.check("journal", "\n".join(record.body for record in agent.records()))
    assert len(window.disclosures()) > 5


def test_control_the_answer_itself_names_the_person(lin: Window) -> None:
    probe = Probe(planted(lin.site.cast))
    _, output = lin.read()
    found = {leak.secret for leak in probe.leaks("the answer", output)}
    assert {"number of lin", "card number of lin", "card id of lin as text"} <= found
