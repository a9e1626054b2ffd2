"""Two cards of one person at two readers of one gate at once: the journal decides, one goes in.

On the real store and SQLite file, in a seeded World: whichever way the threads fall.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.scenes.stand import FakeStore, FakeTurn, Stand, cast_store, tap
from drivers.contract import DeviceProtocol
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from offline_store.store import Entry, Store
from simulators.world import SimWorld
from tests.offline_store.support import TERMINAL, MemoryKeys
from world import World
from world.real import RealWorld


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MemoryKeys]:
    """A journal as enrolment leaves it, and the keys that belong to it; made once."""
    folder, keys = tmp_path_factory.mktemp("journal"), MemoryKeys()
    store = Store(RealWorld(), folder, terminal=TERMINAL, boot="boot-1", keys=keys)
    store.start()
    store.close()
    return folder, keys


def store_of(world: World, journal: tuple[Path, MemoryKeys], folder: Path) -> Store:
    made, keys = journal
    shutil.copytree(made, folder, dirs_exist_ok=True)
    secrets = MemoryKeys(**keys.secrets)
    return Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=secrets)


def crowded(world: SimWorld, store: Store) -> Stand:
    """Nothing takes time and nobody waits for a PSAM, so both taps come to the store at once."""
    stand = Stand(world, store=store, pace=0.0)
    stand.spare.insert(stand.cast.psam())
    world.wait(1.0)
    return stand


@pytest.mark.parametrize("seed", range(12))
def test_two_taps_of_one_person_at_once_are_one_entry(
    seed: int, journal: tuple[Path, MemoryKeys], tmp_path: Path
) -> None:
    world = SimWorld(seed)

    def scenario() -> None:
        store = store_of(world, journal, tmp_path)
        store.start()
        stand = crowded(world, store)
        other = world.spawn(lambda: tap(stand, "wu-lost", stand.slot), name="other")
        stand.tap("wu")
        assert other.join(10)
        assert sorted(report.reason for report in stand.reports) == ["accepted", "repeated"]
        assert stand.barrier.opened == 1
        events = [record.event() for record in store.records(None, 0, 99)]
        taps = [event for event in events if isinstance(event, Tap)]
        assert [event.verdict for event in taps] == ["accepted", "refused"]
        entered, refused = taps
        assert refused.seen.last_entry_ms == entered.clock.time_ms, "the decision can be replayed"
        assert store.verify().whole
        store.close()

    world.play(scenario)


@pytest.mark.parametrize("seed", range(4))
def test_two_persons_at_once_both_go_in(
    seed: int, journal: tuple[Path, MemoryKeys], tmp_path: Path
) -> None:
    """The control: it is not the second reader that is refused."""
    world = SimWorld(seed)

    def scenario() -> None:
        store = store_of(world, journal, tmp_path)
        store.start()
        stand = Stand(world, store=store)
        other = world.spawn(lambda: tap(stand, "wang", stand.second), name="other")
        stand.tap("lin")
        assert other.join(10)
        assert [report.reason for report in stand.reports] == ["accepted", "accepted"]
        store.close()

    world.play(scenario)


class EarlyStore(FakeStore):
    """Reads the state before it waits for its turn: the mistake that the tests above must see."""

    def turn(self, decide: Callable[[FakeTurn], Entry]) -> Record:
        early = FakeTurn(list(self.rows), self.lists)
        return super().turn(lambda turn: decide(early))


def test_control_a_decision_outside_of_the_turn_lets_one_person_in_twice() -> None:
    def entries(seed: int) -> int:
        world = SimWorld(seed)

        def scenario() -> int:
            stand = crowded(world, cast_store(EarlyStore(world, [])))
            other = world.spawn(lambda: tap(stand, "wu-lost", stand.slot), name="other")
            stand.tap("wu")
            assert other.join(10)
            return stand.barrier.opened

        return world.play(scenario)

    assert 2 in {entries(seed) for seed in range(12)}


def test_a_morning_at_the_real_store(journal: tuple[Path, MemoryKeys], tmp_path: Path) -> None:
    """In, again, out, in again; a barrier that fails; each as with the fake store."""
    world = SimWorld(1)

    def scenario() -> None:
        store = store_of(world, journal, tmp_path)
        store.start()
        stand = Stand(world, store=store)
        reasons = [stand.tap().reason, stand.tap().reason, stand.leave().reason, stand.tap().reason]
        assert reasons == ["accepted", "repeated", "accepted-exit", "accepted"]
        stand.barrier.fault = DeviceProtocol(device="gate")
        assert stand.tap("chen").reason == "out-of-service"
        stand.barrier.fault = None
        assert stand.tap("chen").reason == "accepted", "who was not let in has not been here"
        store.close()
        assert stand.tap("wang").reason == "not-stored"
        assert stand.leave("wang").reason == "not-stored"
        assert stand.calls[-1] == "show accepted-exit"

    world.play(scenario)
