"""Codes and tickets on a bus, from the scanner to the record and to what the passenger is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from agent.fares.ride import Journey
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.pricing import FlatFare, ListedFare
from config.model import SceneSettings
from contracts.scenes.stand import CITY_KEY, Stand
from offline_store.events.happened import ListUsed
from offline_store.events.ride import NO_RIDE, Ride
from offline_store.events.seen import RidesBefore
from offline_store.events.tap import Tap
from simulators.transit import tickets
from simulators.transit.codes import GOOD, NOW
from simulators.world import SimWorld
from tests.agent.events import tap_of
from tests.agent.fares.city import entitled, lines, tariff
from tests.agent.identify.ministry_codes.code_terminal import PHONES, SM2, CodeTerminal
from trust.references import References

T = TypeVar("T")

NIGHT = 300  # fen; the codes' NOW is half past four
ACCOUNT = References(CITY_KEY).account(GOOD.account)


def play(scenario: Callable[[CodeTerminal], T], name: str = "") -> T:
    """The account is in the signed list by that class."""
    listed = entitled(ACCOUNT, name=name) if name else entitled()
    rules = Rules(tariff(), listed, lines(), {"fares": 4, "entitlements": 5})
    fares = ListedFare(lambda: rules, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus")
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())

    def main() -> T:
        scene = SceneSettings(kind="bus")
        return scenario(
            CodeTerminal(Stand(world, scene=scene, fares=fares, ride=lambda: Ride(line="1")))
        )

    return world.play(main)


def fresh(terminal: CodeTerminal, **changes: int) -> bytes:
    """A code made this second."""
    return PHONES.three_level(replace(GOOD, generated=int(terminal.stand.world.now()), **changes))  # type: ignore[arg-type]


def event(terminal: CodeTerminal, code: bytes) -> Tap:
    return tap_of(terminal.show(code).record)


@pytest.mark.parametrize(
    ("name", "fare"), [("", 300), ("student", 150), ("senior", 0), ("staff", 50), ("veteran", 0)]
)
def test_a_code_pays_the_fare_of_its_account_and_its_record_clears(name: str, fare: int) -> None:
    tap = play(lambda terminal: event(terminal, fresh(terminal)), name)
    assert (tap.verdict, tap.reason) == ("accepted", "paid")
    assert (tap.ride.fare, tap.ride.full) == (fare, NIGHT)
    assert tap.ride.concession == (name if fare < NIGHT else "")
    assert tap.ride.line == "1"
    assert len(tap.code_content) > 2 * 332
    assert {ListUsed("fares", 4), ListUsed("entitlements", 5)} <= set(tap.lists)


def test_two_level_codes_pay_too() -> None:
    assert play(lambda terminal: event(terminal, PHONES.two_level())).ride.fare == NIGHT


def test_a_code_pays_nothing_above_its_single_limit() -> None:
    def scenario(terminal: CodeTerminal) -> list[Tap]:
        found = [event(terminal, fresh(terminal, limit=NIGHT - 1))]
        terminal.stand.world.wait(3)
        return [*found, event(terminal, fresh(terminal, limit=NIGHT))]

    refused, paid = play(scenario)
    assert (refused.reason, refused.ride) == ("code-over-limit", NO_RIDE)
    assert paid.ride.fare == NIGHT


def test_rides_by_code_count_towards_the_day() -> None:
    def scenario(terminal: CodeTerminal) -> list[Tap]:
        found = [event(terminal, fresh(terminal))]
        terminal.stand.world.wait(60)
        return [*found, event(terminal, fresh(terminal))]

    first, second = play(scenario)
    assert first.seen.rides == RidesBefore()
    assert second.seen.rides is not None
    assert (second.seen.rides.rides_today, second.seen.rides.paid_today) == (1, NIGHT)


def test_a_code_that_paid_is_not_taken_twice() -> None:
    def scenario(terminal: CodeTerminal) -> list[str]:
        code = fresh(terminal)
        found = [terminal.show(code).reason]
        terminal.stand.world.wait(5)
        return [*found, terminal.show(code).reason]

    assert play(scenario) == [Reason.PAID, Reason.CODE_SEEN]


def test_a_ticket_rides_and_is_used_up() -> None:
    def scenario(terminal: CodeTerminal) -> list[Tap]:
        found = [event(terminal, tickets.made(SM2))]
        terminal.stand.world.wait(3)
        return [*found, event(terminal, tickets.made(SM2))]

    ride, again = play(scenario)
    assert (ride.reason, ride.ride.fare, ride.ride.full) == ("accepted", 0, None)
    assert again.reason == "ticket-used"
