"""From journal to platform on a real mosquitto: whatever happens to it, each row once."""

import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.broker import Broker
from sync.contract import messages
from sync.contract.topics import Place
from sync.link import Acknowledged
from sync.paho_link import PahoLink
from sync.platform import Platform
from sync.uplink import LinkStatus
from tests.sync.journal import EPOCH, MemoryJournal, Row
from tests.sync.site import CITY, Site

GATE = Place("onecard/v1", CITY, "gate-1")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    with Site(tmp_path, broker) as site:
        yield site


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal("gate-1")


def assert_equal(platform: Platform, journal: MemoryJournal) -> None:
    """Platform rows = journal rows, with equal hashes, and nothing to be alarmed about."""
    held = [(row.epoch, row.seq, row.hash) for row in platform.ledger.rows("gate-1")]
    assert held == [(row.epoch, row.seq, row.hash) for row in journal.rows]
    assert platform.ledger.alarms("gate-1") == []


def publish_all(site: Site, rows: list[Row]) -> int:
    """One message per row, each PUBACKed by the broker; how many."""
    link, wake = PahoLink(site.world, site.settings(max_inflight=20), "gate-1"), site.world.event()
    link.connect(None, wake)
    waiting = list(rows)
    acknowledged = 0
    while acknowledged < len(rows):
        wake.clear()
        while isinstance(signal := link.take(), Acknowledged):
            assert signal.fault is None
            acknowledged += 1
        while waiting and link.room > 0:
            link.publish(GATE.up("events"), messages.pack([waiting.pop(0)]).payload)
        if acknowledged < len(rows):
            assert wake.wait(60)
    link.disconnect()
    return acknowledged


def absent_subscriber(site: Site) -> None:
    """A session that the broker keeps messages for: its client has left and may come back."""
    client = Client(CallbackAPIVersion.VERSION2, "absent", protocol=MQTTProtocolVersion.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    subscribed = site.world.event()
    client.on_connect = lambda *_: client.subscribe(GATE.up("events"), 1)  # type: ignore[assignment]
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(site.broker.host, site.broker.port, properties=properties)
    client.loop_start()
    assert subscribed.wait(60)
    client.disconnect()
    client.loop_stop()


def test_2000_pubacked_messages_in_a_killed_broker_are_not_lost(
    site: Site, journal: MemoryJournal
) -> None:
    journal.add(2000)
    absent_subscriber(site)
    assert publish_all(site, journal.rows) == 2000
    site.broker.kill()
    site.broker.start()
    platform = site.platform()
    site.uplink(journal)
    assert journal.wait_receipted(2000)
    assert_equal(platform, journal)


def test_control_who_trusts_a_puback_loses_them(site: Site, journal: MemoryJournal) -> None:
    """The same history with an outbox that takes PUBACKs for receipts."""
    journal.add(2000)
    absent_subscriber(site)
    journal.receipted = publish_all(site, journal.rows)
    site.broker.kill()
    site.broker.start()
    platform = site.platform()
    assert platform.wait_ready(60)
    site.uplink(journal)
    journal.add(1)
    assert journal.wait_receipted(2000)
    until(lambda: len(platform.ledger.rows("gate-1")) == 1)
    lost = {row.seq for row in journal.rows} - {row.seq for row in platform.ledger.rows("gate-1")}
    assert len(lost) == 2000


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Await what only the database can tell."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_broker_killed_in_the_middle_and_started_empty_loses_nothing(
    site: Site, journal: MemoryJournal
) -> None:
    journal.add(3000)
    platform = site.platform()
    assert platform.wait_ready(60)
    site.uplink(journal)
    for receipted in (400, 1200, 2000):
        assert journal.wait_receipted(receipted)
        site.broker.kill()
        journal.add(10)
        site.broker.start()
    assert journal.wait_receipted(3030)
    assert_equal(platform, journal)


def test_what_was_published_before_the_platform_was_there_arrives(
    site: Site, journal: MemoryJournal
) -> None:
    news: list[LinkStatus] = []
    journal.add(120)
    unheard = site.world.event()

    def report(status: LinkStatus) -> None:
        news.append(status)
        if status.last_fault is not None and status.last_fault.code == "sync.unheard":
            unheard.set()

    site.uplink(journal, report=report)
    assert unheard.wait(60)
    assert journal.receipted == 0
    platform = site.platform()
    assert journal.wait_receipted(120)
    assert_equal(platform, journal)
    assert [status.state for status in news][:2] == ["offline", "online"]


def test_duplicate_batches_are_stored_once(site: Site, journal: MemoryJournal) -> None:
    journal.add(40)
    platform = site.platform()
    assert platform.wait_ready(60)
    publish_all(site, journal.rows[:20])
    publish_all(site, journal.rows[:20])
    site.uplink(journal)
    assert journal.wait_receipted(40)
    assert_equal(platform, journal)


def test_an_outage_of_30_days_drains_oldest_first(site: Site, journal: MemoryJournal) -> None:
    journal.add(20_000)
    platform = site.platform()
    assert platform.wait_ready(60)
    site.uplink(journal)
    assert journal.wait_receipted(20_000, timeout=60)
    assert_equal(platform, journal)
    arrived = platform.ledger.transaction(
        lambda db: db.execute("SELECT seq FROM events ORDER BY rowid").fetchall()
    )
    # Two workers share the batches of a window, so neighbours may swap, months may not.
    assert all(abs(seq - place) <= 200 for place, (seq,) in enumerate(arrived, 1))


def test_a_poisoned_row_is_receipted_as_quarantined_and_the_rest_goes_on(
    site: Site, journal: MemoryJournal
) -> None:
    journal.add(60)
    good = journal.rows[30]
    journal.rows[30] = Row(EPOCH, 31, "{", good.hash, good.mac)
    platform = site.platform()
    assert platform.wait_ready(60)
    site.uplink(journal)
    assert journal.wait_receipted(60)
    assert journal.receipts[-1].quarantined == (31,)
    assert [row.seq for row in platform.ledger.rows("gate-1")] == [
        seq for seq in range(1, 61) if seq != 31
    ]


def test_a_bomb_does_no_harm(site: Site, journal: MemoryJournal) -> None:
    journal.add(2)
    platform = site.platform()
    assert platform.wait_ready(60)
    link = PahoLink(site.world, site.settings(), "gate-1")
    link.connect(None, site.world.event())
    # Rows that are yet to come: those of the journal must not be quarantined before they are sent.
    ahead = MemoryJournal("gate-1")
    ahead.add(4)
    header = messages.pack(ahead.rows[2:]).payload.partition(b"\n")[0]
    link.publish(GATE.up("events"), header + b"\n" + zlib.compress(b" " * 50_000_000))
    until(lambda: len(platform.ledger.quarantined("gate-1")) == 2)
    link.disconnect()
    site.uplink(journal)
    assert journal.wait_receipted(2)
    assert_equal(platform, journal)


def test_a_storm_of_reconnects_loses_and_doubles_nothing(
    site: Site, journal: MemoryJournal
) -> None:
    platform = site.platform()
    assert platform.wait_ready(60)
    uplink = site.uplink(journal)
    rival = PahoLink(site.world, site.settings(), "gate-1")  # takes the session over, and leaves
    for _ in range(20):
        journal.add(50)
        rival.connect(None, site.world.event())
        rival.disconnect()
    assert journal.wait_receipted(1000)
    assert_equal(platform, journal)
    assert uplink.status().state == "online"


def test_who_sends_stands_in_the_topic_never_in_the_payload(
    site: Site, journal: MemoryJournal
) -> None:
    journal.add(3)
    platform = site.platform()
    assert platform.wait_ready(60)
    site.uplink(journal, terminal="gate-2")
    assert journal.wait_receipted(3)
    assert platform.ledger.rows("gate-1") == []
    assert platform.ledger.rows("gate-2") == []
    reasons = {reason for _, _, reason, _ in platform.ledger.quarantined("gate-2")}
    assert reasons == {"foreign"}


def test_messages_of_nobody_do_not_disturb_the_workers(site: Site, journal: MemoryJournal) -> None:
    platform = site.platform()
    assert platform.wait_ready(60)
    link = PahoLink(site.world, site.settings(), "stranger")
    link.connect(None, site.world.event())
    link.publish("onecard/v1//gate 1/up/events", b"x")
    link.publish("onecard/v1/990100//up/state", b"x")
    link.disconnect()
    journal.add(100)
    site.uplink(journal)
    assert journal.wait_receipted(100)
    assert_equal(platform, journal)
    assert platform.faults() == {}
