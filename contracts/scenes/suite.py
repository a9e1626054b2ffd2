"""What every scene keeps to, whoever wrote it. Inherit from `SceneSuite` and return yours:

    class TestReadingRoom(SceneSuite):
        def make(self) -> Scene:
            return ReadingRoom(seats=40)

The stand decides each tap twice, the second time from its row
(`contracts.scenes.stand.FakeStore`): a scene that goes by anything else fails in every one of these
tests.
"""

from collections.abc import Callable
from typing import TypeVar

import pytest

from agent.messages.reasons import Reason, rows_of
from agent.scenes.port import Scene
from contracts.scenes.stand import FakeLists, Stand
from drivers.contract import DeviceSilent
from offline_store.events.tap import Tap
from simulators.world import SimWorld

T = TypeVar("T")


class SceneSuite:
    """The suite. `passes`: lin's card is let in at first sight."""

    passes = True

    def make(self) -> Scene:
        """The scene, new."""
        raise NotImplementedError

    def play(self, scenario: Callable[[Stand], T]) -> T:
        world = SimWorld(1)
        return world.play(lambda: scenario(Stand(world, made=self.make())))

    def test_who_is_good_passes(self) -> None:
        if not self.passes:
            pytest.skip("nobody passes at first sight")

        def scenario(stand: Stand) -> None:
            report = stand.tap("lin")
            assert report.accepted
            assert [event.verdict for event in stand.store.taps()] == ["accepted"]
            if self.make().moves_barrier:
                assert stand.barrier.opened == 1

        self.play(scenario)

    def test_a_card_that_proves_nothing_opens_nothing(self) -> None:
        def scenario(stand: Stand) -> None:
            stand.psam.remove()
            report = stand.tap("lin")
            assert (report.accepted, stand.barrier.opened) == (False, 0)

        self.play(scenario)

    @pytest.mark.parametrize("by", ["cards", "numbers", "persons"])
    def test_who_stands_in_the_list_does_not_pass(self, by: str) -> None:
        def scenario(stand: Stand) -> None:
            stand.tap("lin")
            [tap] = stand.store.taps()
            listed = {"cards": tap.card, "numbers": tap.number, "persons": tap.person}[by]
            assert listed, "what is not read (`Scene.needs`), no list can be asked about"
            stand.store.lists = FakeLists(**{by: [listed]})
            stand.world.wait(3600)
            opened = stand.barrier.opened
            report = stand.tap("lin")
            assert (report.reason, report.accepted) == (Reason.BLACKLISTED, False)
            assert stand.barrier.opened == opened

        self.play(scenario)

    def test_a_card_that_is_out_of_date_does_not_pass(self) -> None:
        def scenario(stand: Stand) -> None:
            report = stand.tap("zheng")
            assert (report.reason, report.accepted) == (Reason.CARD_EXPIRED, False)
            assert stand.barrier.opened == 0

        self.play(scenario)

    def test_with_a_clock_that_was_never_set_it_decides_and_its_record_says_so(self) -> None:
        """Which reason, is the scene's matter; the stand has decided it again from its row."""

        def scenario(stand: Stand) -> None:
            stand.world.jump_clock(-stand.world.now())
            report = stand.tap("lin")
            [tap] = stand.store.taps()
            assert tap.clock.quality == "unset"
            assert (tap.verdict == "accepted") is report.accepted

        self.play(scenario)

    def test_what_is_not_stored_opens_nothing(self) -> None:
        def scenario(stand: Stand) -> None:
            stand.store.broken = True
            report = stand.tap("lin")
            assert (report.reason, report.accepted) == (Reason.NOT_STORED, False)
            assert stand.barrier.opened == 0

        self.play(scenario)

    def test_a_stuck_barrier_uses_nothing(self) -> None:
        """Who could not go through is let in at once when it works again."""
        if not (self.passes and self.make().moves_barrier):
            pytest.skip("nobody goes through")

        def scenario(stand: Stand) -> None:
            stand.barrier.fault = DeviceSilent(device="gate", port="")
            assert not stand.tap("lin").accepted
            stand.barrier.fault = None
            stand.world.wait(1.0)
            assert stand.tap("lin").accepted

        self.play(scenario)

    def test_leaving_never_waits(self) -> None:
        if self.make().decides_exits:
            pytest.skip("who leaves is decided about")

        def scenario(stand: Stand) -> None:
            stand.store.broken = True
            stand.leave("lin")
            assert stand.barrier.opened == 1

        self.play(scenario)

    def test_no_more_of_a_card_is_read_than_the_scene_needs(self) -> None:
        def scenario(stand: Stand) -> None:
            stand.tap("lin")
            [tap] = stand.store.taps()
            assert set(tap.read) <= self.make().needs

        self.play(scenario)

    def test_every_reason_that_it_gives_has_a_row(self) -> None:
        def scenario(stand: Stand) -> None:
            for _ in range(3):
                stand.tap("lin")
            for event in stand.store.events:
                if isinstance(event, Tap):
                    assert event.reason in {*Reason, *rows_of(self.make().reasons)}

        self.play(scenario)
