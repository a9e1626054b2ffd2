"""Relay boards that speak Modbus: relays are coils, the gate's sensors are discrete inputs.

Driver `modbus-relay`. The reply to an order is the order itself, which an echoing line says too: so
each is believed only when the relay has been read back. Such a board speaks only when asked, so its
inputs have to be polled: often while somebody may go through, seldom at rest.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta

from drivers.barriers.board import Order, Port, open_port
from drivers.barriers.modbus import (
    LONGEST,
    Framing,
    Mbap,
    ModbusRequest,
    Rtu,
    bits_of,
    read_coils,
    read_inputs,
    write_coil,
    write_timed_coil,
)
from drivers.barriers.relay import Channel, PulseMs, RelayBarrier
from drivers.barriers.sensors import Sensors
from drivers.contract import DeviceProtocol, DeviceSilent, Direction, Options
from drivers.io.line import LineOptions
from drivers.options import OptionsFault, typed
from world import World

REPLY_WITHIN: Final = 0.15  # seconds; at 9600 baud a question and its reply take 0.02 to 0.05
ORDERS: Final = 2  # to one relay: noise may have eaten the first while its echo came back
# Of refusals (Modbus application protocol 1.1b3, 7): those of a board that does not know what it is
# asked; those after which it is to be asked again; and a gateway's, behind which no board answers.
UNKNOWN: Final = frozenset({1, 2, 3})
BUSY: Final = frozenset({5, 6})
NOBODY: Final = frozenset({10, 11})
BUSY_REST: Final = 0.02  # seconds
LOST_POLLS: Final = 3  # in a row, until the board counts as silent


class ModbusRelayOptions(LineOptions, frozen=True, kw_only=True):
    """`entry`, `exit`, `counter` are relays, counted from 0. `sensors` is a table of `entry`,
    `exit`, `counter`, `forced`: the inputs, counted from 0, that tell it when they come on.
    `framing` "tcp" is Modbus TCP, with a port `socket://host:502`. With `timed` "waveshare" the
    board ends the pulse by itself, even when the agent or the line dies meanwhile. `probe` is what
    is asked when the board is found: not every board has inputs. With "none" its relays are not
    read back either, for a board that knows nothing but orders. Inputs are polled every `poll_ms`
    for `watch_s` seconds after an opening, else every `rest_ms`.
    """

    unit: Annotated[int, Meta(ge=1, le=247)] = 1
    framing: Literal["rtu", "tcp"] = "rtu"
    entry: Channel = 0
    exit: Channel = 0
    counter: Channel = 0
    pulse_ms: PulseMs = 500
    timed: Literal["none", "waveshare"] = "none"
    probe: Literal["inputs", "coils", "none"] = "inputs"
    inputs: Annotated[int, Meta(ge=1, le=64)] = 8
    sensors: Sensors = Sensors()
    active_low: bool = False  # an input that is off says that something is there
    poll_ms: Annotated[int, Meta(ge=20, le=1000)] = 50
    rest_ms: Annotated[int, Meta(ge=50, le=5000)] = 250  # whoever walks breaks a beam for so long
    watch_s: Annotated[int, Meta(ge=1, le=60)] = 10


class ModbusRelay(RelayBarrier[Port]):
    """See `drivers.contract.Barrier`."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        chosen = typed(options, ModbusRelayOptions, device=name)
        if any(sensor.input >= chosen.inputs for sensor in chosen.sensors.wired()):
            raise OptionsFault(device=name, problem=f"sensors: only {chosen.inputs} inputs")
        relays: Mapping[Direction, int] = {
            "entry": chosen.entry,
            "exit": chosen.exit,
            "counter": chosen.counter,
        }
        super().__init__(world, name, relays, chosen.pulse_ms)
        self._options = chosen
        self._framing: Framing = Rtu()
        self._sensors = chosen.sensors.wired()
        self._seen: tuple[bool, ...] | None = None  # inputs at the last poll
        self._polled = 0.0
        self._lost_polls = 0
        self._watch_until = 0.0

    @property
    def senses(self) -> bool:
        """See `drivers.contract.Barrier`: whether option `sensors` names any input."""
        return bool(self._sensors)

    def _open(self) -> Port:
        self._framing = Mbap() if self._options.framing == "tcp" else Rtu()
        return open_port(self._world, self._options, device=self.name)

    def _greet(self, connection: Port) -> None:
        if self._options.probe == "none":
            connection.find_echo()
        self._all_off(connection)
        self._probe(connection)

    def _probe(self, board: Port) -> None:
        """How its inputs are now is what later polls are compared with."""
        self._seen, self._lost_polls = None, 0
        if self._sensors or self._options.probe == "inputs":
            deadline = self._world.monotonic() + 2 * REPLY_WITHIN
            self._compare(self._ask(board, read_inputs(self._options.inputs), deadline))

    def _let_through(self, board: Port, order: Order) -> None:
        self._watch_until = self._world.monotonic() + self._options.watch_s
        super()._let_through(board, order)

    def _begin_pulse(self, board: Port, relay: int, deadline: float) -> None:
        """The off at its end is ours all the same: it does no harm, and comes if the board's timer
        does not."""
        if self._options.timed == "none":
            super()._begin_pulse(board, relay, deadline)
        else:
            timed = write_timed_coil(relay, round(self._pulse * 10))
            self._order(board, timed, relay, True, deadline)

    def _switch(self, board: Port, relay: int, on: bool, deadline: float) -> None:
        self._order(board, write_coil(relay, on), relay, on, deadline)

    def _order(
        self, board: Port, order: ModbusRequest, relay: int, on: bool, deadline: float
    ) -> None:
        """Give the order, and see that the relay is as it says; once more where it is not."""
        for _ in range(ORDERS):
            began = self._world.monotonic()
            self._ask(board, order, deadline)
            if self._options.probe == "none" or self._is(board, relay, on, deadline):
                return
            over = self._world.monotonic() - began >= self._pulse
            if self._options.timed != "none" and on and over:
                return  # and off again by the board's own timer
        raise DeviceProtocol(device=self.name, port=board.attached, problem="relay")

    def _is(self, board: Port, relay: int, on: bool, deadline: float) -> bool:
        """Whether the board says so. One that refuses the question cannot tell, but is there."""
        # Whole bytes from the first one on: what every board's manual has, and some know only.
        count = 8 * (relay // 8 + 1)
        question = read_coils(count)
        reply = self._reply(board, question, deadline)
        if question.refused(reply) and reply[1] in UNKNOWN:
            return True
        return bits_of(self._taken(board, question, reply), count)[relay] == on

    def _listen(self, board: Port, timeout: float | None) -> None:
        if board.listen(timeout):  # nobody asked
            self._count("unexpected")

    def _next_due(self) -> float | None:
        pulse_end = super()._next_due()
        if not self._sensors:
            return pulse_end
        return min(self._next_poll(), pulse_end) if pulse_end is not None else self._next_poll()

    def _next_poll(self) -> float:
        watching = self._polled < self._watch_until
        period = self._options.poll_ms if watching else self._options.rest_ms
        return self._polled + period / 1000

    def _do_due(self, board: Port) -> None:
        """Ends pulses, and polls, as the protocol forces us to."""
        super()._do_due(board)
        if self._sensors and self._world.monotonic() >= self._next_poll():
            self._poll(board)

    def _poll(self, board: Port) -> None:
        self._polled = self._world.monotonic()
        question = read_inputs(self._options.inputs)
        try:
            reply = self._ask(board, question, self._polled + REPLY_WITHIN)
        except (DeviceSilent, DeviceProtocol):
            self._lost_polls += 1
            if self._lost_polls == LOST_POLLS:
                raise
            return
        self._lost_polls = 0
        self._compare(reply)

    def _compare(self, reply: bytes) -> None:
        """An input that has come on since the last poll tells something. At the first one nobody
        went through, but a leaf may stand open by force."""
        bits = bits_of(reply, self._options.inputs)
        inputs = tuple(bit != self._options.active_low for bit in bits)
        before, self._seen = self._seen, inputs
        for sensor in self._sensors:
            was_on = before[sensor.input] if before else sensor.tells != "forced"
            if inputs[sensor.input] and not was_on:
                self._sensed(sensor.tells)

    def _ask(self, board: Port, question: ModbusRequest, deadline: float) -> bytes:
        """The reply's PDU. Raises `DeviceProtocol` for a refusal, and as `_reply`."""
        return self._taken(board, question, self._reply(board, question, deadline))

    def _taken(self, board: Port, question: ModbusRequest, reply: bytes) -> bytes:
        if question.refused(reply):
            problem = f"exception {reply[1]}"
            raise DeviceProtocol(device=self.name, port=board.attached, problem=problem)
        return reply

    def _reply(self, board: Port, question: ModbusRequest, deadline: float) -> bytes:
        """The PDU of the reply or refusal; asked again until the deadline, which does no harm to a
        coil. Raises `DeviceSilent`, `DeviceProtocol`, `DeviceLost`."""
        garbled, busy = False, b""
        while self._world.monotonic() < deadline:
            reply, heard = self._ask_once(board, question, deadline)
            refusal = reply[1] if question.refused(reply) else 0
            if reply and refusal not in BUSY | NOBODY:
                return reply
            busy = reply if refusal in BUSY else busy
            heard = heard and not reply
            self._count("busy" if refusal in BUSY else "garbled" if heard else "silent")
            garbled = garbled or heard
            if reply:  # at once, so it would be asked without a pause
                self._world.wait(BUSY_REST)
        if busy:
            return busy
        if garbled:
            raise DeviceProtocol(device=self.name, port=board.attached, problem="reply")
        raise board.silent()

    def _ask_once(
        self, board: Port, question: ModbusRequest, deadline: float
    ) -> tuple[bytes, bool]:
        """The reply, empty when none came in its time; and whether anything came."""
        board.discard()
        request = self._framing.wrap(self._options.unit, question.pdu)
        board.write(request, marks=not question.echoed)
        until = min(deadline, self._world.monotonic() + REPLY_WITHIN)
        heard = b""
        while (left := until - self._world.monotonic()) > 0:
            heard = (heard + board.read(left))[-LONGEST:]
            reply = self._framing.find(heard, self._options.unit, question)
            if reply:
                return reply, True
        return b"", bool(heard)
