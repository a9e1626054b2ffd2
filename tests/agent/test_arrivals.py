"""When a list came is remembered with its version, and known of no other."""

from pathlib import Path

import pytest

from agent.arrivals import Arrivals
from offline_store.clock import Clock
from trust.envelope import Envelope, Manifest
from world import Fault
from world.real import RealWorld


class At(RealWorld):
    """Its clock stands where it is put."""

    def __init__(self, time: float) -> None:
        super().__init__()
        self.time = time

    def now(self) -> float:
        return self.time


class Held:
    """Lists that take all but one."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def versions(self) -> dict[str, int]:
        return self.held

    def install(self, envelope: Envelope) -> None:
        if envelope.manifest.name == "bad":
            raise Fault(list="bad")
        self.held = {**self.held, envelope.manifest.name: envelope.manifest.version}


def envelope(name: str, version: int) -> Envelope:
    manifest = Manifest(
        kind="list", name=name, version=version, audience="*", issuer="k", created=1, expires=0
    )
    return Envelope(manifest, b"")


def arrivals(world: RealWorld, folder: Path) -> Arrivals:
    return Arrivals(world, Clock(world), folder)


def test_what_was_installed_is_known_with_its_time_also_after_a_restart(tmp_path: Path) -> None:
    held = Held()
    noted = arrivals(At(1000.5), tmp_path)
    handler = noted.noting(held)
    handler.install(envelope("blacklist", 3))
    assert handler.versions() == {"blacklist": 3}
    assert noted.times(held.held) == {"blacklist": 1_000_500}
    later = arrivals(At(2000.0), tmp_path)
    assert later.times(held.held) == {"blacklist": 1_000_500}
    assert later.times({"blacklist": 4}) == {}, "of another version nothing is known"


def test_what_was_refused_did_not_come(tmp_path: Path) -> None:
    noted = arrivals(At(1000.0), tmp_path)
    with pytest.raises(Fault):
        noted.noting(Held()).install(envelope("bad", 1))
    assert noted.times({"bad": 1}) == {}


@pytest.mark.parametrize("raw", [b"", b"\x00", b"[1]", b'{"blacklist": 3}'])
def test_a_damaged_file_is_as_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "arrived.json").write_bytes(raw)
    assert arrivals(At(1.0), tmp_path).times({"blacklist": 3}) == {}


def test_a_full_disk_keeps_no_list_from_being_used(tmp_path: Path) -> None:
    class Full(At):
        def replace_file(self, path: Path, data: bytes, permissions: int = 0o600) -> None:
            raise OSError(28, "No space left on device")

    noted = arrivals(Full(1.0), tmp_path)
    noted.noting(Held()).install(envelope("blacklist", 3))
    assert noted.times({"blacklist": 3}) == {"blacklist": 1000}
