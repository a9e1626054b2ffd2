"""What a journal's events mean however the clock was set between them: against somebody for as long
as they may have been within the time, in his favour only where they surely were."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import example, given
from hypothesis import strategies as st

from offline_store.clock import EARLIEST, Age, ClockQuality, ClockReading

DAY_MS = 86_400_000
START_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Moment:
    """An event as a machine wrote it; `true_ms` is what no clock of it can know."""

    true_ms: int
    clock: ClockReading


@dataclass(frozen=True)
class Step:
    """So much truly goes by (ms), then the clock is set to so much beside the truth. `power`: the
    machine was off meanwhile, for that long at least."""

    passes: int
    error: int
    power: bool


def history(steps: Sequence[Step]) -> list[Moment]:
    """An event after every step."""
    found, true, up, boot = [], START_MS, 10_000, 0
    for step in steps:
        true += step.passes
        up = up + step.passes
        if step.power:
            boot, up = boot + 1, 1 + step.passes // 2
        time_ms = max(0, true + step.error)
        quality: ClockQuality = "unset" if time_ms < EARLIEST * 1000 else "holdover"
        found.append(Moment(true, ClockReading(time_ms, quality, f"boot-{boot}", up)))
    return found


errors = st.one_of(
    st.just(0),
    st.sampled_from([-10_000, 10_000, -DAY_MS, DAY_MS, -400 * DAY_MS, 400 * DAY_MS, -START_MS]),
    st.integers(-2 * START_MS, START_MS),
)
steps = st.builds(Step, st.integers(1, 3 * DAY_MS), errors, st.booleans())
histories = st.lists(steps, min_size=2, max_size=8)
durations = st.sampled_from([1000, 8000, 3_600_000, DAY_MS])


@given(histories, durations)
@example([Step(1000, 0, False), Step(1000, -10_000, False)], 8000)
@example([Step(1000, -START_MS, False), Step(1000, -START_MS, True)], 8000)
def test_against_somebody_no_clock_that_went_back_or_was_never_set_helps(
    steps: list[Step], duration: int
) -> None:
    """Only one that was set forward, which looks like time that went by."""
    *before, last = history(steps)
    now = last.clock
    for event in before:
        forward = (now.time_ms - last.true_ms) > (event.clock.time_ms - event.true_ms)
        if last.true_ms - event.true_ms < duration and not forward:
            assert now.may_be_within(event.clock, duration)


@given(histories, durations)
def test_nobody_is_kept_out_for_longer_than_the_time_by_a_clock_that_was_wrong(
    steps: list[Step], duration: int
) -> None:
    """Measured by what the machine knows of itself: how long it has been up."""
    *before, last = history(steps)
    for event in before:
        since = event.clock.up_ms if last.clock.boot == event.clock.boot else 0
        if last.clock.up_ms - since >= duration:
            assert not last.clock.may_be_within(event.clock, duration)


@given(histories, durations)
def test_in_somebodys_favour_counts_only_what_both_clocks_say(
    steps: list[Step], duration: int
) -> None:
    *before, last = history(steps)
    now = last.clock
    for event in before:
        if now.is_within(event.clock, duration):
            assert 0 <= now.time_ms - event.clock.time_ms <= duration
            assert event.clock.quality == now.quality
            assert now.quality != "unset" or event.clock.boot == now.boot


@given(histories, durations)
def test_what_may_have_been_within_the_time_is_found_behind_any_wrong_clock(
    steps: list[Step], duration: int
) -> None:
    """Newest first: only what is surely older ends the search."""
    *before, last = history(steps)
    now = last.clock
    newest_first = before[::-1]
    found = list(now.perhaps_within(newest_first, duration))
    older = [
        at for at, one in enumerate(newest_first) if _surely_older(now.age(one.clock), duration)
    ]
    looked = newest_first[: older[0]] if older else newest_first
    assert found == [one for one in looked if now.may_be_within(one.clock, duration)]


def _surely_older(age: Age, duration: int) -> bool:
    return duration <= age.least == age.most
