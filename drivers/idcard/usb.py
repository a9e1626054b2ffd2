"""A SAM_V module on USB: frames as they are over one pair of pipes, or torn in two over two pairs.

Source: SAM_V protocol description. With four pipes the preamble and Len travel on the first of each
direction, the rest of the frame on the second; which pipes there are is found at run time.
"""

from typing import Final

from drivers.contract import DeviceFault, DeviceSilent
from drivers.idcard.frames import HEADER, length_of
from drivers.io.usb import UsbPipes, Wanted, open_usb
from world import World

WANTED: Final = Wanted(transfer="bulk", outputs=True)
MOST_STALE: Final = 64  # packets that `discard` throws away; who sends more is babbling


class UsbWire:
    """See `drivers.idcard.module.ModuleWire`."""

    def __init__(self, pipes: UsbPipes, device: str) -> None:
        self._pipes = pipes
        self._device = device
        self._torn = len(pipes.inputs) > 1 and len(pipes.outputs) > 1
        self._owed = 0  # bytes of a torn frame that are still to come on the second pipe
        self.attached = pipes.attached

    def read(self, timeout: float | None = None) -> bytes:
        if self._owed:
            data = self._pipes.read(timeout, pipe=1)
            self._owed = max(0, self._owed - len(data))
            return data
        data = self._pipes.read(timeout)
        if self._torn:
            self._owed = length_of(data) or 0
        return data

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """As `Line.write`; USB does not echo, so `marks` means nothing."""
        if self._torn:
            self._pipes.write(data[:HEADER])
            self._pipes.write(data[HEADER:], pipe=1)
        else:
            self._pipes.write(data)

    def discard(self) -> None:
        self._owed = 0
        for pipe in range(2 if self._torn else 1):
            for _ in range(MOST_STALE):
                if not self._pipes.skip(0.0, pipe=pipe):
                    break

    def silent(self) -> DeviceFault:
        return DeviceSilent(device=self._device, port=self.attached)

    def interrupt(self) -> None:
        self._pipes.interrupt()

    def close(self) -> None:
        self._pipes.close()


def open_usb_wire(world: World, match: str, *, device: str) -> UsbWire:
    """Raises the faults of `drivers.io.usb.open_usb`."""
    return UsbWire(open_usb(world, match, WANTED, device=device), device)
