"""Payments as the clearing wants them: one row per payment that a card made, or may have made.

Columns, units and their sources are in docs/clearing.md; the table here is what they are made from.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from offline_store.event import INTENT_EPOCH, INTENT_SEQ, Event

Value = int | str


def _said(name: str) -> Callable[[Event], Value]:
    return lambda event: event.detail.get(name, "")


def _amount(name: str) -> Callable[[Event], Value]:
    return lambda event: event.amounts.get(name, "")


def _proved(name: str) -> Callable[[Event], Value]:
    return lambda event: event.evidence.get(name, "").upper()


COLUMNS: Final[Mapping[str, Callable[[Event], Value]]] = {
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
        (event.detail[name] for name in ("station", "stop_code", "stop") if event.detail.get(name)),
        "",
    ),
    "concession": _said("concession"),
    "clock": lambda event: event.clock,
}


def clearing_rows(events: Iterator[Event]) -> Iterator[Mapping[str, Value]]:
    """The ends that are confirmed or grey, in journal order. One that an event after it calls not
    executed is none; what was entered again in a later epoch counts once."""
    kept: dict[tuple[str, int], Event] = {}
    for event in events:
        if event.kind == "recovery" and event.refers is not None:
            kept.pop((event.epoch, event.refers), None)
        counts = "confirmed" in event.amounts or "grey" in event.amounts
        if event.kind == "payment-end" and counts and "was_seq" not in event.detail:
            kept[event.epoch, event.seq] = event
    for event in kept.values():
        yield {name: column(event) for name, column in COLUMNS.items()}
