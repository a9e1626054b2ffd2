"""One table says what each reason means; nothing decides lamps or exit statuses elsewhere."""

import pytest

from agent.fares.announcement import TOP_UP, spoken
from agent.messages.reasons import Reason, table
from agent.messages.results import PASSES, Results, ResultUnknown
from agent.messages.texts import LANGUAGES, Texts, catalogue
from config.model import Result

# Prompts, and the end of a purchase that only proved a card: what that was for decides.
NO_DECISION = {
    Reason.TAKE_CARD_AWAY,
    Reason.OUT_OF_SERVICE,
    Reason.WELCOME,
    Reason.CARD_PROVED,
}


def test_every_reason_has_a_row_and_no_row_is_without_reason() -> None:
    assert list(table()) == list(Reason)


def test_every_row_has_words_in_every_language_and_no_word_is_unused() -> None:
    used = {said.text for said in spoken().values()} | {"ride", "ride-balance", "ride-low"}
    for language in LANGUAGES:
        assert set(catalogue(language)["prompt"]) == used
    for row in table().values():
        for said in (row.words, row.meaning, row.remedy):
            assert {language for language, words in said.items() if words} == set(LANGUAGES)


SILENT = {Reason.WELCOME}  # nobody is there yet


def test_every_reason_but_the_idle_one_is_said_aloud_and_no_voice_is_unused() -> None:
    rows = table()
    assert {reason for reason, row in rows.items() if not row.voice} == SILENT
    for language in LANGUAGES:
        said = {row.voice for row in rows.values()} | {one.voice for one in spoken().values()}
        said |= {TOP_UP, *PASSES.values()}
        assert set(catalogue(language)["voice"]) == said - {""}


def test_only_decisions_have_a_verdict() -> None:
    assert {reason for reason, row in table().items() if row.verdict is None} == NO_DECISION


def test_only_an_accepted_tap_shows_green_and_ends_with_zero() -> None:
    results = Results(Texts("zh"))
    for reason in Reason:
        accepted = results.accepted(reason)
        assert (results.prompt(reason).lamp == "green") == accepted
        assert (results.exit_status(reason) == 0) == accepted


def test_a_prompt_carries_the_reason_and_the_languages_words() -> None:
    assert Results(Texts("zh")).prompt(Reason.CARD_GONE).text == "请重刷"
    prompt = Results(Texts("en")).prompt(Reason.CARD_GONE)
    assert (prompt.code, prompt.text) == ("card-gone", "Please tap again")
    assert (prompt.voice, prompt.language) == ("tap-again", "en")


def test_a_city_tells_people_in_its_own_way_and_changes_no_verdict() -> None:
    city = {"repeated": Result(lamp="red", words={"zh": "您已刷过卡"}, voice="")}
    shipped, own = Results(Texts("zh")), Results(Texts("zh"), city)
    prompt = own.prompt(Reason.REPEATED)
    assert (prompt.text, prompt.lamp, prompt.voice) == ("您已刷过卡", "red", "")
    assert prompt.beep == shipped.prompt(Reason.REPEATED).beep
    assert not own.accepted(Reason.REPEATED)
    assert Results(Texts("en"), city).prompt(Reason.REPEATED).text.startswith("Already")
    assert own.prompt(Reason.ACCEPTED) == shipped.prompt(Reason.ACCEPTED)


def test_a_reason_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(ResultUnknown) as caught:
        Results(Texts("zh"), {"repeat": Result()})
    assert caught.value.facts["nearest"] == "repeated"
