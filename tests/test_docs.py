"""docs/tests.md names only tests that exist, and each row one of them or the part it waits for."""

import ast
import re

from tests import product

PAGE = product.ROOT / "docs" / "tests.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def missing(page: str) -> list[str]:
    """The named tests that are not there."""
    return [f"{file}::{name}" for file, name in NAMED.findall(page) if name not in _functions(file)]


def _functions(file: str) -> set[str]:
    path = product.ROOT / file
    if not path.is_file():
        return set()
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_the_page_names_exists() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(NAMED.findall(page)) > 50
    assert missing(page) == []


def test_every_row_names_a_test_or_the_part_it_waits_for() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    bare = [row for row in rows if not NAMED.search(row) and "| later: " not in row]
    assert [row for row in bare if not row.startswith(("| Trap", "| Harness"))] == []


def test_control_a_test_that_does_not_exist_is_noticed() -> None:
    page = "`tests/test_docs.py::test_nobody_wrote` `tests/nowhere.py::test_at_all`"
    assert len(missing(page)) == 2
    assert missing("`tests/test_docs.py::test_every_test_that_the_page_names_exists`") == []
