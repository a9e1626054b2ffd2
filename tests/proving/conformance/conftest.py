"""One stage and our own library for all tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.facade.c import build
from proving.conformance.stage import Stage
from world.real import RealWorld


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libsscard as it is shipped."""
    return build.build(RealWorld(), tmp_path_factory.mktemp("libsscard"))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage
