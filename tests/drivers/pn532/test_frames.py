"""Frames of the PN532: byte-exact both ways, and nothing is taken for one that is none."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.pn532.frames import (
    ACK,
    LONGEST,
    NACK,
    ChipAck,
    ChipNack,
    Frame,
    Garbled,
    Information,
    Parser,
    frame,
)

# NXP UM0701-02, 6.2.1 and 7.2.2; the two long ones are computed by 6.2.1.2.
VECTORS = [
    ("D402", "0000FF02FED4022A00"),
    ("D5 03 32 01 06 07", "0000FF06FAD50332010607E800"),
    ("D4 4A 01 00", "0000FF04FCD44A0100E100"),
    ("D4 4A 02 00", "0000FF04FCD44A0200E000"),
    ("7F", "0000FF01FF7F8100"),
    ("D5" + "00" * 254, "0000FFFF01D5" + "00" * 254 + "2B00"),
    ("D5" + "00" * 255, "0000FFFFFF0100FFD5" + "00" * 255 + "2B00"),
    ("D5" + "00" * 264, "0000FFFFFF0109F6D5" + "00" * 264 + "2B00"),
]
contents = st.binary(min_size=1, max_size=LONGEST)
MakeParser = Callable[[], Parser]


def parse(*chunks: bytes, parser: Parser | None = None) -> list[Frame]:
    parser = parser or Parser()
    return [found for chunk in chunks for found in parser.feed(chunk)]


def information(found: Sequence[Frame]) -> list[bytes]:
    return [one.content for one in found if isinstance(one, Information)]


@pytest.mark.parametrize(("content", "on_the_line"), VECTORS)
def test_vectors_go_both_ways(content: str, on_the_line: str) -> None:
    assert frame(bytes.fromhex(content)) == bytes.fromhex(on_the_line)
    assert information(parse(bytes.fromhex(on_the_line))) == [bytes.fromhex(content)]


def test_short_frames_are_what_they_are() -> None:
    assert parse(bytes.fromhex("0000FF00FF00")) == [ChipAck()]
    assert parse(bytes.fromhex("0000FFFF0000")) == [ChipNack()]
    assert (ACK.hex(), NACK.hex()) == ("0000ff00ff00", "0000ffff0000")


@pytest.mark.parametrize("size", [0, LONGEST + 1])
def test_what_no_frame_can_carry_is_not_sent(size: int) -> None:
    with pytest.raises(ValueError, match="no frame"):
        frame(bytes(size))


@pytest.mark.parametrize(
    "wrong",
    [
        "0000FF02FFD4022A00",  # LCS
        "0000FF02FED4022B00",  # DCS
        "0000FFFFFF0000001100",  # extended, of no length
        "0000FFFFFF010AF5D5",  # extended, longer than the chip can keep
        "0000FFFFFF010000D5",  # extended LCS
    ],
)
def test_frame_whose_sums_do_not_hold_is_garbled_and_the_next_one_is_found(wrong: str) -> None:
    found = parse(bytes.fromhex(wrong), ACK, frame(b"\xd5\x03"))
    assert found[0] == Garbled()
    assert found[-2:] == [ChipAck(), Information(b"\xd5\x03")]


def test_good_frame_inside_a_wrong_ones_claimed_length_is_found() -> None:
    wrong = bytes.fromhex("0000FF20E0D541")  # claims 32 bytes
    good = frame(b"\xd5\x41\x00\x90\x00")
    assert information(parse(wrong + good * 3 + bytes(20))) == [b"\xd5\x41\x00\x90\x00"] * 3


def test_begun_frame_that_does_not_end_is_given_up_and_loses_no_other() -> None:
    parser = Parser()
    assert parse(frame(bytes(40))[:20], parser=parser) == []
    assert parser.partial
    parser.give_up()
    assert parse(ACK, parser=parser) == [ChipAck()]
    assert not parser.partial


@given(st.lists(contents, max_size=4), st.lists(st.integers(0, 5)), st.integers(1, 40))
def test_frames_arrive_whole_however_the_line_cuts_and_pads_them(
    sent: list[bytes], padding: list[int], cut: int
) -> None:
    pads = [*padding, *[0] * len(sent)]
    line = b"".join(bytes(pad) + frame(content) for content, pad in zip(sent, pads, strict=False))
    chunks = [line[at : at + cut] for at in range(0, len(line), cut)]
    parser = Parser()
    assert information(parse(*chunks, parser=parser)) == sent
    assert parser.noise == 0


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_garbage_gives_no_exception_and_keeps_little(chunks: list[bytes]) -> None:
    parser = Parser()
    for chunk in chunks:
        parser.feed(chunk)
        kept = len(parser._buffer)
        assert kept <= LONGEST + 16
    noise = parser.noise
    assert 0 <= noise <= sum(map(len, chunks))


@given(st.binary(max_size=40), contents)
def test_after_garbage_the_next_frames_are_found(garbage: bytes, content: bytes) -> None:
    """What a wrong start swallows at most is the longest frame's length."""
    swallowed = bytes(LONGEST + 16)
    assert content in information(parse(garbage, swallowed, frame(content)))


def altered_is_never_accepted(make: MakeParser) -> None:
    content = bytes.fromhex("D54100") + bytes(range(1, 12)) + b"\x90\x00"
    good = frame(content)
    for at in range(3, len(good) - 1):
        for turned in accumulate([1] * 7, lambda bit, _: bit << 1):
            wrong = good[:at] + bytes((good[at] ^ turned,)) + good[at + 1 :]
            assert information(parse(wrong, bytes(LONGEST + 8), parser=make())) == [], at


def test_one_altered_bit_is_never_accepted() -> None:
    altered_is_never_accepted(Parser)


class Trusting(Parser):
    """Believes every length and every sum."""

    def _wrong(self) -> Frame:
        length = self._buffer[2]
        content = bytes(self._buffer[4 : 4 + length])
        self._drop(4 + length)
        return Information(content)


def test_control_a_parser_that_trusts_is_caught() -> None:
    with pytest.raises(AssertionError):
        altered_is_never_accepted(Trusting)


def test_contents_do_not_show() -> None:
    assert "90" not in repr(Information(b"\x90" * 8))
