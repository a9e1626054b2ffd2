"""Wrong words of a command, and the words that typer adds to the help, are in one language."""

import errno
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from agent.cli.app import COMMANDS, build, run
from agent.cli.context import Context
from agent.messages.texts import Texts
from tests.agent.cli.terminal import ONECARD, environment, piped

WRONG = {
    "tpa": ("cli.no-command", "journal"),
    "journal foo": ("cli.no-command", "verify"),
    "tap --foo": ("cli.no-option", "--foo"),
    "demo --scene": ("cli.option-alone", "onecard demo --help"),
    "demo --stay=3": ("cli.option-alone", "--stay"),
    "journal show": ("cli.missing", "seq"),
    "journal list --limit 0": ("cli.bad-value", "--limit"),
    "journal list --limit many": ("cli.bad-value", "integer ≥ 1 ≤ 100000"),
    "journal list --after -1": ("cli.bad-value", "9223372036854775807"),
    "tap --wait nan": ("cli.bad-value", "number ≥ 1 ≤ 86400"),
    "tap here": ("cli.usage", "onecard tap --help"),
}
ENGLISH = re.compile(r"[a-z]+ [a-z]+ [a-z]+")  # three words beside one another


@pytest.mark.parametrize("words", WRONG)
@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "en_US.UTF-8"])
def test_wrong_words_of_a_command_are_told_in_the_readers_language(
    words: str, language: str
) -> None:
    code, named = WRONG[words]
    done = piped(words.split(), LANG=language)
    said = done.stderr.decode()
    assert done.returncode == 2
    assert f"[{code}]" in said
    assert named in said
    assert bool(re.search(r"[\u4e00-\u9fff]", said)) == (language == "zh_CN.UTF-8")


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_of_a_command_are_told_to_programs_as_json(words: str) -> None:
    done = piped(
        [*words.split(), "--json"] if words != "demo --scene" else ["demo", "--json", "--scene"]
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"] == WRONG[words][0]


@pytest.mark.parametrize("words", ["", *COMMANDS, "journal list", "trace record", "journal export"])
def test_help_is_in_one_language(words: str) -> None:
    if words in ("bench", "prove"):  # argparse's, for developers
        return
    said = piped([*words.split(), "--help"], LANG="zh_CN.UTF-8").stdout.decode()
    assert said.startswith("用法：onecard")
    assert not ENGLISH.search(said.partition("\n")[2])  # behind the command itself
    assert "Options" not in said
    assert "default" not in said


def test_what_the_system_refuses_is_not_told_as_a_fault_of_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(context: Context) -> typer.Typer:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("agent.cli.app.build", refused)
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 69
    said = capsys.readouterr().err
    assert "[cli.system-call]" in said
    assert "Operation not permitted" in said


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """It and all within it, by what is written to call them."""
    yield path, command
    context = command.make_context(path, [], resilient_parsing=True)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else []:
        yield from commands(command.get_command(context, name), f"{path} {name}")


def test_every_option_and_argument_says_what_it_is_for() -> None:
    whole = get_command(build(Context(texts=Texts("en"))))
    silent = [
        f"{path} {parameter.name}"
        for path, command in commands(whole, "onecard")
        if command.name not in ("bench", "prove")  # argparse's, for developers
        for parameter in command.params
        if not parameter.help
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("words", "status"),
    {
        "": 2,
        "tpa": 2,
        "tap --foo": 2,
        "journal": 2,
        "journal list -c /": 69,
        "--version": 0,
    }.items(),
)
def test_a_status_is_the_same_where_nobody_can_be_told(words: str, status: int) -> None:
    with Path("/dev/full").open("wb") as full:
        assert _status_of(words, full.fileno()) == status
    ours, theirs = os.pipe()
    os.close(ours)
    assert _status_of(words, theirs) == status
    os.close(theirs)


def _status_of(words: str, errors: int) -> int:
    """How a command ends whose errors go there."""
    return subprocess.run(
        [ONECARD, *words.split()],
        stdout=subprocess.DEVNULL,
        stderr=errors,
        check=False,
        env=environment(PYTHONUNBUFFERED=""),
    ).returncode
