"""A card or document that nobody was seen to lay down opens nothing in any scene, and its holder is
told to take it away; it is a tap like any other once it has left and come.
"""

from pathlib import Path

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FareSource, FlatFare, ListedFare
from agent.tap.tap import TapReport
from config.model import SceneSettings
from contracts.scenes.stand import Stand
from drivers.contract import Code, Document, Unread
from drivers.idcard.module import DocumentLay
from offline_store.events.ride import Ride
from simulators.devices.idcard import document_of
from simulators.transit.codes import NOW
from simulators.world import SimWorld
from tests.agent.fares.city import entitled, lines, tariff
from tests.agent.identify.ministry_codes.code_terminal import PHONES, CodeTerminal
from tests.agent.scenes.bus.stand import Bus

SCENES = ("library-gate", "service-window", "bus", "metro-gate")


def riding_free(stand: Stand, kind: str) -> FareSource:
    """Lin pays nothing on bus and metro."""
    person = stand.references.person(stand.cast.person("lin").number)
    rules = Rules(tariff(), entitled(person, name="veteran"), lines())
    where = Journey("M1", boarded="M11") if kind == "metro-gate" else Journey("1", boarded="S1")
    return ListedFare(lambda: rules, lambda: where, FlatFare(200), kind)


def stand_of(world: SimWorld, kind: str) -> Stand:
    """Where Lin is accepted."""
    scene = SceneSettings(kind=kind, check="lists", options={"repeat_window": 0.0})
    fares = riding_free(Stand(world), kind)
    return Stand(world, scene=scene, fares=fares, ride=lambda: Ride(line="1"))


def left_lying(stand: Stand, *, leaving: bool = False) -> TapReport:
    reader, lane = (stand.door_out, stand.exit) if leaving else (stand.door, stand.entry)
    presence = reader.insert(stand.card(), came=False)
    return stand.taps.handle(lane, reader, presence)


@pytest.mark.parametrize("kind", SCENES)
@pytest.mark.parametrize("leaving", [False, True], ids=["entry", "exit"])
def test_what_was_left_lying_opens_nothing_until_it_has_left_and_come(
    kind: str, leaving: bool
) -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stand = stand_of(world, kind)
        report = left_lying(stand, leaving=leaving)
        reader = stand.door_out if leaving else stand.door
        assert (report.reason, report.accepted) == (Reason.LEFT_LYING, False)
        assert reader.sent == []  # nobody asked the card anything
        assert stand.barrier.opened == 0
        assert [code for code, _ in stand.prompts.shown] == ["left-lying"]
        (event,) = stand.store.taps()
        assert (event.verdict, event.reason, event.person) == ("refused", "left-lying", "")
        reader.remove()
        again = stand.leave() if leaving else stand.tap()
        assert again.accepted
        assert stand.barrier.opened == 1

    world.play(scenario)


def test_what_was_left_lying_signs_no_driver_on_or_off(tmp_path: Path) -> None:
    world = SimWorld(1)

    def scenario() -> None:
        bus = Bus(world, tmp_path)
        fares = ListedFare(lambda: bus.rules, bus.desk.journey, FlatFare(200), "bus", aboard=True)
        stand = Stand(world, scene=SceneSettings(kind="bus"), fares=fares, journey=bus.desk)
        driver = stand.references.person(stand.cast.person("lin").number)
        bus.rules = Rules(tariff(), entitled(driver), lines())
        assert left_lying(stand).reason == Reason.LEFT_LYING
        assert bus.ledger.events == []
        stand.door.remove()
        assert stand.tap().reason == Reason.SHIFT_OPENED
        world.wait(60)
        assert left_lying(stand).reason == Reason.LEFT_LYING
        assert [event.reason for event in bus.ledger.events] == ["shift-opened"]

    world.play(scenario)


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read by its reader"])
@pytest.mark.parametrize("leaving", [False, True], ids=["entry", "exit"])
def test_a_document_that_was_left_lying_opens_nothing(leaving: bool, read: bool) -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stand = Stand(world)
        card = document_of(stand.cast.person("lin"))
        seen = world.monotonic()
        lying: Document | Unread = Unread("id", 1, DocumentLay(device="id"), seen, seen, came=False)
        if read:
            lying = Document("id", 1, card.text, b"", b"", b"", seen, seen, came=False)
        report = stand.taps.handle_document(stand.exit if leaving else stand.entry, lying)
        assert (report.reason, report.accepted) == (Reason.LEFT_LYING, False)
        assert stand.barrier.opened == 0
        (event,) = stand.store.taps()
        assert (event.credential, event.person) == ("id-card", "")
        came = Document("id", 2, card.text, b"", b"", b"", seen, seen, came=True)
        assert stand.taps.handle_document(stand.entry, came).accepted

    world.play(scenario)


@pytest.mark.parametrize("leaving", [False, True], ids=["entry", "exit"])
def test_a_code_that_was_in_view_already_opens_nothing_and_is_not_used_up(leaving: bool) -> None:
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())

    def scenario() -> None:
        terminal = CodeTerminal(Stand(world))
        stand, content = terminal.stand, PHONES.two_level()
        seen = world.monotonic()
        lying = Code("eye", content, seen, seen, came=False)
        report = stand.taps.handle_code(stand.exit if leaving else stand.entry, lying)
        assert (report.reason, report.accepted) == (Reason.CODE_LEFT_LYING, False)
        assert stand.barrier.opened == 0
        (event,) = stand.store.taps()
        assert (event.code, event.person, event.verdict) == ("", "", "refused")
        assert terminal.show(content).accepted

    world.play(scenario)


def test_what_cannot_be_stored_is_told_all_the_same() -> None:
    world = SimWorld(1)

    def scenario() -> None:
        stand = Stand(world)
        stand.store.broken = True
        assert not left_lying(stand).accepted
        assert stand.barrier.opened == 0

    world.play(scenario)
