"""The two events of a payment: everything the back office wants is in both (docs/clearing.md).

Amounts are fen. `confirmed` or `grey` in an end's amounts is what the clearing counts: each debit
of a card is in exactly one of the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from agent.clock import ClockReading
from agent.fares.ride import FULL
from agent.reasons import Reason
from agent.transit.fares import Priced
from agent.transit.intents import Intent
from apdu.transit.values import Authorisation, Initialised, Management, PublicInfo
from offline_store.event import DOUBTS, INTENT_EPOCH, INTENT_SEQ, Check, Draft, Event, Verdict

BEGUN = "payment-begun"  # an intent's reason
RIDE = ("line", "vehicle", "driver", "station")  # what a record says of the ride, if known

# What stands behind a confirmed debit beside the card's word.
Counts = Literal["", "confirmed", "grey"]
Mac2 = Literal["verified", "unverified", "refused", "none"]


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
class Outcome:
    """What became of an intent. `tac` and `mac2` as the card gave them, empty where it did not."""

    reason: Reason
    verdict: Verdict
    counts: Counts = ""
    tac: bytes = b""
    mac2: Mac2 = "none"
    balance: int | None = None  # of the card, after it, where it was read


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
) -> Draft:
    """All that is needed to find out later whether the card paid, and to clear it."""
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
    if public.doubts:
        said[DOUBTS] = ",".join(public.doubts)
    return Draft(
        kind="intent",
        time_ms=clock.time_ms,
        clock=clock.quality,
        boot=clock.boot,
        lane=place.lane,
        scene=place.scene,
        credential=place.credential,
        card=holder.card,
        person=holder.card,
        reason=BEGUN,
        checks=(_not_listed(lists),),
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


def end_draft(intent: Intent, outcome: Outcome, clock: ClockReading, lane: str = "") -> Draft:
    """Names its intent and repeats it, so that one row is one record of the clearing. `refers` is
    the store's turn to fill in (`about`)."""
    begun = intent.event
    amounts, evidence = dict(begun.amounts), dict(begun.evidence)
    if outcome.counts:
        amounts[outcome.counts] = intent.amount
    if outcome.balance is not None:
        amounts["balance_after"] = outcome.balance
    if outcome.tac:
        evidence["tac"] = outcome.tac.hex()
    return Draft(
        kind="payment-end",
        time_ms=clock.time_ms,
        clock=clock.quality,
        boot=clock.boot,
        lane=lane or begun.lane,
        scene=begun.scene,
        credential=begun.credential,
        card=begun.card,
        person=begun.person,
        verdict=outcome.verdict,
        reason=outcome.reason.value,
        application=begun.application,
        amounts=amounts,
        evidence=evidence,
        detail={**begun.detail, "mac2": outcome.mac2},
    )


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
