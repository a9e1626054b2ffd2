"""A machine of turns, failing commits, receipts and restarts against a model of what must hold."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from offline_store.chain import epoch_key, next_seed, verify_chain
from offline_store.events.row import Record
from offline_store.faults import Unstored
from offline_store.store import Entry, Store, Turn
from tests.agent.events import tap_of
from tests.offline_store.support import FIRST_SEED, FULL, IOERR, Receipt, Site, draft, every_record

PEOPLE = st.sampled_from(["a1" * 32, "b0" * 32, "cc" * 32])
STATEMENTS = st.sampled_from(
    ["BEGIN", "SAVEPOINT", "INSERT INTO events", "INSERT OR REPLACE INTO forward_key", "COMMIT"]
)


class Terminal(RuleBasedStateMachine):
    """The model: rows acknowledged, persons inside, and how far the platform holds each epoch."""

    @initialize()
    def enrol(self) -> None:
        self.folders = ExitStack()
        folder = self.folders.enter_context(tempfile.TemporaryDirectory())
        self.site = Site(Path(folder))
        self.acknowledged: dict[tuple[str, int], str] = {}
        self.executed: set[str] = set()  # persons with an accepted event that stands
        self.contested: set[str] = set()
        self.receipted: dict[str, int] = {}
        self.store: Store = self.site.store()
        self.store.start()

    def teardown(self) -> None:
        self.store.close()
        self.folders.close()

    def _present(self, person: str) -> Record:
        def decide(turn: Turn) -> Entry:
            seen = turn.last_accepted(person, scene="library-gate")
            assert (seen is not None) == (person in self.executed)
            if seen:
                return Entry(draft(person, verdict="refused", reason="repeated"))
            return Entry(draft(person))

        record = self.store.turn(decide)
        self.acknowledged[record.epoch, record.seq] = record.hash
        self.executed.add(person)
        return record

    @rule(person=PEOPLE)
    def tap(self, person: str) -> None:
        verdict = "refused" if person in self.executed else "accepted"
        assert tap_of(self._present(person)).verdict == verdict

    @rule(
        person=PEOPLE,
        statement=STATEMENTS,
        after=st.booleans(),
        error=st.sampled_from([FULL, IOERR]),
    )
    def tap_on_a_failing_disk(
        self, person: str, statement: str, after: bool, error: tuple[int, str]
    ) -> None:
        self.site.world.disk.fail(statement, error, after=after)
        before = set(self.executed)
        try:
            self._present(person)
        except Unstored:
            assert self.executed == before
        self.site.world.disk.times = 0

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self.site.store()
        self.store.start()

    @rule(part=st.floats(0, 1))
    def receipt(self, part: float) -> None:
        head = self.store.head()
        assert head is not None
        seq = int(head.seq * part)
        self.store.receipt(Receipt(head.epoch, seq))
        self.receipted[head.epoch] = max(seq, self.receipted.get(head.epoch, 0))

    @precondition(lambda self: len(self.contested) < 3)
    @rule()
    def receipt_ahead(self) -> None:
        head = self.store.head()
        assert head is not None
        self.store.receipt(Receipt(head.epoch, head.seq + 5))
        self.contested.add(head.epoch)
        while self.store._writer._more:
            self.store.status()
        assert self.store.head().epoch != head.epoch  # type: ignore[union-attr]

    @rule()
    def enrolled_again(self) -> None:
        if len(self.contested) < 3:
            self.site.keys.secrets["journal-seed"] = next_seed(b"other" * 8)
            self.contested.add(f"enrolment {len(self.contested)}")
            self.restart()

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        stored = {(r.epoch, r.seq): r.hash for r in every_record(self.store)}
        assert self.acknowledged.items() <= stored.items()

    @invariant()
    def the_chain_is_whole_and_the_first_epoch_has_its_keys(self) -> None:
        assert self.store.verify().whole
        records = every_record(self.store)
        first = [record for record in records if record.epoch == records[0].epoch]
        assert verify_chain(first, epoch_key(FIRST_SEED, records[0].epoch)) == []

    @invariant()
    def the_outbox_is_what_the_platform_lacks(self) -> None:
        expected = [
            (record.epoch, record.seq)
            for record in every_record(self.store)
            if record.epoch not in self.contested
            and record.seq > self.receipted.get(record.epoch, 0)
        ]
        assert [(r.epoch, r.seq) for r in self.store.unreceipted(10_000)] == expected
        assert self.store.status().unreceipted == len(expected)


TestTerminal = Terminal.TestCase
TestTerminal.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
