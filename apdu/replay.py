"""A recorded card, and a recorded key server, for the product's flows: strict, in order.

The next command must be the recorded one; the first that is not ends the flow with
`TraceDiverged`, which tells position, expectation and what came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from apdu.authentication import (
    BasicRead,
    CardParameters,
    Computed,
    Mode,
    Pending,
    read_basic,
)
from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from apdu.keys import IRK, RKSSSE, STK, Key
from apdu.trace import Asked, Exchange, KeyAnswer, Trace
from world import Fault

CHANNEL_FAULTS: Final[Mapping[str, type[Fault]]] = {
    kind.code: kind for kind in (CardGone, CardMute, ReaderGone)
}
NOTHING: Final = "–"


class TraceDiverged(Fault):
    """The flow did not do what it did when it was recorded. Facts: `position` (of the line, from
    1, header not counted), `expected` and `got`: hex of a command, or what was asked of the key
    server."""

    code = "trace.diverged"


class TraceFlowUnknown(Fault):
    """This program has no such flow. Facts: `found`, `allowed`."""

    code = "trace.flow-unknown"


class RecordedFault(Fault):
    """A fault that ended an exchange or a question to the key server then. Fact: `recorded`."""

    code = "trace.recorded-fault"


@dataclass(frozen=True)
class Replayed:
    """What a flow made of a trace. `ended` is the code of the fault that ended it, or empty;
    `left` counts lines that nobody asked for; `as_recorded`: nothing diverged, none was left, and
    the end is the recorded one."""

    ended: str
    fault: Fault | None
    read: BasicRead | None
    played: int
    left: int
    as_recorded: bool

    @property
    def proven(self) -> bool:
        """The card proved itself, and the flow went to its end."""
        return self.read is not None


class _Player:
    """The lines of a trace, one after the other."""

    def __init__(self, trace: Trace) -> None:
        self.lines: Sequence[Exchange | KeyAnswer] = trace.lines
        self.at = 0

    def exchange(self, command: bytes) -> Exchange:
        line = self._next()
        if not isinstance(line, Exchange) or line.command != command.hex().upper():
            self._diverged(line, command.hex().upper())
        self.at += 1
        return line

    def key_answer(self, asked: Asked, key: Key) -> KeyAnswer:
        line = self._next()
        if not isinstance(line, KeyAnswer) or (line.asked, line.key) != (asked, key.name):
            self._diverged(line, f"{asked} {key.name}")
        self.at += 1
        return line

    def now(self) -> float:
        """Seconds, as they were recorded."""
        if self.at == 0:
            return 0.0
        line = self.lines[self.at - 1]
        return (line.at + (line.took if isinstance(line, Exchange) else 0)) / 1_000_000

    def _next(self) -> Exchange | KeyAnswer | None:
        return self.lines[self.at] if self.at < len(self.lines) else None

    def _diverged(self, line: Exchange | KeyAnswer | None, got: str) -> NoReturn:
        expected = NOTHING
        if isinstance(line, Exchange):
            expected = line.command
        elif line is not None:
            expected = f"{line.asked} {line.key}"
        raise TraceDiverged(position=self.at + 1, expected=expected, got=got)


class ReplayChannel:
    """The recorded card."""

    def __init__(self, trace: Trace, player: _Player) -> None:
        self._player = player
        self.transport = Transport(trace.header.transport)
        self.atr = bytes.fromhex(trace.header.atr)

    def transmit(self, command: bytes) -> bytes:
        """Raises `TraceDiverged`, or what was raised when it was recorded."""
        line = self._player.exchange(command)
        if line.fault in CHANNEL_FAULTS:
            raise CHANNEL_FAULTS[line.fault]
        if line.fault:
            raise RecordedFault(recorded=line.fault)
        return bytes.fromhex(line.answer)


class ReplayAuthenticator:
    """The recorded key server; see `apdu.authentication.Authenticator`."""

    def __init__(self, trace: Trace, player: _Player) -> None:
        self._player = player
        self.mode: Mode = trace.header.mode
        self.terminal_number = trace.header.terminal_number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        return _Recorded(self._player, "internal", IRK)

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return _Recorded(self._player, "external", key)

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return _Recorded(self._player, "secured", STK)

    def release(self) -> None:
        """Nothing was leased."""


@dataclass(frozen=True)
class _Recorded:
    player: _Player
    asked: Asked
    key: Key

    def result(self) -> bytes:
        line = self.player.key_answer(self.asked, self.key)
        fault = RecordedFault(recorded=line.fault) if line.fault else None
        return Computed(bytes.fromhex(line.answer), fault).result()


def replay(trace: Trace) -> Replayed:
    """Run the trace's flow with the recorded card. Raises `TraceFlowUnknown`."""
    flow = FLOWS.get(trace.header.flow)
    if flow is None:
        raise TraceFlowUnknown(found=trace.header.flow, allowed=", ".join(FLOWS))
    player = _Player(trace)
    card, keys = ReplayChannel(trace, player), ReplayAuthenticator(trace, player)
    read: BasicRead | None = None
    fault: Fault | None = None
    try:
        read = flow(card, keys, player.now)
    except Fault as ending:
        fault = ending
    ended = _recorded_code(fault)
    left = len(trace.lines) - player.at
    return Replayed(
        ended=ended,
        fault=fault,
        read=read,
        played=player.at,
        left=left,
        as_recorded=ended == trace.header.ended and left == 0,
    )


def _recorded_code(fault: Fault | None) -> str:
    if isinstance(fault, RecordedFault):
        return str(fault.facts["recorded"])
    return fault.code if fault else ""


def _basic(card: ReplayChannel, keys: ReplayAuthenticator, clock: Callable[[], float]) -> BasicRead:
    return read_basic(card, keys, clock=clock, stage=lambda name: None)


def _details(
    card: ReplayChannel, keys: ReplayAuthenticator, clock: Callable[[], float]
) -> BasicRead:
    return read_basic(card, keys, clock=clock, stage=lambda name: None, details=True)


Flow = Callable[[ReplayChannel, ReplayAuthenticator, Callable[[], float]], BasicRead]
FLOWS: Final[Mapping[str, Flow]] = {"basic": _basic, "details": _details}
