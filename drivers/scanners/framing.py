"""Cuts what a scan module sends into codes, whole ones only.

Bytes and their times go in, `Framed` codes and `Discarded` stretches come out. Nothing here waits:
`patience` says after how long a silence `feed` wants to be called with empty bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

STALE: Final = 1.0  # seconds of silence after which an unfinished code is given up
FLOOD: Final = 16384  # bytes of an endless code after which it counts as one more overrun

Why = Literal["overruns", "incomplete", "garbled"]
Suffix = Literal["line", "cr", "lf", "crlf", "tab", "etx", "none"]

# "line" is any of them; CRLF first, so that its CR is not left to the code.
SUFFIXES: Final[dict[Suffix, Sequence[bytes]]] = {
    "line": (b"\r\n", b"\r", b"\n"),
    "cr": (b"\r",),
    "lf": (b"\n",),
    "crlf": (b"\r\n",),
    "tab": (b"\t",),
    "etx": (b"\x03",),
    "none": (),
}


@dataclass(frozen=True)
class Framed:
    """One whole code."""

    content: bytes = field(repr=False)
    seen: float  # when its first byte came
    symbology: str = ""


@dataclass(frozen=True)
class Discarded:
    """Something came that was no whole code: too long, broken off, or damaged."""

    why: Why


Outcome = Framed | Discarded


class Framer(Protocol):
    """One per connection, so that what was begun before an unplugging is forgotten."""

    @property
    def patience(self) -> float | None:
        """Seconds of silence that mean something now; None: it waits for nothing."""
        ...

    def feed(self, data: bytes, at: float) -> Sequence[Outcome]:
        """`data` came at `at`; empty: there was silence up to now."""
        ...


class _Collector:
    """The code that is coming in, bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._seen = 0.0
        self._last = 0.0
        self._skipped = 0  # bytes of an overlong code that were dropped so far

    @property
    def empty(self) -> bool:
        return not self._bytes and not self._skipped

    @property
    def raw(self) -> bytes:
        return bytes(self._bytes)

    @property
    def seen(self) -> float:
        return self._seen

    def silent_for(self, at: float) -> float:
        return at - self._last

    def add(self, data: bytes, at: float) -> Sequence[Discarded]:
        if self.empty:
            self._seen = at
        self._last = at
        if not self._skipped and len(self._bytes) + len(data) <= self._limit:
            self._bytes += data
            return ()
        before = self._skipped
        self._skipped += len(self._bytes) + len(data)
        self._bytes.clear()
        more = self._skipped // FLOOD - before // FLOOD
        return (Discarded("overruns"),) * (more + (before == 0))

    def take(self) -> bytes:
        """The code, empty when it was overlong; from now on the next one."""
        content = self.raw
        self._bytes.clear()
        self._skipped = 0
        return content


class GapFramer:
    """A code ends with an idle gap: binary codes may hold any byte. With suffixes, only a gap
    after one of them ends it; the suffix is taken off."""

    def __init__(self, *, suffix: Suffix, gap: float, limit: int) -> None:
        self._suffixes = SUFFIXES[suffix]
        self._gap = gap
        self._limit = limit
        self._code = _Collector(2 * (limit + 2))  # room for a repeated one, with its suffixes

    @property
    def patience(self) -> float | None:
        if self._code.empty:
            return None
        return self._gap if self._ended(self._code.raw) is not None else STALE

    def feed(self, data: bytes, at: float) -> Sequence[Outcome]:
        if data:
            return self._code.add(data, at)
        if self._code.empty or self._code.silent_for(at) < self._gap:
            return ()
        raw = self._code.raw
        content = self._ended(raw)
        if content is None and self._code.silent_for(at) < STALE:
            return ()
        seen = self._code.seen
        self._code.take()
        if content is None:
            return [Discarded("incomplete")]
        return [
            Discarded("overruns") if len(part) > self._limit else Framed(part, seen)
            for part in self._apart(content)
        ]

    def _apart(self, content: bytes) -> Sequence[bytes]:
        """The codes of one stretch: a text holds no line end of its own, so that several texts that
        come without a gap are several codes. A binary code may hold any byte and stays whole."""
        parts = [content]
        for suffix in self._suffixes:
            parts = [piece for part in parts for piece in part.split(suffix)]
        parts = [part for part in parts if part]
        return parts if all(map(_is_text, parts)) else [content]

    def _ended(self, raw: bytes) -> bytes | None:
        """The code without its suffix; None when a suffix is still to come."""
        for suffix in self._suffixes:
            if raw.endswith(suffix):
                return _once(raw, suffix)[: -len(suffix)]
        return None if self._suffixes and raw else raw


def _is_text(part: bytes) -> bool:
    try:
        return part.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _once(raw: bytes, suffix: bytes) -> bytes:
    """A module that reads quicker than the gap, or a machine too busy to see the gap, gives the
    same code and suffix several times in one stretch: that is one code."""
    period = (raw + raw).find(raw, 1)
    return raw[:period] if raw[:period].endswith(suffix) else raw


class SuffixFramer:
    """A code ends with its suffix: at once, but only for codes that cannot hold the suffix."""

    def __init__(self, *, suffix: Suffix, limit: int) -> None:
        self._suffixes = SUFFIXES[suffix]
        self._code = _Collector(limit)

    @property
    def patience(self) -> float | None:
        return None if self._code.empty else STALE

    def feed(self, data: bytes, at: float) -> Sequence[Outcome]:
        if not data:
            return self._given_up(at)
        outcomes: list[Outcome] = []
        while data:
            at_suffix, length = self._first_suffix(data)
            if at_suffix < 0:
                outcomes += self._code.add(data, at)
                break
            outcomes += self._code.add(data[:at_suffix], at)
            seen, content = self._code.seen, self._code.take()
            # A lone suffix is the LF of a CRLF, or a module that says hello.
            outcomes += [Framed(content, seen)] if content else []
            data = data[at_suffix + length :]
        return outcomes

    def _given_up(self, at: float) -> Sequence[Outcome]:
        if self._code.empty or self._code.silent_for(at) < STALE:
            return ()
        return [Discarded("incomplete")] if self._code.take() else ()

    def _first_suffix(self, data: bytes) -> tuple[int, int]:
        found = [(data.find(s), -len(s), len(s)) for s in self._suffixes if s in data]
        if not found:
            return -1, 0
        at, _, length = min(found)
        return at, length


class FrameFramer:
    """Vguang's frames: `55 AA cmd lenL lenH data xor`, the XOR over all before it.

    Some firmware puts a status byte between command and length, as its answers to commands have
    it: `status_byte`. Source: devices.md.
    """

    HEAD: Final = b"\x55\xaa"

    def __init__(self, *, command: int, status_byte: bool, limit: int) -> None:
        self._command = command
        self._length_at = 4 if status_byte else 3
        self._limit = limit
        self._bytes = bytearray()
        self._seen = 0.0
        self._last = 0.0

    @property
    def patience(self) -> float | None:
        return STALE if self._bytes else None

    def feed(self, data: bytes, at: float) -> Sequence[Outcome]:
        if not data:
            broken_off = bool(self._bytes) and at - self._last >= STALE
            if broken_off:
                self._bytes.clear()
            return [Discarded("incomplete")] if broken_off else ()
        if not self._bytes:
            self._seen = at
        self._last = at
        self._bytes += data
        outcomes: list[Outcome] = []
        while (outcome := self._next()) is not None:
            outcomes += outcome
        return outcomes

    def _next(self) -> Sequence[Outcome] | None:
        """The first frame's outcome; None when more bytes are needed."""
        start = self._bytes.find(self.HEAD)
        if start < 0:  # the last byte may be half a head
            start = len(self._bytes) - self._bytes.endswith(self.HEAD[:1])
        if start > 0:
            del self._bytes[:start]
            return [Discarded("garbled")]
        if len(self._bytes) < self._length_at + 2:
            return None
        length = int.from_bytes(self._bytes[self._length_at : self._length_at + 2], "little")
        if length > self._limit:
            del self._bytes[:2]  # the next frame may begin inside
            return [Discarded("overruns")]
        end = self._length_at + 2 + length
        if len(self._bytes) <= end:
            return None
        return self._frame(end)

    def _frame(self, end: int) -> Sequence[Outcome]:
        check = 0
        for byte in self._bytes[:end]:
            check ^= byte
        if check != self._bytes[end]:
            del self._bytes[:2]
            return [Discarded("garbled")]
        command, content = self._bytes[2], bytes(self._bytes[self._length_at + 2 : end])
        seen = self._seen
        del self._bytes[: end + 1]
        return [Framed(content, seen)] if command == self._command and content else ()
