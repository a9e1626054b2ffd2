"""The files of one signed list: what is in force, what was before, and what never comes back.

    <name>-<version>.list   the payload, or what a child made of it
    <name>.json             `_Index`: the highest version that ever was in force; each file's digest

A list that is incomplete or broken never replaces the one in force, and an older version than one
that was in force never comes back, even after that one's file is lost. Earlier versions stay as
long as the list's budget has room for them: decisions that were made by them can be told again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from offline_store.faults import ListRolledBack, ListUnreadable
from trust.sm3 import sm3, sm3_of_file
from world import World
from world.foreign import Undecodable, decoded

T = TypeVar("T")
HISTORY: Final = 64 * 1024 * 1024  # bytes of earlier versions that one list keeps
_IN_FORCE: Final = 2  # files that may come into force at a start: the newest and the one before it
_SUFFIX: Final = ".list"


class _Index(msgspec.Struct, frozen=True):
    version: int
    digests: dict[str, str]  # version → SM3 of its file, 64 hex


class ListFolder:
    """One list's files. Written on one thread at a time."""

    def __init__(self, world: World, data: Path, name: str, history: int = HISTORY) -> None:
        """`history`: bytes for versions that can no longer come into force. Raises `OSError`, and
        `ListUnreadable` when the versions that were in force cannot be known."""
        self.name = name
        self._world = world
        self._directory = data / "lists"
        self._history = history
        world.make_folder(data)
        world.make_folder(self._directory)
        self._index = self._read_index()
        self._broken: set[int] = set()

    @property
    def floor(self) -> int:
        """The highest version that ever was in force; 0: none."""
        return self._index.version

    def newest(
        self,
        opened: Callable[[int], T],
        broken: tuple[type[Exception], ...],
        looks: int = _IN_FORCE,
    ) -> tuple[int, T] | None:
        """The newest version that `opened` can open, of the first so many. `broken`: what `opened`
        raises of a file that is not whole; such a file goes with the next installation."""
        for version in self._held()[:looks]:
            try:
                return version, opened(version)
            except broken:
                self._broken.add(version)
        return None

    def holds(self, version: int) -> bool:
        """Whether that version was kept and its digest is known; its file may be damaged all the
        same."""
        return str(version) in self._index.digests

    def path(self, version: int) -> Path:
        """The file of a version."""
        return self._directory / f"{self.name}-{version}{_SUFFIX}"

    def beside(self, version: int, suffix: str) -> Path:
        """A file that `sweep` takes away."""
        return self._directory / f"{self.name}-{version}.{suffix}"

    def read(self, version: int) -> bytes:
        """The content of a version's file. Raises `ListUnreadable` when it is not what was put in
        place, `OSError`."""
        with self._world.open(self.path(version), "rb") as file:
            content = file.read()
        self._require(version, sm3(content))
        return content

    def check(self, version: int) -> None:
        """Read a version's file through. Raises as `read`."""
        with self._world.open(self.path(version), "rb") as file:
            self._require(version, sm3_of_file(file))

    def require_newer(self, version: int) -> None:
        """The version in force may come again: its file may be damaged. Raises `ListRolledBack`."""
        if version < self.floor:
            raise ListRolledBack(list=self.name, version=version, held=self.floor)

    def keep(self, version: int, content: bytes) -> None:
        """Put a version in place, durable on return. Raises `OSError`; then the old one stands."""
        self._world.replace_file(self.path(version), content)
        self._enter(version, sm3(content))

    def adopt(self, version: int, fresh: Path) -> None:
        """As `keep`, of a file that lies beside and is synced."""
        with self._world.open(fresh, "rb") as file:
            digest = sm3_of_file(file)
        self._world.rename_file(fresh, self.path(version))
        self._enter(version, digest)

    def sweep(self) -> None:
        """Take away what an installation leaves, also one that broke: a full disk needs the room.
        What cannot be taken away now goes with the next one."""
        with suppress(OSError):
            for file in self._files():
                if not file.endswith(_SUFFIX):
                    self._world.remove_file(self._directory / file)

    def _held(self) -> list[int]:
        return sorted(map(int, self._index.digests), reverse=True)

    def _require(self, version: int, digest: bytes) -> None:
        if digest.hex() != self._index.digests.get(str(version)):
            raise ListUnreadable(list=self.name, cause="altered")

    def _enter(self, version: int, digest: bytes) -> None:
        before = {
            earlier: held
            for earlier, held in self._index.digests.items()
            if int(earlier) not in self._broken
        }
        digests = {**before, str(version): digest.hex()}
        kept = {str(version): digests[str(version)] for version in self._within(digests)}
        index = _Index(version, kept)
        self._world.replace_file(self._index_file(), msgspec.json.encode(index))
        self._index = index
        self._broken.clear()
        whole = {self.path(int(version)).name for version in kept}
        for file in self._files():
            if file.endswith(_SUFFIX) and file not in whole:
                self._world.remove_file(self._directory / file)

    def _within(self, digests: dict[str, str]) -> Iterator[int]:
        """The versions that stay: those that may come into force, and earlier ones up to the
        budget, the newest first."""
        room = self._history
        for nth, version in enumerate(sorted(map(int, digests), reverse=True)):
            if nth >= _IN_FORCE:
                room -= self._size(version)
                if room < 0:
                    return
            yield version

    def _size(self, version: int) -> int:
        """Bytes; of a file that is gone none."""
        try:
            with self._world.open(self.path(version), "rb") as file:
                return file.seek(0, 2)
        except FileNotFoundError:
            return 0

    def _files(self) -> list[str]:
        """The names of this list's files but its index."""
        return [file for file in self._world.list_folder(self._directory) if self._is_mine(file)]

    def _is_mine(self, file: str) -> bool:
        version, _, _ = file.removeprefix(f"{self.name}-").partition(".")
        return file.startswith(f"{self.name}-{version}.") and version.isdecimal()

    def _read_index(self) -> _Index:
        try:
            with self._world.open(self._index_file(), "rb") as file:
                index = decoded(file.read(), _Index)
        except FileNotFoundError:
            return _Index(0, {})
        except Undecodable as fault:
            raise ListUnreadable(list=self.name, cause="damaged") from fault
        if not all(version.isdecimal() for version in index.digests):
            raise ListUnreadable(list=self.name, cause="damaged")
        return index

    def _index_file(self) -> Path:
        return self._directory / f"{self.name}.json"
