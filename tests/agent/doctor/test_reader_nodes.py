"""A pcscd that is not root: readers that it may not open are told, with the rule they lack."""

from pathlib import Path

import pytest

from agent.doctor.findings import Finding
from drivers.contract import DeviceState
from simulators.devices.machine import Machine, UsbIdentity
from tests.agent.doctor.cases import Box, examined, status

READER = UsbIdentity("072f", "2200", maker="ACS", name="ACR122U")


class Groups(Box):
    """Whose group a file is, by its place."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def file_group(self, path: Path) -> str:
        return "pcscd" if "proc" in path.parts else self._node


def seen(
    root: Path,
    *,
    uid: int = 998,
    group: str = "root",
    mode: int = 0o664,
    state: DeviceState = DeviceState.ABSENT,
) -> list[Finding]:
    Machine(root).add_reader(READER, mode=mode)
    process = root / "proc" / "4711"
    process.mkdir(parents=True)
    (process / "comm").write_text("pcscd\n")
    (process / "status").write_text(f"Name:\tpcscd\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n")
    findings = examined(Groups(group), running=status(state), root=root)
    return [finding for finding in findings if finding.id == "pcscd-may-not-open"]


def test_a_reader_that_pcscd_may_not_open_is_told_with_its_rule(tmp_path: Path) -> None:
    (finding,) = seen(tmp_path)
    assert not finding.well
    assert finding.facts["reader"] == "ACS ACR122U"
    command = str(finding.facts["command"])
    assert 'ATTR{idVendor}=="072f", ATTR{idProduct}=="2200", GROUP="pcscd"' in command
    assert command.endswith("systemctl restart pcscd")


@pytest.mark.parametrize(
    "well",
    [
        {"uid": 0},  # Debian 12's
        {"group": "pcscd"},  # its driver brings the rule
        {"mode": 0o666},
        {"state": DeviceState.READY},  # it works, whatever the rights look like
    ],
)
def test_where_it_works_or_may_nothing_is_said(tmp_path: Path, well: dict[str, object]) -> None:
    assert seen(tmp_path, **well) == []  # type: ignore[arg-type]


def test_a_reader_given_to_the_group_without_the_right_to_write_is_told(tmp_path: Path) -> None:
    assert len(seen(tmp_path, group="pcscd", mode=0o644)) == 1
