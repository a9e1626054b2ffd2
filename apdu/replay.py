"""A recorded card, and a recorded key server, for the product's flows: strict, in order.

The next command must be the recorded one; the first that is not ends the flow with
`TraceDiverged`, which tells position, expectation and what came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from apdu.redaction import CHANGE_PIN, PIN_BOUNDARY
from apdu.social_security.authentication import (
    BasicRead,
    CardParameters,
    Computed,
    Mode,
    Pending,
    read_basic,
)
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.file_address import FileData, parse_address
from apdu.social_security.key_authentication import How
from apdu.social_security.keys import IRK, KEYS, RKSSSE, STK, Key
from apdu.social_security.needs import BASIC, DETAILED, Need
from apdu.social_security.quirks import CardKinds
from apdu.social_security.session import CardSession, open_session
from apdu.trace import Asked, Exchange, KeyAnswer, Trace, TraceMalformed
from world import Fault

CHANNEL_FAULTS: Final[Mapping[str, type[Fault]]] = {
    kind.code: kind for kind in (CardGone, CardMute, ReaderGone)
}
NOTHING: Final = "–"
VERIFY_PIN: Final = (0x00, 0x20)
SHORTEST_PIN: Final = bytes(2)  # four made-up digits


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
    """What a flow made of a trace. `ended` is the code of the fault that ended it, or empty; `read`
    or `files` is what it read; `proven`: the card proved itself; `left` counts lines that the flow
    did not ask for; `as_recorded`: nothing diverged, none was left, the end is the recorded one."""

    ended: str
    fault: Fault | None
    read: BasicRead | None = field(repr=False)
    files: Sequence[FileData] = field(repr=False)
    proven: bool
    played: int
    left: int
    as_recorded: bool


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
    """The recorded key server; see `apdu.social_security.authentication.Authenticator`."""

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
    run = FLOWS.get(trace.header.flow.kind)
    if run is None:
        raise TraceFlowUnknown(found=trace.header.flow.kind, allowed=", ".join(FLOWS))
    player = _Player(trace)
    case = _Case(trace, ReplayChannel(trace, player), ReplayAuthenticator(trace, player), player)
    result: BasicRead | Sequence[FileData] | None = None
    fault: Fault | None = None
    try:
        result = run(case)
    except Fault as ending:
        fault = ending
    ended = _recorded_code(fault)
    left = len(trace.lines) - player.at
    return Replayed(
        ended=ended,
        fault=fault,
        read=result if isinstance(result, BasicRead) else None,
        files=result if result is not None and not isinstance(result, BasicRead) else (),
        proven=case.proven or isinstance(result, BasicRead),
        played=player.at,
        left=left,
        as_recorded=ended == trace.header.ended and left == 0,
    )


def _recorded_code(fault: Fault | None) -> str:
    if isinstance(fault, RecordedFault):
        return str(fault.facts["recorded"])
    return fault.code if fault else ""


@dataclass
class _Case:
    """One replay, for the flow that runs in it."""

    trace: Trace
    card: ReplayChannel
    keys: ReplayAuthenticator
    player: _Player
    proven: bool = False

    def session(self) -> CardSession:
        """A session that knows where the recorded terminal's keys were."""
        kids = {
            line.key: line.kid
            for line in self.trace.lines
            if isinstance(line, KeyAnswer) and line.key not in KEYS
        }
        session = open_session(self.card, self.keys, keys=CityKeys.of(kids=kids), quirks=self.cards)
        self.proven = True
        return session

    @property
    def cards(self) -> CardKinds:
        """How the recorded terminal spoke to cards. Raises `TraceMalformed`."""
        try:
            return CardKinds(self.trace.header.flow.cards)
        except ValueError as error:
            raise TraceMalformed(line=1, problem="cards") from error

    def pins(self, cla: int, ins: int) -> tuple[bytearray, bytearray]:
        """Made-up digits as long as those of the recorded command, old and new."""
        for line in self.trace.exchanges:
            command = bytes.fromhex(line.command)
            if command[:2] == bytes((cla, ins)) and len(command) > 5:
                old, _, new = command[5 : 5 + command[4]].partition(PIN_BOUNDARY)
                return _digits(old), _digits(new)
        return _digits(SHORTEST_PIN), _digits(SHORTEST_PIN)


def _digits(packed: bytes) -> bytearray:
    return bytearray(packed.hex().encode())


def _basic(case: _Case) -> BasicRead:
    needs = case.trace.header.flow.needs
    return _read_basic(case, BASIC if needs is None else frozenset(needs))


def _read_basic(case: _Case, needs: frozenset[Need]) -> BasicRead:
    return read_basic(
        case.card,
        case.keys,
        clock=case.player.now,
        stage=lambda name: None,
        needs=needs,
        quirks=case.cards,
    )


def _read(case: _Case) -> Sequence[FileData]:
    flow = case.trace.header.flow
    files = parse_address(flow.address)
    with case.session() as session:
        how: How = "pin" if flow.how == "pin" else "key"
        return session.read(files, how=how, ask_pin=lambda tries: case.pins(*VERIFY_PIN)[0])


def _verify_pin(case: _Case) -> Sequence[FileData]:
    with case.session() as session:
        session.verify_pin(case.pins(*VERIFY_PIN)[0])
    return ()


def _change_pin(case: _Case) -> Sequence[FileData]:
    with case.session() as session:
        session.change_pin(*case.pins(*CHANGE_PIN))
    return ()


def _reload_pin(case: _Case) -> Sequence[FileData]:
    with case.session() as session:
        session.reload_pin(_digits(SHORTEST_PIN))  # what is sent is the recorded key server's
    return ()


def _unblock_pin(case: _Case) -> Sequence[FileData]:
    with case.session() as session:
        session.unblock_pin()
    return ()


FLOWS: Final[Mapping[str, Callable[[_Case], BasicRead | Sequence[FileData]]]] = {
    "basic": _basic,
    "details": lambda case: _read_basic(case, DETAILED),
    "read": _read,
    "verify-pin": _verify_pin,
    "change-pin": _change_pin,
    "reload-pin": _reload_pin,
    "unblock-pin": _unblock_pin,
}
