"""Small signed lists that are kept in memory: fares, entitlements, lines, keys.

Envelope ─▶ (child) ─▶ file ─▶ parse ─▶ value ─▶ swap

Each is read beside the one in force and swapped whole; a decision keeps the value that it began
with.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from offline_store.faults import ListNotLoaded, ListUnreadable, ListWrong
from offline_store.lists.folder import ListFolder
from trust.envelope import Envelope
from world import World
from world.foreign import Undecodable, decoded

T = TypeVar("T")
UNFIT_STATUS = 65  # EX_DATAERR of a child
_CHILD_TIME = 900.0  # seconds
_NICE = 10
Parse = Callable[[bytes], T]


class Unfit(Exception):
    """Raised by a list's parser: its text is the `problem` of `ListWrong`, without contents that
    name a person."""


@dataclass(frozen=True)
class ListInForce(Generic[T]):
    """A version of a list, and what its parser made of it."""

    version: int
    value: T


class SignedList(Generic[T]):
    """One list by name. Read on any thread, installed on one at a time."""

    def __init__(
        self,
        world: World,
        data: Path,
        name: str,
        parse: Parse[T],
        child: str = "",
        *,
        falls_back: bool = True,
    ) -> None:
        """`parse`: what is kept → value, raises `Unfit`. `child`: a module that makes of a
        payload's file what is kept, where that takes long; else the payload is kept.
        `falls_back`: the version before comes into force at a start when the newest one's file is
        not whole. Raises `OSError`, and `ListUnreadable` when the versions that were in force
        cannot be known."""
        self._world = world
        self._parse = parse
        self._child = child
        self._folder = ListFolder(world, data, name)
        self._falls_back = falls_back
        self._installing = world.lock()
        self._in_force = self._newest()  # replaced whole

    @property
    def name(self) -> str:
        """As in its envelopes and in the names of its files."""
        return self._folder.name

    @property
    def in_force(self) -> ListInForce[T] | None:
        """None when none ever was, or no file of it is whole."""
        return self._in_force

    @property
    def standing(self) -> ListInForce[T] | None:
        """As `in_force`. Raises `ListUnreadable` when there was one and no file of it is whole."""
        in_force = self._in_force
        if in_force is None and self._folder.floor:
            raise ListUnreadable(list=self.name, cause="missing")
        return in_force

    def versions(self) -> dict[str, int]:
        """Name → version in force; empty when there is none."""
        in_force = self._in_force
        return {} if in_force is None else {self.name: in_force.version}

    def holds(self, version: int) -> bool:
        """Whether this terminal has what was in force as that version."""
        return self._folder.holds(version)

    def of_version(self, version: int) -> T | None:
        """What was in force once; None when this terminal has it no longer. Raises
        `ListUnreadable` when its file is not what was in force, `OSError`."""
        if not self._folder.holds(version):
            return None
        try:
            return self._parse(self._folder.read(version))
        except Unfit as error:
            raise ListUnreadable(list=self.name, cause=str(error)) from error

    def install(self, envelope: Envelope) -> None:
        """Bring an opened envelope's list into force, durable on return. Raises `ListRolledBack`,
        `ListWrong`, `ListNotLoaded`; then the old one stands."""
        version, payload = envelope.manifest.version, envelope.payload
        with self._installing:
            self._folder.require_newer(version)
            try:
                made = self._made(version, payload) if self._child else payload
                value = self._parse(made)
                self._folder.keep(version, made)
            except Unfit as error:
                raise ListWrong(list=self.name, version=version, problem=str(error)) from error
            except OSError as error:
                raise ListNotLoaded(list=self.name, cause=type(error).__name__) from error
            finally:
                self._folder.sweep()
            self._in_force = ListInForce(version, value)

    def _made(self, version: int, payload: bytes) -> bytes:
        """What the child makes of the payload. Raises `Unfit`, `ListNotLoaded`, `OSError`."""
        raw = self._folder.beside(version, "payload")
        fresh = self._folder.beside(version, "new")
        self._world.replace_file(raw, payload)
        self._world.replace_file(fresh, b"")
        command = [sys.executable, "-m", self._child, str(raw), str(fresh)]
        status = self._world.run(command, nice=_NICE, timeout=_CHILD_TIME)
        with self._world.open(fresh, "rb") as file:
            made = file.read()
        if status == UNFIT_STATUS:
            raise Unfit(made.decode(errors="replace"))
        if status != 0:
            raise ListNotLoaded(list=self.name, cause=f"status {status}")
        return made

    def _newest(self) -> ListInForce[T] | None:
        found = self._folder.newest(
            lambda version: self._parse(self._folder.read(version)),
            broken=(OSError, ListUnreadable, Unfit),
            looks=2 if self._falls_back else 1,
        )
        return None if found is None else ListInForce(*found)


def load_json(payload: bytes, shape: type[T]) -> T:
    """A payload that is one JSON object. Raises `Unfit`, with the path of what is wrong."""
    try:
        return decoded(payload, shape)
    except Undecodable as fault:
        raise Unfit(str(fault.facts["problem"])[:200]) from fault


def require_once(what: str, names: Iterable[object]) -> None:
    """Whatever is looked up by a name has it alone. Raises `Unfit`, which names the entry."""
    seen = set()
    for name in names:
        if name in seen:
            raise Unfit(f"{what} {name}: stands there twice")
        seen.add(name)
