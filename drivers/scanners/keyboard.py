"""Scan modules that pretend to be keyboards: key events come in, codes come out.

The last resort: a keyboard says keys, not bytes. It carries what a US keyboard has keys for,
neither Chinese nor binary codes (Ministry of Transport, city codes); use the module's serial, CDC
or HID POS mode for those. A code with a key that has no character is dropped, never delivered
without it.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from evdev import ecodes as keys
from msgspec import Meta

from drivers.contract import Options
from drivers.io.events import EventFile, InputEvent, open_events
from drivers.options import DriverOptions, Place, typed
from drivers.scanners.framing import STALE, Discarded, Framed, Outcome
from drivers.scanners.source import (
    LONGEST_CODE,
    SAME_CODE_WINDOW,
    SETTLED_WITHIN,
    Limit,
    Prefixes,
    Scanner,
    Window,
)
from world import World

RELEASED, PRESSED = 0, 1  # 2 is the kernel's autorepeat: a scanner types each key once
SHIFTS: Final = frozenset({keys.KEY_LEFTSHIFT, keys.KEY_RIGHTSHIFT})
# With these a key means something else than its character.
CHORDS: Final = frozenset(
    {
        keys.KEY_LEFTCTRL,
        keys.KEY_RIGHTCTRL,
        keys.KEY_LEFTALT,
        keys.KEY_RIGHTALT,
        keys.KEY_LEFTMETA,
        keys.KEY_RIGHTMETA,
    }
)
ENTERS: Final = frozenset({keys.KEY_ENTER, keys.KEY_KPENTER})
ENDS: Final = {"enter": ENTERS, "tab": frozenset({keys.KEY_TAB}), "gap": frozenset[int]()}

# US layout: key → (character, character with shift).
LAYOUT: Final[dict[int, tuple[str, str]]] = {
    **{getattr(keys, f"KEY_{letter}"): (letter.lower(), letter) for letter in
       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    **{getattr(keys, f"KEY_{digit}"): (digit, shifted) for digit, shifted in
       zip("1234567890", "!@#$%^&*()", strict=True)},
    **{getattr(keys, f"KEY_KP{digit}"): (digit, digit) for digit in "0123456789"},
    keys.KEY_MINUS: ("-", "_"),
    keys.KEY_EQUAL: ("=", "+"),
    keys.KEY_LEFTBRACE: ("[", "{"),
    keys.KEY_RIGHTBRACE: ("]", "}"),
    keys.KEY_SEMICOLON: (";", ":"),
    keys.KEY_APOSTROPHE: ("'", '"'),
    keys.KEY_GRAVE: ("`", "~"),
    keys.KEY_BACKSLASH: ("\\", "|"),
    keys.KEY_COMMA: (",", "<"),
    keys.KEY_DOT: (".", ">"),
    keys.KEY_SLASH: ("/", "?"),
    keys.KEY_SPACE: (" ", " "),
    keys.KEY_TAB: ("\t", "\t"),
    keys.KEY_KPASTERISK: ("*", "*"),
    keys.KEY_KPMINUS: ("-", "-"),
    keys.KEY_KPPLUS: ("+", "+"),
    keys.KEY_KPDOT: (".", "."),
    keys.KEY_KPSLASH: ("/", "/"),
}  # fmt: skip


class Typing:
    """Puts a code together from key events. It ends with one of the keys `ends`, or, where there
    are none, with `gap` seconds of silence; see `drivers.scanners.framing.Framer`."""

    def __init__(
        self, *, ends: frozenset[int], gap: float, limit: int, under_way: bool = False
    ) -> None:
        """`under_way`: a code is being typed whose beginning was not heard."""
        self._ends = ends
        self._silence = STALE if ends else gap
        self._limit = limit
        self._code = bytearray()
        self._seen = 0.0
        self._last = 0.0
        # Why the code that is being typed is none.
        self._wrong = Discarded("incomplete") if under_way else None
        self._held: set[int] = set()  # shifts and chords that are down
        self._lost_sync = False  # the kernel dropped events; the next report is whole again

    @property
    def patience(self) -> float | None:
        """Seconds of silence after which what was typed is a code, or too old to become one; None:
        nothing is under way."""
        return self._silence if self._code or self._wrong else None

    def feed(self, events: Sequence[InputEvent], at: float) -> Sequence[Outcome]:
        """`events` came at `at`; none: there was silence up to now."""
        if not events:
            silent = at - self._last >= self._silence
            return self._ended(whole=not self._ends) if silent else []
        self._last = at
        outcomes: list[Outcome] = []
        for event in events:
            if event.type == keys.EV_SYN:
                self._sync(event.code)
            elif event.type == keys.EV_KEY and not self._lost_sync:
                outcomes += self._key(event.code, event.value, at)
        return outcomes

    def _sync(self, code: int) -> None:
        """SYN_DROPPED: events are missing up to the next SYN_REPORT (kernel, event-codes)."""
        if code == keys.SYN_DROPPED:
            self._lost_sync = True
            self._held.clear()
            self._wrong = Discarded("garbled")
        elif code == keys.SYN_REPORT:
            self._lost_sync = False

    def _key(self, code: int, value: int, at: float) -> Sequence[Outcome]:
        if code in SHIFTS or code in CHORDS:
            (self._held.discard if value == RELEASED else self._held.add)(code)
        elif value == PRESSED:
            # Enter ends a code that should have ended with Tab, too: there is no such character.
            if code in self._ends or code in ENTERS:
                return self._ended(whole=True)
            self._type(code, at)
        return ()

    def _type(self, code: int, at: float) -> None:
        if not self._code and self._wrong is None:
            self._seen = at
        characters = LAYOUT.get(code)
        if characters is None or self._held & CHORDS:
            self._wrong = self._wrong or Discarded("garbled")
        elif len(self._code) >= self._limit:
            self._wrong = self._wrong or Discarded("overruns")
        else:
            self._code += characters[bool(self._held & SHIFTS)].encode()

    def _ended(self, *, whole: bool) -> Sequence[Outcome]:
        content, wrong = bytes(self._code), self._wrong
        self._code.clear()
        self._wrong = None
        if wrong is not None:
            return [wrong]
        if not content:
            return []
        return [Framed(content, self._seen) if whole else Discarded("incomplete")]


class KeyboardOptions(DriverOptions, frozen=True, kw_only=True):
    """`port`: path or pattern of its event file, best
    `/dev/input/by-id/usb-…-event-kbd`. `end`: what the module sends after a code; `gap` when it
    sends nothing: seconds without a key. `prefixes`: taken off where a code begins with one."""

    port: Place
    end: Literal["enter", "tab", "gap"] = "enter"
    gap: Annotated[float, Meta(ge=0.02, le=1)] = 0.1
    prefixes: Prefixes = ()
    window: Window = SAME_CODE_WINDOW
    limit: Limit = LONGEST_CODE


class KeyboardScanner(Scanner[EventFile]):
    """Entry point `keyboard-scanner`."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        self._options = typed(options, KeyboardOptions, device=name)
        self._under_way = False  # when it was greeted
        super().__init__(world, name, window=self._options.window, prefixes=self._options.prefixes)

    def _open(self) -> EventFile:
        return open_events(self._world, self._options.port, device=self.name)

    def _greet(self, connection: EventFile) -> None:
        """Let go by what is being typed: its beginning may have gone to somebody else, so that
        nothing is whole until an end was seen, or a silence after which a code is given up. A key
        that is stuck says something without end, and hides no code."""
        until = self._world.monotonic() + SETTLED_WITHIN
        typing, heard = self._typing(), False
        self._under_way = False
        while events := connection.read(self._silence()):
            heard = True
            if typing.feed(events, self._world.monotonic()) and typing.patience is None:
                break  # the last of them was an end
            if self._world.monotonic() >= until:
                self._under_way = typing.patience is not None
                break
        if heard:
            self._count("incomplete")

    def _silence(self) -> float:
        return STALE if ENDS[self._options.end] else self._options.gap

    def _typing(self, *, under_way: bool = False) -> Typing:
        ends, options = ENDS[self._options.end], self._options
        return Typing(ends=ends, gap=options.gap, limit=options.limit, under_way=under_way)

    def _serve(self, connection: EventFile) -> None:
        typing = self._typing(under_way=self._under_way)
        while True:
            events = connection.read(typing.patience)
            self._take(typing.feed(events, self._world.monotonic()), connection.attached)
