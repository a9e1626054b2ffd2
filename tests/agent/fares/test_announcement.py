"""A passenger sees what he paid and what is left; of what class he is, staff alone are told."""

from dataclasses import replace

import pytest

from agent.equipment.lane import Lane
from agent.fares.announcement import Rides, spoken
from agent.messages.reasons import Reason, table
from agent.messages.results import Results
from agent.messages.texts import Texts
from config.model import Preset, Result
from drivers.console import ConsolePrompts
from offline_store.clock import ClockReading
from offline_store.events.happened import Verdict
from offline_store.events.payment import PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Outcome, Ride
from offline_store.events.row import Event
from offline_store.events.tap import Tap
from tests.agent.events import purchase
from world.real import RealWorld

WORLD = RealWorld()
EPOCH = "0123456789abcdef" * 2
CLOCK = ClockReading(0, "synchronised", "boot")
PROMPT = Results(Texts("zh")).prompt(Reason.PAID)


def ride(
    *,
    confirmed: int | None = None,
    full: int | None = None,
    balance_before: int = 0,
    concession: str = "",
    verdict: Verdict = "accepted",
    outcome: Outcome = "confirmed",
) -> Event:
    """Of a purse that has paid."""
    return PaymentEnd(
        clock=CLOCK,
        intent=Reference(EPOCH, 1),
        outcome=outcome,
        purchase=purchase(200 if confirmed is None else confirmed, balance_before=balance_before),
        ride=Ride(full=full, concession=concession),
        verdict=verdict,
        reason="paid",
    )


def shown(*, fare: int | None = None, full: int | None = None, concession: str = "") -> Event:
    """Of a code or ticket."""
    of_fare = Ride(fare=fare, full=full, concession=concession)
    return Tap(clock=CLOCK, verdict="accepted", reason="paid", ride=of_fare)


def rides(preset: Preset = "neutral", **city: Result) -> Rides:
    return Rides(Texts("zh"), city, top_up_below=500, preset=preset)


SILENT: tuple[Preset, ...] = ("neutral", "greeting", "tone")
CLASSES = [*spoken(), "astronaut", "外地"]


def test_a_purse_is_told_the_fare_and_what_is_left() -> None:
    event = ride(confirmed=200, full=200, balance_before=9_800)
    told = rides().prompt_for(PROMPT, event)
    assert (told.text, told.voice) == ("已付 2.00 元，余额 96.00 元", "paid")
    assert (told.code, told.lamp, told.beep) == (PROMPT.code, PROMPT.lamp, PROMPT.beep)


def test_a_code_has_no_balance() -> None:
    event = shown(fare=150, full=200)
    assert rides().prompt_for(PROMPT, event).text == "已付 1.50 元"


@pytest.mark.parametrize("preset", SILENT)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("before", [9_800, 300, 0])
def test_nobody_is_announced_by_class(name: str, preset: Preset, before: int) -> None:
    """Words, voice, lamp and beep are those of whoever paid the same without a concession, also
    where the city has given the class its own."""
    own = Result(words={"zh": "老人"}, voice="senior-card", lamp="yellow", beep="double")
    for fare in (0, 100):
        event = ride(concession=name, confirmed=fare, full=200, balance_before=before)
        full = ride(confirmed=fare, full=200, balance_before=before)
        anybody = rides(preset).prompt_for(PROMPT, full)
        assert rides(preset).prompt_for(PROMPT, event) == anybody
        assert rides(preset, **{name: own}).prompt_for(PROMPT, event) == anybody


@pytest.mark.parametrize(
    ("name", "words", "voice"),
    [
        ("student", "学生卡", "student-card"),
        ("senior", "敬老卡", "senior-card"),
        ("disabled", "爱心卡", "care-card"),
        ("astronaut", "已付", "paid"),
    ],
)
def test_a_city_that_wants_its_classes_called_says_so(name: str, words: str, voice: str) -> None:
    event = ride(concession=name, confirmed=100, full=200, balance_before=9_800)
    told = rides("by-class").prompt_for(PROMPT, event)
    assert (told.text, told.voice) == (f"{words} 1.00 元，余额 97.00 元", voice)
    assert (told.lamp, told.beep) == (PROMPT.lamp, PROMPT.beep)


def test_called_by_class_it_is_in_the_citys_own_words() -> None:
    own = rides("by-class", astronaut=Result(words={"zh": "航天员"}, voice="", lamp="yellow"))
    told = own.prompt_for(PROMPT, shown(concession="astronaut", fare=0, full=200))
    assert (told.text, told.voice, told.lamp) == ("航天员 0.00 元", "", "yellow")


@pytest.mark.parametrize("name", CLASSES)
def test_staff_are_told_by_a_lamp_of_their_own_and_in_silence(name: str) -> None:
    event = ride(concession=name, confirmed=100, full=200, balance_before=9_800)
    staff = rides().for_staff(PROMPT, event)
    assert (staff.lamp, staff.beep, staff.voice) == ("yellow", "none", "")
    assert rides().for_staff(PROMPT, ride(confirmed=200, full=200)) == PROMPT


def test_staff_read_the_class_in_shipped_words_or_the_citys() -> None:
    event = ride(concession="senior", confirmed=100, full=200, balance_before=9_800)
    assert rides().for_staff(PROMPT, event).text == "敬老卡 1.00 元，余额 97.00 元"
    own = Result(words={"zh": "老年卡"}, lamp="red", beep="short", voice="senior-card")
    staff = rides(senior=own).for_staff(PROMPT, event)
    assert staff.text.startswith("老年卡 1.00 元")
    assert (staff.lamp, staff.beep, staff.voice) == ("red", "short", "senior-card")


@pytest.mark.parametrize(
    ("before", "fare", "voice"),
    [(700, 200, "paid"), (699, 200, "top-up"), (150, 200, "top-up"), (300, 0, "paid")],
)
def test_a_purse_that_is_nearly_empty_is_told_to_top_up(before: int, fare: int, voice: str) -> None:
    event = ride(confirmed=fare, full=200, balance_before=before)
    assert rides().prompt_for(PROMPT, event).voice == voice


def test_where_a_class_is_called_it_is_heard_and_top_up_read() -> None:
    event = ride(concession="student", confirmed=100, full=200, balance_before=300)
    told = rides("by-class").prompt_for(PROMPT, event)
    assert (told.text, told.voice) == ("学生卡 1.00 元，余额 2.00 元，请充值", "student-card")


def test_an_overdraft_shows_below_zero_and_one_that_is_not_known_shows_nothing() -> None:
    def text(before: int) -> str:
        return rides().prompt_for(PROMPT, ride(confirmed=200, full=200, balance_before=before)).text

    assert text(50) == "已付 2.00 元，余额 -1.50 元，请充值"
    assert text(0) == "已付 2.00 元"


@pytest.mark.parametrize(
    "event",
    [
        ride(full=200, balance_before=100, verdict="refused", outcome="not-made"),
        ride(full=200, verdict="unknown", outcome="grey"),
        shown(fare=0),  # a ticket
        shown(),
    ],
)
def test_what_is_no_priced_ride_is_told_as_always(event: Event) -> None:
    assert rides().prompt_for(PROMPT, event) == PROMPT


def test_only_where_people_ride_a_prompt_gets_fuller() -> None:
    assert Results(Texts("zh")).prompt_for(Reason.PAID, None) == PROMPT


# The whole table


@pytest.mark.parametrize("reason", Reason)
def test_no_reason_says_a_class_to_everybody(reason: Reason) -> None:
    """On bus, metro, library and scenic gate alike: by words that are shown, or said aloud."""
    row = table()[reason]
    assert row.voice not in {said.voice for said in spoken().values()}
    for language in ("zh", "en"):
        texts = Texts(language)
        words = {texts.prompt(said.text) for said in spoken().values()}
        assert not any(word in row.words[language] for word in words)


@pytest.mark.parametrize(
    ("preset", "voice"),
    [("neutral", "pass"), ("greeting", "hello"), ("tone", ""), ("by-class", "pass")],
)
def test_a_preset_is_what_whoever_may_pass_hears(preset: Preset, voice: str) -> None:
    results = Results(Texts("zh"), preset=preset)
    assert results.prompt(Reason.ACCEPTED).voice == voice
    assert results.prompt(Reason.ACCEPTED).beep == "short"
    for reason in (Reason.BLACKLISTED, Reason.LOW_BALANCE, Reason.DRIVER):
        assert results.prompt(reason).voice == table()[reason].voice


def test_the_city_has_the_last_word_on_a_reason() -> None:
    own = {Reason.ACCEPTED.value: Result(voice="pass")}
    assert Results(Texts("zh"), own, preset="tone").prompt(Reason.ACCEPTED).voice == "pass"


def test_what_everybody_is_told_goes_to_everybody_and_the_rest_to_staff() -> None:
    panel, driver = ConsolePrompts(WORLD, "panel", {}), ConsolePrompts(WORLD, "driver", {})
    for prompts in (panel, driver):
        prompts.listen(lambda line: None)
    lane = Lane("door", "entry", None, [panel], [driver])
    event = ride(concession="senior", confirmed=100, full=200, balance_before=9_800)
    told = rides().prompt_for(PROMPT, event)
    lane.show(told, rides().for_staff(replace(told, voice=""), event))
    lane.show(PROMPT)
    assert [one.prompt.lamp for one in panel.history] == ["green", "green"]
    assert [one.prompt.lamp for one in driver.history] == ["yellow", "green"]
    assert "敬老卡" not in "".join(one.prompt.text for one in panel.history)
