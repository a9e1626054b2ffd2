"""Every vector that stands in a class of `apdu` is computed here, whichever class it is."""

import importlib
import inspect
import pkgutil

import pytest

import apdu
from apdu.vectors import Vector


def classes_with_vectors() -> list[type]:
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(apdu.__path__, "apdu."):
        for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if "vectors" in vars(cls):
                found[f"{cls.__module__}.{cls.__qualname__}"] = cls
    return list(found.values())


CASES = [(cls, vector) for cls in classes_with_vectors() for vector in cls.vectors]  # type: ignore[attr-defined]


def compute(cls: type, vector: Vector) -> object:
    return getattr(cls, vector.function)(*vector.arguments)


@pytest.mark.parametrize(
    ("cls", "vector"),
    CASES,
    ids=[f"{c.__name__}-{v.function}" for c, v in CASES],
)
def test_every_class_gives_its_published_answers(cls: type, vector: Vector) -> None:
    assert compute(cls, vector) == vector.expected, vector.source


def test_the_walk_finds_the_classes_that_matter() -> None:
    names = {cls.__name__ for cls in classes_with_vectors()}
    assert {
        "TripleDes",
        "Sm4",
        "LevelFactors",
        "CardIdentificationCode",
        "CardNumber",
        "Des3Purse",
    } <= names


def test_a_wrong_vector_is_noticed() -> None:
    """The control: a vector with one bit off does not pass."""
    cls, vector = next((c, v) for c, v in CASES if isinstance(v.expected, bytes))
    assert isinstance(vector.expected, bytes)
    wrong = bytes((vector.expected[0] ^ 1,)) + vector.expected[1:]
    assert compute(cls, vector) != wrong
