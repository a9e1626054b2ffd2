"""What is installed is read once, and again when something was installed or taken away."""

from importlib import metadata
from pathlib import Path

import pytest

from world.entry_points import entry_points

GROUP = "onecard.barriers"


def install(folder: Path, name: str) -> Path:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:Gate\n")
    return info


def names() -> set[str]:
    return {point.name for point in entry_points(group=GROUP)}


def test_it_knows_what_the_library_knows() -> None:
    assert list(entry_points(group=GROUP)) == list(metadata.entry_points(group=GROUP))
    (console,) = entry_points(group=GROUP, name="console")
    assert console in metadata.entry_points(group=GROUP, name="console")
    assert not entry_points(group="onecard.nothing")


def test_a_package_that_comes_and_goes_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = names()
    info = install(tmp_path, "acme")
    assert names() == before | {"acme"}
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    assert names() == before


def test_without_a_change_nothing_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = names()
    monkeypatch.setattr(metadata, "entry_points", lambda: pytest.fail("read again"))
    assert names() == before


def test_a_folder_that_does_not_exist_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names()
    monkeypatch.syspath_prepend(str(tmp_path / "nowhere"))
    monkeypatch.syspath_prepend("")
    assert names() == before
