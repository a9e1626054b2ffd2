"""What a printer says is told apart by its bits and its order, however it arrives."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from drivers.counter.answers import (
    BURST,
    UNFINISHED,
    AutomaticStatus,
    Heard,
    InTurn,
    RealTime,
    StatusParser,
    is_answer,
)
from simulators.devices.lines import BOOT_TEXT

PAPER_ENDS = bytes.fromhex("18000C0F")
AGAIN_WELL = bytes.fromhex("14000000")


def heard(*chunks: bytes, gap: float = 0.0) -> Sequence[Heard]:
    parser = StatusParser()
    return [one for at, chunk in enumerate(chunks) for one in parser.feed(chunk, 1.0 + at * gap)]


def test_an_automatic_status_is_one_word_of_four_bytes() -> None:
    assert heard(PAPER_ENDS) == [AutomaticStatus()]
    assert heard(PAPER_ENDS + AGAIN_WELL) == [AutomaticStatus(), AutomaticStatus()]


@given(cuts=st.lists(st.integers(0, 8), max_size=5))
def test_it_may_arrive_in_pieces(cuts: list[int]) -> None:
    stream, edges = PAPER_ENDS + AGAIN_WELL, [0, *sorted(cuts), 8]
    chunks = [stream[begin:end] for begin, end in pairwise(edges)]
    assert heard(*chunks) == [AutomaticStatus(), AutomaticStatus()]


def test_a_pause_within_one_makes_no_answer_of_its_rest() -> None:
    for at in range(1, 4):
        assert heard(PAPER_ENDS[:at], PAPER_ENDS[at:], gap=2 * BURST) == [AutomaticStatus()]


def test_answers_beside_it_stay_answers() -> None:
    assert heard(b"\x00" + PAPER_ENDS + b"\x12" + b"\x0c") == [
        InTurn(),
        AutomaticStatus(),
        RealTime(0x12),
        InTurn(),
    ]


def test_flow_control_in_between_is_no_word() -> None:
    assert heard(b"\x13\x18\x13\x00\x11\x0c\x0f\x11") == [AutomaticStatus()]


def test_one_that_broke_off_takes_no_later_answer_with_it() -> None:
    assert heard(PAPER_ENDS[:2], b"\x00", gap=2 * UNFINISHED) == [InTurn()]


def test_an_answer_is_one_word_and_no_text() -> None:
    assert is_answer(b"\x12")
    assert is_answer(PAPER_ENDS + b"\x72")
    assert not is_answer(b"\x12\x12")
    assert not is_answer(b"22")
    assert not is_answer(BOOT_TEXT)
    assert not is_answer(b"\x00\x12")


@given(stream=st.binary(max_size=60))
def test_no_byte_is_two_words(stream: bytes) -> None:
    words = heard(stream)
    assert sum(4 if isinstance(word, AutomaticStatus) else 1 for word in words) <= len(stream)
