"""The clock's quality: what records are flagged with and time limits are judged by."""

from datetime import date, datetime

import pytest

from offline_store.clock import BOOT_ID, CHINA, EARLIEST, Clock, ClockReading
from simulators.world import SimWorld


def read(*, now: float | None = None, synchronised: bool = True) -> ClockReading:
    world = SimWorld(1)
    world.synchronised = synchronised
    if now is not None:
        world.jump_clock(now - world.now())
    return Clock(world).read()


@pytest.mark.parametrize(
    ("now", "synchronised", "quality"),
    [
        (None, True, "synchronised"),
        (None, False, "holdover"),
        (0.0, True, "unset"),
        (60.0, False, "unset"),
        (EARLIEST - 1, True, "unset"),
        (EARLIEST + 1, True, "synchronised"),
    ],
)
def test_a_clock_before_this_software_was_written_was_never_set(
    now: float | None, synchronised: bool, quality: str
) -> None:
    assert read(now=now, synchronised=synchronised).quality == quality


def test_quality_follows_the_time_service() -> None:
    world = SimWorld(1)
    clock = Clock(world)
    qualities = []
    for synchronised in (True, False, True):
        world.synchronised = synchronised
        qualities.append(clock.read().quality)
    assert qualities == ["synchronised", "holdover", "synchronised"]


@pytest.mark.parametrize(
    ("moment", "today"),
    [
        (datetime(2026, 9, 21, 23, 59, 59, tzinfo=CHINA), date(2026, 9, 21)),
        (datetime(2026, 9, 22, tzinfo=CHINA), date(2026, 9, 22)),
    ],
)
def test_a_day_begins_at_midnight_in_china(moment: datetime, today: date) -> None:
    assert ClockReading(int(moment.timestamp() * 1000), "synchronised", "b").today == today


def test_the_boot_is_the_kernels() -> None:
    assert read().boot == BOOT_ID.read_text().strip()
    assert read().boot == read().boot
