"""Whatever tells a person something: screen, lamp, buzzer, voice, console."""

from dataclasses import dataclass
from typing import Literal, Protocol

from drivers.contract.device import Device

Lamp = Literal["green", "red", "yellow", "off"]
Beep = Literal["short", "double", "long", "none"]


@dataclass(frozen=True)
class Prompt:
    """One result for the person: words in the chosen language, and signals."""

    code: str  # reason code
    text: str
    lamp: Lamp
    beep: Beep
    voice: str = ""  # key of what is said aloud (a clip of the voice pack); empty: nothing
    language: str = "zh"  # of text and voice


class Prompts(Device, Protocol):
    """A prompt device. What is being shown or said is cut off by the next prompt."""

    def show(self, prompt: Prompt) -> None:
        """Show at once and return; a prompt that cannot be shown is counted, never raised."""
        ...
