"""The chain on a `Channel`, from the command down to the card:

format (by transport) -> follow 61xx/6Cxx -> trace (redacted) -> quirks (rewrites) -> channel.
Each link has one method; all but the first are channels themselves. `chain` composes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from apdu.channel import CardMute, Channel, Transport
from apdu.command import MAX_EXPECTED, Command, Response
from apdu.social_security.quirks import STANDARD, Quirks, Rewrite
from world import Fault

MAX_FOLLOWS = 32  # GET RESPONSEs in one answer: 8 KB, twice the largest file (EF08, 0x1000)

# Each of these may spend a try of a key or a PIN: VERIFY, PIN UNBLOCK/RELOAD, CHANGE PIN, EXTERNAL
# AUTHENTICATE (spec social-security-card.md, Commands), a PSAM's 8072; or money: 8054 (spec
# transit-card.md). They go out once, whatever is answered. 8050 may be repeated: it only begins.
NEVER_REPEATED = frozenset({0x20, 0x24, 0x54, 0x5E, 0x72, 0x82})

_UNFINISHED = (0x61, 0x6C)  # SW1 of an answer that is not the last


class ChainFault(Fault):
    """The card kept answering "more" (61xx) or "other length" (6Cxx) and was cut off."""

    code = "card.endless"


class Sender(Protocol):
    """The chain's upper end."""

    def send(self, command: Command) -> Response:
        """Send, follow, return data and status word. Raises the channel's faults, `ChainFault`."""
        ...


class Format:
    """A command in the shape that the transport wants (ISO/IEC 7816-3, 12.2; 7816-4, 5.1).

    T=0 has no Le beside data: case 4 goes out as case 3 and the answer is fetched by 61xx; case 1
    has P3 = 00. T=1 and contactless: a case 4 command ends with Le 00, which the quirk switches.
    """

    def __init__(self, channel: Channel, le_zero: bool) -> None:
        self._channel = channel
        self._t0 = channel.transport is Transport.T0
        self._le_zero = le_zero

    def send(self, command: Command) -> Response:
        return Response.parse(self._channel.transmit(self._shape(command)))

    def _shape(self, command: Command) -> bytes:
        if command.case == 4:
            with_data = command.header + bytes((len(command.data),)) + command.data
            return with_data if self._t0 or not self._le_zero else with_data + b"\0"
        if command.case == 1 and self._t0:
            return command.header + b"\0"
        return bytes(command)


class _Wrapper:
    """A channel before another channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def transport(self) -> Transport:
        return self._channel.transport

    @property
    def atr(self) -> bytes:
        return self._channel.atr


class Follow(_Wrapper):
    """Fetches what 61xx announces and repeats a 6Cxx once, with the Le that the card names.

    Chains add up; after `MAX_FOLLOWS` further commands the card is cut off with `ChainFault`.
    """

    def transmit(self, command: bytes) -> bytes:
        """The data of all follow-ups, then the last status word. Raises `ChainFault`, and as
        `Channel.transmit`."""
        answer = self._once(command)
        return answer if answer[-2] not in _UNFINISHED else self._followed(command, answer)

    def _followed(self, command: bytes, answer: bytes) -> bytes:
        answer = self._corrected(command, answer)
        collected = b""
        follows = 0
        while answer[-2] == 0x61:
            if follows == MAX_FOLLOWS:
                raise ChainFault(command=command[:4].hex().upper(), follows=follows)
            collected += answer[:-2]
            fetch = bytes((0x00, 0xC0, 0x00, 0x00, answer[-1]))
            answer = self._corrected(fetch, self._once(fetch))
            follows += 1
        return collected + answer

    def _corrected(self, command: bytes, answer: bytes) -> bytes:
        """The answer to the command with the Le that 6Cxx names, where it may go out again."""
        if answer[-2] != 0x6C or command[1] in NEVER_REPEATED:
            return answer
        again = self._with_le(command, answer[-1])
        if again is None:
            return answer
        answer = self._once(again)
        if answer[-2] == 0x6C:
            raise ChainFault(command=command[:4].hex().upper(), follows=1)
        return answer

    def _once(self, command: bytes) -> bytes:
        answer = self._channel.transmit(command)
        if not 2 <= len(answer) <= MAX_EXPECTED + 2:
            raise CardMute(answered=len(answer))
        return answer

    def _with_le(self, command: bytes, le: int) -> bytes | None:
        if len(command) <= 5:  # case 1 or 2
            return command[:4] + bytes((le,))
        if len(command) == 6 + command[4]:  # case 4
            return command[:-1] + bytes((le,))
        if self.transport is Transport.T1:  # case 4 sent without its Le
            return command + bytes((le,))
        return None  # T=0 has no Le beside data: the 6Cxx stays the answer


@dataclass(frozen=True)
class RedactedExchange:
    """One command and its answer as a trace may show them: lengths instead of data.

    Data may be a PIN, key material or the holder's record, and which of them depends on what was
    selected before; so nothing is shown but headers, status words, and the names in SELECT.
    """

    header: str  # CLA INS P1 P2, hex
    data: str  # hex for SELECT, otherwise "<n bytes>" or ""
    answer: str  # "<n bytes>" or ""
    sw: str  # hex; "" when the channel raised
    fault: str = ""  # code of the fault that the channel raised


Observer = Callable[[RedactedExchange], None]


class TraceWrapper(_Wrapper):
    """Shows every exchange, also the follower's own, to an injected observer, redacted."""

    def __init__(self, channel: Channel, observer: Observer) -> None:
        super().__init__(channel)
        self._observer = observer

    def transmit(self, command: bytes) -> bytes:
        """As `Channel.transmit`. A command that fails is shown too, with the fault's code."""
        header, data = command[:4].hex().upper(), _shown(command)
        try:
            answer = self._channel.transmit(command)
        except Fault as fault:
            self._observer(RedactedExchange(header, data, "", "", fault.code))
            raise
        self._observer(
            RedactedExchange(header, data, _bytes(len(answer) - 2), answer[-2:].hex().upper())
        )
        return answer


def _shown(command: bytes) -> str:
    if len(command) <= 5:
        return ""
    data = command[5 : 5 + command[4]]
    return data.hex().upper() if command[1] == 0xA4 else _bytes(len(data))


def _bytes(count: int) -> str:
    return f"<{count} bytes>" if count > 0 else ""


class Rewriter(_Wrapper):
    """Sends a command that a card knows under another header, by the quirks' table."""

    def __init__(self, channel: Channel, rewrites: tuple[Rewrite, ...]) -> None:
        super().__init__(channel)
        self._rewrites = rewrites

    def transmit(self, command: bytes) -> bytes:
        """As `Channel.transmit`; only the first rule that fits is applied."""
        for rewrite in self._rewrites:
            if command.startswith(rewrite.prefix):
                command = rewrite.instead + command[len(rewrite.prefix) :]
                break
        return self._channel.transmit(command)


def chain(
    channel: Channel, *, quirks: Quirks = STANDARD, observer: Observer | None = None
) -> Sender:
    """The processors on one powered card. A link that has nothing to do is left out."""
    if quirks.rewrites:
        channel = Rewriter(channel, quirks.rewrites)
    if observer is not None:
        channel = TraceWrapper(channel, observer)
    return Format(Follow(channel), quirks.le_zero)
