"""A ride that was paid for and did not happen: one boarding for nothing, here, soon, once, for the
proof of the card; no fen moves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.clearing import clearing_rows, code_rows
from agent.purse.owed import RidesOwed
from agent.purse.pricing import FlatFare
from agent.purse.tap_result import TapResult
from agent.tap.give_back import GiveBacks
from agent.tap.logbook import Missed
from config.model import GiveBackSettings, SceneSettings
from contracts.scenes.stand import Stand
from offline_store.clock import Clock
from offline_store.events.about import GiveBack as Given
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Stored
from offline_store.events.tap import Tap
from simulators.transit.bus import Passenger
from simulators.transit.codes import GOOD, NOW
from simulators.world import SimWorld
from tests.agent.events import as_kind
from tests.agent.identify.ministry_codes.code_terminal import PHONES, CodeTerminal
from tests.agent.purse.stand import FARE, LOST, UNSENT, Bus, BusStand
from tests.agent.purse.test_carried import listed, tariff

T = TypeVar("T")
MINUTE = 60.0
DAY = 86_400.0


class Ride:
    """A bus whose door tells who gets on."""

    def __init__(self, bus: Bus, settings: GiveBackSettings) -> None:
        self.bus = bus
        world = bus.world
        self.back = GiveBacks(Clock(world), bus.store, "bus", settings, Missed(world))

    def pays(self, passenger: Passenger) -> str:
        """And gets on."""
        return self.bus.tap(passenger).reason

    def turns_back(self, passenger: Passenger) -> str:
        """Pays, and does not get on."""
        took = self.bus.tap(passenger)
        self.back.timed_out("door", place(took))
        return took.reason


def place(took: TapResult) -> Reference:
    assert took.record is not None
    return took.record.reference


def drive(
    stand: BusStand, scenario: Callable[[Ride], T], settings: GiveBackSettings | None = None
) -> T:
    chosen = settings or GiveBackSettings()
    fares = RidesOwed(FlatFare(FARE, "5199"), "bus", chosen)
    return stand.drive(lambda bus: scenario(Ride(bus, chosen)), fares=fares)


PAID, AGAIN = Reason.PAID, Reason.RIDE_AGAIN


def test_who_did_not_get_on_boards_for_nothing_once(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        found = [ride.turns_back(passenger)]
        ride.bus.world.wait(5 * MINUTE)
        return [*found, ride.pays(passenger), ride.pays(passenger)]

    assert drive(bus_stand, scenario) == [PAID, AGAIN, PAID]
    assert passenger.spent_here == 2 * FARE


def test_the_boarding_names_the_ride_and_rests_on_a_proof_of_the_card(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> tuple[Reference, Given, PaymentEnd]:
        ride.turns_back(passenger)
        paid = ride.bus.rows("payment-end")[-1].at
        ride.pays(passenger)
        (given,) = ride.bus.events("give-back")
        return paid, as_kind(given, Given), ride.bus.end()

    paid, given, again = drive(bus_stand, scenario)
    assert (given.about, given.returns, given.amount) == (paid, "ride", FARE)
    assert (given.code, given.again_of, given.given_back_today, given.extra) == ("", "", 0, {})
    assert again.ride.again == paid
    assert (again.confirmed, again.ride.full) == (0, FARE)
    assert (again.mac2, again.purchase.proof) == ("verified", True)
    assert again.ride.steps.endswith("; given-back=0")


def test_a_card_without_the_key_of_its_number_boards_for_no_ride_of_anybodys(
    bus_stand: BusStand,
) -> None:
    """It shows the number of who is owed a ride, and answers anything to 8054."""
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        found = [ride.turns_back(passenger)]
        passenger.inside.faults.wrong_mac2 = True
        found.append(ride.pays(passenger))
        passenger.inside.faults.wrong_mac2 = False
        return [*found, ride.pays(passenger)]

    assert drive(bus_stand, scenario) == [PAID, Reason.PAYMENT_FORGED, AGAIN]


@pytest.mark.parametrize("tear", [LOST, UNSENT])
def test_a_boarding_that_was_torn_is_still_owed(bus_stand: BusStand, tear: object) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        found = [ride.turns_back(passenger)]
        found.append(ride.bus.reason(passenger, tear))  # type: ignore[arg-type]
        return [*found, ride.pays(passenger), ride.pays(passenger)]

    assert drive(bus_stand, scenario) == [PAID, Reason.PAY_AGAIN, AGAIN, PAID]
    assert passenger.spent_here == 2 * FARE


def test_a_torn_payment_that_was_made_good_is_a_ride_like_any_other(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        found = [ride.bus.reason(passenger, LOST), ride.turns_back(passenger)]
        return [*found, ride.pays(passenger)]

    assert drive(bus_stand, scenario) == [Reason.PAY_AGAIN, Reason.TORN_RECOVERED, AGAIN]
    assert passenger.spent_here == FARE


@pytest.mark.parametrize(("minutes", "told"), [(14.9, AGAIN), (15.1, PAID)])
def test_a_ride_is_owed_for_so_many_minutes(
    bus_stand: BusStand, minutes: float, told: Reason
) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> str:
        ride.turns_back(passenger)
        ride.bus.world.wait(minutes * MINUTE)
        return ride.pays(passenger)

    assert drive(bus_stand, scenario, GiveBackSettings(ride_minutes=15)) is told


@pytest.mark.parametrize("jump", [-10.0, -DAY, None])
def test_a_ride_whose_time_is_not_sure_is_owed_no_more(
    bus_stand: BusStand, jump: float | None
) -> None:
    """None: to 1970. The clearing has it all the same."""
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> str:
        ride.turns_back(passenger)
        ride.bus.world.jump_clock(-ride.bus.world.now() if jump is None else jump)
        return ride.pays(passenger)

    assert drive(bus_stand, scenario) is PAID


def test_who_boards_for_nothing_and_turns_back_is_owed_again_so_often_a_day(
    bus_stand: BusStand,
) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        found = [ride.turns_back(passenger) for _ in range(4)]
        ride.bus.world.wait(DAY)
        return [*found, ride.turns_back(passenger), ride.pays(passenger)]

    assert drive(bus_stand, scenario, GiveBackSettings(rides_per_day=2)) == [
        PAID,
        AGAIN,
        AGAIN,
        PAID,
        PAID,
        AGAIN,
    ]
    assert passenger.spent_here == 3 * FARE


def test_a_ride_for_nothing_is_as_if_it_had_never_been(bus_stand: BusStand) -> None:
    """Nobody paid, so nobody is owed: the next one is priced anew."""
    passenger = bus_stand.passenger()
    free = RidesOwed(FlatFare(0, "5199"), "bus", GiveBackSettings())

    def scenario(bus: Bus) -> tuple[list[str], Given]:
        ride = Ride(bus, GiveBackSettings())
        found = [ride.turns_back(passenger), ride.pays(passenger)]
        return found, as_kind(bus.events("give-back")[0], Given)

    found, given = bus_stand.drive(scenario, fares=free)
    assert found == [PAID, PAID]
    assert (given.returns, given.amount) == ("visit", 0)


CHANGE_FREE = tariff(caps=[], transfers=[{"name": "change", "minutes": 60, "amount": 0}])
ONE_FREE, TWO_FREE = (
    tariff(
        caps=[],
        transfers=[],
        concessions=[{"name": "senior", "amount": 0, "rides_per_day": rides}],
        card_types={"02": "senior"},
    )
    for rides in (1, 2)
)


def on_line(line: str, rules: Rules) -> RidesOwed:
    return RidesOwed(listed(rules, line), "bus", GiveBackSettings())


@pytest.mark.parametrize(
    ("rules", "free"),
    [(CHANGE_FREE, 1), (ONE_FREE, 1), (TWO_FREE, 2)],
    ids=["change", "one", "two"],
)
def test_a_ride_for_nothing_that_the_card_tells_of_costs_nothing_when_it_did_not_happen(
    bus_stand: BusStand, tmp_path: Path, rules: Rules, free: int
) -> None:
    """The card is told of a transfer and of a concession's ride, and cannot be untold."""
    passenger = bus_stand.passenger(card_type=2)
    if rules is CHANGE_FREE:
        other = BusStand(tmp_path / "other")
        other.drive(lambda bus: bus.reason(passenger), fares=on_line("42", rules))
    spent = passenger.spent_here

    def scenario(bus: Bus) -> list[str]:
        ride = Ride(bus, GiveBackSettings())
        found = [ride.turns_back(passenger)]
        bus.world.wait(MINUTE)
        found += [ride.pays(passenger) for _ in range(free)]
        assert passenger.spent_here == spent
        return [*found, ride.pays(passenger)]

    found = bus_stand.drive(scenario, fares=on_line("18", rules))
    assert found == [PAID, AGAIN, *[PAID] * free]
    assert passenger.spent_here > spent


def test_two_rides_are_owed_one_after_the_other(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[str]:
        took = ride.bus.tap(passenger)
        found = [took.reason, ride.pays(passenger)]
        second = ride.bus.rows("payment-end")[-1].at
        ride.back.timed_out("door", second)
        ride.back.timed_out("door", place(took))
        ride.back.timed_out("door", place(took))  # nobody's ride comes back twice
        return [*found, *(ride.pays(passenger) for _ in range(3))]

    assert drive(bus_stand, scenario) == [PAID, PAID, AGAIN, AGAIN, PAID]
    assert passenger.spent_here == 3 * FARE


def test_another_bus_knows_nothing_of_it(bus_stand: BusStand, tmp_path: Path) -> None:
    """The journal is the terminal's own; the back office sees what was owed and not ridden."""
    other, passenger = BusStand(tmp_path / "other"), bus_stand.passenger()
    assert drive(bus_stand, lambda ride: ride.turns_back(passenger)) is PAID
    assert drive(other, lambda ride: ride.pays(passenger)) is PAID
    assert passenger.spent_here == 2 * FARE


def test_a_ride_is_owed_over_a_power_cut(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()
    assert drive(bus_stand, lambda ride: ride.turns_back(passenger)) is PAID

    def later(ride: Ride) -> str:
        ride.bus.world.wait(MINUTE)
        return ride.pays(passenger)

    assert drive(bus_stand, later) is AGAIN


def test_who_got_on_a_moment_late_is_owed_nothing(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> str:
        took = ride.bus.tap(passenger)
        ride.back.timed_out("door", place(took))
        ride.back.went_through("door", place(took))
        return ride.pays(passenger)

    assert drive(bus_stand, scenario) is PAID


def test_what_has_been_ridden_is_not_taken_back(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[Event]:
        took = ride.bus.tap(passenger)
        ride.back.timed_out("door", place(took))
        ride.pays(passenger)
        ride.back.went_through("door", place(took))
        return ride.bus.events("recovery")

    assert drive(bus_stand, scenario) == []


def test_a_boarding_for_nothing_is_no_ride_towards_the_day(bus_stand: BusStand) -> None:
    """The ride counts once: when it was paid."""
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[object]:
        ride.turns_back(passenger)
        ride.pays(passenger)
        return [*clearing_rows(iter(ride.bus.rows("payment-end", "give-back", "recovery")))]

    paid, again = drive(bus_stand, scenario)
    assert (paid["amount"], paid["given_back"]) == (FARE, "ridden")  # type: ignore[index]
    assert (again["amount"], again["given_back"]) == (0, "")  # type: ignore[index]
    assert again["again_seq"] == paid["seq"]  # type: ignore[index]


@pytest.mark.parametrize("late", [False, True], ids=["he left", "he passed late"])
def test_who_turns_back_from_his_boarding_for_nothing_is_owed_the_ride_that_he_paid_for(
    bus_stand: BusStand, late: bool
) -> None:
    """Whoever adds up what is owed pays it back, and a boarding for nothing has no amount."""
    passenger = bus_stand.passenger()

    def scenario(ride: Ride) -> list[list[tuple[int | str, ...]]]:
        found: list[list[tuple[int | str, ...]]] = []
        for again in range(3):
            took = ride.bus.tap(passenger)
            ride.back.timed_out("door", place(took))
            if again == 2 and late:
                ride.back.went_through("door", place(took))
            rows = ride.bus.rows("payment-end", "give-back", "recovery")
            found.append([(row["amount"], row["given_back"]) for row in clearing_rows(iter(rows))])
        return found

    many = GiveBackSettings(rides_per_day=9)
    last = "ridden" if late else "owed"
    assert drive(bus_stand, scenario, many) == [
        [(FARE, "owed")],
        [(FARE, "owed"), (0, "visit")],
        [(FARE, last), (0, "visit"), (0, "" if late else "visit")],
    ]


# By code


def fresh(terminal: CodeTerminal) -> bytes:
    return PHONES.three_level(
        replace(GOOD, generated=int(terminal.stand.world.now()), validity=900)
    )


def by_code(scenario: Callable[[CodeTerminal], T], settings: GiveBackSettings | None = None) -> T:
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())
    chosen = settings or GiveBackSettings()
    fares = RidesOwed(FlatFare(FARE, "5199"), "bus", chosen)
    return world.play(
        lambda: scenario(
            CodeTerminal(
                Stand(world, scene=SceneSettings(kind="bus"), fares=fares, give_back=chosen)
            )
        )
    )


def turns_back(terminal: CodeTerminal, content: bytes) -> str:
    report = terminal.show(content)
    assert report.record is not None
    terminal.stand.taps._give_backs.timed_out("entry", report.record.reference)
    terminal.stand.world.wait(3.0)
    return report.reason


@pytest.mark.parametrize("same", [True, False], ids=["the same code", "a fresh one"])
def test_a_code_that_paid_boards_for_nothing_once(same: bool) -> None:
    def scenario(terminal: CodeTerminal) -> list[Stored[Event]]:
        code = fresh(terminal)
        turns_back(terminal, code)
        terminal.show(code if same else fresh(terminal))
        terminal.stand.world.wait(3.0)
        terminal.show(fresh(terminal))
        return [row for row in terminal.stand.store.rows if isinstance(row.event, Tap)]

    taps = by_code(scenario)
    paid, again, next_one = (as_kind(row.event, Tap) for row in taps)
    assert [tap.reason for tap in (paid, again, next_one)] == ["paid", "ride-again", "paid"]
    assert [tap.ride.fare for tap in (paid, again, next_one)] == [FARE, 0, FARE]
    assert again.ride.again == taps[0].at
    rows = [*code_rows(iter(taps))]
    assert [(row["amount"], row["again_seq"]) for row in rows] == [
        (FARE, ""),
        (0, taps[0].at.seq),
        (FARE, ""),
    ]


def test_the_code_of_a_ride_that_was_ridden_is_used() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        code = fresh(terminal)
        found = [turns_back(terminal, code), terminal.show(code).reason]
        terminal.stand.world.wait(3.0)
        return [*found, terminal.show(code).reason]

    assert by_code(scenario) == [PAID, AGAIN, Reason.CODE_SEEN]


def test_who_shows_something_else_has_no_ride_of_the_accounts() -> None:
    """An ID card or another account is nobody's who is owed."""

    def scenario(terminal: CodeTerminal) -> list[str]:
        found = [turns_back(terminal, fresh(terminal))]
        other = replace(
            GOOD, account=b"6210510000000099", generated=int(terminal.stand.world.now())
        )
        return [
            *found,
            terminal.show(PHONES.three_level(other)).reason,
            terminal.stand.tap("lin").reason,
        ]

    assert by_code(scenario) == [PAID, PAID, Reason.NO_PURSE]
