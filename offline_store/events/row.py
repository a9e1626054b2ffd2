"""A row of the journal: an event with its place in the chain, its exact text, hash and MAC.

The text is the JSON of `Row` (UTF-8, field order of the structs, no spaces); its hash is SM3 over
exactly these bytes, so that every holder of the text can check it, in any language. Numbers are
integers only. Text of version 1 stays as it is, under its version, and is read as the same events.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import msgspec

from offline_store.clock import ClockReading
from offline_store.events.about import Alarm, GiveBack, Passage, Recovery
from offline_store.events.happened import Happened
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.tap import Tap
from offline_store.events.terminal import Checkpoint, Disclosure, Shift, SignIn

if TYPE_CHECKING:
    from offline_store.events.version_1 import Event1

Event = (
    Tap
    | Intent
    | PaymentEnd
    | Passage
    | GiveBack
    | Recovery
    | Alarm
    | Checkpoint
    | SignIn
    | Shift
    | Disclosure
)
ROW_VERSION: Literal[2] = 2
E = TypeVar("E", bound=Happened, covariant=True)
K = TypeVar("K", bound=Happened)


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The text of a row."""

    v: Literal[2]  # version of this shape
    terminal: str
    epoch: str  # 32 hex
    seq: int  # 1, 2, 3 … gapless within the epoch
    prev: str  # hash of the row before, 64 hex
    sealed: str = ""  # SM3 of the sealed identity's bytes, empty when there is none
    was: Reference | None = None  # of what is entered again: where it stood before
    event: Event


@dataclass(frozen=True)
class Stored(Generic[E]):
    """An event that a journal holds."""

    at: Reference
    terminal: str
    event: E
    was: Reference | None = None  # of what is entered again: where it stood before

    @property
    def clock(self) -> ClockReading:
        """When it was."""
        return self.event.clock


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A stored row: the exact text, its hash and its MAC under the forward key of `seq`."""

    epoch: str
    seq: int
    body: str
    hash: str
    mac: str

    @property
    def reference(self) -> Reference:
        """How a later event names this row: epoch, seq and hash."""
        return Reference(self.epoch, self.seq, self.hash)

    def row(self) -> Row:
        """The decoded text. Raises `msgspec.MsgspecError`, `RecursionError` when it is no row."""
        return read(self.body)

    def event(self) -> Event:
        """What happened. Raises as `row`."""
        return self.row().event

    def stored(self) -> Stored[Event]:
        """Raises as `row`."""
        return stored(self.row(), self.hash)


def read(body: str | bytes) -> Row:
    """The row of a text of either version. Raises `msgspec.MsgspecError`, `RecursionError` when it
    is none."""
    try:
        return _rows.decode(body)
    except msgspec.ValidationError:
        if _versions.decode(body).v != 1:
            raise
    from offline_store.events.version_1 import decoded  # few terminals have such rows

    return row_of(decoded(body))


def row_of(old: "Event1") -> Row:
    """A row of version 1 as one of today. Raises `msgspec.ValidationError` when what it says is no
    event of its kind."""
    from offline_store.events.version_1 import upgraded

    event, was = upgraded(old)
    return Row(
        v=ROW_VERSION,
        terminal=old.terminal,
        epoch=old.epoch,
        seq=old.seq,
        prev=old.prev,
        sealed=old.sealed,
        was=was,
        event=event,
    )


def stored(row: Row, digest: str) -> Stored[Event]:
    """`digest`: the hash of its text, 64 hex."""
    return Stored(Reference(row.epoch, row.seq, digest), row.terminal, row.event, row.was)


def of_kind(row: Stored[Event], kind: type[K]) -> Stored[K] | None:
    """The row, where its event is of that kind."""
    event = row.event
    return Stored(row.at, row.terminal, event, row.was) if isinstance(event, kind) else None


class _Version(msgspec.Struct, frozen=True):
    v: int


_rows = msgspec.json.Decoder(Row)
_versions = msgspec.json.Decoder(_Version)
