"""Numbered migrations: each whole or not at all, and rows stay as they are."""

import sqlite3

import pytest
from sqlite_utils import Database as Tables

from offline_store import schema
from offline_store.files import SCHEMA, TABLES_MARK, journal_file, tables_hash
from tests.offline_store.support import Site, every_record, tap


def _add_column(tables: Tables) -> None:
    tables.execute("ALTER TABLE events ADD COLUMN later TEXT")


def _break(tables: Tables) -> None:
    tables.execute("ALTER TABLE events ADD COLUMN half TEXT")
    tables.execute("SELECT no_such_column FROM events")


def test_a_further_step_keeps_every_row(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.open() as store:
        store.turn(tap())
        before = every_record(store)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, _add_column))
    db = site.world.database(journal_file(site.folder, 1))
    schema.migrate(db)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA + 1,)
    assert db.execute("SELECT value FROM meta WHERE name = ?", (TABLES_MARK,)).fetchone() == (
        tables_hash(db),
    )
    rows = db.execute("SELECT body, hash, mac FROM events ORDER BY id").fetchall()
    assert rows == [(record.body, record.hash, record.mac) for record in before]
    db.close()


def test_a_step_that_fails_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.open():
        pass
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, _break))
    db = site.world.database(journal_file(site.folder, 1))
    before = tables_hash(db)
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(db)
    db.close()
    db = site.world.database(journal_file(site.folder, 1))
    assert tables_hash(db) == before
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    db.close()
