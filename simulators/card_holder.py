"""Holds cards into readers, each from a process of its own: like real cards they work side by side,
and not at the expense of the process whose time is measured.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Self

from simulators.cards import Card, Interface
from simulators.pcscd import Pcscd
from simulators.timing import CardTime, TimeTable
from simulators.vpcd import SOUND, Exchange, Slot

ARRIVES_WITHIN = 60.0  # seconds
FORK = multiprocessing.get_context("fork")


class HeldCard:
    """One card in one reader, from the start to the end of its process."""

    def __init__(self, pcscd: Pcscd, reader: str, card: Card, timing: CardTime | None) -> None:
        self._line, theirs = FORK.Pipe()
        self._process = FORK.Process(
            target=_hold, args=(pcscd, reader, card, timing, theirs, self._line)
        )
        self._process.start()
        theirs.close()
        self._line.recv()  # it has arrived

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid or 0

    def trace(self) -> Sequence[Exchange]:
        """See `simulators.vpcd.Insertion`; times are this process's too (CLOCK_MONOTONIC)."""
        self._line.send(None)
        exchanges: Sequence[Exchange] = self._line.recv()
        return exchanges

    def close(self) -> None:
        self._line.close()
        self._process.join()


class CardHolders:
    """`cards` by reader, each as that kind of reader meets it. A context manager.

    Entered (forked) by a process that has no threads yet. Until the end nobody else may put cards
    into readers of this pcscd, or give it orders: all share the one line to it.
    """

    def __init__(
        self,
        pcscd: Pcscd,
        cards: Mapping[str, tuple[Card, Interface]],
        table: TimeTable | None = None,
    ) -> None:
        """With a `table`, all of them take its time."""
        self._pcscd = pcscd
        self._cards = cards
        self._table = table
        self._stack = ExitStack()
        self._held: dict[str, HeldCard] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for reader, (card, interface) in self._cards.items():
                timing = self._table.at(interface) if self._table else None
                held = HeldCard(self._pcscd, reader, card, timing)
                stack.callback(held.close)
                self._held[reader] = held
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def trace(self, reader: str) -> Sequence[Exchange]:
        return self._held[reader].trace()

    def pids(self) -> Sequence[int]:
        """Of the processes that hold the cards."""
        return [held.pid for held in self._held.values()]


def _hold(
    pcscd: Pcscd,
    reader: str,
    card: Card,
    timing: CardTime | None,
    line: Connection,
    other_end: Connection,
) -> None:
    """The process: until the line ends, with its maker at the latest."""
    other_end.close()
    inserted = Slot(pcscd, reader).insert(card, SOUND, timing)
    line.send(inserted.arrived.wait(ARRIVES_WITHIN))
    with contextlib.suppress(EOFError):
        while True:
            line.recv()
            line.send(inserted.trace)
    os._exit(0)  # the card's thread, and what was inherited, are nobody's to tidy up here
