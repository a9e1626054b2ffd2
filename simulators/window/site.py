"""The service window's terminal with its city around it, and the clerk's program at its side.

Two lanes: `counter`, where people show card, code or ID card to the terminal, and `window`, whose
reader and PIN pad belong to the business system, which calls the national interface. The program
is an old one in C that knows nothing of onecard; it finds `libsscard` where its vendor's library
would be.
"""

import getpass
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from agent.facade.c.build import build
from simulators.ceremony import CITY_KEYS, KeyAuthority
from simulators.devices.idcard import SamVModule
from simulators.devices.pty import PtyPort
from simulators.devices.scan_module import ScanModule
from simulators.devices.typist import AGAIN, BEGIN, Typist
from simulators.people import Cast, Wallet
from simulators.site import DOOR, DOOR_OUT, DOOR_SLOT, PSAM, Site
from simulators.window.business import OldBusiness, compile_business
from simulators.window.callers_hsm import CallersHsm

READERS: Final[Mapping[str, tuple[str, str]]] = {
    DOOR: ("desk", "contactless"),
    DOOR_SLOT: ("desk-slot", "contact"),
    DOOR_OUT: ("window", "contactless"),
    PSAM: ("psam", "sam"),
}
PROVINCE: Final = 2  # level of the PSAM's keys: those of its own province
SAME_CODE: Final = 0.0  # seconds: people here are quicker than at a real scanner
DEVICE_NUMBER: Final = "WINDOW-7"


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
            self.program = stack.enter_context(self._old_business())
            self._stack = stack.pop_all()
        return self

    @property
    def sscard_socket(self) -> Path:
        return self.folder / "sscard.sock"

    def _old_business(self) -> OldBusiness:
        """The clerk's program, which has an HSM of its own, with the roots of all provinces."""
        library = build(self._world, self.folder / "lib")
        environment = {"ONECARD_SSCARD_SOCKET": str(self.sscard_socket)}
        return OldBusiness(compile_business(self.folder), library, environment, self._ask_hsm)

    def _ask_hsm(self, fields: list[str]) -> str:
        region = fields[0]
        return CallersHsm(KeyAuthority(region, self.cast.seed.encode())).basic(fields)

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
