"""A USB device is found by what the setting says, is ours alone, and its faults have names."""

import errno
import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest
import usb.core
from hypothesis import given
from hypothesis import strategies as st

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
from drivers.io.usb import UsbMatch, UsbPipes, UsbUnavailable, Wanted, open_usb
from drivers.io.wait import Interrupted
from simulators.devices.usb import HID, INTERRUPT, Endpoint, Interface, UsbBus, UsbDevice, _Backend
from tests.drivers.io.test_hid import HID_POS, KEYBOARD
from world.real import RealWorld

WORLD = RealWorld()
PATIENCE = 60.0
BULK_PAIR = Wanted("bulk", outputs=True)
SCANNER = Wanted("interrupt", outputs=False, interface_class=HID, usage_page=0x8C)


class Echo:
    """Answers with what it got."""

    baudrate = 0

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        send(data)


def echo(port: int = 1, serial: str = "", *, product: int = 0xC35A) -> UsbDevice:
    pipes = [Endpoint(0x81), Endpoint(0x02)]
    interface = Interface(0, pipes, kernel_driver=True)
    return UsbDevice(0x0400, product, [interface], peer=Echo(), port=port, serial=serial)


@pytest.fixture
def bus() -> Iterator[UsbBus]:
    with UsbBus() as bus:
        yield bus


@pytest.fixture
def device(bus: UsbBus) -> UsbDevice:
    device = echo()
    bus.plug(device)
    return device


@pytest.fixture
def pipes(device: UsbDevice) -> Iterator[UsbPipes]:
    pipes = opened("0400:C35A")
    yield pipes
    pipes.close()


def opened(match: str, wanted: Wanted = BULK_PAIR) -> UsbPipes:
    return open_usb(WORLD, match, wanted, device="usb")


@pytest.mark.parametrize(
    "match", ["0400:C35A", "0400:c35a", "0400:*", "0400:C35A:42", "*:*:4?", "1-3", "9-9|0400:C35A"]
)
def test_found_by_identity_serial_number_or_place(bus: UsbBus, match: str) -> None:
    bus.plug(echo(3, "42"))
    pipes = opened(match)
    assert pipes.attached == "usb 1-3 0400:C35A"
    assert (pipes.inputs, pipes.outputs) == ([0x81], [0x02])
    pipes.close()


@pytest.mark.parametrize("match", ["0400:C35B", "0400:C35A:7", "1-2", "2-3"])
def test_another_is_not_taken(bus: UsbBus, match: str) -> None:
    bus.plug(echo(3, "42"))
    with pytest.raises(DeviceAbsent):
        opened(match)


def test_two_with_one_serial_number_are_ambiguous_and_told_apart_by_place(bus: UsbBus) -> None:
    bus.plug(echo(1, "SAME"))
    bus.plug(echo(2, "SAME"))
    with pytest.raises(DeviceAmbiguous) as caught:
        opened("0400:C35A:SAME")
    assert caught.value.facts["found"] == "1-1, 1-2"
    opened("1-2").close()


def test_bytes_go_both_ways_a_packet_at_a_time(pipes: UsbPipes) -> None:
    pipes.write(b"a" * 64)
    assert pipes.read(PATIENCE) == b"a" * 64
    pipes.write(b"b" * 100)
    assert [pipes.read(PATIENCE), pipes.read(PATIENCE)] == [b"b" * 64, b"b" * 36]
    assert pipes.read(0.01) == b""


def test_a_packet_without_bytes_is_no_news(bus: UsbBus) -> None:
    """Devices send them behind full packets, and when they have nothing to say."""
    device = echo(1, "42")
    bus.plug(device)
    pipes = opened("0400:C35A")
    for data in (b"", b"", b"news", b"", b"old", b""):
        device.send(data)
    assert pipes.read(PATIENCE) == b"news"
    pipes.discard()
    assert pipes.read(0.01) == b""
    pipes.close()


def test_second_pair_of_pipes_is_reached_by_its_number(bus: UsbBus) -> None:
    ends = [Endpoint(0x81), Endpoint(0x01), Endpoint(0x82), Endpoint(0x02)]
    device = UsbDevice(0x0400, 0xC35A, [Interface(0, ends)])
    bus.plug(device)
    pipes = opened("0400:C35A")
    device.send(b"here", 0x82)
    assert pipes.read(PATIENCE, pipe=1) == b"here"
    pipes.write(b"there", pipe=1)
    assert device.written == [(0x02, b"there")]
    pipes.close()


def test_kernel_driver_is_put_aside_and_gets_its_interface_back(
    bus: UsbBus, device: UsbDevice
) -> None:
    assert device.kernel_has == {0}
    pipes = opened("0400:C35A")
    assert device.kernel_has == set()
    pipes.close()
    assert device.kernel_has == {0}
    assert bus.open_handles(device) == 0


def test_device_that_is_not_configured_yet_is_configured(bus: UsbBus) -> None:
    device = UsbDevice(1, 2, [Interface(0, [Endpoint(0x81), Endpoint(1)])], configured=False)
    bus.plug(device)
    opened("0001:0002").close()
    assert device.configured


def test_scanner_interface_is_found_by_its_usage_page(bus: UsbBus) -> None:
    keyboard = Interface(
        0, [Endpoint(0x81, INTERRUPT)], HID, 1, 1, report_descriptor=KEYBOARD, kernel_driver=True
    )
    silent = Interface(1, [Endpoint(0x82, INTERRUPT)], HID)
    scanner = Interface(2, [Endpoint(0x83, INTERRUPT)], HID, report_descriptor=HID_POS)
    device = UsbDevice(0x0C2E, 0x1000, [keyboard, silent, scanner])
    bus.plug(device)
    pipes = opened("0C2E:*", SCANNER)
    assert pipes.inputs == [0x83]
    assert device.kernel_has == {0}  # the keyboard was not taken from the desktop
    pipes.close()


def test_device_without_such_an_interface_is_a_protocol_error(
    bus: UsbBus, device: UsbDevice
) -> None:
    with pytest.raises(DeviceProtocol):
        opened("0400:C35A", SCANNER)
    assert bus.open_handles(device) == 0


def test_no_permission_is_said(bus: UsbBus, device: UsbDevice) -> None:
    device.faults.denied = True
    with pytest.raises(DeviceDenied):
        opened("0400:C35A")


def test_serial_number_that_may_not_be_asked_for_is_no_permission(bus: UsbBus) -> None:
    device = echo(1, "42")
    bus.plug(device)
    device.faults.denied = True
    with pytest.raises(DeviceDenied):
        opened("0400:C35A:42")


def test_another_program_has_it(bus: UsbBus, device: UsbDevice, pipes: UsbPipes) -> None:
    with pytest.raises(DeviceBusy):
        opened("0400:C35A")
    assert bus.open_handles(device) == 1


def test_unplugged_in_a_read_is_lost(bus: UsbBus, device: UsbDevice, pipes: UsbPipes) -> None:
    timer = threading.Timer(0.05, bus.unplug, [device])
    timer.start()
    with pytest.raises(DeviceLost):
        pipes.read()
    timer.join()
    with pytest.raises(DeviceLost):
        pipes.write(b"x")


def test_read_ends_when_it_is_interrupted(pipes: UsbPipes) -> None:
    timer = threading.Timer(0.05, pipes.interrupt)
    timer.start()
    with pytest.raises(Interrupted):
        pipes.read()
    timer.join()


def test_stalled_pipe_is_a_protocol_error(device: UsbDevice, pipes: UsbPipes) -> None:
    device.send(b"x")
    device.faults.stall = 1
    with pytest.raises(DeviceProtocol):
        pipes.read(PATIENCE)


def test_device_that_takes_nothing_is_silent(device: UsbDevice, pipes: UsbPipes) -> None:
    device.faults.deaf = True
    with pytest.raises(DeviceSilent):
        pipes.write(b"x")


def test_machine_without_libusb_is_told(bus: UsbBus) -> None:
    bus.libusb = False
    with pytest.raises(UsbUnavailable):
        opened("0400:C35A")


def test_garbled_serial_number_is_none(bus: UsbBus, monkeypatch: pytest.MonkeyPatch) -> None:
    bus.plug(echo(1, "42"))
    for answer in (b"", b"\x02\x03", b"\x04\x03\x00\xd8", b"\x05\x03\x09\x04\x00"):
        monkeypatch.setattr("simulators.devices.usb._standard", lambda *_, a=answer: a)
        with pytest.raises(DeviceAbsent):
            opened("0400:C35A:42")


@pytest.mark.parametrize("match", ["0400:C35A", "1-2.4", "*:*", "04??:C35A:4*|1-1"])
def test_setting_that_names_a_device_is_taken(match: str) -> None:
    assert msgspec.convert(match, UsbMatch) == match


@pytest.mark.parametrize(
    "match", ["", "scanner", "0400", "0400:C35A:", "1-", "0400:C35A|", "/dev/ttyS0", "1-2."]
)
def test_setting_that_names_none_is_refused(match: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(match, UsbMatch)


@given(
    st.lists(
        st.builds(
            Interface,
            st.integers(0, 3),
            st.lists(
                st.builds(
                    Endpoint,
                    st.integers(0, 255),
                    st.integers(0, 3),
                    st.sampled_from([0, 1, 8, 64, 512, 65535]),
                ),
                max_size=4,
            ),
            interface_class=st.sampled_from([HID, 0xFF]),
            report_descriptor=st.binary(max_size=20) | st.just(HID_POS),
        ),
        max_size=4,
    ),
    st.sampled_from([BULK_PAIR, SCANNER]),
)
def test_hostile_descriptors_are_opened_or_refused_by_name(
    interfaces: list[Interface], wanted: Wanted
) -> None:
    device = UsbDevice(1, 2, interfaces)
    with UsbBus(device) as bus:
        try:
            pipes = opened("0001:0002", wanted)
        except DeviceProtocol:
            pass
        else:
            assert pipes.read(0.001) == b""
            pipes.close()
        assert bus.open_handles(device) == 0


def test_control_outside_the_simulated_bus_there_is_another_one(bus: UsbBus) -> None:
    device = echo()
    bus.plug(device)
    opened("1-1").close()
    with UsbBus(), pytest.raises(DeviceAbsent):
        opened("1-1")
    opened("1-1").close()


def refuse(error: Exception) -> Callable[..., object]:
    def refused(*args: object) -> object:
        raise error

    return refused


@pytest.mark.parametrize(
    "error", [usb.core.USBError("no memory", -11, errno.ENOMEM), NotImplementedError()]
)
@pytest.mark.parametrize("call", ["enumerate_devices", "is_kernel_driver_active"])
def test_what_the_bus_itself_refuses_is_a_fault_and_no_defect(
    device: UsbDevice, monkeypatch: pytest.MonkeyPatch, error: Exception, call: str
) -> None:
    monkeypatch.setattr(_Backend, call, refuse(error))
    with pytest.raises(DeviceFault) as caught:
        opened("0400:C35A")
    assert caught.value.facts["device"] == "usb"


def test_a_transfer_or_farewell_that_is_not_supported_is_no_defect(
    pipes: UsbPipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Backend, "bulk_write", refuse(NotImplementedError()))
    monkeypatch.setattr(_Backend, "attach_kernel_driver", refuse(NotImplementedError()))
    with pytest.raises(DeviceProtocol):
        pipes.write(b"hello")
    pipes.close()
