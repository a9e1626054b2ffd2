"""What the issuing authority's own key table adds to the public one: read from TOML, checked here.

The product ships none of it (spec social-security-card.md, Commands: "a data file, empty in the
repository"). A key that is in no table is a named fault; for the PSAM it is one that leads to the
HSM.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from apdu.social_security.files import PIN, Access, Application, ElementaryFile
from apdu.social_security.keys import IRK, KEYS, RKSSSE, Key, KeyUnknown, key_address
from world import Fault
from world.foreign import Undecodable, document

KEY_NAME = re.compile(r"(?P<kind>RK|UK|LK)(?P<number>[0-9]?)(?P<application>SSSE|DF0[1-9])")
FILE_NAME = re.compile(r"(SSSE|DF0[1-9])/EF[0-9A-F]{2}")
ADDRESS = re.compile(r"[0-9A-F]{4}")
TABLES: Final = ("kids", "addresses", "psam_ids", "psam_usages", "writes")

PUBLIC_PSAM_IDS: Final[Mapping[str, int]] = {IRK.name: 0x08, RKSSSE.name: 0x0A}  # spec, PSAM
ENCRYPT, MAC_AND_ENCRYPT = 7, 8  # DELIVER SESSION KEY's type


class CityKeysFault(Fault):
    """The authority's key table cannot be used. Facts: `table`, `entry`, `reason`."""

    code = "keys.table"


@dataclass(frozen=True)
class CityKeys:
    """`kids`: card KID by key name. `addresses`: 密钥地址 by key name, where it is another than
    `apdu.social_security.keys.key_address`. `psam_ids`: the PSAM's id by key name; `psam_usages`: 7
    encrypt (where not given) or 8 MAC and encrypt. `writes`: which key opens a file for writing, by
    "DF01/EF05"; several that all open it divided by blanks.

    Made by `of` or `from_toml`, which check it.
    """

    kids: Mapping[str, int] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    psam_ids: Mapping[str, int] = field(default_factory=dict)
    psam_usages: Mapping[str, int] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        kids: Mapping[str, int] | None = None,
        addresses: Mapping[str, str] | None = None,
        psam_ids: Mapping[str, int] | None = None,
        psam_usages: Mapping[str, int] | None = None,
        writes: Mapping[str, str] | None = None,
    ) -> "CityKeys":
        """Raises `CityKeysFault`."""
        made = cls(kids or {}, addresses or {}, psam_ids or {}, psam_usages or {}, writes or {})
        made._check()
        return made

    @classmethod
    def from_toml(cls, text: str) -> "CityKeys":
        """From the tables `[kids]`, `[addresses]`, `[psam_ids]`, `[psam_usages]`, `[writes]`, each
        of which may be missing. Raises `CityKeysFault`."""
        try:
            tables = document(text)
        except Undecodable as fault:
            problem = fault.facts["problem"]
            raise CityKeysFault(table="", entry=problem, reason="syntax") from fault
        for name, table in tables.items():
            if name not in TABLES or not isinstance(table, dict):
                raise CityKeysFault(table=name, entry="", reason="unknown-table")
        return cls.of(**tables)

    @property
    def keys(self) -> Mapping[str, Key]:
        """All keys whose place on the card is known, by name."""
        return {
            **KEYS,
            **{name: Key(name, _application(name), kid) for name, kid in self.kids.items()},
        }

    def key(self, name: str) -> Key:
        """Raises `KeyUnknown`."""
        key = self.keys.get(name)
        if key is None:
            raise KeyUnknown(what="kid", name=name)
        return key

    def address(self, key: Key) -> str:
        """密钥地址: four hex digits, by the table or as `apdu.social_security.keys.key_address`
        makes it."""
        return self.addresses.get(key.name) or key_address(key)

    def at(self, address: str) -> Key:
        """The key with that address. Raises `KeyUnknown`."""
        for key in self.keys.values():
            if self.address(key) == address.upper():
                return key
        raise KeyUnknown(what="address", name=address[:8])

    def psam_id(self, key: Key) -> int | None:
        """The PSAM's number of a key; None where no table has it."""
        return self.psam_ids.get(key.name, PUBLIC_PSAM_IDS.get(key.name))

    def psam_usage(self, key: Key) -> int:
        """DELIVER SESSION KEY's type for a key that authenticates: 7, or 8 by the table."""
        return self.psam_usages.get(key.name, ENCRYPT)

    def write_access(self, application: Application, file: ElementaryFile) -> Access:
        """What opens a file for writing: as the specification says, else by the table.

        Raises `KeyUnknown`.
        """
        if file.write is not None:
            return file.write
        name = f"{application.name}/EF{file.fid & 0xFF:02X}"
        if name not in self.writes:
            raise KeyUnknown(what="update-key", name=name)
        return tuple(frozenset((key,)) for key in self.writes[name].split())

    def _check(self) -> None:
        for name, kid in self.kids.items():
            if name in KEYS:
                raise CityKeysFault(table="kids", entry=name, reason="public")
            if not KEY_NAME.fullmatch(name):
                raise CityKeysFault(table="kids", entry=name, reason="name")
            _check_byte("kids", name, kid)
        for name, address in self.addresses.items():
            self._check_name("addresses", name)
            if not isinstance(address, str) or not ADDRESS.fullmatch(address):
                raise CityKeysFault(table="addresses", entry=name, reason="value")
        for name, number in self.psam_ids.items():
            self._check_name("psam_ids", name)
            _check_byte("psam_ids", name, number)
        for name, usage in self.psam_usages.items():
            self._check_name("psam_usages", name)
            _check_byte("psam_usages", name, usage)
            if usage not in (ENCRYPT, MAC_AND_ENCRYPT):
                raise CityKeysFault(table="psam_usages", entry=name, reason="value")
        for name, openers in self.writes.items():
            if not FILE_NAME.fullmatch(name):
                raise CityKeysFault(table="writes", entry=name, reason="name")
            if not isinstance(openers, str) or not openers.split():
                raise CityKeysFault(table="writes", entry=name, reason="value")
            for opener in openers.split():
                if opener != PIN:
                    self._check_name("writes", opener)
        self._check_addresses()

    def _check_addresses(self) -> None:
        """An address names one key."""
        named: dict[str, str] = {}
        for key in self.keys.values():
            other = named.setdefault(self.address(key), key.name)
            if other != key.name:
                entry = f"{self.address(key)}: {other}, {key.name}"
                raise CityKeysFault(table="addresses", entry=entry, reason="twice")

    def _check_name(self, table: str, name: str) -> None:
        if name not in self.keys:
            raise CityKeysFault(table=table, entry=name, reason="unknown-key")


PUBLIC_KEYS_ONLY: Final = CityKeys()


def _application(name: str) -> str:
    match = KEY_NAME.fullmatch(name)
    return match["application"] if match else "SSSE"


def _check_byte(table: str, name: str, value: int) -> None:
    if type(value) is not int or not 0 <= value <= 0xFF:  # TOML has true, which is an int too
        raise CityKeysFault(table=table, entry=name, reason="value")
