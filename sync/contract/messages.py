"""The messages: structs, their bytes, and caps that hold before anything is believed.

An event batch is one line of JSON (the header, readable when the rest is not), a line feed, and
the zlib stream of a JSON array of items. A receipt travels as the payload of a signed envelope;
state and applied are plain JSON. All numbers are integers.
"""

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta

from sync.faults import MessageMalformed, MessageTooLarge
from world.foreign import Undecodable, decoded

MAX_ITEMS = 50
MAX_BODY = 64 * 1024  # bytes of one event's text
MAX_HEADER = 512
MAX_INFLATED = 512 * 1024
MAX_PACKED = MAX_INFLATED + 4096  # what zlib cannot pack grows by less than this, header included
MAX_JSON = 64 * 1024  # receipt, state, applied
MAX_LISTED = 500  # quarantined seqs, conflicts and gaps in one receipt

T = TypeVar("T")
Epoch = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Seq = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Session = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base: unknown fields are left alone, so that an older end understands a newer one."""


class Item(Part, frozen=True, kw_only=True):
    """One journal row: the event's exact text, SM3 over its UTF-8 bytes, MAC under its key.

    A text above `MAX_BODY` is sent as the empty one; the platform quarantines the row by name.
    """

    seq: Seq
    hash: Hash
    mac: Hash
    body: str


class BatchHeader(Part, frozen=True, kw_only=True):
    """First line of a batch: enough to name its rows when the rest is unreadable."""

    v: Literal[1] = 1
    epoch: Epoch
    first: Seq
    last: Seq
    size: Annotated[int, Meta(ge=2, le=MAX_INFLATED)]  # of the inflated items, bytes


class EventBatch(Part, frozen=True, kw_only=True):
    """Up, `events`: rows of one epoch, one after the other without a gap."""

    header: BatchHeader
    items: tuple[Item, ...]


class Range(Part, frozen=True, kw_only=True, array_like=True):
    """Both ends included."""

    first: Seq
    last: Seq


class Receipt(Part, frozen=True, kw_only=True):
    """Down, `receipt`, in an envelope: what the platform's database holds of one epoch.

    Cumulative: a lost or late receipt is made good by the next one.
    """

    v: Literal[1] = 1
    epoch: Epoch
    seq: Count  # highest contiguous: it holds, or has in quarantine, every row up to here
    hash: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""  # of row `seq`; empty when none
    gaps: Annotated[tuple[Range, ...], Meta(max_length=MAX_LISTED)] = ()  # missing above `seq`
    quarantined: Annotated[tuple[Seq, ...], Meta(max_length=MAX_LISTED)] = ()  # the newest of them
    conflicts: Annotated[tuple[Seq, ...], Meta(max_length=MAX_LISTED)] = ()  # other content held


class State(Part, frozen=True, kw_only=True):
    """Up, `state`, retained: birth (`online`), farewell or will (`offline`) of one session."""

    v: Literal[1] = 1
    session: Session
    state: Literal["online", "offline"]
    version: str = ""  # of the agent
    epoch: str = ""  # of the journal; empty before the first row
    seq: Count = 0  # its head
    held: dict[str, Count] = {}  # "list/blacklist" → version in force


class Applied(Part, frozen=True, kw_only=True):
    """Up, `applied`: what became of an envelope, sent after the fact."""

    v: Literal[1] = 1
    kind: str
    name: str
    version: Count
    result: Literal["applied", "held", "refused"]  # held: this version was in force already
    code: str = ""  # of the Fault when refused


class BatchRow(Protocol):
    """What a batch is made of; `offline_store.events.row.Record` is one."""

    @property
    def epoch(self) -> str:
        """The epoch in which the row was written, 32 hexadecimal digits."""
        ...

    @property
    def seq(self) -> int:
        """The number of the row in its epoch; no number is left out."""
        ...

    @property
    def body(self) -> str:
        """The event's JSON, byte for byte what was hashed."""
        ...

    @property
    def hash(self) -> str:
        """SM3 of the body, 64 hexadecimal digits; the body holds the hash of the row before."""
        ...

    @property
    def mac(self) -> str:
        """The terminal's MAC over the hash, 64 hexadecimal digits."""
        ...


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch ready to send."""

    epoch: str
    first: int
    last: int
    payload: bytes


# Batches


def pack(rows: Sequence[BatchRow], limit: int = MAX_ITEMS) -> Packed:
    """As many of the first `rows` as one batch takes: one epoch, no gap, at most `limit` rows and
    `MAX_INFLATED` bytes. At least one row must be there."""
    items = [_item(rows[0])]
    size = len(items[0]) + 2
    for before, row in itertools.pairwise(rows[:limit]):
        item = _item(row)
        size += len(item) + 1
        if row.epoch != before.epoch or row.seq != before.seq + 1 or size > MAX_INFLATED:
            break
        items.append(item)
    array = b"[" + b",".join(items) + b"]"
    epoch, first, last = rows[0].epoch, rows[0].seq, rows[0].seq + len(items) - 1
    header = BatchHeader(epoch=epoch, first=first, last=last, size=len(array))
    payload = msgspec.json.encode(header) + b"\n" + zlib.compress(array)
    return Packed(epoch, first, last, payload)


def decode_header(payload: bytes) -> BatchHeader:
    """The first line. Raises `MessageMalformed`."""
    line, feed, _ = payload[:MAX_HEADER].partition(b"\n")
    if not feed:
        raise MessageMalformed(message="events", cause="no header line")
    header = _decode("events", line, BatchHeader)
    if not header.first <= header.last < header.first + MAX_ITEMS:
        raise MessageMalformed(message="events", cause="range")
    return header


def decode_batch(payload: bytes) -> EventBatch:
    """The whole batch; inflates at most what the header says. Raises `MessageMalformed`,
    `MessageTooLarge`."""
    if len(payload) > MAX_PACKED:
        raise MessageTooLarge(message="events", limit=MAX_PACKED)
    header = decode_header(payload)
    _, _, packed = payload.partition(b"\n")
    items = _decode("events", _inflate(packed, header.size), tuple[Item, ...])
    if [item.seq for item in items] != list(range(header.first, header.last + 1)):
        raise MessageMalformed(message="events", cause="items")
    return EventBatch(header=header, items=items)


def _item(row: BatchRow) -> bytes:
    body = row.body if len(row.body.encode()) <= MAX_BODY else ""
    return msgspec.json.encode(Item(seq=row.seq, hash=row.hash, mac=row.mac, body=body))


def _inflate(packed: bytes, size: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise MessageMalformed(message="events", cause="zlib") from error
    if len(inflated) > size:
        raise MessageTooLarge(message="events", limit=size)
    if len(inflated) < size or not stream.eof or stream.unused_data:
        raise MessageMalformed(message="events", cause="size")
    return inflated


# JSON


def encode(message: Receipt | State | Applied) -> bytes:
    """The message as JSON, UTF-8, in the order of its fields."""
    return msgspec.json.encode(message)


def decode_receipt(payload: bytes) -> Receipt:
    """Raises `MessageMalformed`, `MessageTooLarge`; so do the other two."""
    return _decode_small("receipt", payload, Receipt)


def decode_state(payload: bytes) -> State:
    """From the payload of `up/state`. Raises `MessageMalformed`."""
    return _decode_small("state", payload, State)


def decode_applied(payload: bytes) -> Applied:
    """From the payload of `up/applied`. Raises `MessageMalformed`."""
    return _decode_small("applied", payload, Applied)


def _decode_small(message: str, payload: bytes, shape: type[T]) -> T:
    if len(payload) > MAX_JSON:
        raise MessageTooLarge(message=message, limit=MAX_JSON)
    return _decode(message, payload, shape)


def _decode(message: str, payload: bytes, shape: type[T]) -> T:
    try:
        return decoded(payload, shape)
    except Undecodable as fault:
        # Not the fault's own words: they may quote what stands in the payload.
        raise MessageMalformed(message=message, cause="form") from fault
