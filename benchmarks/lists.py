"""Lists of a large city: swapped while taps go on, and looked into when there are five million.

The taps are turns of the product's store, some 170 a second, more than any terminal sees: look-ups
in the lists, the person's last visit, one event, one COMMIT with FULL. They take turns, swap by
swap: as many without a swap as there were with one. A swap is all that the terminal does with a
list: the envelope's signature, the child that builds the file, its syncs, the swap.
"""

import argparse
import random
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks import made_lists
from benchmarks.made_lists import CARD_ISSUER, ENTRIES, ISSUER_KEY_ID, PRIVATE
from benchmarks.measure import NoMeasurement, median, percentile
from offline_store.clock import ClockReading
from offline_store.events.happened import used
from offline_store.events.tap import Tap
from offline_store.journal import SEED
from offline_store.lists.folder import ListFolder
from offline_store.lists.form import BLACKLIST, ISSUERS
from offline_store.lists.on_disk import Lists, View
from offline_store.store import Entry, Store, Turn
from simulators.lifetime import scratch
from trust.envelope import Opener
from trust.keystore import FileKeyStore
from trust.sm2 import sm2
from world import Fault
from world.real import RealWorld

SWAPS: Final = 24  # of which every sixth is a delta
TAPS: Final = 5_000  # on each side at least
WARM: Final = 200  # taps before anything is measured
PAUSE: Final = 0.005  # seconds between taps; a swap takes some seconds, and each tap is one sample
LARGE: Final = 5_000_000  # entries
LOOKUPS: Final = 20_000
NICE: Final = 10
MB: Final = 2**20

GOALS: Final = {
    "lookup_p50_max": 0.020,
    "disk_mb_per_million_max": 60.0,
    "swap_ratio_p95_max": 1.2,
    "swap_tap_max_max": 100.0,
    "rss_growth_mb_max": 4.0,  # a list of 500 000 has 7.4 MB
}


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Milliseconds, unless the name says otherwise.

    `lookup_p50`, `lookup_p99`: one look-up, listed or not, in `entries` entries, through the
    product's `View`. `disk_mb_per_million` of the file (10^6 bytes). `build_s`, `build_rss_mb`: the
    child that builds that file. `tap_*`: taps while nothing is swapped; `swap_tap_*`: taps begun
    while a swap was under way. `swap_s`, `delta_s`: medians of a swap, whole and delta.
    `rss_growth_mb`: what the terminal's process has grown by since it had no blacklist, without
    the times of taps that are kept here;
    `swap_peak_mb`: the most that it had grown by meanwhile, with an envelope on its way.

    `--swaps N`, `--taps N`, `--entries N` for shorter runs.
    """
    parser = argparse.ArgumentParser(prog="onecard bench lists")
    parser.add_argument("--swaps", type=int, default=SWAPS)
    parser.add_argument("--taps", type=int, default=TAPS)
    parser.add_argument("--entries", type=int, default=LARGE)
    options = parser.parse_args(arguments)
    with scratch("onecard-lists-") as folder:
        figures = {
            **swapping(folder, options.swaps, options.taps),
            **looking(folder, options.entries),
        }
    rounded = {key: round(value, 4) for key, value in figures.items()}
    holds = all(rounded[goal.removesuffix("_max")] <= most for goal, most in GOALS.items())
    return {"name": "lists", **rounded, "goals": GOALS, "holds": holds}


def swapping(folder: Path, swaps: int, taps: int) -> dict[str, float]:
    """Taps with and without a swap under way."""
    _in_own_process(made_lists.seal_all, folder, swaps + 1)
    with ExitStack() as stack:
        terminal = Terminal(folder)
        terminal.store.start()
        stack.callback(terminal.store.close)
        terminal.install(made_lists.path_of(folder, ISSUERS, 1))
        terminal.tap_so_often(WARM)
        rss = _memory_mb("VmRSS")  # without a blacklist
        _forget_peak()
        terminal.install(made_lists.path_of(folder, BLACKLIST, 1))
        for version in range(2, swaps + 2):
            swap = Swap(terminal, made_lists.path_of(folder, BLACKLIST, version))
            with_swap = terminal.tap_while(swap.running)
            swap.require_done()
            without = terminal.tap_so_often(max(len(with_swap), -(-taps // swaps)))
            (terminal.deltas if made_lists.is_delta(version) else terminal.wholes).append(swap.took)
            terminal.swapped += with_swap
            terminal.quiet += without
        rss += sum(len(kept) * kept.itemsize for kept in (terminal.quiet, terminal.swapped)) / MB
        growth, peak = _memory_mb("VmRSS") - rss, _memory_mb("VmHWM") - rss
    if min(len(terminal.swapped), len(terminal.quiet)) < taps:
        raise NoMeasurement(f"{len(terminal.swapped)} taps while lists were swapped")
    quiet, swapped = terminal.quiet, terminal.swapped
    return {
        "swaps": len(terminal.wholes) + len(terminal.deltas),
        "swap_entries": ENTRIES,
        "taps": len(quiet),
        "swap_taps": len(swapped),
        "tap_p50": median(quiet),
        "tap_p95": percentile(quiet, 95),
        "tap_max": max(quiet),
        "swap_tap_p50": median(swapped),
        "swap_tap_p95": percentile(swapped, 95),
        "swap_tap_max": max(swapped),
        "swap_ratio_p95": percentile(swapped, 95) / percentile(quiet, 95),
        "swap_s": median(terminal.wholes),
        "delta_s": median(terminal.deltas or [0.0]),
        "rss_growth_mb": growth,
        "swap_peak_mb": peak,
    }


def _samples() -> "array[float]":
    """Packed, so that it is known how much of the memory that is measured is theirs."""
    return array("d")


@dataclass
class Terminal:
    """Store and lists, put together as `agent.daemon` does it; memory as in `agent.__main__`."""

    folder: Path
    quiet: "array[float]" = field(default_factory=_samples)  # milliseconds
    swapped: "array[float]" = field(default_factory=_samples)
    wholes: list[float] = field(default_factory=list)  # seconds
    deltas: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = RealWorld()
        world.return_large_blocks()
        keys = FileKeyStore(world, self.folder / "keys")
        keys.write(SEED, bytes(32))
        data = self.folder / "data"
        self.lists = Lists(world, data)
        self.store = Store(world, data, terminal="bench", boot="1", keys=keys, lists=self.lists)
        self._opener = Opener(sm2(), {ISSUER_KEY_ID: sm2().public(PRIVATE)})
        self._draw = random.Random("taps")

    def install(self, envelope: Path) -> None:
        opened = self._opener.open(
            envelope.read_bytes(), kind="list", audience=("bench",), newer_than=0
        )
        self.lists.install(opened)

    def tap(self) -> float:
        """Milliseconds of one, after a pause."""
        time.sleep(PAUSE)
        card, person = self._draw.randbytes(32).hex(), self._draw.randbytes(32).hex()
        number = made_lists.unlisted_number(self._draw)
        began = time.perf_counter_ns()

        def decide(turn: Turn) -> Entry:
            lists = turn.lists
            listed = (
                lists.find_blacklisted(card=card, number=person)
                or lists.find_blacklisted(person=person)
                or lists.find_transit(number, CARD_ISSUER)
            )
            if listed is not None or not lists.issuer_allowed(CARD_ISSUER):
                raise NoMeasurement("somebody who is not listed was found")
            turn.last_accepted(person, scene="bench")
            return Entry(
                Tap(
                    clock=ClockReading(1_790_000_000_000, "synchronised", "1"),
                    lane="entry",
                    scene="bench",
                    card=card,
                    person=person,
                    verdict="accepted",
                    reason="accepted",
                    lists=used(lists.versions()),
                )
            )

        self.store.turn(decide)
        return (time.perf_counter_ns() - began) / 1e6

    def tap_so_often(self, times: int) -> "array[float]":
        return array("d", (self.tap() for _ in range(times)))

    def tap_while(self, running: Callable[[], bool]) -> "array[float]":
        took = _samples()
        while running():
            took.append(self.tap())
        return took


class Swap:
    """One list on its way into force, on a thread of its own as in the agent."""

    def __init__(self, terminal: Terminal, envelope: Path) -> None:
        self.took = 0.0  # seconds
        self._failure: Exception | None = None
        self._terminal = terminal
        self._envelope = envelope
        self._thread = threading.Thread(target=self._install, daemon=True)
        self._thread.start()

    def running(self) -> bool:
        return self._thread.is_alive()

    def require_done(self) -> None:
        if not self.took:
            raise NoMeasurement(f"{self._envelope.name} is not in force") from self._failure

    def _install(self) -> None:
        began = time.perf_counter()
        try:
            self._terminal.install(self._envelope)
        except (Fault, OSError) as error:
            self._failure = error
        else:
            self.took = time.perf_counter() - began


def looking(folder: Path, entries: int) -> dict[str, float]:
    """Look-ups in a list that long, of listed and of others in turn."""
    payload, data = folder / "large.payload", folder / "data"
    own = ListFolder(RealWorld(), data, BLACKLIST)
    fresh, file = own.beside(1000, "new"), own.path(1000)
    _in_own_process(made_lists.write_large, payload, entries)
    began = time.perf_counter()
    peak = _built(payload, fresh)
    own.adopt(1000, fresh)
    took = time.perf_counter() - began
    rss = _memory_mb("VmRSS")
    view = Lists(RealWorld(), data).view()
    rss = _memory_mb("VmRSS") - rss
    samples = _look(view, made_lists.listed_cards(entries), random.Random("look-ups"))
    return {
        "entries": entries,
        "lookup_p50": median(samples),
        "lookup_p99": percentile(samples, 99),
        "disk_mb_per_million": file.stat().st_size / entries,
        "build_s": took,
        "build_rss_mb": peak,
        "open_rss_mb": rss,
    }


def _built(payload: Path, file: Path) -> float:
    """The product's child builds the file; its greatest VmRSS in MiB."""
    command = [sys.executable, "-m", "offline_store.lists.load"]
    command += [str(payload), str(file), BLACKLIST, "1000"]
    peak = 0.0
    with subprocess.Popen(["nice", "-n", str(NICE), *command]) as child:
        while child.poll() is None:
            with suppress(OSError, StopIteration):  # it ends, or is about to
                peak = max(peak, _memory_mb("VmHWM", child.pid))
            time.sleep(0.01)
    if child.returncode:
        raise NoMeasurement(f"the list was not built: {child.returncode}")
    return peak


def _look(view: View, listed: Sequence[str], draw: random.Random) -> list[float]:
    """Milliseconds of each look-up: a listed card, another card, a transit card, in turn."""
    samples = []
    for card in draw.sample(listed, min(len(listed), LOOKUPS // 3)):
        other, number = draw.randbytes(32).hex(), made_lists.unlisted_number(draw)
        for look, found in (
            (partial(view.find_blacklisted, card=card), True),
            (partial(view.find_blacklisted, card=other), False),
            (partial(view.find_transit, number, CARD_ISSUER), False),
        ):
            began = time.perf_counter_ns()
            hit = look()
            samples.append((time.perf_counter_ns() - began) / 1e6)
            if (hit is not None) != found:
                raise NoMeasurement("a look-up gave another answer than the list")
    return samples


def _in_own_process(work: Callable[..., None], *arguments: object) -> None:
    process = get_context("spawn").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise NoMeasurement(f"{work.__name__} ended with {process.exitcode}")


def _memory_mb(what: str, pid: int | str = "self") -> float:
    """`VmRSS`, or its highest mark `VmHWM`, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def _forget_peak() -> None:
    """From now on `VmHWM` begins with what is there (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
