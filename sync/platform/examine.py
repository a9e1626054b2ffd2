"""One batch, row by row: what is an event of this terminal, and what is not and why.

Nothing here touches the database. A poisoned row does not hold back its neighbours; of a batch
that cannot be read at all the header still names the rows, and of one without even that only the
sender is known.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from offline_store.chain import body_hash
from offline_store.events.row import Row, row_of
from offline_store.events.version_1 import Event1
from sync.contract import messages
from sync.contract.messages import Item
from sync.contract.topics import Place
from world import Fault
from world.foreign import Undecodable, decoded

Reason = Literal["oversized", "hash", "event", "foreign", "place", "unreadable", "conflict"]


@dataclass(frozen=True, slots=True)
class ValidRow:
    """A row whose text has its hash and says of itself what topic and header say."""

    item: Item
    row: Row


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that goes to quarantine; `raw` is what came in for it."""

    seq: int
    reason: Reason
    raw: bytes


@dataclass(frozen=True, slots=True)
class Examined:
    """All rows of one batch."""

    epoch: str
    rows: tuple[ValidRow | RejectedRow, ...]


def examine(place: Place, payload: bytes) -> Examined:
    """Raises `MessageMalformed` when not even the header can be read."""
    header = messages.decode_header(payload)
    try:
        batch = messages.decode_batch(payload)
    except Fault:
        seqs = range(header.first, header.last + 1)
        return Examined(
            header.epoch, tuple(RejectedRow(seq, "unreadable", payload) for seq in seqs)
        )
    rows = tuple(_row(place, header.epoch, item) for item in batch.items)
    return Examined(header.epoch, rows)


def _row(place: Place, epoch: str, item: Item) -> ValidRow | RejectedRow:
    raw = msgspec.json.encode(item)
    if not item.body:
        return RejectedRow(item.seq, "oversized", raw)
    if body_hash(item.body) != item.hash:
        return RejectedRow(item.seq, "hash", raw)
    try:
        row = _read(item.body)
    except Undecodable:
        return RejectedRow(item.seq, "event", raw)
    if row.terminal != place.terminal:
        return RejectedRow(item.seq, "foreign", raw)
    if (row.epoch, row.seq) != (epoch, item.seq):
        return RejectedRow(item.seq, "place", raw)
    return ValidRow(item, row)


def _read(body: str) -> Row:
    """Of either version. Raises `Undecodable`."""
    try:
        return decoded(body, Row)
    except Undecodable as fault:
        old = decoded(body, Event1)
        try:
            return row_of(old)
        except msgspec.ValidationError:
            raise fault from None
