"""Whatever rides, signs on or ends a payment rests on a card that the PSAM has believed in this
very presentation; what a card says of itself is not enough, in either direction."""

from contextlib import suppress
from functools import partial
from typing import NoReturn

import pytest

from agent.fares.ride import Journey, paid
from agent.fares.rules import Rules
from agent.messages.reasons import Reason
from agent.purse.clearing import clearing_rows
from agent.purse.pricing import FlatFare, ListedFare
from agent.scenes.bus.shift import summarise
from apdu.channel import CardGone, Channel
from apdu.transit.values import Kind
from offline_store.events.payment import Intent
from simulators.transit.bus import Passenger
from simulators.vpcd import Moment, TearAtInstruction
from tests.agent.events import as_kind
from tests.agent.fares.city import MADE_UP, lines, people, tariff
from tests.agent.purse.impostor import GOOD, NO_PROOF, NO_ROW, Impostor, Says
from tests.agent.purse.stand import FARE, GREY_AFTER, LOST, UNSENT, Bus, BusStand, grey
from world import Fault

RULES = Rules(tariff(), people(), lines(), {"fares": 3})
ABOARD = ListedFare(
    lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(999), "bus", aboard=True
)
BEGIN, DEBIT, ASK = 0x50, 0x54, 0x5A


def shown(bus: Bus, impostor: Channel, passenger: Passenger) -> str:
    """The impostor at the reader, in that passenger's place."""
    return bus.tap(passenger, around=lambda card: impostor).reason


def confirmed(bus: Bus) -> list[str]:
    """Whose debits are."""
    return [end.purchase.card_number[1:] for end in bus.ends() if end.confirmed is not None]


def still_open(bus: Bus) -> list[Intent]:
    """Payments that were begun and have no end yet."""
    return [as_kind(row.event, Intent) for row in bus.store.open_intents()]


# What nobody could check


@pytest.mark.parametrize("other", [True, False])
def test_unverified_is_never_confirmed(bus_stand: BusStand, other: bool) -> None:
    """Torn at 8054; `other`: somebody else pays, so that no PSAM can check its MAC2 any more."""

    def scenario(bus: Bus) -> None:
        impostor = Impostor(bus.world, nobody.order, leaves=True)
        assert shown(bus, impostor, nobody) == Reason.PAY_AGAIN
        if other:
            assert bus.reason(honest) == Reason.PAID
        impostor.leaves = False
        for _ in range(3):
            bus.world.wait(2)
            assert shown(bus, impostor, nobody) == Reason.PAYMENT_FORGED
        assert confirmed(bus) == [honest.number] * other
        bus.world.wait(GREY_AFTER + 1)
        greys = [end for end in bus.ends() if end.reason == Reason.PAYMENT_GREY]
        assert [grey(end) for end in greys] == [FARE]
        assert not bus.store.open_intents()

    nobody, honest = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(scenario)


@pytest.mark.parametrize("seed", range(1, 6))
def test_an_accomplice_at_another_reader_takes_no_psam_away(bus_stand: BusStand, seed: int) -> None:
    def scenario(bus: Bus) -> None:
        impostor = Impostor(bus.world, nobody.order, delay=1.0)
        told: list[str] = []
        slow = bus.world.spawn(lambda: told.append(shown(bus, impostor, nobody)), name="reader 1")
        bus.world.wait(0.05)
        assert bus.reason(honest) == Reason.PAID  # after the slow one has come to its end
        slow.join()
        assert told == [Reason.PAYMENT_FORGED]
        assert [end.purchase.card_number[1:] for end in bus.ends()] == [
            nobody.number,
            honest.number,
        ]
        assert confirmed(bus) == [honest.number]

    nobody, honest = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(scenario, seed=seed)


def test_an_honest_slow_card_is_verified_though_somebody_waits(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        told: list[str] = []
        waits = bus.world.spawn(lambda: told.append(bus.reason(other)), name="reader 2")
        took = bus.tap(slow, around=lambda card: Slow(bus, card))
        waits.join()
        assert (took.reason, told) == (Reason.PAID, [Reason.PAID])
        assert [end.mac2 for end in bus.ends()] == ["verified"] * 2

    slow, other = bus_stand.passenger(), bus_stand.passenger()
    bus_stand.drive(scenario)


class Slow:
    """A good card that takes a second for 8054."""

    def __init__(self, bus: Bus, card: Channel) -> None:
        self._bus = bus
        self._card = card
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if command[1] == DEBIT:
            self._bus.world.wait(1.0)
        return answer


class Pulls:
    """A good card, while whose `ins` is answered the PSAM is pulled and put back."""

    def __init__(self, bus: Bus, card: Channel, ins: int, *, for_good: bool = False) -> None:
        self._bus = bus
        self._card = card
        self._ins = ins
        self._for_good = for_good
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if command[1] == self._ins:
            if self._for_good:
                self._bus.slot.open = _empty  # type: ignore[method-assign]
            self._ins = 0
            self._bus.slot.pull()
            self._bus.world.wait(0.5)
        return answer


def _empty(count: int | None = None) -> NoReturn:
    raise CardGone


def test_a_card_proves_itself_at_once_when_the_psam_was_pulled_meanwhile(
    bus_stand: BusStand,
) -> None:
    def scenario(bus: Bus) -> None:
        took = bus.tap(passenger, around=lambda card: Pulls(bus, card, DEBIT))
        assert (took.reason, took.proof is not None) == (Reason.PAID, True)
        end = bus.end()
        assert (end.confirmed, end.mac2) == (FARE, "proved")
        assert end.proved_by == bus.ends()[0].purchase.psam_seq
        assert end.tac

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


def test_without_a_psam_nothing_is_confirmed_and_the_card_is_asked_again(
    bus_stand: BusStand,
) -> None:
    def scenario(bus: Bus) -> None:
        good = bus.slot.open
        took = bus.tap(passenger, around=lambda card: Pulls(bus, card, DEBIT, for_good=True))
        assert (took.reason, took.proof) == (Reason.PAY_AGAIN, None)
        assert not confirmed(bus)
        bus.slot.open = good  # type: ignore[method-assign]
        bus.slot.pull()
        bus.world.wait(1.0)
        assert bus.reason(passenger) == Reason.TORN_RECOVERED

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


# Somebody else's number

DENIALS: dict[str, dict[int, Says]] = {
    "it was not paid": {ASK: NO_PROOF, 0x5C: (10_000).to_bytes(4) + GOOD, 0xB2: NO_ROW},
    "others were paid": {
        ASK: NO_PROOF,
        0xB2: bytes.fromhex("0001 000000 00000064 06 0123000400AA 20260901080000") + GOOD,
    },
    "it was paid": {},
    "nothing": {ASK: b"\x6d\x00", 0x5C: b"\x6d\x00", 0xB2: b"\x6d\x00"},
    "it will not begin anything": {BEGIN: b"\x69\x85"},
    "it has no money": {BEGIN: b"\x94\x01", ASK: NO_PROOF},
    "it refuses the debit": {DEBIT: b"\x93\x02", ASK: NO_PROOF},
    "it is a test card": {0xB0: b"\0" * 10 + b"\x04" + b"\0" * 49 + GOOD},
}


@pytest.mark.parametrize("tear", [LOST, UNSENT], ids=["paid", "not paid"])
@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("says", list(DENIALS.values()), ids=list(DENIALS))
def test_no_impostor_ends_what_somebody_else_has_open(
    bus_stand: BusStand,
    says: dict[int, Says],
    pulled: bool,
    tear: TearAtInstruction,
) -> None:
    """A card's number is no secret. Its holder still has what he paid for when he is back."""

    def scenario(bus: Bus) -> None:
        assert bus.reason(victim, tear) == Reason.PAY_AGAIN
        [intent] = bus.store.open_intents()
        if pulled:
            bus.slot.pull()
            bus.world.wait(1.0)
        for seq in (victim.inside.state.seq, 7):
            impostor = Impostor(bus.world, victim.order, seq=seq, says=says)
            with suppress(Fault):
                took = bus.tap(victim, around=lambda card: impostor)  # noqa: B023
                assert took.proof is None
        assert intent.at in [row.at for row in bus.store.open_intents()]
        told = bus.reason(victim)
        assert told is (Reason.TORN_RECOVERED if tear is LOST else Reason.PAID)
        assert set(confirmed(bus)) == {victim.number}
        assert intent.at not in [row.at for row in bus.store.open_intents()]

    victim = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert victim.inside.money == 10_000 - FARE


def test_what_an_impostor_has_begun_in_somebodys_name_costs_that_person_nothing(
    bus_stand: BusStand,
) -> None:
    def scenario(bus: Bus) -> None:
        for seq in (0, 3, victim.inside.state.seq, 60_000):
            impostor = Impostor(bus.world, victim.order, leaves=True, seq=seq)
            assert shown(bus, impostor, victim) == Reason.PAY_AGAIN
        told = [bus.reason(victim), bus.reason(victim)]
        assert told in ([Reason.PAID, Reason.PAID], [Reason.PAYMENT_GREY, Reason.PAID])
        assert bus.end().mac2 == "verified"
        assert not bus.store.open_intents()

    victim = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert victim.spent_here == FARE * sum(debit.amount > 0 for debit in victim.debits)


def test_who_has_paid_gets_through_whatever_else_is_open_in_his_number(
    bus_stand: BusStand,
) -> None:
    """What nobody can find out of an impostor's payment is grey, and no reason to keep out its
    victim."""

    def scenario(bus: Bus) -> None:
        for hour in range(12):  # a log that is full
            bus.other.charge(victim, 1, f"20260901{hour:02}0000")
        assert bus.reason(victim, LOST) == Reason.PAY_AGAIN
        says = {ASK: NO_PROOF, 0x5C: (10_000 - 12).to_bytes(4) + GOOD}  # "I have not paid"
        impostor = Impostor(bus.world, victim.order, leaves=True, seq=0, says=says)
        assert shown(bus, impostor, victim) == Reason.PAY_AGAIN
        assert [intent.purchase.proof for intent in still_open(bus)] == [False, False]
        assert bus.reason(victim) == Reason.TORN_RECOVERED
        assert [end.reason for end in bus.events("payment-end")] == [
            "card-proved",
            "torn-recovered",
            "payment-grey",
        ]
        assert not bus.store.open_intents()

    victim = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_many_payments_in_somebodys_name_are_asked_about_in_few_exchanges(
    bus_stand: BusStand,
) -> None:
    """Whoever knows a number could keep its holder at the reader for as long as he likes."""

    def scenario(bus: Bus) -> None:
        for _ in range(20):
            impostor = Impostor(bus.world, victim.order, leaves=True)
            assert shown(bus, impostor, victim) == Reason.PAY_AGAIN
        assert len(bus.store.open_intents()) == 20
        assert bus.reason(victim) == Reason.PAID
        assert len(bus.sent) <= 12
        assert not bus.store.open_intents()

    victim = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_a_number_that_is_paying_at_one_reader_is_not_asked_at_another(
    bus_stand: BusStand,
) -> None:
    """Else the impostor's MAC2 would spend the PSAM's one look at the honest one."""

    def scenario(bus: Bus) -> None:
        told: list[str] = []
        impostor = Impostor(bus.world, victim.order)
        pays = bus.world.spawn(
            lambda: told.append(bus.tap(victim, around=lambda card: Slow(bus, card)).reason),
            name="reader 1",
        )
        bus.world.wait(0.5)
        assert shown(bus, impostor, victim) == Reason.PAY_AGAIN
        assert ASK not in impostor.sent
        assert BEGIN not in impostor.sent
        pays.join()
        assert told == [Reason.PAID]
        assert bus.end().mac2 == "verified"

    victim = bus_stand.passenger()
    bus_stand.drive(scenario)


def test_a_number_that_has_not_moved_on_has_not_paid(bus_stand: BusStand) -> None:
    """Something between a good card and the reader says that it paid; the card's own number, under
    MAC2, says that it did not."""

    def scenario(bus: Bus) -> None:
        bus.tap(passenger, UNSENT)
        [intent] = still_open(bus)
        row = (
            intent.purchase.card_seq.to_bytes(2)
            + bytes(3)
            + FARE.to_bytes(4)
            + b"\x06"
            + bytes.fromhex(intent.purchase.terminal)
            + bytes.fromhex(intent.purchase.moment)
        )
        between = {ASK: b"no keys!" + GOOD, 0xB2: row + GOOD}
        took = bus.tap(passenger, around=lambda card: Between(card, between))
        assert took.reason == Reason.PAID
        assert [end.reason for end in bus.events("payment-end")] == [
            "card-proved",
            "not-paid",
            "paid",
        ]

    passenger = bus_stand.passenger()
    bus_stand.drive(scenario)
    assert passenger.inside.money == 10_000 - FARE


class Between:
    """A good card, some of whose answers are replaced on their way."""

    def __init__(self, card: Channel, says: dict[int, bytes]) -> None:
        self._card = card
        self._says = says
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        return self._says.get(command[1]) or self._card.transmit(command)


def torn_twice(bus_stand: BusStand, passenger: Passenger) -> None:
    """Not paid the first time, paid the second, with a power cut between that has set the clock
    back: both with one number of the card, and of one second if nobody took care."""
    for tear in (UNSENT, LOST):
        bus_stand.drive(partial(Bus.tap, passenger=passenger, tear=tear))


def test_no_two_open_payments_of_a_card_are_of_one_second(bus_stand: BusStand) -> None:
    def back(bus: Bus) -> None:
        assert len({intent.purchase.moment for intent in still_open(bus)}) == 2
        assert bus.reason(passenger) == Reason.TORN_RECOVERED
        ends = [end.reason for end in bus.events("payment-end")]
        assert ends == ["card-proved", "not-paid", "torn-recovered"]

    passenger = bus_stand.passenger()
    torn_twice(bus_stand, passenger)
    bus_stand.drive(back)
    assert passenger.inside.money == 10_000 - FARE


def test_of_two_purchases_with_one_number_at_most_one_was_paid(bus_stand: BusStand) -> None:
    """A card that keeps no log tells nothing but that its last purchase had that number."""

    def back(bus: Bus) -> None:
        took = bus.tap(passenger, around=lambda card: Between(card, {0xB2: NO_ROW}))
        assert took.reason == Reason.PAYMENT_GREY
        assert [grey(end) for end in bus.ends()] == [None, FARE, FARE]
        assert bus.reason(passenger) == Reason.PAID

    passenger = bus_stand.passenger()
    torn_twice(bus_stand, passenger)
    bus_stand.drive(back)
    assert passenger.inside.money == 10_000 - 2 * FARE


def test_a_number_that_was_used_already_pays_nothing_twice(bus_stand: BusStand) -> None:
    """Somebody tells the number of the card's last ride, in the very second of it once more."""

    def ride(bus: Bus) -> None:
        assert bus.reason(victim) == Reason.PAID

    def again(bus: Bus) -> None:
        impostor = Impostor(bus.world, victim.order, leaves=True, seq=before)
        assert shown(bus, impostor, victim) == Reason.PAY_AGAIN
        [intent] = still_open(bus)
        assert intent.purchase.moment == bus.end().purchase.moment
        bus.world.wait(5)
        assert bus.reason(victim) == Reason.PAID
        assert bus.events("payment-end")[1].reason == Reason.NOT_PAID

    victim = bus_stand.passenger()
    before = victim.inside.state.seq
    bus_stand.drive(ride)
    bus_stand.drive(again)
    assert victim.inside.money == 10_000 - 2 * FARE


# For nothing


def test_a_drivers_card_signs_on_only_when_it_has_proved_itself(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        for says in ({}, {BEGIN: b"\x69\x85"}, {DEBIT: b"\x69\x85"}):
            took = bus.tap(
                driver,
                around=lambda card: Impostor(bus.world, driver.order, says=says),  # noqa: B023
            )
            assert (took.reason == Reason.DRIVER, took.proof) == (False, None)
        took = bus.tap(driver)
        assert (took.reason, took.proof is not None) == (Reason.DRIVER, True)

    driver = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    bus_stand.drive(scenario, fares=ABOARD)


def test_who_rides_for_nothing_by_his_cards_type_has_a_card(bus_stand: BusStand) -> None:
    free = ListedFare(lambda: RULES, lambda: Journey("1", boarded="S1"), FlatFare(0), "bus")

    def scenario(bus: Bus) -> None:
        impostor = Impostor(bus.world, senior.order)
        assert shown(bus, impostor, senior) == Reason.PAYMENT_FORGED
        assert bus.reason(senior) == Reason.PAID
        assert paid(bus.end()) == 0  # it is a ride
        assert not bus.end().purchase.proof

    senior = bus_stand.passenger(city=MADE_UP, card_type=0x03)
    bus_stand.drive(scenario, fares=free)


@pytest.mark.parametrize("kind", list(Kind))
def test_how_cards_take_0_fen_is_a_setting(bus_stand: BusStand, kind: Kind) -> None:
    """A card that takes it one way only is told apart from a forged one."""

    def scenario(bus: Bus) -> None:
        only = {Kind.SIMPLE: 0x01, Kind.COMPOSITE: 0x03}
        taken = bus.tap(driver, around=lambda card: Picky(card, only[kind]))
        assert taken.reason == Reason.DRIVER
        assert bus.end().purchase.type == kind.type
        other = Kind.SIMPLE if kind is Kind.COMPOSITE else Kind.COMPOSITE
        refused = bus.tap(other_driver, around=lambda card: Picky(card, only[other]))
        assert (refused.reason, refused.proof) == (Reason.CARD_UNPROVED, None)

    driver, other_driver = (bus_stand.passenger(city=MADE_UP, card_type=0x70) for _ in range(2))
    bus_stand.drive(scenario, fares=ABOARD, zero=kind)


class Picky:
    """A good card that takes purchases of 0 fen in one mode only."""

    def __init__(self, card: Channel, p1: int) -> None:
        self._card = card
        self._p1 = p1
        self.transport = card.transport
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        zero = command[1] == BEGIN and command[6:10] == bytes(4)
        return b"\x6a\x86" if zero and command[2] != self._p1 else self._card.transmit(command)


def test_a_proof_is_a_purchase_in_the_books_and_no_ride(bus_stand: BusStand) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(driver) == Reason.DRIVER
        assert bus.reason(rider) == Reason.PAID
        [proof, ride] = clearing_rows(iter(bus.rows()))
        assert (proof["amount"], proof["grey"], proof["proof"], proof["mac2"]) == (
            0,
            0,
            1,
            "verified",
        )
        assert proof["tac"]
        assert ride["proof"] == ""
        summary = summarise(bus.rows())
        assert (summary.rides, summary.unknown, summary.refused) == (1, 0, 0)

    driver = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    rider = bus_stand.passenger(city=MADE_UP)
    bus_stand.drive(scenario, fares=ABOARD)
    assert [debit.amount for debit in driver.debits] == [0]


@pytest.mark.parametrize("instruction", [BEGIN, DEBIT])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_torn_proof_leaves_nothing_that_charges_or_signs_on(
    bus_stand: BusStand, instruction: int, moment: Moment
) -> None:
    def scenario(bus: Bus) -> None:
        try:
            took = bus.tap(driver, TearAtInstruction(instruction, moment))
            assert (took.proof is not None) == (took.reason == Reason.DRIVER)
            signed_on = took.proof is not None
        except Fault:
            signed_on = False
        assert signed_on == ((instruction, moment) == (DEBIT, Moment.AFTER))
        took = bus.tap(driver)
        assert took.reason == Reason.DRIVER
        assert not bus.store.open_intents()
        [only] = [end for end in bus.ends() if end.reason == "driver"][int(signed_on) :]
        assert only.intent in [row.at for row in bus.rows("intent")]
        assert bus.store.verify().whole

    driver = bus_stand.passenger(city=MADE_UP, card_type=0x70)
    bus_stand.drive(scenario, fares=ABOARD)
    assert driver.inside.money == 10_000


def test_where_nothing_is_bought_0_fen_prove_what_the_card_has_said(bus_stand: BusStand) -> None:
    """Its holder has too little for the ride by now; what he did not pay before is known all the
    same."""

    def scenario(bus: Bus) -> None:
        assert bus.reason(poor, UNSENT) == Reason.PAY_AGAIN
        bus.other.charge(poor, FARE, "20260921080000")
        assert bus.reason(poor) == Reason.LOW_BALANCE
        assert [end.reason for end in bus.events("payment-end")] == ["card-proved", "not-paid"]
        assert not bus.store.open_intents()

    poor = bus_stand.passenger(FARE + 50)
    bus_stand.drive(scenario)


# Cards that do not ride


@pytest.mark.parametrize("city", ["5199", MADE_UP, "3301"])
@pytest.mark.parametrize("card_type", [0x04, 0x00, 0x06, 0x0F, 0x20, 0x71, 0xFF])
@pytest.mark.parametrize("fares", [FlatFare(FARE, "5199"), ABOARD], ids=["no list", "a list"])
def test_a_type_that_is_not_listed_is_refused_before_anything_else(
    bus_stand: BusStand, fares: FlatFare | ListedFare, card_type: int, city: str
) -> None:
    def scenario(bus: Bus) -> None:
        assert bus.reason(passenger) == Reason.CARD_NOT_TAKEN
        assert bus.instructions() == [0xA4, 0xB0]
        assert [event.kind for event in bus.events()] == ["tap"]

    passenger = bus_stand.passenger(city=city, card_type=card_type)
    bus_stand.drive(scenario, fares=fares)
    assert not passenger.debits
