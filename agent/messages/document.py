"""docs/codes.md from the catalogues and the result table: `python -m agent.messages.document`."""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby

from agent.messages.reasons import ReasonRow, table
from agent.messages.texts import LANGUAGES, catalogue

HEAD = """\
# Codes: what they mean and what to do

Generated from the tables in `agent/messages`; do not edit. After a change there:
`python -m agent.messages.document > docs/codes.md`. Codes are stable: the journal keeps reasons,
the platform counts them, programs may compare both. Words in {braces} are filled with facts.
"""


def document() -> str:
    """The whole page in Markdown."""
    return "\n".join([HEAD, *_reasons(), *_states(), *_faults()])


def _reasons() -> Iterable[str]:
    rows = table().items()
    yield "## Reasons of a decision\n"
    yield from _table(
        ["reason", "verdict", "lamp", "beep", "exit", "显示", "语音", "shown", "said aloud"],
        ([f"`{reason}`", *_signals(row), *_to_the_person(row)] for reason, row in rows),
    )
    yield "For staff:\n"
    yield from _table(
        ["reason", "含义", "处理", "meaning", "what to do"],
        ([f"`{reason}`", *_to_staff(row)] for reason, row in rows),
    )


def _states() -> Iterable[str]:
    yield "## States of a device\n"
    yield from _table(
        ["state", "含义", "处理", "meaning", "what to do"],
        (
            [f"`{state}`", *_meaning_and_remedy("state", state)]
            for state in catalogue("en")["state"]
        ),
    )


def _faults() -> Iterable[str]:
    codes = sorted(catalogue("en")["fault"])
    for room, members in groupby(codes, key=lambda code: code.partition(".")[0]):
        yield f"## Faults: {room}\n"
        yield from _table(
            ["code", "中文", "English"],
            ([f"`{code}`", *_both("fault", code)] for code in members),
        )


def _signals(row: ReasonRow) -> list[str]:
    return [row.verdict or "–", row.lamp, row.beep, str(row.exit)]


def _to_the_person(row: ReasonRow) -> list[str]:
    return [
        words
        for language in LANGUAGES
        for words in (row.words[language], catalogue(language)["voice"].get(row.voice, "–"))
    ]


def _to_staff(row: ReasonRow) -> list[str]:
    return [words[language] for language in LANGUAGES for words in (row.meaning, row.remedy)]


def _both(section: str, key: str) -> list[str]:
    return [catalogue(language)[section][key] for language in LANGUAGES]


def _meaning_and_remedy(section: str, key: str) -> list[str]:
    return [
        catalogue(language)[part][key] for language in LANGUAGES for part in (section, "remedy")
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield _row(head)
    yield "|" + "---|" * len(head)
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(document())
