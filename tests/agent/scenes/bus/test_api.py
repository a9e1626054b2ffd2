"""The vehicle's routes: what they show, what they change, and what they refuse."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from agent.api.server import ApiServer
from agent.cli.client import Client, DaemonRefused
from agent.scenes.bus.journey import VehicleState
from simulators.world import SimWorld
from tests.agent.api.test_api import FakeDaemon
from tests.agent.scenes.bus.stand import ANN, Bus
from world.real import RealWorld


class Vehicle(FakeDaemon):
    """A daemon in a bus."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.bus = Bus(cast(SimWorld, RealWorld()), folder)

    @property
    def journey(self) -> VehicleState:
        return self.bus.desk


@pytest.fixture
def daemon(tmp_path: Path) -> Vehicle:
    return Vehicle(tmp_path)


@pytest.fixture
def client(daemon: Vehicle, tmp_path: Path) -> Iterator[Client]:
    server = ApiServer(RealWorld(), daemon, tmp_path / "agent.sock")
    server.start()
    yield Client(RealWorld(), str(tmp_path / "agent.sock"))
    server.stop()


def refused(client: Client, route: str, body: dict[str, object]) -> str:
    """The sentence of a refusal."""
    with pytest.raises(DaemonRefused) as raised:
        client.post(route, body)
    return str(raised.value.facts["error"])


def test_line_and_stop_are_chosen_and_shown(client: Client) -> None:
    client.post("/v1/journey/line", {"line": "9", "direction": "down"})
    found = client.post("/v1/journey/stop", {"stop": "S4"})
    assert (found["line"], found["direction"], found["stop"]) == ("9", "down", "S4")
    assert found["source"] == "manual"
    assert found["manual_seconds"] > 0
    assert client.get("/v1/journey")["summary"] is None
    assert client.post("/v1/journey/follow", {})["manual_seconds"] == 0


def test_the_shift_is_summed_up_and_closed(client: Client, daemon: Vehicle) -> None:
    daemon.bus.sign()
    daemon.bus.ride(200)
    daemon.bus.ride(0, "senior")
    found = client.get("/v1/journey")
    assert (found["summary"]["rides"], found["summary"]["amount"]) == (2, 200)
    assert found["shift"]["driver"] == ANN[:8]
    assert ANN not in str(found)
    assert client.post("/v1/journey/sign-off", {})["shift"] is None
    assert "No driver is signed on" in refused(client, "/v1/journey/sign-off", {})


@pytest.mark.parametrize(
    ("route", "body", "words"),
    [
        ("line", {"line": "77"}, "There is no line 77"),
        ("stop", {"stop": "M11"}, "does not stop at M11"),
        ("stop", {}, "body"),
        ("line", {"line": "9", "direction": "sideways"}, "body"),
        ("follow", {"x": 1}, "body"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    client: Client, route: str, body: dict[str, object], words: str
) -> None:
    assert words in refused(client, f"/v1/journey/{route}", body)


def test_a_terminal_that_rides_in_nothing_says_so(tmp_path: Path) -> None:
    server = ApiServer(RealWorld(), FakeDaemon(), tmp_path / "agent.sock")
    server.start()
    try:
        client = Client(RealWorld(), str(tmp_path / "agent.sock"))
        with pytest.raises(DaemonRefused):
            client.get("/v1/journey")
        assert "in no vehicle" in refused(client, "/v1/journey/stop", {"stop": "S1"})
    finally:
        server.stop()
