"""What devices take while nobody is there: a camera at rest, and all other devices together.

The drivers are in a process of their own (this file as `__main__`), made and started by name as the
agent makes them; the simulated devices are in others, so that their work is not counted.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from benchmarks.footprint import Usage
from drivers import registry
from drivers.contract import DeviceState, DeviceStatus, Interface, SlotBinding
from simulators.devices.boards import LcusBoard, ModbusBoard, SwingBoard, TripodBoard
from simulators.devices.idcard import SamVModule
from simulators.devices.keyboard import Keyboard
from simulators.devices.lamp import TowerPeer
from simulators.devices.mjpeg import MjpegProcess
from simulators.devices.pinpad import PinPadPeer
from simulators.devices.pn532 import Pn532Chip
from simulators.devices.printer import PrinterPeer
from simulators.devices.pty import Peer, PtyPort
from simulators.devices.scan_module import HidPosScanner, ScanModule
from simulators.devices.usb import UsbBus
from simulators.lifetime import scratch
from simulators.site import NotInTime, until
from world import World
from world.real import RealWorld

Kind = Literal[
    "readers", "scanners", "documents", "barriers", "prompts", "pinpads", "printers"
]  # as the settings' tables are called

SETTLE: Final = 5.0  # seconds from ready to the first look: the camera has come to rest
WINDOW: Final = 20.0  # seconds
READY_WITHIN: Final = 20.0  # seconds
GOALS: Final = {"camera_cpu_percent_max": 10.0, "devices_cpu_percent_max": 0.5}
INPUTS: Final = {"entry": 0, "exit": 1, "forced": 2}  # of the Modbus board
INSIDE: Final = "usb-Onecard_keys-event-kbd"  # the event file that is plugged beside the driver


@dataclass(frozen=True)
class Attached:
    """A device that is simulated and ready: which driver shall take it, with which options."""

    name: str
    kind: Kind
    driver: str
    options: Mapping[str, Any] = field(default_factory=dict)
    match: str = ""  # of a reader's binding


class Started(Protocol):
    """What is asked of a device here, of whatever kind."""

    def status(self) -> DeviceStatus: ...


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Per cent of one core, and context switches per second (either kind, all threads), of a
    process with nothing but the drivers, over 20 s. `camera_*`: one camera, 640 × 480 at 30 fps of
    which 3 are looked at while nothing moves (`idle_fps`); `frames_per_s`, `looked_per_s`: what it
    really did. `devices_*`: all kinds of `others` together.

    `--settle SECONDS`, `--window SECONDS` change the times.
    """
    parser = argparse.ArgumentParser(prog="onecard bench idle")
    parser.add_argument("--settle", type=float, default=SETTLE)
    parser.add_argument("--window", type=float, default=WINDOW)
    options = parser.parse_args(arguments)
    figures: dict[str, float] = {}
    with MjpegProcess(fps=30) as server:
        camera = Attached("camera", "scanners", "camera", {"source": server.url})
        figures |= at_rest("camera", [camera], settle=options.settle, window=options.window)
    with others() as attached:
        figures |= at_rest("devices", attached, settle=options.settle, window=options.window)
    return {"name": "idle", **figures, "goals": GOALS, "holds": hold(figures, GOALS)}


def hold(figures: Mapping[str, float], goals: Mapping[str, float]) -> bool:
    """Whether each goal, which is named after its figure and `_max`, is kept."""
    return all(figures[goal.removesuffix("_max")] <= most for goal, most in goals.items())


@contextmanager
def others() -> Iterator[Sequence[Attached]]:
    """One of every other driver, plugged in: serial ones, the ID-card reader among them, simulated
    in this process, and beside the drivers what has no way there but by memory (`INSIDE`)."""
    chip = Pn532Chip()
    swing = {"entry": "10 01", "exit": "10 02"}
    peers: Sequence[tuple[Kind, str, Peer, Mapping[str, Any]]] = (
        ("scanners", "serial-scanner", ScanModule("newland"), {"trigger": "newland"}),
        ("documents", "sam-v", SamVModule(), {}),
        ("barriers", "modbus-relay", ModbusBoard({0: "entry"}, INPUTS), {"sensors": INPUTS}),
        ("barriers", "tripod", TripodBoard({}), {}),
        ("barriers", "lcus-relay", LcusBoard({1: "entry"}), {}),
        ("barriers", "swing-gate", SwingBoard({}), swing),
        ("prompts", "serial-lamp", TowerPeer(), {}),
        ("pinpads", "serial-pinpad", PinPadPeer(), {}),
        ("printers", "escpos-printer", PrinterPeer(), {}),
    )
    with ExitStack() as stack:
        folder = stack.enter_context(scratch("onecard-idle-"))
        stack.callback(chip.close)
        reader = stack.enter_context(PtyPort(folder / "pn532", chip))
        attached = [Attached("air", "readers", "pn532", match=str(reader.path))]
        for kind, driver, peer, options in peers:
            port = stack.enter_context(PtyPort(folder / driver, peer))
            attached.append(Attached(driver, kind, driver, {"port": str(port.path), **options}))
        attached.append(Attached("speaker", "prompts", "voice", {"sink": "null"}))
        attached += [
            Attached("gun", "scanners", "hid-pos-scanner", {"usb": "0C2E:0B6A"}),
            Attached("keys", "scanners", "keyboard-scanner", {"port": str(folder / INSIDE)}),
        ]
        yield attached


@contextmanager
def inside(attached: Sequence[Attached]) -> Iterator[None]:
    """Simulated devices that a driver meets in its own process: what they take is counted too."""
    with ExitStack() as stack:
        stack.enter_context(UsbBus(HidPosScanner()))
        for device in attached:
            port = Path(str(device.options.get("port", "")))
            if port.name == INSIDE:
                stack.enter_context(Keyboard(port))
        yield


def at_rest(
    what: str,
    attached: Sequence[Attached],
    *,
    settle: float = SETTLE,
    window: float = WINDOW,
    ready: float = READY_WITHIN,
) -> dict[str, float]:
    """The figures of a process with the drivers of `attached`, their names beginning with `what`.

    Raises `simulators.site.NotInTime` when one of them is not ready within `ready` seconds.
    """
    with _drivers(attached, ready) as drivers:
        time.sleep(settle)
        before, counted = Usage.of(drivers.pid), drivers.counters()
        time.sleep(window)
        after, counters = Usage.of(drivers.pid), drivers.counters()
    used = after.since(before)
    figures: dict[str, float] = {
        f"{what}_cpu_percent": used["idle_cpu_percent"],
        f"{what}_switches_per_s": used["switches_per_s"],
        f"{what}_threads": len(after.switches),
    }
    for name in ("frames", "looked", "thorough"):
        if name in counters:
            pace = (counters[name] - counted.get(name, 0)) / (after.at - before.at)
            figures[f"{what}_{name}_per_s"] = round(pace, 1)
    return figures


class Drivers:
    """The process with the drivers; it tells their counters when it is asked by a line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.pid = process.pid
        self._process = process

    def counters(self) -> Mapping[str, int]:
        """Of all devices together. Also waits until they are ready, the first time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise NotInTime("the drivers' process ended: a device did not become ready")
        return msgspec.json.decode(answer, type=dict[str, int])


@contextmanager
def _drivers(attached: Sequence[Attached], ready: float) -> Iterator[Drivers]:
    told = json.dumps([asdict(device) for device in attached])
    argv = [sys.executable, "-m", "benchmarks.idle", told, str(ready)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        drivers = Drivers(process)
        drivers.counters()
        yield drivers
        assert process.stdin is not None
        process.stdin.close()


def _be_drivers(attached: Sequence[Attached], ready: float) -> None:
    """The process's whole life: start them, be asked, stop them at the end of the questions."""
    world = RealWorld()
    kept = [_kept(world, device) for device in attached]
    with inside(attached):
        _serve(kept, ready)


def _serve(kept: Sequence["Kept"], ready: float) -> None:
    for one in kept:
        one.start()
    devices = [device for one in kept for device in one.devices]
    until(lambda: all(_ready(device) for device in devices), "not all are ready", ready)
    for _ in sys.stdin:
        total: dict[str, int] = {}
        for device in devices:
            for name, count in device.status().counters.items():
                total[name] = total.get(name, 0) + count
        sys.stdout.write(json.dumps(total) + "\n")
        sys.stdout.flush()
    for one in kept:
        one.stop()


@dataclass(frozen=True)
class Kept:
    """A device, or a family of readers, as the agent keeps it."""

    start: Callable[[], None]
    stop: Callable[[], None]
    devices: Sequence[Started]


def _kept(world: World, device: Attached) -> Kept:
    if device.kind == "readers":
        binding = SlotBinding(device.name, device.match, Interface.CONTACTLESS, device.options)
        family = registry.reader_driver(device.driver)(world, [binding])
        return Kept(family.start, family.stop, family.readers())
    kinds = {
        "scanners": registry.scanner,
        "documents": registry.document_reader,
        "barriers": registry.barrier,
        "prompts": registry.prompts,
        "pinpads": registry.pin_pad,
        "printers": registry.printer,
    }
    one = kinds[device.kind](device.driver)(world, device.name, device.options)
    return Kept(one.start, one.stop, [one])


def _ready(device: Started) -> bool:
    return device.status().state is DeviceState.READY


if __name__ == "__main__":
    _be_drivers(msgspec.json.decode(sys.argv[1], type=list[Attached]), float(sys.argv[2]))
