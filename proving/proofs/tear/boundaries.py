"""Where a card may leave: each APDU of a whole run, before it, during it, after it."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from simulators.vpcd import Exchange, Moment, TearAtApdu

# Seconds after which what has not ended is left behind: no busy machine takes as long.
GIVE_UP: Final = 60.0


class NoProof(Exception):
    """What was to be provoked did not happen, so nothing was proved. The text says what."""


def tears(apdus: int, every: int) -> Iterator[TearAtApdu]:
    """Every so many boundaries of so many APDUs. `every` is prime to the three moments, so that
    all of them come."""
    boundaries = list(product(range(apdus), Moment))
    return (TearAtApdu(apdu, moment) for apdu, moment in boundaries[::every])


def answered(trace: Sequence[Exchange]) -> int:
    return sum(exchange.response is not None for exchange in trace)
