"""The clock jumps back a year, forward a day, boots in 1970: nobody is locked out, nobody goes in
twice, and the records say how far their times can be trusted. Whole taps on the real store.

The kernel calls the clock unsynchronised as soon as somebody sets it (settimeofday → ntp_clear), so
a jump comes with that; a time source that lies steadily is seen by the platform alone, by when the
records came in.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.scenes.stand import WINDOW, Stand
from offline_store.events.tap import Tap
from offline_store.store import Store
from simulators.world import SimWorld
from tests.agent.events import as_kind
from tests.offline_store.support import TERMINAL, MemoryKeys

DAY, YEAR = 86_400.0, 365 * 86_400.0
JUMPS: dict[str, Callable[[SimWorld], float]] = {
    "back a year": lambda world: -YEAR,
    "forward a day": lambda world: DAY,
    "to 1970": lambda world: -world.now(),
}
UNTRUSTED = {"back a year": "unset", "forward a day": "holdover", "to 1970": "unset"}


def play(folder: Path, scenario: Callable[[Stand, Store], None], booted: float = 0.0) -> None:
    """`booted`: how wrong the clock is when the agent starts."""
    world = SimWorld(1)

    def history() -> None:
        if booted:
            jump(world, booted)
        store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=MemoryKeys())
        store.start()
        stand = Stand(world, store=store)
        world.wait(1.0)
        scenario(stand, store)
        assert store.verify().whole
        store.close()

    world.play(history)


def jump(world: SimWorld, seconds: float) -> None:
    world.jump_clock(seconds)
    world.synchronised = False


def taps(store: Store) -> list[Tap]:
    events = [record.event() for record in store.records(None, 0, 99)]
    return [event for event in events if isinstance(event, Tap)]


@pytest.mark.parametrize("kind", JUMPS)
def test_a_jump_locks_nobody_out_and_lets_nobody_in_twice(kind: str, tmp_path: Path) -> None:
    def scenario(stand: Stand, store: Store) -> None:
        entered = [stand.tap().reason]
        jump(stand.world, JUMPS[kind](stand.world))
        entered += [stand.tap("wang").reason, stand.tap("wang").reason, stand.leave("wang").reason]
        assert entered == ["accepted", "accepted", "repeated", "accepted-exit"]
        stand.world.wait(WINDOW)
        assert stand.tap().reason == "accepted", "who was here before the jump"
        assert stand.tap().reason == "repeated"
        flags = [event.clock.quality for event in taps(store)]
        assert flags == ["synchronised"] + [UNTRUSTED[kind]] * (len(flags) - 1)

    play(tmp_path, scenario)


@pytest.mark.parametrize("kind", JUMPS)
def test_when_the_clock_is_right_again_all_is_as_before(kind: str, tmp_path: Path) -> None:
    """Records made meanwhile lie in the past or in the future; neither keeps anybody out."""

    def scenario(stand: Stand, store: Store) -> None:
        seconds = JUMPS[kind](stand.world)
        jump(stand.world, seconds)
        assert stand.tap().reason == "accepted"
        stand.world.wait(WINDOW)
        stand.world.jump_clock(-seconds)
        stand.world.synchronised = True
        assert [stand.tap().reason, stand.tap().reason] == ["accepted", "repeated"]
        assert [event.clock.quality for event in taps(store)] == [
            UNTRUSTED[kind],
            "synchronised",
            "synchronised",
        ]

    play(tmp_path, scenario)


def test_a_terminal_that_boots_in_1970_serves_and_says_so_from_its_first_event_on(
    tmp_path: Path,
) -> None:
    def scenario(stand: Stand, store: Store) -> None:
        assert stand.tap("zheng").reason == "accepted", "its card's last day cannot be judged"
        assert stand.tap("feng").reason == "authentication-failed", "keys need no clock"
        events = [record.event() for record in store.records(None, 0, 99)]
        assert {event.clock.quality for event in events} == {"unset"}
        assert as_kind(events[1], Tap).checks[0].status == "unknown"

    play(tmp_path, scenario, booted=-SimWorld(1).now())


def test_control_with_the_clock_right_that_card_is_expired(tmp_path: Path) -> None:
    def scenario(stand: Stand, store: Store) -> None:
        assert stand.tap("zheng").reason == "card-expired"
        assert taps(store)[0].clock.quality == "synchronised"

    play(tmp_path, scenario)
