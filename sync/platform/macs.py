"""Is a row sealed by the terminal it names? The forward MAC, for terminals whose seed is known.

Epoch n of a terminal begins with a key from seed n, and each row takes one step; the arithmetic is
the store's own (`offline_store.chain`). Which n an epoch is, its first row tells.
"""

from dataclasses import dataclass

from offline_store import chain
from trust.keystore import KeyStore
from trust.secrets import KEY_32, read_secret

MOST_EPOCHS = 64  # new epochs are rare: enrolment, restore, a damaged file


@dataclass(slots=True)
class _Keys:
    """The forward key, as far as it was needed."""

    seq: int
    key: bytes  # of row `seq`

    def at(self, seq: int) -> bytes:
        while self.seq < seq:
            self.key = chain.next_key(self.key)
            self.seq += 1
        return self.key


class Macs:
    """`keys` holds `journal-seed-<terminal>`; rows of other terminals cannot be checked and pass.

    Keys of rows stay in memory only; after a restart the steps are taken again.
    """

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._known = frozenset(keys.names())
        self._epochs: dict[tuple[str, str], _Keys] = {}

    def genuine(self, terminal: str, epoch: str, seq: int, digest: str, mac: str) -> bool:
        """Call with ascending seq. False when the seed is known and the MAC is not of its keys."""
        name = f"journal-seed-{terminal}"
        if name not in self._known:
            return True
        keys = self._epochs.get((terminal, epoch))
        if keys is not None:
            return chain.mac(keys.at(seq), digest) == mac
        seed = read_secret(self._keys, name, KEY_32)
        for _ in range(MOST_EPOCHS):
            keys = _Keys(chain.FIRST_SEQ, chain.epoch_key(seed, epoch))
            if chain.mac(keys.at(seq), digest) == mac:
                self._epochs[terminal, epoch] = keys
                return True
            seed = chain.next_seed(seed)
        return False
