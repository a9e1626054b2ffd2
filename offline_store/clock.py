"""The terminal's clock with its quality: what every event and every time limit is judged by.

World's wall clock, boot id and time since power-up → `ClockReading`, which stands in each event →
how long ago an earlier event was, as far as anybody can know.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import inf
from pathlib import Path
from typing import Final, Literal, Protocol, TypeVar

import msgspec

from world import World
from world.china import CHINA as CHINA

ClockQuality = Literal["synchronised", "holdover", "unset"]

CHINA_AHEAD_MS: Final = 8 * 3_600_000
DAY_MS: Final = 24 * 3_600_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# 2026-01-01 in China: no terminal of this software can have been switched on before it was written.
EARLIEST = 1_767_196_800


@dataclass(frozen=True)
class Age:
    """How long ago something was (ms): between the two, which are one where it is known."""

    least: float
    most: float


class ClockReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """A moment: unix milliseconds, how far they can be trusted, which boot this is and how long
    the machine has been up (ms; 0: not known).

    A clock that went on since is believed, as no program can tell time that went by from a clock
    that was set forward. Where it went back, or was never set, there are two questions: what counts
    *against* a person counts as long as the event may have been within the time (`may_be_within`),
    what counts in the person's favour only where it surely was (`is_within`).
    """

    time_ms: int
    quality: ClockQuality
    boot: str
    up_ms: int = 0

    @property
    def today(self) -> date:
        """The calendar day in China."""
        return datetime.fromtimestamp(self.time_ms / 1000, CHINA).date()

    @property
    def today_ms(self) -> int:
        """How long today has lasted in China."""
        return (self.time_ms + CHINA_AHEAD_MS) % DAY_MS

    def age(self, then: "ClockReading") -> Age:
        """How long ago that was; never less than the machine has been up for since."""
        ago, same_boot = self.time_ms - then.time_ms, then.boot == self.boot
        unset = [then.quality, self.quality].count("unset")
        told = ago >= 0 and (unset == 0 or (unset == 2 and same_boot))
        since = then.up_ms if same_boot and then.up_ms <= self.up_ms else 0
        least = self.up_ms - since
        if told:
            return Age(max(ago, least), max(ago, least))
        if not self.up_ms:  # a reading that knows the calendar alone
            return Age(ago if ago >= 0 else inf, inf)
        return Age(least, inf)

    def may_be_within(self, then: "ClockReading", duration_ms: float) -> bool:
        """It may have been less than that ago."""
        return self.age(then).least < duration_ms

    def perhaps_within(self, done: Iterable["D"], duration_ms: float) -> Iterator["D"]:
        """Those that may have been less than that ago, of what the journal gives newest first."""
        for one in done:
            age = self.age(one.clock)
            if duration_ms <= age.most < inf:  # and so was all before it
                return
            if age.least < duration_ms:
                yield one

    def is_within(self, then: "ClockReading", duration_ms: float) -> bool:
        """It surely was no more than that ago."""
        return self.age(then).most <= duration_ms


class Dated(Protocol):
    """Something that the journal holds an event of."""

    @property
    def clock(self) -> ClockReading:
        """Time, quality and boot of that event."""
        ...


D = TypeVar("D", bound=Dated)


def clock_quality(world: World, now: float) -> ClockQuality:
    """How far `now` (unix seconds) can be trusted. unset: the clock was never set since power-up;
    holdover: no time source keeps it."""
    if now < EARLIEST:
        return "unset"
    return "synchronised" if world.clock_synchronised() else "holdover"


def read_clock(world: World, boot: str) -> ClockReading:
    """The clock now; `boot`: the kernel's id of this boot."""
    now = world.now()
    up_ms = int(world.monotonic() * 1000)
    return ClockReading(int(now * 1000), clock_quality(world, now), boot, up_ms)


class Clock:
    """Reads the World's wall clock; the boot id is read once."""

    def __init__(self, world: World) -> None:
        self._world = world
        with world.open(BOOT_ID, "rb") as file:
            self._boot = file.read().decode("ascii").strip()

    def read(self) -> ClockReading:
        """Time and quality of this moment, with the boot id; see `read_clock`."""
        return read_clock(self._world, self._boot)
