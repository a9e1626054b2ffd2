"""Which rows are on their way: at most so many batches, each with a time by which it is missed.

Without receipts the window closes to one batch that is tried ever more rarely, so that a city of
terminals does not pour the same rows again and again into a platform that is down; with receipts
it opens again. Pure: time is handed in (monotonic seconds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sync.contract.messages import BatchRow, Packed, Receipt

GAP_GRACE = 2.0  # younger batches may just be with another worker of the platform


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a receipt may take, in seconds: at first, and at most after doubling."""

    first: float = 10.0
    most: float = 300.0


@dataclass(frozen=True, slots=True)
class BatchInFlight:
    """One batch that was published and has no receipt."""

    epoch: str
    first: int
    last: int
    sent: float
    deadline: float

    def holds(self, row: BatchRow) -> bool:
        """Whether the row is one of the batch, by epoch and `seq`."""
        return self.epoch == row.epoch and self.first <= row.seq <= self.last


class Window:
    """The batches in flight. `limit` is the most there may be at once."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._wait = patience.first
        self._limit = 1
        self._open = 1
        self._flights: list[BatchInFlight] = []

    def begin(self, limit: int) -> None:
        """A new connection: whatever was on its way counts as lost."""
        self._limit = max(1, limit)
        self._open = 1
        self._flights = []

    @property
    def has_room(self) -> bool:
        """Whether another batch may be sent; after a loss only one, then one more with each
        receipt."""
        return len(self._flights) < self._open

    @property
    def rows(self) -> int:
        """How many rows are on their way."""
        return sum(flight.last - flight.first + 1 for flight in self._flights)

    @property
    def deadline(self) -> float | None:
        """When the next batch is missed."""
        return min((flight.deadline for flight in self._flights), default=None)

    def grounded(self, rows: Sequence[BatchRow]) -> list[BatchRow]:
        """Those of `rows` that are not on their way."""
        return [row for row in rows if not any(flight.holds(row) for flight in self._flights)]

    def sent(self, batch: Packed, now: float, jitter: float = 0.0) -> None:
        """`jitter`, 0 to 1, spreads the deadlines of many terminals by up to a quarter."""
        deadline = now + self._wait * (1 + jitter / 4)
        self._flights.append(BatchInFlight(batch.epoch, batch.first, batch.last, now, deadline))

    def receipted(self, receipt: Receipt, now: float) -> None:
        """Let go of what the platform has, and of what it says it lacks, so that it is resent."""
        before = len(self._flights)
        self._flights = [f for f in self._flights if not _has(receipt, f)]
        if len(self._flights) < before:
            self._wait = self._patience.first
            self._open = min(self._open + 1, self._limit)
        self._flights = [f for f in self._flights if not _lacks(receipt, f, now)]
        if receipt.conflicts:
            self._flights = []  # the store begins a new epoch and enters rows again

    def missed(self, now: float) -> BatchInFlight | None:
        """The oldest batch that is overdue, if any; then all count as lost."""
        overdue = [flight for flight in self._flights if flight.deadline <= now]
        if not overdue:
            return None
        self._flights = []
        self._open = 1
        self._wait = min(self._wait * 2, self._patience.most)
        return min(overdue, key=lambda flight: flight.sent)


def _has(receipt: Receipt, flight: BatchInFlight) -> bool:
    return flight.epoch == receipt.epoch and flight.last <= receipt.seq


def _lacks(receipt: Receipt, flight: BatchInFlight, now: float) -> bool:
    return (
        flight.epoch == receipt.epoch
        and flight.sent <= now - GAP_GRACE
        and any(gap.first <= flight.last and flight.first <= gap.last for gap in receipt.gaps)
    )
