"""The torn card (闪卡): each way that it may come back, and the ways that it does not."""

import pytest

from agent.messages.reasons import Reason
from apdu.channel import CardGone, Channel
from apdu.transit.files import national
from simulators.transit.bus import OURS
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.purse.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand, grey, payment

PROOF, BEGIN, DEBIT = 0x5A, 0x50, 0x54
READ, LOG = 0xB2, 0x18


def test_who_has_paid_is_not_charged_again(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger, LOST) == Reason.PAY_AGAIN
        assert [event.kind for event in bus.events()] == ["intent"]
        assert bus.reason(passenger) == Reason.TORN_RECOVERED
        assert BEGIN not in bus.instructions()
        _, end = payment(bus.rows())
        assert end.confirmed == FARE
        assert end.mac2 == "verified"
        assert end.tac

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_the_proof_is_asked_for_before_anything_new_is_begun(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, UNSENT)
        assert bus.reason(passenger) == Reason.PAID
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
        assert bus.reason(passenger) == Reason.PAID
        assert [event.reason for event in bus.events("payment-end")] == ["not-paid", "paid"]

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - 2 * FARE


def test_without_a_proof_the_cards_log_tells(bus_stand: BusStand) -> None:
    """Another bus has begun something since: the proof is gone, the row in 0018 is not."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        bus.other.charge(passenger, 300, "20260921080000")
        assert bus.reason(passenger) == Reason.TORN_RECOVERED
        end = bus.end()
        assert end.confirmed == FARE
        assert end.mac2 == "proved"
        assert not end.tac

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_what_neither_proof_nor_log_tell_is_grey(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        for hour in range(11):  # more than the log holds
            bus.other.charge(passenger, 300, f"20260921{hour:02}0000")
        assert bus.reason(passenger) == Reason.PAYMENT_GREY
        assert grey(bus.end()) == FARE
        assert bus.reason(passenger) == Reason.PAID

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


class Odd:
    """A card of whose log some rows are so, before its own; see `apdu.channel.Channel`."""

    def __init__(self, inner: Channel, *rows: bytes) -> None:
        self._inner = inner
        self._rows = rows
        self.transport = inner.transport
        self.atr = inner.atr

    def transmit(self, command: bytes) -> bytes:
        if command[1] != READ or command[3] >> 3 != LOG:
            return self._inner.transmit(command)
        if command[2] <= len(self._rows):
            return self._rows[command[2] - 1] + b"\x90\x00"
        earlier = bytes((*command[:2], command[2] - len(self._rows), *command[3:]))
        return self._inner.transmit(earlier)


def row_of(terminal: str, time: str, *, seq: int = 1, amount: int = 5_000, type_: int = 2) -> bytes:
    """One of 0018, by default of a load."""
    told: dict[str, int | str] = {"seq": seq, "amount": amount, "type": type_, "terminal": terminal}
    return national().log.encode(told, bytes(16) + bytes.fromhex(time))


ODD_TIMES = ["FF" * 7, "99" * 7, "00" * 7, "2026EE21080000"]


@pytest.mark.parametrize("time", ODD_TIMES)
@pytest.mark.parametrize("tear", [LOST, UNSENT])
def test_a_row_that_is_not_ours_decides_nothing_by_its_time(
    bus_stand: BusStand, tear: TearAtInstruction, time: str
) -> None:
    """Another terminal has loaded the card, and has left F for the time."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, tear)
        bus.other.charge(passenger, 300, "20260921080000")  # no proof: the log has to tell
        took = bus.tap(passenger, around=lambda card: Odd(card, row_of("112233445566", time)))
        assert took.reason == (Reason.TORN_RECOVERED if tear is LOST else Reason.PAID)

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE - 300


@pytest.mark.parametrize("time", ODD_TIMES)
def test_a_row_that_may_be_ours_ends_nothing_as_not_paid(bus_stand: BusStand, time: str) -> None:
    """Terminal, amount and number are ours, the time cannot be read: nobody knows."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, UNSENT)
        bus.other.charge(passenger, 300, "20260921080000")
        [intent] = bus.intents()
        asked = intent.purchase
        ours = row_of(OURS, time, seq=asked.card_seq, amount=FARE, type_=asked.type)
        assert bus.tap(passenger, around=lambda card: Odd(card, ours)).reason == "payment-grey"
        assert grey(bus.end()) == FARE

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


@pytest.mark.parametrize("size", [1, 22, 24])
def test_a_row_that_cannot_be_read_is_unknown_and_refuses_nobody(
    bus_stand: BusStand, size: int
) -> None:
    def scenario(bus: Bus) -> None:
        told = []
        for passenger, tear in zip(passengers, (LOST, UNSENT), strict=True):
            bus.tap(passenger, tear)
            bus.other.charge(passenger, 300, "20260921080000")
            took = bus.tap(passenger, around=lambda card: Odd(card, b"\x01" * size))
            told.append(took.reason)
        # A row of ours behind it still tells; that there is none, nothing tells.
        assert told == [Reason.TORN_RECOVERED, Reason.PAYMENT_GREY]

    passengers = [bus_stand.passenger(), bus_stand.passenger()]
    bus_stand.drive(scenario)


def test_a_mac2_is_not_shown_to_a_psam_that_has_begun_something_else(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        assert bus.reason(bus_stand.passenger()) == Reason.PAID
        assert bus.reason(passenger) == Reason.TORN_RECOVERED
        assert bus.end().mac2 == "proved"
        assert bus.end().tac

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_torn_again_while_it_is_asked_it_stays_open(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        with pytest.raises(CardGone):
            bus.tap(passenger, TearAtInstruction(PROOF, Moment.DURING))
        assert len(bus.payments.open) == 1
        assert bus.reason(passenger) == Reason.TORN_RECOVERED

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
        assert grey(bus.end()) == FARE
        assert not bus.store.open_intents()

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_who_comes_back_after_that_pays_anew_and_the_grey_record_stays(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.tap(passenger, LOST)
        bus.world.wait(GREY_AFTER + 1)
        assert bus.end().reason == Reason.PAYMENT_GREY
        assert bus.reason(passenger) == Reason.PAID

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_twelve_open_at_once_are_known_after_a_restart(bus_stand: BusStand) -> None:
    torn = [bus_stand.passenger() for _ in range(6)]
    unsent = [bus_stand.passenger() for _ in range(6)]

    def leave(bus: Bus) -> None:
        for one in torn:
            assert bus.reason(one, LOST) == Reason.PAY_AGAIN
        for one in unsent:
            assert bus.reason(one, UNSENT) == Reason.PAY_AGAIN
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
        assert took.reason == Reason.TORN_RECOVERED
        assert bus.end().mac2 == "verified"

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
