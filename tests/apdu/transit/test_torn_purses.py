"""A purse that leaves at any APDU, before or after it: it paid the whole amount or nothing, and
what it proves afterwards is what it did."""

import pytest

from apdu.channel import CardGone
from apdu.transit.faults import PsamSessionOver
from apdu.transit.files import Layouts, national
from apdu.transit.purse import Purse
from apdu.transit.values import Kind
from simulators.cards import Interface
from simulators.transit import PurseOrder
from simulators.vpcd import Moment, TearAtApdu, TearAtInstruction
from tests.apdu.transit.purses import MOMENT, Bench, Record, bench, pay

RAIL = Layouts.shipped().find("5199", "rail")
START, FARE = 1000, 250
RECORDS: dict[Kind, tuple[Record, ...]] = {
    Kind.SIMPLE: (),
    Kind.COMPOSITE: (
        (RAIL, RAIL.encode({"state": 2, "exit_time": MOMENT})),
        (national().trip, national().trip.encode({"type": 4, "amount": FARE})),
    ),
}


def fresh(interface: Interface) -> Bench:
    return bench(PurseOrder(money=START, seq=7), interface=interface)


def length(kind: Kind, interface: Interface) -> int:
    place = fresh(interface)
    pay(place, FARE, kind, RECORDS[kind])
    assert place.sent is not None
    return len(place.sent)


CASES = [
    (kind, interface, at)
    for kind in Kind
    for interface in (Interface.CONTACT, Interface.CONTACTLESS)
    for at in range(length(kind, interface))
]


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(("kind", "interface", "at"), CASES)
def test_a_torn_purse_paid_all_or_nothing_and_proves_it(
    kind: Kind, interface: Interface, at: int, moment: Moment
) -> None:
    place = fresh(interface)
    try:
        pay(place, FARE, kind, RECORDS[kind], tear=TearAtApdu(at, moment))
        answered = True
    except CardGone:
        answered = False
    state = place.inside.state
    assert state.money in (START, START - FARE)
    paid = state.money != START
    assert paid or not answered
    assert (state.seq, len(state.log)) == ((8, 1) if paid else (7, 0))
    written = kind is Kind.COMPOSITE and paid
    assert len(state.trips) == written
    assert (state.records[0] == RECORDS[Kind.COMPOSITE][0][1]) is written

    purse = place.tap()
    purse.select()
    proof = purse.proof(kind, 7)
    assert (proof is not None) is paid
    terminal = place.psam.open().number
    assert (purse.find_in_log(terminal, FARE, MOMENT) is not None) is paid


def lost(place: Bench, tear: TearAtInstruction) -> Purse:
    """A purchase whose card went, and the same card back again."""
    with pytest.raises(CardGone):
        pay(place, FARE, tear=tear)
    purse = place.tap()
    purse.select()
    return purse


@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
def test_the_proof_is_what_the_lost_answer_was(interface: Interface) -> None:
    place = fresh(interface)
    purse = lost(place, TearAtInstruction(0x54, Moment.DURING))
    proof = purse.proof(Kind.SIMPLE, 7)
    assert proof is not None
    kept = place.inside.state.proof
    assert kept is not None
    assert (proof.mac2, proof.tac) == (kept.mac2, kept.tac)


def test_the_psam_takes_the_mac2_of_a_proof_while_nobody_else_came() -> None:
    place = fresh(Interface.CONTACTLESS)
    purse = place.tap()
    public = purse.select()
    begun = purse.initialise(Kind.SIMPLE, FARE, place.psam.open())
    authorised = place.psam.authorise(public, begun, MOMENT)
    purse.debit(authorised)  # its answer counts as lost
    back = place.tap()
    back.select()
    proof = back.proof(begun.kind, begun.seq)
    assert proof is not None
    place.psam.verify(authorised, proof.mac2)
    with pytest.raises(PsamSessionOver):
        place.psam.verify(authorised, proof.mac2)


def test_a_proof_is_of_one_kind_and_one_number() -> None:
    purse = lost(fresh(Interface.CONTACTLESS), TearAtInstruction(0x54, Moment.DURING))
    assert purse.proof(Kind.COMPOSITE, 7) is None
    assert purse.proof(Kind.SIMPLE, 6) is None
    assert purse.proof(Kind.SIMPLE, 8) is None
    assert purse.proof(Kind.SIMPLE, 7) is not None


def test_a_new_8050_ends_the_proof_and_the_log_still_knows() -> None:
    place = fresh(Interface.CONTACTLESS)
    purse = lost(place, TearAtInstruction(0x54, Moment.DURING))
    purse.initialise(Kind.SIMPLE, 1, place.psam.open())
    assert purse.proof(Kind.SIMPLE, 7) is None
    assert purse.find_in_log(place.psam.open().number, FARE, MOMENT) is not None


def test_a_second_tear_leaves_the_first_proof_on_the_card() -> None:
    place = fresh(Interface.CONTACTLESS)
    lost(place, TearAtInstruction(0x54, Moment.DURING))
    torn = place.tap(TearAtInstruction(0x5A, Moment.DURING))
    torn.select()
    with pytest.raises(CardGone):
        torn.proof(Kind.SIMPLE, 7)
    back = place.tap()
    back.select()
    assert back.proof(Kind.SIMPLE, 7) is not None


def test_a_debit_goes_out_once_whenever_the_card_leaves() -> None:
    for moment in Moment:
        place = fresh(Interface.CONTACTLESS)
        tear = TearAtInstruction(0x54, moment)
        if moment is Moment.AFTER:
            pay(place, FARE, tear=tear)
        else:
            with pytest.raises(CardGone):
                pay(place, FARE, tear=tear)
        assert place.sent is not None
        assert sum(command[1] == 0x54 for command in place.sent) == 1
