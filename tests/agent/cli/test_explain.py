"""`onecard explain`: by the daemon, or by the terminal's own parts; words and exit statuses."""

import json

import pytest

from agent.beside import UNAVAILABLE
from agent.cli.explain import ROW
from tests.agent.cli.terminal import piped


@pytest.mark.parametrize("word", ["", "7", "e:7", f"{'e' * 32}:0", f"{'g' * 32}:1", "x" * 200])
def test_what_names_no_row_is_told_before_anything_is_looked_at(word: str) -> None:
    done = piped(["explain", word, "--json"])
    assert done.returncode == UNAVAILABLE
    assert json.loads(done.stdout)["error"] == "explain.not-a-row"


def test_a_row_is_named_as_the_journal_lists_it() -> None:
    named = ROW.fullmatch(f"{'e' * 32}:17")
    assert named is not None
    assert named.groups() == ("e" * 32, "17")
