"""A tap of a purse, top to bottom: select → what is still open → fare → a purchase → its end.

Runs on the reader's own thread. From an intent's COMMIT on the payment may not be forgotten: it
ends as paid, as not paid, or as grey, and while it is unknown it stays open (design.md, "Unknown").
What a card says of itself ends nothing and opens nothing: each rider, for money or for nothing, has
a card that the PSAM has believed in this very presentation (docs/decisions.md, "What rests on a
proof"). A paid ride is that proof; where there is none, a purchase of 0 fen is made for it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Final

from agent.equipment.watchdog import Hold, Unwatched
from agent.fares.history import MOST
from agent.fares.rules import Rules
from agent.identify.proof import Proof
from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.psam.transit import TransitPsamPool
from agent.purse.asked_once import AskedOnce
from agent.purse.card_types import CardTypes
from agent.purse.ends import Ends
from agent.purse.intents import OpenIntent
from agent.purse.judging import HEAD, PurseJudge
from agent.purse.offers import Offer, Offers
from agent.purse.pricing import PricedRide, RideNow
from agent.purse.purchase import Again, Presentation, Purchases, Tried
from agent.purse.records import (
    Confirmed,
    Ending,
    Grey,
    NotMade,
    PaymentPlace,
    PurseHolder,
    unpaid_tap,
)
from agent.purse.settling import Claim, IntentEvidence, Proved, hear, settled, weighed
from agent.purse.tap_result import TapResult
from agent.stages import Stages
from apdu.channel import Channel
from apdu.transit.faults import BalanceTooSmall, PurseStatus
from apdu.transit.files import TransitRecordFault
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Kind
from config.model import Transit
from offline_store.clock import Clock, ClockReading
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Stored, of_kind
from offline_store.events.seen import PurseSeen
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store, Turn
from offline_store.turn import ListView
from trust.references import References
from world import Fault, World

UNWATCHED: Final = Unwatched()


class Payments:
    """All payments of a terminal; one instance per agent, called by many reader threads."""

    purchases: type[Purchases] = Purchases

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        store: Store,
        desk: TransitPsamPool,
        offers: Offers,
        references: References,
        results: Results,
        ride: RideNow,
        scene: str,
        application: str,
        grey_after: float,
        types: CardTypes | None = None,
        zero: Kind = Kind.COMPOSITE,
        heads: Sequence[str] = Transit().number_heads,
    ) -> None:
        """`grey_after`: seconds that a card may take to come back. `types`: of cards that ride.
        `zero`: how the city's cards take a purchase of 0 fen that writes nothing. `heads`: first
        three digits that card numbers have."""
        self._clock = clock
        self._store = store
        self._offers = offers
        self._references = references
        self._results = results
        self._ride = ride
        self._scene = scene
        self._application = application
        self._heads = heads
        self._purse_judge = PurseJudge(offers, types or CardTypes(), heads)
        self._ends = Ends(world, clock, store, results, grey_after)
        self.open = self._ends.open
        self._purchases = self.purchases(
            world,
            clock=clock,
            store=store,
            desk=desk,
            intents=self.open,
            sight=offers.sight,
            zero=zero,
        )

    def start(self) -> None:
        """Read what is still open, and watch it."""
        self._ends.start()

    def stop(self) -> None:
        """What is open stays so; the next start finds it in the journal."""
        self._ends.stop()

    def pay(
        self, lane: str, card: Channel, credential: str, stages: Stages, watch: Hold = UNWATCHED
    ) -> TapResult:
        """One tap. Raises, with nothing begun: `NotPurse`, the other faults of `Purse`, of the
        channel and of the PSAM, `Unstored`, `FareMoved`."""
        self._ends.load()
        tap = self._presented(lane, card, credential, stages, watch)
        unfit = self._purse_judge.unfit(tap.holder, self._clock.read())
        if unfit is not None and unfit.refused is not None:
            return self._not_paying(tap, unfit.refused, unfit)
        stages.begin("check")
        took, still_open = self._recover(tap)
        if took is not None:
            return took
        stages.begin("read")
        offer = self._offers.offer(tap.purse, tap.holder.management, lane)
        stages.begin("decide")
        return self._pay(tap, offer, still_open)

    def recover(
        self,
        lane: str,
        power: Callable[[], Channel],
        credential: str,
        stages: Stages,
        watch: Hold = UNWATCHED,
    ) -> TapResult | None:
        """Of a card that no reader saw coming: what is open of it ends, by a purchase of 0 fen
        where that needs a proof, and nothing is bought. `power` it only where something is open.
        None: nothing ended. Raises as `take`."""
        self._ends.load()
        if not len(self.open):
            return None
        tap = self._presented(lane, power(), credential, stages, watch)
        if not self.open.of_card(tap.holder.card):
            return None
        stages.begin("check")
        took, still_open = self._recover(tap)
        if took is None and still_open:
            proved = self._prove(tap)
            took = (
                proved if isinstance(proved, TapResult) else self._settle(tap, still_open, proved)
            )
        return took

    def price_again(
        self, lists: ListView, rules: Rules, row: Intent | Tap, purse: PurseSeen
    ) -> PricedRide:
        """See `agent.scenes.port.Payer`."""
        return self._purse_judge.again(lists, rules, row, purse)

    def _presented(
        self, lane: str, card: Channel, credential: str, stages: Stages, watch: Hold
    ) -> Presentation:
        """The purse on that card, selected. Raises `NotPurse` and the other faults of `Purse`."""
        place = PaymentPlace(lane, self._scene, credential, self._application, self._ride())
        stages.begin("select")
        purse = AskedOnce(card)
        public = purse.select()
        stages.begin("read")
        reference = self._references.number(self._proved_number(public.card_number))
        holder = PurseHolder(reference, public, purse.management())
        return Presentation(purse, holder, place, stages, watch)

    def _proved_number(self, number: str) -> str:
        """The number under which a purse is known. The PSAM checks its last 16 digits and its
        issuer only, so that one card with other digits before them stays one card."""
        known = number[:HEAD] in self._heads
        return number if known else self._heads[0] + number[HEAD:]

    # A new purchase

    def _pay(
        self, tap: Presentation, offer: Offer, still_open: Sequence[IntentEvidence]
    ) -> TapResult:
        """`still_open`: what the purchase's own proof will settle as well."""
        clock = self._clock.read()
        unfit = self._purse_judge.unfit(tap.holder, clock, offer)
        if unfit is not None and unfit.refused is not None:
            return self._turned_away(tap, still_open, unfit.refused, unfit)
        priced = self._store.look(lambda turn: self._judge(turn, tap.holder, offer, clock))
        if priced.refused is not None:
            return self._turned_away(tap, still_open, priced.refused, priced)
        try:
            tried = self._attempt(
                tap, priced, lambda turn: self._judge(turn, tap.holder, offer, clock)
            )
        except BalanceTooSmall:
            return self._turned_away(tap, still_open, Reason.LOW_BALANCE, priced)
        except PurseStatus:
            if priced.amount or priced.stamp:
                raise
            return self._not_paying(tap, Reason.CARD_UNPROVED, priced)
        return self._bought(tap, tried, priced.bought, still_open)

    def _attempt(self, tap: Presentation, priced: PricedRide, again: Again) -> Tried:
        """A card that will not have all of it written rides with less, where that may be. Raises as
        `Purchases.attempt`."""
        try:
            return self._purchases.attempt(tap, priced, again)
        except BalanceTooSmall:
            raise
        except (PurseStatus, TransitRecordFault):
            if priced.stamp is None or priced.stamp.less is priced.stamp:
                raise
        return self._purchases.attempt(
            tap, priced.with_less(), lambda turn: again(turn).with_less()
        )

    def _judge(
        self, turn: Turn, holder: PurseHolder, offer: Offer, clock: ClockReading
    ) -> PricedRide:
        return self._purse_judge.judge(turn, holder, offer, clock)

    def _bought(
        self, tap: Presentation, tried: Tried, bought: Reason, still_open: Sequence[IntentEvidence]
    ) -> TapResult:
        """What came of it, durable where it is known; else it stays open, and the person is asked
        to come again."""
        unknown = TapResult(Reason.PAY_AGAIN, tried.record)
        if tried.refusal is not None:
            return self._refused(tried, Reason.PAYMENT_REFUSED)
        claim = tried.claim
        if claim is None or claim.paid == "no":
            return unknown
        told = bought if tried.answered or tried.intent.proves else Reason.TORN_RECOVERED
        mine = IntentEvidence(tried.intent, claim, serves=True, told=told)
        if claim.verified is not None:
            self._settle(tap, still_open, Proved(claim.verified, tried.seq))
            return self._end(tap, mine, claim, claim.verified) or unknown
        if claim.mac2 == "refused":
            return self._forged(tried)
        try:  # the PSAM could not say: the card is still there
            proved = self._prove(tap)
        except Fault:
            return unknown
        if isinstance(proved, TapResult):
            return self._forged(tried) if proved.reason == Reason.PAYMENT_FORGED else unknown
        return self._settle(tap, [*still_open, mine], proved) or unknown

    def _prove(self, tap: Presentation) -> Proved | TapResult:
        """Let the card prove itself by a purchase of 0 fen, which has an intent and an end as any
        other. What it came to else: the person does not get through, and nothing that was open
        ends by it. Raises as `Purchases.attempt`."""
        try:
            tried = self._purchases.attempt(tap, PricedRide(0, proof=True))
        except PurseStatus:
            return self._not_paying(tap, Reason.CARD_UNPROVED)
        if tried.refusal is not None:
            return self._refused(tried, Reason.CARD_UNPROVED)
        claim = tried.claim
        if claim is not None and claim.mac2 == "refused":
            return self._forged(tried)
        if claim is None or claim.verified is None:
            return TapResult(Reason.PAY_AGAIN, tried.record)
        paid = Confirmed(claim.verified, claim.tac, claim.balance)
        if self._ends.end(tried.intent, Reason.CARD_PROVED, paid) is None:
            return TapResult(Reason.PAY_AGAIN, None)
        return Proved(claim.verified, tried.seq)

    # What is still open

    def _recover(self, tap: Presentation) -> tuple[TapResult | None, Sequence[IntentEvidence]]:
        """What the tap is over with, if it is: not where nothing was paid, nor where it was paid
        for something else than people come to this lane for. And what is still open, because the
        card has only said so. Raises what `hear` raises: all stays open, and nothing new is begun
        on that card."""
        intents = self.open.of_card(tap.holder.card)
        if intents is None:  # one card is not at two readers
            return self._not_paying(tap, Reason.PAY_AGAIN), ()
        heard = [self._hear(tap, intent) for intent in intents]
        if heard and tap.watch.gave_up:  # its holder was told to take it away: nobody waits there
            return self._not_paying(tap, Reason.PAY_AGAIN), ()
        if any(one.claim.paid != "no" and not one.claim.verified for one in heard):
            heard = [*weighed(heard, self._paid_before(tap.holder.card))]
        over: TapResult | None = None
        waiting: list[IntentEvidence] = []
        for one in heard:
            if one.claim.verified is None:
                waiting.append(one)
                continue
            over = _better(over, self._end(tap, one, one.claim, one.claim.verified))
            waiting = self._still_waiting(tap, waiting, one.claim.verified, one.intent.seq)
        if over is not None or not any(one.waits for one in waiting):
            return over, waiting
        proved = self._prove(tap)
        if isinstance(proved, TapResult):
            return proved, ()
        return self._settle(tap, waiting, proved), ()

    def _hear(self, tap: Presentation, intent: OpenIntent) -> IntentEvidence:
        claim = hear(tap.purse, intent, self._offers.sight)
        if intent.proves:
            return IntentEvidence(intent, claim, told=Reason.CARD_PROVED)
        serves = claim.paid == "yes" and self._offers.serves(tap.purse, intent, tap.place.lane)
        return IntentEvidence(intent, claim, serves)

    def _paid_before(self, card: str) -> Sequence[Stored[PaymentEnd]]:
        """The ends of what the card has paid here lately."""

        def look(turn: Turn) -> Sequence[Stored[PaymentEnd]]:
            done = islice(turn.accepted(card, scene=self._scene), MOST)
            return [end for one in done if (end := of_kind(one.stored, PaymentEnd)) is not None]

        return self._store.look(look)

    def _still_waiting(
        self, tap: Presentation, earlier: Sequence[IntentEvidence], by: Verified, seq: int
    ) -> list[IntentEvidence]:
        """Those of `earlier` that a later purchase, made with the card's number `seq`, leaves
        open: it says nothing of what came before but that the number had not moved on."""
        waiting = []
        for one in earlier:
            if settled(one, seq).paid == "no" and one.intent.seq >= seq:
                self._end(tap, one, replace(one.claim, paid="no"), by)
            else:
                waiting.append(one)
        return waiting

    def _settle(
        self, tap: Presentation, heard: Sequence[IntentEvidence], proved: Proved
    ) -> TapResult | None:
        """End what the card has said, now that it is proved. What the tap is over with, if it
        is."""
        over: TapResult | None = None
        for one in heard:
            over = _better(over, self._end(tap, one, settled(one, proved.seq), proved.verified))
        return over

    def _end(
        self, tap: Presentation, heard: IntentEvidence, claim: Claim, by: Verified
    ) -> TapResult | None:
        """One end, durable, with what it rests on. None: the person has nothing of it."""
        reason, ending = _ending(heard, claim, by)
        record = self._ends.end(heard.intent, reason, ending, tap.place.lane)
        if record is None:
            return TapResult(Reason.PAY_AGAIN, None)
        if claim.paid == "unknown" and not heard.intent.proves:
            return TapResult(reason, record)
        served = claim.paid == "yes" and heard.serves
        return TapResult(reason, record, Proof.of_purse(by)) if served else None

    # Who does not pay

    def _forged(self, tried: Tried) -> TapResult:
        """The PSAM does not believe the card that has answered just now."""
        claim = tried.claim or Claim("unknown")
        grey = Grey(claim.tac, "refused", claim.balance)
        record = self._ends.end(tried.intent, Reason.PAYMENT_FORGED, grey)
        return TapResult(Reason.PAYMENT_FORGED if record else Reason.PAY_AGAIN, record)

    def _refused(self, tried: Tried, reason: Reason) -> TapResult:
        """The card says for sure that it did not pay what it was asked for just now."""
        assert tried.refusal is not None
        record = self._ends.end(tried.intent, reason, NotMade(tried.refusal))
        return TapResult(reason if record else Reason.PAY_AGAIN, record)

    def _turned_away(
        self,
        tap: Presentation,
        still_open: Sequence[IntentEvidence],
        reason: Reason,
        priced: PricedRide | None = None,
    ) -> TapResult:
        """Nothing is bought, so a purchase of 0 fen proves what the card has said of others."""
        took = self._not_paying(tap, reason, priced)
        if still_open:
            with suppress(Fault):  # then it stays open
                proved = self._prove(tap)
                if isinstance(proved, Proved):
                    self._settle(tap, still_open, proved)
        return took

    def _not_paying(
        self, tap: Presentation, reason: Reason, priced: PricedRide | None = None
    ) -> TapResult:
        verdict = self._results.verdict(reason)
        clock = (priced.clock if priced else None) or self._clock.read()
        event = unpaid_tap(tap.place, tap.holder.card, clock, reason, verdict, priced)
        return TapResult(reason, self._store.turn(lambda turn: Entry(event)))


def _better(one: TapResult | None, other: TapResult | None) -> TapResult | None:
    """Who has paid gets through, whatever else is open in his number."""
    return one if other is None or (one and one.proof) else other


def _ending(heard: IntentEvidence, claim: Claim, by: Verified) -> tuple[Reason, Ending]:
    match claim.paid:
        case "yes":
            return heard.told, Confirmed(by, claim.tac, claim.balance)
        case "no":
            return Reason.NOT_PAID, NotMade(by, claim.balance)
    return Reason.PAYMENT_GREY, Grey(claim.tac, claim.mac2, claim.balance)
