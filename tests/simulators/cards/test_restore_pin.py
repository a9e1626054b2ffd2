"""8424 on the simulated card: who may, with which MAC, and what it does to the PIN."""

import pytest

from simulators.cards import SUITES, Algorithm, Generation
from simulators.cards.ciphers import padded
from tests.simulators.cards.terminal import CITY, SERIAL, Desk, selected

PUK = 0x06
CARDS = [(Generation.V2, Algorithm.DES3), (Generation.V2, Algorithm.SSF33),
         (Generation.V3, Algorithm.SM4)]  # fmt: skip


def header(card: Desk, new: str) -> bytes:
    size = SUITES[card.algorithm].block + 4 if new else 4
    return bytes((0x84, 0x24, 0x00, bool(new), size))


def restore(card: Desk, new: str = "", key: str = "STK") -> str:
    command = CITY.secured_command(
        card.algorithm,
        CITY.historical(SERIAL),
        factor=card.challenge(),
        header=header(card, new),
        new_pin=new,
        key=key,
    )
    return card.status(command.hex())


def blocked(generation: Generation, algorithm: Algorithm) -> Desk:
    card = selected(generation, algorithm=algorithm)
    card.inside.pin.tries.left = 0
    assert card.verify() == "6983"
    return card


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
def test_unblock_gives_the_tries_back_and_keeps_the_pin(
    generation: Generation, algorithm: Algorithm
) -> None:
    card = blocked(generation, algorithm)
    card.authenticate("PUK", PUK)
    assert restore(card) == "9000"
    assert card.status("0020000000") == "63C6"
    assert card.verify() == "9000"


@pytest.mark.parametrize(("generation", "algorithm"), CARDS)
@pytest.mark.parametrize("new", ["1234", "54321", "654321"])
def test_reload_sets_a_new_pin(generation: Generation, algorithm: Algorithm, new: str) -> None:
    card = blocked(generation, algorithm)
    card.authenticate("PUK", PUK)
    assert restore(card, new) == "9000"
    assert card.verify(new) == "9000"


def test_without_the_puk_it_is_refused_and_costs_nothing() -> None:
    card = selected()
    assert restore(card) == "6982"
    card.verify()
    card.authenticate("RKSSSE", 0x0A)
    assert restore(card, "654321") == "6982"
    assert card.inside.key("SSSE", "STK").tries.left == 10


def test_the_puk_serves_one_command() -> None:
    card = selected()
    card.authenticate("PUK", PUK)
    assert restore(card) == "9000"
    assert restore(card) == "6982"


def test_a_new_pin_takes_the_right_of_the_old_one() -> None:
    card = selected()
    card.verify()
    card.authenticate("PUK", PUK)
    restore(card, "654321")
    assert "PIN" not in card.inside.rights


def test_a_wrong_mac_counts_and_changes_nothing() -> None:
    card = selected()
    for left in range(9, -1, -1):
        card.authenticate("PUK", PUK)
        assert restore(card, "654321", key="BK") == "6988"
        assert card.inside.key("SSSE", "STK").tries.left == left
    card.authenticate("PUK", PUK)
    assert restore(card, "654321") == "6983"
    assert card.verify() == "9000"


def test_the_challenge_is_the_last_one_and_serves_once() -> None:
    card = selected()
    card.authenticate("PUK", PUK)
    assert card.status("8424000004" + "00" * 4) == "6984"


@pytest.mark.parametrize(
    ("command", "sw"),
    [("8424000204" + "00" * 4, "6A86"), ("8424000005" + "00" * 5, "6700"),
     ("842400010C" + "00" * 12, "6700"), ("8424000004", "6700")],
)  # fmt: skip
def test_other_forms_are_refused(command: str, sw: str) -> None:
    card = selected()
    card.authenticate("PUK", PUK)
    assert card.status(command) == sw


@pytest.mark.parametrize("block", ["00" * 16, "09" + "12" * 15, "03123456" + "00" * 12,
                                   "0312345A" + "80" + "00" * 11])  # fmt: skip
def test_a_block_that_is_no_pin_is_refused(block: str) -> None:
    card = selected()
    card.authenticate("PUK", PUK)
    suite = SUITES[card.algorithm]
    key = CITY.key(card.algorithm, "STK", level=0, historical=CITY.historical(SERIAL))
    process_key = suite.process_key(key, card.challenge())
    command = header(card, "x") + suite.encrypt(process_key, bytes.fromhex(block))
    mac = suite.mac(process_key, padded(command, suite.block))
    assert card.status((command + mac).hex()) == "6A80"
    assert card.inside.pin.digits == "123456"


def test_a_card_without_pin_gets_one_and_has_none_to_unblock() -> None:
    card = selected(pin=None)
    card.authenticate("PUK", PUK)
    assert restore(card) == "6A88"
    card.authenticate("PUK", PUK)
    assert restore(card, "654321") == "9000"
    assert card.verify("654321") == "9000"
