"""A purse pays what the city's signed lists say: by card type, by what was paid before, or not."""

import pytest

from agent.fares.ride import Journey, paid
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from offline_store.events.happened import ListUsed
from offline_store.faults import ListUnreadable
from tests.agent.fares.city import MADE_UP, entitled, lines, people, tariff
from tests.agent.purse.stand import LOST, REFERENCES, Barred, Bus, BusStand, payment

RULES = Rules(tariff=tariff(), entitlements=people(), lines=lines(), versions={"fares": 3})
LISTED = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus")
ABOARD = ListedFare(
    lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus", aboard=True
)


@pytest.mark.parametrize(
    ("card_type", "paid", "concession"),
    [(0x01, 200, ""), (0x02, 100, "student"), (0x05, 0, "veteran"), (0x13, 100, "senior-reduced")],
)
def test_the_card_type_says_who_rides_for_less(
    bus_stand: BusStand, card_type: int, paid: int, concession: str
) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) == Reason.PAID
        end = bus.end()
        assert end.confirmed == paid
        assert end.ride.full == 200
        assert end.ride.concession == concession
        assert ListUsed("fares", 3) in bus.intents()[0].lists

    passenger = bus_stand.passenger(city=MADE_UP, card_type=card_type)
    bus_stand.drive(scenario, fares=LISTED)
    assert passenger.inside.money == 10_000 - paid


def test_the_ride_before_is_a_transfer_also_where_it_was_torn(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        assert bus.reason(passenger) == Reason.TORN_RECOVERED
        rides.append(Journey("2", boarded="S3"))
        assert bus.reason(passenger) == Reason.PAID
        assert [end.confirmed for end in bus.ends()] == [200, 100]
        assert "transfer" in bus.end().ride.steps

    rides = [Journey("1", boarded="S1")]
    listed = ListedFare(lambda: RULES, lambda: rides[-1], FlatFare(999), "bus")
    passenger = bus_stand.passenger(city=MADE_UP)
    bus_stand.drive(scenario, fares=listed)


def test_a_test_card_does_not_ride(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger(city=MADE_UP, card_type=0x04)
    told = bus_stand.drive(lambda bus: bus.reason(passenger), fares=LISTED)
    assert told == Reason.CARD_NOT_TAKEN


def test_a_line_without_a_fare_charges_nobody(bus_stand: BusStand) -> None:
    nowhere = ListedFare(lambda: RULES, lambda: Journey("77"), FlatFare(999), "bus")
    passenger = bus_stand.passenger(city=MADE_UP)
    told = bus_stand.drive(lambda bus: bus.reason(passenger), fares=nowhere)
    assert told == Reason.NO_FARE


def test_a_list_that_cannot_be_read_charges_nobody(bus_stand: BusStand) -> None:
    def unreadable() -> Rules:
        raise ListUnreadable(list="fares", cause="test")

    broken = ListedFare(unreadable, lambda: Journey("1"), FlatFare(999), "bus")
    passenger = bus_stand.passenger()
    assert bus_stand.drive(lambda bus: bus.reason(passenger), fares=broken) == Reason.NO_FARE


def test_without_a_fare_list_the_settings_say_it(bus_stand: BusStand) -> None:
    flat = ListedFare(Rules, lambda: Journey("1"), FlatFare(150, "5199"), "bus")
    passenger = bus_stand.passenger()
    assert bus_stand.drive(lambda bus: bus.reason(passenger), fares=flat) == Reason.PAID
    assert passenger.inside.money == 10_000 - 150


def test_a_drivers_purse_signs_on_and_pays_nothing(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) == Reason.DRIVER
        _, end = payment(bus.rows())
        assert (end.confirmed, end.mac2, end.verdict) == (0, "verified", "accepted")
        assert paid(end) is None  # he has not ridden

    passenger = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    bus_stand.drive(scenario, fares=ABOARD)
    assert passenger.inside.money == 10_000


def test_a_listed_purse_signs_nobody_on(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    lists = Barred(passenger.number)
    told = bus_stand.drive(lambda bus: bus.reason(passenger), lists=lists, fares=ABOARD)
    assert told == Reason.BLACKLISTED


def test_whom_the_list_has_as_somebody_else_does_not_drive_by_his_cards_type(
    bus_stand: BusStand,
) -> None:
    passenger = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    reference = REFERENCES.number(passenger.number)
    rules = Rules(tariff(), entitled(reference, name="student"), lines())
    fares = ListedFare(
        lambda: rules, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus", aboard=True
    )
    assert bus_stand.drive(lambda bus: bus.reason(passenger), fares=fares) == Reason.PAID
