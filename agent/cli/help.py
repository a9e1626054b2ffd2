"""How `--help` looks: lines that are as long as the console is wide, also in Chinese.

typer's own formatter counts signs, of which Chinese ones take two columns and stand without blanks
between them.
"""

from collections.abc import Sequence
from typing import Any, Final

from agent.cli.columns import folded, width

FIRST: Final = 30  # columns that options get at most before their words begin on the next line
GAP: Final = 2


def by_columns(base: Any) -> Any:
    """typer's context class, made to write help so."""
    formatter = type("Formatter", (base.formatter_class,), {"write_dl": _list, "write_text": _text})
    return type("Context", (base,), {"formatter_class": formatter})


def widen(command: Any) -> Any:
    """A command, and those in its group, whose help is written so."""
    command.context_class = by_columns(command.context_class)
    for inner in getattr(command, "commands", {}).values():
        widen(inner)
    return command


def _text(formatter: Any, text: str) -> None:
    indent = " " * formatter.current_indent
    for line in folded(text, max(formatter.width - formatter.current_indent, FIRST)):
        formatter.write(f"{indent}{line}\n")


def _list(formatter: Any, rows: Sequence[tuple[str, str]], *_: Any, **__: Any) -> None:
    """Names with what they mean beside them."""
    first = min(max((width(name) for name, _ in rows), default=0), FIRST) + GAP
    indent = " " * formatter.current_indent
    most = max(formatter.width - formatter.current_indent - first, FIRST)
    for name, text in rows:
        lines = folded(text, most)
        if width(name) + GAP > first:
            formatter.write(f"{indent}{name}\n")
            name = ""
        for line in lines:
            padded = name + " " * (first - width(name))
            formatter.write(f"{indent}{padded}{line}".rstrip() + "\n")
            name = ""
