"""A purse's tap on a bus through the product: select, 0017, 8050, 8070, intent, 8054, 8072, end.

On one real pcscd, purses and transit PSAM in processes of their own; every tap is another purse's,
so that what a terminal remembered of each card would show in its memory. The floor is the time
table's sum over exactly these exchanges, plus two bare COMMITs and the card's activation.
"""

import argparse
import gc
import itertools
import json
import os
import sqlite3
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar, get_args

from agent.messages.reasons import Reason
from benchmarks.measure import NoMeasurement, median, percentile
from drivers.contract import CardHandle, CardReader, Presence
from simulators.card_holder import CardHolders
from simulators.cards import Card, Interface
from simulators.cards.transit_psam import transit_psam
from simulators.lifetime import scratch
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import load_cast
from simulators.site import PSAM, until
from simulators.terminal import AT, become_client
from simulators.timing import Air, Exchange, TimeTable
from simulators.transit.city import PurseOrder, TransitCity
from simulators.transit.local import LocalBus

T = TypeVar("T")
CARD: Final = AT[Interface.CONTACTLESS]
FARE: Final = 1  # fen
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
    resident memory over the taps, the first after `SETTLED` others and the store's page cache
    still to be filled; `late_growth_mb`: over their second half. `taps_s`: seconds of all of them.

    `--air`: purse and PSAM take the time table's time. `floor` = `floor_card` + `floor_psam` +
    `floor_commits` (two bare COMMITs of such a row) + `floor_power` (the card's activation).
    """
    parser = argparse.ArgumentParser(prog="onecard bench bus")
    parser.add_argument("--taps", type=int)
    parser.add_argument("--air", type=int, choices=get_args(Air))
    options = parser.parse_args(arguments)
    taps = options.taps or (TAPS_BY_AIR if options.air else TAPS)
    with Pcscd(FOUR_READERS) as pcscd:
        become_client(pcscd)
        return measure(pcscd, taps, options.air)


def measure(pcscd: Pcscd, taps: int, air: Air | None = None) -> dict[str, object]:
    """The figures on a running pcscd, of which this process is a client."""
    table = TimeTable(air) if air else None
    with ExitStack() as stack:
        holders = stack.enter_context(CardHolders(pcscd, _cards(), table))
        folder = stack.enter_context(scratch("onecard-bus-"))
        gate = stack.enter_context(LocalBus(load_cast(), folder, FARE))
        ride = Ride(gate, taps)
        script = ride.script(holders)
        before = _resident_mb()
        ride.ride(taps // 2)
        halfway = _resident_mb()
        ride.ride(taps - taps // 2)
        after = _resident_mb()
        commits = 2 * _bare_commit(folder, ride.row_bytes)
    figures = {
        "p50": median(ride.samples),
        "p99": percentile(ride.samples, 99),
        "own_p50": median(ride.own) - commits,
        "own_p99": percentile(ride.own, 99) - commits,
        "commits_bare": commits,
        "growth_mb": after - before,
        "late_growth_mb": after - halfway,
        "taps_s": sum(ride.samples) / 1000,
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
    rounded = {key: round(value, 3) for key, value in figures.items()}
    holds = all(rounded[goal.removesuffix("_max")] <= most for goal, most in goals.items())
    return {"name": "bus", "taps": taps, **rounded, "goals": goals, "holds": holds}


class Purses:
    """A card that is another purse at each power-up after it has paid: a queue of passengers, whom
    the reader takes for one card that stays. See `simulators.cards.Card`."""

    def __init__(self, city: TransitCity) -> None:
        self._city = city
        self._numbers = itertools.count()
        self._next()

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def power_on(self) -> None:
        if self._purse.state.seq > PurseOrder.seq:
            self._next()
        self._card.power_on()

    def power_off(self) -> None:
        self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        return self._card.transmit(command)

    def _next(self) -> None:
        order = PurseOrder(card_number=f"3105199{next(self._numbers):012d}")
        self._purse = self._city.purse(order)
        self._card = self._city.face(self._purse)


class Ride:
    """Purses that pay at the validator, one after the other. `taps`: how many will be timed."""

    def __init__(self, gate: LocalBus, taps: int) -> None:
        self._gate = gate
        self._reader = TimedReader(gate.reader(Interface.CONTACTLESS))
        self.samples = _room(taps)  # milliseconds of each tap
        self.own = _room(taps)  # outside of the purse's calls
        self._timed = 0
        until(lambda: gate.has_psam, "the product has no transit PSAM")
        event = self._reader.events.get(5.0)
        assert isinstance(event, Presence)
        self._presence = event
        self.row_bytes = 0

    def __call__(self) -> None:
        presence = replace(
            self._presence, at=time.perf_counter(), came=True
        )  # as if it had just come
        report = self._gate.taps.handle(self._gate.lane, self._reader, presence)
        if report.reason != Reason.PAID or report.record is None:
            raise NoMeasurement(f"a good purse does not pay: {report.reason}")
        self.row_bytes = len(report.record.body) + len(report.record.hash) + len(report.record.mac)

    def ride(self, taps: int) -> None:
        """So many of the timed ones."""
        gc.collect()
        for number in range(self._timed, self._timed + taps):
            self._reader.seconds = 0.0
            began = time.perf_counter()
            self()
            took = time.perf_counter() - began
            self.samples[number] = took * 1000
            self.own[number] = (took - self._reader.seconds) * 1000
        self._timed += taps

    def script(self, holders: CardHolders) -> Sequence[Exchange]:
        """What purse and PSAM exchange in one tap. Raises `NoMeasurement` when it is not the
        standard purchase."""
        for _ in range(SETTLED):
            self()
        before = {reader: len(holders.trace(reader)) for reader in (CARD, PSAM)}
        self()
        script = [
            Exchange(interface, one.command, one.response or b"")
            for reader, interface in ((CARD, Interface.CONTACTLESS), (PSAM, Interface.SAM))
            for one in holders.trace(reader)[before[reader] :]
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
    return {
        CARD: (Purses(city), Interface.CONTACTLESS),
        PSAM: (transit_psam(city.psam()), Interface.SAM),
    }


def _room(taps: int) -> MutableSequence[float]:
    """Written before the memory is measured, so that no sample is taken for growth."""
    return array("d", bytes(8 * taps))


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
