"""Texts that are shown: whatever the bytes there is a text, and what was left out is told."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apdu.legible import BLANKS, Legible, gb18030, undivided, utf_16

TEXTS = st.text(
    st.characters(codec="gb18030", exclude_categories=["Cc", "Cf", "Cn", "Cs", "Zl", "Zp"]),
    max_size=20,
)


def g(text: str) -> bytes:
    return text.encode("gb18030")


@pytest.mark.parametrize(
    ("value", "text", "whole"),
    [
        (g("张三").ljust(30, b"\0"), "张三", True),
        (g("张三") + b"\x20" * 10 + b"\xff" * 10 + b"\0" * 6, "张三", True),
        (b"\xff" * 30, "", True),
        (b"", "", True),
        (g("李𠮷"), "李𠮷", True),
        (g("张三　"), "张三", True),
        (g("张 三"), "张 三", True),
        # cut by its record
        (g("买" * 14) + g("𠮷")[:2], "买" * 14, False),
        (g("买" * 14) + g("𠮷")[:3], "买" * 14, False),
        ((b"A" + g("买" * 20))[:30], "A" + "买" * 14, False),
        (g("张三")[:3], "张", False),
        # what an older text has left
        (g("张三") + b"\0" + g("丰"), "张三", False),
        (g("张") + b"\0\0" + g("三").ljust(26, b"\0"), "张", False),
        (g("张三") + b"\xff" + g("丰"), "张三", False),
        # line ends, controls, marks that turn the rest around
        (g("张三\n"), "张三", False),
        (g("张三\r\n") + b"\0", "张三", False),
        (g("\t张三"), "张三", False),
        (g("张\n三"), "张 三", False),
        (g("张\u202e三"), "张三", False),
        # bytes that are no character
        (b"\x80", "", False),
        (g("张") + b"\x80" + g("三"), "张\ufffd三", False),
        (b"\x81\x20" + g("三"), "\ufffd 三", False),
    ],
)
def test_what_of_a_cards_text_is_legible(value: bytes, text: str, *, whole: bool) -> None:
    assert gb18030(value) == Legible(text, whole)


@given(TEXTS)
def test_a_text_as_it_should_be_comes_out_as_it_went_in(text: str) -> None:
    text = text.strip(BLANKS + "\0")
    assert gb18030(g(text).ljust(40, b"\0")) == (text, True)
    assert utf_16(text.encode("utf-16-le")) == (text, True)


@given(TEXTS, st.integers(0, 80))
def test_a_text_cut_anywhere_is_its_beginning(text: str, at: int) -> None:
    for encoding, legible in (("gb18030", gb18030), ("utf-16-le", utf_16)):
        raw = text.encode(encoding)
        found = legible(raw[:at])
        if found.whole:
            assert raw[:at].decode(encoding).strip(BLANKS) == found.text
        else:
            assert text.strip(BLANKS).startswith(found.text)


@example(b"\0 ")  # as UTF-16 another blank, U+2000, which pads nothing
@given(st.binary(max_size=64))
def test_any_bytes_are_a_text_that_can_be_shown(value: bytes) -> None:
    for found in (gb18030(value), utf_16(value)):
        assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs") for one in found.text)
        assert found.text == found.text.strip(BLANKS)  # with what programs pad
        found.text.encode("utf-8")
        assert not {*undivided(found.text)} & {*"|^$"}


def test_a_lone_surrogate_is_no_character_and_the_others_are_read() -> None:
    assert utf_16("林青".encode("utf-16-le") + b"\x42\xd8") == ("林青", False)
    assert utf_16(b"\x42\xd8" + "林青".encode("utf-16-le")) == ("\ufffd林青", False)
    assert utf_16("林".encode("utf-16-le") + b"\x42\xdc" + "青".encode("utf-16-le")) == (
        "林\ufffd青",
        False,
    )


def test_rare_characters_of_names_stay_whatever_unicode_this_python_knows() -> None:
    newest = chr(0x31350) + chr(0x2EBF0) + "\ue000"  # Unicode 15, 15.1, and of private use
    assert utf_16(newest.encode("utf-16-le")).text == newest
