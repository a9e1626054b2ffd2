"""Any history of drivers, rides, places, choices, power cuts: the desk is as a plain model says."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agent.fares.rules import Rules
from agent.scenes.bus.shift import CLOSED, OPENED, Summary
from offline_store.events.terminal import Shift
from offline_store.faults import DiskFull
from simulators.world import SimWorld
from tests.agent.fares.city import entitled, tariff
from tests.agent.scenes.bus.stand import ANN, BEN, Bus, PowerCut

STOPS = ("S1", "S2", "S3", "S4", "S5")


class Vehicle(RuleBasedStateMachine):
    """The model: who drives, his rides (class, kind, amount), the stop."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = SimWorld(1)
        self.world.begin()
        self.bus = Bus(self.world, Path(self.folder.name), held=0.0, turn_at_end=False)
        self.bus.rules = Rules(tariff(), entitled(ANN, BEN), self.bus.rules.lines)
        self.driver = ""
        self.rides: list[tuple[str, str, int]] = []
        self.closed: list[int] = []  # what each closed shift took in
        self.stop = ""
        self.manual_until = 0.0

    def teardown(self) -> None:
        self.world.end()
        self.folder.cleanup()

    @rule(who=st.sampled_from([ANN, BEN]))
    def sign(self, who: str) -> None:
        self._signed(who, self.bus.sign(who))

    @rule(who=st.sampled_from([ANN, BEN]))
    def sign_and_lose_the_power(self, who: str) -> None:
        """After the first row that is written: who is on has closed, or the new one has opened."""
        self.bus.ledger.cut_after_write = True
        with pytest.raises(PowerCut):
            self.bus.sign(who)
        if self.driver:
            self._close()
        else:
            self._open(who)
        self.bus.restart()

    @rule(who=st.sampled_from([ANN, BEN]))
    def sign_while_the_disk_is_full(self, who: str) -> None:
        self.bus.ledger.broken = True
        with pytest.raises(DiskFull):
            self.bus.sign(who)
        self.bus.ledger.broken = False

    @precondition(lambda self: self.driver)
    @rule()
    def sign_off(self) -> None:
        self.bus.desk.sign_off()
        self._close()

    @rule(
        amount=st.integers(0, 500),
        name=st.sampled_from(["", "senior", "student"]),
        kind=st.sampled_from(["purse", "code:ministry"]),
    )
    def ride(self, amount: int, name: str, kind: str) -> None:
        self.bus.ride(amount, name, kind)
        self.rides.append((name or "normal", kind, amount))

    @rule()
    def intent(self) -> None:
        self.bus.ride(100, kind="intent")

    @rule(stop=st.sampled_from(STOPS))
    def arrive(self, stop: str) -> None:
        self.bus.drive(30.0025, 120.0)  # between two stops: whichever it was at, it has left
        self.bus.at(stop)
        if self.world.monotonic() >= self.manual_until:
            self.stop = stop

    @rule(stop=st.sampled_from(STOPS))
    def choose(self, stop: str) -> None:
        self.bus.desk.set_stop(stop)
        self.stop, self.manual_until = stop, self.world.monotonic() + 20 * 60

    @rule()
    def follow(self) -> None:
        self.bus.desk.follow()
        self.manual_until = 0.0

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes: int) -> None:
        self.world.wait(minutes * 60)

    @rule()
    def restart(self) -> None:
        self.bus.restart()

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        shift = self.bus.desk.shown()["shift"]
        assert (shift is not None) == bool(self.driver)
        if self.driver:
            assert self.bus.desk.ride().driver == self.driver
            summary = self.bus.desk.summary()
            assert summary is not None
            assert _rows(summary) == _model(self.rides)
        assert self.bus.desk.journey().boarded == self.stop
        shifts = [event for event in self.bus.ledger.events if isinstance(event, Shift)]
        reasons = [shift.reason for shift in shifts]
        assert reasons == [OPENED, CLOSED] * (len(reasons) // 2) + [OPENED] * (len(reasons) % 2)
        closed = [shift.totals for shift in shifts if shift.reason == CLOSED]
        assert [totals.amount if totals else None for totals in closed] == self.closed

    def _signed(self, who: str, found: str) -> None:
        before = self.driver
        assert found == ("off" if before == who else "on")
        if before:
            self._close()
        if found == "on":
            self._open(who)

    def _open(self, who: str) -> None:
        self.driver, self.rides = who, []

    def _close(self) -> None:
        self.closed.append(sum(amount for _, _, amount in self.rides))
        self.driver, self.rides = "", []


def _rows(summary: Summary) -> dict[tuple[str, str], tuple[int, int]]:
    return {key: (count.rides, count.amount) for key, count in summary.counts.items()}


def _model(rides: list[tuple[str, str, int]]) -> dict[tuple[str, str], tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for name, kind, amount in rides:
        count, total = found.get((name, kind), (0, 0))
        found[name, kind] = (count + 1, total + amount)
    return found


Vehicle.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestVehicle = Vehicle.TestCase


class Forgetful(Vehicle):
    """The control: a file that is behind and a journal that is not read again."""

    @rule()
    def restart(self) -> None:
        ledger = self.bus.ledger
        after, ledger.after = ledger.after, lambda at: iter(())  # type: ignore[method-assign]
        self.bus.restart()
        ledger.after = after  # type: ignore[method-assign]

    @rule(who=st.sampled_from([ANN, BEN]))
    def sign_and_lose_the_power(self, who: str) -> None:
        self.bus.ledger.cut_after_write = True
        with pytest.raises(PowerCut):
            self.bus.sign(who)
        if self.driver:
            self._close()
        else:
            self._open(who)
        self.restart()


def test_control_who_does_not_read_the_journal_again_is_caught() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Forgetful, settings=Vehicle.TestCase.settings)
