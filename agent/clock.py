"""The terminal's clock with its quality: what every event and every time limit is judged by."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from offline_store.clock_quality import clock_quality
from offline_store.event import ClockQuality
from world import World

CHINA = timezone(timedelta(hours=8))
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class ClockReading:
    """A moment: unix milliseconds, how far they can be trusted, and which boot this is."""

    time_ms: int
    quality: ClockQuality
    boot: str

    @property
    def today(self) -> date:
        """The calendar day in China."""
        return datetime.fromtimestamp(self.time_ms / 1000, CHINA).date()


class Clock:
    """Reads the World's wall clock; the boot id is read once."""

    def __init__(self, world: World) -> None:
        self._world = world
        with world.open(BOOT_ID, "rb") as file:
            self._boot = file.read().decode("ascii").strip()

    def read(self) -> ClockReading:
        now = self._world.now()
        return ClockReading(int(now * 1000), clock_quality(self._world, now), self._boot)
