"""All that a price goes by beside the card: what the journal, the signed lists and the vehicle say.

    turn ─▶ JournalMemory ─▶ price ─▶ Seen, into the row       in the store's turn, at a tap
     row ─▶ RowMemory     ─▶ price ─▶ the same?                whenever somebody asks why

A price asks for nothing that is not asked for here, so it can be made again from its row.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from agent.fares.history import History
from agent.fares.ride import Journey
from agent.fares.rules import Rules
from offline_store.events.seen import NOTHING_SEEN, Boarding, OwedRide, RidesBefore, Seen
from offline_store.faults import ListUnreadable


class PriceMemory(Protocol):
    """Each question comes with the way to find the answer, which a row has no need of."""

    def rules(self, read: Callable[[], Rules]) -> Rules:
        """The signed lists. Raises `ListUnreadable` when one of them cannot be read."""
        ...

    def journey(self, read: Callable[[], Journey]) -> Journey:
        """How people ride from here now."""
        ...

    def rides(self, read: Callable[[History], RidesBefore]) -> RidesBefore:
        """The person's rides before this one, with what the card told of them."""
        ...

    def owed(self, read: Callable[[History], OwedRide | None]) -> OwedRide | None:
        """The ride that was given back and that the person has for nothing; None: there is none."""
        ...

    def let_through(self, read: Callable[[History], bool]) -> bool:
        """Whether the person went through once more already for the end of a trip on the card."""
        ...


class JournalMemory:
    """See `PriceMemory`. Asks the journal, within its turn; `seen` is what it has said."""

    def __init__(self, turn: History) -> None:
        self._turn = turn
        self._rules: dict[Callable[[], Rules], Rules] = {}
        self.seen: Seen = NOTHING_SEEN

    def rules(self, read: Callable[[], Rules]) -> Rules:
        if read not in self._rules:  # a list that is installed meanwhile is of the next decision
            try:
                self._rules[read] = read()
            except ListUnreadable as fault:
                self.seen = replace(self.seen, unreadable=str(fault.facts["list"]))
                raise
        return self._rules[read]

    def journey(self, read: Callable[[], Journey]) -> Journey:
        journey = read()
        self.seen = replace(
            self.seen, boarding=Boarding(journey.line, journey.direction, journey.boarded)
        )
        return journey

    def rides(self, read: Callable[[History], RidesBefore]) -> RidesBefore:
        rides = read(self._turn)
        self.seen = replace(self.seen, rides=rides)
        return rides

    def owed(self, read: Callable[[History], OwedRide | None]) -> OwedRide | None:
        owed = read(self._turn)
        self.seen = replace(self.seen, owed=owed)
        return owed

    def let_through(self, read: Callable[[History], bool]) -> bool:
        let_through = read(self._turn)
        self.seen = replace(self.seen, let_through=let_through)
        return let_through


class RowMemory:
    """See `PriceMemory`. Knows what a row says was seen, and the lists of the versions that the row
    names."""

    def __init__(self, seen: Seen, rules: Rules) -> None:
        self.seen = seen
        self._rules = rules

    def rules(self, read: Callable[[], Rules]) -> Rules:
        return self._rules

    def journey(self, read: Callable[[], Journey]) -> Journey:
        known = self.seen.boarding
        return Journey(known.line, known.direction, known.stop) if known else read()

    def rides(self, read: Callable[[History], RidesBefore]) -> RidesBefore:
        return self.seen.rides or RidesBefore()

    def owed(self, read: Callable[[History], OwedRide | None]) -> OwedRide | None:
        return self.seen.owed

    def let_through(self, read: Callable[[History], bool]) -> bool:
        return self.seen.let_through
