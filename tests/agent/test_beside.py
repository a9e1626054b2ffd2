"""What ends a tool beside `onecard` is a sentence in the reader's language, and status 69."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import ROOT

HOURS = ("--first", "2026-10-01T09:00", "--last", "2026-10-01T10:00")
ASKED = {
    "library into nothing": ("agent.facade.c.build", "--out", "{here}/none/lib"),
    "library into a file": ("agent.facade.c.build", "--out", "{here}/file"),
    "voices into nothing": ("agent.voices.build", "--out", "{here}/none/pack"),
    "texts that are not there": ("agent.voices.build", "--out", "{here}", "--texts", "{here}/x"),
    "texts that are a folder": ("agent.voices.build", "--out", "{here}", "--texts", "{here}"),
    "no key": (
        "agent.identify.tickets.issue",
        "--keys",
        "{here}/x",
        "--key",
        "k",
        "--key-id",
        "1",
        *HOURS,
    ),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "en_US.UTF-8"])
def test_what_a_tool_cannot_do_is_a_sentence(tmp_path: Path, asked: str, locale: str) -> None:
    (tmp_path / "file").touch()
    module, *words = (word.format(here=tmp_path) for word in ASKED[asked])
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        cwd=ROOT,
        env={"LANG": locale, "PATH": "/usr/bin:/bin"},
        check=False,
    )
    said = done.stderr.decode()
    assert done.returncode == (78 if asked == "no key" else 69)
    assert re.search(r" \[[a-z]+\.[a-z-]+\]$", said)
    assert len(said.splitlines()) == 1
    assert bool(re.search(r"[\u4e00-\u9fff]", said)) == (locale == "zh_CN.UTF-8")
