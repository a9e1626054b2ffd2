"""Signed lists, each in a file of its own: built beside by a child, renamed, swapped.

Envelope ─▶ payload file ─▶ child (`load_list`) ─▶ `<name>-<version>.db` ─▶ `versions.json` ─▶ swap
A list that is incomplete or broken never replaces the one in force, and an older version than one
that was in force never comes back, even after that one's file is lost.

Payload of `blacklist`, version 1 of the form: UTF-8 lines ended by LF. The first is a JSON object
`{"form": 1, "list": "blacklist", "entries": n}`; then n lines `card R`, `number R` or `person R`,
where R is the 64 lower-case hex digits of `trust.references`. Ranges, deltas and packed forms will
be further values of `form`; an unknown one is refused.
"""

import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from offline_store.faults import (
    ListMalformed,
    ListNotLoaded,
    ListRolledBack,
    ListUnknown,
    ListUnreadable,
)
from trust.envelope import Envelope
from world import Database, World

BLACKLIST = "blacklist"
KNOWN = (BLACKLIST,)
FORM = 1
MALFORMED_STATUS = 65  # EX_DATAERR of the child

_LOADING_TIME = 900.0  # seconds
_NICE = 10

ReferenceKind = Literal["card", "number", "person"]
KINDS: tuple[ReferenceKind, ...] = ("card", "number", "person")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a payload."""

    form: int
    list: str
    entries: int


@dataclass(frozen=True)
class Entry:
    """A hit: in which version, and by what."""

    version: int
    by: ReferenceKind


def blacklist_payload(entries: Iterable[Mapping[str, str]]) -> bytes:
    """The payload of a blacklist from `{"card": R}`, `{"number": R}` or `{"person": R}`."""
    lines = [f"{kind} {reference}" for entry in entries for kind, reference in entry.items()]
    header = msgspec.json.encode(Header(form=FORM, list=BLACKLIST, entries=len(lines)))
    return "\n".join([header.decode(), *lines, ""]).encode()


@dataclass(frozen=True)
class _Standing:
    """A list in force."""

    version: int
    db: Database


class View:
    """The lists as they stood when it was given; what is swapped meanwhile does not show."""

    def __init__(self, standing: Mapping[str, _Standing], floor: Mapping[str, int]) -> None:
        """`floor`: name → highest version that ever was in force."""
        self.standing = standing
        self.floor = floor

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Entry | None:
        """The entry of one of these references (64 hex; empty: none). None also when no blacklist
        was ever installed. Raises `ListUnreadable` when the one in force cannot be read."""
        standing = self.standing.get(BLACKLIST)
        if standing is None:
            if BLACKLIST in self.floor:
                raise ListUnreadable(list=BLACKLIST, cause="missing")
            return None
        sought = {"card": card, "number": number, "person": person}
        try:
            for kind in KINDS:
                if sought[kind] and _holds(standing.db, kind, sought[kind]):
                    return Entry(standing.version, kind)
        except sqlite3.Error as error:
            cause = getattr(error, "sqlite_errorname", type(error).__name__)
            raise ListUnreadable(list=BLACKLIST, cause=cause) from error
        return None

    def versions(self) -> dict[str, int]:
        """Name → version of the lists that can be looked into."""
        return {name: standing.version for name, standing in self.standing.items()}


class Lists:
    """The lists of one terminal. Looked into on one thread at a time (the store's), installed on
    any."""

    def __init__(self, world: World, directory: Path) -> None:
        """Opens what is in force in `directory`/lists. Raises `OSError`, `ListUnreadable` when the
        versions that were in force cannot be known."""
        self._world = world
        self._directory = directory / "lists"
        world.make_folder(directory)
        world.make_folder(self._directory)
        self._installing = world.lock()
        self._view = View(self._newest(), self._read_floor())  # replaced whole

    def view(self) -> View:
        """For one turn. Never raises: what is wrong with a list is raised by looking into it."""
        return self._view

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> Entry | None:
        """See `View.find_blacklisted`."""
        return self.view().find_blacklisted(card=card, number=number, person=person)

    def versions(self) -> dict[str, int]:
        """Name → version in force."""
        return self.view().versions()

    def install(self, envelope: Envelope) -> None:
        """Bring an opened envelope's list into force, durable on return.

        Raises `ListUnknown`, `ListRolledBack`, `ListMalformed`, `ListNotLoaded`; then the old one
        stands.
        """
        name, version = envelope.manifest.name, envelope.manifest.version
        if name not in KNOWN:
            raise ListUnknown(list=name)
        with self._installing:
            before = self._view
            held = max(before.floor.get(name, 0), before.versions().get(name, 0))
            if version < held:
                raise ListRolledBack(list=name, version=version, held=held)
            try:
                self._load(name, version, envelope.payload)
                db = _open(self._world, self._file(name, version), name, version)
                floor = {**before.floor, name: version}
                self._world.replace_file(
                    self._directory / "versions.json", msgspec.json.encode(floor)
                )
                self._view = View({**before.standing, name: _Standing(version, db)}, floor)
                self._clear(name, keep={version, before.versions().get(name, version)})
            except (sqlite3.Error, OSError) as error:
                raise ListNotLoaded(list=name, cause=type(error).__name__) from error

    def _load(self, name: str, version: int, payload: bytes) -> None:
        raw = self._directory / f"{name}-{version}.payload"
        fresh = self._directory / f"{name}-{version}.new"
        self._world.replace_file(raw, payload)
        self._world.replace_file(fresh, b"")
        command = [sys.executable, "-m", "offline_store.load_list"]
        command += [str(raw), str(fresh), name, str(version)]
        status = self._world.run(command, nice=_NICE, timeout=_LOADING_TIME)
        self._world.remove_file(raw)
        if status == MALFORMED_STATUS:
            raise ListMalformed(list=name, version=version)
        if status != 0:
            raise ListNotLoaded(list=name, cause=f"status {status}")
        self._world.rename_file(fresh, self._file(name, version))

    def _clear(self, name: str, keep: set[int]) -> None:
        """Take away what is left of older versions and of broken installations. One predecessor
        stays, in case the disk damages the new file. A view in use keeps its file open."""
        for file in self._world.list_folder(self._directory):
            if file.startswith(f"{name}-") and _version(name, file) not in keep:
                self._world.remove_file(self._directory / file)

    def _newest(self) -> dict[str, _Standing]:
        """Of each list the newest file that is whole."""
        standing: dict[str, _Standing] = {}
        files = self._world.list_folder(self._directory)
        for name in KNOWN:
            versions = [_version(name, file) for file in files]
            for version in sorted((v for v in versions if v is not None), reverse=True):
                try:
                    db = _open(self._world, self._file(name, version), name, version)
                except sqlite3.Error:
                    continue  # an older one, or `ListUnreadable` for who looks into it
                standing[name] = _Standing(version, db)
                break
        return standing

    def _read_floor(self) -> dict[str, int]:
        try:
            with self._world.open(self._directory / "versions.json", "rb") as file:
                return msgspec.json.decode(file.read(), type=dict[str, int])
        except FileNotFoundError:
            return {}
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ListUnreadable(list="versions.json", cause="damaged") from error

    def _file(self, name: str, version: int) -> Path:
        return self._directory / f"{name}-{version}.db"


def _open(world: World, path: Path, name: str, version: int) -> Database:
    """Raises `sqlite3.Error` when the file is not that list, whole."""
    db = world.database(path)
    try:
        db.execute("PRAGMA query_only = ON")
        row = db.execute("SELECT list, version, entries FROM header").fetchone()
        if row is None or tuple(row[:2]) != (name, version):
            raise sqlite3.DatabaseError("not that list")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _holds(db: Database, kind: ReferenceKind, reference: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM entries WHERE reference = ? AND kind = ?",
        (bytes.fromhex(reference), KINDS.index(kind)),
    ).fetchone()
    return row is not None


def _version(name: str, file: str) -> int | None:
    digits = file.removeprefix(f"{name}-").removesuffix(".db")
    return int(digits) if file == f"{name}-{digits}.db" and digits.isdecimal() else None
