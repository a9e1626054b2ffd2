"""Text files as people's editors write them: bytes → text, or where and why there is none.

Windows editors put a mark before UTF-8, end lines with CR LF, and call UTF-16 "Unicode"; none of
that is a mistake of the person who saved the file.
"""

import codecs
import re
from pathlib import Path
from typing import Final

from world.ports import World

LARGEST: Final = 256 * 1024  # bytes of a file that a person writes by hand
# UTF-32's little-endian mark begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_AT_HEAD: Final = re.compile("^\ufeff+", re.MULTILINE)  # some programs put one before another


class NotText(ValueError):
    """The bytes are no UTF-8. `found`: what they seem to be; line and column from 1."""

    def __init__(self, found: str, line: int = 1, column: int = 1) -> None:
        super().__init__(found)
        self.found, self.line, self.column = found, line, column


def read_text(world: World, path: Path, most: int = LARGEST, *, regular: bool = True) -> str:
    """The text in a file of at most `most` bytes. Raises `OSError`, `NotText`.

    `regular`: see `World.open`. Without it a command line may name a pipe: `<(…)` in a shell.
    """
    with world.open(path, "rb", regular=regular) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise NotText(f"> {most}")
    return text_of(raw)


def text_of(raw: bytes) -> str:
    """What stands in a text file: UTF-8, with or without a mark, lines ended by LF. Raises
    `NotText`."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            raise NotText(name)
    zero = raw.find(b"\0")
    if zero >= 0:  # UTF-16 without a mark, or no text at all
        raise NotText("NUL", *end_of(raw[:zero].decode(errors="replace")))
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        place = end_of(raw[: error.start].decode())
        raise NotText("GBK" if _is_gbk(raw) else "–", *place) from error
    # Also at the head of what was joined from several files.
    return _AT_HEAD.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _is_gbk(raw: bytes) -> bool:
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def end_of(text: str) -> tuple[int, int]:
    """Line and column of its end, from 1."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")
