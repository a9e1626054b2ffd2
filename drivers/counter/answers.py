"""What an ESC/POS printer says: bytes in, and for each what it is, by the bits that are fixed.

    DLE EOT n   0..1 ..10   at once, even while it prints
    GS r n      0..0 ....   in its turn, after all that was sent before
    GS a n      0..1 ..00, then three of 0..0 ....: unasked, whenever something changes (automatic
                status back), which many printers are shipped or set to do

The last three bytes of an unasked status look like answers of GS r, so they are told apart by their
order. XON and XOFF, and what fits none of these, are no word of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from world import World

REAL_TIME: Final = (0x93, 0x12)  # mask of the fixed bits, and what they are
UNASKED: Final = (0x93, 0x10)
IN_TURN: Final = (0x90, 0x00)
FLOW: Final = (0xFD, 0x11)  # XON 11, XOFF 13: may come between any two bytes
UNASKED_SIZE: Final = 4
BURST: Final = 0.05  # seconds; what is said at once comes closer together, as a rule …
UNFINISHED: Final = 0.5  # … but a server between may hold the rest of a status back for so long


@dataclass(frozen=True)
class AutomaticStatus:
    """An automatic status, whole. What it says is asked for by DLE EOT, so that noise is none."""


@dataclass(frozen=True)
class RealTime:
    """An answer to DLE EOT."""

    status: int


@dataclass(frozen=True)
class InTurn:
    """What may be an answer to GS r."""


Heard = AutomaticStatus | RealTime | InTurn


class StatusParser:
    """One per connection."""

    def __init__(self) -> None:
        self._begun = 0  # bytes of an unasked status
        self._last = 0.0

    def feed(self, data: bytes, at: float) -> Sequence[Heard]:
        """`data` came at `at` (World.monotonic()); what is none of the three is skipped."""
        if at - self._last > UNFINISHED:
            self._begun = 0
        self._last = at
        return [heard for byte in data if (heard := self._one(byte)) is not None]

    def _one(self, byte: int) -> Heard | None:
        if _is(byte, FLOW):
            return None
        begun, self._begun = self._begun, 0
        if _is(byte, UNASKED):
            self._begun = 1
            return None
        if _is(byte, REAL_TIME):
            return RealTime(byte)
        if not _is(byte, IN_TURN):
            return None
        if not begun:
            return InTurn()
        if begun + 1 < UNASKED_SIZE:
            self._begun = begun + 1
            return None
        return AutomaticStatus()


def is_answer(said: bytes) -> bool:
    """Whether this is one answer to DLE EOT, beside what is told unasked, and nothing else."""
    words = StatusParser().feed(said, 0.0)
    answers = sum(isinstance(word, RealTime) for word in words)
    told = sum(isinstance(word, AutomaticStatus) for word in words)
    flow = sum(_is(byte, FLOW) for byte in said)
    return answers == 1 and answers + told * UNASKED_SIZE + flow == len(said)


class Answers:
    """Where the device's thread leaves what the printer said, and the thread that prints waits for
    it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._guard = world.lock()  # over what follows
        self._news = world.event()
        self._parser = StatusParser()
        self._status: int | None = None
        self._asked = False  # for a status
        self._in_turn = 0
        self._heard_at = 0.0
        self.unasked = False  # it has told something since `forget`
        self.over = True  # nobody will answer any more

    # The device's thread

    def begin(self) -> None:
        """The printer is there."""
        with self._guard:
            self._parser = StatusParser()
            self._status, self._in_turn, self.unasked = None, 0, False
            self.over = False

    def end(self) -> None:
        """The printer has gone: a thread that waits need not."""
        self.over = True
        self._news.set()

    def take(self, data: bytes) -> int:
        """What came from the printer; how much of it answers no question."""
        at, unasked = self._world.monotonic(), 0
        with self._guard:
            for heard in self._parser.feed(data, at):
                self._heard_at = at
                if isinstance(heard, AutomaticStatus):
                    self.unasked = True
                    unasked += 1
                elif isinstance(heard, InTurn):
                    self._in_turn += 1
                elif self._asked:
                    self._status, self._asked = heard.status, False
                else:
                    unasked += 1
        self._news.set()
        return unasked

    # Whoever prints

    def forget(self) -> None:
        """What it told unasked is being asked for."""
        self.unasked = False

    def forget_turns(self) -> None:
        """What came so far is no answer to what is asked now."""
        with self._guard:
            self._in_turn = 0

    def status(self, send: Callable[[], None], within: float) -> int | None:
        """The answer to the DLE EOT that `send` sends; None when none came within so many seconds,
        or the printer went away."""
        with self._guard:
            self._status, self._asked = None, True
        send()
        self._await(lambda: self._status is not None, within)
        with self._guard:
            self._asked = False
            return self._status

    def in_turn(self, within: float) -> int:
        """How many bytes came that may be answers to GS r, when no more come; none after `within`
        seconds, or when the printer tells something unasked before."""
        self._await(lambda: self._in_turn > 0 or self.unasked, within)
        while self._in_turn and (left := self._heard_at + BURST - self._world.monotonic()) > 0:
            self._world.wait(left)
        with self._guard:
            count, self._in_turn = self._in_turn, 0
            return count

    def _await(self, there: Callable[[], bool], within: float) -> None:
        deadline = self._world.monotonic() + within
        while not there() and not self.over:
            left = deadline - self._world.monotonic()
            if left <= 0 or not self._news.wait(left):
                return
            self._news.clear()


def _is(byte: int, kind: tuple[int, int]) -> bool:
    mask, fixed = kind
    return byte & mask == fixed
