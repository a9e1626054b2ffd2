"""The picture of the demo gives each piece of text the room of its columns."""

import re
from html import unescape

import pytest
from rich.cells import cell_len

from proving.demos.picture import CELL, drawn
from tests import product

TEXT = re.compile(r'<text [^>]*x="([\d.]+)"[^>]*textLength="([\d.]+)"[^>]*>([^<]*)</text>')


def pieces(svg: str) -> list[tuple[float, float, str]]:
    return [(float(x), float(room), unescape(text)) for x, room, text in TEXT.findall(svg)]


@pytest.mark.parametrize(
    "printed", ["林青禾 accepted", "\x1b[32m●\x1b[0m 阿依古丽·买买提  ok", "<&> 林"]
)
def test_a_character_of_two_columns_has_the_room_of_two(printed: str) -> None:
    found = [piece for piece in pieces(drawn(printed)) if piece[2].strip()]
    assert {cell_len(sign) for _, _, text in found for sign in text.rstrip("\n")} == {1, 2}
    for _, room, text in found:
        assert room == pytest.approx(cell_len(text.rstrip("\n")) * CELL, abs=0.1)
        assert len({cell_len(sign) for sign in text.rstrip("\n")}) == 1


def test_the_picture_of_readme_squeezes_nobody() -> None:
    found = pieces((product.ROOT / "docs" / "demo.svg").read_text(encoding="utf-8"))
    assert any("林青禾" in text for _, _, text in found)
    wrong = [
        text
        for _, room, text in found
        if abs(room - cell_len(text.rstrip("\n")) * CELL) > 0.1 and text.strip()
    ]
    assert wrong == []
