"""A driver's shift and its trip summary: the journal's events between two of its rows, counted.

Nothing is counted twice or beside: a shift ends at the row up to which it was counted, and where a
driver takes over the next one begins there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from agent.fares.ride import paid
from agent.messages.reasons import Reason
from agent.purse.returned import VISIT
from offline_store.events.about import GiveBack
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Record, Stored
from offline_store.events.tap import Tap
from offline_store.events.terminal import Shift, ShiftTotals, Takings
from offline_store.in_force import in_force
from offline_store.store import Entry, Store

OPENED: Final = Reason.SHIFT_OPENED.value
CLOSED: Final = Reason.SHIFT_CLOSED.value
NORMAL: Final = "normal"
PAGE: Final = 200


class ShiftJournal(Protocol):
    """What a shift needs of the journal."""

    def write(self, event: Shift) -> Stored[Event]:
        """Durable on return. Raises `offline_store.store.Unstored`."""
        ...

    def after(self, at: Reference | None) -> Iterator[Stored[Event]]:
        """Every event behind that row, oldest first; None: all. Raises `Unstored`."""
        ...


class StoreLedger:
    """The terminal's own journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, event: Shift) -> Stored[Event]:
        return self._store.turn(lambda turn: Entry(event)).stored()

    def after(self, at: Reference | None) -> Iterator[Stored[Event]]:
        epoch, seq = at.place if at is not None else (None, 0)
        while page := self._store.records(epoch, seq, PAGE):
            for record in page:
                event = _stored(record)
                if event is not None:
                    yield event
            epoch, seq = page[-1].epoch, page[-1].seq


class RideCount(msgspec.Struct):
    """Rides of one class and kind, and what they cost together (fen)."""

    rides: int = 0
    amount: int = 0


@dataclass
class Summary:
    """What a shift took in; by class and kind of credential."""

    counts: dict[tuple[str, str], RideCount] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0  # grey: nobody knows yet whether they were paid

    @property
    def rides(self) -> int:
        """Of all classes and kinds."""
        return sum(count.rides for count in self.counts.values())

    @property
    def amount(self) -> int:
        """Fen, of all classes and kinds."""
        return sum(count.amount for count in self.counts.values())

    def totals(self) -> ShiftTotals:
        """For the event that ends the shift."""
        takings = tuple(
            Takings(group=group, credential=credential, rides=count.rides, amount=count.amount)
            for (group, credential), count in sorted(self.counts.items())
        )
        return ShiftTotals(
            rides=self.rides,
            amount=self.amount,
            refused=self.refused,
            unknown=self.unknown,
            takings=takings,
        )

    def shown(self) -> list[dict[str, str | int]]:
        """One row per class and kind, for the API and the screen."""
        return [
            {"class": name, "kind": kind, "rides": count.rides, "amount": count.amount}
            for (name, kind), count in sorted(self.counts.items())
        ]


def summarise(rows: Iterable[Stored[Event]]) -> Summary:
    """Count the rides that count (`offline_store.in_force`), and no ride for nothing that was given
    back. What was entered again was counted where it stood first, maybe in the shift before."""
    found = [row for row in in_force(rows) if row.was is None]
    undone = {
        row.event.about.place
        for row in found
        if isinstance(row.event, GiveBack) and row.event.returns == VISIT
    }
    summary = Summary()
    for row in found:
        if row.at.place not in undone:
            _count(summary, row.event)
    return summary


def _count(summary: Summary, event: Event) -> None:
    """An intent says that a payment begins; only its end counts."""
    if not isinstance(event, Tap | PaymentEnd):
        return
    if event.verdict == "refused":
        summary.refused += 1
    elif event.verdict == "unknown" and not _proves(event):
        summary.unknown += 1
    amount = paid(event)
    if amount is not None:
        name = event.ride.concession or NORMAL
        count = summary.counts.setdefault((name, event.credential), RideCount())
        count.rides += 1
        count.amount += amount


def _proves(event: Tap | PaymentEnd) -> bool:
    return isinstance(event, PaymentEnd) and event.purchase.proof


def _stored(record: Record) -> Stored[Event] | None:
    """None for a row that damage made unreadable."""
    try:
        return record.stored()
    except (msgspec.MsgspecError, RecursionError):
        return None
