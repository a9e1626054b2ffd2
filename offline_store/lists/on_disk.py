"""Long signed lists, each in a file that is searched: built beside by a child, renamed, swapped.

Envelope ─▶ payload ─▶ child (`offline_store.lists.load`) ─▶ file ─▶ swap

The payload is whole or a delta against the version in force (`offline_store.lists.form`); whichever
came, the file is whole.

`blacklist` holds cards, card numbers and persons by their references, transit cards by number, and
ranges of transit card numbers per issuer. `issuers` holds the only issuers whose purses are taken.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from offline_store.faults import (
    ListBaseNotHeld,
    ListMalformed,
    ListNotLoaded,
    ListUnknown,
    ListUnreadable,
)
from offline_store.lists.file import Damaged, ListFile
from offline_store.lists.folder import ListFolder
from offline_store.lists.form import (
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

_LOADING_TIME = 900.0  # seconds
_NICE = 10


@dataclass(frozen=True)
class ListHit:
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
    ) -> ListHit | None:
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

    def find_transit(self, number: bytes, issuer: bytes) -> ListHit | None:
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


def _find(standing: _Standing, kind: Kind, key: bytes) -> ListHit | None:
    try:
        reason = standing.file.find(kind, key)
    except (OSError, Damaged) as error:
        raise ListUnreadable(list=standing.file.name, cause=type(error).__name__) from error
    return None if reason is None else ListHit(standing.version, kind, reason)


def _find_range(standing: _Standing, issuer: bytes, number: bytes) -> ListHit | None:
    try:
        reason = standing.file.find_range(issuer, number)
    except (OSError, Damaged) as error:
        raise ListUnreadable(list=standing.file.name, cause=type(error).__name__) from error
    return None if reason is None else ListHit(standing.version, "range", reason)


class Lists:
    """The long lists of one terminal. Looked into on one thread at a time (the store's), installed
    on any."""

    def __init__(self, world: World, data: Path) -> None:
        """Opens what is in force in `data`/lists. Raises `OSError`, `ListUnreadable` when the
        versions that were in force cannot be known."""
        self._world = world
        self._folders = {name: ListFolder(world, data, name) for name in KINDS_OF}
        self._installing = world.lock()
        floor = {name: folder.floor for name, folder in self._folders.items() if folder.floor}
        self._view = View(self._newest(), floor)  # replaced whole

    def view(self) -> View:
        """For one turn. Never raises: what is wrong with a list is raised by looking into it."""
        return self._view

    def missing(self, versions: Mapping[str, int]) -> str:
        """The name of a list that this terminal has no longer in that version; empty: none."""
        gone = (
            name
            for name, version in versions.items()
            if name in KINDS_OF and not self._folders[name].holds(version)
        )
        return next(gone, "")

    def view_of(self, versions: Mapping[str, int]) -> View | None:
        """The lists as they stood once; None when this terminal has one of them no longer. Those
        that are not named were not there. Raises `ListUnreadable` when a file is not what was in
        force, `OSError`."""
        named = {name: version for name, version in versions.items() if name in KINDS_OF}
        if self.missing(versions):
            return None
        standing = {name: self._checked(name, version) for name, version in named.items()}
        return View(standing, named)

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> ListHit | None:
        """See `View.find_blacklisted`."""
        return self.view().find_blacklisted(card=card, number=number, person=person)

    def find_transit(self, number: bytes, issuer: bytes) -> ListHit | None:
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
        folder = self._folders[name]
        with self._installing:
            folder.require_newer(version)
            try:
                fresh = self._built(folder, version, envelope.payload)
                opened = _Standing(version, ListFile(self._world, fresh, name, version))
                folder.adopt(version, fresh)
            except (Damaged, OSError) as error:
                raise ListNotLoaded(list=name, cause=type(error).__name__) from error
            finally:
                folder.sweep()
            standing = {**self._view.standing, name: opened}
            self._view = View(standing, {**self._view.floor, name: version})

    def _built(self, folder: ListFolder, version: int, payload: bytes) -> Path:
        """The file of the list, beside; whole and synced."""
        raw, fresh = folder.beside(version, "payload"), folder.beside(version, "new")
        base = self._base(folder.name, version, payload)
        with self._world.open(raw, "wb") as file:  # not synced: nobody needs it after a power cut
            file.write(payload)
        command = [sys.executable, "-m", "offline_store.lists.load"]
        command += [str(raw), str(fresh), folder.name, str(version)]
        command += [str(folder.path(base)), str(base)] if base else []
        status = self._world.run(command, nice=_NICE, timeout=_LOADING_TIME)
        if status == MALFORMED_STATUS:
            raise ListMalformed(list=folder.name, version=version)
        if status == NO_BASE_STATUS:  # damaged since it was opened
            raise ListBaseNotHeld(list=folder.name, version=version, base=base, held=0)
        if status != 0:
            raise ListNotLoaded(list=folder.name, cause=f"status {status}")
        return fresh

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

    def _newest(self) -> dict[str, _Standing]:
        """Of each list the newest file that is whole."""
        standing: dict[str, _Standing] = {}
        for name, folder in self._folders.items():
            found = folder.newest(partial(self._opened, name), broken=(Damaged, OSError))
            if found is not None:
                standing[name] = found[1]
        return standing

    def _opened(self, name: str, version: int) -> _Standing:
        """Raises `Damaged`, `OSError`."""
        path = self._folders[name].path(version)
        return _Standing(version, ListFile(self._world, path, name, version))

    def _checked(self, name: str, version: int) -> _Standing:
        """Of which every byte is what was in force."""
        self._folders[name].check(version)
        try:
            return self._opened(name, version)
        except Damaged as error:
            raise ListUnreadable(list=name, cause=str(error)) from error
