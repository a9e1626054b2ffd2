"""`onecard journal list`: one line a record on a usual console, number and reason to be read."""

from collections.abc import Sequence

import msgspec
import pytest

from agent.cli import journal
from agent.cli.columns import Column, table, width
from agent.cli.context import USUAL, Context
from agent.messages.reasons import Reason
from agent.messages.texts import LANGUAGES, Language, Texts
from offline_store.clock import ClockReading
from offline_store.events.row import Record, Row
from offline_store.events.tap import Tap

EPOCH = "ab" * 16
WHEN_MS = 1_790_000_000_000
WHEN = "09-21 22:13:20"  # there, in China
NEWEST = 1_234_567  # three years of a busy gate
LEGIBLE = 30  # columns of a reason that say what happened


class Told(Context):
    """Keeps the lines instead of printing them. `most`: the console's columns; None: a pipe."""

    def __init__(self, language: Language, most: int | None) -> None:
        super().__init__(texts=Texts(language))
        self.lines: Sequence[str] = ()
        self._most = most

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        self.lines = table(columns, rows, self._most)


def record(seq: int, reason: Reason) -> Record:
    clock = ClockReading(WHEN_MS, "synchronised", "boot-1")
    tap = Tap(clock=clock, lane="entry", verdict="refused", reason=reason)
    row = Row(v=2, terminal="gate-1", epoch=EPOCH, seq=seq, prev="00" * 32, event=tap)
    body = msgspec.json.encode(row).decode()
    return Record(epoch=EPOCH, seq=seq, body=body, hash="11" * 32, mac="22" * 32)


RECORDS = [record(NEWEST + place, reason) for place, reason in enumerate(Reason)]


def listed(language: Language, most: int | None) -> Sequence[str]:
    context = Told(language, most)
    journal._table(context, RECORDS)
    return context.lines[1:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_record_is_one_line_of_a_usual_console_with_a_reason_that_can_be_read(
    language: Language,
) -> None:
    lines = listed(language, USUAL)
    assert len(lines) == len(RECORDS)
    for one, line in zip(RECORDS, lines, strict=True):
        seq, day, hour, lane, sign, told = line.split(maxsplit=5)
        assert (seq, f"{day} {hour}", lane, sign) == (str(one.seq), WHEN, "entry", "✗")
        assert width(line) <= USUAL
        said = Texts(language).happened(one.event().reason)
        assert told == said or width(told) >= LEGIBLE


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_pipe_a_record_is_one_line_with_all_of_its_reason(language: Language) -> None:
    lines = listed(language, None)
    assert len(lines) == len(RECORDS)
    for one, line in zip(RECORDS, lines, strict=True):
        assert line.endswith(Texts(language).happened(one.event().reason))
