"""Whatever a console's encoding is, every text can be printed on it."""

import io
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from agent.streams import ERRORS, take_every_sign
from agent.texts import LANGUAGES, catalogue

ENCODINGS = ("utf-8", "gbk", "gb2312", "latin-1", "ascii", "cp437", "koi8-r", "shift_jis")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    take_every_sign()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_shipped_text_can_be_printed(encoding: str) -> None:
    for language in LANGUAGES:
        for words in catalogue(language).values():
            for text in words.values():
                assert text.encode(encoding, ERRORS)


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=20), st.sampled_from(ENCODINGS))
def test_any_text_can_be_printed(text: str, encoding: str) -> None:
    text.encode(encoding, ERRORS)


@pytest.mark.parametrize(
    ("sign", "encoding", "told"),
    [("✓", "gbk", "√"), ("✓", "latin-1", "OK"), ("✗", "ascii", "X"), ("…", "ascii", "...")],
)
def test_a_sign_is_told_by_one_that_the_console_has(sign: str, encoding: str, told: str) -> None:
    assert sign.encode(encoding, ERRORS).decode(encoding) == told


def test_a_files_name_that_is_no_text_is_told_by_its_bytes() -> None:
    assert "a\udcff".encode("utf-8", ERRORS) == b"a\\xff"


def test_a_closed_output_is_no_reason_to_end() -> None:
    code = "from agent.streams import take_every_sign; take_every_sign(); print('终端 ✓')"
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code], check=False
    )
    assert done.returncode == 0
