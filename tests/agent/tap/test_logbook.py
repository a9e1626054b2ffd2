"""A passage event names its tap, and what nobody tapped for is an alarm."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from agent.equipment.lane import Lane
from agent.equipment.passage import PassageEnd, Passages
from agent.messages.reasons import Reason
from contracts.scenes.stand import EPOCH, Stand, play
from drivers.contract import Crossing, DeviceFault, Direction, Forced
from offline_store.events.about import Passage
from offline_store.events.reference import Reference
from offline_store.events.row import Event
from tests.agent.events import about_seq, as_kind

T = TypeVar("T")
LIMIT = 8.0  # seconds


class Watched:
    """A stand whose entry and exit share a barrier that tells who goes through."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.passages = Passages(stand.world, stand.barrier, {"entry", "exit"}, LIMIT, self._ended)
        self.entry = replace(stand.entry, passages=self.passages)
        self.exit = replace(stand.exit, passages=self.passages)
        self.passages.start()

    def _ended(self, end: PassageEnd) -> None:
        self.stand.taps.handle_passage(self.entry, end)

    def cross(self, direction: Direction) -> None:
        at = self.stand.world.monotonic()
        self.stand.barrier.events.put(Crossing("gate", direction, at))

    def tap(self, lane: Lane) -> int:
        report = self.stand.tap(lane=lane)
        assert report.record is not None
        return report.record.seq

    def told(self) -> list[tuple[str, str, int | None]]:
        """What the journal says beside the taps, once all has been said."""
        self.stand.world.wait(2 * LIMIT)
        self.passages.stop()
        events = [event for event in self.stand.store.events if event.kind != "tap"]
        return [(event.kind, event.reason, about_seq(event)) for event in events]


def watched(scenario: Callable[[Watched], T]) -> T:
    return play(lambda stand: scenario(Watched(stand)))


def test_a_passage_names_its_tap() -> None:
    def scenario(site: Watched) -> None:
        seq = site.tap(site.entry)
        site.cross("entry")
        assert site.told() == [("passage", "passed", seq)]

    watched(scenario)


def test_who_is_let_out_first_is_named_too() -> None:
    def scenario(site: Watched) -> None:
        seq = site.tap(site.exit)
        site.cross("exit")
        assert site.told() == [("passage", "passed", seq)]

    watched(scenario)


def test_nobody_who_goes_through_is_told() -> None:
    def scenario(site: Watched) -> None:
        seq = site.tap(site.entry)
        assert site.told() == [("give-back", "timed-out", seq), ("passage", "timed-out", seq)]

    watched(scenario)


def test_a_tailgater_is_an_alarm_that_names_whom_he_followed() -> None:
    def scenario(site: Watched) -> None:
        seq = site.tap(site.entry)
        site.cross("entry")
        site.cross("entry")
        assert site.told() == [("passage", "passed", seq), ("alarm", "tailgating", seq)]

    watched(scenario)


def test_force_is_an_alarm_that_names_nobody() -> None:
    def scenario(site: Watched) -> None:
        site.stand.barrier.events.put(Forced("gate", site.stand.world.monotonic()))
        assert site.told() == [("alarm", "forced", None)]

    watched(scenario)


def test_a_barrier_that_did_not_open_has_no_passage() -> None:
    def scenario(site: Watched) -> None:
        site.stand.barrier.fault = DeviceFault(device="gate")
        report = site.stand.tap(lane=site.entry)
        assert report.reason == Reason.OUT_OF_SERVICE
        assert [kind for kind, _, _ in site.told()] == ["recovery", "alarm"]

    watched(scenario)


@pytest.mark.parametrize("epoch", ["f" * 32, EPOCH])
def test_a_tap_of_another_epoch_is_named_by_number_and_epoch(epoch: str) -> None:
    at = Reference(epoch, 1, "5" * 64)

    def scenario(site: Watched) -> Event:
        site.tap(site.entry)
        end = PassageEnd("passed", at, "entry", site.stand.world.monotonic() - 2.0)
        site.stand.taps.handle_passage(site.entry, end)
        return site.stand.store.events[-1]

    event = as_kind(watched(scenario), Passage)
    assert (event.about, event.direction) == (at, "entry")


def test_a_passage_is_dated_when_it_was_sensed() -> None:
    def scenario(site: Watched) -> int:
        end = PassageEnd("passed", None, "entry", site.stand.world.monotonic() - 2.0)
        before = round(site.stand.world.now() * 1000)
        site.stand.taps.handle_passage(site.entry, end)
        return before - site.stand.store.events[-1].clock.time_ms

    assert 1990 <= watched(scenario) <= 2000


def test_what_could_not_be_stored_is_told_by_the_next_tap() -> None:
    def scenario(site: Watched) -> None:
        site.stand.store.broken = True
        site.stand.taps.handle_passage(
            site.entry, PassageEnd("forced", None, None, site.stand.world.monotonic())
        )
        site.stand.store.broken = False
        site.tap(site.entry)
        assert site.stand.store.taps()[-1].unstored_before == 1

    watched(scenario)
