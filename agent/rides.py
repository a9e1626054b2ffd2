"""What a passenger is told of his ride: his class, the fare, what is left in the purse.

The event of the ride → the prompt of its reason, made fuller. Words and voices of the classes are
data (`classes.toml`), which a city changes by `[classes.NAME]`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Final

import msgspec

from agent.fares.ride import CONCESSION, FULL, paid
from agent.texts import Texts
from config.model import Result
from drivers.contract import Prompt
from offline_store.event import Event

BEFORE: Final = "balance_before"  # of a purse, as 8050 told it
TOP_UP: Final = "top-up"  # the voice


class Spoken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class's keys; see the head of `classes.toml`."""

    text: str
    voice: str


def spoken() -> Mapping[str, Spoken]:
    """`classes.toml` as it is shipped."""
    document = tomllib.loads((files("agent") / "classes.toml").read_text(encoding="utf-8"))
    return msgspec.convert(document, dict[str, Spoken])


class Rides:
    """In one language, with what the city says otherwise."""

    def __init__(self, texts: Texts, city: Mapping[str, Result], *, top_up_below: int) -> None:
        """`top_up_below`: fen; who has less in the purse is told to top up, 0: nobody."""
        self._texts = texts
        self._city = city
        self._spoken = spoken()
        self._top_up_below = top_up_below

    def told(self, prompt: Prompt, event: Event) -> Prompt:
        """`prompt`, and of a ride that was priced what it cost."""
        fare = paid(event)
        if fare is None or FULL not in event.amounts:
            return prompt
        concession = str(event.detail.get(CONCESSION, ""))
        prompt = self._by_class(prompt, concession)
        text = self._texts.prompt("ride", what=prompt.text, fare=_yuan(fare))
        left = _left(event, fare)
        if left is None:
            return replace(prompt, text=text)
        low = fare > 0 and left < self._top_up_below
        key = "ride-low" if low else "ride-balance"
        text = self._texts.prompt(key, ride=text, balance=_yuan(left))
        # A driver has to hear a concession; that the purse is nearly empty its holder can read.
        voice = TOP_UP if low and not concession else prompt.voice
        return replace(prompt, text=text, voice=voice)

    def _by_class(self, prompt: Prompt, name: str) -> Prompt:
        """The class instead of the words for everybody; lamp and beep only as the city says."""
        shipped, city = self._spoken.get(name), self._city.get(name, Result())
        words = {str(language): text for language, text in city.words.items()}
        if shipped is not None:
            prompt = replace(prompt, text=self._texts.prompt(shipped.text), voice=shipped.voice)
        return replace(
            prompt,
            text=words.get(self._texts.language) or prompt.text,
            lamp=city.lamp or prompt.lamp,
            beep=city.beep or prompt.beep,
            voice=prompt.voice if city.voice is None else city.voice,
        )


def _left(event: Event, fare: int) -> int | None:
    """Fen in the purse now. None: no purse, or one at 0, of which 8050 does not tell how much of
    its overdraft was used before."""
    before = event.amounts.get(BEFORE, 0)
    return before - fare if before > 0 else None


def _yuan(fen: int) -> str:
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"
