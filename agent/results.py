"""The result table, typed: reason → verdict, lamp, beep, words, voice, exit status."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files

import msgspec

from agent.reasons import Reason
from agent.texts import Texts
from drivers.contract import Beep, Lamp, Prompt
from offline_store.event import Verdict


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason's consequences; see the head of `results.toml`."""

    verdict: Verdict | None = None
    lamp: Lamp
    beep: Beep
    text: str
    voice: str = ""
    exit: int


def table() -> Mapping[Reason, Row]:
    """`results.toml` as it is shipped."""
    document = tomllib.loads((files("agent") / "results.toml").read_text(encoding="utf-8"))
    return msgspec.convert(document, dict[Reason, Row])


class Results:
    """The table in one language."""

    def __init__(self, texts: Texts) -> None:
        self._rows = table()
        self._prompts = {
            reason: Prompt(
                reason.value,
                texts.prompt(row.text),
                row.lamp,
                row.beep,
                voice=row.voice,
                language=texts.language,
            )
            for reason, row in self._rows.items()
        }

    def prompt(self, reason: Reason) -> Prompt:
        """Words and signals for the person."""
        return self._prompts[reason]

    def accepted(self, reason: Reason) -> bool:
        return self._rows[reason].verdict == "accepted"

    def exit_status(self, reason: Reason) -> int:
        """What `onecard tap` ends with."""
        return self._rows[reason].exit
