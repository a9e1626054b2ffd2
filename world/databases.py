"""SQLite connections that keep the promise of `World.database` on damaged files too.

SQLite's message may quote a name from a damaged file. Where that is no UTF-8, sqlite3 fails to
make its own error of it and raises a UnicodeDecodeError without any result code (Python 3.11).
"""

import sqlite3
from collections.abc import Iterable
from typing import Any


class Connection(sqlite3.Connection):
    """Raises `sqlite3.Error` only."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As `sqlite3.Connection.execute`; a name that is no UTF-8 counts as `SQLITE_CORRUPT`."""
        try:
            return super().execute(sql, parameters)
        except UnicodeDecodeError as error:
            raise _unreadable() from error

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """As `sqlite3.Connection.executemany`; errors as `execute`."""
        try:
            return super().executemany(sql, parameters)
        except UnicodeDecodeError as error:
            raise _unreadable() from error


def _unreadable() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("a name in the file is no UTF-8")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error
