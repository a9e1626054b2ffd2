"""A purse's tap on a bus through the product: select, 0017, 8050, 8070, intent, 8054, 8072, end.

On one real pcscd, purse and transit PSAM in processes of their own. The floor is the time table's
sum over exactly these exchanges, plus two bare COMMITs and the card's activation.
"""

import argparse
import gc
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar, get_args

from agent.reasons import Reason
from benchmarks.measure import NoMeasurement, median, percentile
from drivers.contract import CardHandle, CardReader, Presence
from simulators.cards import Card, Interface
from simulators.cards.transit_psam import transit_psam
from simulators.hands import Hands
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import load_cast
from simulators.site import PSAM, until
from simulators.terminal import AT, become_client
from simulators.timing import Air, Exchange, TimeTable
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.local import LocalBus

T = TypeVar("T")
CARD: Final = AT[Interface.CONTACTLESS]
FARE: Final = 1  # fen, so that one purse lasts
MONEY: Final = 100_000_000
TAPS: Final = 300
TAPS_BY_AIR: Final = 60
SETTLED: Final = 5
BARE: Final = 100  # COMMITs
PAGE: Final = 4096

OWN_GOAL: Final = {"own_p50_max": 3.0, "own_p99_max": 15.0, "growth_mb_max": 5.0}
FLOOR_GOAL: Final = {"floor_ratio_max": 1.10, "growth_mb_max": 5.0}

# The exchanges of a purchase (spec transit-card.md, Purchase with PSAM) and of 0017, and no others;
# the PSAM's answer to 8070 is fetched (T=0).
STANDARD: Final = {
    Interface.CONTACTLESS: Counter({"00A4": 1, "00B0": 1, "8050": 1, "8054": 1}),
    Interface.SAM: Counter({"8070": 1, "00C0": 1, "8072": 1}),
}


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Milliseconds. `p50`, `p99`: from the presence that is handed to `Taps.handle` to its return,
    power-down included. `own_p50`, `own_p99`: without the purse's calls (power, APDUs) and without
    two bare COMMITs; the PSAM's exchanges are still in it. `growth_mb`: of this process's
    resident memory over the taps.

    `--air`: purse and PSAM take the time table's time. `floor` = `floor_card` + `floor_psam` +
    `floor_commits` (two bare COMMITs of such a row) + `floor_power` (the card's activation).
    """
    parser = argparse.ArgumentParser(prog="onecard bench bus")
    parser.add_argument("--taps", type=int)
    parser.add_argument("--air", type=int, choices=get_args(Air))
    options = parser.parse_args(arguments)
    with Pcscd(FOUR_READERS) as pcscd:
        become_client(pcscd)
        return measure(pcscd, options.taps or (TAPS_BY_AIR if options.air else TAPS), options.air)


def measure(pcscd: Pcscd, taps: int, air: Air | None = None) -> dict[str, object]:
    """The figures on a running pcscd, of which this process is a client."""
    table = TimeTable(air) if air else None
    with ExitStack() as stack:
        hands = stack.enter_context(Hands(pcscd, _cards(), table))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onecard-bus-")))
        gate = stack.enter_context(LocalBus(load_cast(), folder, FARE))
        ride = Ride(gate)
        script = ride.script(hands)
        before, samples = _resident_mb(), ride.ride(taps)
        growth = _resident_mb() - before
        commits = 2 * _bare_commit(folder, ride.row_bytes)
    figures = {
        "p50": median(samples),
        "p99": percentile(samples, 99),
        "own_p50": median(ride.own) - commits,
        "own_p99": percentile(ride.own, 99) - commits,
        "commits_bare": commits,
        "growth_mb": growth,
    }
    goals = OWN_GOAL
    if table:
        parts = {
            "floor_card": _sum(table, script, Interface.CONTACTLESS),
            "floor_psam": _sum(table, script, Interface.SAM),
            "floor_commits": commits,
            "floor_power": table.activation_seconds(Interface.CONTACTLESS) * 1000,
        }
        floor = sum(parts.values())
        figures |= {"air": table.air, **parts, "floor": floor}
        figures["floor_ratio"] = figures["p50"] / floor
        goals = FLOOR_GOAL
    holds = all(figures[goal.removesuffix("_max")] <= most for goal, most in goals.items())
    rounded = {key: round(value, 3) for key, value in figures.items()}
    return {"name": "bus", "taps": taps, **rounded, "goals": goals, "holds": holds}


class Ride:
    """One purse that lies on the validator all the time and pays again and again."""

    def __init__(self, gate: LocalBus) -> None:
        self._gate = gate
        self._reader = TimedReader(gate.reader(Interface.CONTACTLESS))
        self.own: list[float] = []  # milliseconds of each tap outside of the purse's calls
        until(lambda: gate.has_psam, "the product has no transit PSAM")
        event = self._reader.events.get(5.0)
        assert isinstance(event, Presence)
        self._presence = event
        self.row_bytes = 0

    def __call__(self) -> None:
        presence = replace(self._presence, at=time.perf_counter())
        report = self._gate.taps.handle(self._gate.lane, self._reader, presence)
        if report.reason is not Reason.PAID or report.record is None:
            raise NoMeasurement(f"a good purse does not pay: {report.reason}")
        self.row_bytes = len(report.record.body) + len(report.record.hash) + len(report.record.mac)

    def ride(self, taps: int) -> list[float]:
        """Milliseconds of each."""
        samples: list[float] = []
        gc.collect()
        for _ in range(taps):
            self._reader.seconds = 0.0
            began = time.perf_counter()
            self()
            took = time.perf_counter() - began
            samples.append(took * 1000)
            self.own.append((took - self._reader.seconds) * 1000)
        return samples

    def script(self, hands: Hands) -> Sequence[Exchange]:
        """What purse and PSAM exchange in one tap. Raises `NoMeasurement` when it is not the
        standard purchase."""
        for _ in range(SETTLED):
            self()
        before = {reader: len(hands.trace(reader)) for reader in (CARD, PSAM)}
        self()
        script = [
            Exchange(interface, one.command, one.response or b"")
            for reader, interface in ((CARD, Interface.CONTACTLESS), (PSAM, Interface.SAM))
            for one in hands.trace(reader)[before[reader] :]
        ]
        for interface, standard in STANDARD.items():
            seen = Counter(e.command[:2].hex().upper() for e in script if e.interface is interface)
            if seen != standard:
                raise NoMeasurement(f"{interface.value}: {seen} instead of {standard}")
        return script


class TimedReader:
    """A reader that adds up how long its calls take. See `drivers.contract.CardReader`."""

    def __init__(self, reader: CardReader) -> None:
        self._reader = reader
        self.name = reader.name
        self.interface = reader.interface
        self.events = reader.events
        self.status = reader.status
        self.give_up = reader.give_up
        self.seconds = 0.0

    def open(self, count: int | None = None) -> CardHandle:
        return TimedHandle(self, self.timed(lambda: self._reader.open(count)))

    def timed(self, call: Callable[[], T]) -> T:
        began = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - began


class TimedHandle:
    """Its card."""

    def __init__(self, reader: TimedReader, handle: CardHandle) -> None:
        self._reader = reader
        self._handle = handle
        self.transport = handle.transport
        self.atr = handle.atr
        self.present = handle.present

    def transmit(self, command: bytes) -> bytes:
        return self._reader.timed(lambda: self._handle.transmit(command))

    def close(self) -> None:
        self._reader.timed(self._handle.close)


def _cards() -> Mapping[str, tuple[Card, Interface]]:
    city = TransitCity()
    purse = city.purse(PurseOrder(money=MONEY))
    return {
        CARD: (city.face(purse), Interface.CONTACTLESS),
        PSAM: (transit_psam(city.psam()), Interface.SAM),
    }


def _sum(table: TimeTable, script: Sequence[Exchange], interface: Interface) -> float:
    return table.floor(one for one in script if one.interface is interface) * 1000


def _bare_commit(folder: Path, row_bytes: int) -> float:
    """The median of an INSERT of such a row into plain sqlite3 with the journal's settings."""
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
    row, samples = "x" * row_bytes, []
    for number in range(BARE):
        began = time.perf_counter()
        database.execute("INSERT INTO events VALUES (?, ?)", (number, row))
        samples.append((time.perf_counter() - began) * 1000)
    database.close()
    return median(samples)


def _resident_mb() -> float:
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE / 1e6


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
