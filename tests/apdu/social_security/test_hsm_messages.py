"""Messages to the HSM server and its answers: what was asked comes back, or a fault."""

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.crypto import Algorithm
from apdu.social_security.authentication import CardParameters
from apdu.social_security.hsm_messages import (
    AuthenticateCard,
    AuthenticateKey,
    HsmMessageFault,
    SecurePin,
)
from contracts.secrets_probe import Probe

CARD = CardParameters(
    Algorithm.SM4,
    "519900",
    bytes.fromhex("00814A444686605199000001AC"),
    "519900D15600000510000B26FFFFFFFF",
)
A, B, C, D = (bytes([value]) * 8 for value in (0xA0, 0xB0, 0xC0, 0xD0))
RESET, UNBLOCK = bytes.fromhex("8424000114"), bytes.fromhex("8424000004")

eights = st.binary(min_size=8, max_size=8)
answers = st.one_of(
    st.text(max_size=120),
    st.text("0123456789ABCDEFabcdef|", max_size=120),
    st.from_regex(r"[0-9A-F]{32}\|([0-9A-F]{32})?\|", fullmatch=True),
)


def test_1_0_and_2_0_leave_the_last_two_fields_empty() -> None:
    message = AuthenticateCard(CARD, B, A)
    assert message.text.startswith(f"01|519900|{CARD.historical_bytes.hex().upper()}|03|")
    assert message.text.endswith(f"|{CARD.card_id}|{'B0' * 8}|{'A0' * 8}|||")
    proofs = message.answered(f"{'11' * 8}{'A0' * 8}||")
    assert (proofs.internal, proofs.external) == (b"\x11" * 8, b"")


def test_message_02_names_the_key_by_its_address() -> None:
    message = AuthenticateKey(CARD, "0385", B, A)
    assert re.fullmatch(r"02\|519900\|[0-9A-F]{26}\|03\|0385\|(B0){8}\|(A0){8}\|", message.text)
    assert message.answered(f"{'11' * 8}{'A0' * 8}|") == b"\x11" * 8


@pytest.mark.parametrize(
    ("header", "pin", "end"),
    [(RESET, b"654321", "8424000114|654321|"), (UNBLOCK, b"", "8424000004||")],
)
def test_message_03_carries_header_and_new_pin(header: bytes, pin: bytes, end: str) -> None:
    message = SecurePin(CARD, B, header, pin)
    assert message.text.endswith(f"|0173|{'B0' * 8}|{end}")
    body = bytes(header[-1])
    assert message.answered(f"{(header + body).hex()}|") == header + body


@pytest.mark.parametrize("pin", [b"12|34", b"1234567890123456789", "１２３４".encode(), b"\xff"])
def test_what_is_no_pin_never_becomes_a_message(pin: bytes) -> None:
    with pytest.raises(HsmMessageFault) as caught:
        _ = SecurePin(CARD, B, RESET, pin).text
    assert caught.value.facts == {"what": "pin"}


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("", "fields"),
        (f"{'11' * 8}{'A0' * 8}|{'22' * 8}{'C0' * 8}", "fields"),
        (f"{'11' * 8}{'A0' * 8}|{'22' * 8}{'C0' * 8}||", "fields"),
        (f"{'11' * 8}{'A1' * 8}|{'22' * 8}{'C0' * 8}|", "original"),
        (f"{'11' * 8}{'A0' * 8}|{'22' * 8}{'A0' * 8}|", "original"),
        (f"{'11' * 8}{'A0' * 8}||", "length"),
        (f"{'11' * 8}|{'22' * 8}{'C0' * 8}|", "length"),
        (f"{'1x' * 8}{'A0' * 8}|{'22' * 8}{'C0' * 8}|", "hex"),
    ],
)
def test_an_answer_that_is_not_to_our_question_is_a_fault(answer: str, what: str) -> None:
    with pytest.raises(HsmMessageFault) as caught:
        AuthenticateCard(CARD, B, A, D, C).answered(answer)
    assert caught.value.facts == {"what": what}


def test_an_opening_that_was_not_asked_for_is_a_fault() -> None:
    with pytest.raises(HsmMessageFault):
        AuthenticateCard(CARD, B, A).answered(f"{'11' * 8}{'A0' * 8}|{'22' * 8}{'C0' * 8}|")


@pytest.mark.parametrize("command", ["8424000104" + "00" * 4, "8424000114" + "00" * 19, ""])
def test_a_command_other_than_the_one_asked_for_is_a_fault(command: str) -> None:
    with pytest.raises(HsmMessageFault):
        SecurePin(CARD, B, RESET, b"654321").answered(f"{command}|")


ASKED: list[Callable[[str], object]] = [
    AuthenticateCard(CARD, B, A).answered,
    AuthenticateCard(CARD, B, A, D, C).answered,
    AuthenticateKey(CARD, "000A", B, A).answered,
    SecurePin(CARD, B, RESET, b"654321").answered,
]


@given(answer=answers)
def test_any_text_is_an_answer_or_a_fault(answer: str) -> None:
    for answered in ASKED:
        with contextlib.suppress(HsmMessageFault):
            answered(answer)


@given(factor=eights, original=eights, cryptogram=eights, other=eights)
def test_only_the_answer_over_our_original_is_taken(
    factor: bytes, original: bytes, cryptogram: bytes, other: bytes
) -> None:
    message = AuthenticateKey(CARD, "000A", factor, original)
    answer = f"{(cryptogram + original).hex()}|"
    assert message.answered(answer) == message.answered(answer.upper()) == cryptogram
    if other != original:
        with pytest.raises(HsmMessageFault):
            message.answered(f"{(cryptogram + other).hex()}|")


def test_messages_and_proofs_do_not_show_what_is_in_them() -> None:
    proofs = AuthenticateCard(CARD, B, A).answered(f"{'11' * 8}{'A0' * 8}||")
    shown = repr([AuthenticateCard(CARD, B, A), SecurePin(CARD, B, RESET, b"654321"), proofs])
    Probe({"pin": "654321", "proof": b"\x11" * 8, "card": CARD.card_id}).check("repr", shown)
