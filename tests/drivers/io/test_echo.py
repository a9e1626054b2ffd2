"""An echo is taken off what a line gives, and nothing else is."""

from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from drivers.io.echo import KEEP, NOBODYS, Echo
from world.real import RealWorld


@pytest.fixture(autouse=True)
def patience() -> None:
    """Time is in the test's hand, so the limits are those of the field."""


class Clock(RealWorld):
    """Time in the test's hand."""

    seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds


def heard(echo: Echo, *chunks: bytes) -> bytes:
    return b"".join(echo.without(chunk) for chunk in chunks)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


def known(clock: Clock) -> Echo:
    """Of a line that is known to echo."""
    echo = Echo(clock)
    echo.sent(NOBODYS, marks=True)
    assert echo.without(NOBODYS) == b""
    return echo


writes = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=4)
places = st.lists(st.integers(0, 80), max_size=6)


@given(sent=writes, answers=st.lists(st.binary(max_size=12), min_size=4, max_size=4), cuts=places)
@example(sent=[b"\xeb\x01\x40\x00\xaa"], answers=[b"\xeb\x01\x40\x00\xaa"] * 4, cuts=[3])
def test_what_is_left_is_what_the_device_said(
    sent: list[bytes], answers: list[bytes], cuts: list[int]
) -> None:
    """However the bytes arrive; each write's echo comes before the answer to it."""
    clock = Clock()
    echo = known(clock)
    said = b""
    for data, answer in zip(sent, answers, strict=False):
        echo.sent(data, marks=False)
        said += heard(echo, *cut(data + answer, cuts))
        clock.seconds += 2 * KEEP
        said += echo.without(b"")
    assert said == b"".join(answers[: len(sent)])


@given(sent=writes, stream=st.binary(max_size=60), cuts=places)
def test_on_a_line_without_echo_nothing_is_taken(
    sent: list[bytes], stream: bytes, cuts: list[int]
) -> None:
    echo = Echo(Clock())
    assume(NOBODYS not in stream)
    echo.sent(NOBODYS, marks=True)
    for data in sent:
        echo.sent(data, marks=False)
    assert heard(echo, *cut(stream, cuts)) == stream
    assert not echo.found


@given(before=st.binary(max_size=20), cuts=places)
def test_a_mark_is_found_however_it_arrives(before: bytes, cuts: list[int]) -> None:
    assume(NOBODYS not in before + NOBODYS[:-1])
    echo = Echo(Clock())
    echo.sent(NOBODYS, marks=True)
    heard(echo, *cut(before + NOBODYS, cuts))
    assert echo.found


@given(order=st.binary(min_size=2, max_size=12), at=st.integers(0, 11), bit=st.integers(0, 7))
def test_a_damaged_echo_never_makes_the_order_its_own_answer(
    order: bytes, at: int, bit: int
) -> None:
    damaged = bytearray(order)
    damaged[at % len(order)] ^= 1 << bit
    echo = known(Clock())
    echo.sent(order, marks=False)
    assert order not in heard(echo, bytes(damaged))


def test_an_echo_whose_predecessor_was_lost_is_an_echo_all_the_same() -> None:
    echo = known(Clock())
    echo.sent(b"first", marks=False)
    echo.sent(b"second", marks=False)
    assert heard(echo, b"fi?st", b"second") == b"fi?st"


@given(st.floats(0, 1e6))
@example(0.4)  # 0.4 + 1.0 − 0.4 is less than 1.0
def test_what_is_held_back_is_given_when_no_echo_comes_any_more(now: float) -> None:
    clock = Clock()
    clock.seconds = now
    echo = known(clock)
    echo.sent(b"order", marks=False)
    assert echo.without(b"or") == b""
    assert echo.patience == pytest.approx(KEEP)
    clock.seconds = now + KEEP
    assert echo.without(b"") == b"or"
    assert echo.patience is None
    assert echo.without(b"order") == b"order"  # a frame of the device's own, much later


def test_a_mark_that_comes_late_is_one_all_the_same() -> None:
    """And what was sent since comes off with it."""
    clock = Clock()
    echo = Echo(clock)
    echo.sent(NOBODYS, marks=True)
    clock.seconds += 3 * KEEP
    echo.sent(b"order", marks=False)
    assert echo.without(NOBODYS + b"order") == b""
    assert echo.found


def test_an_order_that_is_no_mark_never_makes_a_line_echo() -> None:
    """A board's yes that is equal to its order is a yes."""
    echo = Echo(Clock())
    echo.sent(b"order", marks=False)
    assert echo.without(b"order") == b"order"
    assert not echo.found
