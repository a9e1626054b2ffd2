"""Signs come out as the printer has them, as wide as it prints them, and legible where it has none.

The printer here is the rule itself: ASCII in one column, each two-byte code of GB 2312, GBK or GB
18030 in two, nothing else known.
"""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Line, Receipt
from drivers.counter.receipt import Form, rendered
from drivers.counter.signs import Encoding, cells, width

ENCODINGS = get_args(Encoding)
encodings = st.sampled_from(ENCODINGS)


def paper(text: str, encoding: Encoding) -> str:
    """What stands on the paper; the middle dot and the dash as GB 2312's users have them."""
    return b"".join(cells(text, encoding)).decode("gb18030" if encoding == "gb18030" else "gbk")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("sign", "中·￥－，。（）“”‘’…—×±°§é①ⅡΩЯ●□√々")
def test_what_every_printer_has_is_printed_in_two_columns(sign: str, encoding: Encoding) -> None:
    """Among them what Unicode calls ambiguous or narrow."""
    assert paper(sign, encoding) == sign
    assert width(sign, encoding) == 2


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("¥12.50", "￥12.50"),
        ("€5 ©2026 ½", "EUR5 (C)2026 1/2"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("卡‧布", "卡·布"),
        ("1\u20112", "1-2"),
        ("a\u00a0b\u2009c", "a b c"),
        ("Łódź Ångström Strauß", "Lódz Angstrom Strauss"),
        ("e\u0301", "é"),
        ("✓ ✗", "√ ×"),
        ("ﬁn", "fin"),
        ("邊\U000e0100".replace("邊", "边"), "边"),
        ("男\u200d女\ufeff", "男女"),
    ],
)
def test_what_no_printer_has_is_printed_as_what_says_the_same(
    text: str, printed: str, encoding: Encoding
) -> None:
    if encoding == "gb18030":
        printed = printed.replace("EUR", "€")
    assert paper(text, encoding) == printed


def test_what_an_older_printer_lacks_is_printed_as_what_says_the_same() -> None:
    assert paper("㎡ 〇", "gb2312") == "m2 ○"
    assert paper("㎡ 〇", "gbk") == "㎡ 〇"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["𠮷田", "㐂", "김민준", "王\ue863"])
def test_a_rare_character_of_a_name_is_seen_to_be_missing(name: str, encoding: Encoding) -> None:
    """It is never another character, and nothing falls into one another's columns."""
    shown = paper(name, encoding)
    assert "□" in shown
    assert shown.replace("□", "") == "".join(sign for sign in name if sign in "田王")
    assert width(name, encoding) == 2 * len(name)


def test_a_rare_character_that_the_printer_has_is_printed() -> None:
    assert paper("䶮羽", "gb18030") == "䶮羽"
    assert paper("䶮羽", "gbk") == "□羽"


@given(text=st.text(max_size=40), encoding=encodings)
def test_no_text_steers_the_printer_or_prints_two_signs_for_one(
    text: str, encoding: Encoding
) -> None:
    for code in cells(text, encoding):
        assert len(code) == 1 or (code[0] >= 0x81 and code[1] >= 0x40)
        assert len(code) == 2 or 0x20 <= code[0] < 0x7F
        code.decode(encoding)


@given(text=st.text(max_size=40), value=st.text(max_size=40), encoding=encodings)
def test_label_and_value_stand_at_the_two_ends(text: str, value: str, encoding: Encoding) -> None:
    data = rendered(Receipt("", [Line(text, value)]), Form(80, encoding, "none", 6), device="slips")
    rows = data.removeprefix(b"\x1b@\x1c&").removesuffix(b"\x1bd\x04").split(b"\n")
    begins, ends = b"".join(cells(text, encoding)), b"".join(cells(value, encoding))
    if ends and len(begins) + len(ends) < 80:
        assert rows[0].startswith(begins)
        assert rows[0].endswith(ends)
        assert len(rows[0]) == 80
