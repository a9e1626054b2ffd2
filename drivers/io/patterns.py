"""What a setting means among the names that a system gives: the same text, else a shell pattern.

A name may hold what is a sign in a pattern: readers are called "… [CCID Interface] 00 00", and a
serial number is any text. A person who pastes a name means that name.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from operator import eq
from typing import Final


def fitting(setting: str, names: Iterable[str]) -> Sequence[str]:
    """Of `names`, in their order: those that are that very text; else those that the shell pattern
    fits; else those that it fits with each bracket as nothing but a bracket, as in a name that was
    pasted and given a `*` for its end."""
    among = list(names)
    for fits in READINGS:
        if found := [name for name in among if fits(name, setting)]:
            return found
    return ()


def alternatives(setting: str) -> Iterator[str]:
    """The whole text, because a name may hold a `|`; then what stands between its `|`."""
    yield setting
    if "|" in setting or setting != setting.strip():
        yield from (part.strip() for part in setting.split("|"))


def _brackets_as_they_are(name: str, setting: str) -> bool:
    return fnmatchcase(name, setting.replace("[", "[[]"))


READINGS: Final[Sequence[Callable[[str, str], bool]]] = (eq, fnmatchcase, _brackets_as_they_are)
