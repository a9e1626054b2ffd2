"""Decisions at a service window by name: how somebody stands, who says so, and how long ago."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agent.identify.identity import Identity, VerifiedCode
from agent.messages.reasons import Reason
from agent.scenes.library_gate.scene import LibraryGate, LibraryOptions
from agent.scenes.port import Case as Presented
from agent.scenes.port import Looked
from agent.scenes.port import Offline as OfflineKind
from agent.scenes.service_window.scene import ServiceWindow
from config.load import profiles
from config.model import Offline, SceneSettings
from contracts.scenes.shipped import KINDS, scene_of
from contracts.scenes.stand import EPOCH, FakeLists, FakeTurn
from offline_store.clock import CHINA, ClockReading
from offline_store.events.happened import Authentication, Check, Subject
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Stored
from offline_store.events.seen import NOTHING_SEEN, Price, Seen
from offline_store.events.tap import Tap

NOON = datetime(2026, 9, 21, 12, tzinfo=CHINA)
HOME, AWAY = "519900", "549900"
DAY = 86_400
CARD, NUMBER, PERSON = "ca" * 32, "b0" * 32, "d0" * 32
SUBJECTS: tuple[Subject, ...] = ("holder", "card", "business")
STRICT = Offline(max_age=DAY)
LENIENT = Offline(max_age=DAY, unknown="accept", foreign="accept")
VISITORS = Offline(max_age=DAY, foreign="accept")


def clock(moment: datetime = NOON) -> ClockReading:
    return ClockReading(int(moment.timestamp() * 1000), "synchronised", "boot-1")


def somebody(region: str = HOME, expires: date | None = None) -> Identity:
    return Identity(
        credential="card-contactless",
        card=CARD,
        number=NUMBER,
        person=PERSON,
        issued=date(2020, 1, 1),
        expires=expires,
        authentication=Authentication(mode="psam", result="passed"),
        region=region,
    )


def paying(region: str = HOME) -> Identity:
    """By the account behind a code."""
    shown = VerifiedCode("c" * 64, 1, Reason.CODE_SEEN, None, "", pays=True)
    return replace(somebody(region), shown=shown)


def priced(amount: int) -> Seen:
    return Seen(price=Price(amount=amount))


def said(source: str, age: int = 0, other: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """Three answers from one source; normal unless it says otherwise."""
    return tuple(
        Check(
            subject=subject, status=(other or {}).get(subject, "normal"), source=source, age_s=age
        )
        for subject in SUBJECTS
    )


def now(**other: str) -> tuple[Check, ...]:
    return said("platform", 0, other)


def ago(seconds: int, **other: str) -> tuple[Check, ...]:
    return said("cached:platform", seconds, other)


NEVER = now(holder="unknown", card="unknown", business="unknown")


@dataclass(frozen=True)
class Case:
    """One named decision."""

    name: str
    standing: tuple[Check, ...]
    reason: Reason
    rule: Offline = STRICT
    identity: Identity = field(default_factory=somebody)
    seen: Seen = NOTHING_SEEN
    lists: FakeLists = field(default_factory=FakeLists)
    offline: OfflineKind = ""


OK = Reason.ACCEPTED
MIXED = (now()[0], ago(60)[1], now()[2])

CASES = [
    # Answered now
    Case("all is well", now(), OK),
    Case("all is well by a province's own service", said("https:river"), OK),
    Case("well, as of some days ago by its own account", said("platform", 7 * DAY), OK),
    Case("deceased", now(holder="deceased"), Reason.HOLDER_DECEASED),
    Case("lost", now(card="lost"), Reason.CARD_LOST),
    Case("cancelled", now(card="cancelled"), Reason.CARD_CANCELLED),
    Case("still in stock", now(card="stock"), Reason.CARD_NOT_ACTIVE),
    Case("a card's status that nobody here knows", now(card="frozen"), Reason.CARD_NOT_ACTIVE),
    Case("a holder's status that nobody here knows", now(holder="barred"), Reason.NOT_ELIGIBLE),
    Case("ineligible", now(business="ineligible"), Reason.NOT_ELIGIBLE),
    Case("business in arrears", now(business="arrears"), Reason.NOT_ELIGIBLE),
    Case(
        "deceased and lost: the holder is the reason",
        now(holder="deceased", card="lost"),
        Reason.HOLDER_DECEASED,
    ),
    Case(
        "lost and ineligible: the card is the reason",
        now(card="lost", business="ineligible"),
        Reason.CARD_LOST,
    ),
    Case("a card of another province, all is well", now(), OK, identity=somebody(AWAY)),
    Case(
        "a lost card of another province",
        now(card="lost"),
        Reason.CARD_LOST,
        identity=somebody(AWAY),
    ),
    Case("nobody's card, as with an ID card", now(card="not-asked"), OK),
    Case("no business registered here", now(business="not-asked"), OK),
    Case(
        "the platform does not know the card",
        now(card="unknown"),
        Reason.STATUS_UNKNOWN,
    ),
    Case(
        "the platform does not know the card, and the scene does not mind",
        now(card="unknown"),
        OK,
        LENIENT,
        offline="own",
    ),
    Case(
        "lost while the holder is not known",
        now(holder="unknown", card="lost"),
        Reason.CARD_LOST,
        LENIENT,
    ),
    # The credential itself comes first
    Case(
        "listed here and well there",
        now(),
        Reason.BLACKLISTED,
        lists=FakeLists(cards=[CARD]),
    ),
    Case(
        "listed here and lost there: the list is the reason",
        now(card="lost"),
        Reason.BLACKLISTED,
        lists=FakeLists(cards=[CARD]),
    ),
    Case(
        "expired and well",
        now(),
        Reason.CARD_EXPIRED,
        identity=somebody(expires=date(2026, 9, 20)),
    ),
    # Remembered
    Case("well an hour ago", ago(3600), OK, offline="own"),
    Case("well just within the age", ago(DAY), OK, offline="own"),
    Case("well just beyond the age", ago(DAY + 1), Reason.STATUS_UNKNOWN),
    Case("beyond the age where that is accepted", ago(DAY + 1), OK, LENIENT, offline="own"),
    Case("no age is allowed", ago(1), Reason.STATUS_UNKNOWN, Offline(max_age=0)),
    Case(
        "no age is allowed, and it was this second", ago(0), OK, Offline(max_age=0), offline="own"
    ),
    Case("one of three remembered", MIXED, OK, offline="own"),
    Case("lost an hour ago", ago(3600, card="lost"), Reason.CARD_LOST),
    Case("lost a year ago", ago(365 * DAY, card="lost"), Reason.CARD_LOST),
    Case(
        "deceased a year ago, where all is accepted",
        ago(365 * DAY, holder="deceased"),
        Reason.HOLDER_DECEASED,
        LENIENT,
    ),
    Case(
        "the business was never answered for",
        (*ago(60)[:2], NEVER[2]),
        Reason.STATUS_UNKNOWN,
    ),
    # Never answered for
    Case("never answered for", NEVER, Reason.STATUS_UNKNOWN),
    Case("never answered for, accepted", NEVER, OK, LENIENT, offline="own"),
    # Cards of other provinces
    Case(
        "a visitor, well an hour ago",
        ago(3600),
        Reason.STATUS_UNKNOWN,
        identity=somebody(AWAY),
    ),
    Case(
        "a visitor, well an hour ago, where visitors are accepted",
        ago(3600),
        OK,
        VISITORS,
        identity=somebody(AWAY),
        offline="foreign",
    ),
    Case(
        "a visitor who was never answered for, where visitors are accepted",
        NEVER,
        Reason.STATUS_UNKNOWN,
        VISITORS,
        identity=somebody(AWAY),
    ),
    Case(
        "a visitor who was never answered for, where all is accepted",
        NEVER,
        OK,
        LENIENT,
        identity=somebody(AWAY),
        offline="foreign",
    ),
    Case(
        "another city of the same province is no other province",
        ago(3600),
        OK,
        identity=somebody("510100"),
        offline="own",
    ),
    Case(
        "an ID card names no province, so it is no visitor's",
        ago(3600),
        OK,
        identity=somebody(""),
        offline="own",
    ),
    # Limits
    Case(
        "below the day's count",
        ago(60),
        OK,
        Offline(max_count=3),
        seen=Seen(offline_today=2),
        offline="own",
    ),
    Case(
        "the day's count is reached",
        ago(60),
        Reason.OFFLINE_LIMIT,
        Offline(max_count=3),
        seen=Seen(offline_today=3),
    ),
    Case(
        "the day's count is reached, and somebody answers",
        now(),
        OK,
        Offline(max_count=3),
        seen=Seen(offline_today=3),
    ),
    Case(
        "a count of none: never unanswered",
        ago(60),
        Reason.OFFLINE_LIMIT,
        Offline(max_count=0),
        seen=Seen(offline_today=0),
    ),
    Case(
        "unknown and over the count: unknown is the reason",
        NEVER,
        Reason.STATUS_UNKNOWN,
        Offline(max_count=3),
        seen=Seen(offline_today=3),
    ),
    Case(
        "the visitors' count is reached",
        ago(60),
        Reason.OFFLINE_LIMIT,
        Offline(foreign="accept", max_count_foreign=20),
        identity=somebody(AWAY),
        seen=Seen(foreign_offline_today=20),
    ),
    Case(
        "below the visitors' count",
        ago(60),
        OK,
        Offline(foreign="accept", max_count_foreign=20),
        identity=somebody(AWAY),
        seen=Seen(foreign_offline_today=19),
        offline="foreign",
    ),
    Case(
        "below the visitors' count and over one's own",
        ago(60),
        Reason.OFFLINE_LIMIT,
        Offline(foreign="accept", max_count=1, max_count_foreign=20),
        identity=somebody(AWAY),
        seen=Seen(foreign_offline_today=3, offline_today=1),
    ),
    Case(
        "an amount at the limit",
        ago(60),
        OK,
        Offline(max_amount=5000),
        identity=paying(),
        seen=priced(5000),
        offline="own",
    ),
    Case(
        "an amount above the limit",
        ago(60),
        Reason.OFFLINE_LIMIT,
        Offline(max_amount=5000),
        identity=paying(),
        seen=priced(5001),
    ),
    Case(
        "an amount above the limit, and somebody answers",
        now(),
        OK,
        Offline(max_amount=5000),
        identity=paying(),
        seen=priced(5001),
    ),
    Case(
        "no amount where there is a limit for it",
        ago(60),
        OK,
        Offline(max_amount=5000),
        identity=paying(),
        offline="own",
    ),
]


def window(rule: Offline) -> ServiceWindow:
    return ServiceWindow(SceneSettings(kind="service-window", offline=rule), HOME)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decision(case: Case) -> None:
    decision = window(case.rule).decide(
        case.lists, Presented(case.identity, clock(), case.standing), case.seen
    )
    assert decision.reason == case.reason
    assert decision.verdict == ("accepted" if case.reason == OK else "refused")
    assert decision.offline == case.offline
    assert decision.checks[3:] == case.standing, "what was said stands in the event"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_gate_that_asks_decides_alike(case: Case) -> None:
    gate = LibraryGate(
        LibraryOptions(), SceneSettings(kind="library-gate", check="ask", offline=case.rule), HOME
    )
    decision = gate.decide(case.lists, Presented(case.identity, clock(), case.standing), case.seen)
    assert (decision.reason, decision.offline) == (case.reason, case.offline)


def test_the_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize(("check", "asks"), [("lists", False), ("ask", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_asks_as_the_settings_say(kind: str, check: str, asks: bool) -> None:
    scene = scene_of(msgspec.convert({"kind": kind, "check": check}, SceneSettings), HOME)
    assert scene.asks is asks


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_settings_say_nothing_a_counter_asks_and_a_gate_does_not(kind: str) -> None:
    scene = scene_of(msgspec.convert({"kind": kind}, SceneSettings), HOME)
    assert scene.asks is (kind == "service-window")


def test_a_counter_asks_as_it_is_shipped() -> None:
    folder = files("config") / "profiles"
    shipped = {name: tomllib.loads((folder / f"{name}.toml").read_text()) for name in profiles()}
    asking = [name for name, file in shipped.items() if file["scene"].get("check") == "ask"]
    assert asking == ["service-window"]


def accepted(
    seq: int, at: datetime, kind: OfflineKind = "own", person: str = PERSON
) -> Stored[Event]:
    tap = Tap(
        clock=clock(at),
        scene="service-window",
        person=person,
        verdict="accepted",
        reason="accepted",
        offline=kind,
    )
    return Stored(Reference(EPOCH, seq), "gate-1", tap)


LIMITED = Offline(foreign="accept", max_count=5, max_count_foreign=5)
EVENTS = [
    accepted(1, datetime(2026, 9, 20, 23, 59, 59, tzinfo=CHINA)),
    accepted(2, datetime(2026, 9, 21, 0, 0, tzinfo=CHINA)),
    accepted(3, datetime(2026, 9, 21, 9, tzinfo=CHINA), "foreign"),
    accepted(4, datetime(2026, 9, 21, 10, tzinfo=CHINA), ""),
    accepted(5, datetime(2026, 9, 21, 10, tzinfo=CHINA), "foreign", "ff" * 32),
    accepted(6, datetime(2026, 9, 22, 0, 0, tzinfo=CHINA)),
]


def test_look_counts_chinas_day_and_only_what_went_unanswered() -> None:
    turn = FakeTurn(EVENTS, FakeLists())
    rule = window(LIMITED)
    assert rule.look(turn, Presented(somebody(), clock(), ago(60))) == Looked(Seen(offline_today=2))
    assert rule.look(turn, Presented(somebody(AWAY), clock(), ago(60))) == Looked(
        Seen(offline_today=2, foreign_offline_today=2)
    )


def test_look_reads_nothing_while_somebody_answers_or_nobody_limits() -> None:
    turn = FakeTurn(EVENTS, FakeLists())
    assert window(LIMITED).look(turn, Presented(somebody(AWAY), clock(), now())) == Looked()
    assert window(LENIENT).look(turn, Presented(somebody(AWAY), clock(), ago(60))) == Looked()


STATUSES = st.sampled_from(
    ["normal", "unknown", "not-asked", "lost", "cancelled", "stock", "deceased", "ineligible", "x"]
)
CHECKS = st.tuples(
    *(
        st.builds(
            Check,
            subject=st.just(subject),
            status=STATUSES,
            source=st.sampled_from(["platform", "https:river", "cached:platform", "none"]),
            age_s=st.integers(0, 3 * DAY),
        )
        for subject in SUBJECTS
    )
)
RULES = st.builds(
    Offline,
    max_age=st.integers(0, 2 * DAY),
    unknown=st.sampled_from(["accept", "refuse"]),
    foreign=st.sampled_from(["accept", "refuse"]),
    max_count=st.none() | st.integers(0, 3),
    max_count_foreign=st.none() | st.integers(0, 3),
    max_amount=st.none() | st.integers(0, 100),
)
NUMBERS = st.integers(0, 200)
SEEN = st.builds(
    Seen,
    offline_today=st.none() | NUMBERS,
    foreign_offline_today=st.none() | NUMBERS,
    price=st.none() | st.builds(Price, amount=NUMBERS),
)
AGAINST = {"lost", "cancelled", "stock", "deceased", "ineligible", "x"}


@given(CHECKS, RULES, SEEN, st.sampled_from([HOME, AWAY, ""]))
def test_no_rule_lets_in_whom_an_answer_stands_against(
    standing: tuple[Check, ...], rule: Offline, seen: Seen, region: str
) -> None:
    decision = window(rule).decide(FakeLists(), Presented(paying(region), clock(), standing), seen)
    if AGAINST & {check.status for check in standing}:
        assert decision.verdict == "refused"
        assert decision.reason not in (Reason.STATUS_UNKNOWN, Reason.OFFLINE_LIMIT)
    if decision.verdict == "accepted" and decision.offline == "":
        assert all(check.answered or check.status == "not-asked" for check in standing)


@given(CHECKS, RULES, SEEN, st.sampled_from([HOME, AWAY, ""]))
def test_a_stricter_rule_never_lets_in_more(
    standing: tuple[Check, ...], rule: Offline, seen: Seen, region: str
) -> None:
    strict = Offline(
        max_age=0, unknown="refuse", foreign="refuse", max_count=0, max_count_foreign=0,
        max_amount=0,
    )  # fmt: skip
    full = Seen(offline_today=0, foreign_offline_today=0).joined(seen)
    judged = window(strict).decide(FakeLists(), Presented(paying(region), clock(), standing), full)
    if judged.verdict == "accepted":
        other = window(rule).decide(FakeLists(), Presented(paying(region), clock(), standing), seen)
        assert other.verdict == "accepted"


@given(CHECKS, RULES, SEEN)
def test_decide_is_pure(standing: tuple[Check, ...], rule: Offline, seen: Seen) -> None:
    kept = structs.replace(seen)
    scene = window(rule)
    first = scene.decide(FakeLists(), Presented(paying(), clock(), standing), seen)
    scene.decide(FakeLists(), Presented(somebody(AWAY), clock(), NEVER), Seen(offline_today=9))
    assert scene.decide(FakeLists(), Presented(paying(), clock(), standing), seen) == first
    assert seen == kept
