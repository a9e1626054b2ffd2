"""A run of a bus: passengers with purses of all kinds, torn cards that return or do not, a forged
one, a power cut, no network; at the end the platform's rows against the cards, to the fen.
"""

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from offline_store.event import Event, Record
from simulators.cards import Algorithm, Card, Generation
from simulators.ceremony import CardOrder, card_number
from simulators.feed import Feed
from simulators.site import DOOR, DRAIN_SECONDS, TERMINAL, NotInTime, until
from simulators.transit.bus import OtherBus, Passenger
from simulators.transit.city import PurseOrder
from simulators.transit.site import FARE, GREY_AFTER, VALIDATOR, BusSite
from simulators.vpcd import Faults, Moment, TearAtApdu, TearAtInstruction

LOST: Final = TearAtInstruction(0x54, Moment.DURING)
UNSENT: Final = TearAtInstruction(0x54, Moment.BEFORE)
EARLY: Final = TearAtApdu(1, Moment.BEFORE)
SPARE: Final = 20.0  # seconds


@dataclass(frozen=True)
class Boarding:
    """Somebody holds his card to the validator. `before`: what happens just before he does."""

    who: str
    expect: str
    note: str = ""
    tear: TearAtApdu | TearAtInstruction | None = None
    before: str = ""


# Who has which purse; money in fen.
ORDERS: Final[Mapping[str, Mapping[str, object]]] = {
    "normal": {},
    "student": {"card_type": 2},
    "senior": {"card_type": 3},
    "military": {"card_type": 5},
    "poor": {"money": FARE - 1},
    "overdrawn": {"money": 50, "overdraft": 800},
    "guest": {"city": "1000", "province": "1000"},
    "stranger": {"city": "1000", "province": "1000", "interoperable": False},
    "barred": {},
    "late": {"expires": "20250101"},
    "early": {"starts": "20980101"},
    "locked": {},
    "stopped": {"state": 2},
    "phone": {"phone": True},
    "plain": {"public_in_fci": False},
    "one-card": {},
    "hasty": {},
    "torn": {},
    "unsent": {},
    "waiting": {},
    "rider": {},
    "cut": {},
    "gone": {},
    "forger": {},
}
RUN: Final = (
    Boarding("normal", "paid"),
    Boarding("student", "paid", "card type 02"),
    Boarding("senior", "paid", "card type 03"),
    Boarding("military", "paid", "card type 05"),
    Boarding("phone", "paid", "AID with a city"),
    Boarding("plain", "paid", "0015 read apart"),
    Boarding("one-card", "paid", "social security card with a purse"),
    Boarding("poor", "low-balance"),
    Boarding("overdrawn", "paid", "by its overdraft"),
    Boarding("guest", "paid", "another city, interoperable"),
    Boarding("stranger", "wrong-city"),
    Boarding("barred", "blacklisted"),
    Boarding("late", "card-expired"),
    Boarding("early", "card-not-yet-valid"),
    Boarding("locked", "card-blocked"),
    Boarding("stopped", "card-blocked"),
    Boarding("hasty", "card-gone", "left before anything was begun", EARLY),
    Boarding("hasty", "paid", "back"),
    Boarding("torn", "pay-again", "8054 done, answer lost", LOST),
    Boarding("torn", "torn-recovered", "back at once"),
    Boarding("unsent", "pay-again", "8054 never came", UNSENT),
    Boarding("unsent", "paid", "back: not paid before"),
    Boarding("waiting", "pay-again", "8054 done, answer lost", LOST),
    Boarding("normal", "paid", "in between"),
    Boarding("waiting", "torn-recovered", "back: PSAM has forgotten it"),
    Boarding("rider", "pay-again", "8054 done, answer lost", LOST),
    Boarding("rider", "torn-recovered", "back from another bus: by its log", before="other-bus"),
    Boarding("forger", "payment-forged", "MAC2 is wrong"),
    Boarding("normal", "paid", "offline", before="platform-lost"),
    Boarding("cut", "pay-again", "8054 done, answer lost", LOST),
    Boarding("cut", "torn-recovered", "back after a power cut", before="agent-killed-open"),
    Boarding("senior", "paid", "online again", before="platform-back"),
    Boarding("gone", "pay-again", "8054 done, answer lost; never back", LOST),
)


@dataclass(frozen=True)
class Boarded:
    """What came of it."""

    boarding: Boarding
    got: str
    milliseconds: float

    @property
    def agrees(self) -> bool:
        return self.got == self.boarding.expect


@dataclass(frozen=True)
class Money:
    """Fen."""

    spent: int  # by the cards' balances, without what other buses took
    confirmed: int
    grey: int  # whose card truly paid
    grey_rows: int = 0

    @property
    def equal(self) -> bool:
        return self.spent == self.confirmed + self.grey


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


@dataclass
class _Purses:
    """Who has what in his hand."""

    site: BusSite
    passengers: dict[str, Passenger] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, (who, order) in enumerate(ORDERS.items(), start=1):
            self._make(who, PurseOrder(card_number=f"3105199{number:012}", **order))  # type: ignore[arg-type]
        self.passengers["locked"].inside.faults.select_sw = 0x6283
        self.passengers["forger"].inside.faults.wrong_mac2 = True

    def _make(self, who: str, order: PurseOrder) -> None:
        city = self.site.transit
        if who != "one-card":
            self.passengers[who] = Passenger(order, city.purse(order))
            self.cards[who] = city.face(self.passengers[who].inside)
            return
        social = CardOrder(
            holder=self.site.cast.people[0].holder(),
            generation=Generation.V3,
            algorithm=Algorithm.SM4,
            serial="00B50001",
            card_number=card_number("Z0000200"),
        )
        inside, card = city.one_card(order, social, self.site.cast.city)
        self.passengers[who], self.cards[who] = Passenger(order, inside.purse), card


class BusRun:
    """Plays `RUN` on a site."""

    def __init__(self, site: BusSite, audience: Audience) -> None:
        self._site = site
        self._audience = audience
        self._feed = Feed(site)
        self._purses = _Purses(site)
        self._other = OtherBus(site.transit)

    def play(self) -> Outcome:
        """From the first start to the comparison."""
        site = self._site
        site.agent.start()
        until(self._psam_ready, "the transit PSAM is not ready")
        until(self._online, "the platform is not reached")
        site.bar(self._purses.passengers["barred"].number)
        until(lambda: "blacklist" in site.agent.status()["lists"], "the blacklist does not come")
        self._feed.listen()
        return self._compare([self._board(boarding) for boarding in RUN])

    def _board(self, boarding: Boarding) -> Boarded:
        if boarding.before:
            self._audience.incident(boarding.before)
            self._incidents()[boarding.before](boarding)
        slot = self._site.slots[DOOR]
        slot.insert(self._purses.cards[boarding.who], Faults(tear=boarding.tear))
        try:
            report = self._feed.next(VALIDATOR)
        except queue.Empty:
            raise NotInTime(f"nothing was told of {boarding}") from None
        finally:
            slot.remove()
        row = Boarded(boarding, str(report["reason"]), sum(report["stages_us"].values()) / 1000)
        self._audience.boarded(row)
        return row

    def _incidents(self) -> Mapping[str, Callable[[Boarding], None]]:
        return {
            "other-bus": self._ride_elsewhere,
            "platform-lost": self._lose_platform,
            "platform-back": self._bring_platform_back,
            "agent-killed-open": self._kill_agent,
        }

    def _ride_elsewhere(self, boarding: Boarding) -> None:
        self._other.charge(self._purses.passengers[boarding.who], 300, "20260921080000")

    def _lose_platform(self, boarding: Boarding) -> None:
        self._site.broker.kill()
        until(lambda: not self._online(), "the platform was not missed")

    def _bring_platform_back(self, boarding: Boarding) -> None:
        self._site.broker.start()
        until(self._online, "the platform is not back")

    def _kill_agent(self, boarding: Boarding) -> None:
        """SIGKILL while an intent is open."""
        self._site.agent.kill()
        self._site.agent.start()
        until(self._psam_ready, "the transit PSAM is not ready")
        self._feed.listen()

    def _online(self) -> bool:
        return bool(self._site.agent.status()["sync"]["state"] == "online")

    def _psam_ready(self) -> bool:
        return all(not sam["fault"] for sam in self._site.agent.status()["sams"])

    # The comparison

    def _compare(self, rows: Sequence[Boarded]) -> Outcome:
        site = self._site
        until(lambda: not self._open(), "what is open does not end as grey", GREY_AFTER + SPARE)
        until(
            lambda: site.agent.status()["store"]["unreceipted"] == 0,
            "the platform has not receipted everything",
            DRAIN_SECONDS,
        )
        journal = site.agent.records()
        return Outcome(
            rows=rows,
            journal=journal,
            platform={(r.epoch, r.seq): r.hash for r in site.platform.ledger.rows(TERMINAL)},
            money=self._money([record.event() for record in journal]),
            whole=bool(site.agent.client.get("/v1/journal/verify")["whole"]),
            reader_stack=site.reader_stack,
            broker_pid=site.broker.pid,
        )

    def _open(self) -> bool:
        events = [record.event() for record in self._site.agent.records()]
        ended = {event.refers for event in events if event.kind == "payment-end"}
        return any(event.kind == "intent" and event.seq not in ended for event in events)

    def _money(self, events: Sequence[Event]) -> Money:
        people = self._purses.passengers.values()
        spent = {f"0{one.number}": one.spent_here for one in people}
        confirmed = dict.fromkeys(spent, 0)
        grey = grey_rows = 0
        for event in events:
            number = event.evidence.get("card_number", "")
            confirmed[number] = confirmed.get(number, 0) + event.amounts.get("confirmed", 0)
        for event in events:
            if "grey" in event.amounts:
                grey_rows += 1
                number = event.evidence["card_number"]
                grey += event.amounts["grey"] if spent[number] > confirmed[number] else 0
        return Money(sum(spent.values()), sum(confirmed.values()), grey, grey_rows)
