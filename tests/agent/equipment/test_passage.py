"""Every opening ends once, whoever crosses without one is an alarm, and each end names its tap."""

import queue
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.equipment.lane import Lane
from agent.equipment.passage import LATE, TAIL, Opening, PassageEnd, PassageMachine, Passages
from agent.messages.reasons import Reason
from agent.tap.tap import TapReport
from contracts.drivers.reader import until
from contracts.scenes.stand import Stand, play
from drivers.barriers.modbus_relay import ModbusRelay
from drivers.barriers.tripod import Tripod, frame
from drivers.console import ConsoleBarrier
from drivers.contract import (
    Barrier,
    Crossing,
    DeviceFault,
    DeviceSilent,
    DeviceState,
    Direction,
    Forced,
    Sensed,
)
from offline_store.events.reference import Reference
from simulators.devices.boards import ModbusBoard, OnOpen, TripodBoard
from simulators.devices.pty import PtyPort
from simulators.devices.virtual_gate import Conduct, VirtualGate, crowd
from simulators.world import SimWorld
from world import Queue, World
from world.real import RealWorld

LIMIT = 5.0
LONG = 60.0  # seconds; nobody's time is up in the middle of a test
PATIENCE = 60.0
ENTRY: tuple[Direction, ...] = ("entry",)
ANY: tuple[Direction, ...] = ("entry", "exit")


def tap(seq: int) -> Reference:
    return Reference("e" * 32, seq, f"{seq:064x}")


def machine(*directions: Direction) -> PassageMachine:
    return PassageMachine(directions or ("entry",), LIMIT)


def opened(passage: PassageMachine, seq: int, at: float, direction: Direction = "entry") -> Opening:
    opening = passage.announce(direction, tap(seq))
    passage.took(opening, at)
    return opening


def ends(passage: PassageMachine) -> list[tuple[str, int | None]]:
    return [(end.kind, end.tap.seq if end.tap else None) for end in passage.take()]


def test_who_goes_through_in_time_has_passed() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.crossed("entry", 2.0)
    assert passage.take() == [PassageEnd("passed", tap(1), "entry", 2.0)]


def test_who_turns_back_has_timed_out_when_his_time_was_up() -> None:
    passage = machine()
    opened(passage, 1, 1.0)
    passage.expire(1.0 + LIMIT - 0.001)
    assert not passage.take()
    passage.expire(100.0)
    assert passage.take() == [PassageEnd("timed-out", tap(1), "entry", 1.0 + LIMIT)]


def test_a_second_person_on_one_tap_is_tailgating_and_names_whom_he_followed() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.crossed("entry", 1.0)
    passage.crossed("entry", 1.5)
    assert ends(passage) == [("passed", 1), ("tailgating", 1)]


def test_who_comes_much_later_follows_nobody() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.crossed("entry", 1.0)
    passage.crossed("entry", 1.0 + TAIL + 0.1)
    assert ends(passage) == [("passed", 1), ("forced", None)]


def test_who_goes_through_a_moment_after_his_time_has_gone_through_late() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.expire(LIMIT)
    passage.crossed("entry", LIMIT + LATE)
    passage.crossed("entry", LIMIT + LATE + 1.0)
    assert ends(passage) == [("timed-out", 1), ("passed-late", 1), ("tailgating", 1)]


def test_who_comes_long_after_somebodys_time_is_nobodys_late_one() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.crossed("entry", LIMIT + LATE + 0.1)
    assert ends(passage) == [("timed-out", 1), ("forced", None)]


def test_a_late_one_takes_no_opening_from_who_is_expected_and_none_is_lost() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    opened(passage, 2, LIMIT - 1.0)
    passage.crossed("entry", LIMIT + 0.5)
    passage.crossed("entry", LIMIT + 1.0)
    assert ends(passage) == [("timed-out", 1), ("passed", 2), ("passed-late", 1)]


def test_who_crossed_before_a_tap_did_not_come_for_it() -> None:
    """The sensor's word may be looked at only when the next person has tapped."""
    passage = machine()
    opening = passage.announce("entry", tap(1), 5.0)
    passage.crossed("entry", 4.9)
    passage.took(opening, 5.1)
    passage.crossed("entry", 6.0)
    assert ends(passage) == [("forced", None), ("passed", 1)]


def test_against_an_opening_is_the_wrong_way_and_leaves_it_open() -> None:
    passage = machine("entry", "exit")
    opened(passage, 1, 0.0)
    passage.crossed("exit", 1.0)
    passage.crossed("entry", 2.0)
    assert ends(passage) == [("wrong-way", None), ("passed", 1)]


def test_where_nobody_may_go_is_always_the_wrong_way() -> None:
    passage = machine("entry")
    passage.crossed("exit", 1.0)
    assert ends(passage) == [("wrong-way", None)]


def test_force_is_an_alarm_and_ends_nothing() -> None:
    passage = machine()
    opened(passage, 1, 0.0)
    passage.forced(1.0)
    passage.crossed("entry", 2.0)
    assert passage.take() == [
        PassageEnd("forced", None, None, 1.0),
        PassageEnd("passed", tap(1), "entry", 2.0),
    ]


def test_several_in_a_row_go_in_the_order_of_their_taps() -> None:
    passage = machine()
    for seq in (1, 2, 3):
        opened(passage, seq, seq / 10)
    for at in (1.0, 2.0, 3.0):
        passage.crossed("entry", at)
    assert ends(passage) == [("passed", 1), ("passed", 2), ("passed", 3)]


def test_who_waits_behind_others_gets_his_whole_time() -> None:
    passage = machine()
    for seq in (1, 2, 3):
        opened(passage, seq, 0.0)
    passage.crossed("entry", 4.0)
    passage.crossed("entry", 8.0)
    passage.crossed("entry", 12.9)
    assert ends(passage) == [("passed", 1), ("passed", 2), ("passed", 3)]


def test_both_directions_of_one_barrier_are_kept_apart() -> None:
    passage = machine("entry", "exit")
    opened(passage, 1, 0.0)
    opened(passage, 2, 0.1, "exit")
    passage.crossed("exit", 1.0)
    passage.crossed("entry", 1.1)
    assert ends(passage) == [("passed", 2), ("passed", 1)]


def test_an_opening_that_the_barrier_did_not_take_is_none() -> None:
    passage = machine()
    opening = passage.announce("entry", tap(1))
    passage.withdraw(opening)
    passage.expire(100.0)
    assert not passage.take()
    passage.crossed("entry", 101.0)
    assert ends(passage) == [("forced", None)]


def test_who_was_let_out_before_his_record_is_named_when_it_is_durable() -> None:
    passage = machine("exit")
    opening = passage.announce("exit", None)
    passage.took(opening, 0.0)
    passage.crossed("exit", 0.5)
    assert not passage.take()
    passage.name(opening, tap(7))
    assert ends(passage) == [("passed", 7)]


def test_who_was_let_out_and_never_recorded_has_passed_without_a_name() -> None:
    passage = machine("exit")
    opening = passage.announce("exit", None)
    passage.took(opening, 0.0)
    passage.crossed("exit", 0.5)
    passage.name(opening, None)
    assert ends(passage) == [("passed", None)]


class PassageRules(RuleBasedStateMachine):
    """Any order of openings, crossings, force and time; the rules of the module hold."""

    def __init__(self) -> None:
        super().__init__()
        self.passage = PassageMachine(ANY, LIMIT)
        self.now = 0.0
        self.seq = 0
        self.openings: dict[int, Opening] = {}
        self.withdrawn: set[int] = set()
        self.announced: set[int] = set()  # the barrier has not answered yet
        self.unnamed: set[int] = set()
        self.crossings = 0
        self.forces = 0
        self.ends: list[PassageEnd] = []

    def collect(self) -> list[PassageEnd]:
        new = self.passage.take()
        self.ends += new
        return new

    def open_in(self, direction: Direction) -> bool:
        ended = {
            end.tap.seq for end in self.ends if end.tap and end.kind in ("passed", "timed-out")
        }
        return any(
            opening.direction == direction
            for seq, opening in self.openings.items()
            if seq not in ended | self.withdrawn
        )

    @rule(direction=st.sampled_from(ANY), named=st.booleans())
    def announce(self, direction: Direction, named: bool) -> None:
        self.seq += 1
        opening = self.passage.announce(direction, tap(self.seq) if named else None)
        self.openings[self.seq] = opening
        self.announced.add(self.seq)
        if not named:
            self.unnamed.add(self.seq)

    @precondition(lambda self: self.announced)
    @rule(data=st.data(), well=st.booleans())
    def barrier_answers(self, data: st.DataObject, well: bool) -> None:
        seq = data.draw(st.sampled_from(sorted(self.announced)))
        self.announced.discard(seq)
        if well:
            self.passage.took(self.openings[seq], self.now)
        else:
            self.passage.withdraw(self.openings[seq])
            self.withdrawn.add(seq)

    @precondition(lambda self: self.unnamed)
    @rule(data=st.data())
    def name(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(sorted(self.unnamed)))
        self.unnamed.discard(seq)
        self.passage.name(self.openings[seq], tap(seq))
        self.collect()

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, LIMIT, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.passage.expire(self.now)
        self.collect()

    @rule(direction=st.sampled_from(ANY))
    def somebody_crosses(self, direction: Direction) -> None:
        known = not self.unnamed
        was_open = self.open_in(direction)
        self.crossings += 1
        self.passage.crossed(direction, self.now)
        new = self.collect()
        if known:
            assert len(new) == 1
            assert (new[0].kind == "passed") == was_open

    @rule()
    def somebody_forces(self) -> None:
        self.forces += 1
        self.passage.forced(self.now)
        assert any(end.kind == "forced" and end.direction is None for end in self.collect())

    @invariant()
    def no_opening_ends_twice(self) -> None:
        named = Counter(e.tap for e in self.ends if e.kind in ("passed", "timed-out"))
        assert all(count == 1 for count in named.values())

    @invariant()
    def only_whose_time_was_up_passes_late_and_once(self) -> None:
        late = Counter(e.tap for e in self.ends if e.kind == "passed-late")
        assert all(count == 1 for tap, count in late.items() if tap is not None)
        assert set(late) <= {e.tap for e in self.ends if e.kind == "timed-out"}

    @invariant()
    def only_openings_are_named(self) -> None:
        for end in self.ends:
            if end.tap is not None:
                assert self.openings[end.tap.seq].direction == end.direction

    @invariant()
    def alarms_of_no_opening_name_nobody(self) -> None:
        assert all(e.tap is None for e in self.ends if e.kind in ("wrong-way", "forced"))

    def teardown(self) -> None:
        for seq in sorted(self.announced):
            self.passage.took(self.openings[seq], self.now)
        for seq in sorted(self.unnamed):
            self.passage.name(self.openings[seq], tap(seq))
        self.passage.expire(self.now + 1000.0)
        self.collect()
        kinds = Counter(end.kind for end in self.ends)
        ended = Counter(e.tap.seq for e in self.ends if e.tap and e.kind in ("passed", "timed-out"))
        assert set(self.openings) - self.withdrawn <= set(ended)
        alarms = kinds["tailgating"] + kinds["wrong-way"] + kinds["forced"]
        assert self.crossings + self.forces == kinds["passed"] + kinds["passed-late"] + alarms
        assert not self.passage.take()
        assert self.passage.next_deadline() is None


TestPassageMachine = PassageRules.TestCase
TestPassageMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


class FakeBarrier(ConsoleBarrier):
    """A barrier in a simulated world: each opening lets the next of the gate's people act."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "gate", {})
        self.listen(lambda line: None)
        self.world = world
        self.on_open: OnOpen = lambda direction: None
        self.fault: DeviceFault | None = None

    def open(self, direction: Direction) -> None:
        if self.fault is not None:
            raise self.fault
        super().open(direction)
        self.on_open(direction)

    def cross(self, direction: Direction) -> None:
        self.events.put(Crossing(self.name, direction, self.world.monotonic()))

    def force(self) -> None:
        self.events.put(Forced(self.name, self.world.monotonic()))


EXPECTED = {
    Conduct.WALKS: ["passed"],
    Conduct.TURNS_BACK: ["timed-out"],
    Conduct.BRINGS_A_TAIL: ["passed", "tailgating"],
    Conduct.IS_MET: ["wrong-way", "passed"],
    Conduct.FORCES: ["forced", "passed"],
}


@pytest.mark.parametrize("seed", range(20))
def test_a_crowd_is_told_person_by_person(seed: int) -> None:
    """Virtual time: each has his time, and what he did is what is recorded, in his name."""
    world = SimWorld(seed)
    told: list[PassageEnd] = []
    people = crowd(seed, 30)

    def morning() -> None:
        barrier = FakeBarrier(world)
        gate = VirtualGate(barrier)
        passages = Passages(world, barrier, ENTRY, LIMIT, told.append)
        passages.start()
        for seq, conduct in enumerate(people, 1):
            gate.arrive("entry", conduct)
            passages.open("entry", tap(seq))
            world.wait(LIMIT + TAIL + 1.0)
        passages.stop()

    world.play(morning)
    expected = [kind for conduct in people for kind in EXPECTED[conduct]]
    assert [end.kind for end in told] == expected, f"seed {seed}"
    named = [end.tap for end in told if end.kind in ("passed", "timed-out")]
    assert named == [tap(seq) for seq in range(1, 31)], f"seed {seed}"


def test_a_barrier_that_does_not_open_leaves_no_opening() -> None:
    world = SimWorld(1)
    told: list[PassageEnd] = []

    def history() -> None:
        barrier = FakeBarrier(world)
        barrier.fault = DeviceSilent(device="gate", port="")
        passages = Passages(world, barrier, ENTRY, LIMIT, told.append)
        passages.start()
        with pytest.raises(DeviceSilent):
            passages.open("entry", tap(1))
        world.wait(2 * LIMIT)
        passages.stop()

    world.play(history)
    assert told == []


def test_time_is_up_when_nothing_else_happens() -> None:
    """A thread that waits for sensors learns of an opening, and of its deadline."""
    world = SimWorld(2)
    told: list[tuple[float, PassageEnd]] = []

    def history() -> None:
        barrier = FakeBarrier(world)
        passages = Passages(
            world, barrier, ANY, LIMIT, lambda end: told.append((world.monotonic(), end))
        )
        passages.start()
        world.wait(100.0)
        passages.open("exit", tap(1))
        world.wait(LIMIT + 1.0)
        passages.stop()

    world.play(history)
    [(when, end)] = told
    assert (end.kind, end.tap) == ("timed-out", tap(1))
    assert when - end.at < 0.1


def test_what_was_sensed_before_a_stop_is_recorded() -> None:
    world = SimWorld(3)
    told: list[PassageEnd] = []

    def history() -> None:
        barrier = FakeBarrier(world)
        passages = Passages(world, barrier, ENTRY, LIMIT, told.append)
        passages.start()
        passages.open("entry", tap(1))
        barrier.cross("entry")
        barrier.force()
        passages.stop()

    world.play(history)
    assert [end.kind for end in told] == ["passed", "forced"]


@pytest.mark.parametrize("seed", range(30))
def test_lanes_of_both_directions_share_a_barrier(seed: int) -> None:
    """Taps of two lanes, one naming afterwards, in any order of the threads: each ends once, in
    its own direction and after it was recorded."""
    world = SimWorld(seed)
    told: list[PassageEnd] = []
    recorded: set[Reference] = set()

    def record(end: PassageEnd) -> None:
        assert end.tap in recorded
        told.append(end)

    def history() -> None:
        barrier = FakeBarrier(world)
        passages = Passages(world, barrier, ANY, LIMIT, record)
        passages.start()

        def come_in() -> None:
            for seq in range(1, 11):
                recorded.add(tap(seq))
                passages.open("entry", tap(seq))
                barrier.cross("entry")

        def go_out() -> None:
            for seq in range(11, 21):
                opening = passages.open("exit")
                barrier.cross("exit")
                recorded.add(tap(seq))
                passages.name(opening, tap(seq))

        lanes = [world.spawn(come_in, name="in"), world.spawn(go_out, name="out")]
        for lane in lanes:
            lane.join()
        world.wait(2 * LIMIT)
        passages.stop()

    world.play(history)
    assert {end.kind for end in told} == {"passed"}, f"seed {seed}"
    assert {end.tap for end in told} == {tap(seq) for seq in range(1, 21)}
    assert len(told) == 20
    for end in told:
        assert end.tap is not None
        assert end.direction == ("entry" if end.tap.seq <= 10 else "exit")


class RealGate:
    """A driver on a board on a pty, with people in front."""

    def __init__(self, barrier: Barrier, gate: VirtualGate) -> None:
        self.barrier = barrier
        self.gate = gate
        self.told: queue.Queue[PassageEnd] = queue.Queue()
        self.passages = Passages(RealWorld(), barrier, ANY, LONG, self.told.put)
        barrier.start()
        self.passages.start()
        until(lambda: barrier.status().state is DeviceState.READY, PATIENCE)

    def take(self) -> tuple[str, int | None]:
        end = self.told.get(timeout=PATIENCE)
        return end.kind, end.tap.seq if end.tap else None


@pytest.fixture(params=["modbus-relay", "tripod"])
def real_gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealGate]:
    world = RealWorld()
    path = tmp_path / "by-id" / "usb-Gate"
    barrier: Barrier
    if request.param == "tripod":
        reports = {"entry": "50 00", "exit": "51 00", "forced": "5F"}
        told = {key: frame(1, *bytes.fromhex(body)) for key, body in reports.items()}
        tripod = TripodBoard({frame(1, 0x40): "entry", frame(1, 0x41): "exit"}, told)
        options = {"port": str(path), "answer": "echo", "reports": reports}
        port, gate = PtyPort(path, tripod), VirtualGate(tripod)
        barrier = Tripod(world, "gate", options)
    else:
        inputs = {"entry": 0, "exit": 1, "forced": 2}
        board = ModbusBoard({0: "entry", 1: "exit"}, inputs)
        sensing = {"port": str(path), "exit": 1, "sensors": inputs, "pulse_ms": 100}
        port, gate = PtyPort(path, board), VirtualGate(board)
        barrier = ModbusRelay(world, "gate", sensing)
    with port:
        stand = RealGate(barrier, gate)
        yield stand
        stand.passages.stop()
        barrier.stop()


@pytest.mark.parametrize("conduct", [c for c in Conduct if c is not Conduct.TURNS_BACK])
def test_people_at_a_real_board_are_told(real_gate: RealGate, conduct: Conduct) -> None:
    real_gate.gate.arrive("entry", conduct)
    real_gate.passages.open("entry", tap(1))
    told = [real_gate.take() for _ in EXPECTED[conduct]]
    assert [kind for kind, _ in told] == EXPECTED[conduct]
    assert ("passed", 1) in told


def test_who_walks_through_a_closed_gate_is_an_alarm(real_gate: RealGate) -> None:
    real_gate.gate.arrive("exit", Conduct.WALKS)
    real_gate.passages.open("exit", tap(1))  # a tripod board knows its host from here on
    assert real_gate.take() == ("passed", 1)
    real_gate.gate.walk_without_tap("entry")
    assert real_gate.take() == ("forced", None)
    real_gate.gate.force()
    assert real_gate.take() == ("forced", None)


def test_wake_and_sensor_events_share_a_queue_that_stays_empty(real_gate: RealGate) -> None:
    events: Queue[Sensed] = real_gate.barrier.events
    real_gate.gate.arrive("entry", Conduct.WALKS)
    real_gate.passages.open("entry", tap(1))
    assert real_gate.take() == ("passed", 1)
    until(lambda: len(events) == 0, PATIENCE)


def test_who_leaves_goes_through_a_real_board_without_store_and_network(
    real_gate: RealGate,
) -> None:
    lane = Lane("exit", "exit", real_gate.barrier, [], passages=real_gate.passages)
    real_gate.gate.arrive("exit", Conduct.WALKS)

    def scenario(stand: Stand) -> TapReport:
        stand.store.broken = True
        return stand.tap(reader=stand.door_out, lane=lane)

    assert play(scenario).reason == Reason.NOT_STORED
    assert real_gate.take() == ("passed", None)  # nothing could be stored that it would name
