"""One purchase as far as it comes: 8050 → 8070 → (80DC) → intent, durable → 8054 → 8072.

The PSAM is this purchase's alone meanwhile, however slow its card is: a flow that had the PSAM
authorise something else in between could break the proof of an honest holder, or keep a forgery
from being noticed. Only the watchdog ends that. What comes of it is for others to write down.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from agent.equipment.watchdog import Hold
from agent.psam.transit import Leased, TransitPsamPool
from agent.purse.faults import FareMoved
from agent.purse.intents import OpenIntent, OpenIntents
from agent.purse.pricing import PricedRide
from agent.purse.records import PaymentPlace, PurseHolder, intent_of
from agent.purse.settling import Claim, Unchecked, check, hear
from agent.purse.trips import RecordEvidence
from agent.stages import Stages
from apdu.channel import CardGone, CardMute, ReaderGone
from apdu.transit.faults import DebitRefused
from apdu.transit.purse import Purse
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Authorisation, Debited, Initialised, Kind, PsamTerminal
from drivers.contract import DeviceFault
from offline_store.clock import CHINA, Clock
from offline_store.events.payment import Intent as Event
from offline_store.events.row import Record
from offline_store.store import Entry, Store, Turn
from world import Fault, World

Again = Callable[[Turn], PricedRide]
"""The price once more, and why, in the turn that records it."""


@dataclass(frozen=True)
class Presentation:
    """A purse at a reader, from when it came until it goes."""

    purse: Purse
    holder: PurseHolder
    place: PaymentPlace
    stages: Stages
    watch: Hold


@dataclass(frozen=True)
class Tried:
    """A purchase that was begun. `claim`: what the card says of it, with the PSAM's word for it;
    None: it left, or no flow waits for it any more. `answered`: 8054 itself said so, and not 805A
    after an answer that said nothing. `refusal`: it says for sure that it did not pay. `seq`: its
    own number before it; `record`: the intent's."""

    intent: OpenIntent
    record: Record
    seq: int
    claim: Claim | None = None
    refusal: DebitRefused | None = None
    answered: bool = False


class Purchases:
    """All of a terminal; any thread."""

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        store: Store,
        desk: TransitPsamPool,
        intents: OpenIntents,
        sight: Callable[[Purse, OpenIntent], RecordEvidence],
        zero: Kind,
    ) -> None:
        """`zero`: how the city's cards take a purchase of 0 fen that writes nothing."""
        self._clock = clock
        self._store = store
        self._desk = desk
        self._intents = intents
        self._sight = sight
        self._zero = zero
        self._moments = Moments(world)

    def attempt(self, tap: Presentation, priced: PricedRide, again: Again | None = None) -> Tried:
        """`again`: what the fare went by is read again in the turn that records it.

        Raises, with nothing begun: the faults of `Purse.initialise` and `Purse.update_record`, of
        the channel and of the PSAM, `TransitRecordFault`, `Unstored`, `FareMoved`.
        """
        leased = self._desk.lease()
        flow = _Flow(leased, self._intents)
        try:
            with tap.watch.holding(flow.end):
                tap.stages.begin("authenticate")
                begun = self._initialise(tap.purse, priced, leased.terminal)
                moment = self._moment(tap.holder.card)
                authorised = leased.authorise(tap.holder.public, begun, moment)
                _write(tap.purse, priced, begun, moment)
                tap.stages.begin("commit")
                intent, record = self._begin(tap, begun, authorised, priced, again, leased)
                flow.intent = intent
                tap.stages.begin("debit")
                return self._debit(tap, Tried(intent, record, begun.seq), authorised)
        finally:
            flow.rest()
            leased.release()

    def _moment(self, card: str) -> str:
        """A second that none of the card's open payments has: after a power cut the clock may come
        to the same one once more."""
        taken = {intent.moment for intent in self._intents.of_card(card) or ()}
        while (moment := self._moments.next(card, self._clock.read().time_ms)) in taken:
            pass
        return moment

    def _initialise(self, purse: Purse, priced: PricedRide, terminal: PsamTerminal) -> Initialised:
        """8050. Whether an overdraft would cover what has to be in the purse, only the card knows.
        Raises as `Purse.initialise`."""
        kind = priced.kind(self._zero)
        begun = purse.initialise(kind, priced.amount, terminal)
        if begun.balance >= priced.least:
            return begun
        purse.initialise(kind, priced.least, terminal)
        return purse.initialise(kind, priced.amount, terminal)

    def _begin(
        self,
        tap: Presentation,
        begun: Initialised,
        authorised: Authorisation,
        priced: PricedRide,
        again: Again | None,
        leased: Leased,
    ) -> tuple[OpenIntent, Record]:
        """The intent, durable. It has the time by which its price was made."""
        clock = priced.clock or self._clock.read()
        event: Event | None = None

        def decide(turn: Turn) -> Entry:
            now = again(turn) if again else priced
            if not now.buys_the_same(priced):
                raise FareMoved
            lists = {**turn.lists.versions(), **now.lists} if again else {}
            nonlocal event
            event = intent_of(
                tap.place, tap.holder, begun, authorised, now, clock, lists, judged=bool(again)
            )
            return Entry(event)

        record = self._store.turn(decide)
        assert event is not None
        intent = OpenIntent(record.reference, event, leased.session(authorised))
        self._intents.begin(intent)
        return intent, record

    def _debit(self, tap: Presentation, tried: Tried, authorised: Authorisation) -> Tried:
        """8054, and 8072 with what it gave; or, where that says nothing and the card is still
        there, what it says of it otherwise."""
        try:
            debited = tap.purse.debit(authorised)
        except DebitRefused as refusal:
            came = replace(tried, refusal=refusal)
        except (CardGone, CardMute, ReaderGone, DeviceFault):
            return tried
        except Fault:
            came = replace(tried, claim=self._asked(tap, tried.intent))
        else:
            claim = _claimed(debited, check(tried.intent.session, debited.mac2))
            came = replace(tried, claim=claim, answered=True)
        # Where the watchdog has given the card up, its holder was told to take it away: whatever it
        # says now, it is asked again when it is back.
        return tried if tap.watch.gave_up else came

    def _asked(self, tap: Presentation, intent: OpenIntent) -> Claim | None:
        try:
            return hear(tap.purse, intent, self._sight)
        except Fault:
            return None


class _Flow:
    """A purchase as the watchdog may end it."""

    def __init__(self, leased: Leased, intents: OpenIntents) -> None:
        self._leased = leased
        self._intents = intents
        self.intent: OpenIntent | None = None

    def end(self) -> None:
        self._leased.end()
        self.rest()

    def rest(self) -> None:
        if self.intent is not None:
            self._intents.rest(self.intent)


def _claimed(debited: Debited, checked: Verified | Unchecked) -> Claim:
    if isinstance(checked, Verified):
        return Claim("yes", debited.tac, "verified", verified=checked)
    return Claim("yes", debited.tac, checked)


def _write(purse: Purse, priced: PricedRide, begun: Initialised, moment: str) -> None:
    """80DC: what comes to stand on the card together with the debit. Raises as
    `Purse.update_record`, and `TransitRecordFault`."""
    if priced.stamp is not None:
        for layout, record in priced.stamp.records(begun, moment):
            purse.update_record(layout, record)


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
