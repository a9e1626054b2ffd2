"""What may be plugged into a terminal and how it would be configured: `known.toml`, typed."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Literal

import msgspec

Kind = Literal["readers", "scanners", "documents", "barriers", "prompts", "pinpads", "printers"]
Class = Literal["slot", "usb", "serial", "camera", "keyboard", "hid-pos", "printer", "sound"]
Interface = Literal["contact", "contactless", "sam"]


class KnownRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the tables' rows."""


class Choice(KnownRow, frozen=True):
    """One way to configure something. Blanks in the values: `{path}`, `{usb}`."""

    kind: Kind
    name: str  # what it could be called
    driver: str
    match: str = ""
    interface: Interface | None = None
    options: Mapping[str, str | int | bool] = {}


class UsbWord(KnownRow, frozen=True):
    """A USB identity, as shell pattern on `vid:pid` in small letters."""

    id: str
    what: str
    choices: Mapping[Class, Sequence[str]] = {}  # by what the system sees


class Word(KnownRow, frozen=True):
    """A word in a port's by-id name."""

    word: str
    choices: Sequence[str]


class SlotWord(KnownRow, frozen=True):
    """A word in a PC/SC slot's name."""

    word: str
    interface: Interface


class Known(KnownRow, frozen=True):
    """The whole table."""

    choice: Mapping[str, Choice]
    classes: Mapping[Class, Sequence[str]]
    usb: Sequence[UsbWord]
    names: Sequence[Word]
    pcsc: Sequence[SlotWord]

    def what(self, identity: str) -> str:
        """Its name of the trade, empty when it is not known."""
        row = self._row(identity)
        return row.what if row else ""

    def choices(self, class_: Class, identity: str, name: str) -> Sequence[Choice]:
        """Ways to configure a device: by its USB identity, else by words in its by-id name, else
        whatever its class allows."""
        row = self._row(identity)
        found = row.choices.get(class_) if row else None
        if not found and class_ == "serial":
            low = name.lower()
            found = next((word.choices for word in self.names if word.word in low), None)
        return [self.choice[each] for each in found or self.classes[class_]]

    def interface(self, slot: str) -> Interface:
        """The most likely interface of a PC/SC slot, by its name."""
        low = slot.lower()
        return next(row.interface for row in self.pcsc if row.word in low)

    def _row(self, identity: str) -> UsbWord | None:
        return next((row for row in self.usb if fnmatchcase(identity, row.id)), None)


def known() -> Known:
    """The table as shipped."""
    text = (files("drivers") / "known.toml").read_bytes()
    return msgspec.toml.decode(text, type=Known)
