"""Every kind of device that the product has a driver for, fitted into a box."""

import itertools
import queue
import random
import threading
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import qrcode

from drivers.contract import DeviceFault, Direction, Line, PinFault, Receipt
from simulators.box.parts import HOSTILE, SOON, Fault, Part, SerialPart, soon
from simulators.cards import Interface
from simulators.devices.boards import (
    GateBoard,
    LcusBoard,
    ModbusBoard,
    SwingBoard,
    TripodBoard,
)
from simulators.devices.idcard import SamVModule, SamVUsb, document_of
from simulators.devices.keyboard import EVENT, Keyboard
from simulators.devices.lamp import TowerPeer
from simulators.devices.mjpeg import CameraFaults, MjpegServer
from simulators.devices.pinpad import PinPadPeer
from simulators.devices.pn532 import Pn532Chip
from simulators.devices.printer import PrinterPeer
from simulators.devices.scan_module import HidPosScanner, ScanModule
from simulators.devices.usb import UsbDevice, UsbFaults
from simulators.site import DOOR, DOOR_OUT, NotInTime, until
from simulators.vpcd import Faults

if TYPE_CHECKING:
    from simulators.box.box import Box

GOOD = "lin"  # a card that every lane accepts
LEFT, RIGHT = bytes.fromhex("EB014000AA"), bytes.fromhex("EB014100AB")  # devices.md
SWING_IN, SWING_OUT = bytes.fromhex("0210010104"), bytes.fromhex("0210010204")  # made up
INPUTS = {"entry": 0, "exit": 1, "forced": 2}  # of the Modbus board's sensors


def fit(box: "Box") -> list[Part]:
    """One of everything."""
    ports = box.ports
    return [
        PcscPart("door", "entry", DOOR, box),
        PcscPart("door-out", "exit", DOOR_OUT, box),
        Pn532Part("air", "entry", ports, Pn532Chip()),
        CameraPart("eye", "entry"),
        ModulePart("wand", "entry", ports, ScanModule("newland", baudrate=9600)),
        HidPosPart("gun", "exit", box),
        KeyboardPart("keys", "desk", box.folder / "input"),
        SamVPart("id-reader", "desk", ports, SamVModule()),
        SamVUsbPart("id-usb", "side", box),
        ModbusPart("gate", "entry", ports, ModbusBoard({0: "entry", 1: "exit"}, INPUTS)),
        TripodPart("arm", "exit", ports, TripodBoard({RIGHT: "exit"})),
        LcusPart("relay", "desk", ports, LcusBoard({1: "counter"})),
        SwingPart("leaf", "side", ports, SwingBoard({SWING_IN: "entry"})),
        VoicePart("speaker", "entry"),
        LampPart("lamp", "entry", ports, TowerPeer()),
        PinPadPart("pad", "desk", ports, PinPadPeer()),
        PrinterPart("printer", "desk", ports, PrinterPeer()),
    ]


class CardPart(Part):
    """A card reader: a good card is accepted."""

    kind = "readers"

    @abstractmethod
    def hold(self, box: "Box") -> None:
        """A good card comes."""

    @abstractmethod
    def take(self) -> None: ...

    def works(self, box: "Box") -> str:
        box.forget(self.name)
        self.hold(box)
        try:
            box.report(self.name, "accepted-exit" if self.lane == "exit" else "accepted")
        finally:
            self.take()
        return "card-let-out" if self.lane == "exit" else "card-accepted"


class PcscPart(CardPart):
    """A reader of the real pcscd."""

    driver = "pcsc"

    def __init__(self, name: str, lane: str, system: str, box: "Box") -> None:
        super().__init__(name, lane)
        self._system = system
        self._box = box

    def table(self) -> str:
        return (
            f'[[readers]]\nname = "{self.name}"\nmatch = "{self._system}*"\n'
            'interface = "contactless"\n\n'
        )

    def options(self) -> str:
        return "{}"

    def plug(self) -> None:
        if not self._box.pcscd.plugged(self._system):
            self._box.pcscd.plug(self._system)

    def unplug(self) -> None:
        self._box.pcscd.unplug(self._system)

    def hold(self, box: "Box") -> None:
        box.slots[self._system].insert(box.wallet.at(GOOD, Interface.CONTACTLESS))

    def take(self) -> None:
        self._box.slots[self._system].remove()

    def faults(self) -> Mapping[str, Fault]:
        return {**super().faults(), "mute card": self.mute, "service killed": self.killed}

    def shows(self, fault: str) -> bool:
        return fault == "service killed" or super().shows(fault)

    def excused(self, box: "Box", fault: str) -> Collection[str]:
        """The voice speaks when a card was held to the door; the PSAM is pcscd's too."""
        if fault == "service killed":
            return [part.name for part in box.parts if part.kind in ("readers", "prompts")]
        return [part.name for part in box.parts if part.kind == "prompts"]

    @contextmanager
    def mute(self) -> Iterator[None]:
        card = self._box.wallet.at(GOOD, Interface.CONTACTLESS)
        self._box.slots[self._system].insert(card, Faults(mute_from=1))
        try:
            yield
        finally:
            self.take()

    @contextmanager
    def killed(self) -> Iterator[None]:
        self._box.pcscd.kill()
        try:
            yield
        finally:
            self._box.pcscd.start()


class Pn532Part(SerialPart, CardPart):
    """A contactless chip on a serial port."""

    kind = "readers"
    driver = "pn532"
    peer: Pn532Chip

    def table(self) -> str:
        return (
            f'[[readers]]\nname = "{self.name}"\ndriver = "pn532"\nmatch = "{self.port.path}"\n'
            'interface = "contactless"\n\n'
        )

    def shows(self, fault: str) -> bool:
        return fault == "silent" or super().shows(fault)

    def hold(self, box: "Box") -> None:
        self.peer.put(box.wallet.at(GOOD, Interface.CONTACTLESS))

    def take(self) -> None:
        self.peer.take()


class ScannerPart(Part):
    """A scanner or camera: a code is shown, and its own refusal comes of it."""

    kind = "scanners"
    _numbers: ClassVar = itertools.count(10_000_000)  # no code twice: it would be the same one

    @abstractmethod
    def show(self, code: bytes) -> None: ...

    def hide(self) -> None:
        """The code is taken away."""

    def works(self, box: "Box") -> str:
        box.forget(self.name)
        self.show(b"BOX-%d" % next(self._numbers))
        try:
            reason = "accepted-exit" if self.lane == "exit" else "code-unresolved"
            box.report(self.name, reason)
        finally:
            self.hide()
        return "code-read"


class ModulePart(SerialPart, ScannerPart):
    """A scan module that the host triggers."""

    kind = "scanners"
    driver = "serial-scanner"
    peer: ScanModule

    def __init__(self, name: str, lane: str, folder: Path, peer: ScanModule) -> None:
        super().__init__(name, lane, folder, peer)
        self.port = peer.plugged_at(self.port.path)

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", trigger = "{self.peer.kind}", rearm = 0.5 }}'

    def show(self, code: bytes) -> None:
        self.peer.show(code)

    def hide(self) -> None:
        self.peer.hide()


class UsbPart(Part):
    """A device on the in-memory USB bus."""

    device: UsbDevice

    def __init__(self, name: str, lane: str, box: "Box") -> None:
        super().__init__(name, lane)
        self._bus = box.usb

    def plug(self) -> None:
        if not self.device.plugged:
            self._bus.plug(self.device)

    def unplug(self) -> None:
        if self.device.plugged:
            self._bus.unplug(self.device)

    def faults(self) -> Mapping[str, Fault]:
        return {
            **super().faults(),
            "stall": partial(self.usb, again=False, stall=1),
            "silent": partial(self.usb, again=False, mute=True),
            "no permission": partial(self.usb, again=True, denied=True),
            "taken by another program": partial(self.usb, again=True, busy=True),
        }

    @contextmanager
    def usb(self, *, again: bool, **faults: bool | int) -> Iterator[None]:
        """Something is wrong with the device; `again`: it was plugged anew."""
        if again:
            self.unplug()
        for name, value in faults.items():
            setattr(self.device.faults, name, value)
        if again:
            self.plug()
        try:
            yield
        finally:
            self.device.faults = UsbFaults()


class HidPosPart(UsbPart, ScannerPart):
    kind = "scanners"
    driver = "hid-pos-scanner"
    device: HidPosScanner

    def __init__(self, name: str, lane: str, box: "Box") -> None:
        super().__init__(name, lane, box)
        self.device = HidPosScanner(serial="BOX1", port=1)

    def options(self) -> str:
        return '{ usb = "0C2E:0B6A:BOX1" }'

    def show(self, code: bytes) -> None:
        self.device.show(code)


class KeyboardPart(ScannerPart):
    """A scan module in keyboard mode: an event file."""

    driver = "keyboard-scanner"

    def __init__(self, name: str, lane: str, folder: Path) -> None:
        super().__init__(name, lane)
        self.keyboard = Keyboard(folder / "usb-Onecard_keys-event-kbd")
        self._stack = ExitStack()

    def plug(self) -> None:
        if not self.keyboard.port.plugged:
            self._stack.enter_context(self.keyboard)

    def unplug(self) -> None:
        self._stack.close()

    def options(self) -> str:
        return f'{{ port = "{self.keyboard.port.path}" }}'

    def show(self, code: bytes) -> None:
        self.keyboard.show(code.decode())

    def faults(self) -> Mapping[str, Fault]:
        return {**super().faults(), "garbage": self.garbage, "no permission": self.denied}

    @contextmanager
    def garbage(self) -> Iterator[None]:
        """Whole events, as the kernel never splits one; what they say is chance."""
        whole = HOSTILE // EVENT.size * EVENT.size
        self.keyboard.say(random.Random(self.name).randbytes(whole))
        yield

    @contextmanager
    def denied(self) -> Iterator[None]:
        self.unplug()
        self.keyboard.denied = True
        self.plug()
        try:
            yield
        finally:
            self.keyboard.denied = False


class CameraPart(ScannerPart):
    """An MJPEG camera."""

    driver = "camera"

    def __init__(self, name: str, lane: str) -> None:
        super().__init__(name, lane)
        self.server = MjpegServer(fps=15.0)

    def plug(self) -> None:
        self.server.plug()

    def unplug(self) -> None:
        self.server.unplug()

    def options(self) -> str:
        self.server.plug()  # its address is known only then
        return f'{{ source = "{self.server.url}", window = 1.0 }}'

    def show(self, code: bytes) -> None:
        picture = qrcode.QRCode(box_size=6, border=6)
        picture.add_data(code)
        frame = np.full((480, 640), 200, np.uint8)
        drawn = np.where(np.array(picture.get_matrix()), 20, 235).astype(np.uint8)
        drawn = np.kron(drawn, np.ones((8, 8), np.uint8))
        frame[60 : 60 + drawn.shape[0], 100 : 100 + drawn.shape[1]] = drawn
        self.server.show(frame)

    def hide(self) -> None:
        self.server.hide()

    def faults(self) -> Mapping[str, Fault]:
        return {
            **super().faults(),
            "frozen": partial(self.broken, frozen=True),
            "dark": partial(self.broken, black=True),
            "no more pictures": partial(self.broken, paused=True),
            "half a picture": partial(self.broken, stalled=True),
            "spoilt pictures": partial(self.broken, spoil=lambda jpeg: jpeg[: len(jpeg) // 3]),
            "refusing": partial(self.broken, refusing=True, drop=True),
            "endless headers": partial(self.broken, endless="headers", drop=True),
        }

    def shows(self, fault: str) -> bool:
        """A camera talks all the time, so every silence and every mess is seen."""
        return True

    @contextmanager
    def broken(self, *, drop: bool = False, **faults: object) -> Iterator[None]:
        for name, value in faults.items():
            setattr(self.server.faults, name, value)
        if drop:
            self.server.drop()
        try:
            yield
        finally:
            self.server.faults = CameraFaults()
            self.server.drop()  # whoever hangs in a picture without an end


class DocumentPart(Part):
    """An ID-card reader: a document is accepted as its holder's card is."""

    kind = "documents"
    driver = "sam-v"
    module: SamVModule

    def shows(self, fault: str) -> bool:
        return fault == "silent" or super().shows(fault)

    def works(self, box: "Box") -> str:
        box.forget(self.name)
        self.module.lay(document_of(box.cast.person(GOOD)))
        try:
            box.report(self.name, "accepted")
        finally:
            self.module.lift()
        return "document-accepted"


class SamVPart(SerialPart, DocumentPart):
    kind = "documents"
    driver = "sam-v"
    peer: SamVModule

    @property
    def module(self) -> SamVModule:  # type: ignore[override]
        return self.peer


class SamVUsbPart(UsbPart, DocumentPart):
    kind = "documents"
    driver = "sam-v"

    def __init__(self, name: str, lane: str, box: "Box") -> None:
        super().__init__(name, lane, box)
        self.module = SamVModule()
        self.device = SamVUsb(self.module, pipes=4)

    def options(self) -> str:
        return '{ usb = "0400:C35A" }'


class BarrierPart(SerialPart):
    """A gate board: a person's card opens it."""

    kind = "barriers"
    direction: ClassVar[Direction]
    peer: GateBoard

    def excused(self, box: "Box", fault: str) -> Collection[str]:
        """Whoever waits at its lane; who leaves is recorded all the same."""
        waiting = [
            part.name
            for part in box.parts
            if part.lane == self.lane != "exit" and part.kind in ("readers", "documents")
        ]
        return [*waiting, *(part.name for part in box.parts if part.kind == "prompts")]

    def works(self, box: "Box") -> str:
        opened = self.peer.opened
        while not opened.empty():
            opened.get_nowait()
        lane = box.local.running.gate.lanes[self.lane]
        assert lane.barrier is not None
        try:
            lane.barrier.open(lane.direction)  # for nobody, so no passage comes of it
        except DeviceFault as fault:
            raise NotInTime(f"{self.name}: {fault.code}") from fault
        try:
            opened.get(timeout=SOON)
        except queue.Empty:
            raise NotInTime(f"{self.name} did not open") from None
        return "opened"


class ModbusPart(BarrierPart):
    driver = "modbus-relay"
    peer: ModbusBoard

    def shows(self, fault: str) -> bool:
        return fault == "silent" or super().shows(fault)

    def options(self) -> str:
        return (
            f'{{ port = "{self.port.path}", entry = 0, exit = 1, pulse_ms = 100, '
            f"sensors = {{ {', '.join(f'{name} = {i}' for name, i in INPUTS.items())} }} }}"
        )


class TripodPart(BarrierPart):
    driver = "tripod"

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", answer = "echo" }}'


class LcusPart(BarrierPart):
    driver = "lcus-relay"

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", pulse_ms = 100 }}'


class SwingPart(BarrierPart):
    driver = "swing-gate"

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", entry = "10 01", exit = "10 02" }}'


class VoicePart(Part):
    """A voice into a sound device that nobody hears."""

    kind = "prompts"
    driver = "voice"

    def plug(self) -> None:
        """Its sink is always there."""

    def unplug(self) -> None:
        """See `plug`."""

    def options(self) -> str:
        return '{ sink = "null" }'

    def works(self, box: "Box") -> str:
        before = self._told(box)
        box.part("door").works(box)
        until(lambda: self._told(box) > before, f"{self.name} said nothing", SOON)
        return "said"

    def _told(self, box: "Box") -> int:
        counters = box.device(self.name)["counters"]
        return int(counters.get("said", 0)) + int(counters.get("cut", 0))

    def faults(self) -> Mapping[str, Fault]:
        return {}


class LampPart(SerialPart):
    """A tower light with a buzzer: it says what came of a card at the door."""

    kind = "prompts"
    driver = "serial-lamp"
    peer: TowerPeer

    def works(self, box: "Box") -> str:
        beeps = self.peer.beeps
        box.part("door").works(box)
        until(lambda: self.peer.beeps > beeps, f"{self.name} did not beep", SOON)
        return "lit"


class PrinterPart(SerialPart):
    """A receipt printer."""

    kind = "printers"
    driver = "escpos-printer"
    peer: PrinterPeer

    def works(self, box: "Box") -> str:
        printer = box.local.running.gate.lanes[self.lane].printer
        assert printer is not None
        before = len(self.peer.receipts)
        try:
            printer.print(
                Receipt("回执 Receipt", [Line("业务", "演示")], code="https://example.cn")
            )
        except DeviceFault as fault:
            raise NotInTime(f"{self.name}: {fault.code}") from fault
        if not self.peer.await_receipts(before + 1, SOON):
            raise NotInTime(f"{self.name} printed nothing")
        return "printed"


class PinPadPart(SerialPart):
    """A PIN pad: a person enters six digits."""

    kind = "pinpads"
    driver = "serial-pinpad"
    peer: PinPadPeer

    def options(self) -> str:
        return f'{{ port = "{self.port.path}", begin = "3F" }}'

    def works(self, box: "Box") -> str:
        pad = box.local.running.gate.lanes[self.lane].pinpad
        assert pad is not None
        answers: queue.Queue[str] = queue.Queue()

        def ask() -> None:
            try:
                with pad.ask(timeout=SOON) as pin:
                    answers.put("pin-entered" if len(pin.digits) == 6 else "")
            except (DeviceFault, PinFault):
                return  # no answer comes, which is told below

        asking = threading.Thread(target=ask, name="counter", daemon=True)
        questions = self.peer.shown.count(b"?")
        asking.start()
        until(lambda: self.peer.shown.count(b"?") > questions, f"{self.name} asked nothing", SOON)
        self.port.send(b"123456\r")
        return soon(answers, f"{self.name} gave no PIN")
