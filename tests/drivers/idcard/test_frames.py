"""Frames are found in whatever comes, and nothing that comes is held on to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.idcard.frames import HEADER, MOST, PREAMBLE, Deframer, frame, length_of

# Byte by byte from the specification.
KNOWN = [
    (b"\x20\x01", "AAAAAA9669 0003 2001 22"),
    (b"\x20\x02", "AAAAAA9669 0003 2002 21"),
    (b"\x30\x01", "AAAAAA9669 0003 3001 32"),
    (b"\x30\x10", "AAAAAA9669 0003 3010 23"),
    (b"\x30\x03", "AAAAAA9669 0003 3003 30"),
    (b"\x10\xff", "AAAAAA9669 0003 10FF EC"),
    (b"\x11\xff", "AAAAAA9669 0003 11FF ED"),
    (b"\x12\xff", "AAAAAA9669 0003 12FF EE"),
    (bytes.fromhex("00009F00000000"), "AAAAAA9669 0008 00009F 00000000 97"),
    (bytes.fromhex("000080"), "AAAAAA9669 0004 000080 84"),
    (bytes.fromhex("0000900000000000000000"), "AAAAAA9669 000C 000090 0000000000000000 9C"),
]
CONTENTS = st.binary(min_size=2, max_size=MOST - 1)
# Noise that likes to look like frames.
NOISE = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([PREAMBLE, PREAMBLE[:4], b"\xaa", PREAMBLE + b"\x09\x60", frame(b"ab")]),
    ),
    max_size=30,
).map(b"".join)


@pytest.mark.parametrize(("content", "written"), KNOWN, ids=[w for _, w in KNOWN])
def test_frames_are_those_of_the_specification(content: bytes, written: str) -> None:
    assert frame(content) == bytes.fromhex(written)
    assert Deframer().feed(bytes.fromhex(written)) == [content]


@pytest.mark.parametrize("size", [1295, 2321, 1809, 1297])
def test_lengths_of_a_read_are_those_of_the_specification(size: int) -> None:
    content = bytes(size - HEADER - 1)
    assert len(frame(content)) == size
    assert Deframer().feed(frame(content)) == [content]


@settings(deadline=None)
@given(CONTENTS, st.integers(1, 50))
def test_a_frame_in_pieces_is_whole_with_its_last_byte(content: bytes, piece: int) -> None:
    whole, deframer, found = frame(content), Deframer(), []
    for at in range(0, len(whole), piece):
        found += deframer.feed(whole[at : at + piece])
        assert not found or at + piece >= len(whole)
    assert found == [content]


@settings(deadline=None)
@given(st.binary(max_size=300).filter(lambda noise: b"\xaa" not in noise), CONTENTS)
def test_noise_before_a_frame_is_passed_over(noise: bytes, content: bytes) -> None:
    assert Deframer().feed(noise + frame(content) + noise) == [content]


@pytest.mark.parametrize(
    "before",
    [
        b"\xaa",  # one more of the preamble's first byte
        PREAMBLE,
        frame(b"cut")[:-2],
        frame(b"wrong")[:-1] + b"\0",  # its check byte does not hold
        PREAMBLE + b"\x00\x02",  # shorter than any
        PREAMBLE + b"\x09\x61",  # longer than any
    ],
    ids=lambda before: before.hex(),
)
def test_what_only_looks_like_a_frame_does_not_swallow_the_next(before: bytes) -> None:
    found = Deframer().feed(before + frame(b"next") + bytes(MOST))
    assert found == [b"next"]


@settings(deadline=None)
@given(NOISE, st.integers(1, 100))
def test_any_bytes_give_the_same_in_any_pieces_and_are_let_go(noise: bytes, piece: int) -> None:
    deframer, found = Deframer(), []
    for at in range(0, len(noise), piece):
        found += deframer.feed(noise[at : at + piece])
        assert len(deframer._buffer) <= HEADER + MOST + piece
    assert found == Deframer().feed(noise)
    assert all(2 <= len(content) < MOST for content in found)


@settings(deadline=None)
@given(CONTENTS, st.data())
def test_control_a_frame_with_one_bit_turned_is_none(content: bytes, data: st.DataObject) -> None:
    whole = bytearray(frame(content))
    at = data.draw(st.integers(len(PREAMBLE), len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    assert content not in Deframer().feed(bytes(whole))


def test_length_is_known_from_the_head_alone() -> None:
    assert length_of(frame(b"abc")) == length_of(frame(b"abc")[:HEADER]) == 4
    assert length_of(frame(b"abc")[: HEADER - 1]) is None
    assert length_of(b"x" * HEADER) is None
