"""A USB bus in memory: a pyusb backend whose devices are ours, so that the product's code is real.

`UsbBus` is the host controller, `UsbDevice` a device with descriptors and pipes; behind the pipes
sits a `Peer`, the same as behind a simulated serial port, or a subclass with its own mind. Within
`with UsbBus():` every pyusb call of this process sees this bus and no other.
"""

import errno
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any
from unittest import mock

import usb.backend
import usb.core

from simulators.devices.pty import Peer

BULK, INTERRUPT = 2, 3  # bmAttributes
HID = 3  # bInterfaceClass
STRING, REPORT = 3, 0x22  # descriptor types
ENGLISH = 0x0409


def usb_error(number: int) -> usb.core.USBError:
    """As libusb tells it."""
    kind = usb.core.USBTimeoutError if number == errno.ETIMEDOUT else usb.core.USBError
    return kind(errno.errorcode[number], -number, number)


@dataclass(frozen=True)
class Endpoint:
    address: int  # 0x80 set: from the device
    kind: int = BULK
    packet: int = 64  # wMaxPacketSize


@dataclass(frozen=True)
class Interface:
    number: int
    endpoints: Sequence[Endpoint]
    interface_class: int = 0xFF
    subclass: int = 0
    protocol: int = 0
    report_descriptor: bytes = b""  # of a HID interface
    kernel_driver: bool = False  # whether the kernel takes it when it is plugged


@dataclass
class UsbFaults:
    """What is wrong with the device now. Counts go down as they are used up; -1 means for ever."""

    denied: bool = False  # no permission to open it
    busy: bool = False  # another process has its interfaces
    stall: int = 0  # transfers that are answered with STALL
    mute: bool = False  # nothing comes from it
    deaf: bool = False  # takes no data
    unplug_after: int = -1  # packets towards the host until it goes away in the middle


class UsbDevice:
    """A device that can be plugged into a `UsbBus`; `port` is the port of the root hub."""

    def __init__(
        self,
        vendor: int,
        product: int,
        interfaces: Sequence[Interface],
        *,
        peer: Peer | None = None,
        serial: str = "",
        port: int = 1,
        configured: bool = True,
    ) -> None:
        self.vendor, self.product, self.serial = vendor, product, serial
        self.port = port
        self.interfaces = interfaces
        self.peer = peer
        self.configured = configured
        self.faults = UsbFaults()
        self.kernel_has = {i.number for i in interfaces if i.kernel_driver}
        self.written: list[tuple[int, bytes]] = []  # (endpoint, data), all that the host sent
        self.plugs = 0  # how often it was plugged or unplugged: a handle of before is dead
        self._bus: UsbBus | None = None
        self._changed = threading.Condition()
        self._waiting: dict[int, deque[bytes]] = {}

    # The device's side

    def received(self, endpoint: int, data: bytes) -> None:
        """The host sent this; the default hands it to the peer."""
        if self.peer is not None:
            self.peer.received(data, self.send)

    def send(self, data: bytes, endpoint: int | None = None) -> None:
        """Bytes towards the host, in packets; by default on the first pipe that leads there."""
        pipe = self._input(endpoint)
        with self._changed:
            if self._bus is None or self.faults.mute:
                return
            packets = self._waiting.setdefault(pipe.address, deque())
            packets.extend(
                data[at : at + pipe.packet] for at in range(0, len(data) or 1, pipe.packet)
            )
            self._changed.notify_all()

    def control(self, request_type: int, request: int, value: int, index: int) -> bytes | None:
        """A control request that is not answered here already; None stalls it."""
        return None

    # The bus's side

    @property
    def plugged(self) -> bool:
        return self._bus is not None

    def attach(self, bus: "UsbBus | None") -> None:
        with self._changed:
            self._bus = bus
            self.plugs += 1
            self._waiting.clear()
            self.kernel_has = {i.number for i in self.interfaces if i.kernel_driver}
            self._changed.notify_all()

    def wait_packets(self, plugs: int, address: int, size: int, timeout: float | None) -> bytes:
        """A transfer from the device: ends with a short packet or when `size` bytes are there."""
        packet = next(p.packet for p in self._endpoints() if p.address == address)
        data = b""
        with self._changed:
            while len(data) < size:
                there = self._changed.wait_for(
                    lambda: self.plugs != plugs or bool(self._waiting.get(address)), timeout
                )
                self._stall()
                if self.plugs != plugs:
                    raise usb_error(errno.ENODEV)
                if not there:
                    if data:
                        break  # libusb gives what it has
                    raise usb_error(errno.ETIMEDOUT)
                self._pulled()
                part = self._waiting[address].popleft()
                if len(data) + len(part) > size:
                    raise usb_error(errno.EOVERFLOW)
                data += part
                if len(part) < packet:
                    break
        return data

    def take(self, address: int, data: bytes) -> int:
        with self._changed:
            if not self.plugged:
                raise usb_error(errno.ENODEV)
            self._stall()
            if self.faults.deaf:
                raise usb_error(errno.ETIMEDOUT)
            self.written.append((address, data))
        self.received(address, data)
        return len(data)

    def _stall(self) -> None:
        if self.faults.stall:
            self.faults.stall -= self.faults.stall > 0
            raise usb_error(errno.EPIPE)

    def _pulled(self) -> None:
        """The loose plug."""
        if self.faults.unplug_after == 0 and self._bus is not None:
            self.faults.unplug_after = -1
            self._bus.unplug(self)
            raise usb_error(errno.ENODEV)
        self.faults.unplug_after -= self.faults.unplug_after > 0

    def _endpoints(self) -> Iterator[Endpoint]:
        for interface in self.interfaces:
            yield from interface.endpoints

    def _input(self, address: int | None) -> Endpoint:
        return next(
            p for p in self._endpoints() if p.address & 0x80 and address in (None, p.address)
        )


@dataclass
class _Handle:
    device: UsbDevice
    plugs: int
    claimed: set[int]


class UsbBus:
    """The host controller; a context manager that puts it in libusb's place."""

    def __init__(self, *devices: UsbDevice, number: int = 1) -> None:
        self.number = number
        self.devices: list[tuple[int, UsbDevice]] = []  # (address, device)
        self.libusb = True  # whether this machine has libusb
        self._addresses = 0
        self._guard = threading.RLock()
        self.handles: list[_Handle] = []
        self._backend = _Backend(self)
        self._patches = ExitStack()
        for device in devices:
            self.plug(device)

    def plug(self, device: UsbDevice) -> None:
        with self._guard:
            if device.plugged:
                return
            self._addresses += 1
            self.devices.append((self._addresses, device))
        device.attach(self)

    def unplug(self, device: UsbDevice) -> None:
        """The device vanishes, in the middle of whatever goes on."""
        with self._guard:
            self.devices = [(at, one) for at, one in self.devices if one is not device]
        device.attach(None)

    def open_handles(self, device: UsbDevice) -> int:
        with self._guard:
            return sum(handle.device is device for handle in self.handles)

    def __enter__(self) -> "UsbBus":
        libraries = "usb.backend.{}.get_backend"
        patches = self._patches.enter_context
        patches(mock.patch(libraries.format("libusb1"), self._get_backend))
        for other in ("libusb0", "openusb"):
            patches(mock.patch(libraries.format(other), return_value=None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()
        for _, device in list(self.devices):
            self.unplug(device)

    def _get_backend(self, find_library: Callable[[str], str] | None = None) -> "_Backend | None":
        return self._backend if self.libusb else None


class _Backend(usb.backend.IBackend):  # type: ignore[misc]  # pyusb has no types
    """What `usb.core` asks of libusb. Devices are (address, UsbDevice)."""

    def __init__(self, bus: UsbBus) -> None:
        super().__init__()
        self._bus = bus

    def enumerate_devices(self) -> Sequence[tuple[int, UsbDevice]]:
        return list(self._bus.devices)

    def get_parent(self, dev: tuple[int, UsbDevice]) -> None:
        return None

    def get_device_descriptor(self, dev: tuple[int, UsbDevice]) -> SimpleNamespace:
        address, device = dev
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x0200, bDeviceClass=0, bDeviceSubClass=0,
            bDeviceProtocol=0, bMaxPacketSize0=64, idVendor=device.vendor,
            idProduct=device.product, bcdDevice=0x0100, iManufacturer=0, iProduct=0,
            iSerialNumber=3 if device.serial else 0, bNumConfigurations=1, address=address,
            bus=self._bus.number, port_number=device.port, port_numbers=(device.port,), speed=2,
        )  # fmt: skip

    def get_configuration_descriptor(
        self, dev: tuple[int, UsbDevice], config: int
    ) -> SimpleNamespace:
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=0, bNumInterfaces=len(dev[1].interfaces),
            bConfigurationValue=1, iConfiguration=0, bmAttributes=0x80, bMaxPower=50,
            extra_descriptors=[],
        )  # fmt: skip

    def get_interface_descriptor(
        self, dev: tuple[int, UsbDevice], intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        if alt:
            raise IndexError(alt)
        interface = dev[1].interfaces[intf]
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=interface.number, bAlternateSetting=0,
            bNumEndpoints=len(interface.endpoints), bInterfaceClass=interface.interface_class,
            bInterfaceSubClass=interface.subclass, bInterfaceProtocol=interface.protocol,
            iInterface=0, extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(
        self, dev: tuple[int, UsbDevice], ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        endpoint = dev[1].interfaces[intf].endpoints[ep]
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=endpoint.address,
            bmAttributes=endpoint.kind, wMaxPacketSize=endpoint.packet, bInterval=1, bRefresh=0,
            bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    def open_device(self, dev: tuple[int, UsbDevice]) -> _Handle:
        device = dev[1]
        handle = _Handle(device, device.plugs, set())
        _there(handle)
        if device.faults.denied:
            raise usb_error(errno.EACCES)
        with self._bus._guard:
            self._bus.handles.append(handle)
        return handle

    def close_device(self, dev_handle: _Handle) -> None:
        with self._bus._guard:
            self._bus.handles.remove(dev_handle)

    def set_configuration(self, dev_handle: _Handle, config_value: int) -> None:
        _there(dev_handle).configured = True

    def get_configuration(self, dev_handle: _Handle) -> int:
        return int(_there(dev_handle).configured)

    def set_interface_altsetting(self, dev_handle: _Handle, intf: int, altsetting: int) -> None:
        _there(dev_handle)

    def claim_interface(self, dev_handle: _Handle, intf: int) -> None:
        device = _there(dev_handle)
        with self._bus._guard:
            others = any(
                handle.device is device and handle is not dev_handle and intf in handle.claimed
                for handle in self._bus.handles
            )
            if others or device.faults.busy or intf in device.kernel_has:
                raise usb_error(errno.EBUSY)
            dev_handle.claimed.add(intf)

    def release_interface(self, dev_handle: _Handle, intf: int) -> None:
        dev_handle.claimed.discard(intf)
        _there(dev_handle)

    def bulk_write(self, dev_handle: _Handle, ep: int, intf: int, data: Any, timeout: int) -> int:
        return _claimed(dev_handle, intf).take(ep, bytes(data))

    def bulk_read(
        self, dev_handle: _Handle, ep: int, intf: int, buff: "array[int]", timeout: int
    ) -> int:
        device = _claimed(dev_handle, intf)
        data = device.wait_packets(
            dev_handle.plugs, ep, len(buff), timeout / 1000 if timeout else None
        )
        buff[: len(data)] = array("B", data)
        return len(data)

    intr_write = bulk_write
    intr_read = bulk_read

    def ctrl_transfer(
        self,
        dev_handle: _Handle,
        bmRequestType: int,  # noqa: N803  # the names of the specification
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: "array[int]",
        timeout: int,
    ) -> int:
        device = _there(dev_handle)
        device._stall()
        answer = _standard(device, bmRequestType, bRequest, wValue, wIndex)
        if answer is None:
            answer = device.control(bmRequestType, bRequest, wValue, wIndex)
        if answer is None:
            raise usb_error(errno.EPIPE)
        answer = answer[: len(data)]
        data[: len(answer)] = array("B", answer)
        return len(answer)

    def clear_halt(self, dev_handle: _Handle, ep: int) -> None:
        _there(dev_handle)

    def reset_device(self, dev_handle: _Handle) -> None:
        _there(dev_handle)

    def is_kernel_driver_active(self, dev_handle: _Handle, intf: int) -> bool:
        return intf in _there(dev_handle).kernel_has

    def detach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        _there(dev_handle).kernel_has.discard(intf)

    def attach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        _there(dev_handle).kernel_has.add(intf)


def _there(handle: _Handle) -> UsbDevice:
    if not handle.device.plugged or handle.device.plugs != handle.plugs:
        raise usb_error(errno.ENODEV)
    return handle.device


def _claimed(handle: _Handle, interface: int) -> UsbDevice:
    if interface not in handle.claimed:
        raise usb_error(errno.EBUSY)
    return _there(handle)


def _standard(
    device: UsbDevice, request_type: int, request: int, value: int, index: int
) -> bytes | None:
    """GET_DESCRIPTOR of strings and HID reports."""
    if request != 6 or not request_type & 0x80:
        return None
    if value >> 8 == STRING:
        languages = ENGLISH.to_bytes(2, "little")
        text = device.serial.encode("utf-16-le") if value & 0xFF else languages
        return bytes([len(text) + 2, STRING]) + text
    if value >> 8 == REPORT:
        found = [i.report_descriptor for i in device.interfaces if i.number == index]
        return found[0] if found and found[0] else None
    return None
