"""The product's gate in this process, on a real pcscd: PSAM desk, `Taps` and a store on disk.

Proofs and benchmarks stand on it where a whole agent would hide what they count or time; the parts
between card and journal are the product's own and put together as `agent.daemon` does it.
"""

import os
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agent.clock import Clock
from agent.codes import CodeDesk, Router
from agent.documents import DocumentDesk
from agent.gate import Gate
from agent.lanes import Lane
from agent.passage import PassageEnd
from agent.reading import CardDesk
from agent.results import Results
from agent.sam import SamDesk
from agent.scenes import scene_for
from agent.standing import make_status_service
from agent.tap import TapReport, Taps
from agent.texts import Texts
from agent.transit_codes.memory import CodeMemory
from agent.uplink import PlatformRequests
from agent.watchdog import Watchdog
from config.load import parse
from drivers.console import ConsoleBarrier, ConsolePrompts
from drivers.contract import CardReader, Code, DeviceState, Document, Presence, Unread
from offline_store.event import Record
from offline_store.lists import Lists
from offline_store.store import Head, Store
from simulators.cards import Interface
from simulators.pcscd import Pcscd
from simulators.people import Cast
from simulators.site import DOOR, DOOR_SLOT, PSAM, READERS, until
from trust.keystore import FileKeyStore
from trust.references import References
from world.real import RealWorld

TERMINAL = "local-gate"
ENTRY = "entry"
PAGE = 50  # records
AT = {Interface.CONTACTLESS: DOOR, Interface.CONTACT: DOOR_SLOT}
GATE_READERS = (DOOR, DOOR_SLOT, PSAM)

MakeDesk = Callable[[RealWorld, SamDesk, References], CardDesk]


@dataclass(frozen=True)
class Ended:
    """A tap that came to its end, card powered down, at `time.perf_counter()`."""

    report: TapReport
    at: float


def become_client(pcscd: Pcscd) -> None:
    """Lead this process to `pcscd`. libpcsclite reads the way once, so: before any PC/SC call."""
    os.environ["PCSCLITE_CSOCK_NAME"] = pcscd.socket_path


@dataclass(frozen=True)
class Door:
    """How the entry lane's contactless reader is found."""

    driver: str = "pcsc"
    match: str = f"{DOOR}*"
    options: Mapping[str, str | int] = field(default_factory=dict)


class LocalGate:
    """One entry lane at the first contactless and the contact reader, and a PSAM's slot; what lies
    in them is the caller's. The same person may come again at once (window 0).

    `serve` puts the reader threads to work and their taps into `ended`; without it the caller
    calls `taps.handle` himself. `desk` makes another reader of cards than the product's, `door`
    takes another contactless reader than the first of pcscd.
    """

    def __init__(
        self,
        cast: Cast,
        folder: Path,
        *,
        serve: bool = True,
        desk: MakeDesk = CardDesk,
        door: Door | None = None,
    ) -> None:
        self.ended: queue.Queue[Ended] = queue.Queue()
        self._world = RealWorld()
        self._serve = serve
        keys = FileKeyStore(self._world, folder / "keys")
        secrets = cast.city.terminal_secrets(TERMINAL)
        for name, secret in secrets.items():
            keys.write(name, secret)
        settings = parse(_configuration(folder, cast.region, door or Door()), "local gate")
        clock = Clock(self._world)
        data = Path(settings.terminal.data)
        self.store = Store(
            self._world,
            data,
            terminal=TERMINAL,
            boot=clock.read().boot,
            keys=keys,
            lists=Lists(self._world, data),
        )
        self.gate = Gate(self._world, settings)
        self._watchdog = Watchdog(self._world, settings.watchdog.card_silent)
        references = References(secrets["city-reference"])
        self.taps = Taps(
            self._world,
            clock=clock,
            store=self.store,
            scene=scene_for(settings.scene, settings.terminal.city),
            results=Results(Texts("en")),
            desk=desk(self._world, self.gate.sams, references),
            codes=CodeDesk(Router(settings.codes), {}),
            code_memory=CodeMemory(settings.offline_codes.interval),
            documents=DocumentDesk(references),
            watchdog=self._watchdog,
            standing=make_status_service(self._world, settings, keys, PlatformRequests()),
            application="",
            report=lambda report: None,
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.store.start()
            stack.callback(self.store.close)
            self._watchdog.start()
            stack.callback(self._watchdog.stop)
            stack.callback(self.gate.stop)
            for device in (self.barrier, *self.lane.prompts):
                assert isinstance(device, ConsoleBarrier | ConsolePrompts)
                device.listen(lambda line: None)
            if self._serve:
                self.gate.start(self)
            else:
                self.gate.sams.start()
                self.gate.look()
            until(self._ready, "the readers are not ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def lane(self) -> Lane:
        return self.gate.lanes[ENTRY]

    @property
    def barrier(self) -> ConsoleBarrier:
        assert isinstance(self.lane.barrier, ConsoleBarrier)
        return self.lane.barrier

    def reader(self, interface: Interface) -> CardReader:
        """The lane's reader for that kind of card."""
        name = READERS[AT[interface]][0]
        return next(r for r in self.gate.lane_readers() if r.name == name)

    @property
    def has_psam(self) -> bool:
        """The product has probed the PSAM and knows of nothing wrong with it."""
        return all(not status.fault for status in self.gate.sams.status())

    @property
    def opened(self) -> int:
        """How often the barrier has let somebody in."""
        return self.barrier.opened.get("entry", 0)

    def journal_since(self, head: Head | None) -> Sequence[Record]:
        """The rows after `head` (`store.head()`), as far as one page goes."""
        return self.store.records(None, head.seq if head else 0, PAGE)

    def handle(self, lane: Lane, reader: CardReader, presence: Presence) -> None:
        self._end(self.taps.handle(lane, reader, presence))

    def handle_code(self, lane: Lane, code: Code) -> None:
        self._end(self.taps.handle_code(lane, code))

    def handle_document(self, lane: Lane, document: Document | Unread) -> None:
        self._end(self.taps.handle_document(lane, document))

    def handle_passage(self, lane: Lane, end: PassageEnd) -> None:
        self.taps.handle_passage(lane, end)

    def _end(self, report: TapReport) -> None:
        self.ended.put(Ended(report, time.perf_counter()))

    def _ready(self) -> bool:
        return {placed.status.state for placed in self.gate.readers()} == {DeviceState.READY}


def _configuration(folder: Path, region: str, door: Door) -> bytes:
    """TOML, as a technician would write it."""
    ways = {system: Door(match=f"{system}*") for system in GATE_READERS} | {DOOR: door}
    readers = "".join(_reader(*READERS[system], way) for system, way in ways.items())
    return f"""
[terminal]
id = "{TERMINAL}"
city = "{region}"
data = "{folder / "data"}"

[scene]
kind = "library-gate"
repeat_window = 0

{readers}
[[lanes]]
name = "{ENTRY}"
direction = "entry"
readers = {[READERS[reader][0] for reader in AT.values()]}
barrier = "gate"
prompts = ["panel"]

[[barriers]]
name = "gate"

[[prompts]]
name = "panel"
""".encode()


def _reader(name: str, interface: str, way: Door) -> str:
    options = "".join(f"options.{key} = {value!r}\n" for key, value in way.options.items())
    return (
        f'[[readers]]\nname = "{name}"\ndriver = "{way.driver}"\nmatch = "{way.match}"\n'
        f'interface = "{interface}"\n{options}'
    )
