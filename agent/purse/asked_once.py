"""A purse of one presentation that is asked each thing once: what it tells of its past stays the
same until something new is begun on it, however many payments of its number are open.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

from apdu.channel import Channel
from apdu.transit.files import Layout
from apdu.transit.purse import Purse
from apdu.transit.values import Initialised, Kind, LogEntry, PsamTerminal, TransactionProof

T = TypeVar("T")


class AskedOnce(Purse):
    """See `Purse`."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel)
        self._told: dict[Hashable, object] = {}

    def balance(self) -> int:
        return self._once("balance", super().balance)

    def proof(self, kind: Kind, seq: int) -> TransactionProof | None:
        ask = super().proof
        return self._once((kind, seq), lambda: ask(kind, seq))

    def log(self, number: int) -> LogEntry | None:
        ask = super().log
        return self._once(number, lambda: ask(number))

    def read_record(self, layout: Layout) -> bytes:
        ask = super().read_record
        return self._once((layout.sfi, layout.number), lambda: ask(layout))

    def initialise(
        self, kind: Kind, amount: int, terminal: PsamTerminal, *, expected: int | None = None
    ) -> Initialised:
        self._told.clear()
        return super().initialise(kind, amount, terminal, expected=expected)

    def _once(self, what: Hashable, ask: Callable[[], T]) -> T:
        if what not in self._told:
            self._told[what] = ask()
        return cast(T, self._told[what])
