"""Which of the cards in the field is the reader's one card: looks in, comings and leavings out.

Pure. `refuse`: two at once are one coming that may not be opened. `each`: one after the other, each
once until it leaves. The chip sees two at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from drivers.pn532.target import Target

Several = Literal["refuse", "each"]


@dataclass(frozen=True)
class Came:
    """The one card, or those that are refused together, as far as they still are in the field.
    `lay`: one of them was there before anybody looked."""

    count: int
    targets: tuple[Target, ...]
    refused: bool
    lay: bool = False


@dataclass(frozen=True)
class Left:
    """The card of the coming with this `count`, or all that were refused together, left the
    field."""

    count: int


class FieldPlace:
    """What lies on the reader, as its lane is told."""

    def __init__(self, several: Several) -> None:
        self._each = several == "each"
        self._count = 0
        self._shown: list[Target] = []  # in the field, and told of
        self._lay: list[Target] = []  # in the field since before the first look
        self.now: Came | None = None
        self.served = False  # it has been opened and is not any more, or is not to be waited for

    def misses(self, found: Sequence[Target]) -> bool:
        """Whether one that was in the field at the last look would have left."""
        return any(not _find(shown, found) for shown in self._shown)

    def begin(self, found: Sequence[Target]) -> Sequence[Came | Left]:
        """The first look at the field since the device was opened: what is there lay there."""
        self._lay = list(found)
        return self.see(found)

    def see(self, found: Sequence[Target]) -> Sequence[Came | Left]:
        """A look at the field: what the lane has to be told, in order."""
        told: list[Came | Left] = []
        self._lay = [lying for lying in self._lay if _find(lying, found)]
        self._shown = [shown for shown in self._shown if _find(shown, found)]
        if self.now is not None:
            if self._over(self.now, found):
                told.append(Left(self.now.count))
                self.now = None
            else:
                self.now = replace(self.now, targets=self._still(self.now, found))
        if self.now is None and (coming := self._next(found)):
            self._count += 1
            self._shown += [target for target in coming if not _find(target, self._shown)]
            lay = any(_find(target, self._lay) for target in coming)
            self.now = Came(self._count, coming, refused=len(coming) > 1, lay=lay)
            self.served = lay  # what nobody laid down must not keep the next one waiting
            told.append(self.now)
        return told

    def _over(self, now: Came, found: Sequence[Target]) -> bool:
        """All of it has left, or another card's turn has come. What was refused has to leave as a
        whole: a purse that is taken away slowly must not leave one accepted card behind."""
        if not any(_find(target, found) for target in now.targets):
            return True
        others = bool(self._unseen(found))
        return others and (self.served if self._each else not now.refused)

    def _still(self, now: Came, found: Sequence[Target]) -> tuple[Target, ...]:
        """Its targets as the chip numbers them now; who joins refused ones is refused with them."""
        if now.refused:
            self._shown += self._unseen(found)
            return tuple(found)
        return tuple(target for target in found if _find(target, now.targets))

    def _next(self, found: Sequence[Target]) -> tuple[Target, ...]:
        unseen = self._unseen(found)
        if not unseen:
            return ()
        return tuple(unseen[:1] if self._each else found)

    def _unseen(self, found: Sequence[Target]) -> Sequence[Target]:
        return [target for target in found if not _find(target, self._shown)]


def _find(target: Target, among: Sequence[Target]) -> Target | None:
    return next((other for other in among if other.is_same(target)), None)
