"""All that people read is in the catalogues, in every language, and its blanks get filled."""

import ast
import inspect
import textwrap
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agent.messages.document import document
from agent.messages.reasons import Reason, table
from agent.messages.texts import (
    FOLDER,
    LANGUAGES,
    Language,
    Texts,
    blanks,
    catalogue,
    language_of,
)
from agent.stages import STAGES
from config.faults import ConfigInvalid, MissingKey, UnknownKey
from drivers.contract import DeviceState
from tests import product
from world import Fault

STATES = [state.value for state in DeviceState]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_a_sentence_and_a_remedy(language: Language) -> None:
    assert list(table()) == list(Reason), "in agent/messages/reasons.toml, in the enum's order"
    for reason, row in table().items():
        assert all(told[language] for told in (row.words, row.meaning, row.remedy)), reason
    assert list(catalogue(language)["remedy"]) == STATES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_device_state_and_stage_has_words(language: Language) -> None:
    words = catalogue(language)
    assert list(words["state"]) == STATES
    assert sorted(words["remedy"]) == sorted(STATES)
    assert list(words["stage"]) == list(STAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_a_sentence(language: Language) -> None:
    sentences = catalogue(language)["fault"]
    missing = {
        f"{kind.code} ({kind.__module__}.{kind.__qualname__})"
        for kind in product.faults()
        if kind.code not in sentences
    }
    assert not missing, f"add to [fault] of agent/messages/{language}.toml: {sorted(missing)}"


def test_no_sentence_is_left_over_from_a_fault_that_is_gone() -> None:
    left = set(catalogue("en")["fault"]) - {kind.code for kind in product.faults()}
    assert not left, f"no Fault class has these codes any more: {sorted(left)}"


def test_a_fault_code_means_one_thing() -> None:
    owners: Mapping[str, list[str]] = defaultdict(list)
    for kind in product.faults():
        if "code" in vars(kind):
            owners[kind.code].append(f"{kind.__module__}.{kind.__qualname__}")
    shared = {code: names for code, names in owners.items() if len(names) > 1}
    assert not shared, f"one code, several faults: {shared}"


def test_languages_have_the_same_keys_and_blanks() -> None:
    chinese, english = catalogue("zh"), catalogue("en")
    assert list(chinese) == list(english)
    for section in english:
        assert list(chinese[section]) == list(english[section]), section
        for key, text in english[section].items():
            assert blanks(chinese[section][key]) == blanks(text), f"[{section}] {key}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_section_read_alone_is_that_of_the_whole_file(language: Language) -> None:
    whole = tomllib.loads((FOLDER / f"{language}.toml").read_text())
    assert {name: dict(words) for name, words in catalogue(language).items()} == whole


def test_no_text_is_empty_or_untidy() -> None:
    for language in LANGUAGES:
        for section, words in catalogue(language).items():
            for key, text in words.items():
                place = f"{language} [{section}] {key}"
                assert text.strip() == text != "", place
                if language == "zh" and section in ("prompt", "voice", "reason", "remedy", "fault"):
                    assert any("\u4e00" <= char <= "\u9fff" for char in text), place


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in product.sources():
        for node in ast.walk(product.tree(path)):
            if isinstance(node, ast.Call):
                yield path, node


def _place(path: Path, node: ast.Call) -> str:
    return f"{path.relative_to(product.ROOT)}:{node.lineno}"


def test_the_facts_that_a_sentence_asks_for_are_given() -> None:
    """Each place that makes a fault names the sentence's blanks."""
    sentences = catalogue("en")["fault"]
    lacking = []
    for path, call in _calls():
        kind = product.meaning(path, call.func)
        if isinstance(kind, type) and issubclass(kind, Fault):
            asked = blanks(sentences.get(kind.code, "")) - _own_facts(kind)
            given = {keyword.arg for keyword in call.keywords}
            if None not in given and not asked <= given:  # `**facts` cannot be read here
                lacking.append(f"{_place(path, call)}: {kind.code} lacks {sorted(asked - given)}")
    assert not lacking, "\n".join(lacking)


def _own_facts(kind: type[Fault]) -> set[str]:
    """The facts that the constructors of a class and its bases add by themselves."""
    facts = set()
    for owner in kind.__mro__[: kind.__mro__.index(Fault)]:
        if "__init__" in vars(owner):
            body = ast.parse(textwrap.dedent(inspect.getsource(vars(owner)["__init__"])))
            for call in ast.walk(body):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                    facts |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return facts


def test_every_text_that_code_asks_for_is_there() -> None:
    words = catalogue("en")
    missing = []
    for method, section in {"ui": "ui", "stage": "stage", "remedy": "remedy"}.items():
        for path, call in _calls():
            name = ast.unparse(call.func).rpartition(".")[2]
            for key in _literals(call.args[0]) if name == method and call.args else ():
                if key not in words[section]:
                    missing.append(f"{_place(path, call)}: [{section}] {key}")
    assert not missing, f"add to agent/messages/*.toml: {missing}"


def _literals(node: ast.expr) -> Iterator[str]:
    """The strings that an argument can be: itself, or both ends of `a if … else b`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def test_the_page_of_codes_is_generated() -> None:
    page = (product.ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
    assert page == document(), "run: python -m agent.messages.document > docs/codes.md"


@pytest.mark.parametrize(
    ("setting", "locale", "language"),
    [
        ("auto", "zh_CN.UTF-8", "zh"),
        ("auto", "zh", "zh"),
        ("auto", "en_US.UTF-8", "en"),
        ("auto", "de_DE", "en"),
        ("auto", "C.UTF-8", "zh"),
        ("auto", "POSIX", "zh"),
        ("auto", "", "zh"),
        ("en", "zh_CN.UTF-8", "en"),
        ("zh", "en_US.UTF-8", "zh"),
    ],
)
def test_language_is_the_settings_then_the_locales(
    setting: str, locale: str, language: str
) -> None:
    assert language_of(setting, locale) == language


def test_a_sentence_is_filled_with_facts() -> None:
    fault = UnknownKey(file="box.toml", key="sync.hots", nearest="host", allowed="host, port")
    assert Texts("zh").fault(fault) == (
        "box.toml：没有 sync.hots 这个设置，最接近的是 host。这里可用：host, port。"
    )
    assert Texts("en").fault(fault) == (
        "box.toml: sync.hots is no setting; the nearest is host. Known here: host, port."
    )


def test_several_problems_take_a_line_each() -> None:
    problems = [MissingKey(file="f", key=key, allowed="string") for key in ("a", "b")]
    lines = Texts("zh").fault(ConfigInvalid("f", problems)).splitlines()
    assert len(lines) == 3
    assert "2" in lines[0]
    assert "缺少 b" in lines[2]


def test_a_missing_text_falls_back_to_its_code() -> None:
    class Unheard(Fault):
        code = "tests.unheard-of"

    assert Texts("zh").fault(Unheard()) == "tests.unheard-of"
    assert Texts("zh").ui("no-such-key") == "no-such-key"


def test_a_missing_fact_shows_as_a_dash() -> None:
    assert "–" in Texts("zh").fault(MissingKey(file="", key="a"))


def test_braces_in_a_fact_are_only_text() -> None:
    fault = MissingKey(file="{file.__class__}", key="{0}", allowed="{{}")
    assert "{file.__class__}" in Texts("en").fault(fault)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_record_says_has_words(language: Language) -> None:
    """A tap's reason, an event of the store's own, and an alarm that is a fault's code."""
    texts = Texts(language)
    told = [*Reason, *catalogue(language)["event"], *catalogue(language)["fault"]]
    assert all(texts.happened(code) != code for code in told)
    assert texts.happened("of-a-newer-version") == "of-a-newer-version"
