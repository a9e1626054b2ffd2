"""What a refused connection means, told by a libpcsclite that says what these tests want."""

from collections.abc import Iterator, Sequence

import pytest
from smartcard import scard

from apdu.channel import CardGone, CardMute
from drivers.io.flight import Flight
from drivers.pcsc import context
from drivers.pcsc.calls import State
from drivers.pcsc.context import ReaderContext
from drivers.pcsc.state import EVENTS, SlotState
from world import Fault
from world.real import RealWorld

WORLD = RealWorld()
SLOT = "Reader 00 00"
PRESENT, EMPTY = scard.SCARD_STATE_PRESENT, scard.SCARD_STATE_EMPTY
ATR = b"\x3b\x00"
CARD = 7 << EVENTS | PRESENT
CARD_THAT_LIES = SlotState(SLOT, CARD, ATR, present=True)
LEFT, SWAPPED = 8 << EVENTS | EMPTY, 9 << EVENTS | PRESENT
SAME = (scard.SCARD_E_TIMEOUT, CARD)


class Library:
    """libpcsclite: refuses each connection with `error`, and shows these states one after the
    other; the first ones are those of the look before the connection and of the one after it."""

    def __init__(self, error: int, *later: tuple[int, int]) -> None:
        self.error = error
        self.waits: list[int] = []
        self._states: Iterator[tuple[int, int]] = iter(later)

    def connect(self, *asked: object) -> tuple[int, int, int]:
        return self.error, 0, 0

    def status_change(
        self, context: int, milliseconds: int, known: Sequence[tuple[str, int]]
    ) -> tuple[int, Sequence[State]]:
        self.waits.append(milliseconds)
        error, state = next(self._states)
        return error, [(SLOT, state, ATR)]


NOW = (scard.SCARD_S_SUCCESS, CARD)


@pytest.mark.parametrize(
    "error",
    [scard.SCARD_W_UNPOWERED_CARD, scard.SCARD_W_REMOVED_CARD, scard.SCARD_W_UNRESPONSIVE_CARD],
)
@pytest.mark.parametrize("then", [LEFT, SWAPPED])
def test_a_card_that_has_just_left_is_gone_and_not_mute(
    monkeypatch: pytest.MonkeyPatch, error: int, then: int
) -> None:
    """pcscd has yet to see that it has left when it refuses, and sees it a moment later."""
    library = Library(error, NOW, NOW, (scard.SCARD_S_SUCCESS, then))
    assert isinstance(refusal(monkeypatch, library, CARD_THAT_LIES), CardGone)
    assert library.waits[:2] == [0, 0]
    assert library.waits[2] >= 400  # milliseconds: as rarely as pcscd looks


def test_a_card_that_stays_and_takes_no_power_is_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(scard.SCARD_W_UNPOWERED_CARD, NOW, NOW, SAME)
    assert isinstance(refusal(monkeypatch, library, CARD_THAT_LIES), CardMute)


def test_a_card_that_gave_no_atr_is_mute_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(scard.SCARD_W_UNPOWERED_CARD, NOW, NOW)
    mute = SlotState(SLOT, CARD, b"", present=True)
    assert isinstance(refusal(monkeypatch, library, mute), CardMute)
    assert library.waits == [0, 0]


def refusal(monkeypatch: pytest.MonkeyPatch, library: Library, card: SlotState) -> Fault:
    """What `connect` raises."""
    monkeypatch.setattr(context, "connect", library.connect)
    monkeypatch.setattr(context, "status_change", library.status_change)
    monkeypatch.setattr(scard, "SCardEstablishContext", lambda scope: (scard.SCARD_S_SUCCESS, 1))
    with pytest.raises(Fault) as refused:
        ReaderContext(WORLD, "door", Flight(WORLD)).connect(card, lambda: card)
    return refused.value
