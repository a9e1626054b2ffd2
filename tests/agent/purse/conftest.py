from pathlib import Path

import pytest

from tests.agent.purse.metro_stand import MetroStand
from tests.agent.purse.stand import BusStand


@pytest.fixture
def bus_stand(tmp_path: Path) -> BusStand:
    return BusStand(tmp_path)


@pytest.fixture
def metro_stand(tmp_path: Path) -> MetroStand:
    return MetroStand(tmp_path)
