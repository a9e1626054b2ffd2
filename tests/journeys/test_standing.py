"""A gate that asks how people stand: by MQTT at the city's platform, by HTTPS at a second province;
on a real pcscd and a real mosquitto."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from offline_store.events.tap import Tap
from simulators.cards import Algorithm, Generation
from simulators.ceremony import CardOrder, KeyAuthority, card_number
from simulators.city.provinces import Mountain
from simulators.city.status import Stand, StatusDesk
from simulators.site import DOOR, Site, until
from tests.journeys.gate import AT, GOOD, Doors
from trust.keystore import FileKeyStore
from world.real import RealWorld

SECOND = "549900"  # a city of another province whose keys the PSAM has, too
ASKING = """
[scene]
kind = "library-gate"
options.repeat_window = 0.0
check = "ask"

[status]
default = "platform"
within = 5.0

[[status.services]]
name = "platform"
kind = "mqtt"

[[status.services]]
name = "mountain"
kind = "https"
regions = ["{province}"]
mapping = "{mapping}"
ca = "{ca}"

[sync]"""


@dataclass(frozen=True)
class Asking:
    doors: Doors
    mountain: Mountain


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder: Path = tmp_path_factory.mktemp("mountain")
    with (
        Site(language="en") as site,
        Mountain(folder, StatusDesk(time.sleep, time.time)) as mountain,
    ):
        keys = FileKeyStore(RealWorld(), site.folder / "keys")
        for name, secret in mountain.secrets.items():
            keys.write(name, secret)
        told = ASKING.format(
            province=SECOND[:2],
            mapping=mountain.write(),
            ca=mountain.authority.certificate,
        )
        site.config.write_text(site.config.read_text().replace("[sync]", told))
        doors = Doors(site)
        doors.open()
        until(lambda: site.agent.status()["sync"]["state"] == "online", "no link to the platform")
        yield Asking(doors, mountain)


def said(event: Tap) -> dict[str, tuple[str, str]]:
    """Subject → status and source, of what was not said by card and lists."""
    return {
        check.subject: (check.status, check.source)
        for check in event.checks
        if not check.source.startswith(("card", "list:"))
    }


def test_the_platform_says_how_people_stand_and_is_remembered_without_it(asking: Asking) -> None:
    doors, desk = asking.doors, asking.doors.site.standing
    card = doors.site.cast.card_id(doors.site.cast.card(GOOD))
    well = doors.tap()
    assert well.accepted
    assert said(well.event)["card"] == ("normal", "platform")
    assert said(well.event)["business"] == ("not-asked", "platform")
    assert well.event.stages_us.check > 0
    desk.change(card, card="lost")
    assert doors.tap().reason == "card-lost"
    desk.error = "busy"
    still = doors.tap()
    assert still.reason == "card-lost"
    assert said(still.event)["card"] == ("lost", "cached:platform")
    assert still.event.status_fault == "status.refused"
    desk.error = ""
    desk.change(card, card="normal")
    assert doors.tap().accepted
    doors.reopen()
    desk.error = "busy"
    remembered = doors.tap()
    assert remembered.accepted, "the memory is the journal, and outlives the agent"
    assert said(remembered.event)["card"] == ("normal", "cached:platform")
    assert remembered.event.offline == "own"
    desk.error = ""


def test_a_second_province_is_asked_by_https_in_its_own_words(asking: Asking) -> None:
    doors, mountain = asking.doors, asking.mountain
    order = CardOrder(
        holder=doors.site.cast.people[0].holder(),
        generation=Generation.V3,
        algorithm=Algorithm.SM4,
        serial="0C0D0E0F",
        card_number=card_number("J0000001"),
    )
    visitor = KeyAuthority(SECOND, doors.site.cast.seed.encode()).card(order, AT[DOOR])
    mountain.desk.settle(Stand(), order.holder.number)
    with doors.held(visitor):
        well = doors.report()
    assert well.accepted, well.event
    assert said(well.event)["holder"] == ("normal", "https:mountain")
    mountain.trouble = "bad-signature"
    with doors.held(visitor):
        forged = doors.report()
    assert forged.event.status_fault == "status.bad-signature"
    assert forged.reason == "status-unknown", "no memory makes a visitor welcome by itself"
    assert mountain.refusals == []
