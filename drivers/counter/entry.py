"""Digits as a person enters them: keys in, one buffer out, wiped on every way.

The buffers have their full size from the beginning: a bytearray that grows or shrinks may leave a
copy of its bytes behind in freed memory.
"""

from drivers.contract import PinLength

ZERO = 0x30  # ASCII "0"


class DigitEntry:
    """One entry of `minimum` to `maximum` digits."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._digits = bytearray(maximum)
        self._count = 0  # of keys pressed and not taken back, also those beyond the maximum

    @property
    def buffer(self) -> bytearray:
        """What has been entered; zeros where nothing is."""
        return self._digits

    def add(self, digit: int) -> None:
        """A digit 0…9. One beyond the maximum only makes the entry too long."""
        if self._count < self._maximum:
            self._digits[self._count] = ZERO + digit
        self._count += 1

    def back(self) -> bool:
        """Take the last digit back. False when there is none."""
        if self._count == 0:
            return False
        self._count -= 1
        if self._count < self._maximum:
            self._digits[self._count] = 0
        return True

    def wipe(self) -> int:
        """Overwrite all; how many digits there had been."""
        for at in range(self._maximum):
            self._digits[at] = 0
        count, self._count = self._count, 0
        return count

    def take(self) -> bytearray:
        """The digits in a buffer of their own size; ours is wiped, also when it raises
        `PinLength`."""
        count = self._count
        if not self._minimum <= count <= self._maximum:
            self.wipe()
            raise PinLength(minimum=self._minimum, maximum=self._maximum)
        digits = bytearray(count)
        for at in range(count):
            digits[at] = self._digits[at]
        self.wipe()
        return digits

    def __repr__(self) -> str:
        return "Entry(…)"
