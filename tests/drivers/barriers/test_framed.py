"""Tripod and swing-gate boards: exact frames, answers as the settings say, reports as data."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.drivers.barrier import (
    PATIENCE,
    AnsweringContract,
    BoardBench,
    BoardContract,
    LineContract,
    SensingContract,
    replugged,
)
from contracts.drivers.reader import until
from drivers.barriers import swing, tripod
from drivers.barriers.frames import Begins, Frames
from drivers.barriers.swing import SwingGate
from drivers.barriers.tripod import Tripod
from drivers.contract import DeviceFault, DeviceSilent, DeviceState
from drivers.io.line import LineEchoes
from drivers.options import OptionsFault
from simulators.devices.boards import SwingBoard, TripodBoard
from simulators.devices.lines import EchoingLine
from tests.drivers.barriers.conftest import WORLD, MakeBench

LEFT, RIGHT = bytes.fromhex("EB014000AA"), bytes.fromhex("EB014100AB")
HANDSHAKE = bytes.fromhex("02FF0004")

TRIPOD_REPORTS = {"entry": "50 00", "exit": "50 01", "forced": "5F"}
SWING_REPORTS = {"entry": "20 01", "exit": "20 02", "forced": "2F"}
SWING_OPENS = {"entry": "10 01", "exit": "10 02"}


def tripod_board() -> TripodBoard:
    reports = {k: tripod.frame(1, *bytes.fromhex(v)) for k, v in TRIPOD_REPORTS.items()}
    return TripodBoard({LEFT: "entry", RIGHT: "exit"}, reports)


def swing_board() -> SwingBoard:
    reports = {k: swing.frame(bytes.fromhex(v)) for k, v in SWING_REPORTS.items()}
    return SwingBoard({b"\x02\x10\x01\x01\x04": "entry", b"\x02\x10\x01\x02\x04": "exit"}, reports)


class KnownToBoard(SensingContract):
    """A tripod board tells only to a host that it has heard."""

    @pytest.fixture(autouse=True)
    def _heard(self, bench: BoardBench) -> None:
        bench.barrier.open("entry")
        bench.opened()


class TestTripodThatEchoes(BoardContract, AnsweringContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        return make_bench(Tripod, tripod_board(), answer="echo", reports=TRIPOD_REPORTS)


class TestTripodSenses(KnownToBoard):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        return make_bench(Tripod, tripod_board(), answer="echo", reports=TRIPOD_REPORTS)


class TestTripodThatIsSilent(BoardContract, LineContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        board = tripod_board()
        board.answers = False
        return make_bench(Tripod, board, answers=False)


class TestSwingGate(BoardContract, AnsweringContract, SensingContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        return make_bench(SwingGate, swing_board(), **SWING_OPENS, reports=SWING_REPORTS)


def test_frames_are_those_of_the_specification() -> None:
    assert tripod.frame(1, 0x40) == LEFT
    assert tripod.frame(1, 0x41) == RIGHT
    assert swing.frame(b"\xff") == HANDSHAKE
    assert swing.frame(b"\x10\x01\x04") == b"\x02\x10\x02\x01\x04\x04"


def test_sides_are_settings(make_bench: MakeBench) -> None:
    board = TripodBoard({RIGHT: "entry", LEFT: "exit"})
    bench = make_bench(Tripod, board, answer="echo", entry="right", exit="left")
    bench.barrier.open("entry")
    assert bench.opened() == "entry"


@pytest.mark.parametrize("answers", [True, False])
def test_own_frames_are_no_report(make_bench: MakeBench, answers: bool) -> None:
    """A board that tells a crossing as it takes an order: on an echoing line that is our order."""
    board, reports = tripod_board(), TRIPOD_REPORTS if answers else {"entry": "40 00"}
    board.answers = answers
    answer = "echo" if answers else "none"
    bench = make_bench(Tripod, board, answers=answers, answer=answer, reports=reports)
    replugged(bench, EchoingLine(board))
    bench.ready()
    bench.barrier.open("entry")
    assert bench.opened() == "entry"
    bench.port.send(tripod.frame(1, 0x52))
    until(lambda: bench.barrier.status().counters.get("unexpected") == 1, PATIENCE)
    assert len(bench.barrier.events) == 0


def test_a_swing_gate_that_is_not_greeted_is_known_from_an_echo(make_bench: MakeBench) -> None:
    bench = make_bench(SwingGate, swing_board(), **SWING_OPENS, handshake=False)
    replugged(bench, EchoingLine(None))
    bench.ready()  # nothing can be asked of it
    with pytest.raises(LineEchoes):
        bench.barrier.open("entry")


def test_no_reports_no_senses(make_bench: MakeBench) -> None:
    bench = make_bench(Tripod, tripod_board(), answer="echo")
    assert not bench.barrier.senses


def test_swing_gate_without_a_handshake_is_not_ready(make_bench: MakeBench) -> None:
    bench = make_bench(SwingGate, swing_board(), **SWING_OPENS)
    assert isinstance(bench.board, SwingBoard)
    bench.port.unplug()
    bench.gone()
    bench.board.answers = False
    bench.port.plug()
    until(lambda: bench.barrier.status().fault == "device.silent", PATIENCE)
    with pytest.raises(DeviceSilent):
        bench.barrier.open("entry")
    bench.board.answers = True
    bench.ready()


def test_swing_gate_without_answers_is_a_setting(make_bench: MakeBench) -> None:
    board = swing_board()
    board.answers = False
    bench = make_bench(SwingGate, board, **SWING_OPENS, handshake=False, answered=False)
    bench.barrier.open("exit")
    assert bench.opened() == "exit"


def test_an_order_goes_out_once_even_when_nobody_answers(make_bench: MakeBench) -> None:
    """Two frames would let two people through."""
    board = tripod_board()
    board.answers = False
    bench = make_bench(Tripod, board, answer="echo")
    with pytest.raises(DeviceFault):
        bench.barrier.open("entry")
    assert bench.opened() == "entry"
    bench.ready()
    assert board.opened.empty()


def test_a_report_before_the_answer_counts(make_bench: MakeBench) -> None:
    bench = make_bench(Tripod, tripod_board(), answer="echo", reports=TRIPOD_REPORTS)
    bench.barrier.open("entry")
    assert isinstance(bench.board, TripodBoard)
    bench.board.answers = False
    report = tripod.frame(1, 0x50)
    bench.board.on_open = lambda direction: bench.port.send(report + LEFT)
    bench.barrier.open("entry")
    assert bench.barrier.events.get(PATIENCE).barrier == "gate"


def test_a_report_of_the_openings_type_is_a_crossing_and_no_answer(make_bench: MakeBench) -> None:
    board = swing_board()
    bench = make_bench(SwingGate, board, **SWING_OPENS, reports={"entry": "10 11"})
    board.answers = False
    board.on_open = lambda direction: bench.port.send(swing.frame(b"\x10\x11"))
    with pytest.raises(DeviceSilent):
        bench.barrier.open("entry")
    assert bench.barrier.events.get(PATIENCE).barrier == "gate"


def test_with_such_reports_another_frame_of_the_type_is_the_answer(make_bench: MakeBench) -> None:
    bench = make_bench(SwingGate, swing_board(), **SWING_OPENS, reports={"entry": "10 11"})
    bench.barrier.open("entry")
    assert bench.opened() == "entry"
    assert len(bench.barrier.events) == 0


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        (SwingGate, {**SWING_OPENS, "reports": {"forced": "10"}}),
        (SwingGate, {**SWING_OPENS, "reports": {"forced": "FF"}}),  # the handshake's
        (Tripod, {"answer": "echo", "reports": {"entry": "40"}}),
        (Tripod, {"answer": "echo", "reports": {"entry": "41 00"}}),
    ],
)
def test_reports_that_cover_every_answer_are_refused_where_answers_are_awaited(
    driver: Callable[..., object], options: dict[str, object]
) -> None:
    with pytest.raises(OptionsFault) as caught:
        driver(WORLD, "gate", {"port": "/dev/x", **options})
    assert "covers every answer" in str(caught.value.facts["problem"])
    unasked = {"answer": "none"} if driver is Tripod else {"answered": False, "handshake": False}
    driver(WORLD, "gate", {"port": "/dev/x", **options, **unasked})


def test_an_unfinished_frame_does_not_hold_up_the_next(make_bench: MakeBench) -> None:
    bench = make_bench(SwingGate, swing_board(), **SWING_OPENS, reports=SWING_REPORTS)
    bench.port.send(b"\x02\x20\xff")  # 255 bytes of content, it says
    bench.port.send(swing.frame(bytes.fromhex(SWING_REPORTS["entry"])))
    assert bench.barrier.events.get(PATIENCE).barrier == "gate"
    assert bench.barrier.status().counters["garbled"] == 3


def test_events_that_nobody_takes_are_bounded(make_bench: MakeBench) -> None:
    bench = make_bench(SwingGate, swing_board(), **SWING_OPENS, reports=SWING_REPORTS)
    bench.port.send(swing.frame(bytes.fromhex(SWING_REPORTS["entry"])) * 300)
    until(lambda: bench.barrier.status().counters.get("crossed") == 300, PATIENCE)
    until(lambda: bench.barrier.status().counters.get("overrun") == 44, PATIENCE)
    assert bench.barrier.status().state is DeviceState.READY


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        (SwingGate, {"port": "/dev/x"}),
        (SwingGate, {"port": "/dev/x", "entry": "10", "exit": "1"}),
        (SwingGate, {"port": "/dev/x", "entry": "00" * 257, "exit": "10"}),
        (Tripod, {"port": "/dev/x", "entry": "up"}),
        (Tripod, {"port": "/dev/x", "reports": {"entry": "xyz"}}),
    ],
)
def test_options_that_do_not_fit_are_told(
    driver: Callable[..., object], options: dict[str, object]
) -> None:
    with pytest.raises(OptionsFault):
        driver(WORLD, "gate", options)


KINDS: dict[str, Begins] = {"tripod": tripod.begins, "swing": swing.begins}
GOOD = {
    "tripod": st.builds(tripod.frame, *[st.integers(0, 255)] * 3),
    "swing": st.binary(min_size=1, max_size=20).map(swing.frame),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_frames_come_out_however_the_bytes_arrive(kind: str, data: st.DataObject) -> None:
    good = data.draw(st.lists(GOOD[kind], max_size=5))
    stream = b"".join(good)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    frames, found = Frames(KINDS[kind]), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[begin:end])
    assert found == good
    assert frames.skipped == 0


@pytest.mark.parametrize("kind", KINDS)
@given(chunks=st.lists(st.binary(max_size=600), max_size=8), data=st.data())
def test_hostile_bytes_are_bounded_and_a_good_frame_after_a_pause_is_found(
    kind: str, chunks: list[bytes], data: st.DataObject
) -> None:
    frames = Frames(KINDS[kind])
    found = [frame for chunk in chunks for frame in frames.feed(chunk)]
    found += frames.quiet()
    assert not frames.unfinished
    assert sum(map(len, found)) + frames.skipped == sum(map(len, chunks))
    assert all(KINDS[kind](frame, 0) == len(frame) for frame in found)
    good = data.draw(GOOD[kind])
    assert frames.feed(good) == [good]


def test_control_a_frame_with_one_wrong_byte_is_none() -> None:
    for kind, frame in (("tripod", LEFT), ("swing", swing.frame(b"\x10\x01"))):
        wrong = frame[:-1] + bytes([frame[-1] ^ 1])
        frames = Frames(KINDS[kind])
        assert frames.feed(wrong) + frames.quiet() == []


def test_port_that_is_not_there_is_absent(tmp_path: object) -> None:
    barrier = Tripod(WORLD, "gate", {"port": f"{tmp_path}/usb-*"})
    barrier.start()
    until(lambda: barrier.status().fault == "device.absent", PATIENCE)
    barrier.stop()
