"""What a box is fitted with: one of every driver that the product has."""

from simulators.device_box.box import DeviceBox, Part
from simulators.device_box.cards import PcscPart, Pn532Part
from simulators.device_box.outputs import (
    INPUTS,
    LampPart,
    LcusPart,
    ModbusPart,
    PinPadPart,
    PrinterPart,
    SwingPart,
    TripodPart,
    VoicePart,
)
from simulators.device_box.sources import (
    CameraPart,
    HidPosPart,
    KeyboardPart,
    ModulePart,
    SamVPart,
    SamVUsbPart,
)
from simulators.devices.boards import LcusBoard, ModbusBoard, SwingBoard, TripodBoard
from simulators.devices.idcard import SamVModule
from simulators.devices.lamp import TowerPeer
from simulators.devices.pinpad import PinPadPeer
from simulators.devices.pn532 import Pn532Chip
from simulators.devices.printer import PrinterPeer
from simulators.devices.scan_module import ScanModule
from simulators.site import DOOR, DOOR_OUT

RIGHT = bytes.fromhex("EB014100AB")  # devices.md
SWING_IN = bytes.fromhex("0210010104")  # made up, as the specification names no type that opens


def fitted_box() -> DeviceBox:
    """A box with all parts; see `simulators.device_box.box.DeviceBox`."""
    return DeviceBox(fit)


def fit(box: DeviceBox) -> list[Part]:
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
