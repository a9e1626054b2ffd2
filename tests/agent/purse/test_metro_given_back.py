"""Trips that the sensors of a gate have seen nobody make: once more for nothing, beside what the
settings allow without sensors."""

import json
from dataclasses import replace

import pytest

from agent.fares.tariff import parse_tariff
from agent.messages.reasons import Reason
from agent.tap.give_back import GiveBacks
from agent.tap.logbook import Missed
from config.model import GiveBackSettings
from offline_store.clock import Clock
from simulators.transit.bus import Passenger
from simulators.transit.metro import FARES_LIST, SCENE, metro_rules
from tests.agent.purse.metro_stand import MetroStand, Network, Station, metro_settings

BEGUN, ENDED, AGAIN = Reason.TRIP_BEGUN, Reason.TRIP_ENDED, Reason.TRIP_AGAIN
NEVER = metro_settings(reentry_minutes=0, reexit_minutes=0)


def turned_back(station: Station, settings: GiveBackSettings | None = None) -> None:
    """Nobody goes through for the last payment's end."""
    row, world = station.rows("payment-end")[-1], station.world
    back = GiveBacks(
        Clock(world), station.store, SCENE, settings or GiveBackSettings(), Missed(world)
    )
    back.timed_out(row.event.lane, row.at)


def came_in(network: Network, passenger: Passenger, stop: str = "M11") -> None:
    assert network.at(stop).enter(passenger) is BEGUN
    network.minutes(20)


def test_who_paid_and_did_not_get_out_leaves_once_more_for_nothing(metro_stand: MetroStand) -> None:
    """Without sensors it is off: there anybody could leave on the card of who has just left."""
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[str]:
        came_in(network, passenger)
        gate = network.at("M14")
        found = [gate.leave(passenger)]
        paid = gate.rows("payment-end")[-1].at
        turned_back(gate)
        found.append(gate.leave(passenger))
        again = gate.end()
        assert (again.confirmed, again.ride.again) == (0, paid)
        assert (again.mac2, again.purchase.proof) == ("verified", True)
        return [*found, gate.leave(passenger)]

    assert metro_stand.run(scenario, NEVER) == [ENDED, AGAIN, Reason.NOT_ENTERED]
    assert passenger.spent_here == 500


def test_a_trip_for_nothing_is_one_of_the_days_however_often_its_holder_turned_back(
    metro_stand: MetroStand,
) -> None:
    """It was made in the end, by the boarding that it was owed."""
    said = json.loads(FARES_LIST)
    said |= {
        "concessions": [{"name": "senior", "percent": 0, "rides_per_day": 1}],
        "card_types": {"03": "senior"},
    }
    rules = replace(metro_rules(), tariff=parse_tariff(json.dumps(said).encode()))
    senior = metro_stand.passenger(card_type=3)

    def scenario(network: Network) -> list[int]:
        paid = []
        for _ in range(2):
            came_in(network, senior)
            gate = network.at("M14")
            assert gate.leave(senior) is ENDED
            turned_back(gate)
            assert gate.leave(senior) is AGAIN
            network.minutes(5)
            paid.append(senior.spent_here)
        return paid

    assert metro_stand.run(scenario, NEVER, rules=rules) == [0, 400]  # as a transfer


def test_who_tapped_and_did_not_get_in_goes_in_once_more(metro_stand: MetroStand) -> None:
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[str]:
        gate = network.at("M11")
        found = [gate.enter(passenger)]
        turned_back(gate)
        found += [gate.enter(passenger), gate.enter(passenger)]
        return found

    assert metro_stand.run(scenario, NEVER) == [BEGUN, AGAIN, Reason.TRIP_OPEN]


def test_what_the_sensors_saw_is_no_further_time_beside_the_settings(
    metro_stand: MetroStand,
) -> None:
    """Once each time that nobody went through; not once more besides."""
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[str]:
        gate = network.at("M11")
        found = [gate.enter(passenger)]
        turned_back(gate)
        return [*found, gate.enter(passenger), gate.enter(passenger)]

    assert metro_stand.run(scenario) == [BEGUN, AGAIN, Reason.TRIP_OPEN]


def test_who_turns_back_again_comes_again_so_often_a_day(metro_stand: MetroStand) -> None:
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[str]:
        gate, found = network.at("M11"), []
        for _ in range(4):
            found.append(gate.enter(passenger))
            if found[-1] in (BEGUN, AGAIN):
                turned_back(gate, GiveBackSettings(rides_per_day=2))
        return found

    assert metro_stand.run(scenario, NEVER) == [BEGUN, AGAIN, AGAIN, Reason.TRIP_OPEN]


@pytest.mark.parametrize(("minutes", "told"), [(14, AGAIN), (16, Reason.NOT_ENTERED)])
def test_it_is_owed_for_so_many_minutes(
    metro_stand: MetroStand, minutes: float, told: Reason
) -> None:
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> str:
        came_in(network, passenger)
        gate = network.at("M14")
        gate.leave(passenger)
        turned_back(gate)
        network.minutes(minutes)
        return gate.leave(passenger)

    assert metro_stand.run(scenario, NEVER) is told


def test_it_is_of_that_very_trip(metro_stand: MetroStand) -> None:
    """Who has made another one since, by another gate, is owed nothing by the card that he has."""
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> str:
        came_in(network, passenger)
        gate = network.at("M14")
        gate.leave(passenger)
        turned_back(gate)
        assert network.at("M13").enter(passenger) is BEGUN
        network.minutes(1)
        assert network.at("M13").leave(passenger) is ENDED
        return gate.leave(passenger)

    assert metro_stand.run(scenario, NEVER) == Reason.NOT_ENTERED


def test_another_station_knows_nothing_of_it(metro_stand: MetroStand) -> None:
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> str:
        came_in(network, passenger)
        network.at("M14").leave(passenger)
        turned_back(network.at("M14"))
        return network.at("M13").leave(passenger)

    assert metro_stand.run(scenario, NEVER) == Reason.NOT_ENTERED


def test_a_card_without_the_key_of_its_number_leaves_on_nobodys_trip(
    metro_stand: MetroStand,
) -> None:
    passenger = metro_stand.passenger()

    def scenario(network: Network) -> list[str]:
        came_in(network, passenger)
        gate = network.at("M14")
        gate.leave(passenger)
        turned_back(gate)
        passenger.inside.faults.wrong_mac2 = True
        found = [gate.leave(passenger)]
        passenger.inside.faults.wrong_mac2 = False
        return [*found, gate.leave(passenger)]

    assert metro_stand.run(scenario, NEVER) == [Reason.PAYMENT_FORGED, AGAIN]
