"""The card's log of payments, as the national interface tells it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.records import RecordFault
from apdu.transactions import interface_text
from simulators.cards import Algorithm, Generation, Interface
from simulators.cards.contents import Transaction
from tests.apdu.simulated import CARDS, bench
from tests.simulators.cards.terminal import PIN


def enter(tries: int) -> bytearray:
    return bytearray(PIN.encode())


@pytest.mark.parametrize(("generation", "algorithm", "interface"), CARDS)
def test_the_newest_comes_first_and_amounts_are_added(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    made = [
        Transaction(258, "519900000001", "20200101120000", 1000, 200, 30),
        Transaction(259, "519900000002", "20200102120000", 5, 0, 0),
    ]
    with bench(generation, algorithm, interface, transactions=made).session() as session:
        text = interface_text(session.transactions(enter))
    assert text == (
        "259^519900000002^20200102120000^5^5^|258^519900000001^20200101120000^1230^1030^|"
    )


def test_a_card_that_never_paid_has_none() -> None:
    with bench().session() as session:
        assert interface_text(session.transactions(enter)) == ""


@given(st.binary(min_size=28, max_size=28))
def test_any_row_is_a_payment_or_a_fault(row: bytes) -> None:
    card = bench()
    card.inside.application("DF04").files[-1].append(row)  # type: ignore[attr-defined]
    with card.session() as session, suppress(RecordFault):
        (payment,) = session.transactions(enter)
        assert interface_text((payment,)).count("^") == 5


def test_a_part_that_would_read_as_two_is_a_fault() -> None:
    made = Transaction(1, "519900000001", "20200101120000", 1, 2, 3, kind="^")
    with bench(transactions=[made]).session() as session, pytest.raises(RecordFault):
        session.transactions(enter)


def test_a_row_of_another_length_is_a_fault() -> None:
    card = bench()
    card.inside.application("DF04").files[-1].append(bytes(27))  # type: ignore[attr-defined]
    with card.session() as session, pytest.raises(RecordFault):
        session.transactions(enter)
