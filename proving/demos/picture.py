"""`python -m proving.demos.picture FILE`: the demo as README shows it, an SVG of what it prints.

The demo runs as anybody runs it, its coloured output is drawn by rich, and each piece of text gets
the room of its columns: rich counts characters, which squeezes Chinese into half of its width
(rich 15, Console.export_svg).
"""

import itertools
import os
import re
import subprocess
import sys
from html import escape, unescape
from io import StringIO
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

COLUMNS: Final = 100
TITLE: Final = "./run demo"
CELL: Final = 12.2  # rich's width of a column: its letters of 20 px by 0.61
PIECE: Final = re.compile(
    r'<text class="([^"]*)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+" ([^>]*)>([^<]*)</text>'
)


def drawn(printed: str) -> str:
    """The SVG of a terminal that shows this."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(printed))
    return with_room(console.export_svg(title=TITLE, unique_id="demo"))


def with_room(svg: str) -> str:
    """Characters of one and of two columns stand apart, each run as wide as its columns."""

    def pieces(found: re.Match[str]) -> str:
        style, x, y, rest, text = found.groups()
        made, at = [], float(x)
        for _, run in itertools.groupby(unescape(text).rstrip("\n"), cell_len):
            word = "".join(run)
            width = cell_len(word) * CELL
            made.append(
                f'<text class="{style}" x="{at:.4g}" y="{y}" textLength="{width:.4g}" {rest}>'
                f"{escape(word)}</text>"
            )
            at += width
        return "".join(made) + "\n" * text.endswith("\n")

    return PIECE.sub(pieces, svg)


def main(file: str) -> None:
    colours = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "onecard"), "demo"],
        stdout=subprocess.PIPE,
        env={**os.environ, **colours, "LC_ALL": "en_US.UTF-8"},
        check=True,
    )
    lines = [line.rstrip() for line in done.stdout.decode().splitlines()]
    Path(file).write_text(drawn("\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
