"""Random signed lists for `onecard prove explain`: each publication is another version of some."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.fares.entitlements import ENTITLEMENTS, entitlements_payload
from agent.fares.lines import LINES
from agent.fares.tariff import FARES
from offline_store.lists.every import EveryList
from offline_store.lists.form import BLACKLIST, ISSUERS, blacklist_payload, issuers_payload
from simulators.transit import lists as bus
from simulators.transit import metro
from trust.envelope import Envelope, Manifest

CLASSES: Final = ("student", "senior", "staff")
WINDOWS: Final = (
    {"name": "early", "begins": "05:00", "ends": "07:00"},
    {"name": "night", "begins": "22:00", "ends": "05:00"},
    {"name": "weekend", "days": [6, 7]},
)
ISSUER: Final = "01015199FFFFFFFF"  # of the made-up city's purses
SOMETIMES: Final = 0.4


class Publisher:
    """The platform of one terminal: what it publishes comes into force at once."""

    def __init__(
        self, lists: EveryList, chance: random.Random, people: Sequence[str], numbers: Sequence[str]
    ) -> None:
        """`people`: person and card references that lists may name; `numbers`: of purses."""
        self._lists = lists
        self._chance = chance
        self._people = people
        self._numbers = numbers
        self._versions: dict[str, int] = {}
        self.published = 0

    def publish(self, scene: str) -> None:
        """A few of the lists, or all of them the first time."""
        for name, payload in self._payloads(scene):
            if name in self._versions and self._chance.random() < SOMETIMES:
                continue
            version = self._versions.get(name, 0) + self._chance.choice([1, 1, 3])
            manifest = Manifest(
                kind="list", name=name, version=version, audience="*", issuer="city-1", created=0
            )
            self._lists.install(Envelope(manifest, payload))
            self._versions[name] = version
            self.published += 1

    def _payloads(self, scene: str) -> Iterator[tuple[str, bytes]]:
        """A terminal that has no list yet may do without one or the other for a while."""
        yield BLACKLIST, blacklist_payload(self._barred())
        if scene in ("bus", "metro-gate"):
            yield FARES, json.dumps(self._fares(scene)).encode()
            yield LINES, bus.lines() if scene == "bus" else metro.LINES_LIST
            yield ENTITLEMENTS, entitlements_payload(self._entitled(scene))
            issuers = [ISSUER] if self._chance.random() < 0.9 else ["0101999900000000"]
            yield ISSUERS, issuers_payload(issuers)

    def _barred(self) -> Iterator[Mapping[str, str]]:
        for person in self._people:
            if self._chance.random() < 0.05:
                yield {self._chance.choice(["person", "card", "number"]): person}
        for number in self._numbers:
            if self._chance.random() < 0.05:
                yield {"transit": f"0{number}"}

    def _entitled(self, scene: str) -> Iterator[tuple[str, str, int, int]]:
        """Some until a day that is over, or not come."""
        classes = (*CLASSES, "driver") if scene == "bus" else CLASSES
        for person in self._people:
            if self._chance.random() < SOMETIMES:
                begins = self._chance.choice([0, 20200101, 20990101])
                yield person, self._chance.choice(classes), begins, 0

    def _fares(self, scene: str) -> dict[str, object]:
        chance = self._chance
        concessions: list[dict[str, object]] = [{"name": "driver", "amount": 0}]
        for name in CLASSES:
            made: dict[str, object] = {"name": name, **self._price()}
            if chance.random() < SOMETIMES:
                made["rides_per_day"] = chance.choice([1, 2])
            concessions.append(made)
        return {
            "form": 1,
            "list": "fares",
            "cities": [metro.CITY],
            "windows": WINDOWS,
            "tables": self._tables(scene),
            "card_types": {"02": "student", "03": "senior", "70": "driver"},
            "concessions": concessions,
            "discounts": [{"name": "off-peak", "when": [self._window()], **self._price()}],
            "transfers": self._transfers(),
            "caps": [{"name": "day", "amount": chance.choice([400, 900, 5000])}],
            "rounding": {
                "to": chance.choice([1, 10, 50]),
                "how": chance.choice(["down", "up", "half-up"]),
            },
            "minimum": chance.choice([0, 0, 30]),
            "day_begins": chance.choice([0, 0, 4]),
            "without_clock": chance.choice(["concede", "full"]),
        }

    def _tables(self, scene: str) -> object:
        chance = self._chance
        if scene == "metro-gate":
            [table] = json.loads(metro.FARES_LIST)["tables"]
            more = chance.randrange(0, 200, 10)
            for row in table["amounts"].values():
                row.update({place: amount + more for place, amount in row.items()})
            return [table]
        night = {"kind": "flat", "name": "night", "amount": 300, "when": [self._window()]}
        day = {"kind": "flat", "name": "day", "amount": chance.randrange(100, 300)}
        return [night, day]

    def _transfers(self) -> object:
        if self._chance.random() < SOMETIMES:
            return []
        change = {
            "name": "change",
            "minutes": self._chance.choice([30, 90]),
            "same_line": self._chance.random() < 0.5,
            "most": self._chance.choice([1, 2]),
            "with_concession": self._chance.random() < 0.5,
        }
        return [{**change, **self._price()}]

    def _price(self) -> dict[str, int]:
        return self._chance.choice(
            [
                {"percent": self._chance.randrange(0, 100)},
                {"amount": self._chance.choice([0, 50, 110])},
                {"off": self._chance.randrange(0, 150)},
            ]
        )

    def _window(self) -> str:
        return str(self._chance.choice(WINDOWS)["name"])
