"""The scenes that are shipped, a stranger's, and two that break the contract."""

from dataclasses import replace

import pytest

from agent.messages.reasons import Reason
from agent.scenes.port import Case, Decision, ListsInTurn, Looked, Scene, SceneTurn
from config.model import SceneSettings as Settings
from contracts.scenes.shipped import scene_of
from contracts.scenes.stand import GATE
from contracts.scenes.suite import SceneSuite
from offline_store.events.seen import Seen


class TestLibraryGate(SceneSuite):
    def make(self) -> Scene:
        return scene_of(GATE, "519900")


class TestServiceWindow(SceneSuite):
    def make(self) -> Scene:
        return scene_of(Settings(kind="service-window"), "519900")


class TestWindowByLists(SceneSuite):
    def make(self) -> Scene:
        return scene_of(Settings(kind="service-window", check="lists"), "519900")


class TestBus(SceneSuite):
    passes = False  # a social security card is no purse

    def make(self) -> Scene:
        return scene_of(Settings(kind="bus"), "519900")


class TestMetro(SceneSuite):
    passes = False

    def make(self) -> Scene:
        return scene_of(Settings(kind="metro-gate"), "519900")


class Forgetful(SceneSuite):
    """Counts in its own memory what its row does not hold."""

    def make(self) -> Scene:
        inner = scene_of(GATE, "519900")

        class Counting(type(inner)):  # type: ignore[misc]
            taps = 0

            def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
                self.taps += 1
                decision: Decision = super().decide(lists, case, seen)
                if self.taps % 2 == 0 and decision.verdict == "accepted":
                    return replace(decision, verdict="refused", reason=Reason.REPEATED)
                return decision

        inner.__class__ = Counting
        return inner


class Open(SceneSuite):
    """Lets everybody in who has proved his card."""

    def make(self) -> Scene:
        inner = scene_of(GATE, "519900")

        class Opening(type(inner)):  # type: ignore[misc]
            def look(self, turn: SceneTurn, case: Case) -> Looked:
                return Looked()

            def decide(self, lists: ListsInTurn, case: Case, seen: Seen) -> Decision:
                return Decision("accepted", Reason.ACCEPTED)

        inner.__class__ = Opening
        return inner


def test_control_a_scene_that_goes_by_its_own_memory_is_caught() -> None:
    with pytest.raises(AssertionError):
        Forgetful().test_who_is_good_passes()


@pytest.mark.parametrize("by", ["cards", "numbers", "persons"])
def test_control_a_scene_that_looks_into_no_list_is_caught(by: str) -> None:
    with pytest.raises(AssertionError):
        Open().test_who_stands_in_the_list_does_not_pass(by)


def test_control_a_scene_that_looks_at_no_date_is_caught() -> None:
    with pytest.raises(AssertionError):
        Open().test_a_card_that_is_out_of_date_does_not_pass()


def test_control_a_scene_that_forgets_its_record_of_an_unset_clock_is_caught() -> None:
    with pytest.raises(AssertionError):
        Forgetful().test_with_a_clock_that_was_never_set_it_decides_and_its_record_says_so()


def test_control_a_scene_that_reads_too_little_for_the_lists_is_caught() -> None:
    class Blind(Open):
        def make(self) -> Scene:
            scene = super().make()
            scene.needs = frozenset()
            return scene

    with pytest.raises(AssertionError, match="no list can be asked about"):
        Blind().test_who_stands_in_the_list_does_not_pass("numbers")
