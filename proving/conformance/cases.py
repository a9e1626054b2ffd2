"""The table of tests: a stable id, what must be so, what it needs; and the words to say it in.

Rooms of tests (`basic`, `discipline`, …) put theirs in by `case`; ids never change their meaning
and are never used again.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from proving.conformance.cast import VOCABULARY
from proving.conformance.stage import Stage
from proving.conformance.subject import Argument, Call, Got, Subject

Need = Literal["library", "cards", "psam", "keys", "pad", "settings", "daemon"]
NEEDS: dict[Need, str] = {
    "library": "a shared library: NULL, sizes of buffers, names exported",
    "cards": "simulated cards in readers of the stage",
    "psam": "the stage's PSAM",
    "keys": "the made-up authority's key table in the subject's settings",
    "pad": "the stage's PIN pad",
    "settings": "settings of the daemon that the test knows and may change",
    "daemon": "a library that goes through our daemon, which the test stops",
}
ID = re.compile(r"[A-Z0-9]{3}-[0-9]{3}")


class Mismatch(AssertionError):
    """It is not so."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


@dataclass
class Bench:
    """What a test has: the stage, the subject, and how to get another process with the subject."""

    stage: Stage
    subject: Subject
    another: Callable[[], Subject]

    def call(self, name: str, *arguments: Argument) -> Got:
        return self.subject.call(Call(name, arguments))

    def good(self, name: str, *arguments: Argument) -> list[str]:
        """The fields of a call that must be good."""
        return fields(require_result(self.call(name, *arguments), 0))

    def refused(self, result: int, name: str, *arguments: Argument) -> Got:
        """A call that must be refused with that code."""
        return require_result(self.call(name, *arguments), result)


Run = Callable[[Bench], None]


@dataclass(frozen=True)
class Case:
    """One numbered test. `title` and `zh` say what must be so."""

    id: str
    title: str
    zh: str
    needs: frozenset[Need]
    run: Run = field(repr=False)


TABLE: dict[str, Case] = {}


def case(id_: str, title: str, zh: str, *needs: Need) -> Callable[[Run], Run]:
    """Put a test into the table."""

    def put(run: Run) -> Run:
        if id_ in TABLE or not ID.fullmatch(id_):
            raise ValueError(f"{id_} is taken, or no id")
        TABLE[id_] = Case(id_, title, zh, frozenset(needs), run)
        return run

    return put


def shown(value: object) -> str:
    """A value for a report. A text that the stage did not make up itself may be a real person's:
    of that only the length is told."""
    if isinstance(value, str):
        return (value or "(empty)") if value in VOCABULARY else f"({len(value)} characters)"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def require(what: str, expected: object, got: object) -> None:
    """Equal, or a `Mismatch`."""
    if expected != got:
        raise Mismatch(f"{what}: {shown(expected)}", shown(got))


def require_result(got: Got, expected: int) -> Got:
    if got.result != expected:
        raise Mismatch(f"result {expected}", f"result {got.result}")
    return got


def text(got: Got) -> str:
    """The output as GBK. A text that is not is a `Mismatch`."""
    try:
        return got.text
    except UnicodeDecodeError:
        raise Mismatch("GBK", f"{len(got.output)} bytes that are no GBK") from None


def fields(got: Got) -> list[str]:
    """Each field of an output that ends with `|`. GBK characters may hold the byte 7C."""
    told = text(got)
    if not told.endswith("|"):
        raise Mismatch("a `|` behind the last field", "none")
    return told.split("|")[:-1]


def require_fields(names: Sequence[str], expected: Sequence[str], got: Sequence[str]) -> None:
    """Count, order and content, and in the words of a report which field is wrong."""
    require("number of fields", len(expected), len(got))
    for name, right, told in zip(names, expected, got, strict=True):
        if right != told:
            raise Mismatch(f"{name}: {shown(right)}", shown(told))


BASIC_FIELDS = (
    "region",
    "social security number",
    "card number",
    "card identification code",
    "name",
    "historical bytes",
    "version",
    "issue date",
    "expiry",
    "terminal number",
    "device number",
)
