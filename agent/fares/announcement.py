"""What is shown of a ride: the fare, what is left in the purse; and to staff the class.

The event of the ride → the prompt of its reason, made fuller. A passenger who rides for less gets
the same prompt as every other, in words, voice, lamp and beep: no passenger is announced by class.
Words and signals of the classes are data (`classes.toml`), which a city changes by
`[classes.NAME]`, for what only staff see or hear; for everybody by the preset "by-class" alone.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Final

import msgspec

from agent.fares.ride import paid, ride_of
from agent.messages.texts import Texts
from config.model import Preset, Result
from drivers.contract import Beep, Lamp, Prompt
from offline_store.events.payment import PaymentEnd
from offline_store.events.row import Event

TOP_UP: Final = "top-up"  # the voice


class Spoken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class's keys; see the head of `classes.toml`."""

    text: str
    lamp: Lamp
    beep: Beep
    voice: str


# Of a class that nobody has words for.
UNNAMED: Final = Spoken(text="", lamp="yellow", beep="none", voice="")


def spoken() -> Mapping[str, Spoken]:
    """`classes.toml` as it is shipped."""
    document = tomllib.loads((files("agent.fares") / "classes.toml").read_text(encoding="utf-8"))
    return msgspec.convert(document, dict[str, Spoken])


class Rides:
    """In one language, with what the city says otherwise."""

    def __init__(
        self,
        texts: Texts,
        city: Mapping[str, Result],
        *,
        top_up_below: int,
        preset: Preset = "neutral",
    ) -> None:
        """`top_up_below`: fen; a holder with less in the purse is asked to top up; 0: none is.
        `preset`: see `config.model.SpokenSettings`."""
        self._texts = texts
        self._city = city
        self._spoken = spoken()
        self._top_up_below = top_up_below
        self._preset = preset

    def prompt_for(self, prompt: Prompt, event: Event) -> Prompt:
        """`prompt`, and of a ride that was priced what it cost."""
        fare, name = paid(event), _concession(event)
        if fare is None or ride_of(event).full is None:
            return prompt
        called = self._preset == "by-class" and bool(name)
        if called:
            prompt = self._called(prompt, name)
        low = self._is_low(fare, event)
        # Of a class that is called the driver has to hear; the rest its holder can read.
        voice = TOP_UP if low and not called and self._preset != "tone" else prompt.voice
        return replace(prompt, text=self._priced(prompt.text, fare, event), voice=voice)

    def for_staff(self, prompt: Prompt, event: Event) -> Prompt:
        """`prompt`, and of a ride for less whose it is, by lamp and words; silent as shipped."""
        fare, name = paid(event), _concession(event)
        if fare is None or ride_of(event).full is None or not name:
            return prompt
        shipped, city = self._spoken.get(name, UNNAMED), self._city.get(name, Result())
        words = self._words(name, prompt.text)
        return replace(
            prompt,
            text=self._priced(words, fare, event) if words != prompt.text else prompt.text,
            lamp=city.lamp or shipped.lamp,
            beep=city.beep or shipped.beep,
            voice=city.voice or "",
        )

    def _called(self, prompt: Prompt, name: str) -> Prompt:
        """The class instead of the words for everybody; lamp and beep only as the city says."""
        shipped, city = self._spoken.get(name), self._city.get(name, Result())
        voice = shipped.voice if shipped else prompt.voice
        return replace(
            prompt,
            text=self._words(name, prompt.text),
            lamp=city.lamp or prompt.lamp,
            beep=city.beep or prompt.beep,
            voice=voice if city.voice is None else city.voice,
        )

    def _words(self, name: str, otherwise: str) -> str:
        """The city's for a class, else the shipped ones."""
        shipped, city = self._spoken.get(name), self._city.get(name, Result())
        words = {str(language): text for language, text in city.words.items()}
        named = self._texts.prompt(shipped.text) if shipped else otherwise
        return words.get(self._texts.language) or named

    def _priced(self, words: str, fare: int, event: Event) -> str:
        """With the fare and, of a purse, what is left."""
        text = self._texts.prompt("ride", what=words, fare=_yuan(fare))
        left = _left(event, fare)
        if left is None:
            return text
        key = "ride-low" if self._is_low(fare, event) else "ride-balance"
        return self._texts.prompt(key, ride=text, balance=_yuan(left))

    def _is_low(self, fare: int, event: Event) -> bool:
        left = _left(event, fare)
        return left is not None and fare > 0 and left < self._top_up_below


def _concession(event: Event) -> str:
    return ride_of(event).concession


def _left(event: Event, fare: int) -> int | None:
    """Fen in the purse now. None: no purse, or one at 0, of which 8050 does not tell how much of
    its overdraft was used before."""
    before = event.purchase.balance_before if isinstance(event, PaymentEnd) else 0
    return before - fare if before > 0 else None


def _yuan(fen: int) -> str:
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"
