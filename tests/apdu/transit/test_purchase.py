"""Whole purchases on simulated cards and PSAMs: what is paid, what is written, what was sent."""

import pytest

from apdu.transit.files import Layouts, national
from apdu.transit.purse import Purse
from apdu.transit.values import Kind
from simulators.cards import Algorithm, Interface
from simulators.transit import PurseOrder
from tests.apdu.transit.purses import CITY, MOMENT, bench, pay

BOTH = [Interface.CONTACT, Interface.CONTACTLESS]
TRIP = national().trip.encode({"type": 6, "industry": 2, "amount": 200, "moment": MOMENT})


@pytest.mark.parametrize("interface", BOTH)
def test_a_simple_purchase_pays_and_its_tac_is_the_back_offices(interface: Interface) -> None:
    order = PurseOrder(money=1000)
    place = bench(order, interface=interface)
    paid = pay(place, 200)
    assert place.inside.money == 800
    assert (paid.begun.balance, paid.begun.seq) == (1000, 1)
    assert paid.debited.tac == CITY.tac(
        order,
        amount=200,
        kind=Kind.SIMPLE.type,
        terminal=paid.begun.terminal.number,
        sequence=paid.authorisation.sequence,
        moment=MOMENT,
    )


def test_a_flat_fare_takes_three_exchanges_with_the_card() -> None:
    place = bench()
    pay(place, 200)
    assert place.sent is not None
    assert [command[:2].hex() for command in place.sent] == ["00a4", "8050", "8054"]


@pytest.mark.parametrize("interface", BOTH)
def test_a_composite_purchase_writes_its_records_with_the_money(interface: Interface) -> None:
    place = bench(PurseOrder(money=1000), interface=interface)
    rail = Layouts.shipped().find("5199", "rail")
    entry = rail.encode({"state": 1, "entry_time": MOMENT, "maximum_fare": 700})
    pay(place, 0, Kind.COMPOSITE, ((rail, entry), (national().trip, TRIP)))
    purse = place.tap()
    purse.select()
    assert purse.read_record(rail) == entry
    assert purse.trip(1) == national().trip.decode(TRIP)
    assert (purse.balance(), place.inside.state.seq) == (1000, 2)


def test_every_purchase_is_in_the_log_newest_first() -> None:
    place = bench(PurseOrder(money=10_000))
    for amount in range(1, 13):
        pay(place, amount, moment=f"202501020304{amount:02d}")
    purse = place.tap()
    purse.select()
    rows = [purse.log(number) for number in range(1, 11)]
    assert [row and row.amount for row in rows] == list(range(12, 2, -1))
    assert purse.log(11) is None
    terminal = place.psam.open().number
    found = purse.find_in_log(terminal, 5, "20250102030405")
    assert found is not None
    assert (found.seq, found.type, found.amount) == (5, 6, 5)
    assert purse.find_in_log(terminal, 5, "20250102030406") is None
    assert purse.find_in_log(bytes(6), 5, "20250102030405") is None


@pytest.mark.parametrize("truncation", ["left", "xor"])
def test_an_sm4_purse_pays_where_card_and_psam_cut_alike(truncation: str) -> None:
    order = PurseOrder(algorithm=Algorithm.SM4, truncation=truncation)  # type: ignore[arg-type]
    psam = CITY.psam(algorithms=(Algorithm.SM4,), truncation=truncation)  # type: ignore[arg-type]
    place = bench(order, psam=psam)
    pay(place, 200)
    assert place.inside.money == order.money - 200


@pytest.mark.parametrize(
    ("money", "balance"), [(1000, 1000), (0, 0), (-350, -350), (0x7FFF_FFFF, 0x7FFF_FFFF)]
)
def test_the_balance_is_what_is_there_less_what_is_owed(money: int, balance: int) -> None:
    place = bench(PurseOrder(money=money, overdraft=800))
    purse = place.tap()
    purse.select()
    assert purse.balance() == balance


def test_the_overdraft_pays_and_the_balance_falls_below_zero() -> None:
    place = bench(PurseOrder(money=100, overdraft=500))
    pay(place, 300)
    assert place.inside.money == -200
    paid = pay(place, 300)
    assert (place.inside.money, paid.begun.balance) == (-500, 0)


@pytest.mark.parametrize("in_fci", [True, False])
@pytest.mark.parametrize("phone", [True, False])
def test_0015_is_read_only_where_the_fci_has_it_not(in_fci: bool, phone: bool) -> None:
    order = PurseOrder(public_in_fci=in_fci, phone=phone)
    place = bench(order)
    public = place.tap().select()
    assert (public.card_number, public.serial) == (order.card_number, order.serial)
    assert (public.starts, public.expires) == ("20200101", "20991231")
    assert place.sent is not None
    assert len(place.sent) == (1 if in_fci else 2)


def test_the_management_file_tells_card_type_and_city() -> None:
    place = bench(PurseOrder(card_type=0x03, interoperable=False))
    purse = place.tap()
    purse.select()
    told = purse.management()
    assert (told.card_type, told.city, told.province) == (3, "5199", "5100")
    assert not told.interoperable


def test_many_issuers_pay_at_one_psam() -> None:
    psam = CITY.psam()
    for number in range(5):
        order = PurseOrder(issuer=f"0{number}015199FFFFFFFF", card_number=f"31{number:017d}")
        place = bench(order, psam=psam)
        pay(place, 150)
        assert place.inside.money == order.money - 150


def test_names_and_numbers_of_a_card_are_in_no_repr() -> None:
    place = bench()
    purse: Purse = place.tap()
    public = purse.select()
    assert public.card_number not in repr(public)
    assert public.serial.hex() not in repr(public)
