"""Whether a purse pays, and what: by the signed lists, its own dates and the fare.

turn ─▶ PurseJudge.judge ─▶ PricedRide ─▶ row      in the store's turn, at a tap
 row ─▶ PurseJudge.again ─▶ PricedRide             whenever somebody asks why
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from agent.fares.memory import JournalMemory, PriceMemory, RowMemory
from agent.fares.ride import Rider
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.card_types import CardTypes
from agent.purse.offers import Offer, Offers
from agent.purse.pricing import PricedRide
from agent.purse.records import PurseHolder
from apdu import days
from offline_store.clock import ClockReading
from offline_store.events.payment import Intent
from offline_store.events.seen import PurseSeen, Seen
from offline_store.events.tap import Tap
from offline_store.faults import ListUnreadable
from offline_store.turn import ListView, Turn

HEAD: Final = 3  # digits of a card's number that neither its keys nor the PSAM know of


class PurseJudge:
    """Of one terminal, by one version of its settings."""

    def __init__(self, offers: Offers, types: CardTypes, heads: Sequence[str]) -> None:
        """`types`: of cards that ride. `heads`: first three digits that card numbers have."""
        self._offers = offers
        self._types = types
        self._heads = heads

    def unfit(
        self, holder: PurseHolder, clock: ClockReading, offer: Offer | None = None
    ) -> PricedRide | None:
        """Why that purse buys nothing, whatever it costs; None: it may. Before anything else is
        asked of the card, its type tells; with `offer` its dates as well."""
        rules, seen = self._types.rules(), seen_of(holder)
        refused: Reason | None = None
        if not self._types.ride(rules, holder.management.card_type):
            refused = Reason.CARD_NOT_TAKEN
        elif offer is not None:
            seen = seen.joined(offer.seen)
            refused = _out_of_date(seen, clock, offer.day)
        if refused is None:
            return None
        return PricedRide(0, refused=refused, seen=seen, lists=rules.versions, clock=clock)

    def judge(
        self, turn: Turn, holder: PurseHolder, offer: Offer, clock: ClockReading
    ) -> PricedRide:
        """In a turn, so that lists and fare are of one moment."""
        memory, seen = JournalMemory(turn), seen_of(holder).joined(offer.seen)
        priced = self._judged(turn.lists, memory, holder.card, purse_of(holder), offer, clock)
        return replace(
            priced,
            seen=seen.joined(priced.seen).joined(memory.seen),
            lists={**turn.lists.versions(), **priced.lists},
            clock=clock,
        )

    def again(
        self, lists: ListView, rules: Rules, row: Intent | Tap, purse: PurseSeen
    ) -> PricedRide:
        """The same, from its row and the lists of that day. Raises `LayoutUnknown`."""
        seen, clock = row.seen, row.clock
        if not self._types.ride(rules, purse.card_type):
            return PricedRide(0, refused=Reason.CARD_NOT_TAKEN)
        offer = self._offers.offer_again(seen, row.lane)
        reason = _out_of_date(seen, clock, offer.day)
        if reason is not None:
            return PricedRide(0, refused=reason)
        memory = RowMemory(seen, rules)
        return self._judged(lists, memory, row.card, purse, offer, clock)

    def _judged(
        self,
        lists: ListView,
        memory: PriceMemory,
        card: str,
        purse: PurseSeen,
        offer: Offer,
        clock: ClockReading,
    ) -> PricedRide:
        """Its type, the lists of purses and issuers, then the fare."""
        if not self._types.ride(memory.rules(self._types.rules), purse.card_type):
            return PricedRide(0, refused=Reason.CARD_NOT_TAKEN)
        try:
            if self._is_listed(lists, card, purse):
                return PricedRide(0, refused=Reason.BLACKLISTED)
            if not lists.issuer_allowed(bytes.fromhex(purse.issuer)):
                return PricedRide(0, refused=Reason.WRONG_CITY)
        except ListUnreadable as fault:  # nobody can be told from a listed one
            seen = Seen(unreadable=str(fault.facts["list"]))
            return PricedRide(0, refused=Reason.NOT_STORED, seen=seen)
        rider = Rider(card, purse.card_type, purse.city, purse.interoperable)
        priced = offer.price(memory, rider, clock)
        if priced.free is None:
            return priced
        return replace(priced, proof=True, bought=priced.free)

    def _is_listed(self, lists: ListView, card: str, purse: PurseSeen) -> bool:
        """By any form in which a list may name a purse. Raises `ListUnreadable`."""
        heads = (head + purse.number[HEAD:] for head in self._heads)
        issuer = bytes.fromhex(purse.issuer)
        return lists.find_blacklisted(card=card, number=card, person=card) is not None or any(
            lists.find_transit(bytes.fromhex(f"0{number}"), issuer) is not None
            for number in {purse.number, *heads}
        )


def seen_of(holder: PurseHolder) -> Seen:
    """What lists, dates and fares go by, for the row."""
    public = holder.public
    return Seen(
        card_issued=_digits(days.first_day(public.starts)),
        card_expires=_digits(days.last_day(public.expires)),
        purse=purse_of(holder),
    )


def purse_of(holder: PurseHolder) -> PurseSeen:
    public, management = holder.public, holder.management
    return PurseSeen(
        number=public.card_number,
        issuer=public.issuer.hex(),
        card_type=management.card_type,
        city=management.city,
        interoperable=management.interoperable,
    )


def _out_of_date(seen: Seen, clock: ClockReading, day: date | None) -> Reason | None:
    """By the card's own dates, where the clock can be believed. `day`: instead of today."""
    if clock.quality == "unset":
        return None
    today = _digits(day or clock.today) or 0
    first, last = seen.card_issued, seen.card_expires
    if last is not None and last < today:
        return Reason.CARD_EXPIRED
    return Reason.CARD_NOT_YET_VALID if first is not None and first > today else None


def _digits(day: date | None) -> int | None:
    """YYYYMMDD as a number."""
    return None if day is None else day.year * 10_000 + day.month * 100 + day.day
