"""Whatever ends a program that simulates, nothing of it stays: no process, no folder with keys."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.__main__ import REMEDY
from simulators.lifetime import Ended, Guard, like_ctrl_c, scratch

ONECARD = str(Path(sys.executable).parent / "onecard")
SIMULATORS = [sys.executable, "-m", "simulators"]
ENDED = Path(__file__).with_name("ended.py")
STATUS = {"SIGHUP": 129, "close": 129, "SIGQUIT": 131, "SIGTERM": 143, "SIGKILL": -9}


def after(how: str, mark: str, command: list[str]) -> dict[str, Any]:
    """See `tests.simulators.ended`. The folder's name is short: sockets have room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="oc-", dir="/tmp") as own:
        done = subprocess.run(
            [sys.executable, str(ENDED), how, mark, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "LANG": "en_US.UTF-8", "TMPDIR": own},
            check=True,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("how", STATUS)
def test_whatever_ends_the_simulators_leaves_nothing_behind(how: str) -> None:
    told = after(how, "PCSCLITE_CSOCK_NAME=", SIMULATORS)
    assert told == {"status": STATUS[how], "left": []}


def test_ctrl_c_ends_the_simulators_without_a_word() -> None:
    with subprocess.Popen(
        ["/usr/bin/env", "--default-signal=INT", *SIMULATORS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as simulators:
        assert simulators.stdout is not None
        assert simulators.stdout.readline().startswith(b"export PCSCLITE_CSOCK_NAME=")
        simulators.send_signal(signal.SIGINT)
        told, complained = simulators.communicate()
    assert (simulators.returncode, told, complained) == (130, b"", b"")


@pytest.mark.parametrize("how", ["close", "SIGKILL"])
def test_whatever_ends_a_demo_leaves_nothing_behind(how: str) -> None:
    """Broker, pcscd, agent, and the folder with their keys."""
    assert after(how, "●", [ONECARD, "demo"]) == {"status": STATUS[how], "left": []}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A suite that a shell has put into the background was started with SIGINT ignored."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


def ended_by(number: int, failing: Exception) -> None:
    """A program that a signal ends, and whose tidying up fails."""
    with like_ctrl_c():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            raise failing


@pytest.mark.usefixtures("interruptible")
def test_what_fails_in_the_tidying_up_is_not_what_ended_the_program() -> None:
    with pytest.raises(Ended) as ended:
        ended_by(signal.SIGTERM, BrokenPipeError("somebody was ended as well"))
    assert ended.value.code == 143
    with pytest.raises(KeyboardInterrupt):
        ended_by(signal.SIGINT, OSError(errno.EIO, "no terminal any more"))


def test_control_without_a_signal_what_fails_is_told() -> None:
    with pytest.raises(BrokenPipeError), like_ctrl_c():
        raise BrokenPipeError("read enough")


def test_a_write_to_a_terminal_that_has_gone_is_its_end_though_the_signal_is_late() -> None:
    """No signal comes at all here: the program is not that terminal's."""
    master, slave = os.openpty()
    program = """
from simulators.lifetime import like_ctrl_c
with like_ctrl_c():
    while True:
        print("on and on", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=slave, start_new_session=True
    ) as p:
        os.close(slave)
        assert os.read(master, 1)
        os.close(master)
        assert p.wait() == 129


def test_a_dismissed_guard_does_nothing(tmp_path: Path) -> None:
    for how in (Guard.removes(tmp_path), Guard("/bin/rm", "-rf", str(tmp_path))):
        how.dismiss()
        how.dismiss()
    assert tmp_path.exists()


def test_a_scratch_folder_is_gone_afterwards() -> None:
    with scratch("onecard-test-") as folder:
        (folder / "keys").mkdir()
        assert folder.parent == Path(tempfile.gettempdir())
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a user has namespaces by other means")
@pytest.mark.parametrize("command", [["demo"], ["bench", "tap"], ["prove", "devices"]])
def test_without_namespaces_one_sentence_says_what_a_container_needs(command: list[str]) -> None:
    told = without_namespaces([ONECARD, *command])
    assert told.returncode == 69
    sentence = " ".join(told.stderr.split())
    assert sentence.endswith("[simulators.no-namespaces]")
    assert "Traceback" not in sentence
    assert "--cap-add SYS_ADMIN --cap-add NET_ADMIN" in sentence
    assert "Operation not permitted" in sentence


@pytest.mark.skipif(os.geteuid() != 0, reason="a user has namespaces by other means")
def test_without_namespaces_the_simulators_say_where_the_remedy_stands() -> None:
    told = without_namespaces(SIMULATORS)
    assert told.returncode == 1
    assert told.stderr.splitlines()[1:] == [REMEDY]


def without_namespaces(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """As a container starts it."""
    fewer = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--", *command]
    return subprocess.run(
        fewer,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "LANG": "en_US.UTF-8", "COLUMNS": "80"},
        check=False,
    )
