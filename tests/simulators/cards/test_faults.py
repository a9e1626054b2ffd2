"""Wrong cards are wrong in exactly their own way, on both interfaces."""

from itertools import pairwise

import pytest

from simulators.cards import (
    NO_ANSWER,
    Algorithm,
    Generation,
    Interface,
    face,
    operating_system,
)
from simulators.cards.contract import Card, Processor
from simulators.cards.faults import (
    EndlessChain,
    Garbage,
    Mute,
    Slow,
    malformed_fci,
    wrong_cryptogram,
    wrong_record_lengths,
)
from simulators.cards.foreign import foreign_card
from simulators.ceremony import KeyAuthority, seeded
from tests.simulators.cards.terminal import CITY, SERIAL, SSSE, Desk, order

FACES = (Interface.CONTACT, Interface.CONTACTLESS)
INSIDE = operating_system(CITY.card_spec(order()))


def wrapped(inside: Processor, interface: Interface) -> Desk:
    return Desk(face(inside, CITY.historical(SERIAL), interface), INSIDE, Algorithm.SM4)


def good(interface: Interface = Interface.CONTACTLESS) -> Card:
    card = CITY.card(order(), interface)
    card.power_on()
    return card


SELECT = bytes.fromhex(f"00A404000F{SSSE}")


@pytest.mark.parametrize("interface", FACES)
def test_wrong_cryptogram(interface: Interface) -> None:
    card = wrapped(wrong_cryptogram(operating_system(CITY.card_spec(order()))), interface)
    card.select()
    original, factor = card.challenge(), card.challenge()
    right = card.cryptogram("IRK", factor, original)
    answer = bytes.fromhex(card.send(f"0088000010{factor.hex()}{original.hex()}"))
    assert answer[-2:].hex() == "9000"
    assert len(answer) == 10
    assert answer[:8] != right
    assert card.authenticate("RKSSSE", 0x0A) == "9000"


def test_forged_card_has_other_keys_and_the_same_face() -> None:
    forged = CITY.card_spec(order(), keys_of=KeyAuthority(seed=b"forger"))
    assert forged.historical == CITY.historical(SERIAL)
    inside = operating_system(forged)
    card = Desk(face(inside, forged.historical, Interface.CONTACT), inside, Algorithm.SM4)
    card.select()
    original, factor = card.challenge(), card.challenge()
    answer = card.send(f"0088000010{factor.hex()}{original.hex()}")
    assert answer[:-4] != card.cryptogram("IRK", factor, original).hex().upper()
    assert card.authenticate("RKSSSE", 0x0A) == "63C9"


@pytest.mark.parametrize("interface", FACES)
@pytest.mark.parametrize("by", [3, -3])
def test_wrong_record_lengths(interface: Interface, by: int) -> None:
    card = wrapped(
        wrong_record_lengths(operating_system(CITY.card_spec(order())), by=by), interface
    )
    card.select()
    size = 18 + by
    assert card.send("00B2012812") == f"6C{size:02X}"
    record = card.send(f"00B20128{size:02X}")
    assert record[:4] == "0110"
    assert len(record) == 2 * size + 4


@pytest.mark.parametrize("interface", FACES)
def test_malformed_fci(interface: Interface) -> None:
    fci = bytes.fromhex("6F7F840F")
    card = wrapped(malformed_fci(operating_system(CITY.card_spec(order())), fci), interface)
    assert card.send(SELECT.hex()) == "6F7F840F9000"


def test_mute_from_an_apdu_on_and_for_good() -> None:
    card = Mute(good(), start=1)
    assert card.transmit(SELECT)[-2:].hex() == "9000"
    assert card.transmit(SELECT) == NO_ANSWER
    card.power_off()
    card.power_on()
    assert card.transmit(SELECT) == NO_ANSWER


def test_slow_pauses_before_each_answer() -> None:
    pauses: list[None] = []
    card = Slow(good(), lambda: pauses.append(None), start=1)
    for _ in range(3):
        assert card.transmit(SELECT)[-2:].hex() == "9000"
    assert len(pauses) == 2


def test_garbage_is_repeatable_and_of_any_length() -> None:
    one, again = (Garbage(good(), seeded(b"seed")) for _ in range(2))
    answers = [one.transmit(SELECT) for _ in range(400)]
    assert answers == [again.transmit(SELECT) for _ in range(400)]
    assert min(map(len, answers)) < 4
    assert max(map(len, answers)) > 258


def test_endless_61_chain() -> None:
    card = EndlessChain(good(), 0x61)
    assert card.transmit(SELECT).hex() == "6110"
    for _ in range(50):
        assert card.transmit(bytes.fromhex("00C0000010")).hex() == "00" * 16 + "6110"


def test_endless_6c_chain_never_repeats_itself() -> None:
    card = EndlessChain(good(), 0x6C)
    read = bytes.fromhex("00B2012812")
    lengths = [card.transmit(read) for _ in range(50)]
    assert all(answer[0] == 0x6C for answer in lengths)
    assert all(a != b for a, b in pairwise(lengths))


@pytest.mark.parametrize("interface", FACES)
def test_foreign_card_knows_nothing_of_ours(interface: Interface) -> None:
    card = foreign_card(interface)
    card.power_on()
    for aid in (SSSE, "D15600000500", "504B492EC9E7BBE1B1A3D5CF"):
        command = bytes.fromhex(f"00A40400{len(aid) // 2:02X}{aid}")
        assert card.transmit(command).hex().upper() == "6A82"
    own = bytes.fromhex("00A404000E") + b"1PAY.SYS.DDF01"
    assert card.transmit(own)[0] in (0x61, 0x6F)
    assert card.transmit(bytes.fromhex("0084000008")).hex().upper() == "6D00"


def test_control_a_good_card_of_each_generation_is_not_wrong() -> None:
    for generation in Generation:
        card = CITY.card(order(generation), Interface.CONTACT)
        card.power_on()
        assert card.transmit(SELECT)[0] == 0x61
