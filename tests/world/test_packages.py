"""What is installed is read once, and again when something was installed or taken away."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from world import packages
from world.packages import EntryPoint, entry_points, version

GROUP = "onecard.barriers"


def install(folder: Path, name: str, release: str = "1.0") -> Path:
    info = folder / f"{name}-{release}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}:Gate\n")
    return info


def names() -> set[str]:
    return {point.name for point in entry_points(group=GROUP)}


def test_it_knows_what_the_library_knows() -> None:
    for group in metadata.entry_points().groups:
        ours = {(p.name, p.value, p.package) for p in entry_points(group=group)}
        assert ours == {of_the_library(p) for p in metadata.entry_points(group=group)}
    (console,) = entry_points(group=GROUP, name="console")
    (same,) = metadata.entry_points(group=GROUP, name="console")
    assert console.load() is same.load()
    assert console.module == same.module
    assert not entry_points(group="onecard.nothing")


def of_the_library(point: metadata.EntryPoint) -> tuple[str, str, str]:
    assert point.dist is not None
    return point.name, point.value, re.sub(r"[-_.]+", "-", point.dist.name).lower()


def test_every_packages_version_is_the_librarys() -> None:
    for distribution in metadata.distributions():
        assert version(distribution.name) == metadata.version(distribution.name)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    with pytest.raises(LookupError):
        version("acme-that-nobody-has")


def test_the_first_of_a_name_on_the_path_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, release in (("behind", "2.0"), ("before", "3.0")):
        (tmp_path / place).mkdir()
        install(tmp_path / place, "Acme_Gates", release)
        monkeypatch.syspath_prepend(str(tmp_path / place))
    assert version("acme-gates") == "3.0"
    (point,) = entry_points(group=GROUP, name="Acme_Gates")
    assert point == EntryPoint("Acme_Gates", "Acme_Gates:Gate", GROUP, "acme-gates")


def test_a_strangers_damaged_files_harm_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names()
    info = install(tmp_path, "acme")
    (info / "entry_points.txt").write_bytes(b"\xff\xfe[\n=\n# a = b\n[onecard.barriers\nx")
    (tmp_path / "half-1.0.dist-info").write_text("a file, where a folder should be")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names() == before
    with pytest.raises(LookupError):
        version("empty")


@pytest.mark.parametrize(
    ("value", "found"),
    [("os.path:join", "join"), ("os.path : join [extra]", "join"), ("os.path", "posixpath")],
)
def test_what_is_named_is_loaded(value: str, found: str) -> None:
    assert EntryPoint("any", value, GROUP).load().__name__ == found


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
    monkeypatch.setattr(packages, "_points", lambda *_: pytest.fail("read again"))
    assert names() == before


def test_a_folder_that_does_not_exist_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = names()
    monkeypatch.syspath_prepend(str(tmp_path / "nowhere"))
    monkeypatch.syspath_prepend("")
    assert names() == before
