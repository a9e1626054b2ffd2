"""`./run` works from wherever it is called, and brings along only what the command needs."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import product

# What an environment is made from; it is made anew when one of them changes.
STAMPED = ("pyproject.toml", "packaging/simulators/pyproject.toml", "constraints.txt")
SAYS = '#!/bin/sh\necho "$(basename "$0")" "$@"\npwd\n'
INSTALLED = """#!/bin/sh
for word; do case "$word" in -*) ;; *) printf '|%s install ok installed|' "$word" ;; esac; done
echo "$@" >>"$DPKG_ASKED"
"""


class Checkout:
    """A copy of `run` with an environment whose programs only say how they were called, on a
    machine on which every package is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "check out"
        self.environment = self.folder / ".venv"
        self.asked = folder / "asked"
        (self.environment / "bin").mkdir(parents=True)
        (self.folder / "packaging/simulators").mkdir(parents=True)
        for name in ("run", *STAMPED):
            shutil.copy(product.ROOT / name, self.folder / name)
        for name in ("onecard", "python", "ruff", "mypy"):
            self.program(self.environment / "bin" / name, SAYS)
        made = (product.ROOT / name for name in STAMPED)
        stamp = hashlib.sha256(b"".join(path.read_bytes() for path in made)).hexdigest()
        (self.environment / "onecard-stamp").write_text(f"{stamp}  -\n")
        parts = self.environment / "parts/usr"
        (parts / "lib/pcsc/drivers/serial").mkdir(parents=True)
        (parts / "lib/pcsc/drivers/serial/libifdvpcd.so").touch()
        (parts / "sbin").mkdir()
        shutil.copy("/bin/true", parts / "sbin/mosquitto")
        parser = self.environment / "asyncapi/node_modules/@asyncapi/parser/package.json"
        parser.parent.mkdir(parents=True)
        parser.touch()
        self._voices()
        self.program(folder / "bin/dpkg-query", INSTALLED)
        self._path = f"{folder / 'bin'}:/usr/bin:/bin"

    def run(
        self, *arguments: str, at: Path, by: Path | None = None, **environment: str
    ) -> list[str]:
        """The lines that the program printed which it came to."""
        done = subprocess.run(
            [str(by or self.folder / "run"), *arguments],
            cwd=at,
            env={"PATH": self._path, "DPKG_ASKED": str(self.asked), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def packages(self) -> set[str]:
        """What had to be installed so far."""
        words = self.asked.read_text().split()
        return {word for word in words if not word.startswith(("-", "|", "$"))}

    @staticmethod
    def program(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def _voices(self) -> None:
        """As if spoken already: of texts that are empty here."""
        for name in ("agent/messages/zh.toml", "agent/voices/build.py"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).touch()
        pack = self.folder / "agent/voices/pack"
        pack.mkdir()
        (pack / "stamp").write_text(f"{hashlib.sha256(b'').hexdigest()}  -\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "else where"
    folder.mkdir()
    return folder


def test_paths_are_those_of_the_callers_folder(checkout: Checkout, elsewhere: Path) -> None:
    said = checkout.run("config", "check", "mine.toml", at=elsewhere)
    assert said == ["onecard config check mine.toml", str(elsewhere)]
    assert checkout.run("exec", "pwd", at=elsewhere) == [str(elsewhere)]
    assert checkout.run("simulators", at=elsewhere) == ["python -m simulators", str(elsewhere)]


def test_tests_that_are_named_are_found_from_the_callers_folder(
    checkout: Checkout, elsewhere: Path
) -> None:
    assert checkout.run("test", "x.py", at=elsewhere)[-1] == str(elsewhere)
    assert checkout.run("test", at=elsewhere)[-1] == str(checkout.folder)


def test_a_link_leads_to_the_checkout(checkout: Checkout, elsewhere: Path) -> None:
    (elsewhere / "link").symlink_to(os.path.relpath(checkout.folder / "run", elsewhere))
    (elsewhere / "again").symlink_to("link")
    for by in ("link", "again"):
        said = checkout.run("doctor", at=elsewhere, by=elsewhere / by)
        assert said == ["onecard doctor", str(elsewhere)]


@pytest.mark.parametrize("name", ["{}/moved", "moved", "./moved", "../else where/moved"])
def test_the_environment_may_lie_anywhere(checkout: Checkout, elsewhere: Path, name: str) -> None:
    checkout.environment.rename(elsewhere / "moved")
    place = name.format(elsewhere)
    assert checkout.run("doctor", at=elsewhere, ONECARD_VENV=place)[0] == "onecard doctor"


@pytest.mark.parametrize("command", ["doctor", "run", "tap", "config", "devices", "libsscard"])
def test_a_terminal_gets_nothing_that_only_demo_and_tests_need(
    checkout: Checkout, elsewhere: Path, command: str
) -> None:
    shutil.rmtree(checkout.environment / "parts")
    checkout.run(command, at=elsewhere)
    assert "pcscd" in checkout.packages()
    assert not {"mosquitto", "vsmartcard-vpcd", "chromium", "opensc"} & checkout.packages()
    assert not (checkout.environment / "parts").exists()


@pytest.mark.parametrize("command", ["demo", "bench", "prove", "conform", "simulators", "exec"])
def test_what_would_listen_is_never_installed(
    checkout: Checkout, elsewhere: Path, command: str
) -> None:
    checkout.run(command, "true", at=elsewhere)
    assert not {"mosquitto", "vsmartcard-vpcd"} & checkout.packages()


def test_a_terminals_environment_is_enough_for_a_terminal(
    checkout: Checkout, elsewhere: Path
) -> None:
    stamp = checkout.environment / "onecard-stamp"
    stamp.write_text(f"{stamp.read_text().rstrip()} terminal\n")
    assert checkout.run("doctor", at=elsewhere)[0] == "onecard doctor"


def test_its_help_names_its_own_commands_too(checkout: Checkout, elsewhere: Path) -> None:
    for asked in ([], ["--help"]):
        said = checkout.run(*asked, at=elsewhere)
        assert any(line.startswith("  ./run simulators") for line in said)
        assert said[-2] == "onecard --help"


def test_a_registry_that_does_not_answer_holds_nobody_up(
    checkout: Checkout, elsewhere: Path
) -> None:
    shutil.rmtree(checkout.environment / "asyncapi")
    programs = checkout.folder.parent / "bin"
    checkout.program(programs / "npm", "#!/bin/sh\nexec sleep infinity\n")
    soon = '#!/bin/sh\nshift 2\nexec /usr/bin/timeout 0.1 "$@"\n'
    checkout.program(programs / "timeout", soon)
    assert checkout.run("test", at=elsewhere)[-1] == str(checkout.folder)
