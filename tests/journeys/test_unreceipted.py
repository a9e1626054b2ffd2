"""Records that nobody receipts are seen by whoever looks, though the broker is well."""

from collections.abc import Iterator

import pytest

from simulators.site import Site, until
from tests.journeys.gate import OTHER, Doors, onecard


@pytest.fixture
def doors() -> Iterator[Doors]:
    with Site(language="en") as site:
        doors = Doors(site)
        doors.open()
        site.publish_blacklist()
        until(lambda: "blacklist" in site.agent.status()["lists"], "the blacklist does not come")
        doors.drained()
        yield doors


def test_a_platform_that_does_not_listen_is_trouble_though_the_link_is_up(doors: Doors) -> None:
    site = doors.site
    assert onecard(site, "doctor").returncode == 0
    assert onecard(site, "sync", "status").returncode == 0
    site.platform.stop()
    doors.tap(OTHER)
    until(lambda: bool(site.agent.status()["sync"]["last_fault"]), "nothing is missed")
    assert site.agent.status()["sync"]["state"] == "online"
    for command in (("doctor",), ("sync", "status")):
        told = onecard(site, *command)
        assert told.returncode == 1
        (line,) = (line for line in told.stdout.splitlines() if line.startswith("✗"))
        assert "1 records have no receipt" in line
        assert "no platform listens" in line


def test_a_key_store_without_the_issuers_key_is_told(doors: Doors) -> None:
    (issuer,) = (doors.site.folder / "keys").glob("issuer-*.pub")
    issuer.unlink()
    told = onecard(doors.site, "doctor")
    assert told.returncode == 1
    assert "holds no issuer's key" in told.stdout
