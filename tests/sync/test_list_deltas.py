"""Lists on their way down: what changed to who holds the version before, the whole to others."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from offline_store.lists.form import BLACKLIST, blacklist_payload
from offline_store.lists.on_disk import Lists
from simulators.broker import Broker
from sync.platform import Platform
from sync.platform.station import OutgoingMessage
from tests.sync.journal import MemoryJournal
from tests.sync.site import CITY, Site
from tests.sync.test_down import answers
from tests.sync.test_exactly_once import until
from trust.envelope import Envelope
from world.real import RealWorld

CARDS = [f"{number:02x}" * 32 for number in range(100)]
FIRST = blacklist_payload({"card": card} for card in CARDS)
SECOND = blacklist_payload({"card": card} for card in CARDS[1:])
THIRD = blacklist_payload({"card": card} for card in CARDS[2:])
OTHER = blacklist_payload([{"card": CARDS[0]}])
DELTA_SIZE = 300  # bytes at most, of a list with 1 700


class Noting(Lists):
    """The product's lists, and how long the payloads were that came."""

    def __init__(self, folder: Path) -> None:
        super().__init__(RealWorld(), folder)
        self.sizes: list[int] = []

    def install(self, envelope: Envelope) -> None:
        self.sizes.append(len(envelope.payload))
        super().install(envelope)

    def listed(self, card: str) -> bool:
        return self.find_blacklisted(card=card) is not None


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
def births(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """One more for each birth that the platform has looked at. What it publishes before may go out
    twice: to everybody, and to the terminal that said that it lacks it."""
    looked, lacking = threading.Semaphore(0), platform._publisher.lacking

    def noting(*place: Any, repeated: bool) -> Sequence[OutgoingMessage]:
        letters = lacking(*place, repeated=repeated)
        looked.release()
        return letters

    monkeypatch.setattr(platform._publisher, "lacking", noting)
    return looked


@pytest.fixture
def lists(site: Site, births: threading.Semaphore, tmp_path: Path) -> Noting:
    """Of a terminal that is online."""
    lists = Noting(tmp_path / "gate-1")
    site.uplink(MemoryJournal("gate-1"), {"list": lists})
    assert births.acquire(timeout=60)
    return lists


def test_who_holds_the_version_before_gets_what_changed(platform: Platform, lists: Noting) -> None:
    for payload in (FIRST, SECOND, THIRD):
        platform.publish("list", BLACKLIST, payload)
    until(lambda: lists.versions() == {BLACKLIST: 3})
    whole, *deltas = lists.sizes
    assert whole == len(FIRST)
    assert len(deltas) == 2
    assert all(size < DELTA_SIZE for size in deltas)
    assert [lists.listed(card) for card in CARDS[:3]] == [False, False, True]


def test_who_lacks_the_base_says_so_and_gets_the_whole_list(
    site: Site, platform: Platform, lists: Noting
) -> None:
    platform.publish("list", BLACKLIST, OTHER, audience="gate-1")
    until(lambda: lists.versions() == {BLACKLIST: 1})
    platform.publish("list", BLACKLIST, FIRST, audience=CITY)
    until(lambda: lists.versions() == {BLACKLIST: 2})
    platform.publish("list", BLACKLIST, OTHER, audience="gate-1")
    until(lambda: lists.versions() == {BLACKLIST: 3})
    platform.publish("list", BLACKLIST, SECOND, audience=CITY)  # a delta of 2
    until(lambda: lists.versions() == {BLACKLIST: 4})
    assert lists.sizes[-2] < DELTA_SIZE
    assert lists.sizes[-1] == len(SECOND)
    until(lambda: answers(platform)[-1] == ("list", BLACKLIST, 4, "applied", ""))
    assert [lists.listed(card) for card in CARDS[:2]] == [False, True]


@pytest.mark.parametrize(("missed", "by_delta"), [((SECOND,), True), ((SECOND, THIRD), False)])
def test_who_was_away_for_one_version_gets_what_changed_and_for_two_the_whole(
    site: Site,
    platform: Platform,
    births: threading.Semaphore,
    tmp_path: Path,
    missed: tuple[bytes, ...],
    by_delta: bool,
) -> None:
    lists = Noting(tmp_path / "gate-1")
    uplink = site.uplink(MemoryJournal("gate-1"), {"list": lists})
    assert births.acquire(timeout=60)
    platform.publish("list", BLACKLIST, FIRST)
    until(lambda: len(answers(platform)) == 1)
    uplink.stop(5)
    for payload in missed:
        platform.publish("list", BLACKLIST, payload)
    site.uplink(MemoryJournal("gate-1"), {"list": lists})
    until(lambda: lists.versions() == {BLACKLIST: 1 + len(missed)})
    assert (lists.sizes[-1] < DELTA_SIZE) == by_delta
    assert len(lists.sizes) == 2


def test_a_list_that_does_not_parse_goes_out_whole_and_hurts_no_later_one(
    platform: Platform, lists: Noting
) -> None:
    platform.publish("list", BLACKLIST, FIRST)
    platform.publish("list", BLACKLIST, FIRST[:-3])
    platform.publish("list", BLACKLIST, SECOND)
    until(lambda: lists.versions() == {BLACKLIST: 3})
    assert lists.sizes == [len(FIRST), len(FIRST) - 3, len(SECOND)]
    assert [one[3] for one in answers(platform)][:2] == ["applied", "refused"]


def test_a_list_that_the_disk_has_damaged_is_sent_again_at_the_next_birth(
    site: Site, platform: Platform, tmp_path: Path
) -> None:
    uplink = site.uplink(MemoryJournal("gate-1"), {"list": Noting(tmp_path / "gate-1")})
    platform.publish("list", BLACKLIST, FIRST)
    until(lambda: len(answers(platform)) == 1)
    platform.publish("list", BLACKLIST, SECOND)
    until(lambda: len(answers(platform)) == 2)
    uplink.stop(5)
    (tmp_path / "gate-1" / "lists" / "blacklist-2.list").write_bytes(b"garbage")
    lists = Noting(tmp_path / "gate-1")
    assert lists.versions() == {BLACKLIST: 1}
    site.uplink(MemoryJournal("gate-1"), {"list": lists})
    until(lambda: lists.versions() == {BLACKLIST: 2})
    assert not lists.listed(CARDS[0])
