from pathlib import Path

import pytest

from tests.agent.transit.stand import BusStand


@pytest.fixture
def bus_stand(tmp_path: Path) -> BusStand:
    return BusStand(tmp_path)
