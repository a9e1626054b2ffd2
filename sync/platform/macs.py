"""Is a row sealed by the terminal it names? The forward MAC, for terminals whose seed is known.

Epoch n of a terminal begins with k0 = HMAC-SM3(seed n, epoch), seed n+1 = SM3(seed n), and each row
takes one step k ← SM3(k) (design.md, The journal). Which n an epoch is, its first row tells.
"""

from dataclasses import dataclass

from trust.keystore import KeyStore
from trust.sm3 import hmac_sm3, sm3

MOST_EPOCHS = 64  # new epochs are rare: enrolment, restore, a damaged file


@dataclass(slots=True)
class _Chain:
    seq: int
    key: bytes  # of row `seq`

    def at(self, seq: int) -> bytes:
        while self.seq < seq:
            self.key = sm3(self.key)
            self.seq += 1
        return self.key


class Macs:
    """`keys` holds `journal-seed-<terminal>`; rows of other terminals cannot be checked and pass.

    Keys of rows stay in memory only; after a restart the steps are taken again.
    """

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._known = frozenset(keys.names())
        self._chains: dict[tuple[str, str], _Chain] = {}

    def genuine(self, terminal: str, epoch: str, seq: int, digest: str, mac: str) -> bool:
        """Call with ascending seq. False when the seed is known and the MAC is not of its keys."""
        name = f"journal-seed-{terminal}"
        if name not in self._known:
            return True
        chain = self._chains.get((terminal, epoch))
        if chain is not None:
            return _mac(chain.at(seq), digest) == mac
        seed = self._keys.read(name)
        for _ in range(MOST_EPOCHS):
            chain = _Chain(1, hmac_sm3(seed, bytes.fromhex(epoch)))
            if _mac(chain.at(seq), digest) == mac:
                self._chains[terminal, epoch] = chain
                return True
            seed = sm3(seed)
        return False


def _mac(key: bytes, digest: str) -> str:
    return hmac_sm3(key, bytes.fromhex(digest)).hex()
