"""The chain's arithmetic, without any storage: hashes, forward keys, and their verification.

body ─SM3─▶ hash ─▶ prev of the next body; hash ─HMAC-SM3(k)─▶ mac, then k ← SM3(k).
Source: design.md, The journal. All of it is deterministic, so the platform checks with the same.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from offline_store.events.row import Record, Row
from offline_store.events.terminal import Checkpoint
from trust.sm3 import hmac_sm3, sm3

FIRST_SEQ = 1
UNREADABLE_MAC = "0" * 64


def body_hash(body: str) -> str:
    """SM3 over the text's UTF-8 bytes, hex."""
    return sm3(body.encode()).hex()


def first_prev(terminal: str, epoch: str, head: str) -> str:
    """What an epoch's first event has as `prev`: SM3(terminal ‖ epoch ‖ last known head), hex.

    ASCII texts; `head` is empty when no earlier event is known. The lengths (≤ 32, 32, 0 or 64)
    make the parts unambiguous.
    """
    return sm3(f"{terminal}{epoch}{head}".encode()).hex()


def epoch_key(seed: bytes, epoch: str) -> bytes:
    """k of the epoch's first row: HMAC-SM3(seed, epoch bytes)."""
    return hmac_sm3(seed, bytes.fromhex(epoch))


def next_seed(seed: bytes) -> bytes:
    """The journal seed after an epoch has begun; the way back is closed."""
    return sm3(seed)


def next_key(key: bytes) -> bytes:
    """k of the following row; the way back is closed."""
    return sm3(key)


def key_at(k0: bytes, seq: int) -> bytes:
    """k of row `seq` for who knows the epoch's first key (the platform)."""
    key = k0
    for _ in range(FIRST_SEQ, seq):
        key = next_key(key)
    return key


def mac(key: bytes, digest: str) -> str:
    """HMAC-SM3 over the hash's 32 bytes, hex."""
    return hmac_sm3(key, bytes.fromhex(digest)).hex()


BreakKind = Literal["hash", "event", "place", "gap", "prev", "mac"]


class Break(msgspec.Struct, frozen=True):
    """A place where the chain does not hold, and in which way."""

    epoch: str
    seq: int
    kind: BreakKind


def verify_chain(records: Iterable[Record], k0: bytes | None = None) -> list[Break]:
    """Check rows of one epoch, ascending; those of all epochs if there is no `k0`.

    hash: the text is not what was hashed · event: the text is no event · place: it names another
    place than its row · gap: rows are missing before it · prev: it follows another event · mac:
    not sealed with its key (checked when `k0` is given). The first row may be any: what lies
    before it is not judged, except that a row with seq 1 must follow what its epoch began with.
    """
    breaks: list[Break] = []
    before: Record | None = None
    key, at = k0, FIRST_SEQ
    for record in records:
        if before is not None and before.epoch != record.epoch:
            before = None
        breaks += [Break(record.epoch, record.seq, kind) for kind in _wrong(before, record)]
        if key is not None:
            for _ in range(at, record.seq):
                key = next_key(key)
            at = max(at, record.seq)
            if mac(key, record.hash) != record.mac:
                breaks.append(Break(record.epoch, record.seq, "mac"))
        before = record
    return breaks


def _wrong(before: Record | None, record: Record) -> list[BreakKind]:
    wrong: list[BreakKind] = []
    if body_hash(record.body) != record.hash:
        wrong.append("hash")
    try:
        row = record.row()
    except (msgspec.MsgspecError, RecursionError):
        return [*wrong, "event"]
    if (row.epoch, row.seq) != (record.epoch, record.seq):
        wrong.append("place")
    if record.seq == FIRST_SEQ:
        if not begins_an_epoch(row):
            wrong.append("prev")
    elif before is not None and before.seq + 1 != record.seq:
        wrong.append("gap")
    elif before is not None and row.prev != before.hash:
        wrong.append("prev")
    return wrong


def begins_an_epoch(row: Row) -> bool:
    """Whether a first row follows what its epoch began with, as it says itself."""
    head = row.event.head if isinstance(row.event, Checkpoint) else ""
    return row.prev == first_prev(row.terminal, row.epoch, head)
