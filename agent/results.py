"""The result table, typed: reason → verdict, lamp, beep, words, voice, exit status."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Final, Protocol

import msgspec

from agent.reasons import Reason
from agent.texts import Texts
from config.model import Preset, Result
from config.shape import nearest
from drivers.contract import Beep, Lamp, Prompt
from offline_store.events.happened import Verdict
from offline_store.events.row import Event, Record
from world import Fault

# Whoever gets on or leaves, and owes nothing more.
RIDES: Final = frozenset({Reason.PAID, Reason.ACCEPTED, Reason.TRIP_ENDED})


# What staff do at a reader of their own is told them as it is.
OF_STAFF: Final = frozenset({Reason.DRIVER, Reason.SHIFT_OPENED, Reason.SHIFT_CLOSED})
# What whoever may pass hears, where it is not the reason's own clip.
PASSES: Final[Mapping[Preset, str]] = {"greeting": "hello", "tone": ""}


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


class ResultUnknown(Fault):
    """The settings change what people are told for a reason that does not exist."""

    code = "results.unknown"


class Announcer(Protocol):
    """Makes a prompt fuller, from the event of what somebody was let through for."""

    def told(self, prompt: Prompt, event: Event) -> Prompt:
        """For everybody."""
        ...

    def for_staff(self, prompt: Prompt, event: Event) -> Prompt:
        """On what only staff see or hear."""
        ...


class Results:
    """The table in one language, with what the city tells its people otherwise. What a reason
    means, accepted or refused, no setting changes."""

    def __init__(
        self,
        texts: Texts,
        city: Mapping[str, Result] | None = None,
        announcer: Announcer | None = None,
        preset: Preset = "neutral",
    ) -> None:
        """`announcer`: the scene's own. `preset`: see `config.model.Spoken`. Raises
        `ResultUnknown`."""
        city = city or {}
        for reason in city:
            if reason not in list(Reason):
                raise ResultUnknown(reason=reason, nearest=nearest(reason, sorted(Reason)))
        self._announcer = announcer
        self._rows = table()
        self._prompts = {
            reason: _prompt(reason, row, texts, city.get(reason, Result()), preset)
            for reason, row in self._rows.items()
        }

    def prompt(self, reason: Reason) -> Prompt:
        """Words and signals for the person."""
        return self._prompts[reason]

    def told(self, reason: Reason, record: Record | None) -> Prompt:
        """`prompt`; of a ride that was let through with what it cost. `record`: what is durable of
        it."""
        prompt = self.prompt(reason)
        if self._announcer is None or record is None or reason not in RIDES:
            return prompt
        return self._announcer.told(prompt, record.event())

    def for_staff(self, reason: Reason, record: Record | None) -> Prompt:
        """The same on what only staff see or hear: of who rides for less, his class. Nothing is
        said where nothing has to be."""
        prompt = replace(self.told(reason, record), voice="")
        if self._announcer is None or record is None or reason not in RIDES:
            return prompt
        return self._announcer.for_staff(prompt, record.event())

    def both(self, reason: Reason, record: Record | None) -> tuple[Prompt, Prompt]:
        """What everybody is told, and what staff are."""
        return self.told(reason, record), self.for_staff(reason, record)

    def accepted(self, reason: Reason) -> bool:
        return self._rows[reason].verdict == "accepted"

    def verdict(self, reason: Reason) -> Verdict:
        """Of a reason that is a decision."""
        verdict = self._rows[reason].verdict
        assert verdict is not None, reason
        return verdict

    def exit_status(self, reason: Reason) -> int:
        """What `onecard tap` ends with."""
        return self._rows[reason].exit


def _prompt(reason: Reason, row: Row, texts: Texts, city: Result, preset: Preset) -> Prompt:
    words = {str(language): text for language, text in city.words.items()}
    passes = row.verdict == "accepted" and reason not in OF_STAFF
    shipped = PASSES.get(preset, row.voice) if passes else row.voice
    return Prompt(
        reason.value,
        words.get(texts.language) or texts.prompt(row.text),
        city.lamp or row.lamp,
        city.beep or row.beep,
        voice=shipped if city.voice is None else city.voice,
        language=texts.language,
    )
