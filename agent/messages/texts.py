"""All words that people read, in Chinese and English: catalogues are data, code asks by key.

A sentence says what is wrong, where, and what to do now. A text that is missing in the field falls
back to English and then to its own key, so that no person meets a traceback for want of a word;
tests find the gap before that.
"""

import re
import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from config.faults import ConfigInvalid
from world import Fault

if TYPE_CHECKING:
    from agent.messages.reasons import ReasonRow

Language = Literal["zh", "en"]
Section = Mapping[str, str]
Catalogue = Mapping[str, Section]

FOLDER: Final = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_FALLBACK: Language = "en"
_SECTION: Final = re.compile(r"^\[([a-z-]+)\].*$", re.MULTILINE)
# Facts whose values are words, and of which section.
_TRANSLATED: Mapping[str, str] = {
    "equipment": "equipment",
    "form": "form",
    "looks": "looks",
    "mend": "mend",
    "side": "side",
    "state": "state",
    "ending": "ending",
}


def catalogue(language: Language) -> Catalogue:
    """Section → key → text, as shipped in `<language>.toml`."""
    return _Catalogue((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


class _Catalogue(Catalogue):
    """Reads a section when it is first asked for: a command wants one or two of them."""

    def __init__(self, toml: str) -> None:
        parts = _SECTION.split(toml)[1:]
        self._unread = dict(zip(parts[::2], parts[1::2], strict=True))
        self._read: dict[str, Section] = {}

    def __getitem__(self, name: str) -> Section:
        if name not in self._read:
            self._read[name] = tomllib.loads(self._unread[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._unread)

    def __len__(self) -> int:
        return len(self._unread)


def locale_of(environment: Mapping[str, str]) -> str:
    """The locale of messages (locale(7)): LC_ALL before LC_MESSAGES before LANG; an empty one
    counts as none."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((environment[name] for name in names if environment.get(name)), "")


def language_of(setting: str, locale: str) -> Language:
    """`setting` is `terminal.language`, `locale` as `locale_of` gives it (`zh_CN.UTF-8`).

    "auto" follows the locale; a box without one (empty, C, POSIX) speaks Chinese, which its people
    read, and so does one whose language is spoken in China and not here (`bo_CN`); any other
    foreign locale gets English.
    """
    if setting != "auto":
        return "en" if setting == "en" else "zh"
    word, _, territory = re.split("[.@]", locale)[0].lower().replace("-", "_").partition("_")
    if word in ("zh", "bo", "", "c", "posix"):
        return "zh"
    return "zh" if territory == "cn" and word != "en" else "en"


class Texts:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._own = catalogue(language)

    @cached_property
    def _fallback(self) -> Catalogue:
        return self._own if self.language == _FALLBACK else catalogue(_FALLBACK)

    def prompt(self, key: str, **facts: str) -> str:
        """A few words for the person in the lane."""
        return self._filled(self._text("prompt", key), facts)

    def reason(self, code: str) -> str:
        """What a reason code means, for staff."""
        row = _row(code)
        return row.meaning[self.language] if row is not None else code

    def remedy(self, code: str) -> str:
        """What to do now about a reason code or a device state."""
        row = _row(code)
        return row.remedy[self.language] if row is not None else self._text("remedy", code)

    def state(self, state: str) -> str:
        """A device state in words."""
        return self._text("state", state)

    def stage(self, name: str) -> str:
        """A stage of the tap in words."""
        return self._text("stage", name)

    def finding(self, key: str, **facts: str | int) -> str:
        """What `doctor` found, and what to do when it is not well."""
        return self._filled(self._text("finding", key), facts)

    def happened(self, code: str) -> str:
        """What a record's reason means: of a tap, of an event of the store's own, of an alarm."""
        found = self.reason(code)
        for section in ("event", "fault"):
            found = self._text(section, code) if found == code else found
        return self._filled(found, {})

    def word(
        self,
        section: Literal[
            "kind",
            "verdict",
            "field",
            "certificate",
            "equipment",
            "direction",
            "command",
            "record",
            "status-word",
            "remark",
        ],
        key: str,
    ) -> str:
        """One word for a value: event kind, verdict, card field, command, record, status word,
        remark of a demo."""
        return self._text(section, key)

    def ui(self, key: str, **facts: str | int) -> str:
        """A text of screen or command line."""
        return self._filled(self._text("ui", key), facts)

    def fault(self, fault: Fault) -> str:
        """What, where, what now. Several problems at once take a line each."""
        sentence = self.trouble(fault.code, fault.facts)
        if isinstance(fault, ConfigInvalid):
            return "\n".join([sentence, *(self.fault(problem) for problem in fault.problems)])
        return sentence

    def knows(self, code: str) -> bool:
        """Whether there is a sentence for a fault's code."""
        return code in self._own.get("fault", {})

    def trouble(self, code: str, facts: Mapping[str, str | int]) -> str:
        """The sentence of a fault that another process has told of."""
        return self._filled(self._text("fault", code), facts)

    def _text(self, section: str, key: str) -> str:
        text = self._own.get(section, {}).get(key)
        if text is None:
            text = self._fallback.get(section, {}).get(key)
        return key if text is None else text

    def _filled(self, text: str, facts: Mapping[str, str | int]) -> str:
        words = {name: self._word(name, value) for name, value in facts.items()}
        return _FORMATTER.vformat(text, (), words)

    def _word(self, name: str, value: str | int) -> str:
        if name == "standing":  # which of the reasons stands against somebody
            return self.reason(str(value))
        section = _TRANSLATED.get(name)
        return self._text(section, str(value)) if section else str(value)


def _row(code: str) -> "ReasonRow | None":
    """Of a reason of our own; read when the first is asked for: no help text needs any."""
    from agent.messages.reasons import table

    return table().get(code)


class _Formatter(string.Formatter):
    """Blanks by name only; one that no fact fills, or an empty one, shows as a dash."""

    def get_field(self, field_name: str, args: object, kwargs: Mapping[str, str]) -> object:
        return kwargs.get(field_name) or "–", field_name


_FORMATTER = _Formatter()


def blanks(text: str) -> frozenset[str]:
    """The names of the facts that a text asks for."""
    return frozenset(name for _, name, _, _ in _FORMATTER.parse(text) if name)
