"""Modbus relay boards: byte-exact questions, pulses that always end, inputs that tell once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.drivers.barrier import (
    PATIENCE,
    AnsweringContract,
    BoardBench,
    BoardContract,
    SensingContract,
)
from contracts.drivers.reader import until
from drivers.barriers import board as order
from drivers.barriers import modbus
from drivers.barriers.modbus import Framing, Mbap, ModbusRequest, Rtu
from drivers.barriers.modbus_relay import ModbusRelay
from drivers.contract import (
    Crossing,
    DeviceFault,
    DeviceProtocol,
    DeviceSilent,
    DeviceState,
    Forced,
)
from drivers.io.echo import NOBODYS
from drivers.options import OptionsFault
from simulators.devices.boards import ModbusBoard, Send, crc
from simulators.devices.lines import EchoingLine
from simulators.devices.pty import PtyPort
from simulators.devices.serial_server import TcpPort
from tests.drivers.barriers.conftest import WORLD, MakeBench

RELAYS = {"entry": 0, "exit": 1, "counter": 0}
SENSORS = {"entry": 0, "exit": 1, "forced": 7}

ON, OFF = bytes.fromhex("01050000FF008C3A"), bytes.fromhex("010500000000CDCA")
INPUTS = bytes.fromhex("01020000000879CC")
COILS = bytes.fromhex("0101000000083DCC")  # what an order is believed by
TIMED = bytes.fromhex("0105020000038C73")  # relay 0 for 0.3 s


class RecordingBoard(ModbusBoard):
    """Remembers what came, byte for byte, and may hold an answer back."""

    def __init__(self) -> None:
        super().__init__({0: "entry", 1: "exit"}, SENSORS)
        self.heard = b""
        self.swallow = 0  # answers to keep
        self.instead: bytes | None = None  # sent for an answer
        self.around = (b"", b"")  # sent before and after it

    def received(self, data: bytes, send: Send) -> None:
        self.heard += data
        super().received(data, lambda answer: self._maybe(answer, send))

    def _maybe(self, answer: bytes, send: Send) -> None:
        if self.swallow:
            self.swallow -= 1
        else:
            before, after = self.around
            send(before + (answer if self.instead is None else self.instead) + after)


class TestModbusRelay(BoardContract, AnsweringContract, SensingContract):
    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> BoardBench:
        board = ModbusBoard({0: "entry", 1: "exit"}, SENSORS)
        return make_bench(ModbusRelay, board, **RELAYS, sensors=SENSORS, pulse_ms=100)


@pytest.fixture
def board() -> RecordingBoard:
    return RecordingBoard()


def test_the_conversation_is_byte_exact(board: RecordingBoard, make_bench: MakeBench) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=100)
    assert board.heard == OFF + COILS + INPUTS
    board.heard = b""
    bench.barrier.open("entry")
    until(bench.closed, PATIENCE)
    bench.barrier.stop()
    assert board.heard == ON + COILS + OFF + COILS


def test_a_pulse_is_never_shorter_than_it_should_be(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    """Lower bounds only, between switches that the board itself noted."""
    bench = make_bench(ModbusRelay, board, pulse_ms=250)
    bench.barrier.open("entry")
    until(bench.closed, PATIENCE)
    for _ in range(3):  # each but the last is cut short by the next person, to no less than 0.1 s
        bench.barrier.open("entry")
    until(lambda: len(board.pulses(0)) == 4, PATIENCE)
    first, *row = board.pulses(0)
    assert first >= 0.25
    assert min(row) >= 0.1
    offs, ons = board.switches[1::2], board.switches[2::2]
    assert all(on.at - off.at >= 0.1 for off, on in zip(offs, ons, strict=False))


def test_opening_does_not_wait_for_the_end_of_the_pulse(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=10_000)
    bench.barrier.open("entry")
    assert board.is_on()
    bench.barrier.stop()
    assert not board.is_on()  # heard from the board before stop returned


def test_a_relay_that_a_dead_agent_left_on_is_off_before_anything_else(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    board.switch(0, True)
    board.switch(1, True)
    make_bench(ModbusRelay, board, **RELAYS)
    assert not board.is_on()


def test_a_board_that_times_its_pulse_ends_it_without_us(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, timed="waveshare", pulse_ms=300)
    board.heard = b""
    bench.barrier.open("entry")
    assert board.heard == TIMED + COILS
    assert board.switches[0].on  # by now it may be off again
    bench.port.unplug()
    until(bench.closed, PATIENCE)
    assert board.heard == TIMED + COILS


def test_persons_in_a_row_get_an_edge_each_from_a_board_that_times_its_pulse(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, timed="waveshare", pulse_ms=10_000)
    board.heard = b""
    bench.barrier.open("entry")
    bench.barrier.open("entry")
    (on, off, again) = (board.heard[at : at + 8] for at in (0, 16, 32))
    assert off == OFF
    assert on == again
    assert on[:4] == TIMED[:4]


def test_an_answer_that_is_lost_is_asked_for_again(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=5000)
    board.swallow, board.heard = 1, b""
    bench.barrier.open("entry")
    assert board.heard == ON * 2 + COILS
    assert bench.barrier.status().counters["silent"] == 1
    assert bench.barrier.status().lost == 0


def test_a_garbled_answer_is_asked_for_again(board: RecordingBoard, make_bench: MakeBench) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=5000)
    bench.port.faults.garble = 3
    bench.barrier.open("entry")
    assert bench.barrier.status().counters["garbled"] == 1
    assert len(board.pulses(0)) == 0
    assert board.is_on()


def test_garbage_before_and_after_an_answer_does_no_harm(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=5000)
    board.around = (b"\x01\x05\xff", b"\x01\x85\x02")
    bench.barrier.open("entry")
    assert "garbled" not in bench.barrier.status().counters


@pytest.mark.parametrize(
    "answer",
    [
        OFF,  # the other order's echo
        bytes.fromhex("01050001FF00DDFA"),  # the other relay's
        bytes.fromhex("02050000FF008C09"),  # another unit's
        ON[:-1] + b"\x3b",
        ON[:-1],
        b"",
        b"\xff" * 5000,
    ],
)
def test_what_is_not_this_orders_echo_never_counts_as_taken(
    board: RecordingBoard, make_bench: MakeBench, answer: bytes
) -> None:
    bench = make_bench(ModbusRelay, board)
    board.instead = answer
    with pytest.raises((DeviceProtocol, DeviceSilent)):
        bench.barrier.open("entry")
    board.instead = None
    bench.gone()
    bench.ready()
    until(bench.closed, PATIENCE)


def test_a_refusal_is_told_with_its_exception(board: RecordingBoard, make_bench: MakeBench) -> None:
    bench = make_bench(ModbusRelay, board)
    board.refuses = 2
    with pytest.raises(DeviceProtocol) as caught:
        bench.barrier.open("entry")
    assert caught.value.facts["problem"] == "exception 2"
    assert caught.value.facts["device"] == "gate"


def test_an_order_that_is_too_late_is_none_and_closes_again(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, pulse_ms=10_000)
    bench.port.faults.delay = 1.2 * order.ANSWER_WITHIN
    with pytest.raises(DeviceFault):
        bench.barrier.open("entry")
    bench.port.faults.delay = 0.0
    bench.gone()
    bench.ready()
    until(bench.closed, PATIENCE)


@pytest.mark.parametrize("probe", ["inputs", "coils", "none"])
def test_a_line_that_only_echoes_is_no_board(tmp_path: Path, probe: str) -> None:
    with PtyPort(tmp_path / "echo", EchoingLine(None)) as port:
        barrier = ModbusRelay(WORLD, "gate", {"port": str(port.path), "probe": probe})
        barrier.start()
        until(lambda: barrier.status().fault == "device.echo", PATIENCE)
        assert barrier.status().state is DeviceState.PROTOCOL_ERROR
        barrier.stop()


class Liar(RecordingBoard):
    """Says yes to every order; its relay stays as it is."""

    def switch(self, relay: int, on: bool) -> None:
        """The relay is stuck."""


def test_an_order_whose_relay_stays_off_is_none(make_bench: MakeBench) -> None:
    bench = make_bench(ModbusRelay, Liar(), pulse_ms=5000)
    with pytest.raises(DeviceProtocol) as caught:
        bench.barrier.open("entry")
    assert caught.value.facts["problem"] == "relay"


class Untold(RecordingBoard):
    """Knows nothing but orders and inputs, and refuses to tell its relays, as it should."""

    def _answer(self, pdu: bytes) -> bytes:
        return b"\x81\x01" if pdu[0] == 1 else super()._answer(pdu)


def test_a_board_that_cannot_tell_its_relays_is_believed_as_it_says_so(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(ModbusRelay, Untold(), pulse_ms=5000)
    bench.barrier.open("entry")
    assert bench.opened() == "entry"


def test_an_echo_that_begins_later_opens_nothing(make_bench: MakeBench) -> None:
    """An order is believed by what the board alone can say, whatever the line was like before."""
    bench = make_bench(ModbusRelay, RecordingBoard())
    assert isinstance(bench.port, PtyPort)
    bench.port.peer = EchoingLine(None)
    with pytest.raises(DeviceFault):
        bench.barrier.open("entry")


def test_wrong_baud_is_a_protocol_error(tmp_path: Path, board: RecordingBoard) -> None:
    with PtyPort(tmp_path / "gate", board) as port:
        barrier = ModbusRelay(WORLD, "gate", {"port": str(port.path), "baudrate": 19200})
        barrier.start()
        until(lambda: barrier.status().fault in ("device.silent", "device.protocol"), PATIENCE)
        assert not barrier.status().counters.get("opened")
        barrier.stop()


def test_one_lost_poll_is_nothing_three_are_a_silent_board(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, sensors=SENSORS, rest_ms=50)
    board.swallow = 1
    until(lambda: bench.barrier.status().counters.get("silent", 0) >= 1, PATIENCE)
    board.cross("entry")
    assert isinstance(bench.barrier.events.get(PATIENCE), Crossing)
    assert bench.barrier.status().lost == 0
    bench.port.faults.mute = True
    bench.gone()
    assert bench.barrier.status().counters["silent"] >= 3


def test_a_leaf_that_stands_open_at_the_start_is_told(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    board.force()
    bench = make_bench(ModbusRelay, board, sensors=SENSORS)
    assert isinstance(bench.barrier.events.get(PATIENCE), Forced)


def test_who_stands_in_the_beam_at_the_start_has_not_gone_through(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    board.cross("entry")  # seen by the first look
    board.cross("exit")
    bench = make_bench(ModbusRelay, board, sensors=SENSORS)
    event = bench.barrier.events.get(PATIENCE)
    assert isinstance(event, Crossing)
    assert event.direction == "exit"


def test_inputs_may_be_the_other_way_round(board: RecordingBoard, make_bench: MakeBench) -> None:
    bench = make_bench(ModbusRelay, board, sensors={"entry": 0}, active_low=True)
    board.cross("entry")  # off is somebody here: on, then off again
    assert isinstance(bench.barrier.events.get(PATIENCE), Crossing)


def test_boards_without_inputs_are_polled_for_nothing(
    board: RecordingBoard, make_bench: MakeBench
) -> None:
    bench = make_bench(ModbusRelay, board, probe="none")
    assert not bench.barrier.senses
    assert board.heard == NOBODYS * 2 + OFF


@pytest.mark.parametrize(
    "options",
    [
        {"pulse_ms": 99},
        {"entry": 256},
        {"unit": 0},
        {"sensors": {"entry": 8}},
        {"sensors": {"sideways": 1}},
        {"timed": "yes"},
        {"baud": 9600},
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, object]) -> None:
    with pytest.raises(OptionsFault):
        ModbusRelay(WORLD, "gate", {"port": "/dev/x", **options})


@pytest.fixture(params=["rtu", "tcp"])
def networked(request: pytest.FixtureRequest) -> Iterator[tuple[ModbusRelay, TcpPort, ModbusBoard]]:
    board = ModbusBoard({0: "entry"}, SENSORS, tcp=request.param == "tcp")
    with TcpPort(board) as port:
        options = {"port": port.url, "framing": request.param, "pulse_ms": 100}
        barrier = ModbusRelay(WORLD, "gate", {**options, "sensors": SENSORS})
        barrier.start()
        until(lambda: barrier.status().state is DeviceState.READY, PATIENCE)
        yield barrier, port, board
        barrier.stop()


def test_over_the_network_it_opens_senses_and_comes_back(
    networked: tuple[ModbusRelay, TcpPort, ModbusBoard],
) -> None:
    barrier, port, board = networked
    for turn in range(2):
        barrier.open("entry")
        assert board.opened.get(timeout=PATIENCE) == "entry"
        board.cross("exit")
        assert isinstance(barrier.events.get(PATIENCE), Crossing)
        port.unplug()
        until(lambda lost=turn + 1: barrier.status().lost == lost, PATIENCE)  # type: ignore[misc]
        port.plug()
        barrier.look()
        until(lambda: barrier.status().state is DeviceState.READY, PATIENCE)
        assert not board.is_on()


def test_a_network_that_only_echoes_is_no_board() -> None:
    with TcpPort(EchoingLine(None)) as port:
        barrier = ModbusRelay(WORLD, "gate", {"port": port.url, "framing": "tcp"})
        barrier.start()
        until(lambda: barrier.status().fault == "device.echo", PATIENCE)
        barrier.stop()


# The pure part

QUESTIONS = [
    modbus.write_coil(0, True),
    modbus.write_coil(255, False),
    modbus.write_timed_coil(3, 7),
    modbus.read_inputs(8),
    modbus.read_inputs(24),
    modbus.read_coils(64),
]
FRAMINGS: list[Callable[[], Framing]] = [Rtu, Mbap]
questions = st.sampled_from(QUESTIONS)
framings = st.sampled_from(FRAMINGS)


def reply_to(question: ModbusRequest) -> bytes:
    """A board's good answer."""
    if question.echoed:
        return question.pdu
    size = question.reply_size - 2
    return bytes([question.function, size]) + bytes(range(size))


def test_questions_are_those_of_the_specification() -> None:
    assert Rtu().wrap(1, modbus.write_coil(0, True).pdu) == ON
    assert Rtu().wrap(1, modbus.write_coil(0, False).pdu) == OFF
    assert Rtu().wrap(1, modbus.read_inputs(8).pdu) == INPUTS
    # The manufacturer's own example: relay 0 on for 7 x 100 ms.
    timed = modbus.write_timed_coil(0, 7).pdu
    assert Rtu().wrap(1, timed) == bytes.fromhex("0105020000078DB0")
    assert Mbap().wrap(1, modbus.read_inputs(8).pdu) == bytes.fromhex("000100000006010200000008")


@given(question=questions, make=framings, before=st.binary(max_size=40), after=st.binary())
def test_a_reply_is_found_in_whatever_is_around_it(
    question: ModbusRequest, make: Callable[[], Framing], before: bytes, after: bytes
) -> None:
    framing = make()
    framing.wrap(1, question.pdu)
    reply = wrapped(framing, reply_to(question))
    assert framing.find(before + reply + after, 1, question) == reply_to(question)


@given(question=questions, make=framings, heard=st.binary(max_size=300))
@example(question=QUESTIONS[3], make=Rtu, heard=INPUTS)  # our own question, echoed
@example(question=QUESTIONS[4], make=Rtu, heard=Rtu().wrap(1, QUESTIONS[4].pdu))
def test_hostile_bytes_are_no_reply(
    question: ModbusRequest, make: Callable[[], Framing], heard: bytes
) -> None:
    framing = make()
    framing.wrap(1, question.pdu)
    found = framing.find(heard, 1, question)
    if found:  # by chance, and then it is one
        assert question.fits(found) or question.refused(found)
        assert wrapped(framing, found) in heard
    else:
        assert found == b""


@given(question=questions, bit=st.integers(0, 63))
def test_a_reply_with_one_wrong_bit_is_none(question: ModbusRequest, bit: int) -> None:
    framing = Rtu()
    reply = bytearray(wrapped(framing, reply_to(question)))
    reply[bit // 8 % len(reply)] ^= 1 << bit % 8
    assert framing.find(bytes(reply), 1, question) == b""


def test_a_reply_to_an_earlier_question_is_none_on_tcp() -> None:
    framing, question = Mbap(), modbus.read_inputs(8)
    framing.wrap(1, question.pdu)
    late = wrapped(framing, reply_to(question))
    framing.wrap(1, question.pdu)
    assert framing.find(late, 1, question) == b""


def wrapped(framing: Framing, pdu: bytes) -> bytes:
    """The board's frame, made by other code than the product's."""
    body = b"\x01" + pdu
    if isinstance(framing, Rtu):
        return body + crc(body)
    assert isinstance(framing, Mbap)
    transaction = framing.transaction.to_bytes(2, "big")
    return transaction + b"\x00\x00" + len(body).to_bytes(2, "big") + body


class RefusingBoard(RecordingBoard):
    """Answers the first `times` questions of a function with a refusal."""

    def __init__(self, function: int, code: int, times: int) -> None:
        super().__init__()
        self.function, self.code, self.times = function, code, 0
        self.later = times

    def received(self, data: bytes, send: Send) -> None:
        if self.times and data[1] == self.function:
            self.times -= 1
            refusal = bytes([data[0], data[1] | 0x80, self.code])
            send(refusal + crc(refusal))
        else:
            super().received(data, send)


@pytest.mark.parametrize("function", [1, 5])
@pytest.mark.parametrize("code", [5, 6, 10, 11])
def test_a_board_that_is_busy_is_asked_again(
    function: int, code: int, make_bench: MakeBench
) -> None:
    board = RefusingBoard(function, code, 3)
    bench = make_bench(ModbusRelay, board, pulse_ms=100)
    board.times = board.later
    bench.barrier.open("entry")
    until(bench.closed, PATIENCE)
    assert len(board.pulses(0)) == 1
    assert bench.barrier.status().state is DeviceState.READY


@pytest.mark.parametrize(
    ("code", "fault"), [(6, DeviceProtocol), (10, DeviceSilent), (11, DeviceSilent)]
)
def test_a_gateway_behind_which_no_board_answers_is_silent_and_a_busy_board_is_not(
    code: int, fault: type[DeviceFault], make_bench: MakeBench
) -> None:
    board = RefusingBoard(5, code, 1000)
    bench = make_bench(ModbusRelay, board, pulse_ms=100)
    board.times = board.later
    with pytest.raises(fault):
        bench.barrier.open("entry")
    assert not board.is_on()


def test_a_board_that_fails_to_read_its_relay_back_has_not_opened(make_bench: MakeBench) -> None:
    """4 is a failure of the board; only who does not know the question is believed without."""
    board = RefusingBoard(1, 4, 1000)
    bench = make_bench(ModbusRelay, board, pulse_ms=100)
    board.times = board.later
    with pytest.raises(DeviceProtocol):
        bench.barrier.open("entry")
