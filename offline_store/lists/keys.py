"""Public keys that come as signed lists: envelope of kind `keys` → file → the verifiers of codes.

Payload, version 1 of the form: a JSON object `{"form": 1, "list": NAME, "keys": [{"index": n,
"expires": unix seconds, "key": 128 hex digits X‖Y}, …]}`; the list's version is its envelope's.
An index stands once. Source: spec transit-qr.md, "Root keys".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from offline_store.faults import ListUnknown
from offline_store.lists.in_memory import SignedList, Unfit, load_json, require_once
from trust import curve
from trust.envelope import Envelope
from world import World

MINISTRY_ROOTS: Final = "ministry-roots"  # by CA key index: who signs three-level certificates
MINISTRY_ISSUERS: Final = "ministry-issuers"  # by issuer key id: who signs two-level codes
TICKET_ISSUERS: Final = "ticket-issuers"  # by issuer key id: who signs our own tickets
KNOWN: Final = (MINISTRY_ROOTS, MINISTRY_ISSUERS, TICKET_ISSUERS)
FORM: Final = 1
MOST: Final = 4096  # keys in a list; a country has some hundred issuers


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


def key_list_payload(name: str, keys: Iterable[PublicKey]) -> bytes:
    """The payload of a list of keys."""
    entries = tuple(_Entry(index=key.index, expires=key.expires, key=key.key.hex()) for key in keys)
    return msgspec.json.encode(_Payload(form=FORM, list=name, keys=entries))


class KeyLists:
    """The lists of keys of one terminal; `sync.applier.Handler` of the kind `keys`. Read by any
    thread."""

    def __init__(self, world: World, data: Path) -> None:
        """Raises `OSError`, and `ListUnreadable` when the versions that were in force cannot be
        known."""
        self._lists: Mapping[str, SignedList[Keys]] = {
            # A key that a newer list took away does not come back with the list before it.
            name: SignedList(world, data, name, partial(read_keys, name), falls_back=False)
            for name in KNOWN
        }

    def keys(self, name: str) -> Keys:
        """By index; empty when no such list was ever installed, and when the one in force is
        damaged: its codes are refused until the platform sends it again."""
        held = self._lists[name].in_force
        return held.value if held is not None else {}

    def versions(self) -> Mapping[str, int]:
        """Name → version in force."""
        found: dict[str, int] = {}
        for one in self._lists.values():
            found |= one.versions()
        return found

    def install(self, envelope: Envelope) -> None:
        """See `sync.applier.Handler`. Raises `ListUnknown`, `ListWrong`, `ListRolledBack`,
        `ListNotLoaded`."""
        name = envelope.manifest.name
        if name not in self._lists:
            raise ListUnknown(list=name)
        self._lists[name].install(envelope)


def read_keys(name: str, payload: bytes) -> Keys:
    """Raises `Unfit`."""
    said = load_json(payload, _Payload)
    if (said.form, said.list) != (FORM, name):
        raise Unfit(f"not form {FORM} of {name}")
    keys = {
        entry.index: PublicKey(entry.index, entry.expires, bytes.fromhex(entry.key))
        for entry in said.keys
    }
    require_once("index", (entry.index for entry in said.keys))
    for key in keys.values():
        if not curve.is_public(key.key):
            raise Unfit(f"index {key.index}: no key")
    return keys
