"""A file of a command is whole under its name, or what was there before is; never a traceback."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from agent.cli.output import OutputIsFolder, OutputUnwritable, output
from tests.agent.cli.terminal import ONECARD, environment, piped
from world.real import RealWorld

WORLD = RealWorld()
TRACE = Path(__file__).parents[2] / "traces" / "vendor-test-card-3.0-sm4.jsonl"


class SmallStick(RealWorld):
    """A stick without room for what is to be synced."""

    def sync_file(self, file: object) -> None:
        raise OSError(28, "No space left on device")


def test_the_file_is_whole_and_its_owners(tmp_path: Path) -> None:
    with output(WORLD, tmp_path / "all.csv") as file:
        file.write(b"one\n")
        assert not (tmp_path / "all.csv").exists()
    assert (tmp_path / "all.csv").read_bytes() == b"one\n"
    assert (tmp_path / "all.csv").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["all.csv"]


@pytest.mark.parametrize("before", [None, b"before"])
def test_what_does_not_fit_leaves_what_was_there(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "all.csv"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(OutputUnwritable) as caught, output(SmallStick(), path) as file:
        file.write(b"half")
    assert caught.value.facts == {"file": str(path), "cause": "No space left on device"}
    assert os.listdir(tmp_path) == ([] if before is None else ["all.csv"])
    assert before is None or path.read_bytes() == before


def test_what_breaks_the_command_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    def interrupted() -> None:
        with output(WORLD, tmp_path / "all.csv") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["", "folder", "folder/"])
def test_a_folder_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputIsFolder), output(WORLD, tmp_path / name):
        pass


@pytest.mark.parametrize("path", ["nowhere/all.csv", "file/all.csv", "x" * 300])
def test_a_place_that_is_none_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable), output(WORLD, tmp_path / path) as file:
        file.write(b"")


def test_a_device_stays_a_device() -> None:
    with pytest.raises(OutputUnwritable), output(WORLD, Path("/dev/full")) as file:
        file.write(b"something")
    with output(WORLD, Path("/dev/null")) as file:
        file.write(b"something")
    assert Path("/dev/full").is_char_device()
    assert Path("/dev/null").is_char_device()


def test_a_link_goes_on_naming_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with output(WORLD, tmp_path / "link") as file:
        file.write(b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"one"


def test_a_named_pipe_takes_it_as_it_comes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with output(WORLD, tmp_path / "pipe") as file:
        file.write(b"one")
    reader.join()
    assert read == [b"one"]


@pytest.mark.parametrize("arguments", [["--help"], ["trace", "show", str(TRACE)]])
@pytest.mark.parametrize("as_json", [False, True])
def test_an_output_that_takes_nothing_is_a_sentence(arguments: list[str], as_json: bool) -> None:
    more = ["--json"] if as_json and "--help" not in arguments else []
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [ONECARD, *arguments, *more],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(LANG="en_US.UTF-8"),
            check=False,
        )
    assert done.returncode == 69
    assert b"No space left on device" in done.stderr or as_json
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_whoever_reads_no_further_hears_nothing_of_it() -> None:
    command = f"'{ONECARD}' trace show '{TRACE}' --json | head -c 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, env=environment(), check=False
    )
    assert done.stdout == b"{"
    assert done.stderr == b""


def test_a_path_that_is_no_text_is_told(tmp_path: Path) -> None:
    done = piped(["config", "check", f"{tmp_path}/\udcff.toml", "--json"], LANG="C.UTF-8")
    assert done.returncode == 69
    assert b"config.absent" in done.stdout
    done = piped(["config", "check", f"{tmp_path}/\udcff.toml"], LANG="C.UTF-8")
    assert b"Traceback" not in done.stderr
    assert b"\\xff.toml" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["config", "--help"], ["bench", "--help"]])
def test_whoever_has_read_enough_ends_it_as_sigpipe_would(words: list[str]) -> None:
    """typer takes a broken pipe for its own status 1."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([ONECARD, *words], stdout=pipe, check=False, timeout=100)
    assert done.returncode == 141
