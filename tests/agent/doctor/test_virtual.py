"""A reader that programs or other machines put cards into never goes unseen."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.doctor.findings import Finding
from tests.agent.doctor.cases import LISTENING, VPCD, examined, machine, readers

VIRTUAL = {"reader-virtual", "pcscd-listens"}


def seen(findings: list[Finding]) -> list[tuple[str, bool, str | int]]:
    return [(f.id, f.well, next(iter(f.facts.values()))) for f in findings if f.id in VIRTUAL]


@pytest.mark.parametrize(
    "name", ["Virtual PCD 00 00", "Virtual PCD 00 01", "vpcd 01 00", "Foo VIRTUAL Reader 00 00"]
)
def test_a_virtual_reader_is_told_by_its_name(name: str) -> None:
    attached = {**readers(), "attached": ["ACS ACR1281 00 00", name]}
    assert seen(examined(looked=attached)) == [("reader-virtual", False, name)]


def test_a_real_reader_is_no_virtual_one() -> None:
    assert seen(examined()) == []


@pytest.mark.parametrize(
    "file", ["etc/reader.conf.d/vpcd", "etc/reader.conf.d/renamed", "etc/reader.conf"]
)
def test_a_virtual_reader_under_a_real_readers_name_is_told_by_its_driver(file: str) -> None:
    stanza = VPCD.replace(b"Virtual PCD", b"ACS ACR1281")
    assert seen(machine({file: stanza})) == [("reader-virtual", False, f"/{file}")]


def test_a_stanza_that_is_not_in_force_is_none() -> None:
    commented = b"".join(b"# " + line for line in VPCD.splitlines(keepends=True))
    serial = VPCD.replace(b"libifdvpcd", b"libccidtwin")
    files = {"etc/reader.conf.d/vpcd": commented, "etc/reader.conf.d/twin": serial}
    assert seen(machine(files)) == []


@pytest.mark.parametrize(
    ("local", "address"),
    [
        ("00000000:8C7B", "0.0.0.0:35963"),
        ("0100007F:8C7C", "127.0.0.1:35964"),
        ("00000000000000000000000000000000:8C7B", "[::]:35963"),
        ("B80D0120000000000000000001000000:8C7B", "[2001:db8::1]:35963"),
    ],
)
def test_a_port_that_the_reader_service_keeps_open_is_told(local: str, address: str) -> None:
    row = f"head\n 0: {local} 0:0 0A 0:0 00:0 0 0 0 4711 1\n".encode()
    table = "proc/net/tcp" if len(local) < 20 else "proc/net/tcp6"
    files: Mapping[str, bytes | str] = {**LISTENING, "proc/net/tcp": b"head\n", table: row}
    assert seen(machine(files)) == [("pcscd-listens", False, address)]


def test_a_line_that_the_reader_service_has_dialled_is_no_open_port() -> None:
    row = b"head\n 0: 00000000:8C7B 0:0 01 0:0 00:0 0 0 0 4711 1\n"
    assert seen(machine({**LISTENING, "proc/net/tcp": row})) == []


def test_readers_of_another_reader_service_are_not_the_systems(tmp_path: Path) -> None:
    """The demo's: its drivers lie elsewhere, and its ports in a network of their own."""
    (tmp_path / "etc/reader.conf.d").mkdir(parents=True)
    (tmp_path / "etc/reader.conf.d/vpcd").write_bytes(VPCD)
    demo = f"/proc/1/root{tmp_path}/pcscd.comm"
    assert seen(examined(root=tmp_path)) == [("reader-virtual", False, "/etc/reader.conf.d/vpcd")]
    assert seen(examined(root=tmp_path, pcscd_socket=demo)) == []
