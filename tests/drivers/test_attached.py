"""What is plugged in is found once, by a name that stays, and no name that it gives does harm."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.attached import Attached, as_setting, attached
from drivers.io.ports import find_port
from drivers.known import known
from simulators.devices.machine import Machine, UsbIdentity
from world.real import RealWorld

WORLD = RealWorld()
CH340 = UsbIdentity("1a86", "7523", "", "1a86", "USB Serial")
NEWLAND = UsbIdentity("1eab", "1d06", "FM100", "Newland", "FM430")
SAM_V = UsbIdentity("0400", "c35a", "", "", "")
CAMERA = UsbIdentity("0c45", "6366", "SN0001", "Sonix", "USB Camera")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def found(machine: Machine) -> list[Attached]:
    return attached(WORLD, machine.sys, machine.dev)


def only(machine: Machine) -> Attached:
    (one,) = found(machine)
    return one


def drivers(one: Attached) -> list[str]:
    return [choice.driver for choice in one.choices]


def test_nothing_plugged_is_nothing_found(machine: Machine) -> None:
    assert found(machine) == []


def test_a_machine_without_sys_and_dev_has_nothing() -> None:
    assert attached(WORLD, Path("/nowhere/sys"), Path("/nowhere/dev")) == []


def test_a_scan_module_is_certain_and_found_by_id(machine: Machine) -> None:
    node = machine.add_serial(NEWLAND)
    one = only(machine)
    assert one.certain
    assert drivers(one) == ["serial-scanner"]
    assert (one.what, one.usb, one.label) == ("Newland", "1eab:1d06", "Newland FM430")
    assert Path(one.path).parent == machine.dev / "serial" / "by-id"
    assert one.real == node


def test_an_adapter_says_nothing_of_what_hangs_on_it(machine: Machine) -> None:
    machine.add_serial(CH340)
    one = only(machine)
    assert not one.certain
    assert {"serial-scanner", "lcus-relay", "pn532", "sam-v"} <= set(drivers(one))
    assert one.what.startswith("CH340")


def test_two_with_one_serial_number_are_told_apart_by_their_sockets(machine: Machine) -> None:
    machine.add_serial(CH340)
    machine.add_serial(CH340)
    both = found(machine)
    assert [one.note for one in both] == ["twins", "twins"]
    assert len({one.path for one in both}) == 2
    assert all("/by-path/" in one.path for one in both)


def test_two_of_a_kind_with_their_own_serial_numbers_go_by_id(machine: Machine) -> None:
    for serial in ("A1", "A2"):
        machine.add_serial(UsbIdentity("0403", "6001", serial, "FTDI", "FT232R"))
    both = found(machine)
    assert [one.note for one in both] == ["", ""]
    assert all("/by-id/" in one.path for one in both)


def test_without_udev_the_node_has_to_do_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path, udev=False)
    node = machine.add_serial(NEWLAND)
    one = only(machine)
    assert (one.path, one.note) == (str(node), "no-link")


def test_without_sys_the_by_id_name_has_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "dev" / "serial" / "by-id"
    folder.mkdir(parents=True)
    (folder / "usb-Newland_FM430-if00").symlink_to("/dev/null")
    (one,) = attached(WORLD, tmp_path / "sys", tmp_path / "dev")
    assert drivers(one) == ["serial-scanner"]
    assert one.path == str(folder / "usb-Newland_FM430-if00")


def test_ports_of_the_board_are_told_where_there_is_one(machine: Machine) -> None:
    machine.add_uart("ttyS0")
    machine.add_uart("ttyS1", there=False)
    one = only(machine)
    assert (one.path, one.note, one.certain) == (str(machine.dev / "ttyS0"), "built-in", False)


def test_a_camera_is_its_first_node(machine: Machine) -> None:
    machine.add_camera(CAMERA)
    one = only(machine)
    assert one.path.endswith("by-id/usb-Sonix_USB_Camera_SN0001-video-index0")
    assert drivers(one) == ["camera"]


def test_a_keyboard_may_be_a_keyboard(machine: Machine) -> None:
    machine.add_keyboard(UsbIdentity("046d", "c31c", "", "Logitech", "Keyboard"))
    one = only(machine)
    assert drivers(one) == ["keyboard-scanner"]
    assert not one.certain


def test_hid_pos_is_known_by_its_usage_page(machine: Machine) -> None:
    machine.add_hid_pos(UsbIdentity("1eab", "0010", "", "Newland", "HID POS"))
    machine.add_hid_pos(UsbIdentity("046d", "c077", "", "Logitech", "Mouse"), b"\x05\x01\x09\x02")
    one = only(machine)
    assert (one.usb, drivers(one)) == ("1eab:0010", ["hid-pos-scanner"])


def test_id_card_readers_go_by_usb_or_by_port(machine: Machine) -> None:
    machine.add_usb(SAM_V)
    bare = only(machine)
    assert (bare.path, drivers(bare), bare.what) == ("", ["sam-v"], "SAM_V")
    assert bare.choices[0].options == {"usb": "{usb}"}
    machine.add_serial(SAM_V)
    assert {tuple(one.choices[0].options) for one in found(machine)} == {("usb",), ("port",)}


def test_printers_and_sound(machine: Machine) -> None:
    machine.add_printer(UsbIdentity("04b8", "0e15", "", "EPSON", "TM-T20II"))
    machine.add_sound()
    machine.add_sound("HDMI")
    assert [drivers(one) for one in found(machine)] == [["escpos-printer"], ["voice"]]


def test_unknown_usb_devices_are_left_alone(machine: Machine) -> None:
    machine.add_usb(UsbIdentity("1d6b", "0002", "", "Linux", "root hub"))
    assert found(machine) == []


# However slow this machine is now.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HOSTILE = st.text(st.characters(exclude_characters="\0"), max_size=400)


@relaxed
@given(vendor=HOSTILE, product=HOSTILE, serial=HOSTILE, label=HOSTILE)
def test_whatever_a_device_says_of_itself_can_be_shown(
    tmp_path_factory: pytest.TempPathFactory, vendor: str, product: str, serial: str, label: str
) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    vendor, product, serial, label = map(_encodable, (vendor, product, serial, label))
    for numbers in ((vendor, product), ("1eab", "0010")):
        usb = UsbIdentity(*numbers, serial, label, label)
        machine.add_serial(usb, link=f"usb-{numbers == (vendor, product)}")
        machine.add_hid_pos(usb, b"\x05\x8c\xff" * 9)
    for one in found(machine):
        for text in (one.label, one.usb, one.what):
            assert text.isprintable()
            assert len(text) < 600


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


@relaxed
@given(name=st.binary(min_size=1, max_size=255))
def test_a_setting_made_of_a_hostile_name_finds_that_port(
    tmp_path_factory: pytest.TempPathFactory, name: bytes
) -> None:
    if b"/" in name or b"\0" in name or name in (b".", b".."):
        return
    folder = tmp_path_factory.mktemp("by-id")
    path = folder / name.decode("utf-8", "surrogateescape")
    path.touch()
    setting = as_setting(str(path))
    assert setting.isprintable()
    assert find_port(WORLD, setting, device="x") == str(path)


def test_every_row_of_the_table_is_sound() -> None:
    table = known()
    named = {choice for row in table.usb for each in row.choices.values() for choice in each}
    named |= {choice for each in table.classes.values() for choice in each}
    named |= {choice for row in table.names for choice in row.choices}
    assert named == set(table.choice)
    assert all(row.id == row.id.lower() for row in table.usb)
    assert table.pcsc[-1].word == "", "any name has to fit one"
