"""The two events of a payment: everything the back office wants is in both (docs/clearing.md).

Amounts are fen. `confirmed` or `grey` in an end's amounts is what the clearing counts: each debit
of a card is in exactly one of the two. How a payment ended is a value of its own, and the two that
say so for certain cannot be made without what they rest on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from agent.clock import ClockReading
from agent.fares.ride import CARD_TOLD, FULL, TRIP
from agent.reasons import Reason
from agent.transit.fares import Priced
from agent.transit.intents import Intent
from apdu.transit.faults import DebitRefused
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Authorisation, Initialised, Management, PublicInfo
from offline_store.event import DOUBTS, INTENT_EPOCH, INTENT_SEQ, Check, Draft, Event, Verdict

BEGUN = "payment-begun"  # an intent's reason
PROVED_BY = "proved_by"  # evidence: the PSAM's number of the purchase that proved the card since
RIDE = ("line", "vehicle", "driver", "station")  # what a record says of the ride, if known

# What is known of the MAC2 that a card gave for a payment. `proved`: it could not be checked, and
# the card has proved itself since. Only these and `verified` ones are ever confirmed.
Mac2 = Literal["verified", "proved", "unverified", "refused", "none"]


@dataclass(frozen=True)
class Place:
    """Where in the terminal's world something is paid."""

    lane: str
    scene: str
    credential: str
    application: str
    ride: Mapping[str, int | str]  # line, vehicle, driver, station; what is not known is missing


@dataclass(frozen=True)
class Holder:
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
    """Nobody here knows whether the card paid."""

    tac: bytes = b""
    mac2: Mac2 = "none"
    balance: int | None = None


Ending = Confirmed | NotMade | Grey


def tap_draft(
    place: Place,
    card: str,
    clock: ClockReading,
    reason: Reason,
    verdict: Verdict,
    priced: Priced | None = None,
) -> Draft:
    """A tap that came to no intent. `priced`: what was found out until then."""
    return Draft(
        kind="tap",
        time_ms=clock.time_ms,
        clock=clock.quality,
        boot=clock.boot,
        up_ms=clock.up_ms,
        lane=place.lane,
        scene=place.scene,
        credential=place.credential,
        card=card,
        person=card,
        verdict=verdict,
        reason=reason.value,
        application=place.application,
        lists=dict(priced.lists) if priced else {},
        state=dict(priced.state) if priced else {},
        detail=dict(priced.detail) if priced else {},
    )


def intent_draft(
    place: Place,
    holder: Holder,
    begun: Initialised,
    authorised: Authorisation,
    priced: Priced,
    clock: ClockReading,
    lists: Mapping[str, int],
    *,
    judged: bool = True,
) -> Draft:
    """All that is needed to find out later whether the card paid, and to clear it. `judged`: its
    holder has been looked for in the lists."""
    public, management, terminal = holder.public, holder.management, begun.terminal
    said: dict[str, int | str] = {
        "type": begun.kind.type,
        "moment": authorised.moment,
        "card_seq": begun.seq,
        "key_version": begun.key_version,
        "key_index": terminal.key_index,
        "algorithm": begun.algorithm,
        "province": management.province,
        "city": management.city,
        "card_type": management.card_type,
        **place.ride,
        **priced.detail,
    }
    if priced.stamp is not None and TRIP not in priced.detail:
        said[CARD_TOLD] = 1
    if public.doubts:
        said[DOUBTS] = ",".join(public.doubts)
    return Draft(
        kind="intent",
        time_ms=clock.time_ms,
        clock=clock.quality,
        boot=clock.boot,
        up_ms=clock.up_ms,
        lane=place.lane,
        scene=place.scene,
        credential=place.credential,
        card=holder.card,
        person=holder.card,
        reason=BEGUN,
        checks=(_not_listed(lists),) if judged else (),
        application=place.application,
        amounts={
            "amount": begun.amount,
            FULL: priced.full,
            "balance_before": begun.balance,
            "overdraft": begun.overdraft,
        },
        evidence={
            "card_number": f"0{public.card_number}",
            "issuer": public.issuer.hex(),
            "terminal": terminal.number.hex(),
            "psam_serial": terminal.serial.hex(),
            "psam_seq": f"{authorised.sequence:08x}",
        },
        lists=dict(lists),
        state=dict(priced.state),
        detail=said,
    )


def end_draft(
    intent: Intent,
    ending: Ending,
    reason: Reason,
    verdict: Verdict | None,
    clock: ClockReading,
    lane: str = "",
) -> Draft:
    """Names its intent and repeats it, so that one row is one record of the clearing. `refers` is
    the store's turn to fill in (`about`)."""
    begun = intent.event
    amounts, evidence = dict(begun.amounts), dict(begun.evidence)
    mac2: Mac2 = "none"
    if isinstance(ending, Confirmed):
        amounts["confirmed"] = intent.amount
        mac2 = "verified" if intent.is_own(ending.by) else "proved"
    elif isinstance(ending, Grey):
        amounts["grey"] = intent.amount
        mac2 = ending.mac2
    if ending.balance is not None:
        amounts["balance_after"] = ending.balance
    if not isinstance(ending, NotMade) and ending.tac:
        evidence["tac"] = ending.tac.hex()
    proof = _other_proof(intent, ending)
    if proof is not None:
        evidence[PROVED_BY] = f"{proof.authorisation.sequence:08x}"
    return Draft(
        kind="payment-end",
        time_ms=clock.time_ms,
        clock=clock.quality,
        boot=clock.boot,
        up_ms=clock.up_ms,
        lane=lane or begun.lane,
        scene=begun.scene,
        credential=begun.credential,
        card=begun.card,
        person=begun.person,
        verdict=verdict,
        reason=reason.value,
        application=begun.application,
        amounts=amounts,
        evidence=evidence,
        detail={**begun.detail, "mac2": mac2},
    )


def _other_proof(intent: Intent, ending: Ending) -> Verified | None:
    """The purchase that has proved the card since, where it is not this one itself."""
    if isinstance(ending, Grey) or not isinstance(ending.by, Verified):
        return None
    return None if intent.is_own(ending.by) else ending.by


def about(draft: Draft, intent: Intent, same: Event | None) -> Draft:
    """The end with its intent's place. `same`: what stands at that seq in the present epoch."""
    place = intent.place
    if same is not None and same.epoch == place.epoch:
        return replace(draft, refers=place.seq)
    elsewhere: dict[str, int | str] = {INTENT_EPOCH: place.epoch, INTENT_SEQ: place.seq}
    return replace(draft, detail={**draft.detail, **elsewhere})


def _not_listed(lists: Mapping[str, int]) -> Check:
    return Check(
        subject="card", status="normal", source=f"list:blacklist@{lists.get('blacklist', 0)}"
    )
