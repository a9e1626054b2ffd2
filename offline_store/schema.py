"""The journal's tables, made and migrated by numbered steps; runs in the child only (`migrate`).

A step is never changed once released; a later form of the tables is a further step.
"""

from collections.abc import Callable

from sqlite_utils import Database as Tables

from offline_store.files import SCHEMA, TABLES_MARK, VERSION_MARK, tables_hash
from world import Database

# A row of the journal is written once.
_TRIGGER = (
    "CREATE TRIGGER events_no_{act} BEFORE {act} ON events"
    " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
)

# All of them, from the events alone; also after a journal was taken over from a damaged one. What
# was entered again in a later epoch is told of by its first row: `was`, `was_seq` in version 1.
OPEN_INTENTS = (
    "INSERT OR IGNORE INTO open_intents SELECT id FROM events i WHERE kind = 'intent'"
    " AND body ->> '$.detail.was_seq' IS NULL AND body ->> '$.was' IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM events e"
    " WHERE e.refers = i.id AND e.kind IN ('payment-end', 'recovery') AND NOT EXISTS"
    " (SELECT 1 FROM events r WHERE r.refers = e.id AND r.kind = 'recovery'))"
)


def _journal(tables: Tables) -> None:
    tables.create_table("meta", {"name": str, "value": str}, pk="name")
    tables.create_table(
        "epochs",
        {
            "number": int,
            "epoch": str,
            "head": str,  # last known head before it, empty when there was none
            "cause": str,  # enrolment, damaged, platform-ahead, platform-conflict
            "step": int,  # how often the seed had been stepped
            "mark": str,  # fingerprint of the seed as it must be after the epoch has begun
            "abandoned": int,  # 1: the platform holds other content; nothing more is sent of it
            "reenter": int,  # next seq to be entered again in a later epoch; NULL: none
            "check_value": str,  # offline_store.rows.checked
        },
        pk="number",
        not_null={"epoch", "head", "cause", "step", "mark", "abandoned"},
        defaults={"abandoned": 0},
    )
    tables.execute("CREATE UNIQUE INDEX epochs_epoch ON epochs (epoch)")
    tables.create_table(
        "events",
        {
            "id": int,  # epoch number << 40 | seq
            "kind": str,
            "time_ms": int,
            "person": str,
            "scene": str,
            "lane": str,
            "verdict": str,
            "refers": int,  # id of the earlier event it is about
            "body": str,
            "hash": str,
            "mac": str,
            "sealed": bytes,  # offline_store.sealing
        },
        pk="id",
        not_null={"kind", "time_ms", "person", "scene", "lane", "body", "hash", "mac"},
    )
    for name, shift in (("epoch", "id >> 40"), ("seq", "id & 1099511627775")):
        tables.execute(
            f"ALTER TABLE events ADD COLUMN {name} INTEGER GENERATED ALWAYS AS ({shift}) VIRTUAL"
        )
    tables.execute(
        "CREATE INDEX events_accepted ON events (person, scene, time_ms)"
        " WHERE verdict = 'accepted' AND person <> ''"
    )
    tables.execute("CREATE INDEX events_refers ON events (refers) WHERE refers IS NOT NULL")
    for act in ("update", "delete"):
        tables.execute(_TRIGGER.format(act=act))
    tables.create_table(
        "receipts",
        {"epoch": int, "seq": int, "gaps": str, "time_ms": int, "check_value": str},
        pk="epoch",
        not_null={"seq", "gaps"},
    )
    tables.create_table("quarantined", {"id": int}, pk="id")
    tables.create_table(
        "damage",
        {"epoch": int, "first": int, "last": int, "file": str, "check_value": str},
        pk=("epoch", "first"),
        not_null={"last", "file"},
    )
    tables.create_table(
        "forward_key",
        {"one": int, "epoch": int, "seq": int, "key": bytes, "check_value": str},
        pk="one",
        not_null={"key"},
    )


def _standing(tables: Tables) -> None:
    """What the status check looks up: who was answered for, and who was let in unanswered."""
    for column in ("asked", "offline"):
        tables.execute(f"ALTER TABLE events ADD COLUMN {column} TEXT")
    # asked: card reference of an event that a status service answered for; NULL: none did.
    # offline: "own" or "foreign" where one was accepted without such an answer.
    for name, columns, column in (
        ("asked_card", "asked", "asked"),
        ("asked_person", "person", "asked"),
        ("offline_person", "person, time_ms", "offline"),
        ("offline_kind", "offline, time_ms", "offline"),
    ):
        tables.execute(
            f"CREATE INDEX events_{name} ON events ({columns}) WHERE {column} IS NOT NULL"
        )


def _payments(tables: Tables) -> None:
    """Intents that have no end yet: what a terminal has to find out of the cards that come back,
    found at once however long the journal is. Kept by `Journal.insert`."""
    tables.create_table("open_intents", {"id": int}, pk="id")
    tables.execute(OPEN_INTENTS)


def _codes(tables: Tables) -> None:
    """Which codes and tickets were used: `Tap.used_code`; NULL: none."""
    tables.execute("ALTER TABLE events ADD COLUMN code TEXT")
    tables.execute("CREATE INDEX events_code ON events (code) WHERE code IS NOT NULL")


def _newest(tables: Tables) -> None:
    """What a person did is read newest first in the journal's order, which no clock that is set
    changes; and what was given back to whom."""
    for name, columns, condition in (
        ("accepted", "person, scene", "verdict = 'accepted' AND person <> ''"),
        ("offline_person", "person", "offline IS NOT NULL"),
        ("offline_kind", "offline", "offline IS NOT NULL"),
        ("given_back", "person", "kind = 'give-back' AND person <> ''"),
    ):
        tables.execute(f"DROP INDEX IF EXISTS events_{name}")
        tables.execute(f"CREATE INDEX events_{name} ON events ({columns}) WHERE {condition}")


STEPS: tuple[Callable[[Tables], None], ...] = (_journal, _standing, _codes, _payments, _newest)
assert len(STEPS) == SCHEMA


def migrate(db: Database) -> None:
    """Bring the tables up to `SCHEMA`, each step whole or not at all.

    `db` is in autocommit mode and no transaction is open.
    """
    tables = Tables(db)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for number, step in enumerate(STEPS[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        step(tables)
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (TABLES_MARK, tables_hash(db)))
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (VERSION_MARK, str(number)))
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
