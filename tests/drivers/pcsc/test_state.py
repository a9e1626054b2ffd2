"""The event counter of pcscd tells each insertion, however late we look and where it wraps."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given
from smartcard import scard

from drivers.contract import Absence, Interface, Presence, SlotBinding
from drivers.pcsc.card import HALF_TOLD, PcscReader
from drivers.pcsc.state import (
    EVENTS,
    NO_READER,
    SlotState,
    half_told,
    insertions,
    occupied,
    still_ahead,
)
from simulators.world import SimWorld
from world import QueueEmpty

PRESENT, EMPTY = scard.SCARD_STATE_PRESENT, scard.SCARD_STATE_EMPTY
MUTE = scard.SCARD_STATE_MUTE
ATR = b"\x3b\x00"


def _present(moves: int) -> bool:
    """A slot that began empty: each move puts a card in or takes it out."""
    return moves % 2 == 1


def _state(moves: int, counted: int | None = None) -> int:
    """pcscd's event state after so many moves, of which it has counted all or `counted`."""
    counter = (moves if counted is None else counted) & 0xFFFF
    flags: int = PRESENT if _present(moves) else EMPTY
    return counter << EVENTS | flags


def _seen(moves: int, counted: int | None = None) -> SlotState:
    return SlotState("reader", _state(moves, counted), ATR, present=_present(moves))


def _insertions(before: SlotState, state: int) -> int:
    return insertions(before, state, occupied(before, state, ATR))


@given(start=st.integers(0, 200_000), moved=st.integers(0, 60_000))
def test_every_insertion_between_two_looks_is_counted(start: int, moved: int) -> None:
    came = (start + moved + 1) // 2 - (start + 1) // 2
    assert _insertions(_seen(start), _state(start + moved)) == came


@given(start=st.integers(1, 200_000), moved=st.integers(0, 60_000))
def test_move_that_was_not_yet_counted_is_counted_once(start: int, moved: int) -> None:
    came = (start + moved + 1) // 2 - (start + 1) // 2
    assert _insertions(_seen(start, counted=start - 1), _state(start + moved)) == came


@given(start=st.integers(0, 200_000).map(lambda n: 2 * n + 1), swaps=st.integers(1, 20_000))
def test_swap_of_which_only_the_removal_is_counted_is_looked_at_again(
    start: int, swaps: int
) -> None:
    before, now = _seen(start), start + 2 * swaps
    assert half_told(before, _state(now, counted=now - 1), present=True)
    assert not half_told(before, _state(now), present=True)


@given(moves=st.integers(0, 200_000))
def test_first_look_finds_the_card_that_lies_there(moves: int) -> None:
    assert _insertions(SlotState("reader"), _state(moves)) == moves % 2


@given(moves=st.integers(0, 200_000))
def test_card_after_an_unavailable_reader_is_new(moves: int) -> None:
    before = SlotState("reader", scard.SCARD_STATE_UNAVAILABLE)
    assert _insertions(before, _state(moves)) == moves % 2


@given(moves=st.integers(0, 200_000))
def test_a_state_without_a_reader_counts_nothing(moves: int) -> None:
    """pcscd shows 0 in its counter's place, behind any number that it has counted before."""
    assert _insertions(_seen(moves), NO_READER) == 0


def test_flags_of_sharing_are_no_insertion() -> None:
    assert _insertions(_seen(7), _state(7) | scard.SCARD_STATE_INUSE) == 0


def presences(reader: PcscReader) -> Iterator[Presence]:
    with suppress(QueueEmpty):
        while True:
            event = reader.events.get(0)
            if isinstance(event, Presence):
                yield event


def seen(*looks: tuple[float, int]) -> tuple[int, int]:
    """A reader that is looked at so, (seconds to wait before, state): the number of its last card,
    and how many it has told of. What is called mute has no ATR."""
    world = SimWorld(1)

    def watch() -> tuple[int, int]:
        reader = PcscReader(world, SlotBinding("door", "*", Interface.CONTACTLESS, {}))
        reader.attach("Reader 00 00")
        for seconds, state in looks:
            world.wait(seconds)
            reader.see(state, b"" if state & MUTE else ATR)
        return reader.status().presented, len(list(presences(reader)))

    return world.play(watch)


def told(*looks: tuple[float, int]) -> int:
    """How many cards it tells of, where none came and went between two looks."""
    number, presented = seen(*looks)
    assert number == presented
    return number


LATE = HALF_TOLD + 0.01


@pytest.mark.parametrize(
    "then",
    [
        [],
        [(0.0, _state(3))],  # counted in the end
        [(0.0, _state(3, counted=2) | scard.SCARD_STATE_INUSE), (0.1, _state(3))],
        [(LATE, _state(3, counted=2) | scard.SCARD_STATE_INUSE), (LATE, _state(3))],
    ],
)
def test_a_swap_that_pcscd_is_slow_to_count_is_told_once(then: list[tuple[float, int]]) -> None:
    half = _state(3, counted=2)
    assert told((0.0, _state(1)), (5.0, half), (LATE, half), *then) == 2


def test_a_move_that_was_told_early_is_forgotten_with_its_reader() -> None:
    """Else the first move of the reader that comes back would be taken for that one."""
    ahead = replace(_seen(4), ahead=1)
    assert still_ahead(ahead, NO_READER) == 0
    assert still_ahead(ahead, ahead.state) == 1


def test_a_reader_that_is_unplugged_has_been_presented_no_card_by_that() -> None:
    assert told((0, EMPTY), (1, _state(1)), (1, NO_READER)) == 1


def test_a_first_card_that_pcscd_is_slow_to_count_is_told_once() -> None:
    assert told((0.0, _state(1, counted=0)), (0.001, _state(1)), (LATE, _state(1))) == 1


def test_swaps_go_on_being_told_after_a_slow_one() -> None:
    half = _state(3, counted=2)
    looks = ((0.0, _state(1)), (5.0, half), (LATE, half), (1.0, _state(3)), (1.0, _state(5)))
    assert told(*looks) == 3


def test_a_card_whose_atr_pcscd_forgets_for_a_moment_is_the_one_that_came() -> None:
    """Another program connects to it before pcscd has counted it in, and powers it anew."""
    came, nameless = (1.0, _state(1, counted=0)), (0.0, _state(1) | MUTE)
    assert told((0.0, _state(0)), came, nameless, (0.0, _state(1))) == 1
    assert told((0.0, _state(0)), came, nameless, (0.0, _state(2)), (1.0, _state(3))) == 2


@given(looks=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=8))
def test_insertions_are_told_once_each_however_late_pcscd_counts_the_last(
    looks: Sequence[tuple[int, bool]],
) -> None:
    """Each look: so many moves later; whether pcscd has yet to count the last of them."""
    moves, shown = 0, [(0.0, _state(0))]
    for more, lags in looks:
        moves += more
        shown.append((0.01, _state(moves, counted=moves - int(lags and more > 0))))
    number, _ = seen(*shown, (0.01, _state(moves)))
    assert number == (moves + 1) // 2


def emptied(moves: int) -> int:
    """What pcscd says of an empty slot whose last card left while its power was taken."""
    state: int = moves << EVENTS | PRESENT | MUTE
    return state


@pytest.mark.parametrize(
    "looks",
    [
        ((0.0, _state(0)), (1.0, _state(1)), (1.0, emptied(2)), (LATE, emptied(2))),
        ((0.0, _state(0)), (1.0, _state(1)), (0.05, _state(2)), (0.0, emptied(2))),
    ],
    ids=["unseen removal", "seen removal"],
)
def test_an_empty_slot_that_pcscd_calls_a_mute_card_holds_none(
    looks: Sequence[tuple[float, int]],
) -> None:
    """As recorded of pcscd 1.9.9: 24B0020, a card; 24C0220, nobody there; 24D0020, the next."""
    assert told(*looks) == 1
    assert told(*looks, (1.0, _state(3))) == 2
    assert told(*looks, (1.0, _state(3)), (1.0, _state(4)), (1.0, _state(5))) == 3


def test_the_leaving_is_told_of_a_card_that_pcscd_calls_mute_instead_of_gone() -> None:
    world = SimWorld(1)

    def watch() -> object:
        reader = PcscReader(world, SlotBinding("door", "*", Interface.CONTACTLESS, {}))
        reader.attach("Reader 00 00")
        for state, atr in ((_state(0), b""), (_state(1), ATR), (emptied(2), b"")):
            reader.see(state, atr)
        return [type(reader.events.get(0)) for _ in range(2)]

    assert world.play(watch) == [Presence, Absence]


def test_a_card_that_is_mute_is_told_once_it_is_counted() -> None:
    mute = _state(1) | MUTE
    assert told((0.0, _state(0)), (1.0, mute)) == 1
    assert told((0.0, _state(0)), (1.0, _state(1, counted=0) | MUTE)) == 0
    assert told((0.0, _state(0)), (1.0, _state(1, counted=0) | MUTE), (0.001, mute)) == 1
    assert told((0.0, _state(1)), (1.0, _state(3) | MUTE)) == 2
    assert told((0.0, mute)) == 1


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("leaves", ["taken", "changed", "unplugged"])
def test_who_hears_that_a_card_left_does_not_find_it_in_the_state(leaves: str, seed: int) -> None:
    """The PSAM's thread looks only once, when it hears: what it saw would stand for ever."""
    world = SimWorld(seed)

    def watch() -> object:
        reader = PcscReader(world, SlotBinding("sam", "*", Interface.SAM, {}))
        found: list[tuple[bool, int]] = []

        def hear() -> None:
            while not isinstance(reader.events.get(), Absence):
                pass
            found.append((reader.seen.present, reader.seen.count))

        hearing = world.spawn(hear, name="hearing")
        reader.attach("Reader 00 00")
        reader.see(_state(0), b"")
        reader.see(_state(1), ATR)
        if leaves == "unplugged":
            reader.detach()
        else:
            reader.see(_state(2 if leaves == "taken" else 3), ATR)
        hearing.join()
        return found

    assert world.play(watch) == [(leaves == "changed", 1 + (leaves == "changed"))]


@pytest.mark.parametrize("seed", range(8))
def test_a_card_that_the_status_counts_is_told_already(seed: int) -> None:
    """So that a caller who waited for it there is not told that no card lies there."""
    world = SimWorld(seed)

    def watch() -> object:
        reader = PcscReader(world, SlotBinding("air", "*", Interface.CONTACTLESS, {}))
        reader.attach("Reader 00 00")
        reader.see(_state(0), b"")
        card = world.spawn(lambda: reader.see(_state(1), ATR), name="card")
        while not reader.status().presented:
            world.wait(0)
        told = reader.events.get(0)
        card.join()
        return type(told)

    assert world.play(watch) is Presence
