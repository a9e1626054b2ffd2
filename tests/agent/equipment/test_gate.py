"""Lanes and their threads: each presence is one tap, stopping lets a tap under way end."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

import pytest

from agent.equipment.gate import Equipment
from agent.equipment.lane import Lane
from agent.equipment.passage import PassageEnd
from agent.identify.proof import LEAVING, Proof
from config.model import AgentSettings as Settings
from config.model import LaneSettings as LaneSettings
from config.model import OutputSettings, Reader, SceneSettings, TerminalSettings
from config.waits import DRAIN
from contracts.scenes.stand import FakeReader
from drivers import registry
from drivers.console import ConsoleBarrier, ConsolePrompts
from drivers.contract import (
    CardReader,
    Code,
    Document,
    Interface,
    Presence,
    Prompt,
    SlotBinding,
    Unread,
)
from drivers.registry import DriverUnknown
from simulators.cards import Card
from simulators.cards import Interface as CardInterface
from simulators.people import Wallet, load_cast
from simulators.world import SimWorld
from world import World
from world.real import RealWorld

T = TypeVar("T")
SEEDS = range(15)
CAST = load_cast()


def a_card() -> Card:
    return Wallet(CAST).at("lin", CardInterface.CONTACTLESS)


class FakeDriver:
    """A family of `FakeReader`s; `made` are those of the running test."""

    made: ClassVar[list["FakeDriver"]] = []

    def __init__(self, world: World, bindings: Sequence[SlotBinding]) -> None:
        self.slots = [FakeReader(world, b.name, b.interface, pace=0.001) for b in bindings]
        self.bindings = bindings
        self.running = False
        FakeDriver.made.append(self)

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        assert not any(reader.powered for reader in self.slots), "stopped with a card in power"
        self.running = False

    def readers(self) -> Sequence[CardReader]:
        return self.slots

    def attached(self) -> Sequence[str]:
        return [f"Fake {reader.name}" for reader in self.slots]

    def looked(self) -> bool:
        return self.running


class Site:
    """A gate with readers "door" and "door-2" at the entry, "door-out" at the exit, one PSAM slot.
    `handled` holds (lane, reader, count) of each tap; a tap lasts `lasts[reader]` seconds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.gate = Equipment(world, settings())
        (self.driver,) = FakeDriver.made
        self.readers: Mapping[str, FakeReader] = {r.name: r for r in self.driver.slots}
        self.handled: list[tuple[str, str, int]] = []
        self.lasts: dict[str, float] = {}

    def handle(self, lane: Lane, reader: CardReader, presence: Presence) -> None:
        handle = reader.open()
        self.world.wait(self.lasts.get(reader.name, 0.01))
        handle.close()
        self.handled.append((lane.name, reader.name, presence.count))

    def handle_code(self, lane: Lane, code: Code) -> None:
        self.handled.append((lane.name, code.source, len(code.content)))

    def handle_document(self, lane: Lane, document: Document | Unread) -> None:
        self.handled.append((lane.name, document.source, document.count))

    def handle_passage(self, lane: Lane, end: PassageEnd) -> None:
        self.handled.append((lane.name, end.kind, 0))


def settings(driver: str = "fake") -> Settings:
    slots = {"door": "contactless", "door-2": "contact", "door-out": "contactless", "psam": "sam"}
    return Settings(
        terminal=TerminalSettings(id="gate-1", city="519900"),
        scene=SceneSettings(kind="library-gate"),
        lanes=(
            LaneSettings(
                name="entry",
                direction="entry",
                readers=("door", "door-2"),
                barrier="gate",
                prompts=("panel", "voice"),
            ),
            LaneSettings(name="exit", direction="exit", readers=("door-out",)),
        ),
        readers=tuple(
            Reader(name=name, driver=driver, match="*", interface=interface)  # type: ignore[arg-type]
            for name, interface in slots.items()
        ),
        barriers=(OutputSettings(name="gate"),),
        prompts=(OutputSettings(name="panel"), OutputSettings(name="voice")),
    )


@pytest.fixture(autouse=True)
def fake_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeDriver.made = []
    find = registry.reader_driver
    monkeypatch.setattr(
        registry, "reader_driver", lambda name: FakeDriver if name == "fake" else find(name)
    )


def played(scenario: Callable[[Site], T], seed: int = 1) -> T:
    FakeDriver.made = []
    world = SimWorld(seed)
    return world.play(lambda: scenario(Site(world)))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_presence_is_one_tap_of_its_lane(seed: int) -> None:
    def scenario(site: Site) -> None:
        site.gate.start(site)
        for _ in range(3):
            for name in ("door", "door-2", "door-out"):
                site.readers[name].insert(a_card())
            site.world.wait(0.1)
            for name in ("door", "door-2", "door-out"):
                site.readers[name].remove()
        assert site.gate.stop()
        assert sorted(site.handled) == [
            (lane, name, count)
            for lane, name in (("entry", "door"), ("entry", "door-2"), ("exit", "door-out"))
            for count in (1, 2, 3)
        ]

    played(scenario, seed)


def test_a_psam_is_no_tap_and_is_powered_down_at_the_end() -> None:
    def scenario(site: Site) -> None:
        site.gate.start(site)
        psam = site.readers["psam"]
        psam.insert(CAST.psam())
        site.world.wait(1.0)
        assert (psam.opened, psam.closed) == (1, 0)
        (status,) = site.gate.sams.status()
        assert status.terminal_number == CAST.terminal_number
        assert site.gate.stop()
        assert (psam.opened, psam.closed) == (1, 1)
        assert site.handled == []
        assert "psam" not in [reader.name for reader in site.gate.lane_readers()]

    played(scenario)


def test_a_psam_that_is_there_from_the_beginning_is_ready_before_the_first_card() -> None:
    def scenario(site: Site) -> None:
        site.readers["psam"].insert(CAST.psam())
        site.gate.start(site)
        site.world.wait(0.5)
        (status,) = site.gate.sams.status()
        assert (status.terminal_number, status.fault) == (CAST.terminal_number, "")
        site.gate.stop()

    played(scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_stop_drains_a_tap_under_way_and_takes_no_more(seed: int) -> None:
    def scenario(site: Site) -> None:
        site.lasts = {"door": 2.0}
        site.gate.start(site)
        site.readers["door"].insert(a_card())
        site.world.wait(1.0)
        site.readers["door"].remove()
        site.readers["door"].insert(a_card())  # waits behind the one under way
        assert site.gate.stop()
        assert site.handled == [("entry", "door", 1)]
        site.readers["door-2"].insert(a_card())
        site.world.wait(10.0)
        assert site.handled == [("entry", "door", 1)]
        assert not site.driver.running

    played(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_that_hangs_is_left_behind_in_time(seed: int) -> None:
    def scenario(site: Site) -> None:
        site.driver.slots[0].on_open = lambda: site.world.wait(60.0)
        site.gate.start(site)
        site.readers["door"].insert(a_card())
        site.readers["door-2"].insert(a_card())
        site.world.wait(1.0)
        began = site.world.monotonic()
        assert not site.gate.stop()
        assert site.world.monotonic() - began < DRAIN + 1.0
        assert site.handled == [("entry", "door-2", 1)]

    played(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_readers_of_one_lane_do_not_wait_for_each_other(seed: int) -> None:
    def scenario(site: Site) -> None:
        site.lasts = {"door": 3.0}
        site.gate.start(site)
        site.readers["door"].insert(a_card())
        for _ in range(5):
            site.readers["door-2"].insert(a_card())
            site.world.wait(0.1)
            site.readers["door-2"].remove()
        assert [reader for _, reader, _ in site.handled] == ["door-2"] * 5
        assert site.gate.stop()

    played(scenario, seed)


def test_looking_touches_no_card() -> None:
    def scenario(site: Site) -> None:
        site.readers["door"].insert(a_card())
        site.gate.look()
        site.world.wait(1.0)
        assert site.driver.running
        assert site.readers["door"].opened == 0
        assert len(site.gate.attached()) == 4
        assert site.gate.stop()

    played(scenario)


def test_a_family_has_one_driver_with_all_its_slots() -> None:
    def scenario(site: Site) -> None:
        assert [binding.name for binding in site.driver.bindings] == [
            "door",
            "door-2",
            "door-out",
            "psam",
        ]
        assert site.driver.bindings[3].interface is Interface.SAM
        assert [placed.status.name for placed in site.gate.readers()] == [
            "door",
            "door-2",
            "door-out",
            "psam",
        ]
        assert [placed.status.name for placed in site.gate.devices()] == ["gate", "panel", "voice"]

    played(scenario)


def test_a_lane_shows_on_all_its_prompts_and_opens_its_own_barrier() -> None:
    def scenario(site: Site) -> None:
        entry, leave = site.gate.lanes["entry"], site.gate.lanes["exit"]
        lines: list[str] = []
        assert isinstance(entry.barrier, ConsoleBarrier)
        entry.barrier.listen(lines.append)
        for prompts in entry.prompts:
            assert isinstance(prompts, ConsolePrompts)
            prompts.listen(lines.append)
        entry.open(Proof("card"))
        entry.show(Prompt("accepted", "Welcome", "green", "short"))
        assert [line.partition(":")[0] for line in lines] == ["gate", "panel", "voice"]
        leave.open(LEAVING)  # a lane without barrier lets through
        leave.show(Prompt("accepted-exit", "Goodbye", "green", "short"))
        assert len(lines) == 3

    played(scenario)


def test_a_driver_that_is_not_installed_is_named_before_anything_starts() -> None:
    with pytest.raises(DriverUnknown) as caught:
        Equipment(SimWorld(1), settings("no-such-driver"))
    assert caught.value.facts["driver"] == "no-such-driver"
    assert FakeDriver.made == []


def test_devices_that_hang_when_they_are_let_go_hang_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after another, seventeen of two seconds each would leave a terminal dark for half a
    minute at each reload."""
    everybody = threading.Barrier(4)  # two prompts, a barrier, a family of readers

    def meet(device: object) -> None:
        everybody.wait(timeout=60)  # raises for one who is alone

    for kind in (ConsolePrompts, ConsoleBarrier, FakeDriver):
        monkeypatch.setattr(kind, "stop", meet)
    Equipment(RealWorld(), settings()).stop()
    assert not everybody.broken
