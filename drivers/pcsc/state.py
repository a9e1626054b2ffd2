"""What PC/SC's event states of a slot say: who is there, and how many cards came and went between
two of them. Pure arithmetic on the flags and on the counter in the high half.
"""

from dataclasses import dataclass
from typing import Final

from smartcard import scard

EVENTS: Final = 16  # the high half of an event state counts insertions and removals
LOW_HALF: Final = 0xFFFF
NO_READER: Final = scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_UNKNOWN


@dataclass(frozen=True)
class SlotState:
    """What the watcher saw last of this slot. Replaced as a whole, so any thread may read it."""

    attached: str = ""  # the system's name, empty while no reader is bound
    state: int = 0  # dwEventState as pcscd gave it
    atr: bytes = b""
    count: int = 0  # insertions since the agent started
    ahead: int = 0  # moves, the last ones, that are told already, and pcscd has yet to count
    present: bool = False  # a card lies there: what the state says, where `occupied` believes it

    @property
    def silent(self) -> bool:
        """pcscd calls a card present, and has no ATR of it."""
        return bool(self.state & scard.SCARD_STATE_PRESENT) and not self.atr

    @property
    def available(self) -> bool:
        """False while pcscd says that the slot is unknown, or its reader not available."""
        return not self.state & NO_READER


def moves(before: SlotState, state: int) -> int:
    """How often cards came or left between two event states of one pcscd; the counter wraps."""
    return max(0, _counted(before, state) - before.ahead)


def still_ahead(before: SlotState, state: int) -> int:
    """What is left of `before.ahead` in a state that follows. A reader that comes back has none."""
    return 0 if state & NO_READER else max(0, before.ahead - _counted(before, state))


def early(before: SlotState, state: int, present: bool) -> int:
    """1 where the presence has changed and the counter has not, or the other way round: pcscd has
    yet to count the last move. Else 0; also where no state before tells how the counter stood, and
    with a card before and a card now, which `half_told` is about."""
    if not before.state or not before.available or state & NO_READER:
        return 0
    changed = present is not before.present
    return int((changed or not present) and changed is (moves(before, state) % 2 == 0))


def occupied(before: SlotState, state: int, atr: bytes) -> bool:
    """Whether a card lies in the slot by this state.

    One without an ATR does so only where pcscd has counted it in. A program that takes a card's
    power at the moment at which it leaves makes pcscd write that a card is there, mute or without a
    word, after its other thread has counted that card out (winscard.c, SCardDisconnect); so it
    stands until the next card comes.
    """
    present = bool(state & scard.SCARD_STATE_PRESENT)
    if atr or not before.state or not before.available:
        return present
    return present and before.present is (moves(before, state) % 2 == 0)


def insertions(before: SlotState, state: int, present: bool, lacking: int = 0) -> int:
    """How many cards were put in between two event states of one pcscd, the second of which finds
    one `present` or none. `lacking`: moves that it is known not to count yet.

    pcscd changes the presence first and the counter a moment later (eventhandler.c,
    EHStatusHandlerThread), so `before` may lack its last move. A state without a reader carries no
    counter: a card that is there afterwards is one new card.
    """
    if not before.state or not before.available:
        return int(present)
    moved = moves(before, state) + lacking
    if before.present and not present:
        return max(0, moved - 1) // 2
    if present and not before.present:
        return max(1, (moved + 1) // 2)
    return moved // 2


def seen_coming(before: SlotState, lacking: int = 0) -> bool:
    """Whether a card that is there now, by `insertions` a new one, has come under our eyes.

    Not at the first look at a slot. Nor after a look that showed no slot: pcscd calls a reader
    unknown while its driver fails, and its card inserted when that is over, though no hand has
    touched it (eventhandler.c, EHStatusHandlerThread). Nor where the swap is only inferred
    (`lacking`), because such a failure between two looks counts one move as well.
    """
    return bool(before.state) and before.available and not lacking


def _counted(before: SlotState, state: int) -> int:
    """A state without a reader carries no counter, so nothing is counted up to it."""
    if state & NO_READER:
        return 0
    return ((state >> EVENTS) - (before.state >> EVENTS)) & LOW_HALF


def half_told(before: SlotState, state: int, present: bool) -> bool:
    """A card then and a card now, and an odd number of moves: one of the two states lacks its last
    move. If it is the new one, the card was swapped, and another look will tell."""
    return before.present and present and moves(before, state) % 2 == 1
