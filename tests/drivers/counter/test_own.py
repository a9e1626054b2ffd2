"""A pad's keys are told from what it was sent, on lines that hear themselves and on others."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.own import KEEP, OwnBytes

KEYS = frozenset(b"0123456789\r\x1b\x18\x08\x7f\x0c")
ERASE = b"\x08 \x08"
fingers = st.lists(st.sampled_from(sorted(KEYS)), max_size=12)


def pressed(own: OwnBytes, came: bytes, at: float = 0.0) -> Sequence[int]:
    return [key for byte in came for key in own.without(byte, at)]


def test_what_the_pad_was_sent_is_no_key() -> None:
    own = OwnBytes(KEYS)
    own.sent(ERASE, 0.0)
    assert pressed(own, ERASE) == []
    assert not own.holds


def test_the_same_keys_by_fingers_are_keys() -> None:
    own = OwnBytes(KEYS)
    own.sent(ERASE, 0.0)
    assert pressed(own, b"\x08") == []
    assert own.holds
    assert own.released() == [0x08]
    assert pressed(own, b"\x087") == [0x08, ord("7")]


@given(keys=fingers, signal=st.binary(max_size=4))
def test_on_a_line_without_echo_every_key_comes_through_in_its_order(
    keys: list[int], signal: bytes
) -> None:
    own = OwnBytes(KEYS)
    got: list[int] = []
    for key in keys:
        own.sent(signal, 0.0)
        got += [*own.without(key, 0.0), *own.released()]
    assert got == keys


@given(keys=fingers)
def test_on_a_line_that_echoes_only_fingers_are_left(keys: list[int]) -> None:
    own = OwnBytes(KEYS)
    got: list[int] = []
    own.sent(b"*", 0.0)
    assert pressed(own, b"*") == []
    for key in keys:
        got += own.without(key, 0.0)
        own.sent(ERASE, 0.0)
        assert pressed(own, ERASE) == []
    assert got == keys


def test_an_echo_whose_beginning_was_thrown_away_is_none_of_the_keys() -> None:
    own = OwnBytes(KEYS)
    own.sent(b"*", 0.0)
    assert pressed(own, b"*") == []
    own.sent(b"**\x03", 0.0)
    assert pressed(own, b"\x03") == []


def test_an_echo_that_did_not_come_is_waited_for_no_longer() -> None:
    own = OwnBytes(KEYS)
    own.sent(b"7", 0.0)
    assert pressed(own, b"7", at=2 * KEEP) == [ord("7")]
