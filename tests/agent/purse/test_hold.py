"""A transit PSAM stays with its flow however slow the card, and the watchdog ends that: nobody
takes a session away, and nobody keeps a PSAM for ever."""

from collections.abc import Callable
from functools import partial

import pytest

from agent.equipment.watchdog import HELD, Watchdog
from agent.messages.reasons import Reason
from agent.psam.leases import PATIENCE
from agent.purse.tap_result import TapResult
from agent.stages import Stages
from apdu.channel import Channel
from apdu.social_security.psam import PsamBusy
from contracts.scenes.stand import FakeReader
from simulators.transit.bus import Passenger, SteppedCard
from tests.agent.purse.metro_stand import MetroStand, Network
from tests.agent.purse.stand import FARE, LOST, Bus, BusStand
from world import Fault, Task, World

SILENT = 1.2  # config.model.WatchdogSettings
SELECT, BEGIN, DEBIT, PROVE = 0xA4, 0x50, 0x54, 0x5A


class Late:
    """A good card that answers some instructions late."""

    def __init__(self, world: World, card: Channel, late: dict[int, float]) -> None:
        self._world = world
        self._card = card
        self._late = late
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        self._world.wait(self._late.get(command[1], 0.0))
        return answer


class Handle:
    """A channel as a reader's handle."""

    def __init__(self, card: Channel) -> None:
        self._card = card
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        return self._card.transmit(command)

    def present(self) -> bool:
        return True

    def close(self) -> None: ...


class Watched:
    """Taps of a bus or gate under a watchdog, as `agent.tap.tap.Taps` carries them out."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._dog = Watchdog(bus.world, SILENT)
        self._dog.start()
        self.gave_up: list[float] = []

    def stop(self) -> None:
        self._dog.stop()

    def tap(self, passenger: Passenger, late: dict[int, float]) -> TapResult:
        bus = self._bus
        inner = SteppedCard(bus.world, passenger, bus.city.face(passenger.inside))
        reader = FakeReader(bus.world)
        silent = lambda: self.gave_up.append(bus.world.monotonic())  # noqa: E731
        with self._dog.watch(reader, silent) as watch:
            card = watch.opening(lambda: Handle(Late(bus.world, inner, late)))
            stages = Stages(bus.world, bus.world.monotonic())
            return bus.payments.pay("door", card, "card-contactless", stages, watch)

    def recover(self, passenger: Passenger, late: dict[int, float]) -> TapResult | None:
        """That card lay there."""
        bus = self._bus
        inner = SteppedCard(bus.world, passenger, bus.city.face(passenger.inside))
        silent = lambda: self.gave_up.append(bus.world.monotonic())  # noqa: E731
        with self._dog.watch(FakeReader(bus.world), silent) as watch:
            stages = Stages(bus.world, bus.world.monotonic())
            power = partial(watch.opening, lambda: Handle(Late(bus.world, inner, late)))
            return bus.payments.recover("door", power, "card-contactless", stages, watch)

    def later(self, passenger: Passenger, late: dict[int, float]) -> tuple[Task, list[object]]:
        """In a task of its own: what it came to, or its fault."""
        came: list[object] = []

        def run() -> None:
            try:
                came.append(self.tap(passenger, late))
            except Fault as fault:
                came.append(fault)

        return self._bus.world.spawn(run, name="reader 1"), came


def watched(scenario: Callable[[Bus, Watched], None]) -> Callable[[Bus], None]:
    def run(bus: Bus) -> None:
        taps = Watched(bus)
        scenario(bus, taps)
        taps.stop()

    return run


def test_a_flow_keeps_its_psam_and_the_next_one_waits(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        first = bus.desk.lease()
        began = bus.world.monotonic()
        with pytest.raises(PsamBusy):
            bus.desk.lease()
        assert bus.world.monotonic() - began >= PATIENCE
        first.release()
        bus.desk.lease().release()

    bus_stand.drive(scenario)


@pytest.mark.parametrize("lying", [False, True], ids=["tap", "left lying"])
def test_a_torn_card_that_hangs_when_it_is_asked_gets_nothing_for_what_it_answers_later(
    bus_stand: BusStand, lying: bool
) -> None:
    """Its holder has been told to take it away; it is asked again when it is back."""
    passenger = bus_stand.passenger()

    def scenario(bus: Bus, taps: Watched) -> None:
        assert bus.reason(passenger, LOST) == Reason.PAY_AGAIN
        ask = taps.recover if lying else taps.tap
        took = ask(passenger, {PROVE: 3.0})
        assert len(taps.gave_up) == 1
        assert took is None or (took.reason, took.proof) == (Reason.PAY_AGAIN, None)
        assert len(bus.payments.open) == 1
        back = taps.tap(passenger, {})
        assert (back.reason, back.proof is None) == (Reason.TORN_RECOVERED, False)
        assert passenger.spent_here == FARE

    bus_stand.drive(watched(scenario))


def test_a_card_that_hangs_in_the_debit_keeps_the_psam_from_nobody(bus_stand: BusStand) -> None:
    """It is given up, its payment stays open, and what it answers later gets its holder nothing."""

    def scenario(bus: Bus, taps: Watched) -> None:
        task, came = taps.later(hangs, {DEBIT: 30.0})
        bus.world.wait(0.2)
        began = bus.world.monotonic()
        assert taps.tap(other, {}).reason == Reason.PAID
        assert bus.world.monotonic() - began < PATIENCE
        assert bus.end().mac2 == "verified"
        assert len(taps.gave_up) == 1
        task.join()
        [took] = came
        assert isinstance(took, TapResult)
        assert (took.reason, took.proof) == (Reason.PAY_AGAIN, None)
        assert len(bus.store.open_intents()) == 1
        assert taps.tap(hangs, {}).reason == Reason.TORN_RECOVERED

    hangs, other = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(watched(scenario))
    assert hangs.inside.money == other.inside.money == 10_000 - FARE


def test_what_hung_is_asked_at_another_reader_once_it_is_given_up(bus_stand: BusStand) -> None:
    def scenario(bus: Bus, taps: Watched) -> None:
        task, came = taps.later(torn, {DEBIT: 30.0})
        bus.world.wait(SILENT * 2)
        assert taps.tap(torn, {}).reason == Reason.TORN_RECOVERED
        task.join()
        [took] = came
        assert isinstance(took, TapResult)
        assert took.proof is None
        assert len(bus.events("payment-end")) == len(bus.events("intent"))

    torn = bus_stand.passenger()
    bus_stand.drive(watched(scenario))
    assert torn.inside.money == 10_000 - FARE


def test_a_flow_that_was_ended_has_nothing_authorised_any_more(bus_stand: BusStand) -> None:
    """Its 8070 would end the session of whoever has the PSAM by now."""

    def scenario(bus: Bus, taps: Watched) -> None:
        task, came = taps.later(hangs, {BEGIN: HELD + 1.5})
        bus.world.wait(SILENT + 1.0)
        assert taps.tap(slow, {DEBIT: 1.0}).reason == Reason.PAID
        assert bus.end().mac2 == "verified"
        task.join()
        [fault] = came
        assert isinstance(fault, PsamBusy)
        assert not bus.store.open_intents()

    hangs, slow = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(watched(scenario))
    assert not hangs.debits


def test_a_card_that_was_given_up_before_keeps_no_psam(bus_stand: BusStand) -> None:
    """It hung in its first answer, came back, and hangs again with the PSAM in hand."""

    def scenario(bus: Bus, taps: Watched) -> None:
        task, came = taps.later(hangs, {SELECT: SILENT * 2, BEGIN: 60.0})
        bus.world.wait(SILENT * 3)
        began = bus.world.monotonic()
        assert taps.tap(other, {}).reason == Reason.PAID
        assert bus.world.monotonic() - began < PATIENCE
        task.join()
        assert isinstance(came[0], PsamBusy)

    hangs, other = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(watched(scenario))
    assert not hangs.debits


def test_a_card_that_drips_its_answers_keeps_the_psam_for_two_seconds(
    metro_stand: MetroStand,
) -> None:
    """Each answer comes before the watchdog gives the card up, all together do not."""

    def scenario(metro: Network) -> None:
        gate = metro.at("M11")
        dog = Watchdog(metro.world, SILENT)
        dog.start()
        ended: list[float] = []
        with dog.watch(FakeReader(metro.world), lambda: None) as watch:
            began = metro.world.monotonic()
            with watch.holding(lambda: ended.append(metro.world.monotonic() - began)):
                for _ in range(5):
                    watch.waiting_since = metro.world.monotonic()
                    metro.world.wait(SILENT * 0.9)
            assert not watch.gave_up
        [after] = ended
        assert HELD <= after <= HELD + SILENT / 4
        assert gate.enter(passenger) == Reason.TRIP_BEGUN
        dog.stop()

    passenger = metro_stand.passenger()
    metro_stand.run(scenario)


def test_control_a_psam_that_is_taken_over_after_a_while_breaks_an_honest_proof(
    bus_stand: BusStand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with social security cards, whose flows lose nothing by it."""

    def scenario(bus: Bus, taps: Watched) -> None:
        task, came = taps.later(slow, {DEBIT: 1.0})
        bus.world.wait(0.2)
        assert taps.tap(other, {}).reason == Reason.PAID
        task.join()
        assert isinstance(came[0], TapResult)
        assert "proved" in [end.mac2 for end in bus.ends()]

    monkeypatch.setattr("agent.psam.transit.NEVER", 0.3)
    slow, other = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(watched(scenario))
