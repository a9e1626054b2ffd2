"""A store on a temporary folder, made-up keys, and a World whose disk fails when told to."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_store import migrate
from offline_store.clock import ClockReading
from offline_store.events.about import NOT_EXECUTED, GiveBack, Recovery
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.row import Event, Record
from offline_store.events.tap import Tap
from offline_store.journal import SEED
from offline_store.store import Entry, Store, Turn
from tests.agent.events import purchase
from trust.keystore import SecretMissing
from world import Database
from world.databases import Connection
from world.real import RealWorld

TERMINAL = "gate-7"
FIRST_SEED = b"made-up journal seed of 32 bytes"
ANNA = "a1" * 32
BO = "b0" * 32


class MemoryKeys:
    """A key store in memory; `fail_writes` makes it refuse."""

    def __init__(self, **secrets: bytes) -> None:
        self.secrets = {SEED: FIRST_SEED, **secrets}
        self.fail_writes = False

    def read(self, name: str) -> bytes:
        if name not in self.secrets:
            raise SecretMissing(name=name, path="memory")
        return self.secrets[name]

    def write(self, name: str, secret: bytes) -> None:
        if self.fail_writes:
            raise SecretMissing(name=name, path="memory")
        self.secrets[name] = secret

    def erase(self, name: str) -> None:
        del self.secrets[name]

    def names(self) -> Sequence[str]:
        return sorted(self.secrets)

    def place(self, name: str) -> str:
        return f"memory:{name}"


def sqlite_error(code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    return error


FULL = (sqlite3.SQLITE_FULL, "SQLITE_FULL")
IOERR = (sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")


@dataclass
class Disk:
    """What goes wrong: statements that start with a text fail, so many times, before or after
    SQLite has carried them out."""

    statement: str = ""
    error: tuple[int, str] = FULL
    times: int = 0
    after: bool = False
    pages: int = 0  # of the file at most, 0: no limit

    def fail(
        self, statement: str, error: tuple[int, str], *, times: int = 1, after: bool = False
    ) -> None:
        self.statement, self.error, self.times, self.after = statement, error, times, after

    def due(self, statement: str) -> bool:
        if self.times and statement.startswith(self.statement):
            self.times -= 1
            return True
        return False


class FailingWorld(RealWorld):
    """The machine, but for `disk`."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.time: float | None = None

    def now(self) -> float:
        return super().now() if self.time is None else self.time

    def database(self, path: Path) -> Database:
        disk = self.disk

        class FailingConnection(Connection):
            def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
                due = disk.due(statement)
                if due and not disk.after:
                    raise sqlite_error(*disk.error)
                cursor = super().execute(statement, *rest)
                if due:
                    raise sqlite_error(*disk.error)
                return cursor

        db = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=FailingConnection
        )
        if disk.pages:
            db.execute(f"PRAGMA max_page_count = {disk.pages}")
        return db


class QuickWorld(FailingWorld):
    """Whose child that makes and mends the file is a call."""

    def run(self, argv: Sequence[str], *, nice: int = 0, timeout: float | None = None) -> int:
        assert argv[1:3] == ["-m", "offline_store.migrate"]
        return migrate.main(list(argv[3:]))


@dataclass
class Site:
    """What a terminal has; `open` starts its store, as often as wanted."""

    folder: Path
    world: FailingWorld = field(default_factory=FailingWorld)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    terminal: str = TERMINAL

    @contextmanager
    def open(self, *, patience: float = 60.0) -> Iterator[Store]:
        store = self.store(patience=patience)
        store.start()
        try:
            yield store
        finally:
            store.close()

    def store(self, *, patience: float = 60.0) -> Store:
        return Store(
            self.world,
            self.folder,
            terminal=self.terminal,
            boot="boot-1",
            keys=self.keys,
            patience=patience,
        )


def at(time_ms: int = 1_790_000_000_000) -> ClockReading:
    """That moment, by a clock that is right."""
    return ClockReading(time_ms, "synchronised", "boot-1")


def draft(person: str = ANNA, *, time_ms: int = 1_790_000_000_000, **fields: Any) -> Tap:
    """A tap, about to be stored."""
    given: dict[str, Any] = {
        "clock": at(time_ms),
        "lane": "entry",
        "scene": "library-gate",
        "person": person,
        "verdict": "accepted",
        "reason": "accepted",
    }
    return Tap(**{**given, **fields})


def tap(person: str = ANNA, **fields: object) -> Callable[[Turn], Entry]:
    return lambda turn: Entry(draft(person, **fields))  # type: ignore[arg-type]


def entry(event: Event) -> Callable[[Turn], Entry]:
    """A turn that stores the event, whatever it reads."""
    return lambda turn: Entry(event)


def recovery(about: Reference, **fields: Any) -> Callable[[Turn], Entry]:
    return entry(Recovery(clock=at(), reason=NOT_EXECUTED, about=about, **fields))


def give_back(about: Reference, person: str = ANNA) -> Callable[[Turn], Entry]:
    given = GiveBack(
        clock=at(),
        scene="library-gate",
        person=person,
        reason="timed-out",
        about=about,
        returns="visit",
    )
    return entry(given)


def intent(person: str = ANNA, **fields: Any) -> Callable[[Turn], Entry]:
    given: dict[str, Any] = {
        "clock": at(),
        "scene": "library-gate",
        "person": person,
        "purchase": purchase(),
    }
    return entry(Intent(**{**given, **fields}))


def payment_end(about: Reference, person: str = ANNA, **fields: Any) -> Callable[[Turn], Entry]:
    """It was paid."""
    given: dict[str, Any] = {
        "clock": at(),
        "scene": "library-gate",
        "person": person,
        "intent": about,
        "outcome": "confirmed",
        "purchase": purchase(),
        "verdict": "accepted",
        "reason": "paid",
    }
    return entry(PaymentEnd(**{**given, **fields}))


@dataclass(frozen=True)
class Gap:
    first: int
    last: int


@dataclass(frozen=True)
class Receipt:
    epoch: str
    seq: int
    hash: str = ""
    gaps: tuple[Gap, ...] = ()
    quarantined: tuple[int, ...] = ()
    conflicts: tuple[int, ...] = ()


def every_record(store: Store) -> list[Record]:
    return store.records(None, 0, 1_000_000)


def reasons(store: Store) -> list[str]:
    return [record.event().reason for record in every_record(store)]
