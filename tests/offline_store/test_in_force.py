"""The rows that count, read from the whole journal and asked of its database, are the same."""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offline_store.columns import verdict_of, whose
from offline_store.events.about import GiveBack, Recovery
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Stored
from offline_store.events.tap import Tap
from offline_store.in_force import in_force
from offline_store.store import Entry, Store, Turn
from tests.offline_store.support import (
    ANNA,
    BO,
    QuickWorld,
    Receipt,
    Site,
    at,
    draft,
    every_record,
    give_back,
    intent,
    payment_end,
    recovery,
    tap,
)

Rows = list[Stored[Event]]
Reads = Callable[[Iterable[Stored[Event]]], Rows]
Answers = dict[str, object]

SCENE = "library-gate"
PEOPLE = (ANNA, BO)
CODE, OTHER = "c0" * 32, "c1" * 32


@dataclass
class History:
    """What happens at a terminal; what is about an earlier row is about one chosen by `chance`."""

    store: Store
    chance: random.Random
    began: list[Reference] = field(default_factory=list)  # payments that have no end
    done: list[Reference] = field(default_factory=list)  # taps and payments' ends
    given: list[Reference] = field(default_factory=list)
    contests: int = 0

    def taps(self) -> None:
        verdict = self.chance.choice(("accepted", "accepted", "refused"))
        code = self.chance.choice(("", CODE, OTHER))
        offline = self.chance.choice(("", "", "own", "foreign"))
        self.done.append(self._turn(tap(self._who(), verdict=verdict, code=code, offline=offline)))

    def begins(self) -> None:
        self.began.append(self._turn(intent(self._who())))

    def ends(self) -> None:
        if self.began:
            begun = self.began.pop(self.chance.randrange(len(self.began)))
            confirmed = self.chance.random() < 0.7
            end = payment_end(
                begun,
                self._who(),
                outcome="confirmed" if confirmed else "grey",
                verdict="accepted" if confirmed else "unknown",
            )
            self.done.append(self._turn(end))

    def did_not_take_place(self) -> None:
        """Of anything but what is itself taken back: a tap, an end, or a payment that is open."""
        known = self.done + self.began
        if known:
            about = self.chance.choice(known)
            self._turn(recovery(about))
            if about in self.began:
                self.began.remove(about)

    def is_given_back(self) -> None:
        if self.done:
            self.given.append(self._turn(give_back(self.chance.choice(self.done), self._who())))

    def is_taken_back(self) -> None:
        if self.given:
            self._turn(recovery(self.chance.choice(self.given)))

    def is_contested(self) -> None:
        """The platform is ahead of the terminal: what it has not receipted is entered again."""
        head = self.store.head()
        assert head is not None
        if self.contests < 3:
            self.contests += 1
            receipted = self.chance.randint(0, head.seq)
            self.store.receipt(Receipt(head.epoch, receipted))
            self.store.receipt(Receipt(head.epoch, head.seq + 5))
            while self.store._writer._more:
                self.store.status()

    def _who(self) -> str:
        return self.chance.choice(PEOPLE)

    def _turn(self, decide: Callable[[Turn], Entry]) -> Reference:
        return self.store.turn(decide).reference


Step = Callable[[History], None]
STEPS: tuple[Step, ...] = (
    History.taps,
    History.begins,
    History.ends,
    History.did_not_take_place,
    History.is_given_back,
    History.is_taken_back,
    History.is_contested,
)
histories = st.tuples(st.lists(st.sampled_from(STEPS), max_size=25), st.integers(0, 1 << 32))


def by_the_database(store: Store) -> Answers:
    """What turns go by."""

    def look(turn: Turn) -> Answers:
        answers: Answers = {}
        for person in PEOPLE:
            done = [*turn.accepted(person, scene=SCENE)]
            last = turn.last_accepted(person, scene=SCENE)
            answers |= {
                f"accepted {person}": [(one.stored.at, one.given_back) for one in done],
                f"last {person}": last and last.at,
                f"unanswered {person}": [one.stored.at for one in turn.unanswered(person)],
                f"given back {person}": [
                    (one.stored.at, one.stands) for one in turn.given_back(person)
                ],
            }
        answers["visitors"] = [one.stored.at for one in turn.unanswered()]
        for code in (CODE, OTHER):
            used = turn.code_uses(code)
            answers[f"uses {code}"] = (used.count, used.given_back)
        return answers

    answers = store.look(look)
    return {**answers, "open": [row.at for row in store.open_intents()]}


def by_the_journal(rows: Rows, reads: Reads = in_force) -> Answers:
    """The same, of the rows that count."""
    valid = reads(rows)[::-1]
    back = {row.event.about.place for row in valid if isinstance(row.event, GiveBack)}
    ended = {row.event.intent.place for row in valid if isinstance(row.event, PaymentEnd)}
    answers: Answers = {}
    for person in PEOPLE:
        own = [row for row in valid if whose(row.event)[1] == person]
        done = [row for row in own if verdict_of(row.event) == "accepted"]
        answers |= {
            f"accepted {person}": [(row.at, row.at.place in back) for row in done],
            f"last {person}": next((row.at for row in done if row.at.place not in back), None),
            f"unanswered {person}": [row.at for row in own if _offline(row.event)],
            f"given back {person}": [
                (row.at, row in own) for row in _give_backs(rows) if whose(row.event)[1] == person
            ],
        }
    answers["visitors"] = [row.at for row in valid if _offline(row.event) == "foreign"]
    for code in (CODE, OTHER):
        uses = [row for row in valid if isinstance(row.event, Tap) and row.event.used_code == code]
        given = sum(row.at.place in back for row in uses)
        answers[f"uses {code}"] = (len(uses) - given, given)
    answers["open"] = [
        row.at for row in valid[::-1] if isinstance(row.event, Intent) and row.at.place not in ended
    ]
    return answers


def _offline(event: Event) -> str:
    return event.offline if isinstance(event, Tap) else ""


def _give_backs(rows: Rows) -> Iterator[Stored[Event]]:
    """All of them, newest first; whether each stands is another question."""
    for row in reversed(rows):
        if isinstance(row.event, GiveBack) and row.was is None:
            yield row


def whole(store: Store) -> Rows:
    return [record.stored() for record in every_record(store)]


def played(folder: Path, steps: Sequence[Step], seed: int) -> tuple[Answers, Rows]:
    """What the database says after that history, and the journal."""
    site = Site(folder, world=QuickWorld())
    with site.open() as store:
        history = History(store, random.Random(seed))
        for step in steps:
            step(history)
        return by_the_database(store), whole(store)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories)
def test_the_journal_and_its_database_name_the_same_rows(
    history: tuple[Sequence[Step], int],
) -> None:
    steps, seed = history
    with tempfile.TemporaryDirectory() as folder:
        said, rows = played(Path(folder), steps, seed)
    assert by_the_journal(rows) == said


def entered_again_counts(rows: Iterable[Stored[Event]]) -> Rows:
    """The control: in force, but for where a row stood before."""
    alone = [Stored(row.at, row.terminal, row.event) for row in rows]
    return in_force(alone)


def recoveries_do_not_count(rows: Iterable[Stored[Event]]) -> Rows:
    """The control: as if nothing had been taken back."""
    return in_force(row for row in rows if not isinstance(row.event, Recovery))


@pytest.mark.parametrize("wrong", [entered_again_counts, recoveries_do_not_count])
def test_control_whoever_reads_it_otherwise_is_caught(tmp_path: Path, wrong: Reads) -> None:
    steps = [History.taps] * 6 + [History.did_not_take_place, History.is_contested]
    said, rows = played(tmp_path, steps, seed=1)
    assert by_the_journal(rows) == said
    assert by_the_journal(rows, wrong) != said


def row(
    seq: int, event: Event, epoch: str = "1" * 32, was: Reference | None = None
) -> Stored[Event]:
    return Stored(Reference(epoch, seq, f"{seq:064x}"), "gate-7", event, was)


def test_what_was_entered_again_twice_counts_once_though_it_names_where_it_stood_last() -> None:
    """As rows of version 1 do."""
    first = row(5, draft())
    again = row(2, draft(), "2" * 32, first.at)
    third = row(3, draft(), "3" * 32, again.at)
    assert in_force([first, again, third]) == [first]
    assert in_force([again, third]) == [again], "of what damage has left"
    undone = row(4, Recovery(clock=at(), about=third.at), "3" * 32)
    assert in_force([first, again, third, undone]) == [undone]


def test_what_is_recovered_is_told_by_the_first_row_of_the_recovery() -> None:
    """A row of version 1 that was entered again twice names another row in its place."""
    tapped, innocent = row(5, draft()), row(5, draft(BO), "2" * 32)
    undone = row(6, Recovery(clock=at(), about=tapped.at))
    elsewhere = Recovery(clock=at(), about=innocent.at)
    again = row(9, elsewhere, "3" * 32, undone.at)
    assert in_force([tapped, undone, innocent, again]) == [undone, innocent]
