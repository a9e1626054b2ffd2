"""Small signed lists that are kept in memory: fares, entitlements, lines. Envelope → file → value.

Each is read beside the one in force and swapped whole; a decision keeps the value that it began
with. In `<data>/rules`: `<name>-<version>.list` is the payload (or what a child made of it),
`<name>.json` its version and digest. A broken file falls back to its predecessor, and an older
version never comes back.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from offline_store.faults import ListNotLoaded, ListRolledBack, ListUnreadable
from trust.envelope import Envelope
from trust.sm3 import sm3
from world import Fault, World
from world.foreign import Undecodable, decoded

T = TypeVar("T")
UNFIT_STATUS = 65  # EX_DATAERR of a child
_CHILD_TIME = 900.0  # seconds
_NICE = 10
Parse = Callable[[bytes], T]


class ListWrong(Fault):
    """What a list says does not fit together. Facts: `list`, `version`, `problem`."""

    code = "list.wrong"


class Unfit(Exception):
    """Raised by a list's parser: its text is the `problem` of `ListWrong`, without contents that
    name a person."""


@dataclass(frozen=True)
class Standing(Generic[T]):
    """A list in force."""

    version: int
    value: T


class _Kept(msgspec.Struct, frozen=True):
    """`<name>.json`: the newest version that ever was in force, and which files are whole."""

    version: int
    digests: dict[str, str]  # version → SM3 of its payload, 64 hex


class SignedList(Generic[T]):
    """One list by name. Read on any thread, installed on one at a time."""

    def __init__(
        self, world: World, directory: Path, name: str, parse: Parse[T], child: str = ""
    ) -> None:
        """`parse`: what is kept → value, raises `Unfit`. `child`: a module that makes of a
        payload's file what is kept, where that takes long; else the payload is kept. Raises
        `OSError`, and `ListUnreadable` when the versions that were in force cannot be known."""
        self._name = name
        self._world = world
        self._directory = directory / "rules"
        self._parse = parse
        self._child = child
        world.make_folder(directory)
        world.make_folder(self._directory)
        self._installing = world.lock()
        self._kept = self._read_kept()
        self._standing = self._newest()  # replaced whole

    @property
    def name(self) -> str:
        return self._name

    @property
    def standing(self) -> Standing[T] | None:
        """What is in force; None when none ever was. Raises `ListUnreadable` when there was one
        and no file of it is whole."""
        standing = self._standing
        if standing is None and self._kept.version:
            raise ListUnreadable(list=self._name, cause="missing")
        return standing

    def versions(self) -> dict[str, int]:
        """Name → version in force; empty when there is none."""
        standing = self._standing
        return {} if standing is None else {self._name: standing.version}

    def install(self, envelope: Envelope) -> None:
        """Bring an opened envelope's list into force, durable on return. Raises `ListRolledBack`,
        `ListWrong`, `ListNotLoaded`; then the old one stands."""
        version, payload = envelope.manifest.version, envelope.payload
        with self._installing:
            if version < self._kept.version:
                raise ListRolledBack(list=self._name, version=version, held=self._kept.version)
            try:
                made = self._made(version, payload) if self._child else payload
                value = self._parse(made)
                self._keep(version, made)
            except Unfit as error:
                raise ListWrong(list=self._name, version=version, problem=str(error)) from error
            except OSError as error:
                raise ListNotLoaded(list=self._name, cause=type(error).__name__) from error
            self._standing = Standing(version, value)

    def _made(self, version: int, payload: bytes) -> bytes:
        """What the child makes of the payload. Raises `Unfit`, `ListNotLoaded`, `OSError`."""
        raw = self._directory / f"{self._name}-{version}.payload"
        fresh = self._directory / f"{self._name}-{version}.new"
        self._world.replace_file(raw, payload)
        self._world.replace_file(fresh, b"")
        command = [sys.executable, "-m", self._child, str(raw), str(fresh)]
        status = self._world.run(command, nice=_NICE, timeout=_CHILD_TIME)
        with self._world.open(fresh, "rb") as file:
            made = file.read()
        for path in (raw, fresh):
            self._world.remove_file(path)
        if status == UNFIT_STATUS:
            raise Unfit(made.decode(errors="replace"))
        if status != 0:
            raise ListNotLoaded(list=self._name, cause=f"status {status}")
        return made

    def _keep(self, version: int, made: bytes) -> None:
        before = self._standing.version if self._standing else version
        digests = {str(version): sm3(made).hex()}
        if before != version and str(before) in self._kept.digests:
            digests[str(before)] = self._kept.digests[str(before)]
        kept = _Kept(version, digests)
        self._world.replace_file(self._file(version), made)
        self._world.replace_file(self._state_file(), msgspec.json.encode(kept))
        self._kept = kept
        whole = {self._file(int(version)).name for version in digests}
        for file in self._world.list_folder(self._directory):
            if file.startswith(f"{self._name}-") and file not in whole:
                self._world.remove_file(self._directory / file)

    def _newest(self) -> Standing[T] | None:
        for version in sorted(map(int, self._kept.digests), reverse=True):
            try:
                with self._world.open(self._file(version), "rb") as file:
                    made = file.read()
                if sm3(made).hex() == self._kept.digests[str(version)]:
                    return Standing(version, self._parse(made))
            except (OSError, Unfit):
                continue  # the one before it, or `ListUnreadable` for who asks
        return None

    def _read_kept(self) -> _Kept:
        try:
            with self._world.open(self._state_file(), "rb") as file:
                kept = decoded(file.read(), _Kept)
        except FileNotFoundError:
            return _Kept(0, {})
        except Undecodable as fault:
            raise ListUnreadable(list=self._name, cause="damaged") from fault
        if not all(version.isdecimal() for version in kept.digests):
            raise ListUnreadable(list=self._name, cause="damaged")
        return kept

    def _file(self, version: int) -> Path:
        return self._directory / f"{self._name}-{version}.list"

    def _state_file(self) -> Path:
        return self._directory / f"{self._name}.json"


class Installer(Protocol):
    """See `sync.applier.Handler`."""

    def versions(self) -> Mapping[str, int]:
        """The version in force of each list that it takes."""
        ...

    def install(self, envelope: Envelope) -> object:
        """Check an envelope and put its list into force. Raises a Fault and keeps the old list."""
        ...


class Named(Installer, Protocol):
    """Takes the list of one name; a `SignedList` of whatever."""

    @property
    def name(self) -> str:
        """The name of the list, as in its envelopes."""
        ...


class Heard:
    """A list of which somebody hears when a version of it has come into force."""

    def __init__(self, inner: Named, hear: Callable[[], None]) -> None:
        """`hear` is called on the installing thread and must not raise."""
        self._inner = inner
        self._hear = hear

    @property
    def name(self) -> str:
        return self._inner.name

    def versions(self) -> Mapping[str, int]:
        return self._inner.versions()

    def install(self, envelope: Envelope) -> None:
        """Raises what the list's own installation raises."""
        self._inner.install(envelope)
        self._hear()


class EveryList:
    """All lists of a terminal as the one handler of the envelopes of kind `list`."""

    def __init__(self, rest: Installer, small: Sequence[Named]) -> None:
        """`rest` takes every list that is none of `small`, and refuses what nobody uses."""
        self._rest = rest
        self._small = {one.name: one for one in small}

    def versions(self) -> dict[str, int]:
        """Name → version in force."""
        found = dict(self._rest.versions())
        for one in self._small.values():
            found |= one.versions()
        return found

    def install(self, envelope: Envelope) -> None:
        """Raises what the list's own installation raises."""
        self._small.get(envelope.manifest.name, self._rest).install(envelope)


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
