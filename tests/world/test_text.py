"""Text files as editors leave them: taken where the text is sure, else told what they are."""

import codecs
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world.real import RealWorld
from world.text import NotText, read_text, text_of

TEXT = "# 终端\nname = 1\n"


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + TEXT.replace("\n", "\r\n").encode(),
    ],
    ids=["plain", "mark", "crlf", "cr", "mark and crlf"],
)
def test_what_an_editor_adds_is_no_part_of_the_text(raw: bytes) -> None:
    assert text_of(raw) == TEXT


def test_files_joined_with_their_marks_are_one_text() -> None:
    marked = codecs.BOM_UTF8 + TEXT.encode()
    assert text_of(marked + marked) == TEXT + TEXT


def test_a_mark_that_was_put_before_another_is_no_part_of_the_text() -> None:
    twice = 2 * codecs.BOM_UTF8 + TEXT.encode()
    assert text_of(twice + twice) == TEXT + TEXT


@pytest.mark.parametrize(
    ("raw", "found", "place"),
    [
        (TEXT.encode("utf-16"), "UTF-16", (1, 1)),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16", (1, 1)),
        (TEXT.encode("utf-32"), "UTF-32", (1, 1)),
        ("a = 1\n".encode("utf-16-le"), "NUL", (1, 2)),
        (b"a = 1\nb = \0\n", "NUL", (2, 5)),
        (TEXT.encode("gbk"), "GBK", (1, 3)),
        (b"a = 1\nb = \xff\n", "–", (2, 5)),
    ],
)
def test_what_is_no_utf_8_is_told_by_name_and_place(
    raw: bytes, found: str, place: tuple[int, int]
) -> None:
    with pytest.raises(NotText) as caught:
        text_of(raw)
    assert caught.value.found == found
    assert (caught.value.line, caught.value.column) == place


@given(st.binary(max_size=64) | st.text(max_size=32).map(str.encode))
def test_any_bytes_are_a_text_or_told(raw: bytes) -> None:
    try:
        text = text_of(raw)
    except NotText:
        return
    assert "\0" not in text
    assert "\r" not in text


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(NotText):
        read_text(RealWorld(), Path("/dev/zero"), regular=False)
    with pytest.raises(NotText) as caught:
        read_text(RealWorld(), Path("/dev/zero"), 100, regular=False)
    assert caught.value.found == "> 100"


@pytest.mark.parametrize("name", ["a\0b", "a\udc80\ud800"])
def test_a_name_that_no_file_can_have_is_an_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"[Ii]nvalid"):
        RealWorld().open(tmp_path / name, "rb")


def test_a_text_is_in_a_file_and_in_no_pipe_or_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a file"):
            read_text(RealWorld(), path)
