"""The made-up city's HSM: it answers what it is asked, strictly, and only for roots that it has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.crypto import Algorithm as KeyAlgorithm
from apdu.social_security.authentication import CardParameters
from apdu.social_security.hsm_messages import (
    AuthenticateCard,
    AuthenticateKey,
    HsmMessageFault,
    SecurePin,
)
from simulators.cards import SUITES, Algorithm
from simulators.ceremony import KeyAuthority
from simulators.city.hsm import SECOND, THIRD, CityHsm, Manners, city_hsm
from simulators.people import load_cast
from sync.contract.services import HsmAnswer, HsmRequest, decode, encode
from sync.contract.topics import Place

CAST = load_cast()
PLACE = Place("onecard/v1", CAST.region, "gate-1")
A, B, C, D = (bytes([value]) * 8 for value in (0xA0, 0xB0, 0xC0, 0xD0))
PAIRS = list(zip(Algorithm, (KeyAlgorithm.TDES, KeyAlgorithm.SSF33, KeyAlgorithm.SM4), strict=True))


@pytest.fixture
def hsm() -> CityHsm:
    return city_hsm(CAST)


def card(city: KeyAuthority, algorithm: KeyAlgorithm = KeyAlgorithm.SM4) -> CardParameters:
    return CardParameters(
        algorithm, city.region, city.historical("00000001"), city.card_id("00000001")
    )


def asked(hsm: CityHsm, message: str) -> HsmAnswer:
    return decode(hsm(PLACE, encode(HsmRequest(message=message))), HsmAnswer)


@pytest.mark.parametrize("city", [CAST.city, SECOND, THIRD], ids=lambda city: city.region)
@pytest.mark.parametrize(("algorithm", "theirs"), PAIRS)
def test_both_proofs_are_what_that_citys_cards_answer_and_want(
    hsm: CityHsm, city: KeyAuthority, algorithm: Algorithm, theirs: KeyAlgorithm
) -> None:
    message = AuthenticateCard(card(city, theirs), B, A, D, C)
    proofs = message.answered(asked(hsm, message.text).message)
    historical = city.historical("00000001")
    keys = {"IRK": (B, A, proofs.internal), "RKSSSE": (D, C, proofs.external)}
    for name, (factor, original, proof) in keys.items():
        expected = city.authentication_data(
            algorithm, name, historical, factor=factor, original=original
        )
        assert proof == expected
    assert hsm.asked == {"01": 1}


def test_1_0_and_2_0_get_their_one_proof(hsm: CityHsm) -> None:
    message = AuthenticateCard(card(CAST.city, KeyAlgorithm.TDES), B, A)
    assert asked(hsm, message.text).message.endswith("||")
    assert message.answered(asked(hsm, message.text).message).external == b""


def test_message_02_finds_the_key_by_its_address(hsm: CityHsm) -> None:
    for address, name in (("000A", "RKSSSE"), ("0183", "UK1DF01"), ("0384", "RK1DF03")):
        message = AuthenticateKey(card(CAST.city), address, B, A)
        expected = CAST.city.authentication_data(
            Algorithm.SM4, name, CAST.city.historical("00000001"), factor=B, original=A
        )
        assert message.answered(asked(hsm, message.text).message) == expected


@pytest.mark.parametrize(
    ("algorithm", "theirs", "header"),
    [
        (Algorithm.DES3, KeyAlgorithm.TDES, "842400010C"),
        (Algorithm.SM4, KeyAlgorithm.SM4, "8424000114"),
    ],
)
def test_message_03_makes_the_whole_command(
    hsm: CityHsm, algorithm: Algorithm, theirs: KeyAlgorithm, header: str
) -> None:
    message = SecurePin(card(CAST.city, theirs), B, bytes.fromhex(header), b"654321")
    command = message.answered(asked(hsm, message.text).message)
    suite = SUITES[algorithm]
    key = CAST.city.key(algorithm, "STK", level=0, historical=CAST.city.historical("00000001"))
    block = bytes.fromhex("0365432180").ljust(suite.block, b"\0")
    assert command[5:-4] == suite.encrypt(suite.process_key(key, B), block)
    unblock = SecurePin(card(CAST.city, theirs), B, bytes.fromhex("8424000004"), b"")
    assert len(unblock.answered(asked(hsm, unblock.text).message)) == 9


GOOD = AuthenticateCard(card(CAST.city), B, A, D, C).text
WRONG = [
    (GOOD.replace("|519900|", "|449900|", 1), "unknown-region"),
    (GOOD.replace("|03|", "|04|", 1), "unsupported-algorithm"),
    (GOOD.replace("|03|", "|3|", 1), "unsupported-algorithm"),
    (GOOD.removesuffix("|"), "malformed"),
    (GOOD + "|", "malformed"),
    (GOOD.lower(), "malformed"),
    (GOOD.removesuffix(f"{'C0' * 8}|") + "|", "malformed"),
    (GOOD.replace("01|", "04|", 1), "malformed"),
    (GOOD.replace("|519900D156", "|529900D156"), "malformed"),
    (AuthenticateKey(card(CAST.city), "00FF", B, A).text, "unknown-key"),
    (AuthenticateKey(card(CAST.city), "0000", B, A).text, "unknown-key"),  # IRK is for message 01
    (SecurePin(card(CAST.city), B, bytes.fromhex("8424000004"), b"1234").text, "malformed"),
    (SecurePin(card(CAST.city), B, bytes.fromhex("842400010C"), b"1234").text, "malformed"),
    ("", "malformed"),
]


@pytest.mark.parametrize(("message", "error"), WRONG)
def test_what_is_wrong_has_its_own_error(hsm: CityHsm, message: str, error: str) -> None:
    answer = asked(hsm, message)
    assert (answer.error, answer.message) == (error, "")


@given(st.one_of(st.text("0123|ABCDEF", max_size=200), st.text(max_size=50)))
def test_any_message_is_answered_or_called_wrong(message: str) -> None:
    answer = asked(city_hsm(CAST), message)
    assert bool(answer.message) != bool(answer.error)


@given(st.binary(max_size=100))
def test_any_payload_is_answered(payload: bytes) -> None:
    assert decode(city_hsm(CAST)(PLACE, payload), HsmAnswer).error


@pytest.mark.parametrize("wrong", ["internal", "external", "original", "text"])
def test_each_way_of_being_wrong_differs_from_the_right_answer(hsm: CityHsm, wrong: str) -> None:
    right = asked(hsm, GOOD).message
    hsm.manners = Manners(wrong=wrong)  # type: ignore[arg-type]
    other = asked(hsm, GOOD).message
    assert other != right
    message = AuthenticateCard(card(CAST.city), B, A, D, C)
    if wrong in ("internal", "external"):
        assert message.answered(other) != message.answered(right)
    else:
        with pytest.raises(HsmMessageFault):
            message.answered(other)
