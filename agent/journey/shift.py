"""A driver's shift and its trip summary: the journal's events between two of its rows, counted.

Nothing is counted twice or beside: a shift ends at the row up to which it was counted, and where a
driver takes over the next one begins there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from agent.fares.ride import CONCESSION, PROOF, paid
from agent.reasons import Reason
from agent.returned import RETURNS, VISIT
from offline_store.event import Draft, Event, Record, about
from offline_store.store import Entry, Store

SCENE: Final = "driver-shift"  # in place of a scene: who signs on rides nowhere
OPENED: Final = Reason.SHIFT_OPENED.value
CLOSED: Final = Reason.SHIFT_CLOSED.value
NOT_EXECUTED: Final = "not-executed"
NORMAL: Final = "normal"
PAGE: Final = 200

At = tuple[str, int]  # epoch and seq of a row


class Ledger(Protocol):
    """What a shift needs of the journal."""

    def head(self) -> At | None:
        """The last durable row."""
        ...

    def write(self, draft: Draft) -> At:
        """Durable on return. Raises `offline_store.store.Unstored`."""
        ...

    def after(self, at: At | None) -> Iterator[tuple[At, Event]]:
        """Every event behind that row, oldest first; None: all. Raises `Unstored`."""
        ...


class StoreLedger:
    """The terminal's own journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(self) -> At | None:
        head = self._store.head()
        return None if head is None else (head.epoch, head.seq)

    def write(self, draft: Draft) -> At:
        record = self._store.turn(lambda turn: Entry(draft))
        return record.epoch, record.seq

    def after(self, at: At | None) -> Iterator[tuple[At, Event]]:
        epoch, seq = at if at is not None else (None, 0)
        while page := self._store.records(epoch, seq, PAGE):
            for record in page:
                event = _event(record)
                if event is not None:
                    yield (record.epoch, record.seq), event
            epoch, seq = page[-1].epoch, page[-1].seq


class Count(msgspec.Struct):
    """Rides of one class and kind, and what they cost together (fen)."""

    rides: int = 0
    amount: int = 0


@dataclass
class Summary:
    """What a shift took in; by class and kind of credential."""

    counts: dict[tuple[str, str], Count] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0  # grey: nobody knows yet whether they were paid

    @property
    def rides(self) -> int:
        return sum(count.rides for count in self.counts.values())

    @property
    def amount(self) -> int:
        return sum(count.amount for count in self.counts.values())

    def shown(self) -> list[dict[str, str | int]]:
        """One row per class and kind, for the API and the screen."""
        return [
            {"class": name, "kind": kind, "rides": count.rides, "amount": count.amount}
            for (name, kind), count in sorted(self.counts.items())
        ]


def summarise(events: Iterable[Event]) -> Summary:
    """Count the rides. A row that is recorded as not executed does not count, nor a ride for
    nothing that was given back, and one that was entered again counts once."""
    found = [event for event in events if not entered_again(event)]
    taken_back = {about(event) for event in found if event.kind == "recovery"}
    undone = {
        about(event)
        for event in found
        if (event.kind == "recovery" and event.reason == NOT_EXECUTED)
        or (
            event.kind == "give-back"
            and event.detail.get(RETURNS) == VISIT
            and (event.epoch, event.seq) not in taken_back
        )
    }
    summary = Summary()
    for event in found:
        if (event.epoch, event.seq) not in undone:
            _count(summary, event)
    return summary


def entered_again(event: Event) -> bool:
    """The journal has begun a new epoch and holds this event for the second time."""
    return "was_epoch" in event.detail


def _count(summary: Summary, event: Event) -> None:
    """An intent says that a payment begins; only its end counts."""
    if event.kind not in ("tap", "payment-end") or event.scene == SCENE:
        return
    if event.verdict == "refused":
        summary.refused += 1
    elif event.verdict == "unknown" and PROOF not in event.detail:
        summary.unknown += 1
    amount = paid(event)
    if amount is not None:
        name = str(event.detail.get(CONCESSION) or NORMAL)
        count = summary.counts.setdefault((name, event.credential), Count())
        count.rides += 1
        count.amount += amount


def _event(record: Record) -> Event | None:
    """None for a row that damage made unreadable."""
    try:
        return record.event()
    except msgspec.MsgspecError:
        return None
