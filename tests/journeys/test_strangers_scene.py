"""A scene of another package on real parts: pcscd, broker, platform, the daemon. The package is the
one of docs/developing.md, installed beside the product; no file of the product knows it.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from simulators.site import Site
from tests.journeys.gate import GOOD, OTHER, Doors, Tap, onecard
from tests.recipes import install, recipe

SCENE = '[scene]\nkind = "reading-room"\noptions.visits = 2\n\n[sync]'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    package = tmp_path_factory.mktemp("site-packages")
    room = recipe("A scene")
    assert room.changes == [], "a stranger changes no file of ours"
    room.build(package)
    install(package)
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    with Site(language="en", environment={"PYTHONPATH": path}) as site:
        written = site.config.read_text()
        assert written.count("[sync]") == 1
        site.config.write_text(written.replace("[sync]", SCENE))
        yield site


@pytest.fixture(scope="module")
def doors(site: Site) -> Doors:
    doors = Doors(site)
    doors.open()
    return doors


def explained(site: Site, tap: Tap) -> dict[str, Any]:
    assert tap.record is not None
    row = f"{tap.record.epoch}:{tap.record.seq}"
    told = onecard(site, "explain", row, "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_its_decisions_are_in_the_journal_and_explained(site: Site, doors: Doors) -> None:
    taps = [doors.tap(GOOD) for _ in range(3)]
    assert [tap.reason for tap in taps] == ["accepted", "accepted", "no-visit-left"]
    for visits, tap in enumerate(taps):
        assert tap.event.scene == "reading-room"
        assert tap.event.seen.extra == {"reading-room.visits": visits}
        found = explained(site, tap)
        assert found["agreement"] == "same"
        assert found["now"] == {"verdict": tap.event.verdict, "reason": tap.reason}
    assert "all visits of this day" in explained(site, taps[-1])["sentence"]


def test_its_records_reach_the_platform_and_others_pass(site: Site, doors: Doors) -> None:
    assert doors.tap(OTHER).accepted
    doors.drained()


def test_control_without_its_package_the_agent_says_which_scene_is_missing(site: Site) -> None:
    told = onecard(site, "config", "check")
    assert told.returncode != 0
    assert "reading-room" in told.stdout + told.stderr
