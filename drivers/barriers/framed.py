"""Boards that open by one frame and tell by frames of their own who goes through.

The tripod and the swing-gate board differ in their frames only. What the specification does not
name (answers, reports) is data in the settings: bytes in hex.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from msgspec import Meta

from drivers.barriers.board import BoardBarrier, Meaning, Order, Port, open_port
from drivers.barriers.frames import Begins, Frames
from drivers.contract import DeviceProtocol, Direction
from drivers.io.line import LineOptions
from drivers.options import DriverOptions, OptionsFault
from world import World

QUIET: Final = 0.05  # seconds without a byte, after which a frame that began will not end

Hex = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2} ?)*$")]


class BoardReports(DriverOptions, frozen=True, kw_only=True):
    """How the board tells what it sensed: the first bytes of such a frame's body; empty when it
    does not."""

    entry: Hex = ""
    exit: Hex = ""
    counter: Hex = ""
    forced: Hex = ""

    def known(self) -> Sequence[tuple[bytes, Meaning]]:
        """First bytes of a body, and what a frame that begins so says; without what is not set."""
        told: Sequence[tuple[str, Meaning]] = (
            (self.entry, "entry"),
            (self.exit, "exit"),
            (self.counter, "counter"),
            (self.forced, "forced"),
        )
        return [(bytes.fromhex(begin), meaning) for begin, meaning in told if begin]


class FramedBarrier(BoardBarrier[Port]):
    """A driver gives the frames' form, the opening frames, and how an answer begins."""

    RESTARTS = True

    def __init__(
        self,
        world: World,
        name: str,
        options: LineOptions,
        *,
        begins: Begins,
        openings: Mapping[Direction, bytes],
        reports: BoardReports,
        answered: bool,
    ) -> None:
        """Raises `OptionsFault`."""
        super().__init__(world, name)
        self._line_options = options
        self._begins = begins
        self._openings = openings
        self._reports = reports.known()
        self._answered = answered
        self._frames = Frames(begins)
        self._heard_at = 0.0
        for opening in openings.values() if answered else ():
            self._tell_apart(opening)

    @property
    def senses(self) -> bool:
        """See `drivers.contract.Barrier`: whether the settings name any report."""
        return bool(self._reports)

    @abstractmethod
    def _body(self, frame: bytes) -> bytes:
        """The frame without its framing."""

    @abstractmethod
    def _answer_begins(self, request: bytes) -> bytes:
        """The first bytes of a body that says that the request was taken: those that all such
        answers have."""

    def _tell_apart(self, request: bytes) -> None:
        """A request whose every answer would be a report could never be confirmed. Raises
        `OptionsFault`."""
        answer = self._answer_begins(request)
        for begin, meaning in self._reports:
            if answer.startswith(begin):
                problem = f"reports.{meaning} covers every answer to {request.hex(' ').upper()}"
                raise OptionsFault(device=self.name, problem=problem)

    def _open(self) -> Port:
        return open_port(self._world, self._line_options, device=self.name)

    def _greet(self, connection: Port) -> None:
        """The answer of such a board may be equal to its order, so an echoing line has to be known
        before the first one; what it says while it starts is forgotten."""
        connection.find_echo()
        connection.discard()
        self._frames = Frames(self._begins)

    def _let_through(self, board: Port, order: Order) -> None:
        """Sent once: a board that took the first of two would let two people through."""
        request = self._openings[order.direction]
        if self._answered:
            self._ask(board, request, order.deadline)
        else:
            board.write(request)

    def _ask(self, board: Port, request: bytes, deadline: float) -> None:
        """Send it and wait for its answer; reports that come before it count as well.

        Raises `DeviceSilent`, `DeviceProtocol`, `DeviceLost`.
        """
        skipped = self._frames.skipped
        board.write(request)
        while (left := deadline - self._world.monotonic()) > 0:
            frames = self._cut(board.read(self._patience(left) or 0.0))
            answers = [frame for frame in frames if self._is_answer(frame, request)]
            for frame in frames:
                if frame not in answers:
                    self._take(frame)
            if answers:
                return
        if self._frames.skipped > skipped or self._frames.unfinished:
            raise DeviceProtocol(device=self.name, port=board.attached, problem="answer")
        raise board.silent()

    def _listen(self, board: Port, timeout: float | None) -> None:
        for frame in self._cut(board.listen(self._patience(timeout))):
            self._take(frame)

    def _patience(self, timeout: float | None) -> float | None:
        """As long as a frame is unfinished, no longer than its end may take."""
        if not self._frames.unfinished:
            return timeout
        return QUIET if timeout is None else min(timeout, QUIET)

    def _cut(self, data: bytes) -> list[bytes]:
        now = self._world.monotonic()
        skipped = self._frames.skipped
        if data:
            self._heard_at = now
            frames = self._frames.feed(data)
        elif self._frames.unfinished and now - self._heard_at >= QUIET:
            frames = self._frames.quiet()
        else:  # nudged
            frames = []
        if self._frames.skipped > skipped:
            self._count("garbled", self._frames.skipped - skipped)
        return frames

    def _is_answer(self, frame: bytes, request: bytes) -> bool:
        """Somebody who goes through just then is no answer, so reports are looked at first."""
        body = self._body(frame)
        return self._reported(body) is None and body.startswith(self._answer_begins(request))

    def _take(self, frame: bytes) -> None:
        meaning = self._reported(self._body(frame))
        if meaning is None:
            self._count("unexpected")
        else:
            self._sensed(meaning)

    def _reported(self, body: bytes) -> Meaning | None:
        """What the frame tells; None for no report."""
        told = (meaning for begin, meaning in self._reports if body.startswith(begin))
        return next(told, None)
