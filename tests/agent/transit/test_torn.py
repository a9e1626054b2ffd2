"""The torn card (闪卡): each way that it may come back, and the ways that it does not."""

import pytest

from agent.reasons import Reason
from apdu.channel import CardGone, Channel
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.transit.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand

PROOF, BEGIN, DEBIT = 0x5A, 0x50, 0x54


def test_who_has_paid_is_not_charged_again(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger, LOST) is Reason.PAY_AGAIN
        assert [event.kind for event in bus.events()] == ["intent"]
        assert bus.reason(passenger) is Reason.TORN_RECOVERED
        assert BEGIN not in bus.instructions()
        intent, end = bus.events()
        assert end.refers == intent.seq
        assert end.amounts["confirmed"] == FARE
        assert end.detail["mac2"] == "verified"
        assert "tac" in end.evidence

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_the_proof_is_asked_for_before_anything_new_is_begun(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, UNSENT)
        assert bus.reason(passenger) is Reason.PAID
        asked = bus.instructions()
        assert asked.index(PROOF) < asked.index(BEGIN)
        assert asked.count(DEBIT) == 1  # the ride proves the card: no purchase of 0 fen
        assert [event.reason for event in bus.events()] == [
            "payment-begun",
            "payment-begun",
            "not-paid",
            "paid",
        ]

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_a_proof_of_another_bus_is_not_ours(bus_stand: BusStand) -> None:
    """The card's number that was never used here was used there: its proof is of there."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, UNSENT)
        bus.slot.pull()  # so that no 8072 can tell
        bus.world.wait(1.0)
        bus.other.charge(passenger, FARE, "20260921080000")
        assert bus.reason(passenger) is Reason.PAID
        assert [event.reason for event in bus.events("payment-end")] == ["not-paid", "paid"]

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - 2 * FARE


def test_without_a_proof_the_cards_log_tells(bus_stand: BusStand) -> None:
    """Another bus has begun something since: the proof is gone, the row in 0018 is not."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        bus.other.charge(passenger, 300, "20260921080000")
        assert bus.reason(passenger) is Reason.TORN_RECOVERED
        end = bus.end()
        assert end.amounts["confirmed"] == FARE
        assert end.detail["mac2"] == "proved"
        assert "tac" not in end.evidence

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_what_neither_proof_nor_log_tell_is_grey(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        for hour in range(11):  # more than the log holds
            bus.other.charge(passenger, 300, f"20260921{hour:02}0000")
        assert bus.reason(passenger) is Reason.PAYMENT_GREY
        assert bus.end().amounts["grey"] == FARE
        assert bus.reason(passenger) is Reason.PAID

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_a_mac2_is_not_shown_to_a_psam_that_has_begun_something_else(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        assert bus.reason(bus_stand.passenger()) is Reason.PAID
        assert bus.reason(passenger) is Reason.TORN_RECOVERED
        assert bus.end().detail["mac2"] == "proved"
        assert "tac" in bus.end().evidence

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_torn_again_while_it_is_asked_it_stays_open(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        with pytest.raises(CardGone):
            bus.tap(passenger, TearAtInstruction(PROOF, Moment.DURING))
        assert len(bus.payments.open) == 1
        assert bus.reason(passenger) is Reason.TORN_RECOVERED

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_a_card_that_never_comes_back_is_grey_after_a_time(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        bus.world.wait(GREY_AFTER - 5)
        assert not bus.events("payment-end")
        bus.world.wait(10)
        assert bus.end().reason == Reason.PAYMENT_GREY
        assert bus.end().verdict == "unknown"
        assert bus.end().amounts["grey"] == FARE
        assert not bus.store.open_intents()

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_who_comes_back_after_that_pays_anew_and_the_grey_record_stays(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        bus.world.wait(GREY_AFTER + 1)
        assert bus.end().reason == Reason.PAYMENT_GREY
        assert bus.reason(passenger) is Reason.PAID

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_twelve_open_at_once_are_known_after_a_restart(bus_stand: BusStand) -> None:
    torn = [bus_stand.passenger() for _ in range(6)]
    unsent = [bus_stand.passenger() for _ in range(6)]

    def leave(bus: Bus) -> None:
        for one in torn:
            assert bus.reason(one, LOST) is Reason.PAY_AGAIN
        for one in unsent:
            assert bus.reason(one, UNSENT) is Reason.PAY_AGAIN
        assert len(bus.payments.open) == 12

    def come_back(bus: Bus) -> None:
        assert len(bus.payments.open) == 12
        assert {bus.reason(one) for one in torn} == {Reason.TORN_RECOVERED}
        assert {bus.reason(one) for one in unsent} == {Reason.PAID}
        assert not bus.store.open_intents()
        assert bus.store.verify().whole

    bus_stand.drive(leave)
    bus_stand.drive(come_back)
    assert {one.inside.money for one in torn + unsent} == {10_000 - FARE}


def test_an_answer_that_says_nothing_is_asked_about_at_once(bus_stand: BusStand) -> None:
    """The card has paid and answers rubbish; it is still there, so it is asked for its proof."""

    def scenario(bus: Bus) -> None:
        took = bus.tap(passenger, around=Rubbish)
        assert took.reason is Reason.TORN_RECOVERED
        assert bus.end().detail["mac2"] == "verified"

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


class Rubbish:
    """A card that answers 8054 with 6581, whatever it did."""

    def __init__(self, card: Channel) -> None:
        self._card = card
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        return bytes.fromhex("6581") if command[1] == 0x54 else answer
