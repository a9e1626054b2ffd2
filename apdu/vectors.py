"""A published answer that a class must give. It stands in the class itself, as `vectors`;
`tests/apdu/test_vectors.py` walks all classes of this room and computes every one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Vector:
    """`getattr(cls, function)(*arguments) == expected`. Keys and people in it are invented."""

    function: str
    arguments: tuple[object, ...]
    expected: object
    source: str
