"""No console is too old: every command prints on it, in a language that it can show."""

import json

import pytest

from tests.agent.cli.terminal import piped
from tests.config.mutations import EXAMPLE

ENCODINGS = ("gbk", "latin-1", "ascii")
COMMANDS = (
    ["--help"],
    ["config", "check", str(EXAMPLE)],
    ["config", "check", "/nowhere/终端.toml"],
    ["journal", "list", "--config", str(EXAMPLE)],
    ["readers", "--config", str(EXAMPLE)],
    ["doctor", "--config", str(EXAMPLE)],  # its marks are in no small set of signs
)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_prints(encoding: str, arguments: list[str]) -> None:
    done = piped(arguments, LANG="zh_CN.UTF-8", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    said = (done.stdout + done.stderr).decode(encoding)
    assert said
    assert "Traceback" not in said
    assert "[cli.not-text]" not in said, "it ended at a sign that the console lacks"
    assert "?" * 4 not in said, "English where Chinese cannot be read"


def test_json_is_whole_on_every_console() -> None:
    arguments = ["config", "check", "/nowhere/终端.toml", "--json"]
    for encoding in ENCODINGS:
        done = piped(arguments, LANG="zh_CN.UTF-8", PYTHONIOENCODING=encoding)
        assert json.loads(done.stdout.decode("ascii"))["facts"]["file"] == "/nowhere/终端.toml"
