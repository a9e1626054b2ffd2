"""What a module sends is cut into whole codes, or into none."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.framing import (
    FLOOD,
    STALE,
    SUFFIXES,
    Discarded,
    Framed,
    FrameFramer,
    Framer,
    GapFramer,
    Outcome,
    Suffix,
    SuffixFramer,
)
from simulators.devices.scan_module import vguang_frame

LIMIT = 400
GAP = 0.03
MINISTRY = bytes([0x81, 0x01, 0x49, 0x24]) + bytes(range(256)) + bytes([0x0D, 0x15]) * 36

Codes = Sequence[tuple[bytes, Sequence[int]]]


def gap(suffix: Suffix = "line", limit: int = LIMIT) -> GapFramer:
    return GapFramer(suffix=suffix, gap=GAP, limit=limit)


def suffixed(suffix: Suffix = "line", limit: int = LIMIT) -> SuffixFramer:
    return SuffixFramer(suffix=suffix, limit=limit)


def frames(*, status_byte: bool = False, limit: int = LIMIT) -> FrameFramer:
    return FrameFramer(command=0x30, status_byte=status_byte, limit=limit)


def chunks(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def run(framer: Framer, parts: Sequence[bytes]) -> list[Outcome]:
    """Each part a moment after the one before, then a long silence."""
    outcomes: list[Outcome] = []
    at = 100.0
    for part in parts:
        if part:
            outcomes += framer.feed(part, at)
        at += 0.001
    while (patience := framer.patience) is not None:
        at += patience
        outcomes += framer.feed(b"", at)
    return outcomes


def contents(outcomes: Sequence[Outcome]) -> list[bytes]:
    return [outcome.content for outcome in outcomes if isinstance(outcome, Framed)]


# A first byte that comes once: no code here is another one several times.
binary = st.one_of(
    st.just(MINISTRY),
    st.binary(max_size=LIMIT - 1).map(lambda rest: b"\x81" + rest.replace(b"\x81", b"")),
)
cuts = st.lists(st.integers(0, 1000), max_size=12)


@given(binary, st.sampled_from(["cr", "lf", "crlf", "none"]), cuts)
def test_binary_code_comes_whole_whatever_bytes_are_in_it(
    code: bytes, suffix: Suffix, cuts: Sequence[int]
) -> None:
    sent = code + (SUFFIXES[suffix] or [b""])[0]
    assert contents(run(gap(suffix), chunks(sent, cuts))) == [code]


@given(binary, st.sampled_from([b"\r", b"\r\n"]), cuts)
def test_any_line_end_does_for_binary_codes_that_end_with_cr_or_crlf(
    code: bytes, suffix: bytes, cuts: Sequence[int]
) -> None:
    assert contents(run(gap("line"), chunks(code + suffix, cuts))) == [code]


def test_lf_after_a_code_that_ends_with_cr_wants_the_suffix_named() -> None:
    sent = b"\x81\x00\x0d\n"
    assert contents(run(gap("lf"), [sent])) == [b"\x81\x00\x0d"]
    assert contents(run(gap("line"), [sent])) == [b"\x81\x00"]  # as the options' text says


@given(binary, st.integers(2, 3), st.sampled_from(["cr", "crlf"]))
def test_code_that_is_repeated_without_a_gap_is_one_code(
    code: bytes, times: int, suffix: Suffix
) -> None:
    code = code[: LIMIT // 2]
    sent = (code + SUFFIXES[suffix][0]) * times
    assert contents(run(gap(suffix), [sent])) == [code]


@pytest.mark.parametrize("suffix", ["line", "cr", "lf", "crlf", "tab", "etx"])
def test_texts_without_a_gap_are_several_codes(suffix: Suffix) -> None:
    end = SUFFIXES[suffix][0]
    sent = end.join((b"LIB-000011112222", "社保-3".encode(), b"LIB-000011112222")) + end
    wanted = [b"LIB-000011112222", "社保-3".encode(), b"LIB-000011112222"]
    assert contents(run(gap(suffix), [sent])) == wanted


def test_a_text_that_is_too_long_takes_no_other_along() -> None:
    outcomes = run(gap("cr"), [b"one\r" + b"x" * (LIMIT + 1) + b"\r"])
    assert contents(outcomes) == [b"one"]
    assert Discarded("overruns") in outcomes


def test_a_binary_code_that_holds_line_ends_stays_whole() -> None:
    binary = b"\x80\r\n\xff text \r"
    assert contents(run(gap("lf"), [binary + b"\n"])) == [binary]


def test_control_suffix_alone_cuts_a_binary_code() -> None:
    assert contents(run(suffixed("cr"), [MINISTRY + b"\r"])) != [MINISTRY]


text = st.text("abcXYZ0189-/:?=%é码", min_size=1, max_size=80).map(str.encode)


@given(st.lists(text, min_size=1, max_size=5), st.sampled_from([b"\r", b"\n", b"\r\n"]), cuts)
def test_text_codes_end_at_once_with_their_suffix(
    codes: list[bytes], suffix: bytes, cuts: Sequence[int]
) -> None:
    framer = suffixed()
    sent = b"".join(code + suffix for code in codes)
    outcomes = [o for part in chunks(sent, cuts) if part for o in framer.feed(part, 100.0)]
    assert contents(outcomes) == codes


@given(st.lists(binary, min_size=1, max_size=4), st.booleans(), cuts)
def test_frames_carry_any_bytes(codes: list[bytes], status: bool, cuts: Sequence[int]) -> None:
    sent = b"".join(framed(code, status_byte=status) for code in codes)
    assert contents(run(frames(status_byte=status), chunks(sent, cuts))) == codes


def framed(code: bytes, *, status_byte: bool) -> bytes:
    if not status_byte:
        return vguang_frame(0x30, code)
    body = b"\x55\xaa\x30\x00" + len(code).to_bytes(2, "little") + code
    check = 0
    for byte in body:
        check ^= byte
    return body + bytes([check])


def test_frame_of_the_manual_is_read_byte_for_byte() -> None:
    # 55 ^ AA ^ 24 ^ 01 ^ 00 ^ 01 = DB
    assert vguang_frame(0x24, b"\x01") == bytes.fromhex("55AA24010001DB")
    assert run(frames(), [bytes.fromhex("55AA300300") + b"abc" + b"\xac"]) == [Framed(b"abc", 100)]


def test_frame_of_another_command_is_no_code() -> None:
    assert run(frames(), [vguang_frame(0x24, b"\x00"), vguang_frame(0x30, b"abc")]) == [
        Framed(b"abc", 100.001)
    ]


@given(st.binary(max_size=40), binary)
def test_frame_after_noise_is_found(noise: bytes, code: bytes) -> None:
    noise = noise.replace(b"\x55", b"")
    assert contents(run(frames(), [noise + vguang_frame(0x30, code)])) == [code]


def test_damaged_frame_is_no_code() -> None:
    frame = bytearray(vguang_frame(0x30, b"abcdef"))
    frame[7] ^= 1
    assert contents(run(frames(), [bytes(frame), vguang_frame(0x30, b"next")])) == [b"next"]


MAKERS: list[Callable[[], Framer]] = [
    gap, suffixed, frames, lambda: gap("none"), lambda: gap("crlf"), lambda: suffixed("crlf"),
]  # fmt: skip


@pytest.mark.parametrize("make", [gap, suffixed, frames])
@given(code=binary, cut=st.integers(1, 10_000))
def test_half_a_code_is_never_delivered(make: Callable[[], Framer], code: bytes, cut: int) -> None:
    code = code.replace(b"\r", b"").replace(b"\n", b"") or b"x"
    whole = vguang_frame(0x30, code) if make is frames else code + b"\r"
    half = whole[: cut % len(whole)]
    outcomes = run(make(), [half])
    assert outcomes == ([Discarded("incomplete")] if half else [])


@pytest.mark.parametrize("make", MAKERS)
@given(parts=st.lists(st.binary(max_size=600), max_size=20))
def test_garbage_makes_no_exception_and_no_code_beyond_the_limit(
    make: Callable[[], Framer], parts: list[bytes]
) -> None:
    framer = make()
    for outcome in run(framer, parts):
        assert isinstance(outcome, Discarded) or 0 < len(outcome.content) <= LIMIT
    assert framer.patience is None


@pytest.mark.parametrize("make", MAKERS)
def test_after_garbage_and_silence_the_next_code_is_whole(make: Callable[[], Framer]) -> None:
    framer = make()
    run(framer, [b"\x55\xaa\x30\xff\x00garbage", b"x" * 1000, b"\x55"])
    code = vguang_frame(0x30, b"next") if make is frames else b"next\r\n"
    (got,) = contents(run(framer, [code]))
    assert got.rstrip() == b"next"


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 2, LIMIT + 3, 3000])
@pytest.mark.parametrize("make", [gap, suffixed])
def test_overlong_code_is_one_overrun(make: Callable[[], Framer], size: int) -> None:
    assert run(make(), [b"x" * size + b"\r"]) == [Discarded("overruns")]
    assert contents(run(make(), [b"x" * LIMIT + b"\r"])) == [b"x" * LIMIT]


@pytest.mark.parametrize("make", [gap, suffixed, frames])
def test_endless_stream_is_counted_on_and_held_in_bounded_memory(
    make: Callable[[], Framer],
) -> None:
    framer = make()
    endless = (b"\x55\xaa\x30\xff\xff" if make is frames else b"") + b"x" * 1000
    outcomes = [o for n in range(100) for o in framer.feed(endless, 100 + n / 1000)]
    assert len(outcomes) >= 100_000 // FLOOD
    assert not contents(outcomes)


def test_pause_in_a_suffixed_code_does_not_cut_it() -> None:
    framer = gap()
    framer.feed(b"first ", 100.0)
    assert framer.feed(b"", 100.0 + GAP) == ()
    framer.feed(b"second\r", 100.5)
    assert framer.patience == GAP
    assert framer.feed(b"", 100.6) == [Framed(b"first second", 100.0)]


def test_silence_that_was_shorter_than_promised_ends_nothing() -> None:
    for framer in (gap(), suffixed(), frames()):
        framer.feed(b"\x55\xaa\x30", 100.0)
        assert framer.feed(b"", 100.0 + STALE / 2) == ()


def test_content_is_not_in_a_repr() -> None:
    assert "secret" not in repr(Framed(b"secret", 1.0))
