"""How one row of the journal names another."""

import msgspec


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """An earlier row of this terminal's journal, of whichever epoch."""

    epoch: str  # 32 hex
    seq: int
    # SM3 of its text, 64 hex: whoever holds another row under that name can tell. Empty only where
    # a row of version 1 names it, which had no room for it.
    hash: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Epoch and seq: the key under which the row is found."""
        return self.epoch, self.seq
