"""Payments as the clearing wants them: one row per payment that a card made, or may have made, and
one per ride that was paid by code, which other clearing houses settle.

Columns, units and their sources are in docs/clearing.md; the table here is what they are made from.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from agent.clock import CHINA
from agent.fares.ride import AGAIN_EPOCH, AGAIN_SEQ, FARE, FULL, PROOF
from agent.returned import RETURNS, RIDE, Place
from agent.transit.records import PROVED_BY
from agent.transit_codes.resolver import EVIDENCE
from offline_store.event import INTENT_EPOCH, INTENT_SEQ, WAS_SEQ, Event, about

NOWHERE: Final[Place] = ("", 0)
Value = int | str
# A ride that was given back: owed to who paid, ridden for nothing since, or, of one that cost
# nothing, as if it had never been.
GivenBack = Literal["", "owed", "ridden", "visit"]


@dataclass
class Settled:
    """What one row is made of."""

    event: Event
    given_back: GivenBack = ""


Columns = Mapping[str, Callable[[Settled], Value]]


def _said(name: str) -> Callable[[Settled], Value]:
    return lambda row: row.event.detail.get(name, "")


def _amount(name: str) -> Callable[[Settled], Value]:
    return lambda row: row.event.amounts.get(name, "")


def _proved(name: str) -> Callable[[Settled], Value]:
    return lambda row: row.event.evidence.get(name, "").upper()


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, CHINA):%Y%m%d%H%M%S}"


def _station(row: Settled) -> Value:
    """Its code, else its id."""
    said = row.event.detail
    return next((said[name] for name in ("station_code", "station") if said.get(name)), "")


COLUMNS: Final[Columns] = {
    "terminal": lambda row: row.event.terminal,
    "epoch": lambda row: row.event.epoch,
    "seq": lambda row: row.event.seq,
    "intent_epoch": lambda row: row.event.detail.get(INTENT_EPOCH, row.event.epoch),
    "intent_seq": lambda row: row.event.detail.get(INTENT_SEQ, row.event.refers or ""),
    "grey": lambda row: int("grey" in row.event.amounts),
    "reason": lambda row: row.event.reason,
    "card_number": lambda row: row.event.evidence.get("card_number", "")[1:],
    "issuer": _proved("issuer"),
    "province": _said("province"),
    "city": _said("city"),
    "card_type": _said("card_type"),
    "card_seq": _said("card_seq"),
    "amount": _amount("amount"),
    "full": _amount("full"),
    "balance_before": _amount("balance_before"),
    "moment": _said("moment"),
    "type": _said("type"),
    "terminal_number": _proved("terminal"),
    "psam_serial": _proved("psam_serial"),
    "psam_seq": lambda row: int(row.event.evidence.get("psam_seq", "0"), 16),
    "tac": _proved("tac"),
    "mac2": _said("mac2"),
    "key_version": _said("key_version"),
    "key_index": _said("key_index"),
    "algorithm": _said("algorithm"),
    "line": _said("line"),
    "vehicle": _said("vehicle"),
    "driver": _said("driver"),
    "station": _station,
    "trip": _said("trip"),
    "trip_type": _said("trip_type"),
    "entry_station": _said("entry_station"),
    "entry_moment": _said("entry_moment"),
    "missing": _said("missing"),
    "overstay": _said("overstay"),
    "concession": _said("concession"),
    "proof": _said(PROOF),
    "proved_by": lambda row: (
        int(row.event.evidence[PROVED_BY], 16) if PROVED_BY in row.event.evidence else ""
    ),
    "given_back": lambda row: row.given_back,
    "again_epoch": _said(AGAIN_EPOCH),
    "again_seq": _said(AGAIN_SEQ),
    "clock": lambda row: row.event.clock,
}

CODE_COLUMNS: Final[Columns] = {
    **{name: COLUMNS[name] for name in ("terminal", "epoch", "seq")},
    "kind": lambda row: row.event.credential.partition(":")[2],
    "amount": _amount(FARE),
    "full": _amount(FULL),
    "moment": lambda row: _moment(row.event.time_ms),
    **{
        name: COLUMNS[name]
        for name in (
            "line",
            "vehicle",
            "driver",
            "station",
            "concession",
            "given_back",
            "again_epoch",
            "again_seq",
            "clock",
        )
    },
    "code": _proved(EVIDENCE),
}


def clearing_rows(events: Iterator[Event]) -> Iterator[Mapping[str, Value]]:
    """The ends that are confirmed or grey, in journal order."""
    return _rows(events, COLUMNS, _is_payment)


def code_rows(events: Iterator[Event]) -> Iterator[Mapping[str, Value]]:
    """The rides that were paid by code, in journal order."""
    return _rows(events, CODE_COLUMNS, _is_code)


def _is_payment(event: Event) -> bool:
    return event.kind == "payment-end" and bool({"confirmed", "grey"} & event.amounts.keys())


def _is_code(event: Event) -> bool:
    """A ticket has no fare before concessions; it was paid for elsewhere."""
    return event.kind == "tap" and EVIDENCE in event.evidence and FULL in event.amounts


def _rows(
    events: Iterator[Event], columns: Columns, wanted: Callable[[Event], bool]
) -> Iterator[Mapping[str, Value]]:
    """One that an event after it calls not executed is none; what was entered again in a later
    epoch counts once."""
    kept = _Rows()
    given: dict[Place, Place] = {}  # give-backs, with the rides that they are about
    for event in events:
        place, subject = (event.epoch, event.seq), about(event) or NOWHERE
        if event.kind == "give-back" and subject in kept:
            given[place] = subject
            kept.give_back(subject, "owed" if event.detail.get(RETURNS) == RIDE else "visit")
        elif event.kind == "recovery" and subject in given:
            kept.take_back(given.pop(subject))
        elif event.kind == "recovery":
            kept.pop(subject, None)
        if event.verdict == "accepted" and AGAIN_SEQ in event.detail:
            kept.ride(_boarded_for(event))
        if wanted(event) and WAS_SEQ not in event.detail:
            kept[place] = Settled(event)
    for row in kept.values():
        yield {name: column(row) for name, column in columns.items()}


class _Rows(dict[Place, Settled]):
    """By where their events stand. A boarding for a ride that was given back may be given back as
    well; what is owed then is that ride still, which somebody has paid for."""

    def give_back(self, place: Place, how: GivenBack) -> None:
        paid = self._paid(place)
        self[place].given_back = "visit"
        self[paid].given_back = how

    def take_back(self, place: Place) -> None:
        """He went through after all."""
        paid = self._paid(place)
        self[paid].given_back = "ridden"
        self[place].given_back = ""

    def ride(self, place: Place) -> None:
        """Somebody has boarded for it."""
        if place in self:
            self[self._paid(place)].given_back = "ridden"

    def _paid(self, place: Place) -> Place:
        """The ride that a boarding was for in the end, as far as its row is here."""
        while AGAIN_SEQ in self[place].event.detail:
            before = _boarded_for(self[place].event)
            if before not in self:
                break
            place = before
        return place


def _boarded_for(event: Event) -> Place:
    return str(event.detail[AGAIN_EPOCH]), int(event.detail[AGAIN_SEQ])
