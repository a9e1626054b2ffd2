"""A journal in memory, for tests that are not about the store."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from offline_store import chain
from offline_store.clock import ClockReading
from offline_store.events.row import ROW_VERSION
from offline_store.events.row import Row as RowText
from offline_store.events.tap import Tap
from sync.contract.messages import Receipt
from world.ports import Event as WorldEvent

EPOCH = "0123456789abcdef" * 2
SEED = b"made-up journal seed of 32 bytes"


@dataclass(frozen=True)
class Row:
    epoch: str
    seq: int
    body: str
    hash: str
    mac: str


def row(seq: int, body: str = "{}", epoch: str = EPOCH) -> Row:
    return Row(epoch, seq, body, chain.body_hash(body), "0" * 64)


class MemoryJournal:
    """Rows of one epoch with a right chain and right MACs; the outbox is what has no receipt."""

    def __init__(self, terminal: str, epoch: str = EPOCH, seed: bytes = SEED) -> None:
        self.terminal = terminal
        self.epoch = epoch
        self.rows: list[Row] = []
        self.receipted = 0
        self.receipts: list[Receipt] = []
        self.asked = 0
        self._prev = chain.first_prev(terminal, epoch, "")
        self._key = chain.epoch_key(seed, epoch)
        self._listeners: list[WorldEvent] = []
        self._changed = threading.Condition()

    def add(self, count: int = 1, **fields: object) -> None:
        with self._changed:
            for _ in range(count):
                self.rows.append(self._seal(len(self.rows) + 1, fields))
        for listener in self._listeners:
            listener.set()

    def _seal(self, seq: int, fields: dict[str, object]) -> Row:
        given: dict[str, Any] = {
            "clock": ClockReading(1_790_000_000_000 + seq, "synchronised", "boot-1"),
            "verdict": "accepted",
        }
        text = RowText(
            v=ROW_VERSION,
            terminal=self.terminal,
            epoch=self.epoch,
            seq=seq,
            prev=self._prev,
            event=Tap(**{**given, **fields}),
        )
        body = msgspec.json.encode(text).decode()
        self._prev = chain.body_hash(body)
        mac = chain.mac(self._key, self._prev)
        self._key = chain.next_key(self._key)
        return Row(self.epoch, seq, body, self._prev, mac)

    def unreceipted(self, limit: int) -> Sequence[Row]:
        with self._changed:
            self.asked += 1
            return self.rows[self.receipted : self.receipted + limit]

    def receipt(self, receipt: Receipt) -> None:
        with self._changed:
            self.receipts.append(receipt)
            if receipt.epoch == self.epoch:
                self.receipted = max(self.receipted, min(receipt.seq, len(self.rows)))
            self._changed.notify_all()

    def head(self) -> Row | None:
        return self.rows[-1] if self.rows else None

    def subscribe(self, event: WorldEvent) -> None:
        self._listeners.append(event)

    def wait_receipted(self, seq: int, timeout: float = 60.0) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.receipted >= seq, timeout)
