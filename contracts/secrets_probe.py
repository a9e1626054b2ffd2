"""Looks for planted made-up secrets in anything the product puts out, however it is written there.

    probe = Probe({"number": "519900199001011234", "name": "…", "pin": "802741", "key": key_bytes})
    probe.check("daemon's log", log_bytes)

A secret that is shorter than six bytes would be found by accident, so it cannot be planted.
"""

import base64
import json
import re
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SHORTEST = 6  # bytes
_CHARSETS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")


@dataclass(frozen=True)
class Leak:
    """Which secret, in which writing, where. Never the secret itself."""

    secret: str
    writing: str
    place: str


class Probe:
    """Planted secrets by a label that may be shown."""

    def __init__(self, planted: Mapping[str, str | bytes]) -> None:
        self._writings = {label: dict(_writings(value)) for label, value in planted.items()}

    def leaks(self, place: str, output: str | bytes) -> list[Leak]:
        """Every planted secret found in `output`, once per writing."""
        views = list(_views(output.encode() if isinstance(output, str) else output))
        return [
            Leak(label, writing, place)
            for label, writings in self._writings.items()
            for writing, needle in writings.items()
            if any(needle in view for view in views)
        ]

    def check(self, place: str, output: str | bytes) -> None:
        """Raises `AssertionError` that names label, writing and place."""
        found = self.leaks(place, output)
        assert not found, found

    def check_all(self, outputs: Mapping[str, str | bytes]) -> None:
        """Like `check`, for many places at once."""
        found = [leak for place, output in outputs.items() for leak in self.leaks(place, output)]
        assert not found, found


def _writings(secret: str | bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes to look for); letters in lower case, as in the views."""
    if isinstance(secret, bytes):
        yield from _of_bytes("bytes", secret)
        return
    for charset in _CHARSETS:
        yield from _of_bytes(charset, secret.encode(charset))
    yield "reversed", secret[::-1].encode().lower()
    yield "JSON escapes", json.dumps(secret)[1:-1].encode().lower()
    yield "HTML references", "".join(f"&#{ord(char)};" for char in secret).encode()
    yield "HTML hex references", "".join(f"&#x{ord(char):x};" for char in secret).encode()
    digits = secret.rstrip("Xx")
    if digits.isdecimal():
        packed = bytes.fromhex(digits[: len(digits) // 2 * 2])  # BCD, as cards keep numbers
        yield from _spelled("BCD", packed)
        if len(packed) >= SHORTEST:
            yield "BCD", packed.lower()


def _of_bytes(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    if len(raw) < SHORTEST:
        raise ValueError(f"a planted secret of {len(raw)} bytes would be found by accident")
    yield name, raw.lower()
    yield f"{name}, hex", raw.hex().encode()
    yield from _spelled(name, raw)
    yield f"{name}, repr", repr(raw)[2:-1].encode().lower()
    yield f"{name}, percent", urllib.parse.quote(raw, safe="").encode().lower()
    yield f"{name}, base32", base64.b32encode(raw).rstrip(b"=").lower()
    for shift in range(3):
        # Base64 of the middle of a longer text: the characters that depend on this secret alone.
        text = base64.b64encode(bytes(shift) + raw)
        own = text[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        yield f"{name}, base64 at {shift}", own.lower()
        yield f"{name}, base64url at {shift}", own.translate(_URL_SAFE).lower()


def _spelled(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Byte after byte in hex or decimal, as dumps and lists of integers show them."""
    for separator in (" ", ":", "-", ",", ", ", "\\x", "%", " 0x", ",0x", ", 0x"):
        yield f"{name}, hex by {separator!r}", separator.join(f"{b:02x}" for b in raw).encode()
    for separator in (" ", ",", ", "):
        yield f"{name}, decimal by {separator!r}", separator.join(map(str, raw)).encode()


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")  # zlib, gzip
_INFLATED_AT_MOST = 1 << 24


def _views(output: bytes) -> Iterator[bytes]:
    """The output, and whatever is packed in it, in lower case."""
    yield output.lower()
    for start in _PACKED.finditer(output):
        try:
            inflated = zlib.decompressobj(47).decompress(output[start.start() :], _INFLATED_AT_MOST)
        except zlib.error:
            continue  # two bytes that only look like a beginning
        yield inflated.lower()
