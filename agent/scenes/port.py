"""What a scene is given and what it gives back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.identity import Identity
from agent.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.events.happened import Check, Verdict
from offline_store.events.ride import NO_RIDE, Ride
from offline_store.events.seen import NOTHING_SEEN, Seen
from offline_store.events.tap import Offline as Offline
from offline_store.turn import Done, GivenBack


class Lists(Protocol):
    """The signed lists as they stand in this turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> object | None:
        """A hit by any of these references (64 hex; empty: not asked for)."""
        ...

    def versions(self) -> Mapping[str, int]:
        """The version of each list that is in force, by its name."""
        ...


class Turn(Protocol):
    """What can be read inside the transaction that will insert the event; newest first."""

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        """The person's accepted taps of that scene, newest first."""
        ...

    def given_back(self, person: str) -> Iterator[GivenBack]:
        """What was given back to the person, newest first."""
        ...

    def unanswered(self, person: str = "") -> Iterator[Done]:
        """Taps of `person` (empty: of everybody) that were accepted without an answer of the
        status service, newest first."""
        ...


@dataclass(frozen=True)
class Decision:
    """The verdict, its one reason, and what was checked on the way to it. `offline`: accepted
    without an answer of a status service; "foreign": a card of another province."""

    verdict: Verdict
    reason: Reason
    checks: tuple[Check, ...] = ()
    offline: Offline = ""


@dataclass(frozen=True)
class Looked:
    """What a scene found out within the turn: all that it decides by, and what the record of who is
    accepted says of the ride, where people ride. `lists`: versions of the lists that this went
    by."""

    seen: Seen = NOTHING_SEEN
    ride: Ride = NO_RIDE
    lists: Mapping[str, int] = field(default_factory=dict)


class Scene(Protocol):
    """`look` reads what `decide` needs; `decide` is pure, so any decision can be replayed.

    `standing`: how holder, card and business stand (卡鉴权), where the scene asks; answered just
    now, remembered, or unknown.
    """

    @property
    def kind(self) -> str:
        """What `[scene] kind` names, and the `scene` of each event."""
        ...

    @property
    def decides_exits(self) -> bool:
        """Who leaves is decided about before anything opens, as who enters; else he is let out
        first, and recorded afterwards."""
        ...

    @property
    def asks(self) -> bool:
        """Whether the status check belongs to its taps."""
        ...

    def look(
        self,
        turn: Turn,
        identity: Identity,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Looked:
        """Read within the turn what `decide` needs, and no more."""
        ...

    def decide(
        self,
        identity: Identity,
        lists: Lists,
        seen: Seen,
        clock: ClockReading,
        standing: Sequence[Check] = (),
    ) -> Decision:
        """The decision, from these arguments alone."""
        ...
