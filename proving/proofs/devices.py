"""`onecard prove devices`: every device of a box fails in every way that it can, one after another.

While one fails, all others do their work; when the fault is mended, the device has to do its own
again, by itself. The control is a keeper that opens a device once and never again.

A machine that stands still for seconds keeps taps from being stored, which is no device's doing. A
process beside the agent witnesses it (`simulators.witness`), and then the device works once more.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from unittest import mock

from drivers.io.keeper import ManagedDevice
from simulators.device_box.box import DeviceBox, Injection, NotStored, Part
from simulators.device_box.fitting import fitted_box
from simulators.site import NotInTime, until

PATIENCE = 90.0  # seconds for a device to be back
STOOD_STILL = 0.5  # seconds of the machine, a quarter of what a tap waits for the journal
AGAIN = 5  # times at most that a device works, where the machine stood still
CONTROL_PATIENCE = 4.0
CONTROL_PARTS = ("wand", "id-reader", "gate", "pad")
CONTROL_TIMEOUT = 120.0


@dataclass(frozen=True)
class Cell:
    """One device, one fault."""

    kind: str  # table of the settings
    part: str
    fault: str
    noticed: str  # the fault's code while it lasted; empty when nothing was to be seen
    unseen: bool  # the agent had to tell of it, and did not
    disturbed: Sequence[str]  # others that did not work meanwhile
    back: float | None  # seconds from the mending to the next work done; None: never

    def told(self) -> str:
        """The cell in one line."""
        back = "lost" if self.back is None else f"back in {self.back:.2f} s"
        rest = [self.noticed, "unseen" if self.unseen else ""]
        rest += [f"disturbed {trouble}" for trouble in self.disturbed]
        return f"{self.part}: {self.fault}: {back} {' '.join(filter(None, rest))}".strip()

    @property
    def survived(self) -> bool:
        return self.back is not None and not self.disturbed and not self.unseen


@dataclass
class Matrix:
    """All cells so far."""

    cells: list[Cell] = field(default_factory=list)
    checks: int = 0  # how often others did their work during a fault
    stood_still: int = 0  # how often a device worked once more, as the machine had stood still

    def figures(self) -> dict[str, Any]:
        back = [cell.back for cell in self.cells if cell.back is not None]
        return {
            "kinds": len({cell.kind for cell in self.cells}),
            "devices": len({cell.part for cell in self.cells}),
            "injected": len(self.cells),
            "survived": sum(cell.survived for cell in self.cells),
            "noticed": sum(bool(cell.noticed) for cell in self.cells),
            "checks_of_others": self.checks,
            "stood_still": self.stood_still,
            "others_disturbed": sum(len(cell.disturbed) for cell in self.cells),
            "back_p50_s": round(statistics.median(back), 2) if back else None,
            "back_max_s": round(max(back), 2) if back else None,
            "failed": [c.told() for c in self.cells if not c.survived],
        }


class Audience(Protocol):
    """Who watches."""

    def cell(self, cell: Cell) -> None: ...


class Nobody:
    """An audience of its own."""

    def cell(self, cell: Cell) -> None:
        """Nobody looks."""


class Printer:
    """One line per cell on standard error, for who waits minutes for the figures."""

    def cell(self, cell: Cell) -> None:
        sys.stderr.write(cell.told() + "\n")


def run(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Figures, goals, and the control that must lose devices."""
    parser = argparse.ArgumentParser(prog="onecard prove devices")
    parser.add_argument("--parts", nargs="*", help="only these devices fail")
    parser.add_argument("--faults", nargs="*", help="only these faults")
    parser.add_argument("--watch", action="store_true", help="a line per fault as it goes")
    parser.add_argument("--no-control", action="store_true", help="leave the control out")
    options = parser.parse_args(list(arguments))
    with fitted_box() as box:
        audience = Printer() if options.watch else Nobody()
        matrix = played(box, options.parts, options.faults, audience)
    control = {} if options.no_control else controlled()
    caught = options.no_control or control["survived"] < control["injected"]
    figures = matrix.figures()
    whole = figures["survived"] == figures["injected"] > 0
    return {
        "name": "devices",
        **figures,
        "control": control,
        "goals": {"survived": "injected", "others_disturbed": 0},
        "holds": whole and caught,
    }


def played(
    box: DeviceBox,
    parts: Sequence[str] | None = None,
    faults: Sequence[str] | None = None,
    audience: Audience | None = None,
    patience: float = PATIENCE,
    *,
    others: bool = True,
) -> Matrix:
    """The matrix of a box, or of some of its parts and faults."""
    matrix = Matrix()
    for part in box.parts:
        if parts and part.name not in parts:
            continue
        for name, fault in part.faults().items():
            if not faults or name in faults:
                cell = injected(box, matrix, part, name, fault, patience, others=others)
                matrix.cells.append(cell)
                (audience or Nobody()).cell(cell)
    return matrix


def injected(
    box: DeviceBox,
    matrix: Matrix,
    part: Part,
    name: str,
    fault: Injection,
    patience: float,
    *,
    others: bool,
) -> Cell:
    """One fault: others at work meanwhile, and the device itself afterwards."""
    excused = {part.name, *part.excused(box, name)}
    disturbed = []
    noticed = ""
    with fault():
        for other in box.parts if others else ():
            if other.name not in excused:
                matrix.checks += 1
                if trouble := trouble_of(box, matrix, other):
                    disturbed.append(trouble)
        seen = told(box, part) if part.shows(name) else box.state(part.name) != "ready"
        if seen:
            device = box.device(part.name)
            noticed = str(device["fault"] or device["state"])
    mended = time.monotonic()
    back = None
    while back is None and time.monotonic() - mended < patience:
        if ready(box, part, patience) and not trouble_of(box, matrix, part):
            back = time.monotonic() - mended
    unseen = part.shows(name) and not seen
    return Cell(part.kind, part.name, name, noticed, unseen, disturbed, back)


def told(box: DeviceBox, part: Part) -> bool:
    """The agent tells of it, sooner or later."""
    try:
        until(lambda: box.state(part.name) != "ready", part.name)
    except NotInTime:
        return False
    return True


def ready(box: DeviceBox, part: Part, patience: float) -> bool:
    try:
        box.until_ready(part, patience)
    except NotInTime:
        return False
    return True


def trouble_of(box: DeviceBox, matrix: Matrix, part: Part) -> str:
    """Why it does not do its work; empty when it does.

    Where a tap was not stored while the machine stood still, the device works once more.
    """
    why = ""
    for _ in range(AGAIN):
        began = time.monotonic()
        try:
            part.works(box)
        except NotStored as trouble:
            why = str(trouble)
            if box.witness.stood_still(began) < STOOD_STILL:
                break
            matrix.stood_still += 1
        except NotInTime as trouble:
            return str(trouble)
        else:
            return ""
    return why


# The control


def opens_once(self: ManagedDevice[Any]) -> None:
    """What `ManagedDevice._keep` would be without its loop."""
    self._run_once()


def controlled() -> dict[str, Any]:
    """The same with a keeper that never opens again, in a process of its own."""
    command = ["setpriv", "--pdeathsig", "TERM", "--", sys.executable]
    command += ["-m", "proving.proofs.devices", "--control"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CONTROL_TIMEOUT, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {key: figures[key] for key in ("injected", "survived")}


def control() -> dict[str, Any]:
    with mock.patch.object(ManagedDevice, "_keep", opens_once), fitted_box() as box:
        return played(
            box, CONTROL_PARTS, ["unplugged"], patience=CONTROL_PATIENCE, others=False
        ).figures()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(control() if "--control" in sys.argv else run(sys.argv[1:])) + "\n")
