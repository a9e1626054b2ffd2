"""Whatever a console's encoding is, every text can be printed on it."""

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages.texts import LANGUAGES, catalogue
from agent.streams import INSTEAD, errors_of, take_every_sign

# Of Unicode, of two bytes, and code pages of eight bits, whose errors do not say which they are.
ENCODINGS = (
    "utf-8", "utf-16", "gbk", "gb2312", "big5", "shift_jis", "latin-1", "ascii", "cp437", "cp850",
    "cp866", "cp1252", "iso8859-5", "koi8-r",
)  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_shipped_text_can_be_printed(encoding: str) -> None:
    for language in LANGUAGES:
        for words in catalogue(language).values():
            for text in words.values():
                assert text.encode(encoding, errors_of(encoding))


@given(
    st.text(max_size=20) | st.text(sorted({*INSTEAD, *"".join(map("".join, INSTEAD.values()))})),
    st.sampled_from(ENCODINGS),
)
def test_any_text_can_be_printed(text: str, encoding: str) -> None:
    text.encode(encoding, errors_of(encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_any_sign_goes_to_the_output_itself(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, "strict"))
    take_every_sign()
    sys.stdout.write("".join(INSTEAD) + "终端 \U0001f600 \udcff")
    sys.stdout.flush()
    assert "\\xff" in written.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("sign", "encoding", "told"),
    [
        ("✓", "gbk", "√"),
        ("✓", "latin-1", "OK"),
        ("✓", "cp437", "√"),
        ("✗", "cp437", "X"),
        ("✗", "cp850", "×"),
        ("✗", "ascii", "X"),
        ("…", "ascii", "..."),
    ],
)
def test_a_sign_is_told_by_one_that_the_console_has(sign: str, encoding: str, told: str) -> None:
    assert sign.encode(encoding, errors_of(encoding)).decode(encoding) == told


def test_a_files_name_that_is_no_text_is_told_by_its_bytes() -> None:
    assert "a\udcff".encode("utf-8", errors_of("utf-8")) == b"a\\xff"


def test_a_closed_output_is_no_reason_to_end() -> None:
    code = "from agent.streams import take_every_sign; take_every_sign(); print('终端 ✓')"
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, code], check=False
    )
    assert done.returncode == 0
