"""Events and their parts, made up for tests."""

from typing import Any, TypeVar

import msgspec

from offline_store.columns import subject
from offline_store.events.happened import Happened
from offline_store.events.ride import Purchase
from offline_store.events.row import Event, Record
from offline_store.events.tap import Tap

E = TypeVar("E", bound=Happened)
NOTES = {
    "status_fault",
    "doubts",
    "card_kind",
    "ride",
    "offline",
    "fault",
    "held_by",
    "unstored_before",
    "opened_first",
    "extra",
}  # fields of a tap


def purchase(amount: int = 200, **fields: Any) -> Purchase:
    """What a made-up purse was asked to pay (fen)."""
    given: dict[str, Any] = {
        "amount": amount,
        "balance_before": 1000,
        "overdraft": 0,
        "card_number": "0" + "3" * 19,
        "issuer": "11" * 8,
        "terminal": "22" * 6,
        "psam_serial": "33" * 10,
        "psam_seq": "00000001",
        "type": 6,
        "moment": "20260101080000",
        "card_seq": 7,
        "key_version": 1,
        "key_index": 1,
        "algorithm": 0,
        "province": "5100",
        "city": "5199",
        "card_type": 1,
    }
    return Purchase(**{**given, **fields})


def as_kind(event: Event | None, kind: type[E]) -> E:
    """The event, which has to be of that kind."""
    assert isinstance(event, kind)
    return event


def noted(tap: Tap) -> dict[str, Any]:
    """What stands in its text besides who came, when, and what was decided by what."""
    return {name: value for name, value in said(tap).items() if name in NOTES}


def tap_of(record: Record | None) -> Tap:
    """The tap that a record holds."""
    assert record is not None
    return as_kind(record.event(), Tap)


def about_seq(event: Event) -> int | None:
    """The row that it is about, by its place in the epoch."""
    about = subject(event)
    return None if about is None else about.seq


def said(event: Event) -> dict[str, Any]:
    """All that stands in its text."""
    whole: dict[str, Any] = msgspec.to_builtins(event)
    return whole
