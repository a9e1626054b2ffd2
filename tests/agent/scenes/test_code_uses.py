"""One code, one use: decided with the journal as memory, over restarts, readers and clocks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from agent.identify.code import CodeIdentifier, Router
from agent.identify.identity import Identity, VerifiedCode
from agent.identify.ministry_codes.resolver import MinistryCodes, OfflineResolver
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.scenes.code_uses import CodeMemory
from config.model import CodeRule
from offline_store.clock import ClockReading
from offline_store.events.about import Recovery
from offline_store.events.seen import CodeSeen, Price, Seen
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store, Turn
from simulators.transit.codes import DEFECTS, GOOD, NOW, Phones
from tests.offline_store.support import Site
from trust.references import References
from trust.sm2 import sm2

SM2 = sm2()
PHONES = Phones(SM2)
RULES = (
    CodeRule(name="ministry-three-level", resolve="offline"),
    CodeRule(name="ministry-two-level", resolve="offline"),
)
SCENE = "bus"
CITY_KEY = b"made-up city reference key, 32 B"


class Bus:
    """Codes to a decision in a real store; `now` in milliseconds."""

    def __init__(self, site: Site, interval: float = 0.0) -> None:
        self.site = site
        self.now_ms = NOW * 1000
        self.memory = CodeMemory(interval)
        keys = {"ministry-roots": PHONES.roots(), "ministry-issuers": PHONES.two_level_issuers()}
        ministry = MinistryCodes(SM2, keys.__getitem__, self.clock, References(CITY_KEY))
        self.desk = CodeIdentifier(
            Router(RULES), {"offline": OfflineResolver(ministry.verifiers())}
        )

    def clock(self) -> ClockReading:
        return ClockReading(self.now_ms, "synchronised", "boot-1")

    def identity(self, code: bytes) -> Identity:
        presented = self.desk.read(code)
        assert isinstance(presented, Identity), presented.reason
        return presented

    def show(self, store: Store, code: bytes, *, amount: int | None = None) -> Reason:
        identity = self.identity(code)
        assert identity.shown is not None
        shown = identity.shown

        def decide(turn: Turn) -> Entry:
            seen = self.memory.look(turn, identity, SCENE, self.clock())
            if amount is not None:
                seen = seen.joined(Seen(price=Price(amount=amount)))
            reason = self.memory.judge(shown, seen, self.clock()) or Reason.ACCEPTED
            return Entry(self.draft(identity, shown, reason))

        return Reason(store.turn(decide).event().reason)

    def draft(self, identity: Identity, shown: VerifiedCode, reason: Reason) -> Tap:
        return Tap(
            clock=self.clock(),
            scene=SCENE,
            person=identity.person,
            code=shown.code,
            verdict="accepted" if reason == Reason.ACCEPTED else "refused",
            reason=reason,
        )


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    return Bus(Site(tmp_path))


def code(generated: int = NOW, account: bytes = GOOD.account, **changes: object) -> bytes:
    order = replace(GOOD, generated=generated, account=account, validity=600, **changes)  # type: ignore[arg-type]
    return PHONES.three_level(order)


def test_a_code_is_good_once_and_fresh_ones_of_its_account_after_a_moment(bus: Bus) -> None:
    with bus.site.open() as store:
        first = code()
        assert bus.show(store, first) == Reason.ACCEPTED
        bus.now_ms += 1999
        assert bus.show(store, first) == Reason.CODE_TOO_SOON
        assert bus.show(store, code(NOW + 1)) == Reason.CODE_TOO_SOON
        bus.now_ms += 1
        assert bus.show(store, first) == Reason.CODE_SEEN
        assert bus.show(store, code(NOW + 2)) == Reason.ACCEPTED
        assert bus.show(store, code(NOW + 2, b"6210510000000099")) == Reason.ACCEPTED


def test_a_phone_that_signs_the_same_again_has_not_made_a_new_code(bus: Bus) -> None:
    with bus.site.open() as store:
        one, again = code(), code()
        # The same issuer's signature and another one of the phone's.
        again = one[:-64] + SM2.sign(b"\x33" * 32, one[: len(one) - 65])
        assert bus.show(store, one) == Reason.ACCEPTED
        bus.now_ms += 5000
        assert again != one
        assert bus.show(store, again) == Reason.CODE_SEEN


def test_a_code_stays_used_across_a_restart(bus: Bus) -> None:
    with bus.site.open() as store:
        assert bus.show(store, code_1 := code()) == Reason.ACCEPTED
    bus.now_ms += 5000
    with bus.site.open() as store:
        assert bus.show(store, code_1) == Reason.CODE_SEEN


def test_a_code_stays_used_whatever_happens_to_the_clock(bus: Bus) -> None:
    with bus.site.open() as store:
        shown = code(NOW + 15)
        bus.now_ms += 500_000
        assert bus.show(store, shown) == Reason.ACCEPTED
        bus.now_ms -= 500_000  # set back by more than eight minutes
        assert bus.show(store, shown) == Reason.CODE_SEEN
        assert bus.show(store, code()) == Reason.ACCEPTED  # nobody is locked out


def test_a_code_that_was_refused_is_not_used(bus: Bus) -> None:
    with bus.site.open() as store:
        assert bus.show(store, one := code(), amount=2001) == Reason.CODE_OVER_LIMIT
        assert bus.show(store, one, amount=2000) == Reason.ACCEPTED


def test_a_code_whose_barrier_did_not_open_may_be_shown_again(bus: Bus) -> None:
    with bus.site.open() as store:
        assert bus.show(store, one := code()) == Reason.ACCEPTED
        tap = store.records(None, 0, 10)[-1].reference
        store.turn(lambda turn: Entry(Recovery(clock=bus.clock(), about=tap)))
        assert bus.show(store, one) == Reason.ACCEPTED


def test_an_account_keeps_its_interval_and_others_do_not_wait_for_it(tmp_path: Path) -> None:
    bus = Bus(Site(tmp_path), interval=60)
    with bus.site.open() as store:
        assert bus.show(store, code()) == Reason.ACCEPTED
        bus.now_ms += 59_999
        assert bus.show(store, code(NOW + 50)) == Reason.CODE_INTERVAL
        assert bus.show(store, code(NOW + 50, b"6210510000000099")) == Reason.ACCEPTED
        bus.now_ms += 1
        assert bus.show(store, code(NOW + 51)) == Reason.ACCEPTED


@contextmanager
def two_at_once(show: Callable[[], Reason]) -> Iterator[list[Reason]]:
    found: list[Reason] = []
    start = threading.Barrier(2)

    def reader() -> None:
        start.wait()
        found.append(show())

    threads = [threading.Thread(target=reader) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield found


def test_two_readers_at_once_take_a_code_once(bus: Bus) -> None:
    with bus.site.open() as store:
        for second in range(5):
            one = code(NOW - second, b"62105100000001%02d" % second)
            with two_at_once(partial(bus.show, store, one)) as found:
                assert sorted(found) == [Reason.ACCEPTED, Reason.CODE_TOO_SOON]


def test_control_a_memory_outside_the_turn_takes_it_twice(bus: Bus) -> None:
    """What the test above guards against: looking first, storing later."""
    with bus.site.open() as store:
        identity = bus.identity(code())
        shown = identity.shown
        assert shown is not None
        looked: list[Reason] = []

        def look(turn: Turn) -> Entry:
            seen = bus.memory.look(turn, identity, SCENE, bus.clock())
            looked.append(bus.memory.judge(shown, seen, bus.clock()) or Reason.ACCEPTED)
            return Entry(bus.draft(identity, shown, Reason.REPEATED))

        store.turn(look)
        store.turn(look)
    assert looked == [Reason.ACCEPTED, Reason.ACCEPTED]


def test_two_level_codes_are_remembered_by_their_card(bus: Bus) -> None:
    order = replace(GOOD, validity=600)
    with bus.site.open() as store:
        assert bus.show(store, old := PHONES.two_level(order)) == Reason.ACCEPTED
        bus.now_ms += 3000
        assert bus.show(store, old) == Reason.CODE_SEEN
        # What nobody signs makes no other code of it.
        assert bus.show(store, b"\x81" + old[1:]) == Reason.CODE_SEEN


def test_the_order_is_moment_code_interval_limit() -> None:
    memory = CodeMemory(60)
    clock = ClockReading(NOW * 1000, "synchronised", "boot-1")
    shown = VerifiedCode("c" * 64, 1, Reason.CODE_SEEN, 2000, "")
    just, earlier = clock.time_ms - 1000, clock.time_ms - 9000
    codes = [
        CodeSeen(uses=1, last_ms=just, last_account_ms=just),
        CodeSeen(uses=1, last_ms=0, last_account_ms=earlier),
        CodeSeen(uses=0, last_ms=0, last_account_ms=earlier),
        CodeSeen(uses=0, last_ms=0),
    ]
    dear, cheap = Price(amount=2001), Price(amount=2000)
    everything = [
        *(Seen(code=code, price=dear) for code in codes),
        Seen(code=codes[-1], price=cheap),
    ]
    assert [memory.judge(shown, seen, clock) for seen in everything] == [
        Reason.CODE_TOO_SOON,
        Reason.CODE_SEEN,
        Reason.CODE_INTERVAL,
        Reason.CODE_OVER_LIMIT,
        None,
    ]


def test_every_defect_has_words_and_a_voice_and_nobody_gets_in_with_one() -> None:
    for language in ("zh", "en"):
        results = Results(Texts(language))
        for defect in DEFECTS.values():
            prompt = results.prompt(defect.reason)
            assert prompt.text
            assert prompt.voice
            assert not results.accepted(defect.reason)
