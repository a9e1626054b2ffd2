"""The two events of a payment: everything the back office wants is in both (docs/clearing.md).

Amounts are fen. An end that is confirmed or grey is what the clearing counts: each debit of a card
is in exactly one of them. How a payment ended is a value of its own, and the two that
say so for certain cannot be made without what they rest on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from agent.messages.reasons import Reason
from agent.purse.intents import OpenIntent
from agent.purse.pricing import PricedRide
from apdu.transit.faults import DebitRefused
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Authorisation, Initialised, Management, PublicInfo
from offline_store.clock import ClockReading
from offline_store.events.happened import Check, Verdict, used
from offline_store.events.payment import Intent as Event
from offline_store.events.payment import PaymentEnd
from offline_store.events.ride import NO_RIDE, Mac2, Outcome, Purchase, Ride, over
from offline_store.events.seen import NOTHING_SEEN
from offline_store.events.tap import Tap

BEGUN = "payment-begun"  # an intent's reason


@dataclass(frozen=True)
class PaymentPlace:
    """Where in the terminal's world something is paid."""

    lane: str
    scene: str
    credential: str
    application: str
    ride: Ride  # line, vehicle, driver, station, as far as they are known


@dataclass(frozen=True)
class PurseHolder:
    """Whose purse: references, and what the card says of itself."""

    card: str
    public: PublicInfo
    management: Management


@dataclass(frozen=True)
class Confirmed:
    """The card paid. `by`: the PSAM's word for that very MAC2, or, where that could not be checked,
    for a purchase with which the card has proved itself since. `tac` as the card gave it, `balance`
    of the card where it was read."""

    by: Verified
    tac: bytes = b""
    balance: int | None = None


@dataclass(frozen=True)
class NotMade:
    """The card did not pay. `by`: as above, or its clear no to the 8054 that it was just sent."""

    by: Verified | DebitRefused
    balance: int | None = None


@dataclass(frozen=True)
class Grey:
    """The terminal does not know whether the card paid."""

    tac: bytes = b""
    mac2: Mac2 = "none"
    balance: int | None = None


Ending = Confirmed | NotMade | Grey


def unpaid_tap(
    place: PaymentPlace,
    card: str,
    clock: ClockReading,
    reason: Reason,
    verdict: Verdict,
    priced: PricedRide | None = None,
) -> Tap:
    """A tap that came to no intent. `priced`: what was found out until then."""
    return Tap(
        clock=clock,
        lane=place.lane,
        scene=place.scene,
        credential=place.credential,
        card=card,
        person=card,
        application=place.application,
        verdict=verdict,
        reason=reason.value,
        lists=used(priced.lists) if priced else (),
        seen=priced.seen if priced else NOTHING_SEEN,
        ride=priced.ride if priced else NO_RIDE,
    )


def intent_of(
    place: PaymentPlace,
    holder: PurseHolder,
    begun: Initialised,
    authorised: Authorisation,
    priced: PricedRide,
    clock: ClockReading,
    lists: Mapping[str, int],
    *,
    judged: bool = True,
) -> Event:
    """All that is needed to find out later whether the card paid, and to clear it. `judged`: its
    holder has been looked for in the lists."""
    public, management, terminal = holder.public, holder.management, begun.terminal
    ride = over(place.ride, priced.ride)
    told = priced.stamp is not None and ride.trip_end is None
    return Event(
        clock=clock,
        lane=place.lane,
        scene=place.scene,
        credential=place.credential,
        card=holder.card,
        person=holder.card,
        application=place.application,
        reason=BEGUN,
        checks=(_not_listed(lists),) if judged else (),
        doubts=tuple(public.doubts),
        lists=used(lists),
        seen=priced.seen,
        ride=replace(ride, full=priced.full, card_told=told),
        purchase=Purchase(
            amount=begun.amount,
            balance_before=begun.balance,
            overdraft=begun.overdraft,
            card_number=f"0{public.card_number}",
            issuer=public.issuer.hex(),
            terminal=terminal.number.hex(),
            psam_serial=terminal.serial.hex(),
            psam_seq=f"{authorised.sequence:08x}",
            type=begun.kind.type,
            moment=authorised.moment,
            card_seq=begun.seq,
            key_version=begun.key_version,
            key_index=terminal.key_index,
            algorithm=begun.algorithm,
            province=management.province,
            city=management.city,
            card_type=management.card_type,
            proof=priced.proof,
        ),
    )


def end_of(
    intent: OpenIntent,
    ending: Ending,
    reason: Reason,
    verdict: Verdict | None,
    clock: ClockReading,
    lane: str = "",
) -> PaymentEnd:
    """Names its intent and repeats it, so that one row is one record of the clearing."""
    begun = intent.event
    outcome: Outcome = "not-made"
    mac2: Mac2 = "none"
    if isinstance(ending, Confirmed):
        outcome = "confirmed"
        mac2 = "verified" if intent.is_own(ending.by) else "proved"
    elif isinstance(ending, Grey):
        outcome, mac2 = "grey", ending.mac2
    proof = _other_proof(intent, ending)
    return PaymentEnd(
        clock=clock,
        lane=lane or begun.lane,
        scene=begun.scene,
        credential=begun.credential,
        card=begun.card,
        person=begun.person,
        application=begun.application,
        verdict=verdict,
        reason=reason.value,
        intent=intent.at,
        outcome=outcome,
        purchase=begun.purchase,
        ride=begun.ride,
        mac2=mac2,
        tac="" if isinstance(ending, NotMade) else ending.tac.hex(),
        balance_after=ending.balance,
        proved_by=f"{proof.authorisation.sequence:08x}" if proof is not None else "",
        doubts=begun.doubts,
    )


def _other_proof(intent: OpenIntent, ending: Ending) -> Verified | None:
    """The purchase that has proved the card since, where it is not this one itself."""
    if isinstance(ending, Grey) or not isinstance(ending.by, Verified):
        return None
    return None if intent.is_own(ending.by) else ending.by


def _not_listed(lists: Mapping[str, int]) -> Check:
    return Check(
        subject="card", status="normal", source=f"list:blacklist@{lists.get('blacklist', 0)}"
    )
