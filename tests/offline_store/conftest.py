"""A terminal's folder for each test."""

from pathlib import Path

import pytest

from tests.offline_store.support import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
