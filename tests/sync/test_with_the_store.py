"""The real journal, a real mosquitto, the real platform: rows, receipts, disagreement."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from offline_store.clock import ClockReading
from offline_store.events.about import Alarm
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store
from simulators.broker import Broker
from sync.outbox import Outbox
from sync.platform import Platform
from tests.sync.journal import SEED
from tests.sync.site import Site
from tests.sync.test_exactly_once import until
from trust.keystore import FileKeyStore


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


def opened(site: Site) -> Store:
    keys = FileKeyStore(site.world, site.folder / "keys")
    if "journal-seed" not in keys.names():
        keys.write("journal-seed", SEED)
    store = Store(site.world, site.folder / "data", terminal="gate-1", boot="boot-1", keys=keys)
    store.start()
    return store


def tap(store: Store, count: int) -> None:
    clock = ClockReading(1_790_000_000_000, "synchronised", "boot-1")
    tap = Tap(clock=clock, verdict="accepted", person="a" * 64)
    for _ in range(count):
        store.turn(lambda turn: Entry(tap))


def settled(store: Store) -> bool:
    return store.status().unreceipted == 0


def assert_equal(platform: Platform, store: Store) -> None:
    ours = [(row.epoch, row.seq, row.hash) for row in store.records(None, 0, 10_000)]
    theirs = [(row.epoch, row.seq, row.hash) for row in platform.ledger.rows("gate-1")]
    assert theirs == ours


def test_the_store_is_an_outbox(site: Site) -> None:
    store = opened(site)
    outbox: Outbox = store
    assert outbox.head() is not None
    store.close()


def test_every_row_of_the_store_arrives_with_its_hash_chain_and_mac(
    site: Site, platform: Platform
) -> None:
    store = opened(site)
    tap(store, 120)
    uplink = site.uplink(store)
    tap(store, 20)
    until(lambda: settled(store))
    assert uplink.stop(10)
    assert_equal(platform, store)
    assert platform.ledger.alarms("gate-1") == []
    assert platform.ledger.quarantined("gate-1") == []
    store.close()


def test_what_was_not_receipted_before_a_restart_is_sent_after_it(
    site: Site, platform: Platform
) -> None:
    store = opened(site)
    tap(store, 30)
    store.close()
    store = opened(site)
    tap(store, 30)
    uplink = site.uplink(store)
    until(lambda: settled(store))
    assert uplink.stop(10)
    assert_equal(platform, store)
    store.close()


def test_a_disk_copied_back_begins_a_new_epoch_in_which_nothing_is_missing(
    site: Site, platform: Platform
) -> None:
    """The platform is ahead of a terminal whose disk was restored: alarm, and rows re-entered."""
    store = opened(site)
    tap(store, 10)
    store.close()
    shutil.copytree(site.folder / "data", site.folder / "copy")

    store = opened(site)
    first = site.uplink(store)
    tap(store, 10)
    until(lambda: settled(store))
    assert first.stop(10)
    store.close()
    shutil.rmtree(site.folder / "data")
    shutil.move(site.folder / "copy", site.folder / "data")

    store = opened(site)
    tap(store, 5)  # other content under keys that the platform has
    second = site.uplink(store)
    until(lambda: settled(store) and len(epochs(platform)) == 2)
    until(lambda: settled(store))
    assert second.stop(10)
    rows = [record.stored() for record in store.records(None, 0, 10_000)]
    epoch = rows[-1].at.epoch
    fresh = [row for row in rows if row.at.epoch == epoch]
    contested = {row.at for row in rows if row.at.epoch != epoch and row.at.seq > 11}
    assert any(isinstance(row.event, Alarm) for row in fresh)
    assert contested <= {row.was for row in fresh}
    known = {row.seq for row in platform.ledger.rows("gate-1") if row.epoch == epoch}
    assert known == {row.at.seq for row in fresh}
    store.close()


def epochs(platform: Platform) -> list[str]:
    return list(dict.fromkeys(row.epoch for row in platform.ledger.rows("gate-1")))
