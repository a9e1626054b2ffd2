"""A symbol that is a part of a message is no code, whoever reads it."""

import cv2
import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from pyzbar import pyzbar
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q

from drivers.eye import Eye
from drivers.eye.steps import Gray
from drivers.eye.symbol import is_part
from simulators.devices.appended import QUIET, symbols
from simulators.devices.painter import modules

LEVELS = (ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q, ERROR_CORRECT_H)
HALVES = (b"LIB-0000", b"11112222")


def large(code: Gray, times: int = 6) -> Gray:
    return np.asarray(cv2.resize(code, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST))


def read(frame: Gray) -> zxingcpp.Barcode:
    (code,) = zxingcpp.read_barcodes(frame)
    return code


@given(
    st.sampled_from(LEVELS), st.integers(0, 7), st.integers(3, 9), st.integers(0, 3), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_a_part_is_known_by_its_mode_whatever_mask_level_version_and_turn(
    level: int, mask: int, version: int, turns: int, mirrored: bool
) -> None:
    for half, code in zip(
        HALVES, symbols(HALVES, level=level, mask=mask, version=version), strict=True
    ):
        frame = np.rot90(large(code), turns)
        found = read(np.ascontiguousarray(frame[:, ::-1] if mirrored else frame))
        assert found.bytes == half
        assert is_part(found)


@given(
    st.one_of(st.binary(min_size=1, max_size=60), st.from_regex(r"[0-9]{1,60}", fullmatch=True)),
    st.sampled_from(LEVELS),
    st.integers(0, 7),
)
@settings(max_examples=60, deadline=None)
def test_a_whole_code_is_none(content: bytes | str, level: int, mask: int) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    assert not is_part(read(large(modules(raw, level, mask))))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damage_makes_no_code_of_a_part_and_no_part_of_a_code(data: st.DataObject) -> None:
    """Anywhere but on the mode itself, as much as can still be read."""
    level, mask = data.draw(st.sampled_from(LEVELS)), data.draw(st.integers(0, 7))
    contents = data.draw(st.sampled_from([HALVES, (b"12345678", b"87654321"), (b"ABC-1", b"$%9")]))
    of_a_message = data.draw(st.booleans())
    code = (
        symbols(contents, level=level, mask=mask)[0]
        if of_a_message
        else modules(contents[0] * 2, level, mask)
    )
    side = len(code)
    corner = range(side - QUIET - 2, side)
    for _ in range(data.draw(st.integers(0, 6))):
        row, column = (data.draw(st.integers(QUIET + 9, side - QUIET - 1)) for _ in range(2))
        if row not in corner or column not in corner:
            code[row, column] = 255 - code[row, column]
    for found in zxingcpp.read_barcodes(large(code)):
        if found.bytes in (contents[0], contents[0] * 2):
            assert is_part(found) == of_a_message


def test_a_damaged_mode_of_digits_is_not_taken_for_a_part() -> None:
    """0001 with the one wrong module that makes 0011 of it."""
    code = modules(b"8446926", ERROR_CORRECT_Q, 1)
    corner = len(code) - QUIET - 1
    code[corner - 1, corner] = 255 - code[corner - 1, corner]
    found = read(large(code))
    assert (found.bytes, is_part(found)) == (b"8446926", False)


def test_other_symbols_have_no_parts_of_this_kind() -> None:
    code = zxingcpp.create_barcode("ABC-123456", zxingcpp.BarcodeFormat.DataMatrix)
    assert not is_part(read(np.array(code.to_image(scale=6))))


@pytest.mark.parametrize("second_opinion", [False, True])
@pytest.mark.parametrize("thorough", [False, True])
def test_half_a_message_is_dropped_and_counted(thorough: bool, second_opinion: bool) -> None:
    halves = [large(code) for code in symbols(HALVES, level=ERROR_CORRECT_M, mask=2)]
    for frame in (*halves, np.hstack(halves)):
        eye = Eye(lambda: 0.0, second_opinion=second_opinion)
        assert eye.look(frame, thorough=thorough) == ()
        assert eye.parts > 0


def test_a_whole_code_beside_half_a_message_is_read() -> None:
    half = large(symbols(HALVES, level=ERROR_CORRECT_M, mask=2, version=3)[0])
    whole = large(modules(b"LIB-333344445555 and more of it", ERROR_CORRECT_M, 1))
    assert half.shape == whole.shape
    eye = Eye(lambda: 0.0)
    (found,) = eye.look(np.hstack([half, whole]), thorough=False)
    assert found.content == b"LIB-333344445555 and more of it"


@pytest.mark.parametrize("error", [ValueError, pyzbar.PyZbarError])
def test_no_exception_of_the_second_opinion_leaves_the_eye(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(part: object, symbols: object) -> object:
        raise error("made up")

    monkeypatch.setattr(pyzbar, "decode", decode)
    monkeypatch.setattr(zxingcpp, "read_barcodes", lambda image, **how: [])
    frame = large(modules(b"x", ERROR_CORRECT_M, 0), 12)
    assert Eye(lambda: 0.0, second_opinion=True).look(frame, thorough=True) == ()


def test_control_the_bare_libraries_tell_nothing_of_it() -> None:
    frame = large(symbols(HALVES, level=ERROR_CORRECT_M, mask=2)[0])
    found = read(frame)
    assert (found.bytes, found.error) == (HALVES[0], None)
    with pytest.raises(ValueError, match="Orientation"):
        pyzbar.decode(frame)
