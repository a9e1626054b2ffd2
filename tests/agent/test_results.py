"""One table says what each reason means; nothing decides lamps or exit statuses elsewhere."""

from agent.reasons import Reason
from agent.results import Results, table
from agent.texts import LANGUAGES, Texts, catalogue

PROMPTS_ONLY = {Reason.TAKE_CARD_AWAY, Reason.OUT_OF_SERVICE, Reason.WELCOME}


def test_every_reason_has_a_row_and_no_row_is_without_reason() -> None:
    assert list(table()) == list(Reason)


def test_every_row_has_words_in_every_language_and_no_word_is_unused() -> None:
    used = {row.text for row in table().values()}
    for language in LANGUAGES:
        assert set(catalogue(language)["prompt"]) == used


SILENT = {Reason.WELCOME}  # nobody is there yet


def test_every_reason_but_the_idle_one_is_said_aloud_and_no_voice_is_unused() -> None:
    rows = table()
    assert {reason for reason, row in rows.items() if not row.voice} == SILENT
    for language in LANGUAGES:
        assert set(catalogue(language)["voice"]) == {row.voice for row in rows.values()} - {""}


def test_only_decisions_have_a_verdict() -> None:
    assert {reason for reason, row in table().items() if row.verdict is None} == PROMPTS_ONLY


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
