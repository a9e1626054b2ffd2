"""The same code again: what a scanner or camera sees twice while a person holds it is one code."""

from collections import OrderedDict
from typing import Final

# Codes that may wait for their lane. Whoever held up one more has long gone when it would be its
# turn: an old code must not open a gate for somebody else, and a babbling module not fill memory.
MOST_WAITING: Final = 8
REMEMBERED: Final = 16  # codes; more than pass one scanner within a sensible window


class Repeats:
    """Tells codes that were there within the last `window` seconds. One that stays in view stays
    the same one, however long: the window begins when it was seen last. One thread at a time."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._seen: OrderedDict[bytes, float] = OrderedDict()  # content → when last, oldest first

    def seen(self, content: bytes, at: float) -> bool:
        """Note the code, seen at `at` (`World.monotonic()`). True when it is there again."""
        last = self._seen.pop(content, None)
        self._seen[content] = at
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return last is not None and at - last < self._window
