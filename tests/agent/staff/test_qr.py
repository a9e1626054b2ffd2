"""What a terminal shows can be read: from the console's characters and from the SVG."""

import re

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.staff.qr import HALVES, QUIET, draw, half_blocks, svg

CONTENT = "https://sign-in.city.example/?t=bWFkZSB1cCwgYW5kIG5vYm9keSdz"
SCALE = 4  # pixels per module
DARK = {character: pair for pair, character in HALVES.items()}


def seen(dark: NDArray[np.bool_]) -> str:
    """What a scanner makes of the modules."""
    picture = np.where(np.kron(dark, np.ones((SCALE, SCALE), bool)), 0, 255).astype(np.uint8)
    [code] = zxingcpp.read_barcodes(picture)
    return code.text


def from_text(text: str) -> NDArray[np.bool_]:
    rows = []
    for line in text.splitlines():
        rows.append([DARK[character][0] for character in line])
        rows.append([DARK[character][1] for character in line])
    return np.array(rows)


def from_svg(text: str) -> NDArray[np.bool_]:
    size = int(re.findall(r'viewBox="0 0 (\d+) ', text)[0])
    dark = np.zeros((size, size), bool)
    for x, y in re.findall(r"M(\d+),(\d+)h1v1h-1z", text):
        dark[int(y), int(x)] = True
    return dark


@settings(max_examples=20, deadline=None)
@given(st.text("abcABC0123456789-_/:?=.&", min_size=1, max_size=512))
def test_both_forms_say_what_was_to_be_said(content: str) -> None:
    picture = draw(content)
    assert seen(from_text(picture.text)) == content
    assert seen(from_svg(picture.svg)) == content


@pytest.mark.parametrize("content", [CONTENT, "登" * 512])
def test_the_longest_content_fits(content: str) -> None:
    assert seen(from_svg(draw(content).svg)) == content


def test_the_quiet_zone_is_around_it() -> None:
    dark = from_text(draw(CONTENT).text)
    assert not dark[:QUIET].any()
    assert not dark[-QUIET:].any()
    assert not dark[:, :QUIET].any()
    assert not dark[:, -QUIET:].any()


def test_an_odd_last_row_is_followed_by_light() -> None:
    assert half_blocks([[True, False, True]]) == ["▄█▄"]
    assert from_svg(svg([[False, True], [True, True]])).tolist() == [[False, True], [True, True]]


def test_nothing_of_the_content_is_in_what_is_drawn_or_shown_of_it() -> None:
    picture = draw(CONTENT)
    for form in (picture.text, picture.svg, repr(picture)):
        assert "sign-in" not in form
    assert picture.svg[:40] not in repr(picture)
