"""The keys of a card by name: where each lives, and how card and key server call it.

Source: spec social-security-card.md, Commands (KIDs) and HSM server messages. Keys that are not
here come from the issuing authority's own table, `apdu.social_security.city_keys`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from world import Fault


class KeyUnknown(Fault):
    """The tables do not say which key it is or where it lives. (National interface: -23.)

    Facts: `what` ("kid", "address", "update-key"), `name` of the key, address or file.
    """

    code = "card.key-unknown"


@dataclass(frozen=True)
class Key:
    """One key. `application` is the DF in whose security context it is used."""

    name: str
    application: str  # "SSSE", "DF01" …
    kid: int  # on the card

    @property
    def kid_hex(self) -> str:
        """The card's KID as 2 hexadecimal digits."""
        return f"{self.kid:02X}"


_KIDS: Final[Mapping[str, Mapping[str, int]]] = {
    "SSSE": {"IRK": 0x00, "STK": 0x02, "UKSSSE": 0x04, "BK": 0x05, "PUK": 0x06, "RKSSSE": 0x0A},
    "DF01": {
        "UK1DF01": 0x83,
        "UK2DF01": 0x84,
        "UK3DF01": 0x85,
        "UK4DF01": 0x86,
        "UK5DF01": 0x87,
    },
    "DF02": {"UK1DF02": 0x83},
    "DF03": {
        "UK1DF03": 0x86,
        "UK2DF03": 0x87,
        "UK3DF03": 0x88,
        "RK1DF03": 0x84,
        "RK2DF03": 0x85,
    },
    "DF04": {"RK1DF04": 0x84, "UK1DF04": 0x85, "UK2DF04": 0x86},
}
KEYS: Final[Mapping[str, Key]] = {
    name: Key(name, application, kid)
    for application, kids in _KIDS.items()
    for name, kid in kids.items()
}

IRK: Final = KEYS["IRK"]  # the card's own proof
RKSSSE: Final = KEYS["RKSSSE"]  # opens the holder's file of 3.0
UKSSSE: Final = KEYS["UKSSSE"]
PUK: Final = KEYS["PUK"]  # before a PIN is unblocked or set anew
STK: Final = KEYS["STK"]  # protects what is sent to the card by 84xx (L: the specification's
# public text does not say which key; see docs/decisions.md)

# Key addresses (密钥地址) that are not made of DF and KID. 0173: spec, HSM server messages.
_ADDRESSES: Final[Mapping[str, str]] = {"STK": "0173"}


def key_address(key: Key) -> str:
    """密钥地址, four hex digits, as HSM messages and `…_HSM_Step1` name the key.

    L: only 0173 is public; the others are DF number (SSSE 00, DF01 01 …) ‖ KID.
    """
    number = 0 if key.application == "SSSE" else int(key.application.removeprefix("DF"))
    return _ADDRESSES.get(key.name) or f"{number:02X}{key.kid_hex}"


def key_at(address: str, keys: Mapping[str, Key] = KEYS) -> Key:
    """The key of `keys` with that address. Raises `KeyUnknown`."""
    for key in keys.values():
        if key_address(key) == address.upper():
            return key
    raise KeyUnknown(what="address", name=address[:8])
