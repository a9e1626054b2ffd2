"""A nudge ends one wait of a line's reader and nothing else; a pulled plug is lost on every way."""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.drivers.reader import until
from drivers.contract import DeviceLost
from drivers.io.line import LineOptions, OpenLine, open_line
from drivers.io.wait import Interrupted, Nudge, Waker
from simulators.devices.pty import PtyPort
from tests.drivers.io.descriptors import out_of_descriptors
from world.real import RealWorld

WORLD = RealWorld()
FOREVER = None


class Quiet:
    """Says nothing by itself."""

    baudrate = 9600

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """See the class."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    with PtyPort(tmp_path / "port", Quiet()) as port:
        yield port


@pytest.fixture
def line(port: PtyPort) -> Iterator[OpenLine]:
    line = open_line(WORLD, LineOptions(port=str(port.path)), device="ear")
    yield line
    line.close()


@pytest.mark.parametrize("kind", [Waker, Nudge])
def test_a_sign_that_was_never_made_takes_nothing_away(
    kind: type[Waker | Nudge], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", left.append)
    with monkeypatch.context() as patch:
        patch.setattr(os, "eventfd", out_of_descriptors)
        with pytest.raises(OSError, match="Too many open files"):
            kind()
    gc.collect()
    assert left == []


def test_a_nudge_ends_a_wait_from_another_thread(line: OpenLine) -> None:
    nudger = threading.Timer(0.05, line.nudge)
    nudger.start()
    assert line.read(FOREVER) == b""
    nudger.join()


def test_a_nudge_before_the_wait_is_not_lost_and_counts_once(line: OpenLine, port: PtyPort) -> None:
    line.nudge()
    line.nudge()
    assert line.read(FOREVER) == b""
    port.send(b"hello")
    assert line.read(FOREVER) == b"hello"


def test_bytes_that_come_with_a_nudge_are_read(line: OpenLine, port: PtyPort) -> None:
    port.send(b"hello")
    line.nudge()
    until(lambda: line.read(0.01) == b"hello")


def test_an_interrupt_is_stronger_than_a_nudge(line: OpenLine) -> None:
    line.nudge()
    line.interrupt()
    with pytest.raises(Interrupted):
        line.read(FOREVER)


@pytest.mark.parametrize("use", [OpenLine.read, OpenLine.discard, lambda line: line.write(b"x")])
def test_a_pulled_plug_is_lost_whatever_is_done(
    line: OpenLine, port: PtyPort, use: Callable[[OpenLine], object]
) -> None:
    port.unplug()
    with pytest.raises(DeviceLost):
        use(line)
