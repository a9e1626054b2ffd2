"""A terminal of the product's own parts in this process, on a real pcscd, with a store on disk.

Proofs and benchmarks stand on it where a whole agent would hide what they count or time; what lies
between card and journal is put together by `agent.assembly`. Which readers and lanes it has
is the settings' matter: `simulators.gate` lets people in, `simulators.counter` serves callers.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from agent.assembly import MakeDesk, Replacements, Service, Terminal
from agent.equipment.gate import Equipment
from agent.identify.card import CardIdentifier
from agent.messages.texts import Texts
from agent.tap.tap import Taps
from config.load import parse
from drivers.contract import CardReader, DeviceState
from offline_store.events.row import Record
from offline_store.store import LastRow, Store
from simulators.cards import Interface
from simulators.pcscd import Pcscd
from simulators.people import Cast
from simulators.site import DOOR, DOOR_SLOT, READERS, until
from trust.keystore import FileKeyStore
from world.real import RealWorld

TERMINAL = "local-gate"
PAGE = 50  # records
FAREWELL = 3.0  # seconds that the link gets
AT = {Interface.CONTACTLESS: DOOR, Interface.CONTACT: DOOR_SLOT}


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
    product's; `authority` is the issuing authority's table, as a file has it."""

    def __init__(
        self,
        cast: Cast,
        folder: Path,
        configuration: str,
        *,
        desk: MakeDesk = CardIdentifier,
        authority: str = "",
    ) -> None:
        self.world = RealWorld()
        keys = folder / "keys"
        for name, secret in cast.city.terminal_secrets(TERMINAL).items():
            FileKeyStore(self.world, keys).write(name, secret)
        head = f"""
[terminal]
id = "{TERMINAL}"
city = "{cast.region}"
data = "{folder / "data"}"
language = "en"

[keys]
path = "{keys}"
"""
        if authority:
            table = folder / "authority.toml"
            table.write_text(authority, encoding="utf-8")
            head += f'authority = "{table}"\n'
        self.settings = parse((head + configuration).encode(), "local terminal")
        self.parts = Terminal(self.world, self.settings, Replacements(desk))
        self.service = Service(self.parts, self.settings, Texts("en"), lambda report: None)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.store.start()
            stack.callback(self.store.close)
            self.open_gate(stack)
            until(self._ready, "the readers are not ready")
            uplink = self.parts.requests.uplink = self.parts.uplink(self.settings, Texts("en"))
            if uplink is not None:
                uplink.start()
                stack.callback(uplink.stop, FAREWELL)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def open_gate(self, stack: ExitStack) -> None:
        """Put the readers' threads to work; what must end before the store does goes on `stack`."""
        raise NotImplementedError

    def look(self, stack: ExitStack) -> None:
        """Have readers and PSAMs ready, and serve nobody: the harness calls `taps` itself."""
        self.service.watchdog.start()
        stack.callback(self.service.watchdog.stop)
        stack.callback(self.gate.stop)
        payer = self.service.scene.payer
        if payer is not None:
            payer.start()
            stack.callback(payer.stop)
        self.gate.start_psams()
        self.gate.look()

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def gate(self) -> Equipment:
        return self.service.gate

    @property
    def taps(self) -> Taps:
        return self.service.taps

    @property
    def online(self) -> bool:
        """Whether its uplink has the platform's broker now."""
        uplink = self.parts.requests.uplink
        return uplink is not None and uplink.status().state == "online"

    @property
    def has_psam(self) -> bool:
        """The product has probed the PSAM and knows of nothing wrong with it."""
        return all(not status.fault for status in self.gate.sams.status())

    def reader(self, interface: Interface) -> CardReader:
        """The lanes' reader for that kind of card."""
        name = READERS[AT[interface]][0]
        return next(r for r in self.gate.lane_readers() if r.name == name)

    def journal_since(self, head: LastRow | None) -> Sequence[Record]:
        """The rows after `head` (`store.head()`), as far as one page goes."""
        return self.store.records(None, head.seq if head else 0, PAGE)

    def _ready(self) -> bool:
        return {placed.status.state for placed in self.gate.readers()} == {DeviceState.READY}


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
