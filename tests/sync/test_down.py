"""From the platform to the terminal: lists and configuration, once, whole, and answered."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from simulators.broker import Broker
from sync.contract.topics import EVERYBODY, Place
from sync.paho_link import PahoLink
from sync.platform import Platform
from sync.platform.ledger import Ledger
from sync.platform.macs import Macs
from tests.sync.journal import MemoryJournal
from tests.sync.site import CITY, ISSUER, Site
from tests.sync.test_exactly_once import assert_equal, until
from trust.envelope import Envelope, Manifest, seal
from trust.sm2 import sm2
from world import Fault

GATE = Place("onecard/v1", CITY, "gate-1")


class Broken(Fault):
    """A made-up fault of a handler."""

    code = "test.broken"


class Shelf:
    """A handler that keeps what it gets; durable enough for a test."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self.kept: dict[str, int] = {}
        self.applied = 0
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()

    def versions(self) -> Mapping[str, int]:
        return dict(self.kept)

    def install(self, envelope: Envelope) -> None:
        self.gate.wait()
        if self.broken:
            raise Broken
        self.applied += 1
        self.payloads[envelope.manifest.name] = envelope.payload
        self.kept[envelope.manifest.name] = envelope.manifest.version


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    with Site(tmp_path, broker) as site:
        yield site


@pytest.fixture
def platform(site: Site) -> Platform:
    platform = site.platform()
    assert platform.wait_ready(60)
    return platform


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def answers(platform: Platform, terminal: str = "gate-1") -> list[tuple[str, str, int, str, str]]:
    found: list[tuple[str, str, int, str, str]] = platform.ledger.transaction(
        lambda db: db.execute(
            "SELECT kind, name, version, result, code FROM applied WHERE terminal = ?"
            " ORDER BY rowid",
            (terminal,),
        ).fetchall()
    )
    return found


def state(platform: Platform, terminal: str = "gate-1") -> str:
    row = platform.ledger.transaction(
        lambda db: db.execute(
            "SELECT state FROM terminals WHERE terminal = ?", (terminal,)
        ).fetchone()
    )
    return "" if row is None else str(row[0])


def test_a_late_terminal_gets_the_newest_list_at_its_birth(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    platform.publish("list", "blacklist", b"one")
    platform.publish("list", "blacklist", b"two", audience=CITY)
    site.uplink(MemoryJournal("gate-1"), {"list": shelf})
    until(lambda: answers(platform) == [("list", "blacklist", 2, "applied", "")])
    assert shelf.payloads == {"blacklist": b"two"}
    assert shelf.applied == 1


def test_a_new_version_goes_to_every_terminal_of_the_city_at_once(
    site: Site, platform: Platform
) -> None:
    shelves = {name: Shelf() for name in ("gate-1", "gate-2")}
    for name, each in shelves.items():
        site.uplink(MemoryJournal(name), {"list": each}, terminal=name)
    until(lambda: all(state(platform, name) == "online" for name in shelves))
    platform.publish("list", "blacklist", b"news")
    until(lambda: all(len(answers(platform, name)) == 1 for name in shelves))
    assert {each.payloads["blacklist"] for each in shelves.values()} == {b"news"}


def test_what_is_held_is_not_sent_again_after_a_reconnect(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    platform.publish("list", "blacklist", b"one")
    site.uplink(MemoryJournal("gate-1"), {"list": shelf})
    until(lambda: len(answers(platform)) == 1)
    site.broker.kill()
    site.broker.start()
    platform.publish("list", "second", b"two")
    until(lambda: len(answers(platform)) == 2)
    assert shelf.applied == 2


def test_one_terminals_command_reaches_only_that_one(site: Site, platform: Platform) -> None:
    shelves = {name: Shelf() for name in ("gate-1", "gate-2")}
    for name, each in shelves.items():
        site.uplink(MemoryJournal(name), {"command": each}, terminal=name)
    until(lambda: all(state(platform, name) == "online" for name in shelves))
    platform.publish("command", "diagnose", b"{}", audience="gate-2")
    until(lambda: len(answers(platform, "gate-2")) == 1)
    assert shelves["gate-1"].applied == 0


def test_configuration_arrives_while_the_outbox_is_full(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    journal = MemoryJournal("gate-1")
    journal.add(5000)
    site.uplink(journal, {"config": shelf})
    assert journal.wait_receipted(100)
    platform.publish("config", "agent", b"[scene]", audience="gate-1")
    until(lambda: len(answers(platform)) == 1)
    assert journal.receipted < 5000
    assert journal.wait_receipted(5000)
    assert_equal(platform, journal)


def test_receipts_do_not_wait_for_a_list_that_takes_long(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    shelf.gate.clear()
    platform.publish("list", "blacklist", b"long")
    journal = MemoryJournal("gate-1")
    journal.add(100)
    site.uplink(journal, {"list": shelf})
    assert journal.wait_receipted(100)
    assert answers(platform) == []  # not before it is applied
    shelf.gate.set()
    until(lambda: len(answers(platform)) == 1)


def test_what_cannot_be_applied_is_answered_with_its_code_and_tried_at_the_next_birth(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    shelf.broken = True
    platform.publish("list", "blacklist", b"one")
    uplink = site.uplink(MemoryJournal("gate-1"), {"list": shelf})
    until(lambda: answers(platform) == [("list", "blacklist", 1, "refused", "test.broken")])
    fault = uplink.status().last_fault
    assert fault is not None
    assert fault.code == "test.broken"
    shelf.broken = False
    site.broker.kill()
    site.broker.start()
    until(lambda: answers(platform) == [("list", "blacklist", 1, "applied", "")])


def manifest(**changes: object) -> Manifest:
    return Manifest(
        **{
            "kind": "list",
            "name": "blacklist",
            "version": 5,
            "audience": CITY,
            "issuer": ISSUER,
            "created": 1_790_000_000,
            **changes,
        }  # type: ignore[arg-type]
    )


OTHER = bytes(range(2, 34))
RIGHT = bytes(range(1, 33))


@pytest.mark.parametrize(
    ("raw", "topic", "code"),
    [
        (seal(manifest(), b"x", sm2(), OTHER), "list/blacklist", "envelope.forged"),
        (
            seal(manifest(audience="gate-2"), b"x", sm2(), RIGHT),
            "list/blacklist",
            "envelope.foreign",
        ),
        (
            seal(manifest(kind="config"), b"x", sm2(), RIGHT),
            "list/blacklist",
            "envelope.wrong-kind",
        ),
        (seal(manifest(version=3), b"x", sm2(), RIGHT), "list/blacklist", "envelope.replayed"),
        (seal(manifest(name="other"), b"x", sm2(), RIGHT), "list/blacklist", "sync.misnamed"),
        (seal(manifest(kind="keys"), b"x", sm2(), RIGHT), "keys/blacklist", "sync.unhandled"),
        (b"", "list/blacklist", "envelope.malformed"),
    ],
)
def test_what_is_not_right_is_refused_with_its_code(
    site: Site, platform: Platform, shelf: Shelf, raw: bytes, topic: str, code: str
) -> None:
    shelf.kept = {"blacklist": 4}
    site.uplink(MemoryJournal("gate-1"), {"list": shelf})
    until(lambda: state(platform) == "online")
    link = PahoLink(site.world, site.settings(), "stranger")
    link.connect(None, site.world.event())
    link.publish(f"onecard/v1/{CITY}/{EVERYBODY}/down/{topic}", raw)
    until(lambda: len(answers(platform)) == 1)
    link.disconnect()
    assert answers(platform)[0][3:] == ("refused", code)
    assert shelf.kept == {"blacklist": 4}


def test_the_same_version_twice_is_applied_once_and_answered_twice(
    site: Site, platform: Platform, shelf: Shelf
) -> None:
    platform.publish("list", "blacklist", b"one")
    site.uplink(MemoryJournal("gate-1"), {"list": shelf})
    until(lambda: answers(platform) == [("list", "blacklist", 1, "applied", "")])
    link = PahoLink(site.world, site.settings(), "again")
    link.connect(None, site.world.event())
    raw = seal(manifest(version=1), b"one", sm2(), RIGHT)
    link.publish(f"onecard/v1/{CITY}/gate-1/down/list/blacklist", raw)
    until(lambda: answers(platform) == [("list", "blacklist", 1, "held", "")])
    link.disconnect()
    assert shelf.applied == 1


# Birth, farewell, will


def test_birth_and_farewell_are_known_to_the_platform(site: Site, platform: Platform) -> None:
    uplink = site.uplink(MemoryJournal("gate-1"))
    until(lambda: state(platform) == "online")
    assert uplink.stop(10)
    until(lambda: state(platform) == "offline")


def test_a_platform_that_comes_late_hears_the_births_it_missed(site: Site) -> None:
    journal = MemoryJournal("gate-1")
    uplink = site.uplink(journal)
    until(lambda: uplink.status().state == "online")
    platform = site.platform()
    until(lambda: state(platform) == "online")


def test_a_terminal_that_dies_is_reported_by_its_will(site: Site, platform: Platform) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.sync.journal import MemoryJournal\n"
        "from tests.sync.site import Site\n"
        "from simulators.broker import Broker\n"
        "broker = Broker(Path(sys.argv[1]))\n"
        "broker.port = int(sys.argv[2])\n"
        "Site(Path(sys.argv[1]), broker).uplink(MemoryJournal('gate-1'))\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(site.folder / "other"), str(site.broker.port)],
        stdin=subprocess.PIPE,
    )
    try:
        until(lambda: state(platform) == "online")
    finally:
        process.kill()
        process.communicate()
    until(lambda: state(platform) == "offline")


# The platform as a process


class Program:
    """`python -m sync.platform` on the site's broker, with a database of its own."""

    def __init__(self, site: Site) -> None:
        site.platform_keys()
        self.database = site.folder / "program.db"
        self._config = site.folder / "platform.toml"
        self._config.write_text(
            f'database = "{self.database}"\nkeys = "{site.folder}/platform-keys"\n'
            f'issuer = "{ISSUER}"\n'
            f'[broker]\nhost = "{site.broker.host}"\nport = {site.broker.port}\n'
        )

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "sync.platform", "--config", str(self._config)],
            stderr=subprocess.PIPE,
        )


def test_the_platform_runs_and_ends_as_a_program(site: Site) -> None:
    process = Program(site).start()
    try:
        journal = MemoryJournal("gate-1")
        journal.add(70)
        site.uplink(journal)
        assert journal.wait_receipted(70)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")


def test_what_a_killed_platform_has_receipted_it_holds(site: Site) -> None:
    program = Program(site)
    journal = MemoryJournal("gate-1")
    journal.add(3000)
    site.uplink(journal)
    for receipted in (300, 1200, 2100):
        process = program.start()
        try:
            assert journal.wait_receipted(receipted)
        finally:
            process.kill()
            process.communicate()
        ledger = Ledger(site.world, program.database, Macs(site.platform_keys()))
        held = {row.seq for row in ledger.rows("gate-1")}
        ledger.close()
        assert held >= set(range(1, journal.receipted + 1))
    process = program.start()
    try:
        assert journal.wait_receipted(3000)
    finally:
        process.kill()
        process.communicate()


def test_a_platform_with_a_wrong_configuration_says_which_key(tmp_path: Path) -> None:
    config = tmp_path / "platform.toml"
    config.write_text('database = "x"\nkeys = "y"\nissuer = "i"\n[broker]\nhots = "127.0.0.1"\n')
    done = subprocess.run(
        [sys.executable, "-m", "sync.platform", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert "hots" in done.stderr
    assert str(config) in done.stderr
