"""The service window's terminal with its city around it, and the clerk's program at its side.

Two lanes: `counter`, where people show card, code or ID card to the terminal, and `window`, whose
reader and PIN pad belong to the business system, which calls the national interface. The program
is an old one in C that knows nothing of onecard; it finds `libsscard` where its vendor's library
would be.
"""

import getpass
import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from agent.facade.c.build import build, compile_c
from simulators.ceremony import CITY_KEYS
from simulators.conform.hsm import Hsm
from simulators.conform.typist import AGAIN, BEGIN, Typist
from simulators.devices.idcard import SamVModule
from simulators.devices.pty import PtyPort
from simulators.devices.scan_module import ScanModule
from simulators.people import Cast, Wallet
from simulators.site import DOOR, DOOR_OUT, DOOR_SLOT, PSAM, Site
from world.real import RealWorld

READERS: Final[Mapping[str, tuple[str, str]]] = {
    DOOR: ("desk", "contactless"),
    DOOR_SLOT: ("desk-slot", "contact"),
    DOOR_OUT: ("window", "contactless"),
    PSAM: ("psam", "sam"),
}
PROVINCE: Final = 2  # level of the PSAM's keys: those of its own province
SAME_CODE: Final = 0.0  # seconds: people here are quicker than at a real scanner
DEVICE_NUMBER: Final = "WINDOW-7"
PROGRAM: Final = Path(__file__).parent.parent / "conform" / "old_business.c"


class WindowSite(Site):
    """See `simulators.site.Site`; the PSAM lies in its slot from the beginning."""

    def __init__(self, cast: Cast, *, language: str = "auto") -> None:
        super().__init__(cast, language=language)
        self.wallet = Wallet(cast)
        self.typist = Typist()
        self.scanner = ScanModule()
        self.id_reader = SamVModule()

    def __enter__(self) -> Self:
        super().__enter__()
        with ExitStack() as stack:
            stack.push(self._stack.pop_all())
            for port in self._ports:
                stack.enter_context(port)
            psam = self.cast.city.psam(self.cast.terminal_number, level=lambda key: PROVINCE)
            self.slots[PSAM].insert(psam)
            self.program = stack.enter_context(OldProgram(self.folder, self.sscard_socket))
            self._stack = stack.pop_all()
        return self

    @property
    def sscard_socket(self) -> Path:
        return self.folder / "sscard.sock"

    def hsm_for(self, person: str) -> Hsm:
        """The business system's own HSM, which has the roots of all provinces."""
        return Hsm(self.cast.issuer_of(self.cast.card(person)))

    def configuration(self) -> str:
        """The terminal's TOML, as a technician would write it."""
        whole = super().configuration()
        head = whole[: whole.index("[[readers]]")].replace("library-gate", "service-window", 1)
        sync = whole[whole.index("[sync]") :]
        (self.folder / "authority.toml").write_text(CITY_KEYS)
        head = head.replace("[keys]\n", f'[keys]\nauthority = "{self.folder / "authority.toml"}"\n')
        readers = "".join(
            f'[[readers]]\nname = "{name}"\nmatch = "{system}*"\ninterface = "{interface}"\n\n'
            for system, (name, interface) in READERS.items()
        )
        scanner, documents, pad = self._make_ports()
        return f"""{head}{readers}
[[scanners]]
name = "scanner"
driver = "serial-scanner"
options = {{ port = "{scanner}", baudrate = {self.scanner.baudrate}, window = {SAME_CODE} }}

[[documents]]
name = "id-reader"
driver = "sam-v"
options = {{ port = "{documents}" }}

[[pinpads]]
name = "pad"
driver = "serial-pinpad"
options = {{ port = "{pad}", begin = "{BEGIN.hex()}", again = "{AGAIN.hex()}" }}

[[codes]]
name = "e-card"
resolve = "platform"
prefix = "SI-"
characters = "base64"

[[lanes]]
name = "counter"
direction = "counter"
readers = ["desk", "desk-slot"]
scanners = ["scanner"]
documents = ["id-reader"]
prompts = ["panel"]

[[lanes]]
name = "window"
direction = "counter"
readers = ["window"]
pinpad = "pad"
prompts = ["panel"]
taps = false

[sign_in]
enabled = true
poll = 0.5

[facade]
socket = "{self.sscard_socket}"
device_number = "{DEVICE_NUMBER}"

[[facade.clients]]
name = "old-business"
user = "{getpass.getuser()}"
purpose = "social security services"
capabilities = ["identity", "files", "pin"]
lanes = ["window"]

{sync}"""

    def _make_ports(self) -> Sequence[Path]:
        """The paths of scanner, ID-card reader and PIN pad."""
        names = ("scanner", "id-reader", "pad")
        paths = [self.folder / f"usb-Onecard_{name}-if00" for name in names]
        self._ports = [
            self.scanner.plugged_at(paths[0]),
            PtyPort(paths[1], self.id_reader),
            PtyPort(paths[2], self.typist),
        ]
        return paths


class OldProgram:
    """`old_business.c`, compiled, with `libsscard` built beside it. A context manager.

    It runs as long as the window is open, so its connection to the terminal lives as long.
    """

    def __init__(self, folder: Path, socket: Path) -> None:
        self._folder = folder
        self._socket = socket
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        world = RealWorld()
        library = build(world, self._folder / "lib")
        program = self._folder / "old_business"
        compile_c(world, ["-std=c11", "-O1", "-o", str(program), str(PROGRAM), "-ldl"])
        self._process = subprocess.Popen(
            [program, library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "ONECARD_SSCARD_SOCKET": str(self._socket)},
        )
        return self

    def __exit__(self, *exception: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()

    def order(self, order: str, hsm: Hsm) -> Sequence[str]:
        """What the program prints to one order, word by word; its HSM answers when it asks."""
        self._say(order)
        for _ in itertools.repeat(None):
            words = self._hear().split(" ")
            if words[0] != "HSM":
                return words
            self._say(hsm.basic(words[1].split("|")))
        raise AssertionError("endless")

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the old program ended: {self._process.poll()}")
        return line.rstrip("\n")
