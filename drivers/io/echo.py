"""Tells our own bytes from a device's: a two-wire adapter may hear what it sends (local echo).

What is sent goes through `sent`, what comes through `without`. A line is known to echo once it has
given back bytes that no device on it would say; from then on whatever was sent is taken off.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from world import World

KEEP: Final = 1.0  # seconds in which an echo comes back, a serial server's detours among them
KEEP_MARKS: Final = 10.0  # seconds that a mark is looked for, as long as no other has come back
LEAST_MARK: Final = 3  # bytes; noise is taken for fewer too easily
MOST_OWED: Final = 64  # writes within that time

# What to send where a device's every answer may be equal to its question. No board of
# devices.md begins a frame with any of these bytes, so none takes them for an order.
NOBODYS: Final = bytes.fromhex("3CC35A")


@dataclass(frozen=True)
class _Sent:
    data: bytes = field(repr=False)
    at: float
    marks: bool


class Echo:
    """Of one open line. Any thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._guard = world.lock()
        self._owed: deque[_Sent] = deque(maxlen=MOST_OWED)  # not come back, oldest first
        self._tail = b""  # the last bytes that were given out before the line was known to echo
        self._held = b""  # may be the beginning of something owed
        self._found = False

    @property
    def found(self) -> bool:
        """The line echoes."""
        return self._found

    @property
    def patience(self) -> float | None:
        """Seconds until bytes that are held back are no echo; None when none are."""
        with self._guard:
            if not self._held:
                return None
            return max(0.0, max(one.at for one in self._owed) + KEEP - self._world.monotonic())

    def sent(self, data: bytes, *, marks: bool) -> None:
        """This goes out now. `marks`: nothing that a device here says is equal to it, so a line
        that gives it back echoes."""
        if data:
            marks = marks and len(data) >= LEAST_MARK
            with self._guard:
                self._owed.append(_Sent(data, self._world.monotonic(), marks))

    def without(self, data: bytes) -> bytes:
        """What of it the device said; a possible beginning of our own bytes is held back."""
        with self._guard:
            self._forget()
            return self._taken_off(self._held + data) if self._found else self._looked(data)

    def _forget(self) -> None:
        """What has not come back by now does not come."""
        now = self._world.monotonic()
        for one in list(self._owed):
            keep = KEEP_MARKS if one.marks and not self._found else KEEP
            if now >= one.at + keep:  # as `patience` counts it
                self._owed.remove(one)

    def _looked(self, data: bytes) -> bytes:
        """As long as the line is not known to echo, all is given out but the first mark."""
        window = self._tail + data
        for number, one in enumerate(self._owed):
            at = window.find(one.data) if one.marks else -1
            if at >= 0:
                self._found = True
                self._drop_owed(number)
                before = window[len(self._tail) : at]
                self._tail = b""
                return before + self._taken_off(window[at + len(one.data) :])
        longest = max((len(one.data) for one in self._owed if one.marks), default=0)
        self._tail = window[-(longest - 1) :] if longest > 1 else b""
        return data

    def _taken_off(self, heard: bytes) -> bytes:
        """Without what is owed. An echo that came damaged stays in, and is no answer either."""
        given = b""
        while (found := self._first_owed(heard)) is not None:
            number, at = found
            given += heard[:at]
            heard = heard[at + len(self._owed[number].data) :]
            self._drop_owed(number)
        held = max((_overlap(heard, one.data) for one in self._owed), default=0)
        self._held = heard[len(heard) - held :]
        return given + heard[: len(heard) - held]

    def _first_owed(self, heard: bytes) -> tuple[int, int] | None:
        """What of the owed comes first in it, and where: they come back in their order."""
        places = [(heard.find(one.data), number) for number, one in enumerate(self._owed)]
        at, number = min((place for place in places if place[0] >= 0), default=(-1, -1))
        return (number, at) if at >= 0 else None

    def _drop_owed(self, number: int) -> None:
        """It has come back, and what was sent before it will not."""
        for _ in range(number + 1):
            self._owed.popleft()


def _overlap(heard: bytes, own: bytes) -> int:
    """How many bytes at the end of `heard` may be the beginning of `own`."""
    most = min(len(heard), len(own) - 1)
    return next((size for size in range(most, 0, -1) if own.startswith(heard[-size:])), 0)
