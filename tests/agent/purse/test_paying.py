"""A purse pays: intent, debit, end, in that order and durable; and who is not charged."""

import pytest

from agent.messages.reasons import Reason
from apdu.channel import CardGone, Channel, Transport
from apdu.social_security.psam import PsamMissing
from apdu.transit.faults import NotPurse, PurseLocked
from offline_store.events.row import Event
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.purse.stand import FARE, REFERENCES, Barred, Bus, BusStand, grey, payment
from world import Fault


class Between:
    """Somebody between card and reader, who hands everything on."""

    def __init__(self, card: Channel) -> None:
        self.card = card

    @property
    def transport(self) -> Transport:
        return self.card.transport

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def transmit(self, command: bytes) -> bytes:
        return self.card.transmit(command)


class Watched(Between):
    """Notes what the journal holds when the debit is on its way."""

    def __init__(self, card: Channel, bus: Bus, seen: list[list[Event]]) -> None:
        super().__init__(card)
        self._bus = bus
        self._seen = seen

    def transmit(self, command: bytes) -> bytes:
        if command[1] == 0x54:
            self._seen.append(self._bus.events())
        return super().transmit(command)


class Relayed(Between):
    """Puts other bytes in place of some that the card says."""

    def __init__(self, card: Channel, said: bytes, instead: bytes) -> None:
        super().__init__(card)
        self._said = said
        self._instead = instead

    def transmit(self, command: bytes) -> bytes:
        return super().transmit(command).replace(self._said, self._instead)


def test_intent_is_durable_before_debit(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        seen: list[list[Event]] = []
        assert bus.tap(passenger, around=lambda card: Watched(card, bus, seen)).reason == "paid"
        assert [event.kind for event in seen[0]] == ["intent"]

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_a_payment_is_two_records_that_say_what_the_back_office_wants(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) == Reason.PAID
        _, end = payment(bus.rows())
        made = end.purchase
        assert end.verdict == "accepted"
        assert (made.amount, end.confirmed, end.ride.full) == (FARE, FARE, FARE)
        assert (made.balance_before, made.overdraft, end.balance_after) == (10_000, 0, None)
        assert end.card == REFERENCES.number(passenger.number)
        assert made.card_number == "0" + passenger.number
        assert end.mac2 == "verified"
        assert end.ride.line == "18"
        assert bus.store.verify().whole
        tac = bus.city.tac(
            passenger.order,
            amount=FARE,
            kind=6,
            terminal=bytes.fromhex(made.terminal),
            sequence=int(made.psam_seq, 16),
            moment=made.moment,
        )
        assert end.tac == tac.hex()
        assert not bus.store.open_intents()

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_too_little_money_is_no_intent(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(bus_stand.passenger(FARE - 1)) == Reason.LOW_BALANCE
        assert [event.kind for event in bus.events()] == ["tap"]

    bus_stand.drive(scenario)


def test_overdraft_pays(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger(50, overdraft=800)
    assert bus_stand.drive(lambda bus: bus.reason(passenger)) == Reason.PAID
    assert passenger.inside.money == 50 - FARE


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"city": "1000", "interoperable": False}, Reason.WRONG_CITY),
        ({"city": "1000"}, Reason.PAID),
        ({"expires": "20250101"}, Reason.CARD_EXPIRED),
        ({"starts": "20980101"}, Reason.CARD_NOT_YET_VALID),
    ],
)
def test_which_cards_ride(bus_stand: BusStand, order: dict[str, object], reason: Reason) -> None:
    passenger = bus_stand.passenger(**order)  # type: ignore[arg-type]
    assert bus_stand.drive(lambda bus: bus.reason(passenger)) is reason


def test_a_listed_card_is_not_charged(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()
    listed = Barred(passenger.number)
    assert bus_stand.drive(lambda bus: bus.reason(passenger), lists=listed) == Reason.BLACKLISTED
    assert passenger.inside.money == 10_000


def test_a_purse_that_is_listed_by_its_reference_is_not_charged(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()
    listed = Barred(REFERENCES.number(passenger.number))
    assert bus_stand.drive(lambda bus: bus.reason(passenger), lists=listed) == Reason.BLACKLISTED
    assert passenger.inside.money == 10_000


def test_a_purse_is_one_card_whatever_stands_before_the_digits_that_are_proved(
    bus_stand: BusStand,
) -> None:
    """Whoever stands between card and reader can change the first three digits of its number: no
    key and no PSAM knows them."""

    def relayed(card: Channel) -> Channel:
        number = bytes.fromhex(f"0{passenger.number}")
        return Relayed(card, number, bytes.fromhex(f"0311{passenger.number[3:]}"))

    def refused(bus: Bus) -> None:
        assert bus.tap(passenger, around=relayed).reason == Reason.BLACKLISTED

    def known(bus: Bus) -> None:
        bus.tap(passenger, around=relayed)
        bus.world.wait(60)
        bus.tap(passenger)
        assert {end.card for end in bus.ends()} == {reference}

    passenger = bus_stand.passenger()
    reference = REFERENCES.number(passenger.number)
    for listed in (passenger.number, reference):
        bus_stand.drive(refused, lists=Barred(listed))
    bus_stand.drive(known)


def test_a_purse_of_an_issuer_that_is_not_taken_is_not_charged(bus_stand: BusStand) -> None:
    passenger = bus_stand.passenger()
    listed = Barred(passenger.order.issuer)
    assert bus_stand.drive(lambda bus: bus.reason(passenger), lists=listed) == Reason.WRONG_CITY
    assert passenger.inside.money == 10_000


def test_a_locked_purse_is_told_before_anything_is_begun(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        with pytest.raises(PurseLocked):
            bus.tap(passenger)
        assert not bus.events()

    passenger = bus_stand.passenger()
    passenger.inside.faults.select_sw = 0x6283
    bus_stand.drive(scenario)


def test_a_card_without_a_purse_is_left_to_the_scene(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        with pytest.raises(NotPurse):
            bus.tap(passenger)

    passenger = bus_stand.passenger()
    passenger.inside.faults.select_sw = 0x6A82
    bus_stand.drive(scenario)


def test_a_forged_mac2_is_grey_and_nobody_rides(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) == Reason.PAYMENT_FORGED
        end = bus.end()
        assert end.verdict == "refused"
        assert grey(end) == FARE
        assert end.confirmed is None

    passenger = bus_stand.passenger()
    passenger.inside.faults.wrong_mac2 = True
    bus_stand.drive(scenario)


def test_without_a_psam_nothing_is_begun(bus_stand: BusStand) -> None:
    class Empty:
        def __call__(self, count: int | None = None) -> None:
            raise CardGone

    def scenario(bus: Bus) -> None:
        bus.slot.open = Empty()  # type: ignore[assignment,method-assign]
        bus.slot.pull()
        bus.world.wait(1.0)
        with pytest.raises(PsamMissing):
            bus.tap(passenger)
        assert not bus.events()

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)


@pytest.mark.parametrize("instruction", [0xA4, 0xB0, 0x50])
def test_a_card_that_leaves_before_the_intent_leaves_nothing(
    bus_stand: BusStand, instruction: int
) -> None:
    def scenario(bus: Bus) -> None:
        with pytest.raises(Fault):
            bus.tap(passenger, TearAtInstruction(instruction, Moment.DURING))
        assert not bus.events()
        assert bus.reason(passenger) == Reason.PAID

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        ({"expires": "20340229"}, Reason.PAID),
        ({"expires": "00000000"}, Reason.PAID),
        ({"expires": "99999999"}, Reason.PAID),
        ({"expires": "FFFFFFFF"}, Reason.PAID),
        ({"starts": "00000000"}, Reason.PAID),
        ({"starts": "FFFFFFFF"}, Reason.PAID),
        ({"expires": "20250231"}, Reason.CARD_EXPIRED),
        ({"starts": "20991301"}, Reason.CARD_NOT_YET_VALID),
    ],
)
def test_dates_of_a_purse_are_compared_as_digits_and_no_end_is_none(
    bus_stand: BusStand, dates: dict[str, str], reason: Reason
) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) is reason
        if reason == Reason.PAID:
            written = {*dates.values()} - {"FFFFFFFF"}
            intent, end = payment(bus.rows())
            name = "issue-date" if "starts" in dates else "expiry-date"
            assert intent.doubts == end.doubts == ((name,) if written else ())

    passenger = bus_stand.passenger(**dates)  # type: ignore[arg-type]
    bus_stand.drive(scenario)


def test_a_bus_that_booted_in_1970_charges_and_flags_its_records(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        bus.world.jump_clock(60 - bus.world.now())
        assert bus.reason(late) == Reason.PAID  # nobody's dates can be judged
        assert {event.clock.quality for event in bus.events()} == {"unset"}

    late = bus_stand.passenger(expires="20250101")
    bus_stand.drive(scenario)
