"""Sentences of one fix, in whatever order a receiver sends them → one place with its speed.

The speed stands in RMC or VTG only, which may come before or after the sentence with the place, or
not at all. A place waits for its speed as long as one fix takes to tell, and only where this
receiver tells one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from drivers.position.nmea import Fix, Speed

HOLD: Final = 0.8  # seconds; at 9600 baud all sentences of a fix take half a second
TOGETHER: Final = 0.8  # seconds between VTG and the place of its fix, where no time says so


class Fixes:
    """One per connection. Times are World.monotonic()."""

    def __init__(self) -> None:
        self._held: Fix | None = None  # a place without speed
        self._due = 0.0  # when it has waited for its speed long enough
        self._told: float | None = None  # time of the last fix that was told
        self._speed: tuple[float, float] | None = None  # of VTG, and when it came
        self._tells_speed = True  # this receiver, as far as is known

    def patience(self, at: float) -> float | None:
        """Seconds until `hear` wants to be called with nothing; None: it waits for nothing."""
        return max(0.0, self._due - at) if self._held else None

    def hear(self, said: Fix | Speed | None, at: float) -> Sequence[Fix]:
        """The places that are known now."""
        told = self._given_up(at)
        if isinstance(said, Speed):
            self._tells_speed = True
            self._speed = (said.speed, at)
            return [*told, *self._release()]
        if said is not None:
            told += self._place(said, at)
        return told

    def _given_up(self, at: float) -> list[Fix]:
        """What has waited long enough, without speed."""
        if self._held is None or at < self._due:
            return []
        self._tells_speed = False
        return self._release()

    def _place(self, fix: Fix, at: float) -> list[Fix]:
        self._tells_speed |= fix.speed is not None
        if fix.time is not None and fix.time == self._told:
            return []  # the same fix, in another sentence
        told: list[Fix] = []
        if self._held is not None and not self._is_held(fix):
            told = self._release()
        if self._speed is not None and at - self._speed[1] > TOGETHER:
            self._speed = None
        if self._held is None:
            self._due = at + HOLD
        self._held = fix
        if fix.speed is None and self._speed is None and self._tells_speed:
            return told
        return [*told, *self._release()]

    def _is_held(self, fix: Fix) -> bool:
        return self._held is not None and fix.time is not None and fix.time == self._held.time

    def _release(self) -> list[Fix]:
        """The held place, with what is known of its speed."""
        fix, speed = self._held, self._speed
        if fix is None:
            return []
        self._held, self._speed, self._told = None, None, fix.time
        return [replace(fix, speed=speed[0]) if fix.speed is None and speed else fix]
