"""docs/drivers.md is what the installed drivers say of themselves."""

import pytest

from drivers.document import GROUPS, document, options_of
from drivers.options import DriverOptions
from tests import product
from world.packages import EntryPoint, entry_points

DRIVERS = [point for group in GROUPS for point in entry_points(group=f"onecard.{group}")]


def test_the_page_of_drivers_is_generated() -> None:
    page = (product.ROOT / "docs" / "drivers.md").read_text(encoding="utf-8")
    assert page == document(), "run: python -m drivers.document > docs/drivers.md"


@pytest.mark.parametrize("point", DRIVERS, ids=lambda point: f"{point.group}:{point.name}")
def test_every_driver_refuses_an_option_that_it_does_not_know(point: EntryPoint) -> None:
    options = options_of(point)
    assert options is not None
    assert issubclass(options, DriverOptions)


def test_options_within_a_table_are_rows_of_their_own() -> None:
    page = document()
    assert "| `sensors.forced` | integer" in page
    assert "Sensors(" not in page
    assert "Reports(" not in page


def test_the_options_of_pcsc_readers_are_told_though_each_slot_checks_its_own() -> None:
    section = document().partition("### `pcsc`")[2].partition("###")[0]
    assert "`lamp`" in section
