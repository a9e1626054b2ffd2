"""Barriers, prompts, PIN pad and printer: what the product does reaches them."""

import queue
import threading
from collections.abc import Collection, Mapping

from drivers.contract import DeviceFault, Line, PinFault, Receipt
from simulators.device_box.box import SOON, DeviceBox, Injection, Part
from simulators.device_box.serial import SerialPart
from simulators.devices.boards import GateBoard, ModbusBoard
from simulators.devices.lamp import TowerPeer
from simulators.devices.pinpad import PinPadPeer
from simulators.devices.printer import PrinterPeer
from simulators.site import NotInTime, until

INPUTS = {"entry": 0, "exit": 1, "forced": 2}  # of the Modbus board's sensors


class BarrierPart(SerialPart):
    """A gate board: a person's card opens it."""

    kind = "barriers"
    peer: GateBoard

    def excused(self, box: DeviceBox, fault: str) -> Collection[str]:
        """Whoever waits at its lane; who leaves is recorded all the same."""
        waiting = [
            part.name
            for part in box.parts
            if part.lane == self.lane != "exit" and part.kind in ("readers", "documents")
        ]
        return [*waiting, *(part.name for part in box.parts if part.kind == "prompts")]

    def works(self, box: DeviceBox) -> str:
        opened = self.peer.opened
        while not opened.empty():
            opened.get_nowait()
        lane = box.local.running.service.gate.lanes[self.lane]
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

    def works(self, box: DeviceBox) -> str:
        before = self._told(box)
        box.part("door").works(box)
        until(lambda: self._told(box) > before, f"{self.name} said nothing", SOON)
        return "said"

    def _told(self, box: DeviceBox) -> int:
        counters = box.device(self.name)["counters"]
        return int(counters.get("said", 0)) + int(counters.get("cut", 0))

    def faults(self) -> Mapping[str, Injection]:
        return {}


class LampPart(SerialPart):
    """A tower light with a buzzer: it says what came of a card at the door."""

    kind = "prompts"
    driver = "serial-lamp"
    peer: TowerPeer

    def works(self, box: DeviceBox) -> str:
        beeps = self.peer.beeps
        box.part("door").works(box)
        until(lambda: self.peer.beeps > beeps, f"{self.name} did not beep", SOON)
        return "lit"


class PrinterPart(SerialPart):
    """A receipt printer."""

    kind = "printers"
    driver = "escpos-printer"
    peer: PrinterPeer

    def works(self, box: DeviceBox) -> str:
        printer = box.local.running.service.gate.lanes[self.lane].printer
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

    def works(self, box: DeviceBox) -> str:
        pad = box.local.running.service.gate.lanes[self.lane].pinpad
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


def soon(events: "queue.Queue[str]", what: str) -> str:
    """The next of the events. Raises `NotInTime`."""
    try:
        return events.get(timeout=SOON)
    except queue.Empty:
        raise NotInTime(what) from None
