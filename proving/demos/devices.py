"""`onecard demo --scene devices`: every kind of device, each at work, unplugged and back.

What a device did and what was said of it while it was away come from the agent itself; at the end
people walk through a gate, and the platform's rows are compared with the journal's.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.equipment.passage import LATE
from offline_store.columns import subject
from offline_store.events.about import Passage, Recovery
from offline_store.events.tap import Tap
from simulators.device_box.box import SOON, DeviceBox, Part
from simulators.device_box.outputs import ModbusPart
from simulators.devices.virtual_gate import Conduct, VirtualGate
from simulators.site import DRAIN_SECONDS, TERMINAL, NotInTime, until

OVERDUE = LATE + 1.0  # seconds after somebody's time, in the journal
WITNESS = ("door", "wand")  # who works while another device is away; the second for the first


@dataclass(frozen=True)
class Step:
    """One device: at work, unplugged, plugged again, at work again."""

    part: Part
    did: str
    away: str  # what the agent said of it while it was unplugged; empty where it has no plug
    witness: tuple[str, str]  # what another device did meanwhile: (name, did)
    back: float | None  # seconds until it worked again
    again: str

    @property
    def good(self) -> bool:
        return self.did == self.again and (not self.away or all(self.witness))


@dataclass(frozen=True)
class Tour:
    """The whole demo."""

    steps: Sequence[Step]
    passages: Sequence[str]  # what the journal says of people at the gate
    journal_rows: int
    platform_rows: int
    same: bool
    whole: bool

    @property
    def good(self) -> bool:
        return (
            all(step.good for step in self.steps)
            and list(self.passages) == [end for _, ends in PEOPLE for end in ends]
            and self.same
            and self.whole
        )


class Audience(Protocol):
    """Who watches."""

    def step(self, step: Step) -> None: ...

    def passage(self, conduct: Conduct, ends: Sequence[str]) -> None: ...


# What people do at the gate, and what the journal has to say of it.
PEOPLE: Sequence[tuple[Conduct, Sequence[str]]] = (
    (Conduct.WALKS, ["passed"]),
    (Conduct.BRINGS_A_TAIL, ["passed", "tailgating"]),
    (Conduct.IS_MET, ["wrong-way", "passed"]),
    (Conduct.FORCES, ["forced", "passed"]),
    (Conduct.TURNS_BACK, ["timed-out"]),
)


def toured(box: DeviceBox, audience: Audience) -> Tour:
    """Every device in turn, then the people."""
    steps = []
    for part in box.parts:
        steps.append(_step(box, part))
        audience.step(steps[-1])
    passages: list[str] = []
    for conduct, expected in PEOPLE:
        ends = _walk(box, conduct, len(expected))
        audience.passage(conduct, ends)
        passages += ends
    until(
        lambda: box.agent.status()["store"]["unreceipted"] == 0,
        "the platform has not receipted everything",
        DRAIN_SECONDS,
    )
    journal = {(r.epoch, r.seq): r.hash for r in box.agent.records()}
    platform = {(r.epoch, r.seq): r.hash for r in box.platform.ledger.rows(TERMINAL)}
    whole = bool(box.agent.client.get("/v1/journal/verify")["whole"])
    return Tour(steps, passages, len(journal), len(platform), journal == platform, whole)


def _step(box: DeviceBox, part: Part) -> Step:
    did = part.works(box)
    if "unplugged" not in part.faults():
        return Step(part, did, "", ("", ""), None, part.works(box))
    with part.unplugged():
        until(lambda: box.state(part.name) != "ready", f"{part.name} is not missed", SOON)
        away = str(box.device(part.name)["state"])
        excused = {part.name, *part.excused(box, "unplugged")}
        other = next(name for name in (*WITNESS, "gun") if name not in excused)
        witness = (other, box.part(other).works(box))
    plugged = time.monotonic()
    box.until_ready(part)
    again = _again(box, part)
    return Step(part, did, away, witness, time.monotonic() - plugged, again)


def _again(box: DeviceBox, part: Part) -> str:
    """Its work once more; empty when it does not do it."""
    try:
        return part.works(box)
    except NotInTime:
        return ""


def _walk(box: DeviceBox, conduct: Conduct, ends: int) -> list[str]:
    """Somebody taps at the entry and behaves so; how his passage ended."""
    gate = box.part("gate")
    assert isinstance(gate, ModbusPart)
    until(lambda: _settled(box), "somebody's passage has no end")
    VirtualGate(gate.peer).arrive("entry", conduct)
    before = len(_passages(box))
    box.part("door").works(box)
    until(lambda: len(_passages(box)) >= before + ends, f"nothing of who {conduct.value}", SOON)
    return _passages(box)[before:]


def _passages(box: DeviceBox) -> list[str]:
    """What the journal says of passages, alarms of the gate among them."""
    events = [record.event() for record in box.agent.records()]
    told = [event for event in events if event.kind in ("passage", "alarm")]
    return [event.reason for event in told if event.lane == "entry"]


def _settled(box: DeviceBox) -> bool:
    """Everybody who was let in has gone through, or his time is up, also that in which whoever goes
    through is taken for him."""
    rows = [record.stored() for record in box.agent.records()]
    entry = [row for row in rows if row.event.lane == "entry"]
    let_in = {
        row.at for row in entry if isinstance(row.event, Tap) and row.event.reason == "accepted"
    }
    undone = {subject(row.event) for row in entry if isinstance(row.event, Passage | Recovery)}
    missed = [row.clock.time_ms for row in entry if row.event.reason == "timed-out"]
    return let_in <= undone and time.time() * 1000 > max(missed, default=0) + OVERDUE * 1000
