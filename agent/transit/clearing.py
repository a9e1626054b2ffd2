"""Payments as the clearing wants them: one row per payment that a card made, or may have made, and
one per ride that was paid by code, which other clearing houses settle.

Columns, units and their sources are in docs/clearing.md; the table here is what they are made from.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from agent.clock import CHINA
from agent.fares.ride import FARE, FULL, PROOF
from agent.transit.records import PROVED_BY
from agent.transit_codes.resolver import EVIDENCE
from offline_store.event import INTENT_EPOCH, INTENT_SEQ, Event

Value = int | str
Columns = Mapping[str, Callable[[Event], Value]]


def _said(name: str) -> Callable[[Event], Value]:
    return lambda event: event.detail.get(name, "")


def _amount(name: str) -> Callable[[Event], Value]:
    return lambda event: event.amounts.get(name, "")


def _proved(name: str) -> Callable[[Event], Value]:
    return lambda event: event.evidence.get(name, "").upper()


COLUMNS: Final[Columns] = {
    "terminal": lambda event: event.terminal,
    "epoch": lambda event: event.epoch,
    "seq": lambda event: event.seq,
    "intent_epoch": lambda event: event.detail.get(INTENT_EPOCH, event.epoch),
    "intent_seq": lambda event: event.detail.get(INTENT_SEQ, event.refers or ""),
    "grey": lambda event: int("grey" in event.amounts),
    "reason": lambda event: event.reason,
    "card_number": lambda event: event.evidence.get("card_number", "")[1:],
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
    "psam_seq": lambda event: int(event.evidence.get("psam_seq", "0"), 16),
    "tac": _proved("tac"),
    "mac2": _said("mac2"),
    "key_version": _said("key_version"),
    "key_index": _said("key_index"),
    "algorithm": _said("algorithm"),
    "line": _said("line"),
    "vehicle": _said("vehicle"),
    "driver": _said("driver"),
    "station": lambda event: next(
        (event.detail[name] for name in ("station_code", "station") if event.detail.get(name)),
        "",
    ),
    "trip": _said("trip"),
    "trip_type": _said("trip_type"),
    "entry_station": _said("entry_station"),
    "entry_moment": _said("entry_moment"),
    "missing": _said("missing"),
    "overstay": _said("overstay"),
    "concession": _said("concession"),
    "proof": _said(PROOF),
    "proved_by": lambda event: (
        int(event.evidence[PROVED_BY], 16) if PROVED_BY in event.evidence else ""
    ),
    "clock": lambda event: event.clock,
}

CODE_COLUMNS: Final[Columns] = {
    **{name: COLUMNS[name] for name in ("terminal", "epoch", "seq")},
    "kind": lambda event: event.credential.partition(":")[2],
    "amount": _amount(FARE),
    "full": _amount(FULL),
    "moment": lambda event: f"{datetime.fromtimestamp(event.time_ms // 1000, CHINA):%Y%m%d%H%M%S}",
    **{
        name: COLUMNS[name]
        for name in ("line", "vehicle", "driver", "station", "concession", "clock")
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
    kept: dict[tuple[str, int], Event] = {}
    for event in events:
        if event.kind == "recovery" and event.refers is not None:
            kept.pop((event.epoch, event.refers), None)
        if wanted(event) and "was_seq" not in event.detail:
            kept[event.epoch, event.seq] = event
    for event in kept.values():
        yield {name: column(event) for name, column in columns.items()}
