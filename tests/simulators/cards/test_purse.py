"""Purse and transit PSAM from the card's side: published bytes, strict states, any bytes at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.cards import Interface
from simulators.cards.ciphers import Algorithm
from simulators.cards.contract import Apdu
from simulators.cards.purse import PurseOs
from simulators.cards.purse_codes import Purchase, PurseCodes
from simulators.transit import PurseOrder, TransitCity

CITY = TransitCity()
SELECT = "00A4040008A000000632010105"
BEGIN = "805001020B01000000C8012300033D11"
COMPOSITE = "805003020B01000000C8012300033D11"
DEBIT = "805401000F00000005 20250102 030405 00000000"
CODES = PurseCodes()
ISSUER, SERIAL = bytes.fromhex("02313750FFFFFFFF"), bytes.fromhex("4990600000000006")
MPK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
MTK = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")
PAID = Purchase(0xC8, 6, bytes.fromhex("012300033D11"), bytes.fromhex("20250102030405"))


def test_its_codes_are_the_published_ones() -> None:
    """spec transit-card.md, Cryptography, Two-level set."""
    key = CODES.card_key(MPK, ISSUER, SERIAL)
    session = CODES.session_key(key, bytes.fromhex("11223344"), 1, 5)
    assert session.hex().upper() == "BD4A9EA9ED283B89"
    assert CODES.mac1(session, PAID).hex().upper() == "B68C7D9E"
    assert CODES.mac2(session, PAID).hex().upper() == "7C193FB8"
    assert CODES.tac(CODES.card_key(MTK, ISSUER, SERIAL), PAID, 5).hex().upper() == "21FAC85F"


def test_sm4_cuts_in_two_ways() -> None:
    left, xor = PurseCodes(Algorithm.SM4, "left"), PurseCodes(Algorithm.SM4, "xor")
    assert left.mac2(MPK, PAID) != xor.mac2(MPK, PAID)


class Held:
    """One purse in the air, spoken to in hex."""

    def __init__(self, order: PurseOrder | None = None) -> None:
        self.inside = CITY.purse(order or PurseOrder())
        self.card = CITY.face(self.inside, Interface.CONTACTLESS)
        self.card.power_on()

    def send(self, command: str) -> str:
        return self.card.transmit(bytes.fromhex(command)).hex().upper()

    def sw(self, *commands: str) -> str:
        return [self.send(command) for command in commands][-1][-4:]


def test_its_fci_is_the_published_one() -> None:
    order = PurseOrder(
        card_number="3105170010100000000",
        issuer="01011000FFFFFFFF",
        starts="20190806",
        expires="20401231",
    )
    assert Held(order).send(SELECT) == (
        "6F318408A000000632010105A5259F0801029F0C1E01011000FFFFFFFF02010310517001010000"
        "00002019080620401231" + "00009000"
    )


@pytest.mark.parametrize(
    ("commands", "sw"),
    [
        ([BEGIN], "6985"),  # nothing is selected
        ([SELECT, "805001030B01000000C8012300033D11"], "6A86"),
        ([SELECT, "805002020B01000000C8012300033D11"], "6A86"),
        ([SELECT, "805001020A01000000C8012300033D"], "6700"),
        ([SELECT, "805001020B07000000C8012300033D11"], "9403"),
        ([SELECT, "805001020B0100002711012300033D11"], "9401"),
        ([SELECT, BEGIN], "9000"),
        ([SELECT, DEBIT], "6985"),
        ([SELECT, BEGIN, DEBIT], "9302"),
        ([SELECT, BEGIN, DEBIT, DEBIT], "6985"),
        ([SELECT, BEGIN, "00B097003C", DEBIT], "6985"),
        ([SELECT, BEGIN, SELECT, DEBIT], "6985"),
        ([SELECT, BEGIN, "80540200" + DEBIT[8:]], "6A86"),
        ([SELECT, BEGIN, "80DC00F030" + "00" * 48], "6985"),
        ([SELECT, COMPOSITE, "80DC00F030" + "00" * 48], "9000"),
        ([SELECT, COMPOSITE, "80DC00F02F" + "00" * 47], "6A80"),
        ([SELECT, COMPOSITE, "80DC27D080" + "27" + "00" * 127], "9000"),
        ([SELECT, COMPOSITE, "80DC27D080" + "28" + "00" * 127], "6A80"),
        ([SELECT, COMPOSITE, "80DC55D080" + "55" + "00" * 127], "6A83"),
        ([SELECT, COMPOSITE, "80DC00C017" + "00" * 23], "6A82"),
        ([SELECT, COMPOSITE, "80DC00F130" + "00" * 48], "6A86"),
        ([SELECT, "805A000602000208"], "9406"),
        ([SELECT, "805A000702000208"], "6A86"),
        ([SELECT, "805A0006010008"], "6700"),
        ([SELECT, "00B201C417"], "6A83"),
        ([SELECT, "00B201CC17"], "6A82"),
        ([SELECT, "00B201C017"], "6A86"),
        ([SELECT, "805C050204"], "6A86"),
        (["00A4040008A000000632010106"], "6A82"),
    ],
)
def test_it_is_strict(commands: list[str], sw: str) -> None:
    held = Held()
    assert held.sw(*commands) == sw
    assert (held.inside.money, held.inside.state.seq) == (10_000, 1)


@pytest.mark.parametrize("sw", [0x6283, 0x6284, 0x6A81, 0x9303])
def test_a_locked_purse_lets_nobody_in(sw: int) -> None:
    held = Held()
    held.inside.faults.select_sw = sw
    assert held.sw(SELECT) == f"{sw:04X}"
    assert held.sw(BEGIN) == "6985"


def test_a_purse_that_is_stopped_begins_nothing() -> None:
    held = Held(PurseOrder(state=2))
    assert held.sw(SELECT) == "9000"
    assert held.sw(BEGIN) == "6985"


def test_power_ends_what_was_begun_and_keeps_the_money() -> None:
    held = Held()
    held.sw(SELECT, BEGIN)
    held.card.power_off()
    held.card.power_on()
    assert held.sw(SELECT, DEBIT) == "6985"


APDUS = st.builds(
    Apdu,
    cla=st.sampled_from([0x00, 0x80, 0x84]),
    ins=st.sampled_from([0xA4, 0xB0, 0xB2, 0x5C, 0x50, 0xDC, 0x54, 0x5A, 0x70, 0x72, 0x82]),
    p1=st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x04, 0x27, 0x95, 0xFF]),
    p2=st.sampled_from([0x00, 0x02, 0x06, 0x09, 0xC4, 0xD0, 0xD4, 0xF0, 0xF4]),
    data=st.one_of(
        st.binary(max_size=60), st.sampled_from([bytes.fromhex(c[10:]) for c in (SELECT, BEGIN)])
    ),
    le=st.one_of(st.none(), st.integers(1, 256)),
)


@given(apdus=st.lists(APDUS, max_size=30))
def test_no_bytes_make_it_raise_or_pay_without_mac1(apdus: list[Apdu]) -> None:
    inside: PurseOs = CITY.purse(PurseOrder())
    for apdu in apdus:
        inside.process(apdu)
    assert (inside.money, inside.state.seq, inside.state.log) == (10_000, 1, ())


@given(apdus=st.lists(APDUS, max_size=30))
def test_no_bytes_make_the_psam_raise(apdus: list[Apdu]) -> None:
    inside = CITY.psam()
    for apdu in apdus:
        inside.process(apdu)
    assert inside.sequence == 0  # none of them is 36 bytes long
