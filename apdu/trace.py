"""A card's flow as a file: recorded redacted, read back, and played to the flow again.

Channel and authenticator are wrapped while a flow runs; what is kept went through
`apdu.redaction` first. JSON lines: a header, then each exchange and each of the key server's
answers in order of time (docs/traces.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar, cast

import msgspec
from msgspec import Meta

from apdu import standins
from apdu.channel import Channel, Transport
from apdu.redaction import Redactor, pin_command
from apdu.social_security.authentication import Authenticator, CardParameters, Mode, Pending
from apdu.social_security.keys import IRK, RKSSSE, STK, Key
from apdu.social_security.needs import Need
from apdu.social_security.quirks import CardKind
from apdu.social_security.records import AtrFault, HistoricalBytes
from world import Fault
from world.foreign import Undecodable, decoded
from world.text import NotText, text_of

VERSION: Final = 1
LARGEST: Final = 4 << 20  # bytes of a file
TERMINAL_NUMBER: Final = "000000000001"  # of a made-up PSAM

Hex = Annotated[str, Meta(pattern="^([0-9A-F]{2})*$")]
Microseconds = Annotated[int, Meta(ge=0)]
Asked = Literal["internal", "external", "secured"]
T = TypeVar("T")


class TraceMalformed(Fault):
    """A file that is no trace of this version. Facts: `line` (from 1), `problem`."""

    code = "trace.malformed"


class Flow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was done with the card: one of `apdu.replay.FLOWS`; of `read`, which files and how."""

    kind: str
    address: str = ""  # fileAddr, see `apdu.social_security.file_address`
    how: Literal["", "key", "pin"] = ""
    cards: tuple[CardKind, ...] = ()  # the terminal's kinds of cards, by which it was done
    needs: tuple[Need, ...] | None = None  # of `basic`: what was read; None: all of it


class TraceHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line. `generation` and `algorithm` are empty when the flow ended before they were
    known, `ended` is the code of the fault that ended it, or empty."""

    onecard_trace: Literal[1] = VERSION
    agent: str  # version of the program
    flow: Flow
    transport: Literal["T=0", "T=1"]
    atr: Hex
    mode: Mode
    terminal_number: str = ""
    generation: str = ""
    algorithm: str = ""
    ended: str = ""
    note: str = ""  # where a trace that was not recorded here comes from


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="exchange"):
    """One raw APDU and its raw answer. `at` and `took` in microseconds; `fault` is the code of what
    the channel raised instead of an answer."""

    at: Microseconds
    took: Microseconds
    command: Hex
    answer: Hex
    fault: str = ""


class KeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="key"):
    """What the key server answered when it was fetched, or the code of its fault."""

    at: Microseconds
    asked: Asked
    key: str
    kid: Annotated[int, Meta(ge=0, le=255)]
    answer: Hex
    fault: str = ""


Line = Exchange | KeyAnswer


@dataclass(frozen=True)
class Trace:
    """A whole file."""

    header: TraceHeader
    lines: Sequence[Line]

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """The APDUs alone, in order, without what else the file tells."""
        return [line for line in self.lines if isinstance(line, Exchange)]

    def __bytes__(self) -> bytes:
        return b"".join(msgspec.json.encode(line) + b"\n" for line in (self.header, *self.lines))


def parse(raw: bytes) -> Trace:
    """Raises `TraceMalformed`."""
    if len(raw) > LARGEST:
        raise TraceMalformed(line=1, problem=f"> {LARGEST} bytes")
    try:
        first, *rest = text_of(raw).split("\n")
    except NotText as error:
        problem = f"{error.found}, not UTF-8"
        raise TraceMalformed(line=error.line, problem=problem) from error
    header = _decoded(first, TraceHeader, 1)
    kinds = cast("type[Line]", Line)
    lines = [_decoded(line, kinds, number) for number, line in enumerate(rest, 2) if line.strip()]
    return Trace(header, lines)


def _decoded(line: str, shape: type[T], number: int) -> T:
    try:
        return decoded(line, shape)
    except Undecodable as fault:
        raise TraceMalformed(line=number, problem=fault.facts["problem"]) from fault


def _serial(atr: bytes) -> bytes:
    """T10–T13; empty where it has none."""
    try:
        return HistoricalBytes.of(atr)[9:]
    except AtrFault:
        return b""


class Recorder:
    """A channel that keeps, redacted, what goes through it. `clock` is `World.monotonic`."""

    def __init__(self, channel: Channel, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._clock = clock
        self._began = clock()
        self._redactor = Redactor(_serial(channel.atr))
        self._waiting: list[tuple[int, int, str]] = []  # at, took, fault of what is not redacted
        self._lines: list[Line] = []

    @property
    def transport(self) -> Transport:
        return self._channel.transport

    @property
    def atr(self) -> bytes:
        return self._channel.atr

    def transmit(self, command: bytes) -> bytes:
        at = self._now()
        try:
            answer = self._channel.transmit(command)
        except Fault as fault:
            self._keep(at, command, b"", fault.code)
            raise
        self._keep(at, command, answer, "")
        return answer

    def authenticator(self, inner: Authenticator) -> "RecordingAuthenticator":
        """The same key server, with its answers kept as well."""
        return RecordingAuthenticator(inner, self)

    def fetched(self, asked: Asked, key: Key, answer: bytes, fault: str) -> None:
        """An answer of the key server, which never came or was read now."""
        kept = pin_command(answer) if asked == "secured" else self._redactor.token(answer)
        self._lines.append(KeyAnswer(self._now(), asked, key.name, key.kid, _hex(kept), fault))

    def trace(
        self, flow: Flow, agent: str, keys: "RecordingAuthenticator", fault: Fault | None
    ) -> Trace:
        """All that was kept, when the flow has ended, well or with a fault."""
        self._show(self._redactor.finish())
        header = TraceHeader(
            agent=agent,
            flow=flow,
            transport=self.transport.value,
            atr=_hex(standins.atr(self.atr)),
            mode=keys.mode,
            terminal_number=TERMINAL_NUMBER if keys.had_terminal_number else "",
            generation=self._redactor.generation,
            algorithm=keys.algorithm,
            ended=fault.code if fault else "",
        )
        return Trace(header, sorted(self._lines, key=lambda line: line.at))

    def _keep(self, at: int, command: bytes, answer: bytes, fault: str) -> None:
        self._waiting.append((at, self._now() - at, fault))
        self._show(self._redactor.take(command, answer))

    def _show(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        for command, answer in pairs:
            at, took, fault = self._waiting.pop(0)
            self._lines.append(Exchange(at, took, _hex(command), _hex(answer), fault))

    def _now(self) -> int:
        return round((self._clock() - self._began) * 1_000_000)


class RecordingAuthenticator:
    """See `apdu.social_security.authentication.Authenticator`."""

    def __init__(self, inner: Authenticator, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder
        self.algorithm = ""  # of the card that was asked about
        self.had_terminal_number = False

    @property
    def mode(self) -> Mode:
        return self._inner.mode

    @property
    def terminal_number(self) -> str:
        number = self._inner.terminal_number
        self.had_terminal_number |= bool(number)
        return number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        self.algorithm = card.algorithm.value
        return self._watched("internal", IRK, self._inner.internal(card, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return self._watched("external", key, self._inner.external(card, factor, original, key))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return self._watched("secured", STK, self._inner.secured(card, factor, header, new_pin))

    def release(self) -> None:
        self._inner.release()

    def _watched(self, asked: Asked, key: Key, pending: Pending[bytes]) -> Pending[bytes]:
        return _Watched(self._recorder, asked, key, pending)


@dataclass(frozen=True)
class _Watched:
    """A `Pending` whose result is kept when it is fetched."""

    recorder: Recorder
    asked: Asked
    key: Key
    pending: Pending[bytes]

    def result(self) -> bytes:
        try:
            answer = self.pending.result()
        except Fault as fault:
            self.recorder.fetched(self.asked, self.key, b"", fault.code)
            raise
        self.recorder.fetched(self.asked, self.key, answer, "")
        return answer


def _hex(raw: bytes) -> str:
    return raw.hex().upper()
