"""`[[cards]]`: what is said of cards that depart is checked before any card comes."""

import pytest

from config.load import parse
from config.model import AgentSettings
from tests.config.test_load import WHOLE, problems

KIND = """
[[cards]]
name = "old-chips"
regions = ["5199", "510000"]
generations = ["1.0"]
atr = "3B6D*"
internal_key_version = 1
rewrites = { "00A402" = "00A400" }
applications_by_fid = true
le_zero = false
addressing = ["select-tag"]
"""


def test_a_kind_of_cards_is_taken() -> None:
    agent: AgentSettings = parse(f"{WHOLE}{KIND}".encode(), "box.toml")
    (kind,) = agent.cards
    assert (kind.internal_key_version, kind.rewrites) == (1, {"00A402": "00A400"})


@pytest.mark.parametrize(
    ("old", "new", "code", "key"),
    [
        ('"5199"', '"5"', "config.wrong-value", "cards[old-chips].regions[#1]"),
        ('"1.0"', '"4.0"', "config.wrong-value", "cards[old-chips].generations[#1]"),
        ("3B6D*", "3b6d*", "config.wrong-value", "cards[old-chips].atr"),
        ("3B6D*", "[3B]*", "config.wrong-value", "cards[old-chips].atr"),
        ("= 1\n", "= 256\n", "config.wrong-value", "cards[old-chips].internal_key_version"),
        # Another length, and another instruction: a SELECT never becomes a VERIFY.
        ('"00A400"', '"00A40000"', "config.wrong-value", "cards[old-chips].rewrites"),
        ('"00A400"', '"002000"', "config.wrong-value", "cards[old-chips].rewrites"),
        ('"00A402"', '"00"', "config.wrong-key", "cards[old-chips].rewrites.00"),
        ('"select-tag"', '"by-name"', "config.wrong-value", "cards[old-chips].addressing[#1]"),
        ("applications_by_fid", "by_fid", "config.unknown-key", "cards[old-chips].by_fid"),
    ],
)
def test_what_does_not_fit_is_told_with_its_key(old: str, new: str, code: str, key: str) -> None:
    assert KIND.count(old) == 1
    found = [(p.code, p.facts["key"]) for p in problems(WHOLE + KIND.replace(old, new))]
    assert found == [(code, key)]


def test_a_kind_that_changes_nothing_and_one_behind_all_cards_say_nothing() -> None:
    nothing = '[[cards]]\nname = "nothing"\natr = "3B*"\n'
    every = '[[cards]]\nname = "every"\nle_zero = false\n'
    found = [(p.code, p.facts["key"]) for p in problems(f"{WHOLE}\n{nothing}{every}{KIND}")]
    assert found == [
        ("config.missing-key", "cards[nothing]"),
        ("config.wrong-value", "cards[old-chips]"),
    ]


def test_two_kinds_have_two_names() -> None:
    found = [(p.code, p.facts["key"]) for p in problems(WHOLE + KIND + KIND)]
    assert found == [("config.duplicate-name", "cards")]
