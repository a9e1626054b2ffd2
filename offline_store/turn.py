"""What a decision can read inside the transaction that will insert its event, and what it gives."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from offline_store.event import UNKNOWN, Check, Draft, Event, Subject
from offline_store.rows import row_id
from world import Database

NEWEST = 8  # events that are looked through for an answer in somebody's favour; ≤ 1 ms
FARTHEST = 1000  # the same for one against him, which does not age; ≤ 10 ms, and mostly the first


@dataclass(frozen=True)
class Entry:
    """What is to be recorded; `private` (identity fields) is sealed and never in the event."""

    draft: Draft
    private: bytes = field(default=b"", repr=False)


class Listed(Protocol):
    """A hit in a list."""

    @property
    def version(self) -> int: ...

    @property
    def reason(self) -> int:
        """The platform's code for why, 1 … 255; 0: it gave none."""
        ...


class ListView(Protocol):
    """The lists as they stand throughout one turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Listed | None: ...

    def find_transit(self, number: bytes, issuer: bytes) -> Listed | None: ...

    def issuer_allowed(self, issuer: bytes) -> bool: ...

    def versions(self) -> Mapping[str, int]: ...


class ListSource(Protocol):
    """Gives the lists for a turn; called on the store's thread."""

    def view(self) -> ListView: ...


class NoLists:
    """A terminal without lists: nobody is listed, and no issuer is shut out."""

    def view(self) -> ListView:
        return self

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Listed | None:
        return None

    def find_transit(self, number: bytes, issuer: bytes) -> Listed | None:
        return None

    def issuer_allowed(self, issuer: bytes) -> bool:
        return True

    def versions(self) -> Mapping[str, int]:
        return {}


@dataclass(frozen=True)
class Seen:
    """An earlier event of the same person."""

    epoch: str
    seq: int
    time_ms: int
    reason: str


@dataclass(frozen=True)
class Standing:
    """An answer of a status service that an earlier event holds."""

    check: Check
    time_ms: int  # of that event


@dataclass(frozen=True)
class Uses:
    """How often a code was used at this terminal, and when last."""

    count: int
    last_ms: int = 0


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

    def accepted_events(
        self, person: str, *, scene: str, since_ms: int, at_most: int
    ) -> list[Event]:
        """The accepted events of the person in the scene with a time of `since_ms` (unix ms) or
        later, newest in journal order first. Not executed ones do not count, nor does an unknown
        person."""
        if not person:
            return []
        rows = self._db.execute(
            "SELECT body FROM events e WHERE person = ?1 AND person <> '' AND scene = ?2"
            " AND verdict = 'accepted' AND time_ms >= ?3"
            " AND NOT EXISTS"
            " (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery')"
            " ORDER BY e.id DESC LIMIT ?4",
            (person, scene, since_ms, at_most),
        ).fetchall()
        return [msgspec.json.decode(body, type=Event) for (body,) in rows]

    def last_standing(self, *, card: str, person: str, application: str = "") -> Sequence[Standing]:
        """What status services last knew: of this card, of this person whichever card he showed,
        and of his business under this application code. That a service knows nothing takes no
        earlier answer back. Whoever is unknown (empty) and whatever was never answered is not in
        it."""
        return [
            *self._answered("person", person, "holder"),
            *self._answered("asked", card, "card"),
            *self._answered("person", person, "business", application),
        ]

    def offline_accepts(
        self, *, since_ms: int, until_ms: int, at_most: int, person: str = ""
    ) -> int:
        """How many were accepted unanswered in that time, counted up to `at_most`: of this person,
        or without one of all cards of other provinces. Not executed ones do not count."""
        column, value = ("person", person) if person else ("offline", "foreign")
        (count,) = self._db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM events e"
            f" WHERE offline IS NOT NULL AND {column} = ?1 AND time_ms >= ?2 AND time_ms < ?3"
            " AND NOT EXISTS"
            " (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery') LIMIT ?4)",
            (value, since_ms, until_ms, at_most),
        ).fetchone()
        return int(count)

    def code_uses(self, code: str) -> Uses:
        """Of the code with this reference, over all that the journal holds, however the clock
        stood. A use that is recorded as not executed does not count, nor does an empty code."""
        count, last_ms = self._db.execute(
            "SELECT count(*), coalesce(max(time_ms), 0) FROM events e"
            " WHERE code IS NOT NULL AND code = ?"
            " AND NOT EXISTS"
            " (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery')",
            (code,),
        ).fetchone()
        return Uses(count, last_ms)

    def _answered(
        self, column: str, value: str, subject: Subject, application: str | None = None
    ) -> Iterator[Standing]:
        """The newest answer about the subject: one in somebody's favour only of the few newest
        events that have any; one that says "not asked" only where there is no other."""
        if not value:
            return
        not_asked: Standing | None = None
        rows = self._db.execute(
            f"SELECT body FROM events WHERE asked IS NOT NULL AND {column} = ?"
            " ORDER BY id DESC LIMIT ?",
            (value, FARTHEST),
        )
        with closing(rows):
            for number, (body,) in enumerate(rows):
                event = msgspec.json.decode(body, type=Event)
                if application not in (None, event.application):
                    continue
                found = _about(event, subject)
                if found is not None and found.check.known:
                    if number < NEWEST or found.check.against:
                        yield found
                    return
                not_asked = not_asked or (found if number < NEWEST else None)
        if not_asked is not None:
            yield not_asked

    def event(self, seq: int) -> Event | None:
        """An event of the present epoch."""
        row = self._db.execute(
            "SELECT body FROM events WHERE id = ?", (row_id(self._number, seq),)
        ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Event)


def _about(event: Event, subject: Subject) -> Standing | None:
    """What a service answered about it in that event; None: nothing, or that it does not know."""
    for check in event.checks:
        if check.subject == subject and check.answered and check.status != UNKNOWN:
            return Standing(check, event.time_ms)
    return None
