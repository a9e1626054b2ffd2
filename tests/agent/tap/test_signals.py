"""A reader's own lamp speaks after the tap, on the reader's thread, with no card open."""

from contracts.scenes.stand import FakeReader, Stand, play
from drivers.contract import Prompt
from world import World


class LampReader(FakeReader):
    """With a lamp of its own. `pace_of_lamp`: seconds that a signal takes."""

    def __init__(self, world: World, calls: list[str], name: str = "door") -> None:
        super().__init__(world, name)
        self._calls = calls
        self.pace_of_lamp = 0.0

    def signal(self, prompt: Prompt) -> None:
        assert not self.powered, "no card is open"
        assert self.closed == self.opened
        self._calls.append(f"signal {prompt.code} {prompt.lamp}")
        if self.pace_of_lamp:
            self._world.wait(self.pace_of_lamp)


def test_the_lamp_speaks_when_the_card_is_closed() -> None:
    def scenario(stand: Stand) -> list[str]:
        assert stand.tap(reader=LampReader(stand.world, stand.calls)).accepted
        return stand.calls

    assert play(scenario) == [
        "stored tap accepted",
        "open entry",
        "show accepted",
        "signal accepted green",
    ]


def test_a_barrier_that_does_not_open_is_red_on_the_reader_too() -> None:
    def scenario(stand: Stand) -> str:
        stand.store.broken = True
        stand.tap(reader=LampReader(stand.world, stand.calls))
        return stand.calls[-1]

    assert play(scenario) == "signal not-stored red"


def test_who_leaves_sees_what_he_was_told_whatever_is_recorded() -> None:
    def scenario(stand: Stand) -> str:
        stand.store.broken = True
        stand.tap(reader=LampReader(stand.world, stand.calls), lane=stand.exit)
        return stand.calls[-1]

    assert play(scenario) == "signal accepted-exit green"


def test_a_lamp_that_hangs_is_seen_by_the_watchdog() -> None:
    def scenario(stand: Stand) -> int:
        reader = LampReader(stand.world, stand.calls)
        reader.pace_of_lamp = 5.0
        stand.tap(reader=reader)
        return reader.given_up

    assert play(scenario) == 1


def test_a_reader_without_a_lamp_is_not_asked() -> None:
    def scenario(stand: Stand) -> list[str]:
        stand.tap()
        return stand.calls

    assert play(scenario) == ["stored tap accepted", "open entry", "show accepted"]
