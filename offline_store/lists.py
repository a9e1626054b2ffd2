"""Signed lists, each in a file of its own: built beside by a child, renamed, swapped.

Envelope ─▶ payload ─▶ child (`load_list`) ─▶ `<name>-<version>.list` ─▶ `versions.json` ─▶ swap
A list that is incomplete or broken never replaces the one in force, and an older version than one
that was in force never comes back, even after that one's file is lost. The payload is whole or a
delta against the version in force (`offline_store.list_form`); whichever came, the file is whole.

`blacklist` holds cards, card numbers and persons by their references, transit cards by number, and
ranges of transit card numbers per issuer. `issuers` holds the only issuers whose purses are taken.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import msgspec

from offline_store.faults import (
    ListBaseNotHeld,
    ListMalformed,
    ListNotLoaded,
    ListRolledBack,
    ListUnknown,
    ListUnreadable,
)
from offline_store.list_file import Damaged, ListFile
from offline_store.list_form import (
    BLACKLIST,
    ISSUERS,
    KINDS_OF,
    MALFORMED_STATUS,
    NO_BASE_STATUS,
    Kind,
    Malformed,
    read_header,
    reference_key,
)
from trust.envelope import Envelope
from world import World
from world.foreign import Undecodable, decoded

_LOADING_TIME = 900.0  # seconds
_NICE = 10
_SUFFIX = ".list"


@dataclass(frozen=True)
class Entry:
    """A hit: in which version, by what, and the platform's code for why (0: none)."""

    version: int
    by: Kind
    reason: int = 0


@dataclass(frozen=True)
class _Standing:
    """A list in force."""

    version: int
    file: ListFile


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
        sought: tuple[tuple[Kind, str], ...] = (
            ("card", card),
            ("number", number),
            ("person", person),
        )
        standing = self._in_force(BLACKLIST)
        if standing is None:
            return None
        for kind, reference in sought:
            if reference:
                found = _find(standing, kind, reference_key(reference))
                if found is not None:
                    return found
        return None

    def find_transit(self, number: bytes, issuer: bytes) -> Entry | None:
        """The entry of a transit card: its number (10 bytes BCD, as in file 0015) or a range of its
        issuer's (8 bytes) numbers. None and `ListUnreadable` as of `find_blacklisted`."""
        standing = self._in_force(BLACKLIST)
        if standing is None:
            return None
        found = _find(standing, "transit", number)
        return found or _find_range(standing, issuer, number)

    def issuer_allowed(self, issuer: bytes) -> bool:
        """Whether purses of this issuer (8 bytes) are taken: all are while no list of issuers was
        ever installed. Raises `ListUnreadable`."""
        standing = self._in_force(ISSUERS)
        return standing is None or _find(standing, "issuer", issuer) is not None

    def versions(self) -> dict[str, int]:
        """Name → version of the lists that can be looked into."""
        return {name: standing.version for name, standing in self.standing.items()}

    def _in_force(self, name: str) -> _Standing | None:
        standing = self.standing.get(name)
        if standing is None and name in self.floor:
            raise ListUnreadable(list=name, cause="missing")
        return standing


def _find(standing: _Standing, kind: Kind, key: bytes) -> Entry | None:
    try:
        reason = standing.file.find(kind, key)
    except (OSError, Damaged) as error:
        raise ListUnreadable(list=standing.file.name, cause=type(error).__name__) from error
    return None if reason is None else Entry(standing.version, kind, reason)


def _find_range(standing: _Standing, issuer: bytes, number: bytes) -> Entry | None:
    try:
        reason = standing.file.find_range(issuer, number)
    except (OSError, Damaged) as error:
        raise ListUnreadable(list=standing.file.name, cause=type(error).__name__) from error
    return None if reason is None else Entry(standing.version, "range", reason)


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

    def find_transit(self, number: bytes, issuer: bytes) -> Entry | None:
        """See `View.find_transit`."""
        return self.view().find_transit(number, issuer)

    def issuer_allowed(self, issuer: bytes) -> bool:
        """See `View.issuer_allowed`."""
        return self.view().issuer_allowed(issuer)

    def versions(self) -> dict[str, int]:
        """Name → version in force."""
        return self.view().versions()

    def install(self, envelope: Envelope) -> None:
        """Bring an opened envelope's list into force, durable on return.

        Raises `ListUnknown`, `ListRolledBack`, `ListMalformed`, `ListBaseNotHeld`,
        `ListNotLoaded`; then the old one stands.
        """
        name, version = envelope.manifest.name, envelope.manifest.version
        if name not in KINDS_OF:
            raise ListUnknown(list=name)
        with self._installing:
            before = self._view
            held = max(before.floor.get(name, 0), before.versions().get(name, 0))
            if version < held:
                raise ListRolledBack(list=name, version=version, held=held)
            try:
                self._load(name, version, envelope.payload)
                file = ListFile(self._world, self._file(name, version), name, version)
                floor = {**before.floor, name: version}
                self._world.replace_file(
                    self._directory / "versions.json", msgspec.json.encode(floor)
                )
                self._view = View({**before.standing, name: _Standing(version, file)}, floor)
                self._clear(name, keep={version, before.versions().get(name, version)})
            except (Damaged, OSError) as error:
                raise ListNotLoaded(list=name, cause=type(error).__name__) from error
            finally:
                self._sweep(name)

    def _load(self, name: str, version: int, payload: bytes) -> None:
        raw = self._directory / f"{name}-{version}.payload"
        fresh = self._directory / f"{name}-{version}.new"
        base = self._base(name, version, payload)
        with self._world.open(raw, "wb") as file:  # not synced: nobody needs it after a power cut
            file.write(payload)
        command = [sys.executable, "-m", "offline_store.load_list"]
        command += [str(raw), str(fresh), name, str(version)]
        command += [str(self._file(name, base)), str(base)] if base else []
        status = self._world.run(command, nice=_NICE, timeout=_LOADING_TIME)
        if status == MALFORMED_STATUS:
            raise ListMalformed(list=name, version=version)
        if status == NO_BASE_STATUS:  # damaged since it was opened
            raise ListBaseNotHeld(list=name, version=version, base=base, held=0)
        if status != 0:
            raise ListNotLoaded(list=name, cause=f"status {status}")
        self._world.rename_file(fresh, self._file(name, version))

    def _base(self, name: str, version: int, payload: bytes) -> int:
        """The version in force that the payload is a delta of; 0: it is the whole list."""
        try:
            header = read_header(BytesIO(payload))
        except Malformed as error:
            raise ListMalformed(list=name, version=version) from error
        held = self.versions().get(name, 0)
        if header.form == "delta" and (header.base != held or not held):
            raise ListBaseNotHeld(list=name, version=version, base=header.base, held=held)
        return held if header.form == "delta" else 0

    def _clear(self, name: str, keep: set[int]) -> None:
        """Take away older versions. One predecessor stays, in case the disk damages the new file. A
        view in use keeps its file open."""
        for file in self._world.list_folder(self._directory):
            if file.startswith(f"{name}-") and _version(name, file) not in keep:
                self._world.remove_file(self._directory / file)

    def _sweep(self, name: str) -> None:
        """Take away what an installation leaves, also one that broke: a full disk needs the room.
        What cannot be taken away now goes with the next one."""
        with suppress(OSError):
            for file in self._world.list_folder(self._directory):
                if file.startswith(f"{name}-") and not file.endswith(_SUFFIX):
                    self._world.remove_file(self._directory / file)

    def _newest(self) -> dict[str, _Standing]:
        """Of each list the newest file that is whole."""
        standing: dict[str, _Standing] = {}
        files = self._world.list_folder(self._directory)
        for name in KINDS_OF:
            versions = [_version(name, file) for file in files]
            for version in sorted((v for v in versions if v is not None), reverse=True):
                try:
                    file = ListFile(self._world, self._file(name, version), name, version)
                except (Damaged, OSError):
                    continue  # an older one, or `ListUnreadable` for who looks into it
                standing[name] = _Standing(version, file)
                break
        return standing

    def _read_floor(self) -> dict[str, int]:
        try:
            with self._world.open(self._directory / "versions.json", "rb") as file:
                return decoded(file.read(), dict[str, int])
        except FileNotFoundError:
            return {}
        except Undecodable as fault:
            raise ListUnreadable(list="versions.json", cause="damaged") from fault

    def _file(self, name: str, version: int) -> Path:
        return self._directory / f"{name}-{version}{_SUFFIX}"


def _version(name: str, file: str) -> int | None:
    digits = file.removeprefix(f"{name}-").removesuffix(_SUFFIX)
    return int(digits) if file == f"{name}-{digits}{_SUFFIX}" and digits.isdecimal() else None
