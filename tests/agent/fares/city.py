"""A made-up city's lists for tests: the example of docs/fares.md, and its people."""

import re
from pathlib import Path

import msgspec

from agent.fares.entitlements import Entitlements, entitlements_payload, packed, read_packed
from agent.fares.lines import LineBook, parse_lines
from agent.fares.rules import Rules
from agent.fares.tariff import Tariff, parse_tariff
from offline_store.clock import ClockReading
from offline_store.events.seen import RidesBefore, Seen

PAGE = (Path(__file__).parents[3] / "docs" / "fares.md").read_text(encoding="utf-8")
MADE_UP, ELSEWHERE = "9901", "9902"
NOON = 1_790_049_600_000  # Tuesday 2026-09-22 12:00 in China


def _example(name: str) -> bytes:
    """The JSON block of the page whose `list` is that."""
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.S):
        if msgspec.json.decode(block)["list"] == name:
            return str(block).encode()
    raise LookupError(name)


FARES_JSON, LINES_JSON = _example("fares"), _example("lines")


def person(name: str) -> str:
    """A made-up reference."""
    return name.encode().hex().ljust(64, "0")


PEOPLE = [
    (person("senior"), "senior", 20200101, 20991231),
    (person("student"), "student", 20250901, 20270831),
    (person("graduate"), "student", 20220901, 20260831),
    (person("freshman"), "student", 20270901, 0),
    (person("disabled"), "disabled", 0, 0),
    (person("veteran"), "veteran", 0, 0),
    (person("staff"), "staff", 0, 0),
    (person("driver"), "driver", 0, 0),
    (person("both"), "student", 0, 0),
    (person("both"), "disabled", 0, 0),
    (person("strange"), "astronaut", 0, 0),
]


def tariff() -> Tariff:
    return parse_tariff(FARES_JSON)


def lines() -> LineBook:
    return parse_lines(LINES_JSON)


def people() -> Entitlements:
    return read_packed(packed(entitlements_payload(PEOPLE)))


def rules() -> Rules:
    return Rules(tariff(), people(), lines(), {"fares": 1, "entitlements": 1, "lines": 1})


def at(hours: float = 0, *, known: bool = True) -> ClockReading:
    """Hours after that Tuesday's noon."""
    time_ms = NOON + round(hours * 3_600_000)
    return ClockReading(time_ms, "synchronised" if known else "unset", "boot")


def entitled(*people: str, name: str = "driver") -> Entitlements:
    """A list of that class only."""
    return read_packed(packed(entitlements_payload((one, name, 0, 0) for one in people)))


def as_recorded(state: RidesBefore) -> RidesBefore:
    """As the text of an event has it."""
    text = msgspec.json.encode(Seen(rides=state))
    found = msgspec.json.decode(text, type=Seen).rides
    assert found is not None
    return found
