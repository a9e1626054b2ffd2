"""A whole agent in a bus: lists from the platform, a receiver on a line, the driver's hands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from agent.fares.entitlements import entitlements_payload
from simulators.devices.gnss import GnssSimulator
from simulators.site import Site, until
from tests.agent.fares.city import FARES_JSON, LINES_JSON, PEOPLE
from tests.journeys.gate import onecard

VEHICLE = """
[vehicle]
id = "bus-0117"
line = "9"

[journey]
gnss = {{ port = "{port}" }}
sure = 2

[sync]"""


@dataclass(frozen=True)
class Bus:
    site: Site
    gnss: GnssSimulator

    def journey(self) -> dict[str, Any]:
        return self.site.agent.client.get("/v1/journey")

    def receiver(self) -> dict[str, Any]:
        devices = self.site.agent.client.get("/v1/devices")["devices"]
        found: dict[str, Any] = next(d for d in devices if d["name"] == "gnss")
        return found


@pytest.fixture(scope="module")
def bus() -> Iterator[Bus]:
    with Site(language="en") as site:
        port = site.folder / "gnss"
        text = site.config.read_text()
        assert "\n[sync]" in text
        site.config.write_text(text.replace("\n[sync]", VEHICLE.format(port=port), 1))
        with GnssSimulator(port) as gnss:
            site.agent.start()
            until(lambda: site.agent.status()["sync"]["state"] == "online", "no link")
            site.platform.publish("list", "fares", FARES_JSON)
            site.platform.publish("list", "lines", LINES_JSON)
            site.platform.publish("list", "entitlements", entitlements_payload(PEOPLE))
            names = {"fares", "lines", "entitlements"}
            until(lambda: names <= site.agent.status()["lists"].keys(), "the lists are not there")
            yield Bus(site, gnss)


def test_it_knows_its_stop_by_the_satellites_and_after_a_kill(bus: Bus) -> None:
    until(lambda: bus.receiver()["state"] == "ready", "no receiver")
    until(lambda: _told(bus, 30.005), "not at S2")
    assert bus.receiver()["kind"] == "journey"
    bus.site.agent.kill()
    bus.site.agent.start()
    found = bus.journey()
    assert (found["vehicle"], found["line"], found["stop"]) == ("bus-0117", "9", "S2")
    names = {"fares", "lines", "entitlements"}
    assert names <= bus.site.agent.status()["lists"].keys()


def test_the_driver_chooses_by_the_command_line(bus: Bus) -> None:
    told = onecard(bus.site, "journey", "line", "1", "--down")
    assert told.returncode == 0, told.stdout + told.stderr
    assert onecard(bus.site, "journey", "stop", "S2").returncode == 0
    told = onecard(bus.site, "journey", "--json")
    found = msgspec.json.decode(told.stdout)
    assert (found["line"], found["direction"], found["stop"]) == ("1", "down", "S2")
    assert "bus-0117" in onecard(bus.site, "journey").stdout
    refused = onecard(bus.site, "journey", "stop", "S5")
    assert refused.returncode != 0
    assert "does not stop at S5" in refused.stderr


def test_a_fare_list_that_is_wrong_is_answered_and_the_old_one_stays(bus: Bus) -> None:
    before = bus.site.agent.status()["lists"]["fares"]
    bus.site.platform.publish("list", "fares", FARES_JSON.replace(b'"flat"', b'"free"', 1))

    def refused() -> bool:
        fault = bus.site.agent.status()["sync"]["last_fault"]
        return fault is not None and fault["code"] == "list.wrong"

    until(refused, "not refused")
    assert bus.site.agent.status()["lists"]["fares"] == before


def _told(bus: Bus, lat: float) -> bool:
    bus.gnss.tell(lat, 120.0)
    return bool(bus.journey()["stop"] == "S2")
