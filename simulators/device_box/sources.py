"""Scanners, cameras and ID-card readers: what is shown there becomes a tap."""

import itertools
import random
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import qrcode

from simulators.device_box.box import SOON, DeviceBox, Injection, Part
from simulators.device_box.cards import GOOD
from simulators.device_box.serial import HOSTILE, SerialPart
from simulators.devices.idcard import SamVModule, SamVUsb, document_of
from simulators.devices.keyboard import EVENT, Keyboard
from simulators.devices.mjpeg import CameraFaults, MjpegServer
from simulators.devices.scan_module import HidPosScanner, ScanModule
from simulators.devices.usb import UsbDevice, UsbFaults
from simulators.site import NotInTime


class ScannerPart(Part):
    """A scanner or camera: a code is shown, and its own refusal comes of it."""

    kind = "scanners"
    _numbers: ClassVar = itertools.count(10_000_000)  # no code twice: it would be the same one

    @abstractmethod
    def show(self, code: bytes) -> None: ...

    def hide(self) -> None:
        """The code is taken away."""

    def works(self, box: DeviceBox) -> str:
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

    def __init__(self, name: str, lane: str, box: DeviceBox) -> None:
        super().__init__(name, lane)
        self._bus = box.usb

    def plug(self) -> None:
        if not self.device.plugged:
            self._bus.plug(self.device)

    def unplug(self) -> None:
        if self.device.plugged:
            self._bus.unplug(self.device)

    def faults(self) -> Mapping[str, Injection]:
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

    def __init__(self, name: str, lane: str, box: DeviceBox) -> None:
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

    def faults(self) -> Mapping[str, Injection]:
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

    def faults(self) -> Mapping[str, Injection]:
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

    def works(self, box: DeviceBox) -> str:
        box.forget(self.name)
        if not self.module.wait_missed(SOON):
            raise NotInTime(f"{self.name}: nobody asks for a document")
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

    def __init__(self, name: str, lane: str, box: DeviceBox) -> None:
        super().__init__(name, lane, box)
        self.module = SamVModule()
        self.device = SamVUsb(self.module, pipes=4)

    def options(self) -> str:
        return '{ usb = "0400:C35A" }'
