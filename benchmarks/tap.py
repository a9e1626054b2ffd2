"""A full tap of a 3.0 card through the product, against a bare loop of the same bytes.

Both run in one process on one real pcscd, tap by tap in turn: the same card in the same reader, and
two PSAMs with the same keys in two readers, so that each side holds its own open all the time. The
card draws the same challenges at every tap, so that the bare loop's bytes are the full tap's. The
simulated cards have a process of their own, so that neither side computes for them.
"""

import argparse
import itertools
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self, get_args

from smartcard import scard

from agent.messages.reasons import Reason
from apdu.crypto import Algorithm as KeyAlgorithm
from apdu.social_security.psam import DF01, ENVIRONMENTS
from benchmarks import tap_hsm
from benchmarks.measure import NoMeasurement, alternate, median, percentile
from drivers.contract import Presence
from offline_store.columns import verdict_of, whose
from offline_store.events.row import Record
from simulators.card_holder import CardHolders
from simulators.cards import Algorithm, Card, Generation, Interface, make_card
from simulators.ceremony import CardOrder, card_number, seeded
from simulators.gate import LocalGate
from simulators.lifetime import scratch
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import Cast, load_cast
from simulators.site import PSAM, until
from simulators.terminal import AT, become_client
from simulators.timing import Air, Exchange, TimeTable

SPARE_SAM: Final = "Onecard Spare SAM"  # the bare loop's; no setting of the gate matches it
CARD: Final = AT[Interface.CONTACTLESS]
READERS: Final = (*FOUR_READERS, SPARE_SAM)
TAPS: Final = 300
TAPS_BY_AIR: Final = 60  # each takes some 0.15 s
SETTLED: Final = 5  # taps before the one that the bare loop copies
PROTOCOLS: Final = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1

RATIO_GOAL: Final = {"ratio_p50_max": 1.25}
FLOOR_GOAL: Final = {"floor_ratio_max": 0.95}

# The exchanges of the standard flow and of the 11 fields (spec social-security-card.md, PSAM mode):
# the floor is the sum over these and no others. The card's by CLA and INS, the PSAM's likewise,
# whose answers are fetched (T=0).
STANDARD: Final = {
    Interface.CONTACTLESS: Counter({"00A4": 1, "00B2": 6, "0084": 4, "0088": 1, "0082": 1}),
    Interface.SAM: Counter({"BFDE": 2, "80FA": 2, "00C0": 2}),
}


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Milliseconds. `p50`, `p99`: the full tap, from the presence that is handed to `Taps.handle`
    to its return: SCardConnect, authenticated read with the PSAM, decision, COMMIT, barrier, and
    the power-down by SCardDisconnect. `bare_p50`: SCardConnect, the same bytes one after another by
    SCardTransmit to card and PSAM, one INSERT of as many bytes into plain sqlite3 (WAL, FULL),
    SCardDisconnect. `barrier_p50`: the full tap up to the barrier's signal, without power-down.

    `--air 106|212|424|848`: readers and PSAMs take the time table's time. Then `floor` = the sum of
    the table over the standard flow's exchanges of card and PSAM, one after another, plus the
    median COMMIT, plus the median connect (with the card's activation) and power-down, all three
    measured in the bare loop of this run; `floor_ratio` = p50 by floor. `--taps N` on each side.

    `--mode hsm`: another measurement, see `benchmarks.tap_hsm.measure`.
    """
    parser = argparse.ArgumentParser(prog="onecard bench tap")
    parser.add_argument("--taps", type=int)
    parser.add_argument("--air", type=int, choices=get_args(Air))
    parser.add_argument("--mode", choices=("psam", "hsm"), default="psam")
    options = parser.parse_args(arguments)
    if options.mode == "hsm" and options.air:
        parser.error("--air goes with --mode psam: the part that is ours has no card in it")
    with Pcscd(READERS) as pcscd:
        become_client(pcscd)
        if options.mode == "hsm":
            return tap_hsm.measure(pcscd, options.taps or TAPS)
        taps = options.taps or (TAPS_BY_AIR if options.air else TAPS)
        return measure(pcscd, taps, options.air)


def measure(pcscd: Pcscd, taps: int, air: Air | None = None) -> dict[str, object]:
    """The figures on a running pcscd with `READERS`, of which this process is a client."""
    cast = load_cast()
    table = TimeTable(air) if air else None
    with ExitStack() as stack:
        holders = stack.enter_context(CardHolders(pcscd, cards_of(cast), table))
        folder = stack.enter_context(scratch("onecard-tap-"))
        gate = stack.enter_context(LocalGate(cast, folder, serve=False))
        full = FullTap(gate)
        script = full.script(holders)
        bare = stack.enter_context(BareTap(pcscd, script, full.row_bytes(), folder))
        samples = alternate({"full": full, "bare": bare}, taps)
        full.require_all_accepted()
    p50, bare_p50 = median(samples["full"]), median(samples["bare"])
    figures = {
        "p50": p50,
        "p99": percentile(samples["full"], 99),
        "barrier_p50": median(full.to_barrier),
        "bare_p50": bare_p50,
        "bare_p99": percentile(samples["bare"], 99),
        "bare_commit_p50": median(bare.commit),
        "bare_power_p50": median(bare.power),
        "ratio_p50": p50 / bare_p50,
    }
    goals = RATIO_GOAL
    if table:
        floor = floor_ms(table, script) + median(bare.commit) + median(bare.power)
        figures |= {"air": table.air, "floor": floor, "floor_ratio": p50 / floor}
        goals = FLOOR_GOAL
    rounded = {key: round(value, 3) for key, value in figures.items()}
    holds = all(rounded[goal.removesuffix("_max")] <= most for goal, most in goals.items())
    return {"name": "tap", "taps": taps, **rounded, "goals": goals, "holds": holds}


def floor_ms(table: TimeTable, script: Sequence[Exchange]) -> float:
    """The table's sum over a flow, in milliseconds. Raises `NoMeasurement` when the flow is not
    the standard one."""
    for interface, standard in STANDARD.items():
        seen = Counter(e.command[:2].hex().upper() for e in script if e.interface is interface)
        if seen != standard:
            raise NoMeasurement(f"{interface.value}: {seen} instead of {standard}")
    return table.floor(script) * 1000


def cards_of(cast: Cast) -> Mapping[str, tuple[Card, Interface]]:
    """What lies where: a 3.0 card with SM4 that draws the same four challenges (A to D) at every
    tap, and a PSAM for each side."""
    challenges = itertools.cycle([seeded(b"bench tap")(32)[at : at + 8] for at in (0, 8, 16, 24)])
    order = CardOrder(
        holder=cast.people[0].holder(),
        generation=Generation.V3,
        algorithm=Algorithm.SM4,
        serial="005B0001",
        card_number=card_number("Z0000100"),
    )
    spec = replace(cast.city.card_spec(order), random=lambda size: next(challenges)[:size])
    return {
        CARD: (make_card(spec, Interface.CONTACTLESS), Interface.CONTACTLESS),
        PSAM: (cast.psam(), Interface.SAM),
        SPARE_SAM: (cast.psam(), Interface.SAM),
    }


class FullTap:
    """One call is one tap through the product. The card lies in the reader all the time."""

    def __init__(self, gate: LocalGate) -> None:
        self._gate = gate
        self._reader = gate.reader(Interface.CONTACTLESS)
        until(lambda: gate.has_psam, "the product has no PSAM")
        event = self._reader.events.get(5.0)
        assert isinstance(event, Presence)
        self._presence = event
        self._outcomes: Counter[str] = Counter()
        self._record: Record | None = None
        self.to_barrier: list[float] = []  # milliseconds

    def __call__(self) -> None:
        began = time.perf_counter()
        presence = replace(self._presence, at=began, came=True)  # as if it had just come
        report = self._gate.taps.handle(self._gate.lane, self._reader, presence)
        self._outcomes[report.reason] += 1
        self._record = report.record
        self.to_barrier.append((self._gate.barrier.history[-1].at - began) * 1000)

    def script(self, holders: CardHolders) -> Sequence[Exchange]:
        """What card and PSAM exchange in one tap, in order of time, once the PSAM has settled."""
        for _ in range(SETTLED):
            self()
        before = {reader: len(holders.trace(reader)) for reader in (CARD, PSAM)}
        self()
        timed = [
            (one.at, Exchange(interface, one.command, one.response or b""))
            for reader, interface in ((CARD, Interface.CONTACTLESS), (PSAM, Interface.SAM))
            for one in holders.trace(reader)[before[reader] :]
        ]
        return [exchange for _, exchange in sorted(timed, key=lambda pair: pair[0])]

    def row_bytes(self) -> int:
        """Bytes of the values of the last tap's row."""
        assert self._record is not None
        event, record = self._record.event(), self._record
        texts = (event.kind, whose(event)[1], event.scene, event.lane, verdict_of(event) or "")
        return sum(map(len, (*texts, record.body, record.hash, record.mac)))

    def require_all_accepted(self) -> None:
        if set(self._outcomes) != {Reason.ACCEPTED}:
            raise NoMeasurement(f"not every tap was accepted: {dict(self._outcomes)}")


@dataclass(frozen=True)
class _Step:
    """One SCardTransmit: bytes as pyscard wants them."""

    sam: bool
    command: list[int]
    response: list[int]


class BareTap:
    """One call is one bare tap. A context manager: the PSAM stays connected in between."""

    def __init__(
        self, pcscd: Pcscd, script: Sequence[Exchange], row_bytes: int, folder: Path
    ) -> None:
        self._card = pcscd.ports[CARD].attached
        self._steps = [
            _Step(one.interface is Interface.SAM, list(one.command), list(one.response))
            for one in script
        ]
        self._row = "x" * row_bytes
        self._numbers = itertools.count()
        self._database = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("PRAGMA wal_autocheckpoint = 0")  # nor does a tap of ours wait
        self._database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        self._context = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))[0]
        self._psam, self._psam_protocol = self._connect(pcscd.ports[SPARE_SAM].attached)
        self._prepare_psam()
        self.commit: list[float] = []  # milliseconds
        self.power: list[float] = []  # milliseconds: connect and power-down of a tap

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        scard.SCardDisconnect(self._psam, scard.SCARD_UNPOWER_CARD)
        scard.SCardReleaseContext(self._context)
        self._database.close()

    def __call__(self) -> None:
        began = time.perf_counter()
        card, protocol = self._connect(self._card)
        connected = time.perf_counter()
        for step in self._steps:
            handle, by = (self._psam, self._psam_protocol) if step.sam else (card, protocol)
            error, answer = scard.SCardTransmit(handle, by, step.command)
            if error or answer != step.response:
                raise NoMeasurement(f"the bare loop gets another answer: error {error:08X}")
        inserting = time.perf_counter()
        self._database.execute("INSERT INTO events VALUES (?, ?)", (next(self._numbers), self._row))
        inserted = time.perf_counter()
        scard.SCardDisconnect(card, scard.SCARD_UNPOWER_CARD)
        ended = time.perf_counter()
        self.commit.append((inserted - inserting) * 1000)
        self.power.append((connected - began + ended - inserted) * 1000)

    def _connect(self, reader: str) -> tuple[int, int]:
        handle, protocol = _done(
            scard.SCardConnect(self._context, reader, scard.SCARD_SHARE_EXCLUSIVE, PROTOCOLS)
        )
        return handle, protocol

    def _prepare_psam(self) -> None:
        """Enter the environment where the full tap's PSAM stands when the next card comes."""
        for name in (ENVIRONMENTS[KeyAlgorithm.SM4], DF01):
            command = [*b"\x00\xa4\x04\x00", len(name), *name]
            _done(scard.SCardTransmit(self._psam, self._psam_protocol, command))


def _done(answer: Sequence[Any]) -> Sequence[Any]:
    """What a PC/SC call gave beside its error number."""
    error, *values = answer
    if error != scard.SCARD_S_SUCCESS:
        raise NoMeasurement(scard.SCardGetErrorMessage(error))
    return values


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
