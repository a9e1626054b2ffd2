"""What a call of the national interface costs beside its own work: through the socket as libsscard
does it, and the same desk called in process, turn by turn in one run.

Cards and PSAM take no time; the journal is a real one on this machine's disk.
"""

import argparse
import json
import os
import pwd
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.equipment.lane import InputThread, Lane
from agent.equipment.reader_queue import ReaderQueue
from agent.equipment.watchdog import Watchdog
from agent.facade import wire
from agent.facade.desk import CallDispatcher, CallerConnection
from agent.facade.disclosure import DisclosureBook
from agent.facade.means import CardServices
from agent.facade.standing import StatusReader
from agent.facade.unix import UnixServer
from agent.identify.card import CardIdentifier
from agent.messages.results import Results
from agent.messages.texts import Texts
from agent.psam.social_security import PsamPool
from apdu.social_security.city_keys import PUBLIC_KEYS_ONLY
from benchmarks.measure import alternate, median, percentile
from config.model import FacadeClient
from drivers.contract import Interface
from offline_store.clock import Clock
from offline_store.lists.on_disk import Lists
from offline_store.store import Store
from simulators.cards import Interface as CardInterface
from simulators.lifetime import scratch
from simulators.memory import MemoryReader
from simulators.people import Wallet, load_cast
from simulators.site import until
from trust.keystore import FileKeyStore
from trust.references import References
from world.real import RealWorld

GOALS = {"overhead_p50_max": 1.0}
TERMINAL = "bench"
FUNCTION, PARAMETERS = "iReadCardBas", (b"1",)
CARD = "lin"  # 3.0, SM4


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Milliseconds. `overhead_p50`: the median call through the socket minus the median of the same
    call in process. `refused_*`: a call that ends before any reader is asked. `holds`: the goal.

    `--rounds N` (default 300).
    """
    parser = argparse.ArgumentParser(prog="onecard bench facade")
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args(arguments).rounds
    with ExitStack() as stack:
        folder = stack.enter_context(scratch("onecard-bench-"))
        counter = Counter(folder, stack)
        library = Library(counter.path, stack)
        samples = alternate(
            {
                "socket": lambda: _require(library.call(FUNCTION, PARAMETERS), 0),
                "process": lambda: _require(counter.call(FUNCTION, PARAMETERS), 0),
                "refused_socket": lambda: _require(library.call(FUNCTION, (b"9",)), -14),
                "refused_process": lambda: _require(counter.call(FUNCTION, (b"9",)), -14),
            },
            rounds,
        )
    figures = {f"{name}_p50": round(median(times), 3) for name, times in samples.items()}
    overhead = round(median(samples["socket"]) - median(samples["process"]), 3)
    refused = median(samples["refused_socket"]) - median(samples["refused_process"])
    return {
        "name": "facade",
        "rounds": rounds,
        "overhead_p50": overhead,
        "refused_overhead_p50": round(refused, 3),
        **figures,
        "socket_p99": round(percentile(samples["socket"], 99), 3),
        "goals": GOALS,
        "holds": overhead <= GOALS["overhead_p50_max"],
    }


class Counter:
    """A desk with one reader, its card and its PSAM in memory, behind its socket."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        world, cast = RealWorld(), load_cast()
        keys = FileKeyStore(world, folder / "keys")
        secrets = cast.city.terminal_secrets(TERMINAL)
        for name, secret in secrets.items():
            keys.write(name, secret)
        clock, references = Clock(world), References(secrets["city-reference"])
        data = folder / "data"
        store = Store(
            world,
            data,
            terminal=TERMINAL,
            boot=clock.read().boot,
            keys=keys,
            lists=Lists(world, data),
        )
        store.start()
        stack.callback(store.close)
        psam = MemoryReader(world, "psam", Interface.SAM)
        sams = PsamPool(world, [psam])
        sams.start()
        stack.callback(sams.stop)
        psam.insert(cast.psam())
        reader = MemoryReader(world, "slot", Interface.CONTACT)
        seat = ReaderQueue(Lane("window", "counter", None, ()), reader, None)
        thread = InputThread(world, "reader slot", reader.events, seat.take)
        thread.start()
        stack.callback(thread.stop)
        reader.insert(Wallet(cast).at(CARD, CardInterface.CONTACT))
        watchdog = Watchdog(world, 1.2)
        watchdog.start()
        stack.callback(watchdog.stop)
        unasked = StatusReader(None, references, "", "record")
        self._desk = CallDispatcher(
            seats=[seat],
            means=CardServices(
                world,
                CardIdentifier(world, sams, references).authenticator,
                PUBLIC_KEYS_ONLY,
                "",
                unasked,
            ),
            watchdog=watchdog,
            results=Results(Texts("en")),
            book=DisclosureBook(clock, store, references, unasked),
            lease=60.0,
            pin_timeout=30.0,
            require=lambda capability: None,
        )
        user = pwd.getpwuid(os.geteuid()).pw_name
        client = FacadeClient(name="bench", user=user, purpose="bench")
        self.path = folder / "sscard.sock"
        server = UnixServer(world, self.path, [client], self._connect)
        server.start()
        stack.callback(server.stop)
        self._inside = self._connect(client, "in process")
        until(lambda: seat.card_present is not None, "the card is not seen")
        until(lambda: all(not status.fault for status in sams.status()), "the PSAM is not ready")

    def call(self, function: str, parameters: Sequence[bytes]) -> int:
        return self._inside.call(function, parameters).result

    def _connect(self, client: FacadeClient, caller: str) -> CallerConnection:
        return CallerConnection(self._desk, client, caller)


class Library:
    """What libsscard does: one frame out, one frame in, on one line."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._line = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        self._line.connect(str(path))

    def call(self, function: str, parameters: Sequence[bytes]) -> int:
        self._line.sendall(wire.call(function, parameters))
        result, _ = wire.read_answer(self._exactly(wire.length_of(self._exactly(4))))
        return result

    def _exactly(self, size: int) -> bytes:
        found = self._line.recv(size, socket.MSG_WAITALL)
        if len(found) < size:
            raise ConnectionResetError("the desk has hung up")
        return found


def _require(result: int, wanted: int) -> None:
    if result != wanted:
        raise AssertionError(f"the call gave {result}: its time means nothing")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
