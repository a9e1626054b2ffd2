"""What a decision can read inside the transaction that will insert its event, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from offline_store.event import Draft, Event
from offline_store.rows import row_id
from world import Database


@dataclass(frozen=True)
class Entry:
    """What is to be recorded; `private` (identity fields) is sealed and never in the event."""

    draft: Draft
    private: bytes = field(default=b"", repr=False)


class Listed(Protocol):
    """A hit in a list."""

    @property
    def version(self) -> int: ...


class ListView(Protocol):
    """The lists as they stand throughout one turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Listed | None: ...

    def versions(self) -> Mapping[str, int]: ...


class ListSource(Protocol):
    """Gives the lists for a turn; called on the store's thread."""

    def view(self) -> ListView: ...


class NoLists:
    """A terminal without lists: nobody is listed."""

    def view(self) -> ListView:
        return self

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Listed | None:
        return None

    def versions(self) -> Mapping[str, int]:
        return {}


@dataclass(frozen=True)
class Seen:
    """An earlier event of the same person."""

    epoch: str
    seq: int
    time_ms: int
    reason: str


class Turn:
    """Valid while `decide` runs, on the store's thread. Sees the turns before it, stored or about
    to be stored in the same COMMIT."""

    def __init__(self, db: Database, number: int, lists: ListView) -> None:
        self._db = db
        self._number = number
        self.lists = lists

    def last_accepted(
        self, person: str, *, scene: str, lane: str = "", since_ms: int = 0
    ) -> Seen | None:
        """The latest accepted event of the person in the scene (and lane), in journal order, with
        a time of `since_ms` (unix ms) or later; also one "in the future" of a clock set back.

        An event that is recorded as not executed does not count, nor does an unknown person.
        """
        if not person:
            return None
        row = self._db.execute(
            "SELECT (SELECT epoch FROM epochs WHERE number = e.id >> 40), e.seq, e.time_ms,"
            " e.body ->> '$.reason'"
            " FROM events e WHERE person = ?1 AND person <> '' AND scene = ?2"
            " AND verdict = 'accepted' AND time_ms >= ?3 AND (?4 = '' OR lane = ?4)"
            " AND NOT EXISTS"
            " (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery')"
            " ORDER BY e.id DESC LIMIT 1",
            (person, scene, since_ms, lane),
        ).fetchone()
        return None if row is None else Seen(*row)

    def event(self, seq: int) -> Event | None:
        """An event of the present epoch."""
        row = self._db.execute(
            "SELECT body FROM events WHERE id = ?", (row_id(self._number, seq),)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Event)
