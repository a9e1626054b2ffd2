"""The form that each secret has: bytes of the key store → the value that was meant, or a fault.

A secret in another form (with a line end, as hexadecimal digits) is a different secret to whatever
computes with it, and nothing would say so: references that find no person on a blacklist,
signatures that are all wrong. So every secret is read through its form. Only what cannot mean two
things is taken as meant: the 04 in front of an uncompressed point (GB/T 32918.1 4.2.9), and the
line end behind a password.
"""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trust import curve
from trust.keystore import KeyStore
from world import Fault

SHORTEST_HMAC_KEY: Final = 16  # bytes
FEW: Final = 4  # different bytes
LONGEST_PASSWORD: Final = 65_535  # bytes; MQTT 5, 3.1.3.6
_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :]?){8,}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{20,}={0,2}")
_PEM: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)
_LINE_ENDS: Final = b"\r\n"
_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ARMOUR: Final = b"-----BEGIN"
# Controls, line ends of Unicode, signs that nobody sees: of no password that somebody types.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})


class SecretMalformed(Fault):
    """A secret that has not the form of its kind; nothing of its content is in the facts.

    Facts: name, path, form (what it must be), looks (what it seems to be), mend (the same), bytes
    (its length).
    """

    code = "keystore.malformed"

    def __init__(self, name: str, path: str, form: str, raw: bytes) -> None:
        looks = _looks(raw)
        super().__init__(name=name, path=path, form=form, looks=looks, mend=looks, bytes=len(raw))


@dataclass(frozen=True)
class SecretForm:
    """What a secret must be. `name` is the key of its words in the texts, section `form`."""

    name: str
    taken: Callable[[bytes], bytes | None]  # the value that was meant; None: not of this form


def _exactly(size: int) -> Callable[[bytes], bytes | None]:
    return lambda raw: raw if len(raw) == size and not _is_written_down(raw) else None


def _public(raw: bytes) -> bytes | None:
    point = raw[1:] if len(raw) == 65 and raw[0] == 4 else raw
    return point if curve.is_public(point) else None


def _private(raw: bytes) -> bytes | None:
    return raw if curve.is_private(raw) and not _is_written_down(raw) else None


def _is_written_down(raw: bytes) -> bool:
    """Digits alone are a key of half the size, and no key that was drawn. One of a few bytes again
    and again is a sample."""
    return len(set(raw)) > FEW and _HEX.fullmatch(raw) is not None


def _hmac_key(raw: bytes) -> bytes | None:
    """Any bytes may be a key; a line end behind them, a mark before them is what an editor left,
    and PEM is a key of another kind."""
    edited = raw.startswith((*_MARKS, _ARMOUR)) or raw.endswith((b"\r", b"\n"))
    return raw if len(raw) >= SHORTEST_HMAC_KEY and not edited else None


def _password(raw: bytes) -> bytes | None:
    """UTF-8 that can be typed; one line end behind it is no part of it."""
    bare = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = bare.decode()
    except UnicodeDecodeError:
        return None
    fits = 0 < len(bare) <= LONGEST_PASSWORD
    return bare if fits and not any(unicodedata.category(one) in _UNSEEN for one in text) else None


def _certificate(raw: bytes) -> bytes | None:
    """DER, or one certificate in PEM (RFC 7468). What is in it, its reader judges."""
    if raw.startswith(b"\x30"):
        return raw
    found = _PEM.findall(raw)
    if len(found) != 1:
        return None
    try:
        return base64.b64decode(b"".join(found[0].split()), validate=True)
    except binascii.Error:
        return None


KEY_32: Final = SecretForm("key-32", _exactly(32))
KEY_16: Final = SecretForm("key-16", _exactly(16))
PUBLIC_KEY: Final = SecretForm("public-key", _public)
PRIVATE_KEY: Final = SecretForm("private-key", _private)
HMAC_KEY: Final = SecretForm("hmac-key", _hmac_key)
PASSWORD: Final = SecretForm("password", _password)
CERTIFICATE: Final = SecretForm("certificate", _certificate)


def read_secret(keys: KeyStore, name: str, form: SecretForm) -> bytes:
    """The secret in its form.

    Raises `SecretMalformed` and the faults of `KeyStore.read`.
    """
    raw = keys.read(name)
    value = form.taken(raw)
    if value is None:
        raise SecretMalformed(name, keys.place(name), form.name, raw)
    return value


def _looks(raw: bytes) -> str:
    """What kind of content this is: a key of the texts' section `looks`."""
    bare = raw.strip()
    if not bare:
        return "empty"
    if bare.startswith(_ARMOUR):
        return "pem"
    if raw.startswith(_MARKS):
        return "byte-order-mark"
    if _HEX.fullmatch(bare.removeprefix(b"0x")):
        return "hexadecimal"
    if _BASE64.fullmatch(bare):
        return "base64"
    return "line-end" if raw[-1] in _LINE_ENDS else "other"
