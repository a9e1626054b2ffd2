"""A vehicle without network for a week: it charges by the lists that it has, a card that was torn
one evening is made good the next morning, and every row waits for the platform, oldest first.
"""

from functools import partial

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from offline_store.events.happened import ListUsed
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.row import Event, Stored
from tests.agent.fares.city import MADE_UP, lines, people, tariff
from tests.agent.purse.stand import LOST, Bus, BusStand

DAYS, RIDERS = 7, 12
DAY = 86_400  # seconds
MONDAY_NOON = 1_789_963_200  # 2026-09-21 12:00 in China
RULES = Rules(tariff(), people(), lines(), {"fares": 3})


def test_a_week_without_network_charges_right_and_loses_nothing(bus_stand: BusStand) -> None:
    fares = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus")
    riders = [bus_stand.passenger(city=MADE_UP) for _ in range(RIDERS)]
    student = bus_stand.passenger(city=MADE_UP, card_type=0x02)
    torn = bus_stand.passenger(city=MADE_UP)

    def drive(bus: Bus, day: int) -> list[Stored[Event]]:
        """From power on in the morning to power off at night."""
        bus.world.jump_clock(MONDAY_NOON + day * DAY - bus.world.now())
        if day:  # what the evening left open is settled first, and not charged again
            assert bus.reason(torn) == Reason.TORN_RECOVERED
        for rider in riders:
            assert bus.reason(rider) == Reason.PAID
            bus.world.wait(20)
        for _ in range(8):
            assert bus.reason(student) == Reason.PAID
            bus.world.wait(60)
        if day < DAYS - 1:
            assert bus.reason(torn, LOST) == Reason.PAY_AGAIN
        status = bus.store.status()
        assert status.unreceipted == status.seq
        return [record.stored() for record in bus.store.unreceipted(10_000)]

    for day in range(DAYS):
        waiting = bus_stand.drive(partial(drive, day=day), fares=fares)
    assert [row.at.seq for row in waiting] == sorted(row.at.seq for row in waiting)
    events = [row.event for row in waiting]
    confirmed = [event.confirmed for event in events if isinstance(event, PaymentEnd)]
    assert None not in confirmed
    spent = sum(one.spent_here for one in (*riders, student, torn))
    assert sum(filter(None, confirmed)) == spent
    # Six rides a day at half the fare reach the young people's cap; each day begins anew.
    assert student.spent_here == DAYS * 600
    assert torn.spent_here == (DAYS - 1) * 200
    rides = [event for event in events if isinstance(event, Intent) and not event.purchase.proof]
    assert rides
    assert all(ListUsed("fares", 3) in ride.lists for ride in rides)


def test_control_a_card_that_never_comes_back_ends_as_grey(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()
    bus_stand.drive(lambda bus: bus.reason(passenger, LOST))

    def next_day(bus: Bus) -> list[str]:
        bus.world.wait(DAY)
        return [event.reason for event in bus.events("payment-end")]

    assert bus_stand.drive(next_day) == ["payment-grey"]
