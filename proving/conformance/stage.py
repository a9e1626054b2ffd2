"""Where a subject is tested: a real pcscd with virtual readers, the PSAM, a PIN pad, our daemon.

A library that talks PC/SC itself meets the same readers by `PCSCLITE_CSOCK_NAME`, with no daemon
in its way; one that talks to the daemon finds it by `ONECARD_SSCARD_SOCKET`.
"""

import getpass
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

from agent.cli.client import DaemonAbsent
from proving.conformance.cast import CITY, StageCard
from simulators.cards import Algorithm, Card, Interface, PsamKeyId
from simulators.cards.contract import Processor
from simulators.ceremony import CITY_KEYS
from simulators.devices.pty import PtyPort
from simulators.devices.typist import AGAIN, BEGIN, Typist
from simulators.lifetime import scratch
from simulators.pcscd import Pcscd
from simulators.site import AgentProcess, until
from simulators.vpcd import SOUND, Faults, Insertion, Slot
from simulators.window.callers_hsm import CallersHsm
from trust.keystore import FileKeyStore
from world.real import RealWorld

AIR, SLOT, SAM = "Onecard Contactless", "Onecard Contact", "Onecard SAM"
READERS: Mapping[str, tuple[str, str]] = {
    AIR: ("air", "contactless"),
    SLOT: ("slot", "contact"),
    SAM: ("psam", "sam"),
}
TERMINAL = "conform-1"
TERMINAL_NUMBER = "519900000077"
DEVICE_NUMBER = "CONFORM-1"
LEASE = 4.0  # seconds between the steps of one flow
PIN_TIMEOUT = 1.0  # seconds; nobody hesitates here but who is to
SETTLED = 0.3  # seconds in which pcscd has told everybody that a card came or went
CAPABILITIES = ("identity", "files", "write", "pin")

Wrong = Callable[[Processor], Processor]


class StageBroken(Exception):
    """What stands on the stage fell over, which no subject may bring about."""


class Stage:
    """A context manager; `reset` before each test."""

    def __init__(self, *, daemon: bool = True) -> None:
        self.hsm = CallersHsm(CITY)
        self.typist = Typist()
        self._with_daemon = daemon
        self._stack = ExitStack()
        self._standard = True  # the PSAM that is in is the whole one
        self._pin_clear = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = stack.enter_context(scratch("onecard-conform-"))
            self.pcscd = stack.enter_context(Pcscd(tuple(READERS)))
            self.slots = {reader: Slot(self.pcscd, reader) for reader in READERS}
            for slot in self.slots.values():
                stack.callback(slot.remove)
            self.pad = PtyPort(self.folder / "pinpad", self.typist)
            stack.enter_context(self.pad)
            self._insert_psam(CITY.psam(TERMINAL_NUMBER))
            self._write_keys()
            self._configure()
            self.agent = AgentProcess(
                self.folder, self.folder / "onecard.toml", self.pcscd.environment()
            )
            if self._with_daemon:
                stack.callback(self.agent.kill)
                self.agent.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    # What a subject needs

    @property
    def socket(self) -> str:
        return str(self.folder / "sscard.sock")

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the process in which a library is tested."""
        return {"PCSCLITE_CSOCK_NAME": self.pcscd.socket_path, "ONECARD_SSCARD_SOCKET": self.socket}

    # What tests do to it

    def reset(self) -> None:
        """No cards, the whole PSAM, all readers plugged, nobody at the pad, no right to PINs."""
        self.typist.rest()
        self.lift()
        self.plug(*(reader for reader in READERS if not self.pcscd.plugged(reader)))
        if not self._standard:
            self.change_psam()
        if self._pin_clear:
            self.hand_out_pins(allowed=False)

    def lay(
        self,
        card: StageCard | Card,
        where: str = SLOT,
        faults: Faults = SOUND,
        wrong: Wrong | None = None,
    ) -> Insertion:
        """A card lies in the slot or on the antenna, and everybody has noticed."""
        if isinstance(card, StageCard):
            card = card.at(Interface.CONTACTLESS if where == AIR else Interface.CONTACT, wrong)
        before = self._presented(where)
        insertion = self.slots[where].insert(card, faults)
        insertion.arrived.wait(60)
        self._noticed(lambda: self._presented(where) > before, f"nobody saw the card in {where}")
        return insertion

    def lift(self) -> None:
        """Take all cards away."""
        for reader in (AIR, SLOT):
            if self.slots[reader].inside is not None:
                self.slots[reader].remove()

    def change_psam(
        self,
        *,
        algorithms: Sequence[Algorithm] = tuple(Algorithm),
        keys: Sequence[PsamKeyId] = tuple(PsamKeyId),
        level: int = 3,
    ) -> None:
        """Another PSAM, or with the defaults the whole one."""
        self.slots[SAM].remove()
        self._noticed(lambda: not self._psam(), "the PSAM did not leave")
        self._insert_psam(
            CITY.psam(TERMINAL_NUMBER, algorithms=algorithms, keys=keys, level=lambda key: level),
        )
        whole = (tuple(algorithms), tuple(keys), level) == (tuple(Algorithm), tuple(PsamKeyId), 3)
        self._standard = whole
        self._noticed(lambda: bool(self._psam()), "nobody saw the PSAM")

    def take_psam(self) -> None:
        self.slots[SAM].remove()
        self._standard = False
        self._noticed(lambda: not self._psam(), "the PSAM did not leave")

    def unplug(self, *readers: str) -> None:
        """Pull readers out of the USB."""
        for reader in readers:
            self.slots[reader].unplug()
            name = READERS[reader][0]
            self._noticed(lambda name=name: self._state(name) != "ready", f"{name} did not leave")  # type: ignore[misc]

    def plug(self, *readers: str) -> None:
        for reader in readers:
            self.slots[reader].plug()
            name = READERS[reader][0]
            self._noticed(lambda name=name: self._state(name) == "ready", f"{name} is not back")  # type: ignore[misc]

    def hand_out_pins(self, *, allowed: bool) -> None:
        """Give the caller the right `pin-clear`, or take it; the daemon takes new settings."""
        self._pin_clear = allowed
        self._configure()
        self.agent.stop()
        self.agent.start()

    def await_leases_over(self) -> None:
        """What a caller left behind has timed out. Nothing tells of that end, so time passes."""
        time.sleep(LEASE + SETTLED)

    def await_empty(self) -> None:
        """The reader stack has missed the card of the test before; no subject can know it sooner.
        Raises `StageBroken`."""
        command = [sys.executable, "-m", "proving.conformance.emptied", AIR, SLOT]
        if subprocess.run(command, env=self.pcscd.environment()).returncode:
            raise StageBroken("pcscd does not miss a card")
        time.sleep(SETTLED)

    def require_daemon(self) -> None:
        """Raises `StageBroken` when a test has ended the daemon, which is started again."""
        if self._with_daemon and not self.agent.alive:
            self.agent.start()
            raise StageBroken("the daemon ended")

    def stop_daemon(self) -> None:
        self.agent.stop()

    def start_daemon(self) -> None:
        self.agent.start()

    # Inside

    def _insert_psam(self, psam: Card) -> None:
        self.slots[SAM].insert(psam).arrived.wait(60)

    def _noticed(self, seen: Callable[[], bool], what: str) -> None:
        if not self._with_daemon:
            time.sleep(SETTLED)  # nobody to ask
            return
        until(seen, what)

    def _presented(self, reader: str) -> int:
        return int(self._reader(READERS[reader][0])["presented"]) if self._with_daemon else 0

    def _state(self, name: str) -> str:
        return str(self._reader(name)["state"])

    def _reader(self, name: str) -> Mapping[str, Any]:
        try:
            readers = self.agent.status()["readers"]
        except DaemonAbsent:  # a test has stopped it
            return {"presented": -1, "state": "absent"}
        found: Mapping[str, Any] = next(one for one in readers if one["name"] == name)
        return found

    def _psam(self) -> str:
        sams = self.agent.status()["sams"]
        return "".join(one["terminal_number"] for one in sams if not one["fault"])

    def _write_keys(self) -> None:
        keys = FileKeyStore(RealWorld(), self.folder / "keys")
        for name, secret in CITY.terminal_secrets(TERMINAL).items():
            keys.write(name, secret)
        (self.folder / "authority.toml").write_text(CITY_KEYS)

    def _configure(self) -> None:
        capabilities = [*CAPABILITIES, *(["pin-clear"] if self._pin_clear else [])]
        readers = "\n".join(
            f'[[readers]]\nname = "{name}"\nmatch = "{system} 00*"\ninterface = "{interface}"\n'
            for system, (name, interface) in READERS.items()
        )
        begin, again = BEGIN.hex(), AGAIN.hex()
        (self.folder / "onecard.toml").write_text(f"""
[terminal]
id = "{TERMINAL}"
city = "{CITY.region}"
language = "zh"
data = "{self.folder / "data"}"
socket = "{self.folder / "agent.sock"}"

[keys]
path = "{self.folder / "keys"}"
authority = "{self.folder / "authority.toml"}"

[scene]
kind = "library-gate"

{readers}
[[pinpads]]
name = "pad"
driver = "serial-pinpad"
options = {{ port = "{self.pad.path}", begin = "{begin}", again = "{again}" }}

[[lanes]]
name = "counter"
direction = "counter"
readers = ["slot", "air"]
pinpad = "pad"
taps = false

[facade]
socket = "{self.socket}"
lease = {LEASE}
pin_timeout = {PIN_TIMEOUT}
device_number = "{DEVICE_NUMBER}"

[[facade.clients]]
name = "conform"
user = "{getpass.getuser()}"
purpose = "conformance"
capabilities = {capabilities!r}
""")
