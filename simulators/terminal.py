"""A terminal of the product's own parts in this process, on a real pcscd, with a store on disk.

Proofs and benchmarks stand on it where a whole agent would hide what they count or time; what lies
between card and journal is put together as `agent.daemon` does it. Which readers and lanes it has
is the settings' matter: `simulators.gate` lets people in, `simulators.counter` serves callers.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agent.codes import CodeDesk, Router
from agent.documents import DocumentDesk
from agent.fares.rules import Rules
from agent.gate import Gate
from agent.hsm import HsmDesk
from agent.key_lists import KeyLists
from agent.reading import CardDesk
from agent.results import Results
from agent.sam import SamDesk
from agent.scenes import scene_for
from agent.standing import make_status_service
from agent.tap import Taps
from agent.texts import Texts
from agent.transit.build import make_fares, make_offers, make_payments, make_ride
from agent.transit_codes.memory import CodeMemory
from agent.uplink import PlatformRequests, make_uplink
from agent.watchdog import Watchdog
from apdu.city_keys import PUBLIC_KEYS_ONLY, CityKeys
from apdu.transit.files import Layouts
from config.load import parse
from drivers.contract import CardReader, DeviceState
from offline_store.clock import Clock
from offline_store.events.row import Record
from offline_store.lists import Lists
from offline_store.store import Head, Store
from simulators.cards import Interface
from simulators.pcscd import Pcscd
from simulators.people import Cast
from simulators.site import DOOR, DOOR_SLOT, READERS, until
from trust.keystore import FileKeyStore
from trust.references import References
from world import Fault
from world.real import RealWorld

TERMINAL = "local-gate"
PAGE = 50  # records
FAREWELL = 3.0  # seconds that the link gets
AT = {Interface.CONTACTLESS: DOOR, Interface.CONTACT: DOOR_SLOT}

MakeDesk = Callable[[RealWorld, SamDesk, References, HsmDesk | None], CardDesk]


def become_client(pcscd: Pcscd) -> None:
    """Lead this process to `pcscd`. libpcsclite reads the way once, so: before any PC/SC call."""
    os.environ["PCSCLITE_CSOCK_NAME"] = pcscd.socket_path


@dataclass(frozen=True)
class Way:
    """How a reader is found."""

    driver: str = "pcsc"
    match: str = ""  # empty: pcscd's own name for it
    options: Mapping[str, str | int] = field(default_factory=dict)


class LocalTerminal:
    """A context manager. `configuration` is the settings' text behind `[terminal]`; with a `[sync]`
    there is an uplink, and the HSM behind it. `desk` makes another reader of cards than the
    product's."""

    def __init__(
        self,
        cast: Cast,
        folder: Path,
        configuration: str,
        *,
        desk: MakeDesk = CardDesk,
        keys: CityKeys = PUBLIC_KEYS_ONLY,
    ) -> None:
        self.world = RealWorld()
        store_of_keys = FileKeyStore(self.world, folder / "keys")
        secrets = cast.city.terminal_secrets(TERMINAL)
        for name, secret in secrets.items():
            store_of_keys.write(name, secret)
        head = f"""
[terminal]
id = "{TERMINAL}"
city = "{cast.region}"
data = "{folder / "data"}"
"""
        self.settings = settings = parse((head + configuration).encode(), "local terminal")
        self.clock = Clock(self.world)
        data = Path(settings.terminal.data)
        lists = Lists(self.world, data)
        self.store = Store(
            self.world,
            data,
            terminal=TERMINAL,
            boot=self.clock.read().boot,
            keys=store_of_keys,
            lists=lists,
        )
        self.keys = keys
        self.gate = Gate(self.world, settings, keys)
        self.watchdog = Watchdog(self.world, settings.watchdog.card_silent)
        self.references = References(secrets["city-reference"])
        self.results = Results(Texts("en"))
        self.requests = PlatformRequests()
        hsm = None
        if settings.sync is not None:
            hsm = HsmDesk(self.requests, settings.hsm.within)
            self.requests.uplink = make_uplink(
                self.world,
                settings,
                self.store,
                lists,
                KeyLists(self.world, data),
                store_of_keys,
                report=lambda status: None,
                warn=_raise,
            )
        self.desk = desk(self.world, self.gate.sams, self.references, hsm)
        fares = make_fares(settings)
        self.payments = make_payments(
            self.world,
            settings,
            clock=self.clock,
            store=self.store,
            desk=self.gate.transit,
            references=self.references,
            results=self.results,
            offers=make_offers(settings, Rules, fares, Layouts.shipped(), self.clock.read),
            ride=make_ride(settings),
        )
        self.taps = Taps(
            self.world,
            clock=self.clock,
            store=self.store,
            scene=scene_for(settings.scene, settings.terminal.city),
            results=self.results,
            desk=self.desk,
            codes=CodeDesk(Router(settings.codes), {}),
            code_memory=CodeMemory(settings.offline_codes.interval),
            documents=DocumentDesk(self.references),
            watchdog=self.watchdog,
            standing=make_status_service(self.world, settings, store_of_keys, PlatformRequests()),
            application="",
            report=lambda report: None,
            payments=self.payments,
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.store.start()
            stack.callback(self.store.close)
            self.watchdog.start()
            stack.callback(self.watchdog.stop)
            stack.callback(self.gate.stop)
            self.open_gate(stack)
            until(self._ready, "the readers are not ready")
            uplink = self.requests.uplink
            if uplink is not None:
                uplink.start()
                stack.callback(uplink.stop, FAREWELL)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def open_gate(self, stack: ExitStack) -> None:
        """Put the readers' threads to work; what must end before the gate does goes on `stack`."""
        raise NotImplementedError

    @property
    def online(self) -> bool:
        """Whether its uplink has the platform's broker now."""
        uplink = self.requests.uplink
        return uplink is not None and uplink.status().state == "online"

    @property
    def has_psam(self) -> bool:
        """The product has probed the PSAM and knows of nothing wrong with it."""
        return all(not status.fault for status in self.gate.sams.status())

    def reader(self, interface: Interface) -> CardReader:
        """The lanes' reader for that kind of card."""
        name = READERS[AT[interface]][0]
        return next(r for r in self.gate.lane_readers() if r.name == name)

    def journal_since(self, head: Head | None) -> Sequence[Record]:
        """The rows after `head` (`store.head()`), as far as one page goes."""
        return self.store.records(None, head.seq if head else 0, PAGE)

    def _ready(self) -> bool:
        return {placed.status.state for placed in self.gate.readers()} == {DeviceState.READY}


def _raise(fault: Fault) -> None:
    """A harness has no key that may be wrong."""
    raise fault


def reader_tables(systems: Sequence[str], ways: Mapping[str, Way] | None = None) -> str:
    """`[[readers]]` for readers of `simulators.site`; `ways` has those that pcscd does not know."""
    return "".join(_reader(system, (ways or {}).get(system, Way())) for system in systems)


def _reader(system: str, way: Way) -> str:
    name, interface = READERS[system]
    options = "".join(f"options.{key} = {value!r}\n" for key, value in way.options.items())
    return (
        f'[[readers]]\nname = "{name}"\ndriver = "{way.driver}"\n'
        f'match = "{way.match or f"{system}*"}"\ninterface = "{interface}"\n{options}\n'
    )
