"""A line's address is a serial server's and nothing else; what never ends is not read for ever."""

import gc
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.drivers.reader import SOON
from drivers.contract import DeviceFault, DeviceLost, DeviceUnreachable, Interface, SlotBinding
from drivers.io import line as line_module
from drivers.io.line import CHUNK, LineOptions, NoLine, OpenLine, open_line
from drivers.io.wait import ready
from drivers.options import OptionsFault, typed
from drivers.pn532.reader import Pn532Readers
from tests.drivers.io.descriptors import descriptors_of, out_of_descriptors
from world.real import RealWorld

WORLD = RealWorld()
OTHERS = [
    "loop://",
    "rfc2217://10.0.0.7:4001",
    "spy:///dev/ttyUSB0?file=/etc/passwd",
    "hwgrep://0403",
    "socket://10.0.0.7",
    "socket://10.0.0.7:4001?logging=debug",
    "/dev/ttyUSB0|socket://10.0.0.7:4001",
    "://",
]


@pytest.mark.parametrize("port", OTHERS)
def test_an_address_of_another_kind_is_told_before_anything_is_opened(port: str) -> None:
    with pytest.raises(OptionsFault):
        typed({"port": port}, LineOptions, device="line")
    with pytest.raises(OptionsFault):
        Pn532Readers(WORLD, [SlotBinding("air", port, Interface.CONTACTLESS, {})])


@pytest.mark.parametrize("port", ["socket://10.0.0.7:4001", "socket://[fe80::1]:4001", "COM:1"])
def test_control_a_serial_server_and_a_path_are_taken(port: str) -> None:
    assert typed({"port": port}, LineOptions, device="line").port == port


@pytest.mark.parametrize("host", ["a..b:1", "x" * 70 + ":1", "127.0.0.1:99999", "[::1:1"])
def test_an_impossible_host_is_unreachable_and_no_defect(host: str) -> None:
    with pytest.raises(DeviceUnreachable):
        open_line(WORLD, LineOptions(port=f"socket://{host}"), device="line")


@pytest.mark.parametrize("how", ["read", "read_into"])
def test_what_is_discarded_between_the_wait_and_the_read_is_no_lost_line(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a question begins while the person is already typing."""
    master, slave = os.openpty()
    line = open_line(WORLD, LineOptions(port=os.ttyname(slave)), device="line")
    discarded: list[frozenset[int]] = []

    def ready_then_discarded(*arguments: Any) -> frozenset[int]:
        found = ready(*arguments)
        if not discarded:
            discarded.append(found)
            line.discard()
        return found

    monkeypatch.setattr(line_module, "ready", ready_then_discarded)
    os.write(master, b"1234")
    assert not (line.read(SOON) if how == "read" else line.read_into(bytearray(64), SOON))
    assert any(discarded)
    os.write(master, b"5")
    assert line.read(SOON) == b"5"
    os.close(slave)
    os.close(master)
    with pytest.raises(DeviceLost):
        line.read(SOON)
    line.close()


@pytest.fixture
def babble() -> Iterator[OpenLine]:
    """A line to a server that sends for ever, as fast as it can."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            end, _ = server.accept()
            with end:
                end.settimeout(0.2)
                while not over.is_set():
                    try:
                        end.sendall(bytes(CHUNK))
                    except TimeoutError:
                        continue
                    except OSError:
                        return

        sender = threading.Thread(target=send)
        sender.start()
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
        line = open_line(WORLD, LineOptions(port=address), device="line")
        yield line
        over.set()
        line.close()
        sender.join()


def test_what_never_ends_is_not_thrown_away_for_ever(babble: OpenLine) -> None:
    for _ in range(20):
        babble.discard()
    assert babble.read(5.0)


def test_a_server_that_hangs_up_is_lost_when_what_came_is_thrown_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
        line = open_line(WORLD, LineOptions(port=address), device="line")
        end, _ = server.accept()
        end.close()
        with pytest.raises(DeviceLost):
            discard_for_ever(line)
        line.close()


@pytest.mark.parametrize("missing", ["Waker", "Nudge"])
@pytest.mark.parametrize("way", ["tty", "socket"])
def test_a_port_for_which_no_descriptors_are_left_is_a_fault_and_closed_again(
    missing: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = os.openpty()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
        options = LineOptions(port=os.ttyname(slave) if way == "tty" else address)
        with monkeypatch.context() as patch:
            patch.setattr(line_module, missing, out_of_descriptors)
            before = descriptors_of(os.ttyname(slave))
            with pytest.raises(DeviceFault) as told:
                open_line(WORLD, options, device="line")
            assert told.value.facts == {"device": "line", "port": options.port}
            del told  # whose frames hold what was made before
            gc.collect()
            assert descriptors_of(os.ttyname(slave)) == before
            if way == "socket":
                assert server.accept()[0].recv(1) == b""
        open_line(WORLD, options, device="line").close()
    os.close(slave)
    os.close(master)


def discard_for_ever(line: OpenLine) -> None:
    while True:
        line.discard()


@pytest.mark.parametrize("port", ["file", "folder", "/dev/null"])
def test_what_is_no_serial_port_is_told_as_that(port: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NoLine) as told:
        open_line(WORLD, LineOptions(port=str(tmp_path / port)), device="gate")
    assert told.value.facts["port"] == str(tmp_path / port)


def test_what_two_threads_send_is_noted_in_the_order_in_which_it_goes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An echo comes back in that order, and is known by it."""
    master, slave = os.openpty()
    line = open_line(WORLD, LineOptions(port=os.ttyname(slave)), device="line")
    noted: list[bytes] = []
    sent = line._echo.sent

    def note(data: bytes, *, marks: bool) -> None:
        noted.append(data)
        sent(data, marks=marks)

    monkeypatch.setattr(line._echo, "sent", note)

    def say(word: bytes) -> None:
        for number in range(200):
            line.write(word + bytes([number]))

    threads = [threading.Thread(target=say, args=(word,)) for word in (b"one", b"two")]
    for thread in threads:
        thread.start()
    heard = b""
    while len(heard) < 2 * 200 * 4:
        heard += os.read(master, 4096)
    for thread in threads:
        thread.join()
    line.close()
    os.close(slave)
    os.close(master)
    assert heard == b"".join(noted)
