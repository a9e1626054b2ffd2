"""Passengers at a metro's gates: who enters and leaves, who may not, torn cards that come back or
do not, a power cut, no network; at the end the platform's rows against the cards, to the fen.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from agent.purse.trips import Inside
from offline_store.clock import CHINA
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Record
from proving.demos.running import TransitRun
from simulators.site import TERMINAL, NotInTime, until
from simulators.transit.bus import Passenger
from simulators.transit.city import PurseOrder, blank_records
from simulators.transit.metro import CITY, record
from simulators.transit.metro_site import GATES, GREY_AFTER, MetroSite
from simulators.vpcd import Faults, Moment, TearAtInstruction
from world.real import RealWorld

LOST: Final = TearAtInstruction(0x54, Moment.DURING)
UNSENT: Final = TearAtInstruction(0x54, Moment.BEFORE)


@dataclass(frozen=True)
class Pass:
    """Somebody holds his card to a gate. `before`: what happens just before he does. `paid`: fen
    that his card has lost by then."""

    who: str
    lane: str
    expect: str
    note: str = ""
    paid: int = 0
    tear: TearAtInstruction | None = None
    before: str = ""


@dataclass(frozen=True)
class Holder:
    """A purse; `entered`: where and how many minutes ago, by its record."""

    order: Mapping[str, object]
    entered: tuple[str, float] | None = None


HOLDERS: Final[Mapping[str, Holder]] = {
    "rider": Holder({}),
    "traveller": Holder({}, ("M11", 20)),
    "far": Holder({}, ("M22", 30)),
    "student": Holder({"card_type": 2}, ("M11", 20)),
    "senior": Holder({"card_type": 3, "money": 0}),
    "poor": Holder({"money": 199}),
    "short": Holder({"money": 299}, ("M11", 20)),
    "jumper": Holder({}),
    "sleeper": Holder({}, ("M11", 1500)),
    "slow": Holder({}, ("M11", 300)),
    "barred": Holder({}),
    "stranger": Holder({"city": "1000", "province": "1000", "interoperable": False}),
    "torn-in": Holder({}),
    "unsent": Holder({}),
    "torn-out": Holder({}, ("M11", 20)),
    "returning": Holder({}, ("M14", 20)),
    "cut": Holder({}, ("M11", 20)),
    "offline": Holder({}),
    "gone": Holder({}, ("M11", 20)),
}
RUN: Final = (
    Pass("rider", "in", "trip-begun"),
    Pass("rider", "in", "trip-again", "did-not-go-through"),
    Pass("rider", "in", "trip-open", "nor-the-second-time"),
    Pass("rider", "out", "trip-ended", "where-he-entered", 200),
    Pass("traveller", "out", "trip-ended", "from-m11", 300),
    Pass("far", "out", "trip-ended", "from-m22-another-line", 300),
    Pass("student", "out", "trip-ended", "card-type-02", 150),
    Pass("senior", "in", "trip-begun", "card-type-03-no-money"),
    Pass("senior", "out", "trip-ended", "for-nothing"),
    Pass("poor", "in", "low-balance", "less-than-any-trip-costs"),
    Pass("short", "out", "low-balance", "less-than-his-trip-costs"),
    Pass("jumper", "out", "not-entered"),
    Pass("sleeper", "in", "trip-open", "never-left-yesterday"),
    Pass("slow", "out", "overstayed"),
    Pass("barred", "in", "blacklisted"),
    Pass("stranger", "in", "wrong-city"),
    Pass("torn-in", "in", "pay-again", "8054-done-answer-lost", tear=LOST),
    Pass("torn-in", "in", "torn-recovered", "back-he-is-inside-already"),
    Pass("unsent", "in", "pay-again", "8054-never-came", tear=UNSENT),
    Pass("unsent", "in", "trip-begun", "back-he-was-not-inside"),
    Pass("torn-out", "out", "pay-again", "8054-done-answer-lost", 300, tear=LOST),
    Pass("torn-out", "out", "torn-recovered", "back-not-charged-again", 300),
    Pass("returning", "out", "pay-again", "8054-done-answer-lost", 300, tear=LOST),
    Pass("returning", "in", "trip-begun", "the-exit-is-made-good-and-he-enters", 300),
    Pass("offline", "in", "trip-begun", before="platform-lost"),
    Pass("cut", "out", "pay-again", "8054-done-answer-lost", 300, tear=LOST),
    Pass("cut", "out", "torn-recovered", "back-after-it", 300, before="agent-killed-open"),
    Pass("offline", "out", "trip-ended", "online-again", 200, before="platform-back"),
    Pass("gone", "out", "pay-again", "8054-done-answer-lost-never-back", 300, tear=LOST),
)


@dataclass(frozen=True)
class Passed:
    """What came of it."""

    passing: Pass
    got: str
    paid: int
    record: Record | None
    milliseconds: float

    @property
    def agrees(self) -> bool:
        return (self.got, self.paid) == (self.passing.expect, self.passing.paid)


@dataclass(frozen=True)
class Outcome:
    """The whole run; money in fen."""

    rows: Sequence[Passed]
    journal: Sequence[Record]
    platform: Mapping[tuple[str, int], str]  # (epoch, seq) → hash, as the platform has it
    spent: int  # by the cards' balances
    confirmed: int
    grey: int  # whose card truly paid
    whole: bool
    reader_stack: str
    broker_pid: int

    @property
    def same(self) -> bool:
        return self.platform == {(r.epoch, r.seq): r.hash for r in self.journal}

    @property
    def equal(self) -> bool:
        return self.spent == self.confirmed + self.grey

    @property
    def good(self) -> bool:
        return (
            all(row.agrees for row in self.rows)
            and self.same
            and self.equal
            and self.whole
            and bool(self.reader_stack)
            and self.broker_pid > 0
        )


class Audience(Protocol):
    """Who watches."""

    def incident(self, name: str) -> None: ...

    def passed(self, row: Passed) -> None: ...


class MetroRun(TransitRun):
    """Plays `RUN` on a site."""

    def __init__(self, site: MetroSite, audience: Audience) -> None:
        super().__init__(site, GREY_AFTER)
        self._site = site
        self._audience = audience
        self.people = {
            who: self._issued(number, holder)
            for number, (who, holder) in enumerate(HOLDERS.items(), start=1)
        }

    def play(self) -> Outcome:
        """From the first start to the comparison."""
        site = self._site
        site.agent.start()
        until(site.agent.equipped, "a device or a PSAM is not ready")
        until(self._online, "the platform is not reached")
        site.publish_lists(self.people["barred"].number)
        until(lambda: site.has_lists, "the lists do not come")
        self._feed.listen()
        return self._compare([self._pass(passing) for passing in RUN])

    def _issued(self, number: int, holder: Holder) -> Passenger:
        records = blank_records(CITY)
        if holder.entered is not None:
            stop, minutes = holder.entered
            at = datetime.fromtimestamp(RealWorld().now(), CHINA) - timedelta(minutes=minutes)
            records = (record(Inside.IN, stop, f"{at:%Y%m%d%H%M%S}"), *records[1:])
        order = PurseOrder(
            card_number=f"3105199{number:012}",
            records=records,
            **holder.order,  # type: ignore[arg-type]
        )
        return Passenger(order, self._site.transit.purse(order))

    def _pass(self, passing: Pass) -> Passed:
        if passing.before:
            self._audience.incident(passing.before)
            self._incidents()[passing.before]()
        reader, place = GATES[passing.lane]
        passenger = self.people[passing.who]
        slot = self._site.slots[place]
        slot.insert(self._site.transit.face(passenger.inside), Faults(tear=passing.tear))
        try:
            report = self._feed.next(reader)
        except queue.Empty:
            raise NotInTime(f"nothing was told of {passing}") from None
        finally:
            slot.remove()
        took = sum(report["stages_us"].values()) / 1000
        made = msgspec.convert(report["record"], Record | None)
        row = Passed(passing, str(report["reason"]), passenger.spent_here, made, took)
        self._audience.passed(row)
        return row

    def _incidents(self) -> Mapping[str, Callable[[], None]]:
        return {
            "platform-lost": self._lose_platform,
            "platform-back": self._bring_platform_back,
            "agent-killed-open": self._kill_agent,
        }

    # The comparison

    def _compare(self, rows: Sequence[Passed]) -> Outcome:
        site = self._site
        self._await_end()
        journal = site.agent.records()
        ends = [event for row in journal if isinstance(event := row.event(), PaymentEnd)]
        debited = {
            (f"0{person.number}", seq) for person in self.people.values() for seq in _made(person)
        }
        return Outcome(
            rows=rows,
            journal=journal,
            platform={(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)},
            spent=sum(person.spent_here for person in self.people.values()),
            confirmed=sum(end.confirmed or 0 for end in ends),
            grey=sum(
                end.purchase.amount
                for end in ends
                if end.outcome == "grey"
                and (end.purchase.card_number, end.purchase.card_seq) in debited
            ),
            whole=bool(site.agent.client.get("/v1/journal/verify")["whole"]),
            reader_stack=site.reader_stack,
            broker_pid=site.broker.pid,
        )


def _made(person: Passenger) -> Sequence[int]:
    """The card's own numbers of the purchases that it truly made, by its log."""
    return [int.from_bytes(row[:2]) for row in person.inside.state.log]
