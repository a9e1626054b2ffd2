"""The eye reads what is in a frame, byte by byte, or nothing; and it stops in time."""

import itertools
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyzbar import pyzbar
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M

from drivers.eye import Eye, Sighting, Symbology
from drivers.eye.eye import OVERVIEW_STEPS, is_trusted
from drivers.eye.locate import busiest
from drivers.eye.steps import STEPS
from simulators.devices.painter import KINDS, Frame, empties, modules, paint, view

UNHURRIED = Eye(lambda: 0.0)  # a clock that stands: every step is done, on any machine
CONTENTS = {
    "text": b"https://c.example/pay?x=1",
    "digits": b"621234567890123456",
    "utf-8": "社会保障卡一卡通".encode(),
    "gbk": "社会保障卡一卡通".encode("gbk"),
    "binary": bytes(range(256)),
    "zeroes": bytes(40),
}


def contents(found: Sequence[Sighting]) -> set[bytes]:
    return {sighting.content for sighting in found}


def bare(frame: Frame) -> set[bytes]:
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)
    found = zxingcpp.read_barcodes(frame, formats=formats)
    return {code.bytes for code in found if is_trusted(code)}


def code_of(format: zxingcpp.BarcodeFormat, text: str) -> Frame:
    image = np.array(zxingcpp.create_barcode(text, format).to_image(6))
    return np.pad(image, 60, constant_values=255)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("angle", [0, 37, 180])
def test_content_is_the_bytes_in_the_code(name: str, angle: float) -> None:
    frame = view(CONTENTS[name], side=0.8, angle=angle)
    (sighting,) = UNHURRIED.look(frame, thorough=False)
    assert sighting.content == CONTENTS[name]
    assert (sighting.symbology, sighting.by) == ("]Q1", "fast")


@pytest.mark.parametrize("name", CONTENTS)
def test_a_near_dim_and_blurred_code_gives_the_same_bytes(name: str) -> None:
    frame = cv2.GaussianBlur(view(CONTENTS[name], side=0.85), (0, 0), 1.2) // 40 + 3
    (sighting,) = UNHURRIED.look(np.asarray(frame, np.uint8), thorough=True)
    assert sighting.content == CONTENTS[name]


def test_dark_mode_is_read() -> None:
    frame = np.asarray(255 - view(b"dark mode"), np.uint8)
    assert contents(UNHURRIED.look(frame, thorough=False)) == {b"dark mode"}


def test_colour_and_gray_give_the_same() -> None:
    frame = view(b"colour")
    colour = np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), np.uint8)
    assert contents(UNHURRIED.look(colour, thorough=False)) == {b"colour"}


def test_a_part_of_a_frame_need_not_be_copied() -> None:
    wide = np.hstack([view(b"left"), view(b"right")])
    assert contents(UNHURRIED.look(wide[:, 640:], thorough=False)) == {b"right"}


def test_two_codes_are_two_sightings() -> None:
    for number in range(5):
        painted = paint("two", number, 1)
        assert contents(UNHURRIED.look(painted.frame, thorough=True)) == set(painted.contents)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_bare_zxing_reads_is_read_and_nothing_else(kind: str) -> None:
    for number in range(6):
        painted = paint(kind, number, 5)
        read = contents(UNHURRIED.look(painted.frame, thorough=True))
        assert bare(painted.frame) <= read <= set(painted.contents)


@pytest.mark.parametrize("kind", ["dim", "moire", "blur"])
def test_hard_frames_are_read_that_bare_zxing_does_not_read(kind: str) -> None:
    hard = [painted for n in range(16) if not bare((painted := paint(kind, n, 5)).frame)]
    read = [p for p in hard if contents(UNHURRIED.look(p.frame, thorough=True))]
    assert len(read) >= 1
    assert not [p for p in hard if contents(UNHURRIED.look(p.frame, thorough=False)) != set()]


@pytest.mark.parametrize("dim", [False, True])
def test_the_place_is_where_the_code_lies(dim: bool) -> None:
    frame = np.full((720, 1280), 90, np.uint8)
    frame[300:620, 800:1120] = view(b"https://c.example/place", (320, 320), side=0.8)
    if dim:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 1.2) // 40, np.uint8)
    (sighting,) = UNHURRIED.look(frame, thorough=True)
    assert sighting.by == ("thorough" if dim else "fast")
    centre = np.mean(sighting.place, axis=0)
    assert np.abs(centre - (960, 460)).max() < 12


def test_in_an_empty_scene_nothing_is_read() -> None:
    eye = Eye(lambda: 0.0, second_opinion=True)
    for painted in empties(40, 3):
        assert eye.look(painted.frame, thorough=True) == ()


def test_a_soft_scene_is_not_searched_further() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(30, 220, (4, 6)).astype(np.uint8)
    for size in ((640, 480), (1280, 720)):
        soft = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        assert busiest(np.asarray(soft, np.uint8)) is None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pixels of each picture that zxing-cpp is given; it reads none."""
    sizes: list[int] = []

    def read_barcodes(image: NDArray[np.uint8], **_: object) -> list[zxingcpp.Barcode]:
        sizes.append(image.size)
        return []

    monkeypatch.setattr(zxingcpp, "read_barcodes", read_barcodes)
    return sizes


def ticking(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so much whenever it is read."""
    return itertools.count(0.0, seconds).__next__


def test_with_time_every_step_is_tried(reads: list[int]) -> None:
    assert UNHURRIED.look(view(b"x"), thorough=True) == ()
    assert len(reads) == 1 + len(STEPS) + OVERVIEW_STEPS


@pytest.mark.parametrize(("tick", "most"), [(0.001, 10), (0.004, 3), (1.0, 1)])
def test_no_step_begins_after_the_budget(reads: list[int], tick: float, most: int) -> None:
    Eye(ticking(tick), second_opinion=True).look(view(b"x"), thorough=True)
    assert 1 <= len(reads) <= most


def test_a_scene_that_is_busy_everywhere_gets_the_smaller_budget(reads: list[int]) -> None:
    rng = np.random.default_rng(0)
    gravel = rng.integers(0, 256, (480, 640), np.uint8)
    Eye(ticking(0.0001), budget=1.0, busy_budget=0.0).look(gravel, thorough=True)
    assert len(reads) == 1


def test_the_fast_pass_is_one_pass(reads: list[int]) -> None:
    UNHURRIED.look(view(b"x"), thorough=False)
    assert reads == [640 * 480]


def test_a_large_busy_scene_is_made_smaller(reads: list[int]) -> None:
    rng = np.random.default_rng(0)
    UNHURRIED.look(rng.integers(0, 256, (3000, 4000), np.uint8), thorough=True)
    assert max(reads[1:]) <= 4 * 321_000  # the largest step doubles both sides


def test_a_version_1_code_that_lives_on_its_reserve_is_not_trusted() -> None:
    """1-L corrects two codewords by the standard; zxing-cpp corrects three."""
    whole = modules(b"123", ERROR_CORRECT_L, 0)
    read = []
    for wrong in range(4):
        code = whole.copy()
        for row in (24, 20, 16)[:wrong]:  # each in another codeword of the rightmost column
            code[row, 24] = 255 - code[row, 24]
        large = cv2.resize(code, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
        (barcode,) = zxingcpp.read_barcodes(large)
        read.append((barcode.bytes, is_trusted(barcode)))
    assert read == [(b"123", True), (b"123", True), (b"123", True), (b"123", False)]


def damaged(code: Frame, wrong: int) -> Frame:
    """That many codewords of a version 1 symbol are wrong: of the two rightmost columns, which hold
    three going up and three going down, a module each."""
    spots = ((24, 24), (20, 24), (16, 24), (16, 22), (20, 22), (24, 22))
    code = code.copy()
    for row, column in spots[:wrong]:
        code[row, column] = 255 - code[row, column]
    return np.asarray(cv2.resize(code, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST))


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize(("level", "corrects"), [(ERROR_CORRECT_L, 2), (ERROR_CORRECT_M, 4)])
def test_neither_pass_spends_the_reserve_of_the_codes_level(
    level: int, corrects: int, thorough: bool
) -> None:
    """ISO/IEC 18004, table 9: 1-L corrects two codewords, 1-M four; zxing-cpp one more each."""
    whole = modules(b"123", level, 0)
    read = [contents(UNHURRIED.look(damaged(whole, n), thorough=thorough)) for n in range(6)]
    assert read == [{b"123"}] * (corrects + 1) + [set()] * (5 - corrects)
    bare = zxingcpp.read_barcodes(damaged(whole, corrects + 1))
    assert [code.bytes for code in bare] == [b"123"]


def test_micro_qr_which_cannot_tell_an_error_is_not_read() -> None:
    frame = code_of(zxingcpp.BarcodeFormat.MicroQRCode, "346")
    assert UNHURRIED.look(frame, thorough=True) == ()


@pytest.mark.parametrize(
    ("symbology", "format", "identifier"),
    [
        ("data-matrix", zxingcpp.BarcodeFormat.DataMatrix, "]d1"),
        ("aztec", zxingcpp.BarcodeFormat.AztecCode, "]z0"),
        ("pdf417", zxingcpp.BarcodeFormat.PDF417, "]L2"),
        ("code128", zxingcpp.BarcodeFormat.Code128, "]C0"),
    ],
)
def test_other_symbologies_are_read_only_when_asked_for(
    symbology: Symbology, format: zxingcpp.BarcodeFormat, identifier: str
) -> None:
    frame = code_of(format, "ABC-123456")
    (sighting,) = Eye(lambda: 0.0, symbologies=("qr", symbology)).look(frame, thorough=False)
    assert (sighting.content, sighting.symbology) == (b"ABC-123456", identifier)
    assert UNHURRIED.look(frame, thorough=True) == ()


def test_no_symbology_does_not_mean_all() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Eye(lambda: 0.0, symbologies=())


@pytest.mark.parametrize(
    ("data", "accepted"),
    [
        (b"https://c.example/?a=1", True),
        ("社保".encode(), False),
        ("社保".encode("gbk"), False),
        (b"\x1b$B<R\x1b(B", False),  # ISO-2022: ASCII bytes, and not text in ASCII
        (b"a\x00b", False),
        (b"", False),
    ],
)
def test_the_second_opinion_counts_for_printable_ascii_only(
    data: bytes, accepted: bool, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = SimpleNamespace(data=data, polygon=[])
    monkeypatch.setattr(pyzbar, "decode", lambda part, symbols: [seen])
    frame = view(b"x")
    found = Eye(lambda: 0.0, second_opinion=True).look(frame, thorough=True)
    assert [(s.content, s.by) for s in found] == [(data, "second-opinion")] * accepted
    assert UNHURRIED.look(frame, thorough=True) == ()


def test_a_sighting_does_not_print_its_content() -> None:
    (sighting,) = UNHURRIED.look(view(b"nobody's business"), thorough=False)
    assert "business" not in repr(sighting)


SHAPES = st.lists(st.integers(0, 90), min_size=0, max_size=4).map(tuple)
DTYPES = st.sampled_from(["u1", "i1", "u2", "f4", "?"])


@given(SHAPES, DTYPES, st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_any_array_is_looked_at_without_an_exception(
    shape: tuple[int, ...], dtype: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    frame = (rng.random(shape) * 255).astype(dtype)
    assert not Eye(lambda: 0.0, second_opinion=True).look(frame, thorough=True)


@pytest.mark.parametrize("shape", [(21, 70_000), (70_000, 21), (21, 65_535), (65_535, 21)])
def test_ribbons_are_looked_at_without_an_exception(shape: tuple[int, int]) -> None:
    assert not UNHURRIED.look(np.zeros(shape, np.uint8), thorough=True)
    assert not UNHURRIED.look(np.full(shape, 128, np.uint8), thorough=False)


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 500), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_happens_to_a_frame_nothing_wrong_is_read(
    kind: str, number: int, seed: int, data: st.DataObject
) -> None:
    painted = paint(kind, number, 11)
    rng = np.random.default_rng(seed)
    frame = painted.frame.copy()
    for _ in range(data.draw(st.integers(0, 6))):
        top, left = rng.integers(0, frame.shape[0]), rng.integers(0, frame.shape[1])
        part = frame[top : top + rng.integers(1, 150), left : left + rng.integers(1, 150)]
        part[:] = rng.integers(0, 256, part.shape, np.uint8)
    eye = Eye(time.thread_time, second_opinion=True)
    assert contents(eye.look(frame, thorough=True)) <= set(painted.contents)


def test_control_the_second_opinion_alone_does_read_wrong_bytes() -> None:
    """Why it is accepted for ASCII only: of GBK it makes something else."""
    data = pyzbar.decode(view(CONTENTS["gbk"], side=0.8))[0].data
    assert data != CONTENTS["gbk"]
