"""What the demos say of one who comes is in the reader's language."""

from agent.messages.texts import LANGUAGES, catalogue
from proving.demos import bus, metro


def test_every_remark_of_a_demo_has_words_in_every_language() -> None:
    notes = {one.note for one in bus.RUN} | {one.note for one in metro.RUN}
    for language in LANGUAGES:
        assert set(catalogue(language)["remark"]) == notes - {""}


def test_a_remark_in_chinese_is_chinese() -> None:
    told = catalogue("zh")["remark"].values()
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in remark) for remark in told)
