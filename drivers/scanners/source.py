"""What all scanners have in common: codes become events once, what is no code is counted."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta

from drivers.contract import Code, DeviceProtocol
from drivers.io.keeper import C, ManagedDevice
from drivers.io.repeats import MOST_WAITING, Repeats
from drivers.options import OptionsFault
from drivers.scanners.framing import Framed, Outcome
from world import Queue, World

MISFRAMED: Final = 3  # stretches in a row that were no codes: the device is set otherwise than we


class ScannerGarbled(DeviceProtocol):
    """What the scanner sends cannot be cut into codes: wrong baud rate or suffix, or it is no
    scanner. Facts: `device`, `port`."""

    code = "scanner.garbled"


# Options of every scanner. Window: seconds within which the same code is one code, counted from
# when it was seen last. Limit: bytes; a longer code is dropped and counted (`overruns`).
Window = Annotated[float, Meta(ge=0, le=3600)]
Limit = Annotated[int, Meta(ge=1, le=4096)]
# Prefixes: taken off where a code begins with one; text, or bytes as `0x…`.
Prefixes = tuple[Annotated[str, Meta(min_length=1, max_length=32)], ...]
SAME_CODE_WINDOW: Final = 3.0
LONGEST_CODE: Final = 400
SETTLED_WITHIN: Final = 2.0  # seconds from the opening; what never pauses is not waited for


class Scanner(ManagedDevice[C]):
    """See `drivers.contract.CodeSource`. Counters: `repeated`, `unserved` (the lane was too
    far behind), `overruns` (too long), `incomplete` (broken off), `garbled` (damaged)."""

    def __init__(
        self, world: World, name: str, *, window: float, prefixes: Sequence[str] = ()
    ) -> None:
        """Raises `OptionsFault`."""
        super().__init__(world, name)
        self._prefixes = [_prefix(text, name) for text in prefixes]
        self._repeats = Repeats(window)
        self._no_codes = 0  # in a row
        self._events: Queue[Code] = world.queue()

    @property
    def events(self) -> Queue[Code]:
        return self._events

    def _take(self, outcomes: Iterable[Outcome], port: str) -> bool:
        """True when a code was among them, new or not. Raises `ScannerGarbled`."""
        codes = 0
        for outcome in outcomes:
            if isinstance(outcome, Framed):
                codes += 1
                self._no_codes = 0
                self._deliver(outcome)
                continue
            self._count(outcome.why)
            self._no_codes += 1
            if self._no_codes >= MISFRAMED:
                self._no_codes = 0
                raise ScannerGarbled(device=self.name, port=port)
        return codes > 0

    def _deliver(self, framed: Framed) -> None:
        content = self._bare(framed.content)
        if not content:
            return
        at = self._world.monotonic()
        if len(self._events) >= MOST_WAITING:  # not seen either: held up longer, it is a new one
            self._count("unserved")
            return
        if self._repeats.seen(content, at):
            self._count("repeated")
            return
        self._present()
        self._events.put(Code(self.name, content, framed.seen, at, framed.symbology))

    def _bare(self, content: bytes) -> bytes:
        """The code without the prefix that the module puts before it."""
        before = (prefix for prefix in self._prefixes if content.startswith(prefix))
        return content.removeprefix(next(before, b""))


def _prefix(text: str, device: str) -> bytes:
    """Bytes of `0x…`, or the text. Raises `OptionsFault`."""
    if not text.startswith("0x"):
        return text.encode()
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise OptionsFault(device=device, problem=f"prefixes: {text}") from error
