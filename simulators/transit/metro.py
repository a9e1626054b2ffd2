"""A made-up metro: its lists as the city publishes them, and its gates as the product has them.

Two lines that meet at M13. Zones a, b, c; who goes nowhere pays the zone's own fare but at M22,
for which the table has none.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final

from agent.fares.lines import parse_lines
from agent.fares.ride import ENTRY, Journey
from agent.fares.rules import Rules
from agent.fares.tariff import parse_tariff
from agent.purse.pricing import FlatFare, ListedFare
from agent.scenes.metro.offers import Gates, Trips
from agent.scenes.metro.options import MetroOptions
from apdu.transit.files import Layouts, Value
from offline_store.events.ride import TripEnd

CITY: Final = "5199"
SCENE: Final = "metro-gate"
IN, OUT = "in", "out"  # lanes
OPERATOR, INSTITUTION = "0101", "5199000000000101"
STATIONS: Final = {"M11": 0x0B, "M12": 0x0C, "M13": 0x0D, "M14": 0x0E, "M21": 0x15, "M22": 0x16}
LINES: Final = {"M1": (0x65, ["M11", "M12", "M13", "M14"]), "M2": (0x66, ["M21", "M13", "M22"])}

LINES_LIST: Final = json.dumps(
    {
        "form": 1,
        "list": "lines",
        "stops": [{"id": stop, "zh": stop, "code": code} for stop, code in STATIONS.items()],
        "lines": [
            {"id": line, "zh": line, "code": code, "up": up} for line, (code, up) in LINES.items()
        ],
    }
).encode()
FARES: Final[Mapping[str, object]] = {
    "form": 1,
    "list": "fares",
    "cities": [CITY],
    "windows": [{"name": "early", "begins": "05:00", "ends": "07:00"}],
    "tables": [
        {
            "kind": "distance",
            "name": "metro",
            "lines": list(LINES),
            "zones": {"M11": "a", "M12": "a", "M13": "b", "M14": "c", "M21": "b"},
            "amounts": {
                "a": {"a": 200, "b": 300, "c": 500},
                "b": {"b": 200, "c": 300},
                "c": {"c": 200},
                "M22": {"a": 400, "b": 300, "c": 600},
            },
        }
    ],
    "card_types": {"02": "student", "03": "senior"},
    "concessions": [
        {"name": "student", "percent": 50},
        {"name": "senior", "percent": 0},
    ],
    "discounts": [{"name": "early-bird", "when": ["early"], "percent": 50}],
    "transfers": [{"name": "again", "minutes": 90, "same_line": True, "off": 100}],
}
FARES_LIST: Final = json.dumps(FARES).encode()
# A ride costs the same at any hour, so that what runs by the real clock knows its amounts.
ANY_HOUR_FARES_LIST: Final = json.dumps({**FARES, "windows": [], "discounts": []}).encode()


def metro_rules(versions: dict[str, int] | None = None) -> Rules:
    """The two lists, read as the product reads them."""
    return Rules(
        parse_tariff(FARES_LIST), lines=parse_lines(LINES_LIST), versions=versions or {"fares": 1}
    )


def record(state: int, stop: str, moment: str, *, end: TripEnd = ENTRY, city: str = CITY) -> bytes:
    """001A of a card with a trip that began, or ended, at a stop (or at none of ours)."""
    line = next((code for code, stops in LINES.values() if stop in stops), 0xFF)
    station = f"01{line:04X}{STATIONS.get(stop, 0xFF):04X}{OPERATOR}00"
    values: dict[str, Value] = {
        "state": state,
        f"{end}_city": city,
        f"{end}_station": station,
        f"{end}_terminal": "0000012300039999",
        f"{end}_time": moment,
    }
    return Layouts.shipped().find(CITY, "rail").encode(values)


def gates(
    stop: str,
    settings: MetroOptions | None = None,
    *,
    line: str = "M1",
    rules: Callable[[], Rules] | None = None,
    layouts: Layouts | None = None,
) -> Trips:
    """All gates of a station: the lane `in` and the lane `out`. `layouts`: of all cards."""
    listed = metro_rules()
    rules = rules or (lambda: listed)
    fares = ListedFare(rules, lambda: Journey(line, boarded=stop), FlatFare(200, CITY), SCENE)
    settings = settings or MetroOptions(operator=OPERATOR, institution=INSTITUTION)
    made = Gates(settings, CITY, line, stop, SCENE, rules, fares)
    return Trips(made, layouts or Layouts.shipped(), {IN: "entry", OUT: "exit"})
