"""What stands on a counter: the PIN pad and the receipt printer."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from drivers.contract.device import Device
from world import Fault


class PinFault(Fault):
    """No PIN came of it. Nothing was sent to a card, so no try is spent."""

    code = "pin.fault"


class PinCancelled(PinFault):
    """The person pressed cancel."""

    code = "pin.cancelled"


class PinTimeout(PinFault):
    """Nothing, or not all, was entered in time."""

    code = "pin.timeout"


class PinLength(PinFault):
    """Too short or too long. Facts: `minimum`, `maximum`; never the PIN's own length."""

    code = "pin.length"


class PinMismatch(PinFault):
    """The two entries of a new PIN differ."""

    code = "pin.mismatch"


class Pin:
    """An entered PIN: ASCII digits in a buffer of its own, that `wipe` overwrites."""

    def __init__(self, digits: bytearray) -> None:
        """Takes the buffer over; the caller keeps no copy."""
        self._digits = digits

    @property
    def digits(self) -> bytearray:
        """The buffer itself: use it, never copy it."""
        return self._digits

    def wipe(self) -> None:
        """Overwrite the digits with zeros; the PIN is empty then. A second call does nothing."""
        for at in range(len(self._digits)):
            self._digits[at] = 0
        self._digits.clear()

    def __enter__(self) -> "Pin":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return "Pin(…)"


class PinPad(Device, Protocol):
    """Where a person enters digits that no other person sees."""

    def ask(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        """One entry, ended with the confirm key. Raises `PinFault`s and `DeviceFault`; what had
        been entered is wiped then."""
        ...

    def ask_new(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        """A new PIN, entered twice. Raises `PinMismatch` too."""
        ...

    def cancel(self) -> None:
        """End a question that is waiting, from any thread: it raises `PinCancelled`."""
        ...


@dataclass(frozen=True)
class Line:
    """One line of a receipt: a label at the left, a value at the right, or one text alone."""

    text: str
    value: str = ""
    emphasis: bool = False


@dataclass(frozen=True)
class Receipt:
    """What is printed: already in the person's language, already masked."""

    title: str
    lines: Sequence[Line]
    code: str = ""  # text of a QR code at the end, empty for none


class Printer(Device, Protocol):
    """A receipt printer."""

    def print(self, receipt: Receipt) -> None:
        """Print and cut. Raises `DeviceFault`: what was not printed has to be said."""
        ...
