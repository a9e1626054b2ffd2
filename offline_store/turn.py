"""What a decision can read inside the transaction that will insert its event, and what it gives."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from offline_store.clock import ClockReading
from offline_store.columns import row_id
from offline_store.events.about import GiveBack
from offline_store.events.happened import UNKNOWN, Check, Checked, Subject
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Stored, of_kind
from offline_store.faults import JournalDamaged
from offline_store.rows import as_number, as_stored
from world import Database

NEWEST = 8  # events that are looked through for an answer in somebody's favour; ≤ 1 ms
FARTHEST = 1000  # the same for one against him, which does not age; ≤ 10 ms, and mostly the first


FEW, MORE = 4, 16  # events that are read at once: mostly the first few tell
LAST_ID = (1 << 63) - 1

# Of an event `e`: what did not take place, and what was given back and not taken back since.
_NOT_EXECUTED = "EXISTS (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery')"
_GIVEN_BACK = (
    "EXISTS (SELECT 1 FROM events g WHERE g.refers = e.id AND g.kind = 'give-back' AND NOT EXISTS"
    " (SELECT 1 FROM events t WHERE t.refers = g.id AND t.kind = 'recovery'))"
)


@dataclass(frozen=True)
class Entry:
    """What is to be recorded; `private` (identity fields) is sealed and never in the event."""

    event: Event
    private: bytes = field(default=b"", repr=False)


class Listed(Protocol):
    """A hit in a list."""

    @property
    def version(self) -> int:
        """The version of the list that has the entry."""
        ...

    @property
    def reason(self) -> int:
        """The platform's code for why, 1 … 255; 0: it gave none."""
        ...


class ListView(Protocol):
    """The lists as they stand throughout one turn."""

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Listed | None:
        """The entry of the blacklist for one of these references (64 hex; empty: not asked for),
        or None."""
        ...

    def find_transit(self, number: bytes, issuer: bytes) -> Listed | None:
        """The entry of a transit card: its number (10 bytes BCD, as in file 0015) or a range of
        its issuer's (8 bytes) numbers; None where there is none."""
        ...

    def issuer_allowed(self, issuer: bytes) -> bool:
        """Whether purses of this issuer (8 bytes) are taken; all are while no list names any."""
        ...

    def versions(self) -> Mapping[str, int]:
        """The version of each list that is in force, by its name."""
        ...


class ListSource(Protocol):
    """Gives the lists for a turn; called on the store's thread."""

    def view(self) -> ListView:
        """The lists that are in force now. What it returns does not change any more."""
        ...


class NoLists:
    """A terminal without lists: no card and no person is listed, and no issuer is shut out."""

    def view(self) -> ListView:
        """See `ListSource`: itself, as nothing of it changes."""
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
class Done:
    """An accepted event of a person. `given_back`: the visit did not happen, and was returned; who
    had paid has still paid."""

    stored: Stored[Event]
    given_back: bool = False

    @property
    def event(self) -> Event:
        """What was stored, without place and time of its row."""
        return self.stored.event

    @property
    def clock(self) -> ClockReading:
        """When it was."""
        return self.stored.clock


@dataclass(frozen=True)
class GivenBack:
    """What was given back to a person. `stands`: it was not taken back since."""

    stored: Stored[GiveBack]
    stands: bool = True

    @property
    def event(self) -> GiveBack:
        """The give-back, without place and time of its row."""
        return self.stored.event

    @property
    def clock(self) -> ClockReading:
        """When it was."""
        return self.stored.clock


@dataclass(frozen=True)
class RememberedStatus:
    """An answer of a status service that an earlier event holds. `clock`: when that was."""

    check: Check
    clock: ClockReading


@dataclass(frozen=True)
class Uses:
    """How often a code was used at this terminal, and when last; and how many of its uses were
    given back, which are none."""

    count: int
    last_ms: int = 0
    given_back: int = 0


class Turn:
    """Valid while `decide` runs, on the store's thread. Sees the turns before it, stored or about
    to be stored in the same COMMIT."""

    def __init__(self, db: Database, number: int, lists: ListView) -> None:
        self._db = db
        self._number = number
        self.lists = lists

    def last_accepted(
        self, person: str, *, scene: str, lane: str = "", since_ms: int = 0
    ) -> Stored[Event] | None:
        """The latest accepted event of the person in the scene (and lane), in journal order, with
        a time of `since_ms` (unix ms) or later; also one "in the future" of a clock set back.

        An event that is recorded as not executed does not count, nor one that was given back, nor
        does an unknown person.
        """
        if not person:
            return None
        row = self._db.execute(
            "SELECT body, hash FROM events e WHERE person = ?1 AND person <> '' AND scene = ?2"
            " AND verdict = 'accepted' AND time_ms >= ?3 AND (?4 = '' OR lane = ?4)"
            f" AND NOT {_NOT_EXECUTED} AND NOT {_GIVEN_BACK} ORDER BY e.id DESC LIMIT 1",
            (person, scene, since_ms, lane),
        ).fetchone()
        return None if row is None else as_stored(*row)

    def accepted(self, person: str, *, scene: str) -> Iterator[Done]:
        """The accepted events of the person in the scene, newest in journal order first: read a few
        at a time, so a caller that has seen enough stops. Not executed ones do not count, nor does
        an unknown person."""
        return self._newest_first(
            "person = ?1 AND person <> '' AND scene = ?2 AND verdict = 'accepted'",
            person,
            scene,
        )

    def unanswered(self, person: str = "") -> Iterator[Done]:
        """Those who were accepted although no status service answered, newest first: of this
        person, or without one of all cards of other provinces. Not executed ones do not count."""
        if person:
            return self._newest_first("offline IS NOT NULL AND person = ?1", person)
        return self._newest_first("offline = ?1", "foreign")

    def given_back(self, person: str) -> Iterator[GivenBack]:
        """What was given back to the person in any scene, newest first."""
        rows = self._db.execute(
            f"SELECT body, hash, {_NOT_EXECUTED} FROM events e WHERE kind = 'give-back'"
            " AND person = ? AND person <> '' ORDER BY id DESC LIMIT ?",
            (person, FARTHEST),
        ).fetchall()
        for row in rows:
            yield _given_back(*row)

    def give_back_of(self, about: Reference) -> GivenBack | None:
        """The one that stands for that event of the present epoch, or the last that did."""
        row = self._db.execute(
            f"SELECT body, hash, {_NOT_EXECUTED} FROM events e"
            " WHERE refers = ? AND kind = 'give-back' ORDER BY id DESC LIMIT 1",
            (row_id(self._number, about.seq),),
        ).fetchone()
        return None if row is None else _given_back(*row)

    def _newest_first(self, where: str, *values: str) -> Iterator[Done]:
        last, count = LAST_ID, FEW
        while count:
            rows = self._db.execute(
                f"SELECT id, body, hash, {_GIVEN_BACK} FROM events e WHERE {where} AND id < {last}"
                f" AND NOT {_NOT_EXECUTED} ORDER BY id DESC LIMIT {count}",
                values,
            ).fetchall()
            for last, body, digest, given_back in rows:  # noqa: B007
                yield Done(as_stored(body, digest), bool(given_back))
            count = MORE if len(rows) == count else 0

    def last_standing(
        self, *, card: str, person: str, application: str = ""
    ) -> Sequence[RememberedStatus]:
        """What status services last knew: of this card, of this person whichever card was shown,
        and of the person's business under this application code. That a service knows nothing takes
        no earlier answer back. A person who is unknown (empty), and a question that was never
        answered, are not in it."""
        return [
            *self._answered("person", person, "holder"),
            *self._answered("asked", card, "card"),
            *self._answered("person", person, "business", application),
        ]

    def code_uses(self, code: str) -> Uses:
        """Of the code with this reference, over all that the journal holds, however the clock
        stood. A use that is recorded as not executed or was given back does not count, nor does an
        empty code."""
        used, given_back, last_ms = self._db.execute(
            f"SELECT count(*) FILTER (WHERE NOT {_GIVEN_BACK}),"
            f" count(*) FILTER (WHERE {_GIVEN_BACK}),"
            f" coalesce(max(time_ms) FILTER (WHERE NOT {_GIVEN_BACK}), 0)"
            f" FROM events e WHERE code IS NOT NULL AND code = ? AND NOT {_NOT_EXECUTED}",
            (code,),
        ).fetchone()
        return Uses(used, as_number(last_ms), given_back)

    def _answered(
        self, column: str, value: str, subject: Subject, application: str | None = None
    ) -> Iterator[RememberedStatus]:
        """The newest answer about the subject: one in somebody's favour only of the few newest
        events that have any; one that says "not asked" only where there is no other."""
        if not value:
            return
        not_asked: RememberedStatus | None = None
        rows = self._db.execute(
            f"SELECT body, hash FROM events WHERE asked IS NOT NULL AND {column} = ?"
            " ORDER BY id DESC LIMIT ?",
            (value, FARTHEST),
        )
        with closing(rows):
            for number, row in enumerate(rows):
                event = as_stored(*row).event
                if not isinstance(event, Checked) or application not in (None, event.application):
                    continue
                found = _about(event, subject)
                if found is not None and found.check.known:
                    if number < NEWEST or found.check.against:
                        yield found
                    return
                not_asked = not_asked or (found if number < NEWEST else None)
        if not_asked is not None:
            yield not_asked

    def event(self, about: Reference) -> Stored[Event] | None:
        """An event of the present epoch; None: there is none under that name."""
        row = self._db.execute(
            "SELECT body, hash FROM events WHERE id = ?", (row_id(self._number, about.seq),)
        ).fetchone()
        found = None if row is None else as_stored(*row)
        return found if found is not None and found.at.epoch == about.epoch else None


def _given_back(body: object, digest: object, taken_back: object) -> GivenBack:
    """Raises `JournalDamaged`."""
    found = of_kind(as_stored(body, digest), GiveBack)
    if found is None:
        raise JournalDamaged(cause="event")
    return GivenBack(found, not taken_back)


def _about(event: Checked, subject: Subject) -> RememberedStatus | None:
    """What a service answered about it in that event; None: nothing, or that it does not know."""
    for check in event.checks:
        if check.subject == subject and check.answered and check.status != UNKNOWN:
            return RememberedStatus(check, event.clock)
    return None
