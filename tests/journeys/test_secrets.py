"""Made-up numbers, names, card ids and keys, looked for in everything that a terminal puts out: its
log at DEBUG, every command in both forms, every message through the broker, every file.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from contracts.secrets_probe import SHORTEST, Probe
from simulators.cards.faults import Garbage, wrong_record_lengths
from simulators.ceremony import seeded
from simulators.people import FOREIGN, Cast
from simulators.site import DOOR, DOOR_SLOT, TERMINAL, Site, until
from simulators.vpcd import Faults, Moment, TearAtApdu
from tests.journeys.gate import AT, Doors, Wire, onecard

EVERYTHING_LOGGED = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"
COMMANDS = (
    ("journal", "list", "--limit", "200"),
    ("journal", "show", "3"),
    ("journal", "verify"),
    ("doctor",),
    ("readers",),
    ("sync", "status"),
    ("config", "check"),
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    early = tmp_path_factory.mktemp("early")
    (early / "sitecustomize.py").write_text(EVERYTHING_LOGGED)
    with Site(language="en", environment={"PYTHONPATH": str(early)}) as site:
        doors = Doors(site)
        doors.two_entries()
        doors.open()
        yield doors


@pytest.fixture(scope="module")
def wire(doors: Doors) -> Iterator[Wire]:
    """What passed while all kinds of people were at the doors."""
    with Wire(doors.site) as wire:
        doors.site.publish_blacklist()
        until(lambda: bool(doors.site.agent.status()["lists"]), "the list is not in force")
        crowd(doors)
        doors.drained()
        yield wire


def crowd(doors: Doors) -> None:
    """Everybody, at every door that takes the card; and cards that are wrong half-way."""
    for card in doors.site.cast.cards:
        if card.generation == "3.0":
            doors.tap(card.key)
        doors.tap(card.key, DOOR_SLOT)
    for apdu in range(6, 24, 3):
        with doors.held(doors.card("lin"), faults=Faults(tear=TearAtApdu(apdu, Moment.AFTER))):
            doors.report()
        with doors.held(Garbage(doors.card("lin"), seeded(b"%d" % apdu), apdu)):
            doors.report()
    for by in (-1, 1):
        wrong = doors.wallet.at("lin", AT[DOOR], wrong=partial(wrong_record_lengths, by=by))
        with doors.held(wrong):
            doors.report()
    doors.tap(FOREIGN)


def planted(cast: Cast) -> Mapping[str, str | bytes]:
    found: dict[str, str | bytes] = {}
    for person in cast.people:
        found[f"number of {person.key}"] = person.number
        if min(len(person.name.encode(charset)) for charset in ("utf-8", "gb18030")) >= SHORTEST:
            found[f"name of {person.key}"] = person.name
    for card in cast.cards:
        found[f"card number of {card.key}"] = card.card_number
        found[f"card id of {card.key}"] = bytes.fromhex(cast.card_id(card))
        found[f"card id of {card.key} as text"] = cast.card_id(card)
    for name, secret in cast.city.terminal_secrets(TERMINAL).items():
        found[name] = secret
    found["issuer's key"] = cast.city.issuer_private()
    return found


@pytest.fixture(scope="module")
def probe(doors: Doors) -> Probe:
    return Probe(planted(doors.site.cast))


def test_log_at_debug(doors: Doors, wire: Wire, probe: Probe) -> None:
    log = doors.site.agent.printed()
    assert "DEBUG" in log, "nothing was logged at DEBUG, so this shows nothing"
    probe.check("the agent's log", log)


def test_every_message_through_the_broker(doors: Doors, wire: Wire, probe: Probe) -> None:
    topics = {message.topic.rpartition(TERMINAL)[2] for message in wire.messages}
    assert {"/up/events", "/down/receipt", "/up/applied"} <= topics
    probe.check_all({f"{n} {m.topic}": m.payload for n, m in enumerate(wire.messages)})


@pytest.mark.parametrize("form", ["--json", "text"])
def test_every_command(doors: Doors, wire: Wire, probe: Probe, form: str, tmp_path: Path) -> None:
    site = doors.site
    for command in COMMANDS:
        told = onecard(site, *command, *([form] if form == "--json" else []))
        assert told.stdout, command
        probe.check(" ".join(command), told.stdout + told.stderr)
    for name in ("all.csv", "all.jsonl"):
        assert onecard(site, "journal", "export", str(tmp_path / name)).returncode == 0
        probe.check(name, (tmp_path / name).read_bytes())


def test_a_tap_watched_at_the_running_agent(doors: Doors, wire: Wire, probe: Probe) -> None:
    command = [str(Path(sys.executable).parent / "onecard"), "tap", "--config"]
    watcher = subprocess.Popen(
        [*command, str(doors.site.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**doors.site.pcscd.environment(), "LANG": "zh_CN.UTF-8"},
    )
    while watcher.poll() is None:  # until it listens it sees nobody
        doors.tap("gulbahar")
    assert watcher.stdout is not None
    with watcher.stdout as stdout:
        probe.check("onecard tap", stdout.read())


def test_every_file_but_the_keys(doors: Doors, wire: Wire, probe: Probe) -> None:
    secret = ("keys", "platform-keys", "ca")
    for path in doors.site.folder.rglob("*"):
        if path.is_file() and path.relative_to(doors.site.folder).parts[0] not in secret:
            probe.check(str(path), path.read_bytes())


def test_control_a_card_shown_on_purpose_is_found(doors: Doors, wire: Wire, probe: Probe) -> None:
    """Without a daemon, `--show` prints the holder; without it nothing of him is there."""
    site = doors.site
    site.agent.stop()
    with doors.held(doors.card("gulbahar")):
        hidden = onecard(site, "tap")
    with doors.held(doors.card("gulbahar")):
        shown = onecard(site, "tap", "--show")
    site.agent.start()
    probe.check("onecard tap without a daemon", hidden.stdout + hidden.stderr)
    assert hidden.returncode == shown.returncode == 0
    leaked = {leak.secret for leak in probe.leaks("onecard tap --show", shown.stdout)}
    assert {"number of gulbahar", "name of gulbahar", "card number of gulbahar"} <= leaked
