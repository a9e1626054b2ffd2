"""What every simulated operating system does alike: dispatch, SELECT, READ BINARY, rights."""

from collections.abc import Callable, Mapping

from simulators.cards.contract import Answer, Apdu
from simulators.cards.files import Application, ElementaryFile, FileSystem, Refused
from simulators.cards.layout import Condition

Command = Callable[[Apdu], bytes]


class OperatingSystem:
    """Base. A command returns its data or raises `Refused`; rights are lost with a selection."""

    def __init__(self, applications: list[Application]) -> None:
        self.blocked = False  # the whole card, for good
        self.applications = applications
        self.tree = FileSystem(applications)
        self._rights: set[str] = set()
        self._commands: dict[tuple[int, int], Command] = {
            (0x00, 0xA4): self._select,
            (0x00, 0xB0): self._read_binary,
        }

    @property
    def rights(self) -> frozenset[str]:
        """What has been won since the last selection; tests ask."""
        return frozenset(self._rights)

    def application(self, name: str) -> Application:
        return next(one for one in self.applications if one.name == name)

    def reset(self) -> None:
        self.tree.reset()
        self._rights.clear()

    def process(self, apdu: Apdu) -> Answer:
        command = self._commands.get((apdu.cla, apdu.ins))
        if command is None:
            return Answer(b"", self._unknown(apdu))
        try:
            if apdu.ins != 0xA4:
                self.require_application()
            return Answer(command(apdu), 0x9000)
        except Refused as refused:
            return Answer(b"", refused.sw)

    def offer(self, commands: Mapping[tuple[int, int], Command]) -> None:
        """Add commands by (CLA, INS)."""
        self._commands.update(commands)

    def _unknown(self, apdu: Apdu) -> int:
        """6E00: not in this class; 6D00: not at all."""
        classes = {cla for cla, _ in self._commands}
        instructions = {ins for _, ins in self._commands}
        return 0x6D00 if apdu.cla in classes and apdu.ins not in instructions else 0x6E00

    def _select(self, apdu: Apdu) -> bytes:
        if apdu.p2 or apdu.p1 not in (0x00, 0x02, 0x04):
            raise Refused(0x6A86)
        if self.blocked:
            raise Refused(0x6A81)
        if apdu.p1 == 0x04:
            return self._enter(self.tree.named(apdu.data))
        if len(apdu.data) != 2:
            raise Refused(0x6700)
        fid = int.from_bytes(apdu.data, "big")
        if apdu.p1 == 0x00 and fid >> 8 in (0x3F, 0xDF):
            return self._enter(self.tree.directory(fid))
        self.require_application()
        self.tree.select_file(fid)
        return b""

    def _enter(self, application: Application) -> bytes:
        if application.blocked:
            raise Refused(0x9303)
        self.tree.enter(application)
        self._rights.clear()
        return application.fci

    def _read_binary(self, apdu: Apdu) -> bytes:
        file, offset = self.binary_address(apdu)
        self.require(file.read)
        return file.binary(offset, apdu.le or 256)

    def binary_address(self, apdu: Apdu) -> tuple[ElementaryFile, int]:
        """P1 with bit 8: SFI in bits 5–1, offset in P2; else P1P2 is the offset (ISO 7816-4)."""
        if apdu.data and apdu.ins == 0xB0:
            raise Refused(0x6700)
        if not apdu.p1 & 0x80:
            return self.tree.current_file(), apdu.p1p2
        if apdu.p1 & 0x60:
            raise Refused(0x6A86)
        return self.tree.select_sfi(apdu.p1 & 0x1F), apdu.p2

    def require_application(self) -> Application:
        if self.tree.application is None:
            raise Refused(0x6985)
        return self.tree.application

    def require(self, condition: Condition) -> None:
        if not condition.met(self._rights):
            raise Refused(0x6982)


def require_parameters(apdu: Apdu, p1p2: int) -> None:
    """P1 and P2 have one allowed value."""
    if apdu.p1p2 != p1p2:
        raise Refused(0x6A86)
