"""A tap of a purse, top to bottom: select → what is still open → fare → 8050 → 8070 → (80DC) →
intent, durable → 8054 → 8072 → end, durable.

Runs on the reader's own thread. From the intent's COMMIT on nobody may forget the payment: it ends
as paid, as not paid, or as grey, and while it is unknown it stays open (design.md, "Unknown").
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from agent.clock import CHINA, Clock, ClockReading
from agent.fares.ride import Rider
from agent.reasons import Reason
from agent.results import Results
from agent.stages import Stages
from agent.transit.fares import Priced, Ride
from agent.transit.faults import FareMoved
from agent.transit.intents import Intent, OpenIntents
from agent.transit.intents import Place as At
from agent.transit.offers import Offer, Offers
from agent.transit.psams import Leased, TransitDesk
from agent.transit.records import (
    Counts,
    Holder,
    Outcome,
    Place,
    about,
    end_draft,
    intent_draft,
    tap_draft,
)
from agent.transit.settling import Finding, Paid, settle, verified
from apdu import days
from apdu.channel import CardGone, CardMute, Channel, ReaderGone
from apdu.transit.faults import BalanceTooSmall, DebitRefused
from apdu.transit.purse import Purse
from apdu.transit.values import Authorisation, Initialised, PublicInfo, Terminal
from drivers.contract import DeviceFault
from offline_store.event import Draft, Record
from offline_store.faults import ListUnreadable
from offline_store.store import Entry, Store, Turn, Unstored
from trust.references import References
from world import Fault, Task, World

COUNTS: Final[Mapping[Paid, Counts]] = {"yes": "confirmed", "no": "", "unknown": "grey"}
SETTLED: Final[Mapping[Paid, Reason]] = {
    "yes": Reason.TORN_RECOVERED,
    "no": Reason.NOT_PAID,
    "unknown": Reason.PAYMENT_GREY,
}


@dataclass(frozen=True)
class Took:
    """What a tap of a purse came to. `record`: the last event of it that is durable."""

    reason: Reason
    record: Record | None


class Payments:
    """All payments of a terminal; one instance per agent, called by many reader threads."""

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        store: Store,
        desk: TransitDesk,
        offers: Offers,
        references: References,
        results: Results,
        ride: Ride,
        scene: str,
        application: str,
        grey_after: float,
    ) -> None:
        """`grey_after`: seconds that a card may take to come back."""
        self._world = world
        self._clock = clock
        self._store = store
        self._desk = desk
        self._offers = offers
        self._references = references
        self._results = results
        self._ride = ride
        self._scene = scene
        self._application = application
        self._grey_after = grey_after
        self.open = OpenIntents(world)
        self._moments = Moments(world)
        self._loading = world.lock()
        self._loaded = False
        self._stopped = False
        self._task: Task | None = None

    def start(self) -> None:
        """Read what is still open, and watch it. A journal that cannot be read now is tried again
        with each tap."""
        with suppress(Unstored):
            self._load()
        self._task = self._world.spawn(self._watch, name="open payments")

    def stop(self) -> None:
        """What is open stays so; the next start finds it in the journal."""
        self._stopped = True
        self.open.changed.set()
        if self._task is not None:
            self._task.join(1.0)

    def take(self, lane: str, card: Channel, credential: str, stages: Stages) -> Took:
        """One tap. Raises, with nothing begun: `NotPurse`, the other faults of `Purse`, of the
        channel and of the PSAM, `Unstored`, `FareMoved`."""
        place = Place(lane, self._scene, credential, self._application, self._ride())
        self._load()  # without it no card may be charged
        stages.begin("select")
        purse = Purse(card)
        public = purse.select()
        reference = self._references.number(public.card_number)
        stages.begin("check")
        for intent in self.open.of_card(reference):
            took, over = self._settle(purse, intent, lane)
            if over:
                return took
        stages.begin("read")
        holder = Holder(reference, public, purse.management())
        offer = self._offers.offer(purse, holder.management, lane)
        stages.begin("decide")
        return self._pay(purse, holder, place, offer, stages)

    def _load(self) -> None:
        """What a power cut has left open. Raises `Unstored`."""
        with self._loading:
            if not self._loaded:
                self.open.load(self._store.open_intents())
                self._loaded = True

    # A new payment

    def _pay(
        self, purse: Purse, holder: Holder, place: Place, offer: Offer, stages: Stages
    ) -> Took:
        clock = self._clock.read()
        why = _out_of_date(holder.public, clock, offer.day)
        if why is not None:
            return self._not_paying(place, holder, why)
        priced = self._store.look(lambda turn: self._judge(turn, holder, offer, clock))
        if priced.instead is not None:
            return self._not_paying(place, holder, priced.instead, priced)
        leased = self._desk.lease()
        try:
            stages.begin("authenticate")
            try:
                begun = _initialise(purse, priced, leased.terminal)
            except BalanceTooSmall:
                return self._not_paying(place, holder, Reason.LOW_BALANCE, priced)
            moment = self._moments.next(holder.card, self._clock.read().time_ms)
            authorised = leased.authorise(holder.public, begun, moment)
            _write(purse, priced, begun, moment)
            stages.begin("commit")
            intent, record = self._begin(place, holder, offer, begun, authorised, priced, leased)
            stages.begin("debit")
            return self._debit(purse, intent, authorised, record, priced.bought)
        finally:
            leased.release()

    def _judge(self, turn: Turn, holder: Holder, offer: Offer, clock: ClockReading) -> Priced:
        """The signed lists, then the fare; in a turn, so that both are of one moment."""
        number, issuer = bytes.fromhex(f"0{holder.public.card_number}"), holder.public.issuer
        try:
            if turn.lists.find_transit(number, issuer) is not None:
                return Priced(0, refused=Reason.BLACKLISTED)
            if not turn.lists.issuer_allowed(issuer):
                return Priced(0, refused=Reason.WRONG_CITY)
        except ListUnreadable:  # nobody can be told from a listed one; not the journal's fault
            return Priced(0, refused=Reason.NOT_STORED)
        management = holder.management
        rider = Rider(holder.card, management.card_type, management.city, management.interoperable)
        return offer.price(turn, rider, clock)

    def _begin(
        self,
        place: Place,
        holder: Holder,
        offer: Offer,
        begun: Initialised,
        authorised: Authorisation,
        priced: Priced,
        leased: Leased,
    ) -> tuple[Intent, Record]:
        """The intent, durable. What the fare went by is read again in the turn that records it."""
        clock = self._clock.read()

        def decide(turn: Turn) -> Entry:
            again = self._judge(turn, holder, offer, clock)
            if not again.buys_the_same(priced):
                raise FareMoved
            lists = {**turn.lists.versions(), **again.lists}
            return Entry(intent_draft(place, holder, begun, authorised, again, clock, lists))

        record = self._store.turn(decide)
        intent = Intent(At(record.epoch, record.seq), record.event(), leased.session(authorised))
        self.open.add(intent)
        return intent, record

    def _debit(
        self,
        purse: Purse,
        intent: Intent,
        authorised: Authorisation,
        record: Record,
        bought: Reason,
    ) -> Took:
        unknown = Took(Reason.PAY_AGAIN, record)
        try:
            debited = purse.debit(authorised)
        except DebitRefused:
            return self._end(intent, Reason.PAYMENT_REFUSED) or unknown
        except (CardGone, CardMute, ReaderGone, DeviceFault):
            return unknown
        except Fault:  # an answer that says nothing, of a card that is still there
            return self._ask_at_once(purse, intent, unknown)
        mac2 = verified(intent.session, debited.mac2)
        finding = Finding("unknown" if mac2 == "refused" else "yes", debited.tac, mac2)
        reason = Reason.PAYMENT_FORGED if mac2 == "refused" else bought
        return self._end(intent, reason, finding) or unknown

    def _ask_at_once(self, purse: Purse, intent: Intent, unknown: Took) -> Took:
        try:
            took, _ = self._settle(purse, intent, intent.event.lane)
        except Fault:
            return unknown
        return Took(Reason.PAY_AGAIN, took.record) if took.reason is Reason.NOT_PAID else took

    # What is still open

    def _settle(self, purse: Purse, intent: Intent, lane: str) -> tuple[Took, bool]:
        """What became of it, and whether the tap is over with that: not where nothing was paid, nor
        where it was paid for something else than people come to this lane for. Raises what `settle`
        raises: it stays open, and nothing new is begun on that card."""
        finding = settle(purse, intent, self._offers.sight)
        over = finding.paid == "unknown" or (
            finding.paid == "yes" and self._offers.serves(purse, intent, lane)
        )
        took = self._end(intent, SETTLED[finding.paid], finding, lane)
        return (took, over) if took else (Took(Reason.PAY_AGAIN, None), True)

    def _end(
        self, intent: Intent, reason: Reason, finding: Finding | None = None, lane: str = ""
    ) -> Took | None:
        """What became of it, durable. None: not now (the disk), or somebody else has said it; then
        nobody is told anything but to come again."""
        if not self.open.claim(intent):
            return None
        found = finding or Finding("no")
        outcome = Outcome(
            reason,
            self._results.verdict(reason),
            COUNTS[found.paid],
            found.tac,
            found.mac2,
            found.balance,
        )
        draft = end_draft(intent, outcome, self._clock.read(), lane)
        try:
            record = self._store.turn(lambda turn: _about(turn, draft, intent))
        except Unstored:
            self.open.add(intent)
            return None
        return Took(reason, record)

    def _watch(self) -> None:
        """A card that does not come back in time: grey, for the back office to find out."""
        while not self._stopped:
            oldest = self.open.oldest()
            now = self._world.monotonic()
            wait = None if oldest is None else max(0.0, oldest + self._grey_after - now)
            self.open.changed.wait(wait)
            self.open.changed.clear()
            if not self._stopped:
                self._give_up(self.open.opened_before(self._world.monotonic() - self._grey_after))

    def _give_up(self, intents: Sequence[Intent]) -> None:
        for intent in intents:
            self._end(intent, Reason.PAYMENT_GREY, Finding("unknown"))

    def _not_paying(
        self, place: Place, holder: Holder, reason: Reason, priced: Priced | None = None
    ) -> Took:
        verdict = self._results.verdict(reason)
        draft = tap_draft(place, holder.card, self._clock.read(), reason, verdict, priced)
        return Took(reason, self._store.turn(lambda turn: Entry(draft)))


def _initialise(purse: Purse, priced: Priced, terminal: Terminal) -> Initialised:
    """8050. Whether an overdraft would cover what has to be in the purse, only the card knows.
    Raises as `Purse.initialise`."""
    begun = purse.initialise(priced.kind, priced.amount, terminal)
    if begun.balance >= priced.least:
        return begun
    purse.initialise(priced.kind, priced.least, terminal)
    return purse.initialise(priced.kind, priced.amount, terminal)


def _write(purse: Purse, priced: Priced, begun: Initialised, moment: str) -> None:
    """80DC: what comes to stand on the card together with the debit. Raises as
    `Purse.update_record`, and `TransitRecordFault`."""
    if priced.stamp is not None:
        for layout, record in priced.stamp.records(begun, moment):
            purse.update_record(layout, record)


def _about(turn: Turn, draft: Draft, intent: Intent) -> Entry:
    return Entry(about(draft, intent, turn.event(intent.place.seq)))


class Moments:
    """The time that is signed, by the second. No card gets the same one twice in a row, or its log
    could not tell two payments apart."""

    def __init__(self, world: World) -> None:
        self._changing = world.lock()
        self._last: dict[str, int] = {}  # unix seconds by card, of this second and later

    def next(self, card: str, time_ms: int) -> str:
        """14 digits, China time."""
        now = time_ms // 1000
        with self._changing:
            self._last = {one: at for one, at in self._last.items() if at >= now}
            second = max(now, self._last.get(card, 0) + 1)
            self._last[card] = second
        return f"{datetime.fromtimestamp(second, CHINA):%Y%m%d%H%M%S}"


def _out_of_date(public: PublicInfo, clock: ClockReading, day: date | None) -> Reason | None:
    """By the card's own dates, where the clock can be believed. `day`: instead of today."""
    if clock.quality == "unset":
        return None
    today = day or clock.today
    first, last = days.first_day(public.starts), days.last_day(public.expires)
    if last is not None and last < today:
        return Reason.CARD_EXPIRED
    return Reason.CARD_NOT_YET_VALID if first is not None and first > today else None
