"""A torn purse that lies there when its reader is bound again: what it paid is found out at once,
nothing opens and nothing is charged, and who has paid boards for that when he comes.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.messages.reasons import Reason
from agent.purse.owed import RidesOwed
from agent.tap.tap import TapReport
from apdu.channel import Channel
from config.model import GiveBackSettings
from offline_store.events.about import GiveBack as Given
from offline_store.events.payment import PaymentEnd
from simulators.transit.bus import Passenger, SteppedCard
from simulators.transit.torn import Torn
from simulators.vpcd import TearAtInstruction
from tests.agent.events import as_kind
from tests.agent.fares.city import MADE_UP
from tests.agent.purse.impostor import Impostor
from tests.agent.purse.stand import LOST, UNSENT, Bus, BusStand
from tests.agent.purse.test_proving import ABOARD
from tests.agent.tap.test_purse import Door

OWED = RidesOwed(ABOARD, "bus", GiveBackSettings())
Scenario = Callable[[Door, Bus], None]


@pytest.fixture
def bus_stand(tmp_path: Path) -> BusStand:
    return BusStand(tmp_path / "bus")


def drive(bus_stand: BusStand, folder: Path, *scenarios: Scenario) -> None:
    """Each behind a power cut: the PSAM has forgotten by then what it signed."""
    for scenario in scenarios:

        def run(bus: Bus, scenario: Scenario = scenario) -> None:
            door = Door(bus, folder)
            scenario(door, bus)
            door.dog.stop()

        bus_stand.drive(run, fares=OWED)


def card_of(bus: Bus, passenger: Passenger, tear: TearAtInstruction | None = None) -> Torn:
    return Torn(SteppedCard(bus.world, passenger, bus.city.face(passenger.inside)), tear)


def torn(passenger: Passenger, tear: TearAtInstruction) -> Scenario:
    def scenario(door: Door, bus: Bus) -> None:
        assert door.tap(card_of(bus, passenger, tear)).reason == Reason.PAY_AGAIN

    return scenario


def lies(door: Door, card: Channel) -> TapReport:
    report = door.tap(card, came=False)
    assert (report.reason, report.accepted) == (Reason.LEFT_LYING, False)
    assert door.barrier.opened == 0
    return report


@pytest.mark.parametrize("cut", [False, True], ids=["the agent goes on", "the agent restarts"])
def test_who_has_paid_is_owed_a_boarding_and_pays_once(
    bus_stand: BusStand, tmp_path: Path, cut: bool
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP)
    before = passenger.inside.state.money

    def left_and_come(door: Door, bus: Bus) -> None:
        paid = before - passenger.inside.state.money
        assert paid > 0
        for _ in range(2):  # bound again twice
            lies(door, card_of(bus, passenger))
        (row,) = [row for row in bus.rows("payment-end") if row.event.reason == "torn-recovered"]
        assert as_kind(row.event, PaymentEnd).confirmed == paid
        (event,) = bus.events("give-back")
        given = as_kind(event, Given)
        assert (given.reason, given.about, given.amount) == ("left-lying", row.at, paid)
        report = door.tap(card_of(bus, passenger))
        assert (report.reason, report.accepted) == (Reason.RIDE_AGAIN, True)
        assert door.barrier.opened == 1
        assert before - passenger.inside.state.money == paid
        assert door.tap(card_of(bus, passenger)).reason == Reason.PAID  # the next ride costs

    if cut:
        drive(bus_stand, tmp_path, torn(passenger, LOST), left_and_come)
    else:

        def at_once(door: Door, bus: Bus) -> None:
            torn(passenger, LOST)(door, bus)
            left_and_come(door, bus)

        drive(bus_stand, tmp_path, at_once)


@pytest.mark.parametrize("cut", [False, True], ids=["the agent goes on", "the agent restarts"])
def test_who_has_not_paid_pays_when_he_comes(
    bus_stand: BusStand, tmp_path: Path, cut: bool
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP)
    before = passenger.inside.state.money

    def left_and_come(door: Door, bus: Bus) -> None:
        lies(door, card_of(bus, passenger))
        assert passenger.inside.state.money == before
        assert [end.reason for end in bus.ends() if not end.purchase.proof] == ["not-paid"]
        assert bus.events("give-back") == []
        assert door.tap(card_of(bus, passenger)).reason == Reason.PAID
        assert passenger.inside.state.money < before

    if cut:
        drive(bus_stand, tmp_path, torn(passenger, UNSENT), left_and_come)
    else:

        def at_once(door: Door, bus: Bus) -> None:
            torn(passenger, UNSENT)(door, bus)
            left_and_come(door, bus)

        drive(bus_stand, tmp_path, at_once)


def test_a_card_of_which_nothing_is_open_is_asked_nothing_that_it_could_pay_by(
    bus_stand: BusStand, tmp_path: Path
) -> None:
    passenger, other = bus_stand.passenger(city=MADE_UP), bus_stand.passenger(city=MADE_UP)

    def scenario(door: Door, bus: Bus) -> None:
        card = card_of(bus, passenger)
        lies(door, card)
        assert card.sent == []  # not even power: nothing is open
        torn(other, LOST)(door, bus)
        card = card_of(bus, passenger)
        lies(door, card)
        assert not {0x50, 0x54, 0x5A} & {command[1] for command in card.sent}
        assert bus.events("payment-end") == []

    drive(bus_stand, tmp_path, scenario)


def test_nobody_without_a_key_ends_anything_by_lying_there(
    bus_stand: BusStand, tmp_path: Path
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP)

    def scenario(door: Door, bus: Bus) -> None:
        impostor = Impostor(bus.world, passenger.order)
        for _ in range(3):
            lies(door, impostor)
        assert not [end for end in bus.ends() if end.confirmed]
        assert bus.events("give-back") == []
        # Nor has it taken anything from the one whose number it shows.
        lies(door, card_of(bus, passenger))
        assert [e.reason for e in bus.events("give-back")] == ["left-lying"]

    drive(bus_stand, tmp_path, torn(passenger, LOST), scenario)


def test_a_recovery_that_fails_leaves_it_open_for_when_the_card_comes(
    bus_stand: BusStand, tmp_path: Path
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP)

    def scenario(door: Door, bus: Bus) -> None:
        lies(door, card_of(bus, passenger, TearAtInstruction(0x5A, LOST.moment)))
        assert bus.events("payment-end") == []
        report = door.tap(card_of(bus, passenger))
        assert (report.reason, report.accepted) == (Reason.TORN_RECOVERED, True)

    drive(bus_stand, tmp_path, torn(passenger, LOST), scenario)
