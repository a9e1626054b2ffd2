"""Why the journal or a list cannot be used: one code for each thing SQLite and the system say."""

import sqlite3

from msgspec import MsgspecError

from world import Fault


class Unstored(Fault):
    """The event is not in the journal, so nothing may be done about it. Facts: cause."""

    code = "journal.unstored"


class DiskFull(Unstored):
    """No space left (SQLITE_FULL)."""

    code = "journal.disk-full"


class DiskFailed(Unstored):
    """The disk gives an error (SQLITE_IOERR)."""

    code = "journal.disk-failed"


class JournalLocked(Unstored):
    """Another process has the file open (SQLITE_BUSY, SQLITE_LOCKED)."""

    code = "journal.locked"


class JournalReadOnly(Unstored):
    """The file or its folder cannot be written or opened (SQLITE_READONLY, SQLITE_CANTOPEN …)."""

    code = "journal.read-only"


class JournalDamaged(Unstored):
    """The file is damaged (SQLITE_CORRUPT, SQLITE_NOTADB, a row that is not what its hash says).

    The next use keeps it, takes over what is readable and begins a new epoch.
    """

    code = "journal.damaged"


class JournalBusy(Unstored):
    """The store did not come to it in time; it was withdrawn and will not be done. Facts: cause."""

    code = "journal.busy"


class JournalStopped(Unstored):
    """The store is closed, or its thread has ended."""

    code = "journal.stopped"


class Unprepared(Unstored):
    """The journal could not be made ready; `cause` is the code of the Fault behind it."""

    code = "journal.unprepared"


class ListUnreadable(Unstored):
    """A list in force cannot be read, so no person can be decided about. Facts: list, cause."""

    code = "list.unreadable"


class JournalForeign(Fault):
    """The journal is another terminal's. Facts: found, configured, path."""

    code = "journal.foreign"


class JournalNewer(Fault):
    """A newer onecard made the journal. Facts: found, known, path."""

    code = "journal.newer"


class MigrationFailed(Fault):
    """The child that makes and migrates the file ended with this status. Facts: status, path."""

    code = "journal.migration-failed"


class NoJournal(Fault):
    """There is no journal in this folder yet. Facts: path."""

    code = "journal.absent"


class JournalInUse(Fault):
    """Somebody, most likely the daemon, holds the journal open: ask it. Facts: path."""

    code = "journal.in-use"


class JournalUnreadable(Fault):
    """The file cannot be read from outside. Facts: path, cause."""

    code = "journal.unreadable"


class IdentityGone(Fault):
    """The sealed identity's day key is destroyed, or the event has none. Facts: epoch, seq."""

    code = "journal.identity-gone"


class ListMalformed(Fault):
    """The payload is not a list of this form. Facts: list, version."""

    code = "list.malformed"


class ListUnknown(Fault):
    """No list of that name is used here. Facts: list."""

    code = "list.unknown"


class ListRolledBack(Fault):
    """An older version than one that was in force. Facts: list, version, held."""

    code = "list.rolled-back"


class ListBaseNotHeld(Fault):
    """A delta against a version that is not in force here; the platform sends the whole list.
    Facts: list, version, base, held (0: none)."""

    code = "list.base-not-held"


class ListWrong(Fault):
    """What a list says does not fit together. Facts: `list`, `version`, `problem`."""

    code = "list.wrong"


class ListNotLoaded(Fault):
    """The list could not be built or put in place; the old one stands. Facts: list, cause."""

    code = "list.not-loaded"


# What code raises that reads a content it did not expect. Each row is read by its type
# (`offline_store.rows`); where one was not, the store's thread goes on all the same.
MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    MsgspecError,
    RecursionError,
    TypeError,
    ValueError,
)

_BY_CODE: dict[int, type[Unstored]] = {
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_IOERR: DiskFailed,
    sqlite3.SQLITE_BUSY: JournalLocked,
    sqlite3.SQLITE_LOCKED: JournalLocked,
    sqlite3.SQLITE_READONLY: JournalReadOnly,
    sqlite3.SQLITE_CANTOPEN: JournalReadOnly,
    sqlite3.SQLITE_PERM: JournalReadOnly,
    sqlite3.SQLITE_AUTH: JournalReadOnly,
    sqlite3.SQLITE_CORRUPT: JournalDamaged,
    sqlite3.SQLITE_NOTADB: JournalDamaged,
}


def unstored(error: Exception) -> Unstored:
    """The fault for what went wrong beneath the journal: `sqlite3.Error`, `OSError`, `Fault`, one
    of `MISREAD`."""
    if isinstance(error, Unstored):
        return error
    if isinstance(error, Fault):
        return Unprepared(cause=error.code)
    if not isinstance(error, sqlite3.Error):
        return Unprepared(cause=type(error).__name__)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return by_code(code, getattr(error, "sqlite_errorname", type(error).__name__))


def by_code(code: int, cause: str) -> Unstored:
    """The fault for an SQLite result code, extended or not."""
    return _BY_CODE.get(code & 0xFF, Unstored)(cause=cause)
