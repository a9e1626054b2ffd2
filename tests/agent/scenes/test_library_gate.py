"""The library gate's decisions by name: who stands there, what is known, what comes of it."""

from dataclasses import dataclass, field
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from agent.scenes.library_gate.scene import LibraryGate, LibraryOptions
from agent.scenes.port import Case as Presented
from agent.scenes.port import Decision, Looked
from config.model import SceneSettings
from contracts.scenes.shipped import KINDS, scene_of
from contracts.scenes.stand import EPOCH, FakeLists, FakeTurn, Stand, play
from offline_store.clock import CHINA, EARLIEST, ClockQuality, ClockReading
from offline_store.events.happened import Authentication
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Stored
from offline_store.events.seen import NOTHING_SEEN, Seen
from offline_store.events.tap import Tap

NOON = datetime(2026, 9, 21, 12, tzinfo=CHINA)
YEAR, DAY, SECOND = 365 * 86_400_000, 86_400_000, 1000
CARD, NUMBER, PERSON = "ca" * 32, "b0" * 32, "d0" * 32
GATE = LibraryGate(LibraryOptions(8.0), SceneSettings(kind="library-gate"), "519900")


def at(
    moment: datetime = NOON, *, plus_ms: int = 0, quality: ClockQuality = "synchronised"
) -> ClockReading:
    return ClockReading(int(moment.timestamp() * 1000) + plus_ms, quality, "boot-1")


def somebody(issued: date | None = date(2020, 1, 1), expires: date | None = None) -> Identity:
    return Identity(
        credential="card-contactless",
        card=CARD,
        number=NUMBER,
        person=PERSON,
        issued=issued,
        expires=expires,
        authentication=Authentication(mode="psam", result="passed"),
    )


@dataclass(frozen=True)
class Case:
    """One named decision."""

    name: str
    reason: Reason
    identity: Identity = field(default_factory=somebody)
    lists: FakeLists = field(default_factory=FakeLists)
    seen: Seen = NOTHING_SEEN
    clock: ClockReading = field(default_factory=at)
    checks: tuple[str, str, str] = ("normal", "normal", "normal")  # dates, card, holder


def entered(ago_ms: int, clock: ClockReading) -> Seen:
    return Seen(last_entry_ms=clock.time_ms - ago_ms)


UNSET = at(datetime(1970, 1, 1, 0, 1, tzinfo=CHINA), quality="unset")

CASES = [
    Case("a valid card", Reason.ACCEPTED),
    Case("a card without dates", Reason.ACCEPTED, somebody(issued=None)),
    Case(
        "blacklisted by card id",
        Reason.BLACKLISTED,
        lists=FakeLists(cards=[CARD]),
        checks=("normal", "listed", "normal"),
    ),
    Case(
        "blacklisted by number where the list says so",
        Reason.BLACKLISTED,
        lists=FakeLists(numbers=[NUMBER]),
        checks=("normal", "listed", "normal"),
    ),
    Case("the number on the list of cards", Reason.ACCEPTED, lists=FakeLists(cards=[NUMBER])),
    Case("the card id on the list of numbers", Reason.ACCEPTED, lists=FakeLists(numbers=[CARD])),
    Case(
        "the person barred, whichever card is shown",
        Reason.BLACKLISTED,
        lists=FakeLists(persons=[PERSON]),
        checks=("normal", "normal", "listed"),
    ),
    Case("the person on the list of cards", Reason.ACCEPTED, lists=FakeLists(cards=[PERSON])),
    Case("another card listed", Reason.ACCEPTED, lists=FakeLists(cards=["ab" * 32])),
    Case(
        "expired yesterday",
        Reason.CARD_EXPIRED,
        somebody(expires=date(2026, 9, 20)),
        checks=("expired", "normal", "normal"),
    ),
    Case("expires today: still good", Reason.ACCEPTED, somebody(expires=date(2026, 9, 21))),
    Case(
        "expires today, and it is nearly midnight in China",
        Reason.ACCEPTED,
        somebody(expires=date(2026, 9, 21)),
        clock=at(datetime(2026, 9, 21, 23, 59, 59, tzinfo=CHINA)),
    ),
    Case(
        "expired, by China's midnight and not by London's",
        Reason.CARD_EXPIRED,
        somebody(expires=date(2026, 9, 21)),
        clock=at(datetime(2026, 9, 22, tzinfo=CHINA)),
        checks=("expired", "normal", "normal"),
    ),
    Case(
        "not valid before tomorrow",
        Reason.CARD_NOT_YET_VALID,
        somebody(issued=date(2026, 9, 22)),
        checks=("not-yet-valid", "normal", "normal"),
    ),
    Case("issued today", Reason.ACCEPTED, somebody(issued=date(2026, 9, 21))),
    Case(
        "listed and expired: the list is the reason",
        Reason.BLACKLISTED,
        somebody(expires=date(2021, 1, 1)),
        FakeLists(cards=[CARD]),
        checks=("expired", "listed", "normal"),
    ),
    Case("here a moment ago", Reason.REPEATED, seen=entered(1, at())),
    Case("here just inside the window", Reason.REPEATED, seen=entered(7_999, at())),
    Case("here in this very millisecond", Reason.REPEATED, seen=entered(0, at())),
    Case("here just outside the window", Reason.ACCEPTED, seen=entered(8_000, at())),
    Case("here an hour ago", Reason.ACCEPTED, seen=entered(3_600_000, at())),
    Case(
        "expired and here a moment ago: expired is the reason",
        Reason.CARD_EXPIRED,
        somebody(expires=date(2021, 1, 1)),
        seen=entered(1, at()),
        checks=("expired", "normal", "normal"),
    ),
    Case("the clock went back a year since", Reason.ACCEPTED, seen=entered(-YEAR, at())),
    Case("the clock went back a second since", Reason.REPEATED, seen=entered(-SECOND, at())),
    Case("the clock went forward a day since", Reason.ACCEPTED, seen=entered(DAY, at())),
    Case(
        "the clock is a year behind: the card seems not yet valid",
        Reason.CARD_NOT_YET_VALID,
        somebody(issued=date(2026, 1, 1)),
        clock=at(plus_ms=-YEAR, quality="holdover"),
        checks=("not-yet-valid", "normal", "normal"),
    ),
    Case(
        "booted in 1970: dates are not judged",
        Reason.ACCEPTED,
        somebody(issued=date(2020, 1, 1), expires=date(2021, 1, 1)),
        clock=UNSET,
        checks=("unknown", "normal", "normal"),
    ),
    Case(
        "booted in 1970 and listed",
        Reason.BLACKLISTED,
        lists=FakeLists(cards=[CARD]),
        clock=UNSET,
        checks=("unknown", "listed", "normal"),
    ),
    Case(
        "booted in 1970 and here a moment ago: seconds still pass evenly",
        Reason.REPEATED,
        seen=entered(2_000, UNSET),
        clock=UNSET,
        checks=("unknown", "normal", "normal"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decision(case: Case) -> None:
    decision = GATE.decide(case.lists, Presented(case.identity, case.clock), case.seen)
    assert decision.reason == case.reason
    assert decision.verdict == ("accepted" if case.reason == Reason.ACCEPTED else "refused")
    assert tuple(check.status for check in decision.checks) == case.checks


def test_the_list_and_its_version_stand_in_the_check() -> None:
    for lists in (FakeLists(), FakeLists(cards=[CARD])):
        _, card, holder = GATE.decide(lists, Presented(somebody(), at()), NOTHING_SEEN).checks
        assert (card.subject, card.source) == ("card", "list:blacklist@7")
        assert (holder.subject, holder.source) == ("holder", "list:blacklist@7")


def test_every_scene_of_the_configuration_is_there() -> None:
    for kind in KINDS:
        assert scene_of(SceneSettings(kind=kind)).kind == kind


@given(
    issued=st.none() | st.dates(),
    expires=st.none() | st.dates(),
    listed=st.booleans(),
    last=st.none() | st.integers(-YEAR, YEAR),
    quality=st.sampled_from(["synchronised", "holdover", "unset"]),
)
def test_decide_is_pure(
    issued: date | None,
    expires: date | None,
    listed: bool,
    last: int | None,
    quality: ClockQuality,
) -> None:
    """Same inputs, same decision, whatever was decided in between; and no input is changed."""
    seen = NOTHING_SEEN if last is None else entered(last, at())
    kept = structs.replace(seen)
    lists = FakeLists(cards=[CARD] if listed else [])
    clock = at(quality=quality)

    def decide() -> Decision:
        return GATE.decide(lists, Presented(somebody(issued, expires), clock), seen)

    first = decide()
    GATE.decide(FakeLists(), Presented(somebody(), at()), entered(1, at()))
    assert decide() == first
    assert seen == kept
    if listed:
        assert first.reason == Reason.BLACKLISTED
    if quality == "unset":
        assert first.reason not in (Reason.CARD_EXPIRED, Reason.CARD_NOT_YET_VALID)


def row(seq: int, reason: Reason, clock: ClockReading, person: str = PERSON) -> Stored[Event]:
    tap = Tap(
        clock=clock,
        scene="library-gate",
        person=person,
        verdict="accepted",
        reason=reason,
    )
    return Stored(Reference(EPOCH, seq), "gate-1", tap)


def look(*rows: Stored[Event], clock: ClockReading | None = None) -> Looked:
    return GATE.look(FakeTurn(list(rows), FakeLists()), Presented(somebody(), clock or at()))


def test_look_finds_the_persons_last_entry() -> None:
    first, second = at(plus_ms=-6_000), at(plus_ms=-3_000)
    entries = row(1, Reason.ACCEPTED, first), row(2, Reason.ACCEPTED, second)
    assert look(*entries) == Looked(Seen(last_entry_ms=second.time_ms))


def test_look_finds_nothing_of_others_nor_of_long_ago() -> None:
    stranger = row(1, Reason.ACCEPTED, at(plus_ms=-1_000), "ff" * 32)
    assert look(stranger) == Looked()
    assert look(row(1, Reason.ACCEPTED, at(plus_ms=-8_001))) == Looked()


def test_who_left_since_has_no_entry() -> None:
    entry = row(1, Reason.ACCEPTED, at(plus_ms=-4_000))
    leave = row(2, Reason.ACCEPTED_EXIT, at(plus_ms=-2_000))
    assert look(entry, leave) == Looked()
    back = row(3, Reason.ACCEPTED, at(plus_ms=-1_000))
    assert look(entry, leave, back) == Looked(Seen(last_entry_ms=back.clock.time_ms))


def test_after_the_clock_went_back_the_second_tap_is_a_repetition_again() -> None:
    before, now = at(), at(plus_ms=-YEAR)
    entry = row(1, Reason.ACCEPTED, before)
    seen = look(entry, clock=now).seen
    assert GATE.decide(FakeLists(), Presented(somebody(None), now), seen).reason == "accepted"
    again = structs.replace(now, time_ms=now.time_ms + 2_000)
    seen = look(entry, row(2, Reason.ACCEPTED, now), clock=again).seen
    assert GATE.decide(FakeLists(), Presented(somebody(None), again), seen).reason == "repeated"


def test_a_decision_is_replayed_from_its_events_kept_state() -> None:
    def scenario(stand: Stand) -> None:
        for key in ("lin", "lin", "wang", "zheng", "lin"):
            stand.tap(key)
        identities = {
            stand.references.card(bytes.fromhex(stand.cast.card_id(card))): card
            for card in stand.cast.cards
        }
        replayed = [event for event in stand.store.taps() if event.person]
        assert {event.reason for event in replayed} == {"accepted", "repeated", "card-expired"}
        for past in replayed:
            card = identities[past.card]
            assert past.authentication is not None
            identity = Identity(
                credential=past.credential,
                card=past.card,
                number="",
                person=past.person,
                issued=_day(card.issued),
                expires=_day(card.expires),
                authentication=past.authentication,
            )
            again = GATE.decide(stand.store.lists, Presented(identity, past.clock), past.seen)
            assert (again.verdict, again.reason, again.checks) == (
                past.verdict,
                past.reason,
                past.checks,
            )

    play(scenario)


def _day(digits: str) -> date | None:
    return datetime.strptime(digits, "%Y%m%d").date() if digits else None


def test_a_terminal_that_booted_in_1970_lets_in_and_flags_its_records() -> None:
    def scenario(stand: Stand) -> None:
        stand.world.jump_clock(-stand.world.now())
        assert stand.tap("zheng").accepted, "its card's last day cannot be judged"
        event = stand.store.taps()[0]
        assert event.clock.quality == "unset"
        assert event.clock.time_ms < EARLIEST * 1000
        assert event.checks[0].status == "unknown"

    play(scenario)


def test_records_of_an_undisciplined_clock_are_flagged() -> None:
    def scenario(stand: Stand) -> None:
        stand.world.synchronised = False
        stand.tap()
        assert stand.store.taps()[0].clock.quality == "holdover"

    play(scenario)


@pytest.mark.parametrize(("jump", "reason"), [(-365 * 86_400, "accepted"), (86_400, "accepted")])
def test_a_clock_that_jumps_locks_nobody_out(jump: float, reason: str) -> None:
    def scenario(stand: Stand) -> None:
        assert stand.tap().accepted
        stand.world.jump_clock(jump)
        assert stand.tap().reason == reason
        assert stand.tap().reason == "repeated"

    play(scenario)
