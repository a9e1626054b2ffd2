"""Public keys that come as signed lists: envelope of kind `keys` → file → whoever verifies codes.

Payload, version 1 of the form: a JSON object `{"form": 1, "list": NAME, "keys": [{"index": n,
"expires": unix seconds, "key": 128 hex digits X‖Y}, …]}`; the list's version is its envelope's.
An index stands once. A list that is malformed never replaces the one in force, and an older version
than one that was in force never comes back. Source: spec transit-qr.md, "Root keys".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from trust import curve
from trust.envelope import Envelope
from world import Fault, World
from world.foreign import Undecodable, decoded

MINISTRY_ROOTS: Final = "ministry-roots"  # by CA key index: who signs three-level certificates
MINISTRY_ISSUERS: Final = "ministry-issuers"  # by issuer key id: who signs two-level codes
TICKET_ISSUERS: Final = "ticket-issuers"  # by issuer key id: who signs our own tickets
KNOWN: Final = (MINISTRY_ROOTS, MINISTRY_ISSUERS, TICKET_ISSUERS)
FORM: Final = 1
MOST: Final = 4096  # keys in a list; a country has some hundred issuers
_FLOOR: Final = "versions"


class KeyListUnknown(Fault):
    """No list of keys of that name is used here. Facts: list."""

    code = "key-list.unknown"


class KeyListMalformed(Fault):
    """Not a list of keys, or one of them is no SM2 key. Facts: list, cause."""

    code = "key-list.malformed"


class KeyListRolledBack(Fault):
    """Older than one that was in force. Facts: list, version, held."""

    code = "key-list.rolled-back"


class KeyListNotStored(Fault):
    """The disk did not take it. Facts: list, cause."""

    code = "key-list.not-stored"


@dataclass(frozen=True)
class PublicKey:
    """One entry. `expires`: unix seconds, first second when it is no longer good."""

    index: int
    expires: int
    key: bytes  # 64 bytes X‖Y, on the curve


Keys = Mapping[int, PublicKey]


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    index: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    expires: Annotated[int, Meta(ge=0, le=2**53)]
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]


class _Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    form: int
    list: str
    keys: Annotated[tuple[_Entry, ...], Meta(max_length=MOST)]


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A list's file."""

    version: int
    payload: msgspec.Raw


def key_list_payload(name: str, keys: Iterable[PublicKey]) -> bytes:
    """The payload of a list of keys."""
    entries = tuple(_Entry(index=key.index, expires=key.expires, key=key.key.hex()) for key in keys)
    return msgspec.json.encode(_Payload(form=FORM, list=name, keys=entries))


class KeyLists:
    """The lists of one terminal; `sync.applier.Handler` of the kind `keys`. Read by any thread."""

    def __init__(self, world: World, directory: Path) -> None:
        """Reads `directory`/keys-*.json. A damaged list is as none: its codes are refused until
        the platform sends it again. Raises `OSError`, and `KeyListMalformed` when the versions
        that were in force cannot be known."""
        self._world = world
        self._directory = directory
        world.make_folder(directory)
        self._installing = world.lock()
        self._floor = self._read_floor()  # name → highest version that ever was in force
        self._standing = {name: found for name in KNOWN if (found := self._read(name))}

    def keys(self, name: str) -> Keys:
        """By index; empty when no such list was ever installed."""
        _, keys = self._standing.get(name, (0, {}))
        return keys

    def versions(self) -> Mapping[str, int]:
        """Name → version in force."""
        return {name: version for name, (version, _) in self._standing.items()}

    def install(self, envelope: Envelope) -> None:
        """See `sync.applier.Handler`. Raises `KeyListUnknown`, `KeyListMalformed`,
        `KeyListRolledBack`, `KeyListNotStored`."""
        name, version = envelope.manifest.name, envelope.manifest.version
        if name not in KNOWN:
            raise KeyListUnknown(list=name)
        keys = _decoded(name, envelope.payload)
        with self._installing:
            held = max(self._floor.get(name, 0), self.versions().get(name, 0))
            if version < held:
                raise KeyListRolledBack(list=name, version=version, held=held)
            stored = _Stored(version=version, payload=msgspec.Raw(envelope.payload))
            try:
                self._world.replace_file(self._file(name), msgspec.json.encode(stored))
                self._floor = {**self._floor, name: version}
                self._world.replace_file(self._file(_FLOOR), msgspec.json.encode(self._floor))
            except OSError as error:
                raise KeyListNotStored(list=name, cause=type(error).__name__) from error
            self._standing = {**self._standing, name: (version, keys)}

    def _read(self, name: str) -> tuple[int, Keys] | None:
        try:
            with self._world.open(self._file(name), "rb") as file:
                stored = decoded(file.read(), _Stored)
            return stored.version, _decoded(name, bytes(stored.payload))
        except (FileNotFoundError, Undecodable, KeyListMalformed):
            return None

    def _read_floor(self) -> dict[str, int]:
        try:
            with self._world.open(self._file(_FLOOR), "rb") as file:
                return decoded(file.read(), dict[str, int])
        except FileNotFoundError:
            return {}
        except Undecodable as fault:
            raise KeyListMalformed(list=_FLOOR, cause="damaged") from fault

    def _file(self, name: str) -> Path:
        return self._directory / f"keys-{name}.json"


def _decoded(name: str, payload: bytes) -> Keys:
    """Raises `KeyListMalformed`."""
    try:
        said = decoded(payload, _Payload)
    except Undecodable as fault:
        raise KeyListMalformed(list=name, cause="form") from fault
    if (said.form, said.list) != (FORM, name):
        raise KeyListMalformed(list=name, cause="form")
    keys = {
        entry.index: PublicKey(entry.index, entry.expires, bytes.fromhex(entry.key))
        for entry in said.keys
    }
    for index, times in Counter(entry.index for entry in said.keys).items():
        if times > 1:
            raise KeyListMalformed(list=name, cause=f"index {index} twice")
    for key in keys.values():
        if not curve.is_public(key.key):
            raise KeyListMalformed(list=name, cause=f"index {key.index}: no key")
    return keys
