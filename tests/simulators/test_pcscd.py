"""The simulated bus under the real pcscd: clients see readers come and go, and nothing is left."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.drivers.reader import until
from simulators.parts import PartsMissing
from simulators.pcscd import FOUR_READERS, Pcscd, PcscdClosed
from tests.conftest import MakePcscd


def _listed(pcscd: Pcscd) -> list[str]:
    tool = ["opensc-tool", "--list-readers"]
    run = subprocess.run(tool, env=pcscd.environment(), capture_output=True, text=True, check=False)
    return [name for name in pcscd.ports if pcscd.ports[name].attached in run.stdout]


def test_third_party_client_sees_readers_go_and_come_in_any_order(own_pcscd: MakePcscd) -> None:
    pcscd = own_pcscd()
    assert _listed(pcscd) == list(FOUR_READERS)
    for reader in FOUR_READERS:
        pcscd.unplug(reader)
    until(lambda: _listed(pcscd) == [])
    for reader in reversed(FOUR_READERS):
        pcscd.plug(reader)
    until(lambda: _listed(pcscd) == list(FOUR_READERS))
    pcscd.unplug(FOUR_READERS[1])
    until(lambda: FOUR_READERS[1] not in _listed(pcscd))
    assert len(_listed(pcscd)) == 3


def test_way_to_pcscd_stays_the_same_over_a_restart(own_pcscd: MakePcscd) -> None:
    pcscd = own_pcscd(FOUR_READERS[0])
    path, pid = pcscd.socket_path, pcscd.pid
    pcscd.kill()
    assert _listed(pcscd) == []
    pcscd.start()
    assert pcscd.socket_path == path
    assert pcscd.pid != pid
    assert _listed(pcscd) == [FOUR_READERS[0]]


def test_sixteen_readers_run_at_once(own_pcscd: MakePcscd) -> None:
    names = tuple(f"Onecard {number:02}" for number in range(16))
    assert _listed(own_pcscd(*names)) == list(names)
    with pytest.raises(ValueError, match="at most 16"):
        Pcscd([*names, "one more"])


def test_two_pcscd_do_not_see_each_other(own_pcscd: MakePcscd) -> None:
    one, other = own_pcscd("One"), own_pcscd("Other")
    assert (_listed(one), _listed(other)) == (["One"], ["Other"])


def test_failed_start_says_why_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("simulators.parts.PARTS", Path("/nonexistent"))
    monkeypatch.setattr("simulators.pcscd.SHORT", str(tmp_path))
    with pytest.raises(PartsMissing, match=r"libifdvpcd.so is missing: .*\./run"), Pcscd():
        pass
    assert list(tmp_path.iterdir()) == []


def test_closed_pcscd_takes_no_orders() -> None:
    with Pcscd(started=False) as pcscd:
        pass
    with pytest.raises(PcscdClosed):
        pcscd.start()


KILLED_OWNER = """
import sys
from simulators.pcscd import Pcscd
pcscd = Pcscd().__enter__()
print(pcscd.pid, pcscd.ports["Onecard SAM"].bundle, flush=True)
sys.stdin.read()
"""


def test_nothing_survives_a_killed_owner() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", KILLED_OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout is not None
        pid, _, bundle = owner.stdout.readline().decode().strip().partition(" ")
        left_behind = Path("/proc") / pid, Path(bundle)
        assert all(path.exists() for path in left_behind)
        owner.send_signal(signal.SIGKILL)
    until(lambda: not any(path.exists() for path in left_behind))
