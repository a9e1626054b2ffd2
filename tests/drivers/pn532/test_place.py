"""Whose turn it is at the reader: one card at a time, each once, and of several none or all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.pn532.place import Came, FieldPlace, Left, Several
from drivers.pn532.target import Target

looks = st.lists(
    st.tuples(st.lists(st.sampled_from("abcd"), unique=True, max_size=2), st.booleans()),
    max_size=30,
)


def target(name: str, number: int = 1) -> Target:
    return Target(number, name.encode() * 4, b"", True)


@dataclass
class Watched:
    """A place, and what it told, as letters."""

    several: Several
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place = FieldPlace(self.several)

    def look(self, names: Sequence[str], *, served: bool = False) -> None:
        self.place.served |= served
        found = [target(name, number) for number, name in enumerate(names, 1)]
        for told in self.place.see(found):
            if isinstance(told, Left):
                self.told.append(f"-{told.count}")
            else:
                self.told.append(f"{names_of(told)}{told.count}")


def names_of(came: Came) -> str:
    return "".join(chr(target.identifier[0]) for target in came.targets)


@pytest.mark.parametrize(
    ("several", "story", "told"),
    [
        ("refuse", ["a", "a", "", "a", ""], ["a1", "-1", "a2", "-2"]),
        ("refuse", ["a", "b", ""], ["a1", "-1", "b2", "-2"]),
        ("refuse", ["ab", "ab", ""], ["ab1", "-1"]),
        # one of the two stays a little longer: it is not taken
        ("refuse", ["ab", "a", "", "a"], ["ab1", "-1", "a2"]),
        # nor one that came into the company of those two
        ("refuse", ["ab", "bc", "c", "", "c"], ["ab1", "-1", "c2"]),
        # a second one comes while the first lies there
        ("refuse", ["a", "ab", "b", ""], ["a1", "-1", "ab2", "-2"]),
        ("refuse", ["ab", "cd"], ["ab1", "-1", "cd2"]),
        ("each", ["a", "a", ""], ["a1", "-1"]),
        ("each", ["ab", "ab", ""], ["a1", "-1"]),
        ("each", ["ab", "+ab", "+ab", ""], ["a1", "-1", "b2", "-2"]),
        ("each", ["ab", "+ab", "+b", "+ab", ""], ["a1", "-1", "b2", "-2", "a3", "-3"]),
        ("each", ["ab", "b", "+b", ""], ["a1", "-1", "b2", "-2"]),
        ("each", ["a", "+ab", "+ab", "+b"], ["a1", "-1", "b2"]),
    ],
)
def test_stories(several: Several, story: Sequence[str], told: Sequence[str]) -> None:
    watched = Watched(several)
    for look in story:
        watched.look(look.lstrip("+"), served=look.startswith("+"))
    assert watched.told == told


def test_target_numbers_follow_the_chips_last_list() -> None:
    place = FieldPlace("refuse")
    place.see([target("a", 1)])
    place.see([target("a", 2)])
    assert place.now is not None
    assert place.now.targets[0].number == 2


@given(st.sampled_from(["refuse", "each"]), looks)
def test_comings_and_leavings_alternate_and_counts_grow(
    several: Several, story: list[tuple[list[str], bool]]
) -> None:
    place = FieldPlace(several)
    inside: int | None = None
    last = 0
    for names, served in story:
        place.served |= served
        for told in place.see([target(name) for name in names]):
            if isinstance(told, Came):
                assert inside is None
                assert told.count == last + 1
                inside = last = told.count
            else:
                assert told.count == inside
                inside = None
        if names == []:
            assert place.now is None
            assert inside is None


@given(looks)
def test_refuse_never_offers_one_of_two(story: list[tuple[list[str], bool]]) -> None:
    place = FieldPlace("refuse")
    for names, served in story:
        place.served |= served
        for told in place.see([target(name) for name in names]):
            if isinstance(told, Came):
                assert told.refused == (len(names) == 2)


@given(looks)
def test_each_offers_a_card_once_until_it_leaves(story: list[tuple[list[str], bool]]) -> None:
    place = FieldPlace("each")
    offered: set[str] = set()
    for names, served in story:
        place.served |= served
        offered &= set(names)
        for told in place.see([target(name) for name in names]):
            if isinstance(told, Came):
                name = names_of(told)
                assert len(name) == 1
                assert name not in offered
                assert not told.refused
                offered.add(name)
