"""Two distributions come from this repository: what a terminal needs, and all that is made up.

The wheels are built from a copy of the tree, as an earlier build's leftovers in it would be packed.
"""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests import product

AGENT = product.ROOT / "pyproject.toml"
# What a build could pack by mistake is in the copy too.
COPIED = (*product.ROOMS, *product.SIMULATED, "tests", "packaging")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")


def copied_to(folder: Path) -> Path:
    for name in COPIED:
        shutil.copytree(product.ROOT / name, folder / name, symlinks=True, ignore=NOT_COPIED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(product.ROOT / name, folder / name)
    return folder


def built(project: Path, out: Path) -> zipfile.ZipFile:
    """The project's wheel, by the environment's setuptools and without a network."""
    pip = [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--wheel-dir", str(out), str(project)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.iterdir()
    return zipfile.ZipFile(wheel)


def packed(wheel: zipfile.ZipFile) -> set[str]:
    """Its files, without what the wheel says of itself."""
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def strangers(names: Collection[str], rooms: Collection[str]) -> list[str]:
    """Packed files of other rooms."""
    return sorted(name for name in names if name.partition("/")[0] not in rooms)


def shipped_with(rooms: Collection[str]) -> set[str]:
    """The rooms' files in this tree, without what tools make."""
    return {
        str(path.relative_to(product.ROOT))
        for room in rooms
        for path in (product.ROOT / room).rglob("*")
        if path.suffix in (".py", ".toml", ".c", ".h", ".json", ".yaml", ".css", ".html")
    }


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_to(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def agent(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return built(tree, tmp_path_factory.mktemp("agent"))


@pytest.fixture(scope="module")
def simulators(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return built(tree / "packaging/simulators", tmp_path_factory.mktemp("simulators"))


def test_a_terminal_gets_the_product_and_nothing_made_up(agent: zipfile.ZipFile) -> None:
    assert strangers(packed(agent), product.ROOMS) == []
    assert shipped_with(product.ROOMS) <= packed(agent)


def test_the_simulators_are_whole_and_bring_nothing_of_the_product(
    simulators: zipfile.ZipFile,
) -> None:
    assert strangers(packed(simulators), product.SIMULATED) == []
    assert shipped_with(product.SIMULATED) == packed(simulators)


def test_both_have_their_licence(agent: zipfile.ZipFile, simulators: zipfile.ZipFile) -> None:
    for wheel in (agent, simulators):
        (licence,) = (name for name in wheel.namelist() if name.endswith("/LICENSE"))
        assert wheel.read(licence) == (product.ROOT / "LICENSE").read_bytes()


def test_the_simulators_want_the_agent_of_the_same_version(simulators: zipfile.ZipFile) -> None:
    version = tomllib.loads(AGENT.read_text("utf-8"))["project"]["version"]
    found = metadata(simulators)
    assert found["Version"] == version
    assert f"onecard-agent=={version}" in found.get_all("Requires-Dist", [])


def test_a_terminals_distribution_does_not_ask_for_the_simulators(agent: zipfile.ZipFile) -> None:
    asked = metadata(agent).get_all("Requires-Dist", [])
    assert not [one for one in asked if one.startswith("onecard-simulators")]


def test_control_a_terminals_wheel_with_simulators_in_it_is_caught(tmp_path: Path) -> None:
    text = AGENT.read_text("utf-8")
    wrong = text.replace('"agent*"]', '"agent*", "simulators*", "tests*"]')
    assert wrong != text
    folder = copied_to(tmp_path / "tree")
    (folder / "pyproject.toml").write_text(wrong, encoding="utf-8")
    found = strangers(packed(built(folder, tmp_path / "wheel")), product.ROOMS)
    assert {name.partition("/")[0] for name in found} == {"simulators", "tests"}


def test_control_a_room_that_is_left_out_is_caught(tmp_path: Path) -> None:
    folder = copied_to(tmp_path / "tree")
    project = folder / "packaging/simulators/pyproject.toml"
    text = project.read_text("utf-8")
    wrong = text.replace('"proving*", ', "").replace('"*.c"', '"*.h"')
    assert wrong != text
    project.write_text(wrong, encoding="utf-8")
    missing = shipped_with(product.SIMULATED) - packed(built(project.parent, tmp_path / "wheel"))
    assert "proving/proofs/money.py" in missing
    assert "simulators/usb_bus.c" in missing
