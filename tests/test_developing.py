"""docs/developing.md: each recipe is taken from the page, built in a folder of its own and judged
by its contract suite, or by the smallest use of it; a block that does not work fails here.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from tests import product
from tests.recipes import (
    PAGE,
    TREE,
    DoesNotFit,
    Recipe,
    changed,
    copy_of_the_tree,
    install,
    recipe,
    recipes,
)

Build = Callable[[Recipe, Path], Path]


def strangers_package(made: Recipe, folder: Path) -> Path:
    """A package of its own, found by the path; the product is the one that is tested here."""
    assert made.changes == []
    made.build(folder)
    install(folder)
    return product.ROOT


def changed_tree(made: Recipe, folder: Path) -> Path:
    """The repository with the recipe in it."""
    made.build(copy_of_the_tree(folder))
    if any(path.startswith("agent/messages/") for path, _ in made.changes):
        write_codes(folder)
    return folder


def write_codes(tree: Path) -> None:
    """As the recipe says."""
    page = ran(tree, tree, "-m", "agent.messages.document")
    assert page.returncode == 0, page.stderr
    (tree / "docs" / "codes.md").write_text(page.stdout, encoding="utf-8")


def ran(folder: Path, product_in: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(product_in)])
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def judged(made: Recipe, folder: Path, case: "Case") -> subprocess.CompletedProcess[str]:
    return ran(
        folder,
        case.build(made, folder),
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *case.tests),
    )


@dataclass(frozen=True)
class Case:
    """How a recipe is built, the tests that judge it, and a slip on the page that they must find:
    file, what stands there, what stands there instead."""

    build: Build
    tests: Sequence[str]
    slip: tuple[str, str, str] = field(repr=False)


CASES: Final[Mapping[str, Case]] = {
    "A scene": Case(
        strangers_package,
        ["test_reading_room.py"],
        ("reading_room/__init__.py", "judged.reason is not None", "judged.reason == 1"),
    ),
    "A driver": Case(
        strangers_package,
        ["test_acme_display.py"],
        ("acme_display.py", "if line is not None:", "if True:"),
    ),
    "A reason": Case(
        changed_tree,
        ["tests/agent/messages/test_texts.py"],
        ("agent/messages/reasons.toml", "+remedy.zh", "+remedi.zh"),
    ),
    "A signed list": Case(
        changed_tree,
        ["tests/agent/fares/test_closed_days.py"],
        ("agent/fares/rules.py", "self._lines, self._closed)", "self._lines)"),
    ),
    "A card generation": Case(
        changed_tree,
        ["tests/apdu/social_security/test_generation_4.py"],
        ("apdu/social_security/files.py", "Generation.V3, Generation.V4}", "Generation.V3}"),
    ),
    "A code": Case(
        changed_tree,
        ["tests/agent/identify/test_day_pass.py", "tests/agent/identify/test_proof.py"],
        ("agent/identify/day_pass_resolver.py", "found if good else", "found if found else"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_the_page_says_works(name: str, tmp_path: Path) -> None:
    done = judged(recipe(name), tmp_path, CASES[name])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("name", CASES)
def test_control_a_slip_on_the_page_is_found(name: str, tmp_path: Path) -> None:
    case, made = CASES[name], recipe(name)
    path, right, wrong = case.slip
    slipped = with_slip(made, path, right, wrong)
    assert slipped != made
    try:
        done = judged(slipped, tmp_path, case)
    except AssertionError:  # it does not even load
        return
    assert done.returncode == 1, done.stdout[-4000:] + done.stderr[-2000:]


def with_slip(made: Recipe, path: str, right: str, wrong: str) -> Recipe:
    slipped = replace(
        made,
        files={
            name: text.replace(right, wrong) if name == path else text
            for name, text in made.files.items()
        },
        changes=[
            (name, text.replace(right, wrong) if name == path else text)
            for name, text in made.changes
        ],
    )
    assert slipped != made, right
    return slipped


def test_every_recipe_of_the_page_is_judged() -> None:
    assert set(recipes(PAGE.read_text(encoding="utf-8"))) == set(CASES)


def test_a_scene_of_ours_changes_one_file_that_was_there(tmp_path: Path) -> None:
    tree, room = copy_of_the_tree(tmp_path), recipe("A scene")
    for path, text in room.files.items():
        if path.startswith("reading_room/"):
            place = tree / "agent" / "scenes" / path
            place.parent.mkdir(exist_ok=True)
            place.write_text(as_ours(text), encoding="utf-8")
    test = tree / "tests" / "agent" / "scenes" / "test_reading_room.py"
    test.write_text(as_ours(room.files["test_reading_room.py"]), encoding="utf-8")
    add_the_entry_point(tree / "pyproject.toml")
    assert files_changed(tree) == {"pyproject.toml"}
    install(tree)
    done = ran(tree, tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test))
    assert done.returncode == 0, done.stdout[-4000:]
    found = ran(tree, tree, "-c", f"{FIND}('reading-room').__module__, ours(point))")
    assert found.stdout.split() == ["agent.scenes.reading_room", "True"], found.stderr


FIND: Final = """
from world.packages import entry_points
from agent.scenes.registry import find
from drivers.foreign.guard import ours
[point] = entry_points(group='onecard.scenes', name='reading-room')
print(find"""


def as_ours(text: str) -> str:
    return text.replace('files("reading_room")', 'files("agent.scenes.reading_room")').replace(
        "from reading_room import", "from agent.scenes.reading_room import"
    )


def add_the_entry_point(project: Path) -> None:
    group = '[project.entry-points."onecard.scenes"]\n'
    text = project.read_text(encoding="utf-8")
    assert group in text
    point = 'reading-room = "agent.scenes.reading_room:ReadingRoom"\n'
    project.write_text(text.replace(group, group + point), encoding="utf-8")


def files_changed(tree: Path) -> set[str]:
    """Of the product's that were there."""
    there = [
        path
        for room in TREE
        if room != "tests"
        for path in (product.ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    there.append(product.ROOT / "pyproject.toml")
    names = (path.relative_to(product.ROOT) for path in there)
    return {
        str(name)
        for name in names
        if (tree / name).exists()
        and (tree / name).read_bytes() != (product.ROOT / name).read_bytes()
    }


def test_the_pages_code_is_written_as_ours_is(tmp_path: Path) -> None:
    for name, made in recipes(PAGE.read_text(encoding="utf-8")).items():
        folder = tmp_path / name
        folder.mkdir()
        replace(made, changes=[]).build(folder)
        (folder / "pyproject.toml").write_bytes((product.ROOT / "pyproject.toml").read_bytes())
        for words in (["check", "--ignore", "I001"], ["format", "--check"]):
            done = ran(folder, product.ROOT, "-m", "ruff", *words, ".")
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("text", "diff", "becomes"),
    [
        ("a\nb\nc\n", " b\n+new\n", "a\nb\nnew\nc\n"),
        ("a\nb\nc\n", "-b\n+new\n", "a\nnew\nc\n"),
        ("a\n\nc\n", " a\n\n+new\n c\n", "a\n\nnew\nc\n"),
        ("a\nb\nc\n", "-a\n@@\n c\n+d\n", "b\nc\nd\n"),
    ],
)
def test_a_diff_changes_the_place_that_it_shows(text: str, diff: str, becomes: str) -> None:
    assert changed(text, diff) == becomes


@pytest.mark.parametrize("diff", [" x\n+new\n", " a\n+new\n", " b\n c\n"])
def test_control_a_place_that_is_not_there_or_twice_does_not_fit(diff: str) -> None:
    with pytest.raises(DoesNotFit):
        changed("a\nb\na\n", diff)
