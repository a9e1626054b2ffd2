"""Scan modules on a serial line, as a CDC port or behind a serial server.

Bytes come in, `drivers.scanners.framing` cuts them into codes; a module that scans on command is
armed, and armed anew after each code and after its own time is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal

from msgspec import Meta

from drivers.contract import DeviceProtocol, Options
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.io.wait import Interrupted
from drivers.options import OptionsFault, typed
from drivers.scanners.framing import (
    STALE,
    SUFFIXES,
    FrameFramer,
    Framer,
    GapFramer,
    Suffix,
    SuffixFramer,
)
from drivers.scanners.source import (
    LONGEST_CODE,
    SAME_CODE_WINDOW,
    SETTLED_WITHIN,
    Limit,
    Prefixes,
    Scanner,
    ScannerGarbled,
    Window,
)
from drivers.scanners.triggers import TRIGGERS, Protocol
from world import World

ANSWER_WITHIN: Final = 1.0  # seconds


class ScannerRefused(DeviceProtocol):
    """The module does not take the trigger: it is not set to be triggered by its host. Facts:
    `device`, `trigger`."""

    code = "scanner.refused"


class SerialScannerOptions(LineOptions, frozen=True, kw_only=True):
    """Options of `serial-scanner`, besides those of the line.

    `framing`: what ends a code. `auto`: an idle gap after the suffix, right for every code, binary
    ones too; `suffix`: the suffix at once, quicker by the gap, but a binary code (Ministry of
    Transport, city codes) may hold the suffix's byte and would be cut in two: for text only;
    `idle`: a gap alone, nothing is taken off; `vguang`: the maker's frames.
    `suffix`: `line` is CR, LF or CRLF. With LF alone and binary codes say `lf`, or a code whose
    last byte is 0D would lose it.
    `gap`: seconds. USB adapters pass bytes on every 16 ms, serial servers more slowly.
    `prefixes`: taken off where a code begins with one; text, or bytes as `0x…`.
    `trigger`: how the module is told to scan; `none`: it scans by itself.
    `rearm`: seconds after which a module that found nothing is armed again. A poll that the
    protocols force: a module whose time is over says nothing.
    `vguang_command`, `vguang_status`: command of the frames that carry codes, and whether a status
    byte follows it.
    """

    window: Window = SAME_CODE_WINDOW
    limit: Limit = LONGEST_CODE
    framing: Literal["auto", "suffix", "idle", "vguang"] = "auto"
    suffix: Suffix = "line"
    gap: Annotated[float, Meta(ge=0.002, le=1)] = 0.03
    prefixes: Prefixes = ()
    trigger: Literal["none"] | Protocol = "none"
    rearm: Annotated[float, Meta(ge=0.5, le=60)] = 5.0
    vguang_command: Annotated[int, Meta(ge=0, le=255)] = 0x30
    vguang_status: bool = False


class SerialScanner(Scanner[OpenLine]):
    """Entry point `serial-scanner`."""

    RESTARTS = True

    def __init__(self, world: World, name: str, options: Options) -> None:
        self._options = typed(options, SerialScannerOptions, device=name)
        if self._options.framing == "suffix" and self._options.suffix == "none":
            raise OptionsFault(device=name, problem="framing = suffix, suffix = none")
        trigger = self._options.trigger
        self._trigger = None if trigger == "none" else TRIGGERS[trigger]
        self._heard = b""  # beside the answer to the first arming
        super().__init__(world, name, window=self._options.window, prefixes=self._options.prefixes)

    def _open(self) -> OpenLine:
        return open_line(self._world, self._options, device=self.name)

    def _greet(self, connection: OpenLine) -> None:
        self._settle(connection)
        if self._trigger is not None:
            with self._dark_at_the_end(connection):
                self._heard = self._arm(connection)

    def _settle(self, line: OpenLine) -> None:
        """Let go by what is coming in: its beginning may have been sent before we listened, so that
        nothing is whole until an end was seen, or a silence after which a code is given up. What
        never stops is found out while it is served."""
        until = self._world.monotonic() + SETTLED_WITHIN
        heard = b""
        while self._world.monotonic() < until:
            data = line.read(self._options.gap if self._may_end(heard) else STALE)
            if not data:
                break
            heard += data
        if heard:
            self._count("incomplete")

    def _may_end(self, heard: bytes) -> bool:
        """Whether a gap after these bytes says that a code is over; none: before anything came."""
        suffixes = SUFFIXES[self._options.suffix]
        if self._options.framing in ("auto", "suffix") and suffixes:
            return heard.endswith(tuple(suffixes))
        return True

    def _serve(self, connection: OpenLine) -> None:
        if self._trigger is None:
            self._listen(connection)
        else:
            with self._dark_at_the_end(connection):
                self._listen_armed(connection)

    @contextmanager
    def _dark_at_the_end(self, line: OpenLine) -> Iterator[None]:
        """A module that is let go of, not lost, does not stay lit for nobody."""
        try:
            yield
        except Interrupted:
            if self._trigger is not None:
                line.write(self._trigger.stop, marks=True)
            raise

    def _listen(self, line: OpenLine) -> None:
        framer = self._framer()
        while True:
            self._hear(line, framer, line.read(framer.patience))

    def _listen_armed(self, line: OpenLine) -> None:
        framer, heard = self._framer(), self._heard
        while True:
            taken = self._hear(line, framer, heard)
            while not taken:
                data = line.read(framer.patience or self._options.rearm)
                taken = self._hear(line, framer, data)
                if not data and framer.patience is None:
                    break  # its time is over
            heard = self._arm(line)

    def _arm(self, line: OpenLine) -> bytes:
        """Start a scan; the bytes that came beside the module's answer, a code's beginning among
        them. Raises `DeviceSilent`, `ScannerGarbled`, `ScannerRefused`."""
        trigger = self._trigger
        assert trigger is not None
        line.write(trigger.start, marks=True)  # no answer, and no code, is equal to it
        deadline = self._world.monotonic() + ANSWER_WITHIN
        heard = b""
        while (found := trigger.find_answer(heard)) is None:
            left = deadline - self._world.monotonic()
            if left <= 0 and not heard:
                raise line.silent()
            if left <= 0 or len(heard) > 2 * self._options.limit + len(trigger.start) * 2:
                raise ScannerGarbled(device=self.name, port=line.attached)
            heard += line.read(left)
        if not found.accepted:
            raise ScannerRefused(device=self.name, trigger=self._options.trigger)
        return found.rest

    def _hear(self, line: OpenLine, framer: Framer, data: bytes) -> bool:
        """True when a code was among it."""
        return self._take(framer.feed(data, self._world.monotonic()), line.attached)

    def _framer(self) -> Framer:
        options = self._options
        match options.framing:
            case "suffix":
                return SuffixFramer(suffix=options.suffix, limit=options.limit)
            case "vguang":
                return FrameFramer(
                    command=options.vguang_command,
                    status_byte=options.vguang_status,
                    limit=options.limit,
                )
            case "auto":
                return GapFramer(suffix=options.suffix, gap=options.gap, limit=options.limit)
            case "idle":
                return GapFramer(suffix="none", gap=options.gap, limit=options.limit)
