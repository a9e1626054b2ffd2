"""What sync needs from the journal: rows without a receipt, and a place to bring receipts to."""

from collections.abc import Sequence
from typing import Protocol

from sync.contract.messages import BatchRow, Receipt
from world import Event


class Head(Protocol):
    """Where the journal ends."""

    @property
    def epoch(self) -> str:
        """The epoch in which the journal writes now, 32 hexadecimal digits."""
        ...

    @property
    def seq(self) -> int:
        """The last `seq` of that epoch."""
        ...


class Outbox(Protocol):
    """Every call may raise a Fault of the store; the uplink then pauses and begins anew."""

    def unreceipted(self, limit: int) -> Sequence[BatchRow]:
        """At most `limit` rows, oldest first, rows of past epochs before those of this one."""
        ...

    def receipt(self, receipt: Receipt) -> None:
        """Take in a receipt; durable on return. Old, repeated and foreign ones do no harm."""
        ...

    def head(self) -> Head | None:
        """The last row, None before the first."""
        ...

    def subscribe(self, event: Event) -> None:
        """Have `event` set after every commit that added rows."""
        ...
