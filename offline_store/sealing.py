"""Identity fields at rest: SM4-GCM under a key per day that is destroyed after the retention time.

    offset  length  field
    0       8       day, ASCII YYYYMMDD, in China: whose key `identity-day-YYYYMMDD`
    8       12      nonce
    20      n       ciphertext
    20+n    16      tag; the day is authenticated too

The journal's chain covers SM3 of these bytes, so that destroying a key leaves the chain whole.
"""

from datetime import date, datetime, timedelta, timezone

from trust import ciphers
from trust.keystore import KeyStore
from trust.secrets import KEY_16, read_secret
from world import World

CHINA = timezone(timedelta(hours=8))
PREFIX = "identity-day-"

_DAY = 8
_NONCE = 12


class Sealer:
    """Seals and opens, on any thread; the day's key stays in memory while the day is in use."""

    def __init__(self, world: World, keys: KeyStore) -> None:
        self._world = world
        self._keys = keys
        self._sealing = world.lock()
        self._day = ""
        self._key = b""

    def seal(self, private: bytes, time_ms: int) -> bytes:
        """Raises faults of the key store: what cannot be sealed is not stored."""
        day = _day(datetime.fromtimestamp(time_ms / 1000, CHINA).date())
        nonce = self._world.random(_NONCE)
        with self._sealing:
            key = self._key_of(day)
        return day.encode() + nonce + ciphers.sealed(key, nonce, private, day.encode())

    def open(self, sealed: bytes) -> bytes | None:
        """The private bytes; None when the key is destroyed or these are not the sealed bytes."""
        day, nonce = sealed[:_DAY], sealed[_DAY : _DAY + _NONCE]
        body = sealed[_DAY + _NONCE :]
        name = PREFIX + day.decode("ascii", "replace")
        if name not in self._keys.names() or len(body) < ciphers.TAG:
            return None
        return ciphers.opened(read_secret(self._keys, name, KEY_16), nonce, body, day)

    def forget_before(self, day: date) -> int:
        """Destroy the keys of days before `day`; how many. Raises faults of the key store."""
        with self._sealing:
            names = self._keys.names()
            old = [n for n in names if n.startswith(PREFIX) and n < PREFIX + _day(day)]
            for name in old:
                self._keys.erase(name)
            self._day, self._key = "", b""
        return len(old)

    def _key_of(self, day: str) -> bytes:
        if day != self._day:
            name = PREFIX + day
            if name not in self._keys.names():
                self._keys.write(name, self._world.random(16))
            self._day, self._key = day, read_secret(self._keys, name, KEY_16)
        return self._key


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"
