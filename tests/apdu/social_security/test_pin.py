"""The PIN: entered, changed, set anew, given back; tries are told and none is spent twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.channel import CardGone
from apdu.processors import RedactedExchange
from apdu.social_security.authentication import Computed
from apdu.social_security.pin import (
    PinFormFault,
    PinNotSet,
    SecuredCommandFault,
    bcd,
    pin_block,
    send_secured,
    wipe,
)
from apdu.social_security.session import open_session
from apdu.status import (
    ExternalAuthenticationRefused,
    PinBlocked,
    SecurityStatusNotSatisfied,
    StatusFault,
    WrongPin,
)
from simulators.cards import SUITES, Algorithm, Generation, Interface
from tests.apdu.simulated import CARDS, Bench, bench
from tests.simulators.cards.terminal import CITY, SERIAL
from world import Fault

VERIFY, CHANGE, RESTORE, CHALLENGE = 0x20, 0x5E, 0x24, 0x84


def digits(text: str = "123456") -> bytearray:
    return bytearray(text.encode())


def wrong(card: Bench, times: int) -> None:
    for _ in range(times):
        with card.session() as session, pytest.raises(WrongPin):
            session.verify_pin(digits("000000"))


def test_the_tries_are_told_and_cost_none() -> None:
    with bench().session() as session:
        assert [session.pin_tries(), session.pin_tries()] == [6, 6]
        assert session.require_pin_tries() == 6


def test_a_card_without_pin_has_no_tries() -> None:
    with bench(pin=None).session() as session:
        assert session.pin_tries() is None
        with pytest.raises(PinNotSet):
            session.verify_pin(digits())


def test_wrong_entries_count_down_and_are_told() -> None:
    card = bench()
    for left in (5, 4, 3, 2, 1, 0):
        with card.session() as session, pytest.raises(WrongPin) as caught:
            session.verify_pin(digits("000000"))
        assert caught.value.tries == left


def test_the_last_try_is_known_before_it_is_asked_for() -> None:
    card = bench()
    wrong(card, 5)
    with card.session() as session:
        assert session.require_pin_tries() == 1
        session.verify_pin(digits())
        assert session.pin_tries() == 6


def test_a_blocked_pin_is_not_sent() -> None:
    card = bench()
    wrong(card, 6)
    before = card.channel.count(VERIFY)
    with card.session() as session:
        for attempt in (
            lambda: session.verify_pin(digits()),
            lambda: session.change_pin(digits(), digits("654321")),
            session.require_pin_tries,
        ):
            with pytest.raises(PinBlocked):
                attempt()
    assert card.channel.count(VERIFY) == before + 3  # the three questions, Lc 00
    assert card.channel.count(CHANGE) == 0


@pytest.mark.parametrize("sw", ["6983", "63C3", "6581", "6C00", "6110"])
def test_whatever_is_answered_an_entry_goes_out_once(sw: str) -> None:
    card = bench()
    session = card.session()
    inside = card.channel.card.transmit

    def lying(command: bytes) -> bytes:
        return bytes.fromhex(sw) if command[:2] == b"\0\x20" and command[4] else inside(command)

    card.channel.card.transmit = lying  # type: ignore[method-assign]
    with pytest.raises(Fault):
        session.verify_pin(digits())
    assert sum(c[1] == VERIFY and c[4] > 0 for c in card.channel.sent) == 1


@pytest.mark.parametrize("text", ["", "123", "12345678901234567", "12345x", "１２３４"])
def test_what_is_no_pin_is_not_sent(text: str) -> None:
    card = bench()
    with card.session() as session, pytest.raises(PinFormFault):
        session.verify_pin(digits(text))
    assert card.inside.pin.tries.left == 6


def test_buffers_are_wiped_whatever_happens() -> None:
    card = bench()
    with card.session() as session:
        right, refused, old, new = digits(), digits("000000"), digits(), digits("12x")
        session.verify_pin(right)
        with pytest.raises(WrongPin):
            session.verify_pin(refused)
        with pytest.raises(PinFormFault):
            session.change_pin(old, new)
    assert not any((right, refused, old, new))


def test_change_wants_the_old_one_and_sets_the_new_one() -> None:
    card = bench()
    with card.session() as session:
        session.change_pin(digits(), digits("7654321"))
        session.verify_pin(digits("7654321"))
        with pytest.raises(WrongPin) as caught:
            session.change_pin(digits("000000"), digits("1111"))
    assert caught.value.tries == 5
    assert card.inside.pin.digits == "7654321"


# -- set anew and given back


@pytest.mark.parametrize(("generation", "algorithm", "interface"), CARDS)
def test_a_blocked_pin_is_set_anew_in_every_algorithm(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    card = bench(generation, algorithm, interface)
    wrong(card, 6)
    with card.session() as session:
        session.reload_pin(digits("654321"))
        assert session.pin_tries() == 6
        session.verify_pin(digits("654321"))


@pytest.mark.parametrize(("generation", "algorithm", "interface"), CARDS)
def test_a_blocked_pin_gets_its_tries_back(
    generation: Generation, algorithm: Algorithm, interface: Interface
) -> None:
    card = bench(generation, algorithm, interface)
    wrong(card, 6)
    with card.session() as session:
        session.unblock_pin()
        session.verify_pin(digits())


@pytest.mark.parametrize("length", [4, 5, 12, 13, 14])
@pytest.mark.parametrize("algorithm", [Algorithm.DES3, Algorithm.SM4])
def test_every_length_that_fits_a_block_can_be_set(length: int, algorithm: Algorithm) -> None:
    generation = Generation.V3 if algorithm is Algorithm.SM4 else Generation.V2
    with bench(generation, algorithm).session() as session:
        session.reload_pin(digits("12345678901234"[:length]))
        session.verify_pin(digits("12345678901234"[:length]))


def test_a_pin_beyond_one_block_is_refused_before_the_card_is_asked() -> None:
    card = bench(Generation.V2, Algorithm.DES3)
    with card.session() as session, pytest.raises(PinFormFault):
        session.reload_pin(digits("1234567890123456"))
    assert card.channel.count(RESTORE) == 0


def test_the_card_is_asked_for_a_fresh_challenge_after_the_puk() -> None:
    card = bench()
    with card.session() as session:
        session.reload_pin(digits("654321"))
    instructions = [command[1] for command in card.channel.sent if command[1] != 0xC0]
    assert instructions[-5:] == [CHALLENGE, CHALLENGE, 0x82, CHALLENGE, RESTORE]


def test_a_terminal_that_the_card_does_not_believe_sets_no_pin() -> None:
    card = bench()
    card.inside.key("SSSE", "PUK").value = bytes(16)
    with card.session() as session, pytest.raises(ExternalAuthenticationRefused) as caught:
        session.unblock_pin()
    assert caught.value.tries == 9
    assert (card.channel.count(0x82), card.channel.count(RESTORE)) == (1, 0)


def test_a_wrong_mac_is_sent_once_and_changes_nothing() -> None:
    card = bench()
    card.inside.key("SSSE", "STK").value = bytes(16)
    with card.session() as session, pytest.raises(StatusFault) as caught:
        session.reload_pin(digits("654321"))
    assert caught.value.sw == 0x6988
    assert card.channel.count(RESTORE) == 1
    assert card.inside.pin.digits == "123456"
    assert card.inside.key("SSSE", "STK").tries.left == 9


@pytest.mark.parametrize(
    "command",
    ["", "8424000004", "84240000040102030405", "841E00000401020304", "8424000014" + "00" * 20],
)
def test_a_key_server_sends_the_card_nothing_else(command: str) -> None:
    card = bench()
    session = card.session()
    raw = bytes.fromhex(command)
    card.authenticator.secured = lambda *asked: Computed(raw)  # type: ignore[method-assign]
    with pytest.raises(SecuredCommandFault):
        session.unblock_pin()
    assert not any(sent[0] == 0x84 for sent in card.channel.sent)


@pytest.mark.parametrize(
    ("generation", "algorithm"),
    [(Generation.V2, Algorithm.DES3), (Generation.V2, Algorithm.SSF33),
     (Generation.V3, Algorithm.SM4)],
)  # fmt: skip
@pytest.mark.parametrize("new", [b"", b"654321"])
def test_psam_and_hsm_make_the_same_command(
    generation: Generation, algorithm: Algorithm, new: bytes
) -> None:
    card = bench(generation, algorithm)
    factor = bytes(range(8))
    size = f"{SUITES[algorithm].block + 4:02X}"
    header = bytes.fromhex(f"84240001{size}" if new else "8424000004")
    with card.session() as session:
        by_psam = card.authenticator.secured(session.parameters, factor, header, new).result()
    assert by_psam == CITY.secured_command(
        algorithm, CITY.historical(SERIAL), factor=factor, header=header, new_pin=new.decode()
    )


def test_a_card_that_leaves_in_the_middle_is_gone_and_nothing_is_repeated() -> None:
    card = bench()
    session = card.session()

    def leave(command: bytes) -> None:
        if command[1] == RESTORE:
            raise CardGone

    card.channel.before = leave
    with session, pytest.raises(CardGone):
        session.reload_pin(digits("654321"))
    assert card.inside.pin.digits == "123456"


def test_without_the_puk_the_card_takes_no_new_pin() -> None:
    card = bench()
    with card.session() as session:
        factor = session.card.challenge()
        header = bytes.fromhex("8424000004")
        command = card.authenticator.secured(session.parameters, factor, header, b"").result()
        with pytest.raises(SecurityStatusNotSatisfied):
            send_secured(session.card, header, command)


# -- forms


@pytest.mark.parametrize(
    ("text", "packed"),
    [("1234", "1234"), ("12345", "12345F"), ("1234567890123456", "1234567890123456")],
)
def test_digits_are_packed_as_bcd_with_f(text: str, packed: str) -> None:
    assert bcd(digits(text)).hex().upper() == packed


@pytest.mark.parametrize(
    ("text", "size", "block"),
    [
        ("123456", 8, "0312345680000000"),
        ("12345", 8, "0312345F80000000"),
        ("123456", 16, "03123456" + "80".ljust(24, "0")),
        ("12345678901234", 8, "0712345678901234"),
    ],
)
def test_pin_blocks_begin_with_their_length(text: str, size: int, block: str) -> None:
    assert pin_block(text.encode(), size).hex() == block.lower()


@given(st.text(max_size=20), st.sampled_from([8, 16]))
def test_any_text_is_a_block_or_no_pin(text: str, size: int) -> None:
    try:
        assert len(pin_block(text.encode("utf-8", "replace"), size)) == size
    except PinFormFault:
        assert not (text.isascii() and text.isdigit() and 4 <= len(text) <= 2 * (size - 1))


def test_wipe_overwrites_in_place() -> None:
    entered = digits()
    seen = memoryview(bytes(entered))
    wipe(entered)
    assert entered == b""
    assert bytes(seen) == b"123456"  # the control: a copy is what nobody wipes


def test_neither_pin_nor_cryptogram_shows_in_a_trace_a_fault_or_a_repr() -> None:
    shown: list[RedactedExchange] = []
    card = bench()
    session = open_session(card.channel, card.authenticator, keys=card.keys, observer=shown.append)
    session.reload_pin(digits("86420975"))
    session.change_pin(digits("86420975"), digits("97531864"))
    with pytest.raises(WrongPin) as caught:
        session.verify_pin(digits("86420975"))
    told = f"{shown!r} {caught.value!r} {caught.value.facts!r} {session!r} {session.parameters!r}"
    assert "86420975" not in told
    assert "97531864" not in told
    assert any("86420975" in sent.hex() for sent in card.channel.sent)  # the control
