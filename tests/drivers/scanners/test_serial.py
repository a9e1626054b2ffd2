"""Serial scan modules: the contract over a simulated wire, and conversations byte for byte."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from drivers.contract import DeviceFault
from drivers.io.line import LineOptions, open_line
from drivers.scanners.serial import SerialScanner
from simulators.devices.pty import PtyPort
from simulators.devices.scan_module import ScanModule
from tests.drivers.contract.source import SourceContract
from world.real import RealWorld

WORLD = RealWorld()
MINISTRY = bytes([0x81, 0x01, 0x49, 0x24]) + bytes(range(256)) + bytes([0x0D, 0x15]) * 36
TEXTS = [b"https://example.org/a?b=1", "市民卡码 中文".encode("gbk"), b"6222020000000000"]
BINARY = [*TEXTS, MINISTRY, b"\r\n\r\n\x00\xff\r"]


class SerialBench:
    """A scanner and its module."""

    def __init__(
        self, path: Path, module: ScanModule, options: Mapping[str, object] | None = None
    ) -> None:
        self.module = module
        self.port: PtyPort = module.plugged_at(path)
        self.port.plug()
        settings = {"port": str(path), "window": 600.0, **(options or {})}
        self.scanner = SerialScanner(WORLD, "scanner", settings)
        self.scanner.start()

    contents: Sequence[bytes] = BINARY

    @property
    def source(self) -> SerialScanner:
        return self.scanner

    def show(self, content: bytes) -> None:
        self.module.show(content)

    def hide(self) -> None:
        self.module.hide()

    def unplug(self) -> None:
        self.port.unplug()

    def plug(self) -> None:
        self.port.plug()

    def free(self) -> bool:
        try:
            open_line(WORLD, LineOptions(port=str(self.port.path)), device="other").close()
        except DeviceFault:
            return False
        return True

    def close(self) -> None:
        self.scanner.stop()
        self.port.unplug()


WAYS: dict[str, tuple[Callable[[], ScanModule], dict[str, object]]] = {
    "auto": (lambda: ScanModule(), {}),
    "auto crlf fast": (
        lambda: ScanModule(suffix=b"\r\n", baudrate=115200),
        {"suffix": "crlf", "baudrate": 115200},
    ),
    "idle": (lambda: ScanModule(suffix=b""), {"framing": "idle"}),
    "prefix": (lambda: ScanModule(prefix=b"EEEE"), {"prefixes": ["EEEE"]}),
    "vguang": (lambda: ScanModule("vguang"), {"framing": "vguang"}),
    "newland": (lambda: ScanModule("newland"), {"trigger": "newland"}),
    "gm65": (lambda: ScanModule("gm65"), {"trigger": "gm65"}),
    "honeywell": (lambda: ScanModule("honeywell"), {"trigger": "honeywell"}),
    "ssi": (lambda: ScanModule("ssi"), {"trigger": "ssi"}),
}


@pytest.mark.parametrize("way", WAYS)
class TestSerialScanner(SourceContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, way: str) -> Iterator[SerialBench]:
        module, options = WAYS[way]
        bench = SerialBench(tmp_path / "scanner", module(), options)
        yield bench
        bench.close()
