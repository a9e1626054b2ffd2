"""A sentence is in one language: the settings', else the locale's, also of what a daemon tells."""

import json
import sys
from pathlib import Path

import pytest

from agent.cli.client import DaemonRefused
from agent.cli.context import Context
from agent.messages.texts import Texts, language_of, locale_of
from tests.agent.cli.terminal import piped
from tests.config.test_load import WHOLE


@pytest.mark.parametrize(
    ("environment", "locale"),
    [
        ({}, ""),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN.UTF-8"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US"}, "en_US"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US", "LC_MESSAGES": "zh_CN"}, "en_US"),
        ({"LANG": "en_US", "LC_ALL": ""}, "en_US"),
    ],
)
def test_the_locale_of_messages_is_found_as_locale_7_says(
    environment: dict[str, str], locale: str
) -> None:
    assert locale_of(environment) == locale


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("", "zh"),
        ("C", "zh"),
        ("C.UTF-8", "zh"),
        ("POSIX", "zh"),
        ("zh_CN.GBK", "zh"),
        ("zh-Hans-CN", "zh"),
        ("zh_HK", "zh"),
        ("bo_CN", "zh"),
        ("bo_CN.UTF-8", "zh"),
        ("bo_IN", "zh"),
        ("ug_CN", "zh"),
        ("ug_CN@latin", "zh"),
        ("en_US.UTF-8", "en"),
        ("en_CN", "en"),
        ("de_DE@euro", "en"),
    ],
)
def test_a_locale_has_one_of_our_languages(locale: str, language: str) -> None:
    assert language_of("auto", locale) == language
    assert language_of("en", locale) == "en"
    assert language_of("zh", locale) == "zh"


@pytest.mark.parametrize(("setting", "language"), [("zh", "zh"), ("en", "en"), ("auto", "en")])
def test_the_settings_come_before_every_locale(tmp_path: Path, setting: str, language: str) -> None:
    config = tmp_path / "onecard.toml"
    config.write_text(
        WHOLE.replace("[scene]", f'language = "{setting}"\nsocket = "{tmp_path}/none"\n[scene]')
    )
    done = piped(
        ["sync", "status", "--json", "--config", str(config)], LC_ALL="en_US", LANG="zh_CN"
    )
    told = json.loads(done.stdout)
    facts = {"socket": f"{tmp_path}/none"}
    assert told["sentence"] == Texts(language).trouble("daemon.absent", facts)  # type: ignore[arg-type]


def test_what_the_daemon_tells_is_said_in_the_readers_language(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chinese = Texts("zh").trouble("loan.unknown", {})
    told = DaemonRefused(chinese, "journal.no-such-record", {"seq": 7})
    Context(texts=Texts("en")).fail(told)
    said = capsys.readouterr().err
    assert Texts("en").trouble("journal.no-such-record", {"seq": 7}) in said
    assert "[journal.no-such-record]" in said
    assert said.isascii()


def test_a_fault_that_only_the_daemon_knows_is_said_in_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Context(texts=Texts("en")).fail(DaemonRefused("它的话", "of.tomorrow", {}))
    assert "它的话" in capsys.readouterr().err


def test_a_console_without_chinese_signs_gets_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN")
    assert Context().texts.language == "zh"

    class Old:
        encoding = "latin-1"

    monkeypatch.setattr(sys, "stdout", Old())
    assert Context().texts.language == "en"
