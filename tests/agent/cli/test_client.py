"""A daemon that hangs is another thing than one that is not there."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import client
from agent.cli.client import Client, DaemonAbsent, DaemonSilent
from world.real import RealWorld


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Path]:
    """Somebody listens, and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent.sock"))
        listener.listen()
        yield tmp_path / "agent.sock"


def test_one_that_does_not_answer_is_silent(deaf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.1)
    with pytest.raises(DaemonSilent) as caught:
        Client(RealWorld(), str(deaf)).get("/v1/status")
    assert caught.value.facts["socket"] == str(deaf)


def test_one_that_is_not_there_is_absent(tmp_path: Path) -> None:
    with pytest.raises(DaemonAbsent) as caught:
        Client(RealWorld(), str(tmp_path / "none")).get("/v1/status")
    assert not isinstance(caught.value, DaemonSilent)
