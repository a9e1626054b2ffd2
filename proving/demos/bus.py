"""A run of a bus: drivers who sign on and off, passengers with purses of all kinds, codes and
tickets, each concession by card and by code, torn cards that return or do not, forgeries, a power
cut, no network; at the end the platform's rows against the cards and the fares, to the fen.
"""

import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, Protocol

import msgspec

from agent.fares.ride import paid
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Event, Record
from offline_store.events.tap import Tap
from offline_store.events.terminal import Shift
from proving.demos.riders import Riders, Shows
from proving.demos.running import TransitRun
from simulators.site import DOOR, TERMINAL, NotInTime, until
from simulators.transit.bus import OtherBus
from simulators.transit.lists import FARES, FULL, LONGITUDE, latitude
from simulators.transit.site import GREY_AFTER, SCANNER, VALIDATOR, BusSite
from simulators.vpcd import Faults, Moment, TearAtApdu, TearAtInstruction

LOST: Final = TearAtInstruction(0x54, Moment.DURING)
UNSENT: Final = TearAtInstruction(0x54, Moment.BEFORE)
EARLY: Final = TearAtApdu(1, Moment.BEFORE)
MOMENT: Final = 2.1  # seconds: the same account may show a code again


@dataclass(frozen=True)
class Boarding:
    """Somebody holds his card to the validator, or what he `shows` to the scanner. `before`: what
    happens just before he does. `note`: what is odd, of the texts' `remark`. `fare`: fen
    that he pays, None where he does not ride."""

    who: str
    expect: str
    note: str = ""
    _: KW_ONLY
    fare: int | None = None
    tear: TearAtApdu | TearAtInstruction | None = None
    shows: Shows | None = None
    before: str = ""


RUN: Final = (
    Boarding("driver", "shift-opened", "card-type-70-signs-on"),
    Boarding("lin", "paid", fare=FULL),
    *(Boarding(name, "paid", f"{name}-by-card", fare=fare) for name, fare in FARES.items()),
    Boarding("soldier", "paid", "veteran-by-card-type-05", fare=FARES["veteran"]),
    *(
        Boarding(name, "paid", f"{name}-by-code", fare=fare, shows="code")
        for name, fare in FARES.items()
    ),
    Boarding("monthly", "code-too-soon", "a-fresh-code-a-moment-later", shows="code"),
    Boarding("lin", "paid", "code", fare=FULL, shows="code"),
    Boarding("low", "paid", "two-level-code", fare=FULL, shows="two-level"),
    Boarding("lin", "code-seen", "the-code-of-before", before="moment", shows="same-again"),
    Boarding("phone", "code-stale", "two-minutes-old", shows="stale"),
    Boarding("phone", "code-user-forged", "another-phone-has-signed-it", shows="forged"),
    Boarding("phone", "code-over-limit", "good-for-less-than-the-fare", shows="small-limit"),
    Boarding("listed", "blacklisted", "account-on-the-blacklist", shows="code"),
    Boarding("guest", "accepted", "ticket", fare=0, shows="ticket"),
    Boarding("guest", "ticket-used", "ticket-again", before="moment", shows="ticket"),
    Boarding("stranger", "code-unknown", "some-other-code", shows="text"),
    Boarding("phone", "paid", "aid-with-a-city", fare=FULL, before="next-stop"),
    Boarding("plain", "paid", "0015-read-apart", fare=FULL),
    Boarding("one-card", "paid", "social-security-card-with-a-purse", fare=FULL),
    Boarding("poor", "low-balance"),
    Boarding("low", "paid", "hears-that-he-should-top-up", fare=FULL),
    Boarding("owing", "paid", "by-its-overdraft", fare=FULL),
    Boarding("guest", "paid", "another-citys-senior-is-nobodys-here", fare=FULL),
    Boarding("from-nowhere", "paid", "a-city-without-a-bus-table", fare=FULL),
    Boarding("stranger", "wrong-city"),
    Boarding("tester", "card-not-taken"),
    Boarding("listed", "blacklisted"),
    Boarding("expired", "card-expired"),
    Boarding("early", "card-not-yet-valid"),
    Boarding("locked", "card-blocked"),
    Boarding("blocked", "card-blocked"),
    Boarding("stopped", "card-blocked"),
    Boarding("old-key", "psam-unsuitable", "a-key-version-that-the-psam-has-not"),
    Boarding("liar", "low-balance", "tells-50-00-more-than-it-has"),
    Boarding("forged", "payment-refused", "right-in-all-but-its-keys"),
    Boarding("hasty", "card-gone", "left-before-anything-was-begun", tear=EARLY),
    Boarding("hasty", "paid", "back", fare=FULL),
    Boarding("torn", "pay-again", "8054-done-answer-lost", tear=LOST),
    Boarding("torn", "torn-recovered", "back-at-once", fare=FULL),
    Boarding("unsent", "pay-again", "8054-never-came", tear=UNSENT),
    Boarding("unsent", "paid", "back-not-paid-before", fare=FULL),
    Boarding("waiting", "pay-again", "8054-done-answer-lost", tear=LOST),
    Boarding("lin", "paid", "in-between", fare=FULL),
    Boarding("waiting", "torn-recovered", "back-psam-has-forgotten-it", fare=FULL),
    Boarding("rider", "pay-again", "8054-done-answer-lost", tear=LOST),
    Boarding(
        "rider",
        "torn-recovered",
        "back-from-another-bus-by-its-log",
        fare=FULL,
        before="other-bus",
    ),
    Boarding("wrong-mac2", "payment-forged", "mac2-is-wrong"),
    Boarding("lin", "paid", "offline", fare=FULL, before="platform-lost"),
    Boarding("student", "paid", "code-offline", fare=FARES["student"], shows="code"),
    Boarding("driver", "shift-opened", "another-driver-takes-over-by-code", shows="code"),
    Boarding("cut", "pay-again", "8054-done-answer-lost", tear=LOST),
    Boarding(
        "cut", "torn-recovered", "back-after-a-power-cut", fare=FULL, before="agent-killed-open"
    ),
    Boarding("student", "code-seen", "the-code-of-before", before="moment", shows="same-again"),
    Boarding("senior", "paid", "online-again", fare=0, before="platform-back"),
    Boarding("gone", "pay-again", "8054-done-answer-lost-never-back", tear=LOST),
    Boarding("driver", "shift-closed", "signs-off", shows="code"),
)


@dataclass(frozen=True)
class Boarded:
    """What came of it."""

    boarding: Boarding
    got: str
    record: Record | None
    milliseconds: float

    @property
    def fare(self) -> int | None:
        """Fen; None: he does not ride, or nobody knows yet."""
        return paid(self.record.event()) if self.record else None

    @property
    def agrees(self) -> bool:
        return (self.got, self.fare) == (self.boarding.expect, self.boarding.fare)


@dataclass(frozen=True)
class Money:
    """Fen."""

    spent: int  # by the cards' balances, without what other buses took
    confirmed: int
    grey: int  # whose card truly paid
    grey_rows: int
    by_code: int
    codes_due: int  # what each of them should have paid
    shifts: int  # what the drivers' trip summaries say

    @property
    def equal(self) -> bool:
        return (
            self.spent == self.confirmed + self.grey
            and self.by_code == self.codes_due
            and self.shifts == self.confirmed + self.by_code
        )


@dataclass(frozen=True)
class Outcome:
    """The whole run."""

    rows: Sequence[Boarded]
    journal: Sequence[Record]
    platform: Mapping[tuple[str, int], str]  # (epoch, seq) → hash, as the platform has it
    money: Money
    whole: bool
    reader_stack: str
    broker_pid: int

    @property
    def same(self) -> bool:
        return self.platform == {(r.epoch, r.seq): r.hash for r in self.journal}

    @property
    def good(self) -> bool:
        return (
            all(row.agrees for row in self.rows)
            and self.same
            and self.money.equal
            and self.whole
            and bool(self.reader_stack)
            and self.broker_pid > 0
        )


class Audience(Protocol):
    """Who watches."""

    def incident(self, name: str) -> None: ...

    def boarded(self, row: Boarded) -> None: ...


class BusRun(TransitRun):
    """Plays `RUN` on a site."""

    def __init__(self, site: BusSite, audience: Audience) -> None:
        super().__init__(site, GREY_AFTER)
        self._site = site
        self._audience = audience
        self._riders = Riders(site)
        self._other = OtherBus(site.transit)

    def play(self) -> Outcome:
        """From the first start to the comparison."""
        site = self._site
        site.agent.start()
        until(site.agent.equipped, "a device or a PSAM is not ready")
        until(self._online, "the platform is not reached")
        site.publish_all(self._riders.entitled(), self._riders.barred())
        until(lambda: site.has_all_lists, "the lists do not come")
        self._feed.listen()
        return self._compare([self._board(boarding) for boarding in RUN])

    def _board(self, boarding: Boarding) -> Boarded:
        if boarding.before:
            self._audience.incident(boarding.before)
            self._incidents()[boarding.before](boarding)
        try:
            report = self._show(boarding) if boarding.shows else self._tap(boarding)
        except queue.Empty:
            raise NotInTime(f"nothing was told of {boarding}") from None
        record = msgspec.convert(report["record"], Record | None)
        took = sum(report["stages_us"].values()) / 1000
        row = Boarded(boarding, str(report["reason"]), record, took)
        self._audience.boarded(row)
        return row

    def _tap(self, boarding: Boarding) -> Mapping[str, Any]:
        slot = self._site.slots[DOOR]
        slot.insert(self._riders.card(boarding.who), Faults(tear=boarding.tear))
        try:
            return self._feed.next(VALIDATOR)
        finally:
            slot.remove()

    def _show(self, boarding: Boarding) -> Mapping[str, Any]:
        assert boarding.shows is not None
        self._site.module.show(self._riders.shown(boarding.who, boarding.shows))
        try:
            return self._feed.next(SCANNER)
        finally:
            self._site.module.hide()

    def _incidents(self) -> Mapping[str, Callable[[Boarding], None]]:
        return {
            "moment": lambda boarding: time.sleep(MOMENT),
            "next-stop": self._drive_on,
            "other-bus": self._ride_elsewhere,
            "platform-lost": lambda boarding: self._lose_platform(),
            "platform-back": lambda boarding: self._bring_platform_back(),
            "agent-killed-open": lambda boarding: self._kill_agent(),
        }

    def _drive_on(self, boarding: Boarding) -> None:
        """To the second stop; the receiver tells its place once a second, here as fast as asked."""

        def arrived() -> bool:
            self._site.gnss.tell(latitude(2), LONGITUDE)
            return bool(self._site.agent.client.get("/v1/journey")["stop"] == "S2")

        until(arrived, "the bus does not know its stop")

    def _ride_elsewhere(self, boarding: Boarding) -> None:
        self._other.charge(self._riders.passengers[boarding.who], 300, "20260921080000")

    # The comparison

    def _compare(self, rows: Sequence[Boarded]) -> Outcome:
        site = self._site
        self._await_end()
        journal = site.agent.records()
        return Outcome(
            rows=rows,
            journal=journal,
            platform={(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)},
            money=self._money(rows, [record.event() for record in journal]),
            whole=bool(site.agent.client.get("/v1/journal/verify")["whole"]),
            reader_stack=site.reader_stack,
            broker_pid=site.broker.pid,
        )

    def _money(self, rows: Sequence[Boarded], events: Sequence[Event]) -> Money:
        people = self._riders.passengers.values()
        spent = {f"0{one.number}": one.spent_here for one in people}
        confirmed = dict.fromkeys(spent, 0)
        ends = [event for event in events if isinstance(event, PaymentEnd)]
        for end in ends:
            confirmed[end.purchase.card_number] += end.confirmed or 0
        grey = [end for end in ends if end.outcome == "grey"]
        return Money(
            spent=sum(spent.values()),
            confirmed=sum(confirmed.values()),
            grey=sum(
                end.purchase.amount
                for end in grey
                if spent[end.purchase.card_number] > confirmed[end.purchase.card_number]
            ),
            grey_rows=len(grey),
            by_code=sum(paid(event) or 0 for event in events if isinstance(event, Tap)),
            codes_due=sum(row.boarding.fare or 0 for row in rows if row.boarding.shows),
            shifts=sum(
                event.totals.amount
                for event in events
                if isinstance(event, Shift) and event.totals is not None
            ),
        )
