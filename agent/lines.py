"""How many lines local programs may hold at one of our servers: so many each user, so many in all.

A line costs a descriptor, and at the national interface threads; without a limit one program that
opens lines and says nothing would take those that readers and the journal need.
"""

from world import World


class Lines:
    """One server's. Any thread."""

    def __init__(self, world: World, *, each: int, in_all: int) -> None:
        self._each = each
        self._in_all = in_all
        self._changing = world.lock()
        self._held: dict[int | None, int] = {}  # by user; None: the kernel does not say whose

    def take(self, uid: int | None) -> "HeldLine | None":
        """A line for that user; None while the user, or all together, have as many as they may."""
        with self._changing:
            held = self._held.get(uid, 0)
            if held >= self._each or sum(self._held.values()) >= self._in_all:
                return None
            self._held[uid] = held + 1
        return HeldLine(self, uid)

    def give_back(self, uid: int | None) -> None:
        """A line of that user ended. `uid` None: a user that could not be known."""
        with self._changing:
            self._held[uid] -= 1
            if not self._held[uid]:
                del self._held[uid]

    @property
    def held(self) -> int:
        """How many are held now."""
        with self._changing:
            return sum(self._held.values())


class HeldLine:
    """One line that somebody holds, until it is left."""

    def __init__(self, lines: Lines, uid: int | None) -> None:
        self._lines: Lines | None = lines
        self._uid = uid

    def leave(self) -> None:
        """Once counts; by the thread that serves the line."""
        lines, self._lines = self._lines, None
        if lines is not None:
            lines.give_back(self._uid)
