"""A gate with people in front of it, who move when it opens for them, or when they like.

`VirtualGate` stands on any `GateBoard`: an opening lets the next person of that side act, at once
and on the board's own thread, so nothing depends on time. `crowd` makes people from a seed.
"""

import random
import threading
from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from drivers.contract import Direction
from simulators.devices.boards import OnOpen


class Conduct(Enum):
    """What somebody does when the gate opens for him."""

    WALKS = "walks through"
    TURNS_BACK = "turns back"
    BRINGS_A_TAIL = "walks through, somebody close behind"
    IS_MET = "somebody comes towards him; he waits, then walks through"
    FORCES = "pushes the leaf, then walks through"


OPPOSITE: dict[Direction, Direction] = {"entry": "exit", "exit": "entry", "counter": "exit"}


class Sensing(Protocol):
    """What the gate needs of a board."""

    on_open: OnOpen

    def cross(self, direction: Direction) -> None: ...

    def force(self) -> None: ...


class VirtualGate:
    """People queue on each side; `arrive` adds one."""

    def __init__(self, board: Sensing) -> None:
        self._board = board
        self._guard = threading.Lock()
        self._queues: dict[Direction, deque[Conduct]] = {}
        board.on_open = self._opened

    def arrive(self, direction: Direction, *people: Conduct) -> None:
        with self._guard:
            self._queues.setdefault(direction, deque()).extend(people)

    def waiting(self, direction: Direction) -> int:
        with self._guard:
            return len(self._queues.get(direction, ()))

    def walk_without_tap(self, direction: Direction) -> None:
        """Somebody goes through a gate that is not open for him."""
        self._board.cross(direction)

    def force(self) -> None:
        """Somebody moves the leaf of a closed gate."""
        self._board.force()

    def _opened(self, direction: Direction) -> None:
        with self._guard:
            people = self._queues.get(direction)
            conduct = people.popleft() if people else Conduct.TURNS_BACK
        if conduct is Conduct.TURNS_BACK:
            return
        if conduct is Conduct.IS_MET:
            self._board.cross(OPPOSITE[direction])
        if conduct is Conduct.FORCES:
            self._board.force()
        self._board.cross(direction)
        if conduct is Conduct.BRINGS_A_TAIL:
            self._board.cross(direction)


def crowd(seed: int, count: int) -> Sequence[Conduct]:
    """`count` people, most of whom simply walk."""
    chance = random.Random(seed)
    kinds = list(Conduct)
    return chance.choices(kinds, weights=[12 if c is Conduct.WALKS else 2 for c in kinds], k=count)
