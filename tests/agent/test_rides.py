"""A passenger hears his class and sees what he paid and what is left; all else is told as ever."""

import pytest

from agent.reasons import Reason
from agent.results import Results
from agent.rides import Rides
from agent.texts import Texts
from config.model import Result
from offline_store.event import Draft, Event, Verdict

EPOCH = "0123456789abcdef" * 2
PROMPT = Results(Texts("zh")).prompt(Reason.PAID)


def ride(
    *,
    concession: str = "",
    verdict: Verdict = "accepted",
    kind: str = "payment-end",
    **amounts: int,
) -> Event:
    draft = Draft(
        time_ms=0,
        clock="synchronised",
        boot="boot",
        kind=kind,  # type: ignore[arg-type]
        verdict=verdict,
        reason="paid",
        amounts=amounts,
        detail={"concession": concession} if concession else {},
    )
    fields = {name: getattr(draft, name) for name in Draft.__struct_fields__}
    return Event(**fields, v=1, terminal="bus-1", epoch=EPOCH, seq=1, prev="0" * 64)


def rides(**city: Result) -> Rides:
    return Rides(Texts("zh"), city, top_up_below=500)


def test_a_purse_is_told_the_fare_and_what_is_left() -> None:
    event = ride(confirmed=200, full=200, balance_before=9_800)
    told = rides().told(PROMPT, event)
    assert (told.text, told.voice) == ("已付 2.00 元，余额 96.00 元", "paid")
    assert (told.code, told.lamp, told.beep) == (PROMPT.code, PROMPT.lamp, PROMPT.beep)


def test_a_code_has_no_balance() -> None:
    event = ride(kind="tap", fare=150, full=200)
    assert rides().told(PROMPT, event).text == "已付 1.50 元"


@pytest.mark.parametrize(
    ("name", "words", "voice"),
    [
        ("student", "学生卡", "student-card"),
        ("senior", "敬老卡", "senior-card"),
        ("disabled", "爱心卡", "care-card"),
        ("astronaut", "已付", "paid"),
    ],
)
def test_a_concession_is_named_and_one_nobody_has_words_for_is_told_as_any(
    name: str, words: str, voice: str
) -> None:
    event = ride(concession=name, confirmed=100, full=200, balance_before=9_800)
    told = rides().told(PROMPT, event)
    assert (told.text, told.voice) == (f"{words} 1.00 元，余额 97.00 元", voice)


def test_a_city_has_its_own_words_for_its_classes() -> None:
    own = rides(astronaut=Result(words={"zh": "航天员"}, voice="", lamp="yellow"))
    told = own.told(PROMPT, ride(concession="astronaut", fare=0, full=200))
    assert (told.text, told.voice, told.lamp) == ("航天员 0.00 元", "", "yellow")


@pytest.mark.parametrize(
    ("before", "fare", "voice"),
    [(700, 200, "paid"), (699, 200, "top-up"), (150, 200, "top-up"), (300, 0, "paid")],
)
def test_a_purse_that_is_nearly_empty_is_told_to_top_up(before: int, fare: int, voice: str) -> None:
    event = ride(confirmed=fare, full=200, balance_before=before)
    assert rides().told(PROMPT, event).voice == voice


def test_a_concession_is_heard_and_top_up_read() -> None:
    event = ride(concession="student", confirmed=100, full=200, balance_before=300)
    told = rides().told(PROMPT, event)
    assert (told.text, told.voice) == ("学生卡 1.00 元，余额 2.00 元，请充值", "student-card")


def test_an_overdraft_shows_below_zero_and_one_that_is_not_known_shows_nothing() -> None:
    def text(before: int) -> str:
        return rides().told(PROMPT, ride(confirmed=200, full=200, balance_before=before)).text

    assert text(50) == "已付 2.00 元，余额 -1.50 元，请充值"
    assert text(0) == "已付 2.00 元"


@pytest.mark.parametrize(
    "event",
    [
        ride(full=200, balance_before=100, verdict="refused"),
        ride(grey=200, full=200, verdict="unknown"),
        ride(kind="tap", fare=0),  # a ticket
        ride(kind="tap"),
    ],
)
def test_what_is_no_priced_ride_is_told_as_always(event: Event) -> None:
    assert rides().told(PROMPT, event) == PROMPT


def test_only_where_people_ride_a_prompt_gets_fuller() -> None:
    assert Results(Texts("zh")).told(Reason.PAID, None) == PROMPT
