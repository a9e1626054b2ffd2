"""A turn's part of a transaction is taken back alone, be it one of many or the only one."""

import sqlite3
from collections.abc import Iterator

import pytest

from offline_store.jobs import Job, Savepoint
from world import Database
from world.real import RealWorld


class Refused(Exception):
    """What a turn of ours raises."""


@pytest.fixture
def db() -> Iterator[Database]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE rows (turn INTEGER)")
    database.execute("BEGIN IMMEDIATE")
    yield database
    database.close()


def job() -> Job[None]:
    return Job(RealWorld())


def rows(db: Database) -> list[int]:
    return [turn for (turn,) in db.execute("SELECT turn FROM rows ORDER BY turn")]


def refused_in(db: Database, *, alone: bool) -> Job[None]:
    """A turn that has written when it raises."""
    refused = job()
    with Savepoint(db, refused, alone=alone):
        db.execute("INSERT INTO rows VALUES (2)")
        raise Refused
    return refused


def test_what_a_lone_turn_wrote_before_it_raised_is_taken_back(db: Database) -> None:
    refused = refused_in(db, alone=True)
    assert refused.ended
    db.execute("COMMIT")  # the transaction goes on, with nothing in it
    assert rows(db) == []


def test_what_others_wrote_in_the_same_transaction_stays(db: Database) -> None:
    with Savepoint(db, job()):
        db.execute("INSERT INTO rows VALUES (1)")
    refused = refused_in(db, alone=False)
    assert refused.ended
    with Savepoint(db, job()):
        db.execute("INSERT INTO rows VALUES (3)")
    db.execute("COMMIT")
    assert rows(db) == [1, 3]


@pytest.mark.parametrize("alone", [True, False])
def test_an_error_of_sqlite_concerns_everybody(db: Database, alone: bool) -> None:
    waiting = job()
    with pytest.raises(sqlite3.OperationalError), Savepoint(db, waiting, alone=alone):
        raise sqlite3.OperationalError("disk I/O error")
    assert not waiting.ended
    assert db.in_transaction
