"""What a command costs before it begins: its own modules and no other's."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.app import COMMANDS, build
from agent.cli.columns import width
from agent.cli.context import Context
from agent.messages.texts import LANGUAGES, Language, Texts
from tests.agent.cli.terminal import on_terminal, piped
from tests.config.test_load import WHOLE

# Parts of the daemon, and libraries, that `--help` has no use for.
HEAVY = (
    "rich",
    "msgspec",
    "agent.daemon",
    "agent.equipment.gate",
    "offline_store",
    "sync",
    "drivers",
    "ssl",
)


def loaded(*arguments: str) -> set[str]:
    """The modules that a command brings with it."""
    code = (
        "import sys\nfrom agent.cli import main\n"
        f"sys.argv = ['onecard', *{list(arguments)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES ")[2].split())


def test_help_imports_nothing_of_the_daemon() -> None:
    assert not loaded("--help") & set(HEAVY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_help_tells_every_command_whole(language: Language) -> None:
    texts = Texts(language)
    told = CliRunner().invoke(build(Context(texts=texts)), ["--help"]).stdout
    for name, (_, key) in COMMANDS.items():
        assert f"  {name} " in told
        assert texts.ui(key)[:3] in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = CliRunner().invoke(build(Context(texts=Texts("zh"))), [name, "--help"])
    assert done.exit_code == 0
    assert name in done.stdout


@pytest.mark.parametrize("locale", ["zh_CN.UTF-8", "en_US.UTF-8"])
def test_help_fits_the_terminal(locale: str) -> None:
    status, told = on_terminal(["demo", "--help"], 60, LANG=locale)
    assert status == 0
    assert all(width(line) <= 60 for line in told.splitlines())


def test_a_command_that_does_not_exist_is_told() -> None:
    done = CliRunner().invoke(build(Context(texts=Texts("en"))), ["docter"])
    assert done.exit_code == 2
    assert "docter" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["journal", "show", "9" * 30],
        ["journal", "show", "1", "--epoch", "\udcff"],
        ["journal", "list", "--after", "9" * 30],
        ["journal", "list", "--limit", "9" * 30],
        ["journal", "export", ""],
        ["journal", "export", "/"],
        ["tap", "--wait", "nan"],
        ["tap", "--wait", "1e300"],
        ["trace", "record", "--wait", "inf"],
        ["trace", "show", "/dev/zero"],
        ["trace", "replay", "/etc"],
        ["config", "check", "/dev/zero"],
        ["config", "check", "\udcff"],
        ["devices", "release", "../x"],
        ["devices", "take-back", "\udcff"],
        ["journey", "stop", "\udcff"],
    ],
    ids=lambda arguments: " ".join(arguments).encode(errors="replace").decode(),
)
def test_no_argument_leaves_a_traceback(tmp_path: Path, arguments: list[str]) -> None:
    config = tmp_path / "onecard.toml"
    own = f'socket = "{tmp_path}/agent.sock"\ndata = "{tmp_path}/data"\n[scene]'
    config.write_text(WHOLE.replace("[scene]", own))
    done = piped(arguments, ONECARD_CONFIG=str(config), LANG="en_US.UTF-8")
    assert done.returncode in (2, 69)
    assert done.stderr
    assert b"Traceback" not in done.stderr
