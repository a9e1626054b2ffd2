"""What people are told: reason → lamp, beep, words, voice, exit status, as the city wants it."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Protocol

from agent.messages.reasons import Reason, ReasonRow, table
from agent.messages.texts import Texts
from config.model import Preset, Result
from config.shape import nearest
from drivers.contract import Prompt
from offline_store.events.happened import Verdict
from offline_store.events.row import Event, Record
from world import Fault

# Whoever gets on or leaves, and owes nothing more.
RIDES: Final = frozenset({Reason.PAID, Reason.ACCEPTED, Reason.TRIP_ENDED})


# What staff do at a reader of their own is told them as it is.
OF_STAFF: Final = frozenset({Reason.DRIVER, Reason.SHIFT_OPENED, Reason.SHIFT_CLOSED})
# What whoever may pass hears, where it is not the reason's own clip.
PASSES: Final[Mapping[Preset, str]] = {"greeting": "hello", "tone": ""}


class ResultUnknown(Fault):
    """The settings change what people are told for a reason that does not exist."""

    code = "results.unknown"


class Announcer(Protocol):
    """Makes a prompt fuller, from the event for which the holder was let through."""

    def prompt_for(self, prompt: Prompt, event: Event) -> Prompt:
        """`prompt` with more words for all at the lane: the fare, what is left in the purse.
        Returns it unchanged where the event has nothing to add."""
        ...

    def for_staff(self, prompt: Prompt, event: Event) -> Prompt:
        """`prompt` as only staff see or hear it, with what is not said aloud: whether the holder
        rides for less."""
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
        more: Mapping[str, ReasonRow] = MappingProxyType({}),
    ) -> None:
        """`announcer`: the scene's own, as are the reasons `more`; no scene changes one of ours.
        `preset`: see `config.model.SpokenSettings`. Raises `ResultUnknown`."""
        city = city or {}
        self._rows = {**more, **table()}
        for reason in city:
            if reason not in self._rows:
                raise ResultUnknown(reason=reason, nearest=nearest(reason, sorted(self._rows)))
        self._announcer = announcer
        self._prompts = {
            reason: _prompt(reason, row, texts, city.get(reason, Result()), preset)
            for reason, row in self._rows.items()
        }

    def prompt(self, reason: str) -> Prompt:
        """Words and signals for the person."""
        return self._prompts[reason]

    def prompt_for(self, reason: str, record: Record | None) -> Prompt:
        """`prompt`; of a ride that was let through with what it cost. `record`: what is durable of
        it."""
        prompt = self.prompt(reason)
        if self._announcer is None or record is None or reason not in RIDES:
            return prompt
        return self._announcer.prompt_for(prompt, record.event())

    def for_staff(self, reason: str, record: Record | None) -> Prompt:
        """The same on what only staff see or hear: of a passenger who rides for less, the class.
        Nothing is said where nothing has to be."""
        prompt = replace(self.prompt_for(reason, record), voice="")
        if self._announcer is None or record is None or reason not in RIDES:
            return prompt
        return self._announcer.for_staff(prompt, record.event())

    def both(self, reason: str, record: Record | None) -> tuple[Prompt, Prompt]:
        """What everybody is told, and what staff are."""
        return self.prompt_for(reason, record), self.for_staff(reason, record)

    def accepted(self, reason: str) -> bool:
        """Whether the table calls the reason an acceptance. Raises `KeyError` for an unknown
        one."""
        return self._rows[reason].verdict == "accepted"

    def verdict(self, reason: str) -> Verdict:
        """Of a reason that is a decision."""
        verdict = self._rows[reason].verdict
        assert verdict is not None, reason
        return verdict

    def exit_status(self, reason: str) -> int:
        """What `onecard tap` ends with."""
        return self._rows[reason].exit


def _prompt(reason: str, row: ReasonRow, texts: Texts, city: Result, preset: Preset) -> Prompt:
    words = {str(language): text for language, text in city.words.items()}
    passes = row.verdict == "accepted" and reason not in OF_STAFF
    shipped = PASSES.get(preset, row.voice) if passes else row.voice
    return Prompt(
        reason,
        words.get(texts.language) or row.words[texts.language],
        city.lamp or row.lamp,
        city.beep or row.beep,
        voice=shipped if city.voice is None else city.voice,
        language=texts.language,
    )
