"""What lies in the field: the chip's list, and the ATR that PC/SC would make of a card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.social_security.records import HistoricalBytes
from drivers.pn532.target import Target, historical_bytes, targets
from simulators.cards.transport import contactless_atr
from simulators.devices.pn532 import ats_of

HISTORICAL = bytes.fromhex("00814A444686605199000001AC")
# One card with ISO/IEC 14443-4, as UM0701-02, 7.3.5 lays it out (its ATS: 06 75 77 81 02 80).
ONE = bytes.fromhex("01 01 0344 20 07 046A45E1ED2580 06757781 0280")
STORAGE = bytes.fromhex("01 0004 08 04 14E0992C")


def card(ats: bytes, identifier: bytes = b"\x04\x01\x02\x03", *, speaks: bool = True) -> Target:
    return Target(1, identifier, ats, speaks)


def test_one_card_is_read_as_the_manual_lays_it_out() -> None:
    (one,) = targets(ONE)
    assert (one.number, one.identifier.hex(), one.speaks) == (1, "046a45e1ed2580", True)
    assert one.ats.hex() == "067577810280"
    assert one.atr.hex().upper() == "3B8180018080"


def test_two_cards_are_two_whichever_kind_they_are() -> None:
    both = targets(b"\x02" + STORAGE + b"\x02" + ONE[2:])
    assert [(one.number, one.speaks) for one in both] == [(1, False), (2, True)]


def test_nobody_is_nobody() -> None:
    assert targets(b"\x00") == []


def test_social_security_card_has_the_atr_that_pcsc_gives() -> None:
    atr = contactless_atr(HISTORICAL)
    assert card(ats_of(atr)).atr == atr
    assert HistoricalBytes.of(card(ats_of(atr)).atr) == HISTORICAL


@pytest.mark.parametrize(
    ("ats", "historical"),
    [
        ("05787781 02", ""),
        ("01", ""),  # TL alone
        ("0200", ""),  # T0 that announces nothing
        ("0400 8081", "8081"),
        ("0510 77 8081", "8081"),
        ("0630 7781 8081", "8081"),
        ("0270", ""),  # announces what does not come
    ],
)
def test_historical_bytes_follow_what_t0_announces(ats: str, historical: str) -> None:
    assert historical_bytes(bytes.fromhex(ats)).hex() == historical


def test_card_without_14443_4_has_the_atr_of_a_storage_card() -> None:
    atr = card(b"", speaks=False).atr
    assert atr.hex().upper() == "3B8F8001804F0CA000000306030000000000006B"


def test_card_that_gives_no_ats_has_no_atr() -> None:
    assert card(b"").atr == b""


def test_same_card_is_known_by_its_identifier_a_random_one_by_its_ats() -> None:
    ats, other = bytes.fromhex("067577810280"), bytes.fromhex("067577810281")
    assert card(ats).is_same(card(other))
    assert not card(ats).is_same(card(ats, b"\x04\x01\x02\x04"))
    first, second = b"\x08\x01\x02\x03", b"\x08\x04\x05\x06"
    assert card(ats, first).is_same(card(ats, second))
    assert not card(ats, first).is_same(card(other, second))
    assert not card(ats, first).is_same(card(ats))


@given(st.binary(max_size=80))
def test_any_list_is_targets_or_a_value_error(data: bytes) -> None:
    try:
        found = targets(data)
    except ValueError:
        return
    for one in found:
        assert len(one.atr) <= 33


@given(st.binary(max_size=40))
def test_any_ats_gives_an_atr_whose_check_holds(ats: bytes) -> None:
    atr = card(bytes((len(ats) + 1,)) + ats).atr
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert check == 0
    assert len(atr) == 5 + (atr[1] & 0x0F)


def test_identifier_and_ats_do_not_show() -> None:
    assert "identifier" not in repr(card(b"\x01"))
