"""The passengers are sound: numbers of nobody, cards that can be issued once, of all kinds."""

from collections import Counter

import pytest

from apdu.channel import Transport
from apdu.social_security.card import SocialSecurityCard
from apdu.transit.files import Layouts, LayoutUnknown
from apdu.transit.purse import Purse
from apdu.transit.selection import PurseSelected, select_application
from simulators.cards import Interface
from simulators.channel import CardChannel
from simulators.transit.passengers import HOME, PurseWallet, load_passengers
from tests.apdu.transit.purses import bench, pay

PASSENGERS = load_passengers()
GOOD = [
    passenger.key
    for passenger in PASSENGERS.values()
    if not passenger.select_sw and passenger.state == 1
]


def test_numbers_are_of_no_city_and_nobody_has_two() -> None:
    assert len(PASSENGERS) >= 25
    for passenger in PASSENGERS.values():
        assert passenger.number[3:7] in ("5199", "3399", "1199", "2099")
        assert passenger.number[3:7] == passenger.city
        assert passenger.issuer[4:8] == passenger.city
    assert max(Counter(passenger.number for passenger in PASSENGERS.values()).values()) == 1


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("interface", [Interface.CONTACT, Interface.CONTACTLESS])
def test_every_card_tells_what_the_table_says(key: str, interface: Interface) -> None:
    wallet, passenger = PurseWallet(), PASSENGERS[key]
    transport = Transport.T0 if interface is Interface.CONTACT else Transport.T1
    channel = CardChannel(wallet.bring(key, interface), transport)
    chosen = select_application(channel)
    assert isinstance(chosen, PurseSelected)
    assert chosen.public.card_number == passenger.number
    told = chosen.purse.management()
    assert (told.city, told.card_type) == (passenger.city, passenger.card_type)
    assert told.interoperable is passenger.interoperable
    assert chosen.purse.balance() == passenger.money


def test_all_kinds_of_cards_ride() -> None:
    rides = PASSENGERS.values()
    assert {0x01, 0x02, 0x03, 0x04, 0x05, 0x11, 0x12, 0x13, 0x70} <= {p.card_type for p in rides}
    assert any(p.city != HOME and p.interoperable for p in rides)
    assert any(p.city != HOME and not p.interoperable for p in rides)
    assert any(p.money < 0 for p in rides)
    assert any(p.social for p in rides)
    assert any(p.blacklisted for p in rides)
    with pytest.raises(LayoutUnknown):
        Layouts.shipped().find(PASSENGERS["from-nowhere"].city, "bus")


def test_a_card_that_comes_twice_is_the_same_card() -> None:
    wallet = PurseWallet()
    first = wallet.bring("lin")
    place = bench()
    place.inside = wallet.inside("lin")
    pay(place, 200)
    again = Purse(CardChannel(wallet.bring("lin"), Transport.T1))
    assert first is not wallet.bring("lin")
    again.select()
    assert again.balance() == 4800
    assert (wallet.money_at_first, wallet.money) == (5000, 4800)


def test_one_card_has_the_holder_that_the_wallet_names() -> None:
    wallet = PurseWallet()
    person = wallet.person("one-card")
    assert person is not None
    assert wallet.person("student") is None
    channel = CardChannel(wallet.bring("one-card"), Transport.T1)
    card = SocialSecurityCard(channel)
    card.select()
    assert card.read_version() == "3.00"
