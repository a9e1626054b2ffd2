"""docs/tests.md names only tests that exist, and each row one of them or the part it waits for; all
pages are wrapped.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import product

PAGE = product.ROOT / "docs" / "tests.md"
PAGES = [*product.ROOT.glob("*.md"), *product.ROOT.glob("docs/*.md")]
COLUMNS = 120
NAMED = re.compile(r"`((?:tests|contracts)/[\w/]+\.py)::(\w+)`")


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


def long_lines(page: str) -> Iterator[str]:
    """Lines beyond 120 columns, but for tables, print-outs, and what holds no blank to break at."""
    printed = False
    for line in page.splitlines():
        printed ^= line.lstrip().startswith("```")
        breakable = " " in line.strip().lstrip("-").strip()
        if len(line) > COLUMNS and not printed and breakable and not line.startswith("|"):
            yield line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_wrapped_at_120_columns(page: Path) -> None:
    assert list(long_lines(page.read_text(encoding="utf-8"))) == []


def test_control_a_long_line_is_noticed() -> None:
    words = "word " * 30
    assert list(long_lines(f"short\n{words}\n- {words}\n")) == [words, f"- {words}"]
    assert list(long_lines(f"| {words} |\n```\n{words}\n```\n{'x' * 130}\n- {'x' * 130}")) == []
