"""A terminal without a PSAM, on a real pcscd and a real mosquitto: the HSM proves its cards."""

from collections.abc import Iterator

import pytest

from offline_store.events.tap import Tap
from simulators.cards import Algorithm, Card, Generation, Interface
from simulators.ceremony import CardOrder, KeyAuthority, card_number
from simulators.city.hsm import SECOND, Manners
from simulators.site import DOOR, DOOR_SLOT, PSAM, Site, until
from tests.journeys.gate import AT, Doors


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site(language="en") as site:
        doors = Doors(site)
        doors.two_entries()
        doors.open()
        site.slots[PSAM].remove()
        until(lambda: bool(site.agent.status()["sams"][0]["fault"]), "the PSAM is not missed")
        until(lambda: site.agent.status()["sync"]["state"] == "online", "no link to the platform")
        yield doors


@pytest.fixture(autouse=True)
def well_mannered(doors: Doors) -> Iterator[None]:
    yield
    doors.site.hsm.manners = Manners()


def issue(doors: Doors, city: KeyAuthority, generation: Generation, door: str) -> Card:
    order = CardOrder(
        holder=doors.site.cast.people[0].holder(),
        generation=generation,
        algorithm=Algorithm.SM4 if generation is Generation.V3 else Algorithm.DES3,
        serial="0C0D0E0F",
        card_number=card_number("J0000001"),
    )
    return city.card(order, AT[door])


def tap(doors: Doors, card: Card, door: str) -> Tap:
    with doors.held(card, door):
        return doors.report(door).event


PLACES = [
    (generation, door)
    for generation in Generation
    for door in (DOOR, DOOR_SLOT)
    if generation is Generation.V3 or AT[door] is Interface.CONTACT
]


@pytest.mark.parametrize(("generation", "door"), PLACES)
@pytest.mark.parametrize("second", [False, True], ids=["home", "second province"])
def test_cards_of_two_provinces_are_let_in(
    doors: Doors, generation: Generation, door: str, second: bool
) -> None:
    city = SECOND if second else doors.site.cast.city
    event = tap(doors, issue(doors, city, generation, door), door)
    assert (event.verdict, event.reason) == ("accepted", "accepted")
    assert event.authentication is not None
    assert (event.authentication.mode, event.authentication.terminal_number) == ("hsm", "")


@pytest.mark.parametrize(("generation", "door"), PLACES)
def test_a_card_pulled_while_the_hsm_is_asked_never_comes_in(
    doors: Doors, generation: Generation, door: str
) -> None:
    slot = doors.site.slots[door]
    card = issue(doors, doors.site.cast.city, generation, door)
    doors.site.hsm.manners = Manners(before=slot.remove)
    slot.insert(card)
    report = doors.report(door)
    assert (report.reason, report.accepted) == ("card-gone", False)
    doors.site.hsm.manners = Manners()
    assert tap(doors, card, door).reason == "accepted"


@pytest.mark.parametrize(("generation", "door"), PLACES)
def test_a_card_exchanged_meanwhile_never_comes_in_by_the_first_ones_answer(
    doors: Doors, generation: Generation, door: str
) -> None:
    slot, city = doors.site.slots[door], doors.site.cast.city
    first, other = issue(doors, city, generation, door), issue(doors, SECOND, generation, door)

    def exchange() -> None:
        doors.site.hsm.manners = Manners()
        slot.remove()
        slot.insert(other)

    doors.site.hsm.manners = Manners(before=exchange)
    slot.insert(first)
    report = doors.report(door)
    assert not report.accepted
    assert report.reason in ("card-gone", "card-mute")
    assert doors.report(door).reason == "accepted"  # the other one, by its own answer
    slot.remove()


def test_a_silent_hsm_is_unknown_and_the_next_tap_is_a_new_one(doors: Doors) -> None:
    card = issue(doors, doors.site.cast.city, Generation.V3, DOOR)
    doors.site.hsm.manners = Manners(error="busy")
    event = tap(doors, card, DOOR)
    assert (event.verdict, event.reason) == ("unknown", "platform-silent")
    doors.site.hsm.manners = Manners()
    assert tap(doors, card, DOOR).reason == "accepted"


def test_a_broker_that_dies_while_the_hsm_is_asked_is_unknown(doors: Doors) -> None:
    site = doors.site
    card = issue(doors, site.cast.city, Generation.V3, DOOR)
    site.hsm.manners = Manners(before=site.broker.kill)
    for _ in range(2):  # while it is asked, and when there is nobody to ask
        event = tap(doors, card, DOOR)
        assert (event.verdict, event.reason) == ("unknown", "platform-unreachable")
        site.hsm.manners = Manners()
    site.broker.start()
    until(lambda: site.agent.status()["sync"]["state"] == "online", "no link to the platform")
    assert site.platform.wait_ready(60)
    assert tap(doors, card, DOOR).reason == "accepted"
    doors.drained()
