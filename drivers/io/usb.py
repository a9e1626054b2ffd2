"""How bytes reach a USB device that is no port: its pipes, found at run time, and faults by name.

A setting names the device, a `Wanted` the interface; what is opened is an `UsbPipes` for us alone.
One thread reads; any thread may write. `interrupt` ends a read from another thread.
"""

import errno
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import usb.core
import usb.util
from msgspec import Meta

from drivers.contract import (
    DeviceAbsent,
    DeviceAmbiguous,
    DeviceBusy,
    DeviceDenied,
    DeviceFault,
    DeviceLost,
    DeviceProtocol,
    DeviceSilent,
)
from drivers.io.hid import usage_pages
from drivers.io.holders import holders_of
from drivers.io.patterns import alternatives, fitting
from drivers.io.wait import Interrupted
from world import World

# `0400:C35A`, `0400:C35A:SERIAL` (shell patterns allowed in each part), or where it is plugged:
# `1-2.4`, bus and ports as in /sys/bus/usb/devices. `|` between alternatives, the first that is
# there counts; a serial number is any text.
ONE_MATCH: Final = r"([0-9A-Fa-f*?]{1,4}:[0-9A-Fa-f*?]{1,4}(:.+)?|[0-9]+-[0-9]+(\.[0-9]+)*)"
UsbMatch = Annotated[str, Meta(pattern=rf"^{ONE_MATCH}(\|{ONE_MATCH})*$")]

# pyusb has no call that ends another thread's transfer (libusb_cancel_transfer is not in its
# backend), so a waiting read comes up for air twice a second: a poll that the library forces.
SLICE: Final = 1.0  # seconds; `stop` and `release` wait no longer
WRITE_WITHIN: Final = 0.5  # seconds
REST: Final = 0.005  # seconds after a packet without bytes
STALE_WITHIN: Final = 0.02  # seconds; what is ready comes within a frame or two
MOST_STALE: Final = 64  # packets
CONTROL_WITHIN: Final = 500  # milliseconds
HID_CLASS: Final = 3
GET_DESCRIPTOR: Final = 6
REPORT_DESCRIPTOR: Final = 0x22 << 8
MOST_REPORT_DESCRIPTOR: Final = 4096  # bytes
GONE: Final = frozenset({errno.ENODEV, errno.ENOENT, errno.EIO, errno.ESHUTDOWN, errno.ENXIO})
DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
# What pyusb raises when something fails; the second one for LIBUSB_ERROR_NOT_SUPPORTED.
REFUSALS: Final = (usb.core.USBError, NotImplementedError)
TRANSFERS: Final = {
    "bulk": usb.util.ENDPOINT_TYPE_BULK,
    "interrupt": usb.util.ENDPOINT_TYPE_INTR,
}


class UsbUnavailable(DeviceFault):
    """This machine has no libusb. Facts: `device`."""

    code = "usb.unavailable"


@dataclass(frozen=True)
class Wanted:
    """Which interface of the device is meant; the first that fits is taken."""

    transfer: Literal["bulk", "interrupt"]
    outputs: bool  # whether it has to have a pipe towards the device
    interface_class: int | None = None  # bInterfaceClass
    usage_page: int | None = None  # in the HID report descriptor


class UsbPipes:
    """An open, claimed interface; see `open_usb`. `inputs` and `outputs` are endpoint addresses
    in the order of the descriptors."""

    def __init__(
        self, world: World, found: Any, number: int, wanted: Wanted, device: str, kernel: bool
    ) -> None:
        self._world = world
        self._usb = found
        self._number = number
        self._device = device
        self._kernel = kernel  # its driver was put aside and gets the interface back
        self._interrupted = world.event()
        interface = _interface(found, number)
        inputs, outputs = _pipes(interface, wanted)
        self._packet = {
            pipe.bEndpointAddress: max(8, pipe.wMaxPacketSize & 0x7FF) for pipe in interface
        }
        self.inputs: Sequence[int] = inputs
        self.outputs: Sequence[int] = outputs
        self.attached = f"usb {place(found)} {_identity(found)}"

    def read(self, timeout: float | None = None, *, pipe: int = 0) -> bytes:
        """The next packet of `inputs[pipe]`, at most one packet size; empty bytes when none came
        within `timeout` seconds (None: for ever). A packet without bytes is no news: devices send
        them behind full ones, and when they have nothing to say.

        One packet and not more: an answer that fills its last packet has no end that the bus
        could tell, and a longer read would wait for it in vain.
        Raises `Interrupted`, `DeviceLost`, `DeviceProtocol` (a pipe that stalls).
        """
        address = self.inputs[pipe]
        deadline = None if timeout is None else self._world.monotonic() + timeout
        while not self._interrupted.is_set():
            left = SLICE if deadline is None else deadline - self._world.monotonic()
            data = self._read(address, min(SLICE, left))
            if data or (deadline is not None and self._world.monotonic() >= deadline):
                return data or b""
            if data is not None:
                self._interrupted.wait(REST)  # so that the device is not asked in a whirl
        raise Interrupted

    def write(self, data: bytes, *, pipe: int = 0) -> None:
        """Send all of it. Raises `DeviceSilent` when the device takes nothing, `DeviceLost`,
        `DeviceProtocol`."""
        with self._named():
            sent = self._usb.write(self.outputs[pipe], data, int(WRITE_WITHIN * 1000))
        if sent != len(data):
            raise DeviceSilent(device=self._device, port=self.attached)

    def discard(self, *, pipe: int = 0) -> None:
        """Forget what the device had ready before we asked. Raises as `read` does."""
        for _ in range(MOST_STALE):
            if not self.skip(STALE_WITHIN, pipe=pipe):
                return

    def skip(self, timeout: float, *, pipe: int = 0) -> bool:
        """Forget the next packet. False when none came, also none without bytes. Raises as `read`
        does."""
        if self._interrupted.is_set():
            raise Interrupted
        return self._read(self.inputs[pipe], timeout) is not None

    def interrupt(self) -> None:
        """Make a `read` raise `Interrupted`, within a second where it waits. Any thread."""
        self._interrupted.set()

    def close(self) -> None:
        """Give the interface back, to the kernel too when it had it. Never raises: what is gone
        needs no farewell."""
        try:
            usb.util.release_interface(self._usb, self._number)
            if self._kernel:
                self._usb.attach_kernel_driver(self._number)
        except REFUSALS:  # unplugged, or somebody else has the interface already
            pass
        finally:
            usb.util.dispose_resources(self._usb)

    def _read(self, address: int, seconds: float) -> bytes | None:
        """One packet, None when none came."""
        # 0 would mean for ever.
        milliseconds = max(1, int(seconds * 1000))
        with self._named():
            try:
                packet = self._usb.read(address, self._packet[address], milliseconds)
            except usb.core.USBTimeoutError:
                return None
            return bytes(packet)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """A transfer's errors as the faults they are."""
        try:
            yield
        except usb.core.USBTimeoutError as error:
            raise DeviceSilent(device=self._device, port=self.attached) from error
        except NotImplementedError as error:
            raise DeviceProtocol(device=self._device, port=self.attached) from error
        except usb.core.USBError as error:
            lost = error.errno in GONE
            kind = DeviceLost if lost else DeviceProtocol  # EPIPE: stalled; EOVERFLOW: babble
            raise kind(device=self._device, port=self.attached) from error


def open_usb(world: World, match: str, wanted: Wanted, *, device: str) -> UsbPipes:
    """Open the one device that `match` names, for us alone. Raises `UsbUnavailable`,
    `DeviceAbsent`, `DeviceAmbiguous` (fact `found`: where each is plugged), `DeviceDenied`,
    `DeviceBusy` (fact `holder`), `DeviceProtocol` (it has no such interface)."""
    found = _find(world, match, device)
    try:
        return _claim(world, found, wanted, device)
    except NotImplementedError as error:
        usb.util.dispose_resources(found)
        raise DeviceFault(device=device, port=place(found)) from error
    except usb.core.USBError as error:
        usb.util.dispose_resources(found)
        raise _not_opened(world, found, error, device) from error
    except DeviceFault:
        usb.util.dispose_resources(found)
        raise


def place(found: Any) -> str:
    """Bus and ports of a pyusb device as in /sys/bus/usb/devices: `1-2.4`; `1-0` for a root hub."""
    ports = found.port_numbers or (0,)
    return f"{found.bus}-{'.'.join(str(port) for port in ports)}"


def _find(world: World, match: str, device: str) -> Any:
    try:
        attached = list(usb.core.find(find_all=True))
    except usb.core.NoBackendError as error:
        raise UsbUnavailable(device=device) from error
    except REFUSALS as error:  # the bus changes meanwhile
        raise DeviceFault(device=device, port=match) from error
    for alternative in alternatives(match):
        found = _matching(world, attached, alternative, device)
        if len(found) > 1:
            places = ", ".join(sorted(place(one) for one in found))
            raise DeviceAmbiguous(device=device, port=match, found=places)
        if found:
            return found[0]
    raise DeviceAbsent(device=device, port=match)


def _matching(world: World, attached: Sequence[Any], match: str, device: str) -> Sequence[Any]:
    """The serial number is asked for only when the setting names one: it costs an opening."""
    if ":" not in match:
        return [one for one in attached if place(one) == match]
    vendor, product, *rest = match.split(":", 2)
    fit = fitting(f"{vendor}:{product}".upper(), {_identity(one) for one in attached})
    found = [one for one in attached if _identity(one) in fit]
    serial = rest[0] if rest else ""
    if not serial:
        return found
    serials = [(one, _serial_number(world, one, device)) for one in found]
    fit = fitting(serial, {own for _, own in serials})
    return [one for one, own in serials if own in fit]


def _identity(found: Any) -> str:
    return f"{found.idVendor:04X}:{found.idProduct:04X}"


def _serial_number(world: World, found: Any, device: str) -> str:
    """Empty for a device that has none, garbles it, or went away meanwhile. Raises `DeviceDenied`,
    `DeviceBusy`: which one it is cannot be known then."""
    try:
        languages = usb.util.get_langids(found) if found.iSerialNumber else ()
        return usb.util.get_string(found, found.iSerialNumber, languages[0]) if languages else ""
    except usb.core.USBError as error:
        if error.errno in DENIED or error.errno == errno.EBUSY:
            raise _not_opened(world, found, error, device) from error
        return ""
    except (IndexError, ValueError, NotImplementedError):  # an empty descriptor, or no UTF-16
        return ""
    finally:
        usb.util.dispose_resources(found)


def _claim(world: World, found: Any, wanted: Wanted, device: str) -> UsbPipes:
    for number in _candidates(_configuration(found), wanted):
        kernel = _take(found, number)
        if wanted.usage_page is None or wanted.usage_page in _usage_pages(found, number):
            return UsbPipes(world, found, number, wanted, device, kernel)
        _give_back(found, number, kernel)
    raise DeviceProtocol(device=device, port=place(found), problem="interface")


def _configuration(found: Any) -> Any:
    try:
        return found.get_active_configuration()
    except usb.core.USBError as error:
        if error.errno is not None:
            raise
        # pyusb's word for "not configured yet". A configured one is left as it is: setting it
        # again resets what other programs use of the device.
        found.set_configuration()
        return found.get_active_configuration()


def _candidates(configuration: Any, wanted: Wanted) -> Sequence[int]:
    """Interfaces that fit by their descriptors, boot keyboards last: of a scanner that is both, a
    keyboard must not be taken from the desktop only to be asked."""
    interfaces = [one for one in configuration if one.bAlternateSetting == 0]
    numbers = Counter(one.bInterfaceNumber for one in interfaces)
    addresses = Counter(pipe.bEndpointAddress for one in interfaces for pipe in one)
    # pyusb finds a pipe's interface by its address: what is there twice cannot be told apart.
    fitting = [
        (one.bInterfaceSubClass == 1, one.bInterfaceNumber)
        for one in interfaces
        if _fits(one, wanted)
        and numbers[one.bInterfaceNumber] == 1
        and all(addresses[pipe.bEndpointAddress] == 1 for pipe in one)
    ]
    return [number for _, number in sorted(fitting)]


def _fits(interface: Any, wanted: Wanted) -> bool:
    inputs, outputs = _pipes(interface, wanted)
    right_kind = wanted.interface_class in (None, interface.bInterfaceClass)
    return bool(right_kind and inputs and (outputs or not wanted.outputs))


def _interface(found: Any, number: int) -> Any:
    configuration = found.get_active_configuration()
    return usb.util.find_descriptor(configuration, bInterfaceNumber=number, bAlternateSetting=0)


def _pipes(interface: Any, wanted: Wanted) -> tuple[Sequence[int], Sequence[int]]:
    """Endpoint addresses: (from the device, to it)."""
    kind = TRANSFERS[wanted.transfer]
    pipes = [
        p.bEndpointAddress for p in interface if usb.util.endpoint_type(p.bmAttributes) == kind
    ]
    return (
        [pipe for pipe in pipes if pipe & usb.util.ENDPOINT_IN],
        [pipe for pipe in pipes if not pipe & usb.util.ENDPOINT_IN],
    )


def _take(found: Any, number: int) -> bool:
    """Claim the interface; True when the kernel's driver had to be put aside."""
    kernel = bool(found.is_kernel_driver_active(number))
    if kernel:
        found.detach_kernel_driver(number)
    usb.util.claim_interface(found, number)
    return kernel


def _give_back(found: Any, number: int, kernel: bool) -> None:
    usb.util.release_interface(found, number)
    if kernel:
        found.attach_kernel_driver(number)


def _usage_pages(found: Any, number: int) -> frozenset[int]:
    """Of the interface's report descriptor; none when it has no (readable) one."""
    asked = usb.util.build_request_type(
        usb.util.CTRL_IN, usb.util.CTRL_TYPE_STANDARD, usb.util.CTRL_RECIPIENT_INTERFACE
    )
    try:
        descriptor = found.ctrl_transfer(
            asked,
            GET_DESCRIPTOR,
            REPORT_DESCRIPTOR,
            number,
            MOST_REPORT_DESCRIPTOR,
            timeout=CONTROL_WITHIN,
        )
    except usb.core.USBError as error:
        if error.errno in (errno.EPIPE, errno.ETIMEDOUT):  # it knows no such request
            return frozenset()
        raise
    return usage_pages(bytes(descriptor))


def _not_opened(world: World, found: Any, error: Any, device: str) -> DeviceFault:
    port = place(found)
    if error.errno in DENIED:
        return DeviceDenied(device=device, port=port)
    if error.errno == errno.EBUSY:
        node = f"/dev/bus/usb/{found.bus:03d}/{found.address:03d}"
        return DeviceBusy(device=device, port=port, holder=holders_of(world, node))
    if error.errno in GONE:
        return DeviceAbsent(device=device, port=port)
    return DeviceFault(device=device, port=port)
