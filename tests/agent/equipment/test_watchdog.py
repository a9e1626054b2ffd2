"""A card that keeps its reader waiting: the person is told in time, and nobody else notices."""

from collections.abc import Callable

import pytest

from agent.messages.reasons import Reason
from agent.psam.leases import IDLE
from apdu.channel import CardGone, CardMute, ReaderGone
from contracts.scenes.stand import Stand, play, tap
from simulators.world import SimWorld
from tests.agent.events import noted
from world import Fault

TOLD_WITHIN = 1.5  # seconds, design.md, Devices and threads
HANG = 30.0
SEEDS = range(25)


def hangs(
    stand: Stand, seconds: float = HANG, ending: type[Fault] | None = CardGone
) -> Callable[[], None]:
    """A call that returns after `seconds`, with a fault or with the card's answer."""

    def step() -> None:
        stand.world.wait(seconds)
        if ending is not None:
            raise ending(reader="door")

    return step


def told(stand: Stand, reason: Reason) -> list[float]:
    return [at for code, at in stand.prompts.shown if code == reason]


@pytest.mark.parametrize("seed", SEEDS)
def test_silent_card_is_told_in_time_and_given_up_once(seed: int) -> None:
    def scenario(stand: Stand) -> None:
        number = seed % 12
        stand.door.steps = {number: hangs(stand)}
        began = stand.world.monotonic()
        report = stand.tap()
        took = stand.world.monotonic() - began
        (at,) = told(stand, Reason.TAKE_CARD_AWAY)
        # All exchanges before it were quick, so the whole tap is a bound for the silence.
        assert at - began < TOLD_WITHIN
        assert took >= HANG
        assert stand.door.given_up == 1
        assert report.reason == Reason.CARD_MUTE
        (alarm,) = stand.store.alarms()
        assert (alarm.reason, alarm.reader, alarm.direction) == ("take-card-away", "door", "")
        assert alarm.lane == "entry"
        kinds = [event.kind for event in stand.store.events]
        assert kinds.index("alarm") < kinds.index("tap"), "the operator hears while it still hangs"

    play(scenario, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_lanes_never_notice_a_hanging_reader(seed: int) -> None:
    def scenario(stand: Stand) -> None:
        usual = timed(stand, "wang")
        stand.door.steps = {seed % 12: hangs(stand)}
        hanging = stand.world.spawn(lambda: tap(stand, "lin", stand.door), name="hanging")
        stand.world.wait(0.1)
        # It may hang while it has the PSAM, which is then waited for once, and shortly.
        assert timed(stand, "chen") < usual * 1.2 + IDLE
        for key in ("zhu", "shen", "han"):
            assert timed(stand, key) < usual * 1.2
        assert hanging.alive
        assert stand.second.given_up == 0
        assert hanging.join(HANG + 1)

    play(scenario, seed)


def timed(stand: Stand, key: str) -> float:
    began = stand.world.monotonic()
    assert stand.tap(key, reader=stand.second).accepted
    return stand.world.monotonic() - began


@pytest.mark.parametrize("ending", [CardGone, CardMute, ReaderGone])
@pytest.mark.parametrize("where", ["open", "transmit"])
def test_a_card_that_was_given_up_is_recorded_as_mute(ending: type[Fault], where: str) -> None:
    def scenario(stand: Stand) -> None:
        if where == "open":
            stand.door.on_open = hangs(stand, ending=ending)
        else:
            stand.door.steps = {3: hangs(stand, ending=ending)}
        assert stand.tap().reason == Reason.CARD_MUTE
        assert noted(stand.store.taps()[0]) == {"fault": ending.code}
        assert stand.door.given_up == 1
        assert not stand.door.powered

    play(scenario)


def test_a_card_that_answers_after_all_is_judged_by_its_answers() -> None:
    def scenario(stand: Stand) -> list[str]:
        stand.door.steps = {3: hangs(stand, 3.0, ending=None)}
        return [stand.tap("lin").reason, stand.tap("feng").reason]

    assert play(scenario) == ["accepted", "authentication-failed"]


def test_a_forged_card_cannot_hide_behind_its_slowness() -> None:
    def scenario(stand: Stand) -> None:
        stand.door.steps = {3: hangs(stand, 3.0, ending=None)}
        assert stand.tap("feng").reason == Reason.AUTHENTICATION_FAILED
        assert stand.door.given_up == 1

    play(scenario)


def test_a_slow_card_that_answers_in_time_is_left_alone() -> None:
    def scenario(stand: Stand) -> None:
        stand.door.pace = 1.0
        assert stand.tap().accepted
        assert stand.door.given_up == 0
        assert told(stand, Reason.TAKE_CARD_AWAY) == []

    play(scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_disk_that_hangs_does_not_keep_the_watchdog_from_the_next_lane(seed: int) -> None:
    def scenario(stand: Stand) -> None:
        stand.store.pace = 60.0
        stand.door.steps = {2: hangs(stand)}
        stand.second.steps = {2: hangs(stand)}
        began = stand.world.monotonic()
        stand.world.spawn(lambda: tap(stand, "lin", stand.door), name="first")
        stand.world.wait(0.7)
        stand.world.spawn(lambda: tap(stand, "wang", stand.second), name="second")
        stand.world.wait(5)
        first, second = told(stand, Reason.TAKE_CARD_AWAY)
        assert first - began < TOLD_WITHIN
        assert second - began - 0.7 < TOLD_WITHIN

    play(scenario, seed)


def test_the_watchdog_sleeps_while_nobody_taps() -> None:
    def scenario(stand: Stand) -> int:
        stand.tap()
        stand.world.wait(10)
        before = len(stand.world.log)
        stand.world.wait(86_400)
        return stand.world.log[before:].count("watchdog")

    assert play(scenario) == 0


def test_after_stop_nothing_is_watched() -> None:
    def scenario(stand: Stand) -> None:
        stand.watchdog.stop()
        stand.door.steps = {2: hangs(stand, 5.0)}
        assert stand.tap().reason == Reason.CARD_GONE
        assert told(stand, Reason.TAKE_CARD_AWAY) == []  # the control: this is how it would fail

    play(scenario)


def test_a_history_repeats_by_its_seed() -> None:
    def history(seed: int) -> list[str]:
        world = SimWorld(seed)

        def scenario() -> list[str]:
            stand = Stand(world)
            stand.door.steps = {4: hangs(stand)}
            stand.tap()
            return world.log

        return world.play(scenario)

    assert history(3) == history(3)
