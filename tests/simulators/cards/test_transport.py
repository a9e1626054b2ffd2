"""The faces: ATR, T=0 manners, contactless manners, and every refusal of a command's form."""

import pytest

from simulators.cards import (
    NO_ANSWER,
    Algorithm,
    Generation,
    Interface,
    face,
    make_card,
    operating_system,
)
from tests.simulators.cards.terminal import CITY, SERIAL, SSSE, Desk, desk, order, selected

SELECT_SSSE = f"00A404000F{SSSE}"
FCI_SM4 = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103"
INTERNAL = "0088000010" + "01" * 16


def raw(card: Desk, command: str) -> str:
    return card.card.transmit(bytes.fromhex(command)).hex().upper()


def test_contact_atr() -> None:
    assert desk().card.atr == bytes.fromhex("3B6D0000") + CITY.historical(SERIAL)


def test_contactless_atr_ends_in_its_check_byte() -> None:
    atr = desk(interface=Interface.CONTACTLESS).card.atr
    assert atr[:4] == bytes.fromhex("3B8D8001")
    assert atr[4:17] == CITY.historical(SERIAL)
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert check == 0


def test_cards_before_3_have_no_antenna() -> None:
    with pytest.raises(ValueError, match="contacts only"):
        make_card(CITY.card_spec(order(Generation.V2)), Interface.CONTACTLESS)


def test_no_answer_without_power() -> None:
    card = desk()
    card.card.power_off()
    assert raw(card, SELECT_SSSE) == NO_ANSWER.hex()


def test_both_faces_are_one_card() -> None:
    spec = CITY.card_spec(order())
    inside = operating_system(spec)
    contact = Desk(face(inside, spec.historical, Interface.CONTACT), inside, spec.algorithm)
    contact.select()
    contact.verify("000000")
    air = Desk(face(inside, spec.historical, Interface.CONTACTLESS), inside, spec.algorithm)
    air.select()
    assert air.status("00200000") == "63C5"


# -- T=0


def test_t0_select_waits_for_get_response() -> None:
    card = desk()
    assert raw(card, SELECT_SSSE) == "611E"
    assert raw(card, "00C000001E") == FCI_SM4 + "9000"
    assert raw(card, "00C000001E") == "6985"


def test_t0_get_response_in_parts() -> None:
    card = desk()
    raw(card, SELECT_SSSE)
    assert raw(card, "00C0000010") == FCI_SM4[:32] + "610E"
    assert raw(card, "00C0000010") == "6C0E"
    assert raw(card, "00C000000E") == FCI_SM4[32:] + "9000"


def test_t0_answer_is_lost_with_the_next_command() -> None:
    card = desk()
    raw(card, SELECT_SSSE)
    raw(card, "00B2012812")
    assert raw(card, "00C000001E") == "6985"


@pytest.mark.parametrize(
    "command", [SELECT_SSSE + "00", INTERNAL + "08", INTERNAL + "00", "0082000A10" + "00" * 17]
)
def test_t0_refuses_le_beside_data(command: str) -> None:
    assert raw(selected(), command) == "6700"


@pytest.mark.parametrize("le", ["00", "11", "13", "FF"])
def test_t0_wrong_le_is_told(le: str) -> None:
    assert raw(selected(), f"00B20128{le}") == "6C12"


def test_t0_read_binary_wrong_le_is_told() -> None:
    card = desk()
    card.select("D15600000500")
    assert raw(card, "00B0960000")[-4:] == "9000"  # 256 of 296 bytes
    card.status("00A4020002EF16")
    assert raw(card, "00B0012000") == "6C08"
    assert raw(card, "00B0012008") == "00" * 8 + "9000"


def test_t0_get_response_parameters() -> None:
    card = desk()
    raw(card, SELECT_SSSE)
    assert raw(card, "00C000011E") == "6A86"


# -- ISO 14443-4


@pytest.mark.parametrize("le", ["", "00"])
def test_contactless_answers_at_once(le: str) -> None:
    card = desk(interface=Interface.CONTACTLESS)
    assert raw(card, SELECT_SSSE + le) == FCI_SM4 + "9000"
    assert len(raw(card, INTERNAL + le)) == 20


@pytest.mark.parametrize("le", ["00", "12"])
def test_contactless_le_zero_is_all(le: str) -> None:
    card = selected(interface=Interface.CONTACTLESS)
    assert raw(card, f"00B20128{le}")[-4:] == "9000"


def test_contactless_wrong_le_is_told() -> None:
    assert raw(selected(interface=Interface.CONTACTLESS), "00B2012813") == "6C12"


def test_contactless_has_no_get_response() -> None:
    assert raw(selected(interface=Interface.CONTACTLESS), "00C0000010") == "6D00"


# -- FCI


@pytest.mark.parametrize("algorithm", [Algorithm.DES3, Algorithm.SSF33])
def test_fci_tells_the_algorithm(algorithm: Algorithm) -> None:
    card = desk(Generation.V2, algorithm=algorithm)
    assert card.send(SELECT_SSSE).endswith(f"9F0C0386010{algorithm.value}9000")


def test_fci_of_1_0_may_be_silent_about_it() -> None:
    card = desk(Generation.V1, algorithm_in_fci=False)
    assert card.send(SELECT_SSSE) == f"6F16840F{SSSE}A50388011E9000"


def test_fci_of_an_application() -> None:
    assert desk().send("00A4040006D15600000501") == "6F088406D156000005019000"


# -- SELECT


def test_select_by_file_id() -> None:
    card = selected()
    for command in ("00A4000002EF05", "00A4020002EF05", "00A4000002DF01", "00A40000023F00"):
        assert card.status(command) == "9000"
    assert card.status("00A40000023F00") == "9000"
    assert card.status("00A4020002EF05") == "9000"


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00A4020002EF09", "6A82"),
        ("00A4000002DF99", "6A82"),
        ("00A4040007A0000003330101", "6A82"),
        ("00A40400027378", "6A82"),
        ("00A4010002EF05", "6A86"),
        ("00A4040C02EF05", "6A86"),
        ("00A4020001EF", "6700"),
        ("00A4020003EF0500", "6700"),
    ],
)
def test_select_refusals(command: str, sw: str) -> None:
    assert selected().status(command) == sw


def test_nothing_is_selected_after_power_on() -> None:
    card = desk()
    for command in ("00A4020002EF05", "00B2012812", "0084000008", "0020000000", INTERNAL):
        assert card.status(command) == "6985"


# -- the form of commands


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        ("00FF0000", "6D00"),
        ("80FF0000", "6D00"),
        ("84B2012812", "6E00"),
        ("A0A40000023F00", "6E00"),
        ("00B2010112", "6A86"),  # P2: neither by number nor by tag
        ("00B2002C12", "6A86"),  # number 0
        ("00B201FC12", "6A86"),  # SFI 31
        ("00B2010012", "6986"),  # no current file
        ("00B2014012", "6982"),  # on EF08, transparent: the right comes first
        ("00B2084C12", "6A82"),  # SFI 9
        ("00B20F2812", "6A83"),
        ("00B0000010", "6986"),
        ("00B0850010", "6981"),  # READ BINARY on records: EF05
        ("00B0E50010", "6A86"),
        ("0084000108", "6A86"),
        ("00880001" + "10" + "00" * 16, "6A86"),
        ("0082010A" + "10" + "00" * 16, "6A86"),
        ("00200001" + "03123456", "6A86"),
        ("805E0000" + "07123456FF654321", "6A86"),
        ("841E0000" + "0400000000", "6A86"),
        ("00", "6700"),
        ("00A404", "6700"),
        ("00A404000F7378", "6700"),
        ("00B201281200", "6700"),
    ],
)
def test_refusals_of_form(command: str, sw: str) -> None:
    assert selected().status(command) == sw


def test_read_record_on_a_transparent_file() -> None:
    card = selected()
    card.authenticate("RKSSSE", 0x0A)
    assert card.status("00B2014012") == "6981"
