"""What a scene is given and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.clock import ClockReading
from agent.identity import Identity
from agent.reasons import Reason
from offline_store.event import Check, Verdict

State = Mapping[str, int | str]


class Lists(Protocol):
    """The signed lists as they stand in this turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> object | None:
        """A hit by any of these references (64 hex; empty: not asked for)."""
        ...

    def versions(self) -> Mapping[str, int]: ...


class Seen(Protocol):
    """An earlier event of the same person."""

    @property
    def seq(self) -> int: ...

    @property
    def time_ms(self) -> int: ...

    @property
    def reason(self) -> str: ...


class Turn(Protocol):
    """What can be read inside the transaction that will insert the event."""

    def last_accepted(self, person: str, *, scene: str, since_ms: int) -> Seen | None: ...


@dataclass(frozen=True)
class Decision:
    """The verdict, its one reason, and what was checked on the way to it."""

    verdict: Verdict
    reason: Reason
    checks: tuple[Check, ...] = ()


class Scene(Protocol):
    """`look` reads what `decide` needs; `decide` is pure, so any decision can be replayed."""

    @property
    def kind(self) -> str: ...

    def look(self, turn: Turn, identity: Identity, clock: ClockReading) -> State: ...

    def decide(
        self, identity: Identity, lists: Lists, state: State, clock: ClockReading
    ) -> Decision: ...
