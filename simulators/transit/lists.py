"""The made-up bus city's three signed lists: what a ride costs, who rides for less, where it goes.

None of its rules goes by the time of day, so that a run is the same at any hour; docs/fares.md has
an example of those.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from agent.fares.entitlements import entitlements_payload

CITY: Final = "5199"
LINE: Final = "18"
OTHER_LINE: Final = "42"
FULL: Final = 200  # fen
# What each class pays of `FULL`.
FARES: Final[Mapping[str, int]] = {
    "student": 100,
    "senior": 0,
    "disabled": 0,
    "veteran": 0,
    "staff": 50,
    "monthly": 50,
}
CARD_TYPES: Final[Mapping[str, str]] = {
    "02": "student",
    "03": "senior",
    "05": "veteran",
    "11": "monthly",
    "70": "driver",
}
STOPS: Final = ("东门", "图书馆", "人民医院")
LONGITUDE: Final = 120.0


def fares() -> bytes:
    """The payload of `fares`."""
    return _json(
        form=1,
        list="fares",
        cities=[CITY],
        tables=[{"kind": "flat", "name": "city-bus", "amount": FULL}],
        card_types=CARD_TYPES,
        concessions=[
            *({"name": name, "amount": amount} for name, amount in FARES.items()),
            {"name": "driver", "amount": 0},
        ],
        transfers=[
            {
                "name": "change",
                "lines": [LINE],
                "from_lines": [OTHER_LINE],
                "minutes": 60,
                "off": 100,
            }
        ],
        caps=[{"name": "day", "amount": 2000}],
    )


def lines() -> bytes:
    """The payload of `lines`: two lines that meet, half a kilometre from stop to stop."""
    stops = [
        {
            "id": f"S{number}",
            "zh": name,
            "code": number,
            "lat": latitude(number),
            "lon": LONGITUDE,
            "radius": 40,
        }
        for number, name in enumerate(STOPS, start=1)
    ]
    course = [stop["id"] for stop in stops]
    return _json(
        form=1,
        list="lines",
        stops=stops,
        lines=[
            {"id": LINE, "zh": f"{LINE}路", "code": int(LINE), "up": course},
            {"id": OTHER_LINE, "zh": f"{OTHER_LINE}路", "code": int(OTHER_LINE), "up": course[:2]},
        ],
    )


def latitude(stop: int) -> float:
    """Of the stop with that number, from 1."""
    return 30.0 + 0.005 * (stop - 1)


def people(entitled: Iterable[tuple[str, str]]) -> bytes:
    """The payload of `entitlements`, of (person reference, class)."""
    return entitlements_payload((reference, name, 0, 0) for reference, name in entitled)


def _json(**payload: object) -> bytes:
    return msgspec.json.encode(payload)
