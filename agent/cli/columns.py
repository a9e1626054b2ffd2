"""Text in columns of a console: how wide signs are there, what fits a line, and tables of it.

A table is plain lines: each row one line as long as it can be, nothing that counts ever cut. Where
there is no terminal (a pipe, a file) nothing is cut or wrapped at all.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

GAP: Final = "  "
CUT: Final = "…"
LEAST: Final = 8  # columns of a cut or folded text that still say something

# exact: never cut, for numbers, times and names. cut: one line, with "…" where it is too long.
# fold: goes on in the next line of its column.
Fit = Literal["exact", "cut", "fold"]


@dataclass(frozen=True)
class Column:
    """One column of a table; numbers stand to the right."""

    title: str
    fit: Fit = "exact"
    right: bool = False


def width(text: str) -> int:
    """Columns that it takes: Chinese signs two, marks that combine none."""
    return sum(map(_sign, text))


def cut(text: str, most: int) -> str:
    """`text` in at most `most` columns."""
    if width(text) <= most:
        return text
    return _head(text, most - 1) + CUT


def folded(text: str, most: int) -> list[str]:
    """Lines of at most `most` columns, broken at blanks and between Chinese signs."""
    most = max(most, LEAST)
    lines: list[str] = []
    for part in text.split("\n"):
        rest = part
        while width(rest) > most:
            head = _head(rest, most)
            at = _break(head, rest[len(head)]) or len(head)
            lines.append(rest[:at].rstrip())
            rest = rest[at:].lstrip()
        lines.append(rest)
    return lines


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], most: int | None) -> list[str]:
    """The lines of a table. `most`: the console's columns; None: there is no terminal."""
    titles = [column.title for column in columns]
    cells = [[_lines(cell, keep=most is not None) for cell in row] for row in (titles, *rows)]
    widths = [max(map(_widest, at)) for at in zip(*cells, strict=True)]
    if most is not None:
        widths = _fitted(columns, widths, most)
    return [line for row in cells for line in _row(columns, row, widths)]


def _fitted(columns: Sequence[Column], widths: Sequence[int], most: int) -> list[int]:
    """What is too much is taken from the widest of those that may be cut or folded."""
    fitted = list(widths)
    over = sum(fitted) + len(GAP) * (len(columns) - 1) - most
    while over > 0:
        loose = [
            at
            for at, column in enumerate(columns)
            if column.fit != "exact" and fitted[at] > max(LEAST, width(column.title))
        ]
        if not loose:
            break  # the console folds what cannot be left out
        fitted[max(loose, key=lambda at: fitted[at])] -= 1
        over -= 1
    return fitted


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [
        folded(cell, most) if column.fit == "fold" else [cut(cell.replace("\n", " "), most)]
        for column, cell, most in zip(columns, row, widths, strict=True)
    ]
    lines: list[str] = []
    for at in range(max(map(len, parts))):
        said = [part[at] if at < len(part) else "" for part in parts]
        told = [
            _padded(text, most, right=column.right)
            for column, text, most in zip(columns, said, widths, strict=True)
        ]
        lines.append(GAP.join(told).rstrip())
    return lines


def _padded(text: str, most: int, *, right: bool) -> str:
    blanks = " " * (most - width(text))
    return blanks + text if right else text + blanks


def _lines(cell: str, *, keep: bool) -> str:
    """Without signs that would move what stands beside it; `keep`: ends of lines stay."""
    kept = "\n" if keep else ""
    return "".join(
        " " if unicodedata.category(sign) == "Cc" and sign not in kept else sign for sign in cell
    )


def _widest(cell: str) -> int:
    return max(map(width, cell.split("\n")))


def _head(text: str, most: int) -> str:
    taken = 0
    for at, sign in enumerate(text):
        taken += _sign(sign)
        if taken > most:
            return text[:at]
    return text


def _break(head: str, following: str) -> int:
    """Where the line may end: 0 where it may not."""
    if following == " ":
        return len(head)
    for at in range(len(head), 0, -1):
        before, after = head[at - 1], head[at] if at < len(head) else following
        if before == " " or (_sign(before) == 2 and after not in "，。；：、！？）」』”"):
            return at
    return 0


def _sign(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Cc", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
