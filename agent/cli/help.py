"""How `--help` looks: in the reader's language, and lines that are as long as the console is wide,
also in Chinese.

typer's own formatter counts signs, of which Chinese ones take two columns and stand without blanks
between them; and it has headings and remarks in English only.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from agent.cli.columns import folded, width
from agent.messages.texts import Texts

FIRST: Final = 30  # columns that options get at most before their words begin on the next line
GAP: Final = 2
# typer's own words, and ours for them.
HEADINGS: Final = {
    "Options": "help-options",
    "Arguments": "help-arguments",
    "Commands": "help-commands",
}
HELP_OF_HELP: Final = "Show this message and exit."
REMARKS: Final = {"default: ": "help-default", "env var: ": "help-environment"}
REQUIRED: Final = "required"
REMARK: Final = re.compile("|".join([*REMARKS, REQUIRED]))
IN_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]$")  # behind an option's words
# Words of the same meaning in several commands.
SHARED: Final = {
    "config": "help-config-file",
    "as_json": "help-json",
    "file": "help-file",
    "seq": "help-seq",
    "device": "help-device",
    "line": "help-line",
    "stop": "help-stop",
}


def by_columns(base: Any, texts: Texts) -> Any:
    """typer's context class, made to write help so."""
    ours = {"write_dl": _list, "write_text": _text, "write_heading": _heading}
    own = {"write_usage": _usage, "usage": base.formatter_class.write_usage, "words": texts}
    formatter = type("Formatter", (base.formatter_class,), {**ours, **own})
    return type("Context", (base,), {"formatter_class": formatter})


def widen(command: Any, texts: Texts) -> Any:
    """A command, and those in its group, whose help is written so."""
    command.context_class = by_columns(command.context_class, texts)
    for option in command.params:
        if option.name in SHARED and not option.help:
            option.help = texts.ui(SHARED[option.name])
    for inner in getattr(command, "commands", {}).values():
        widen(inner, texts)
    return command


def _usage(formatter: Any, prog: str, args: str = "", prefix: str | None = None) -> None:
    formatter.usage(prog, args, prefix or _before(formatter.words, "help-usage"))


def _heading(formatter: Any, heading: str) -> None:
    key = HEADINGS.get(heading)
    formatter.write(f"{formatter.words.ui(key) if key else heading + ':'}\n")


def _translated(words: Texts, text: str) -> str:
    """An option's words with the remarks that typer adds to them."""
    if text == HELP_OF_HELP:
        return words.ui("help-help")
    ours = {theirs: _before(words, key) for theirs, key in REMARKS.items()}
    ours[REQUIRED] = words.ui("help-required")
    return IN_BRACKETS.sub(
        lambda remarks: REMARK.sub(lambda one: ours[one[0]], remarks[0]), text.rstrip()
    )


def _before(words: Texts, key: str) -> str:
    """What stands before something else: Chinese colons have their blank within."""
    text = words.ui(key)
    return f"{text} " if text.isascii() else text


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
        lines = folded(_translated(formatter.words, text), most)
        if width(name) + GAP > first:
            formatter.write(f"{indent}{name}\n")
            name = ""
        for line in lines:
            padded = name + " " * (first - width(name))
            formatter.write(f"{indent}{padded}{line}".rstrip() + "\n")
            name = ""
