"""Holds cards into readers from a process of its own, so that simulated cards do not compute at the
expense of a process whose time is measured.
"""

import contextlib
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Self

from simulators.cards import Card, Interface
from simulators.pcscd import Pcscd
from simulators.timing import TimeTable
from simulators.vpcd import SOUND, Exchange, Slot


class Hands:
    """`cards` by reader, each as that kind of reader meets it; they lie there until the end.

    Made (forked) by a process that has no threads yet. While it lives nobody else may put cards
    into readers of this pcscd, or give it orders: both processes hold the one line to it.
    """

    def __init__(
        self,
        pcscd: Pcscd,
        cards: Mapping[str, tuple[Card, Interface]],
        table: TimeTable | None = None,
    ) -> None:
        """With a `table`, all of them take its time."""
        context = multiprocessing.get_context("fork")
        self._line, theirs = context.Pipe()
        self._process = context.Process(
            target=_hold, args=(pcscd, cards, table, theirs, self._line), name="hands"
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line.close()
        self._process.join()

    def trace(self, reader: str) -> Sequence[Exchange]:
        """See `simulators.vpcd.Insertion`; times are this process's too (CLOCK_MONOTONIC)."""
        self._line.send(reader)
        exchanges: Sequence[Exchange] = self._line.recv()
        return exchanges


def _hold(
    pcscd: Pcscd,
    cards: Mapping[str, tuple[Card, Interface]],
    table: TimeTable | None,
    line: Connection,
    other_end: Connection,
) -> None:
    """The process: until the line ends, with its maker at the latest."""
    other_end.close()
    inserted = {
        reader: Slot(pcscd, reader).insert(card, SOUND, table.at(interface) if table else None)
        for reader, (card, interface) in cards.items()
    }
    with contextlib.suppress(EOFError):
        while True:
            line.send(inserted[line.recv()].trace)
    os._exit(0)  # the cards' threads, and what was inherited, are nobody's to tidy up here
