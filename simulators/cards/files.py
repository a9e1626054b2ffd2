"""Elementary files and the tree that SELECT walks: environment, applications, files.

Refusals are raised as `Refused` with the status word that the card will answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.cards.layout import Condition


class Refused(Exception):
    """The command ends here with this status word and no data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass
class ElementaryFile:
    """What all kinds share; a kind refuses the commands of the others with 6981."""

    fid: int
    read: Condition
    write: Condition

    @property
    def sfi(self) -> int:
        return self.fid & 0x1F

    def record(self, *, number: int | None = None, tag: int | None = None) -> bytes:
        raise Refused(0x6981)

    def update_record(
        self, data: bytes, *, number: int | None = None, tag: int | None = None
    ) -> None:
        raise Refused(0x6981)

    def binary(self, offset: int, size: int) -> bytes:
        raise Refused(0x6981)

    def update_binary(self, offset: int, data: bytes) -> None:
        raise Refused(0x6981)


@dataclass
class RecordFile(ElementaryFile):
    """Linear, variable: each record is `tag ‖ length ‖ value`, found by number or by tag."""

    records: list[bytes] = field(default_factory=list)

    def record(self, *, number: int | None = None, tag: int | None = None) -> bytes:
        return self.records[self._index(number, tag)]

    def update_record(
        self, data: bytes, *, number: int | None = None, tag: int | None = None
    ) -> None:
        index = self._index(number, tag)
        if data[:2] != self.records[index][:2] or len(data) != len(self.records[index]):
            raise Refused(0x6A80)
        self.records[index] = data

    def _index(self, number: int | None, tag: int | None) -> int:
        for index, record in enumerate(self.records):
            if number == index + 1 or (tag is not None and record[0] == tag):
                return index
        raise Refused(0x6A83)


@dataclass
class CyclicFile(ElementaryFile):
    """Fixed rows, number 1 the newest; written by the card itself only."""

    rows: int = 10
    records: list[bytes] = field(default_factory=list)

    def record(self, *, number: int | None = None, tag: int | None = None) -> bytes:
        if tag is not None:
            raise Refused(0x6981)
        if not number or number > len(self.records):
            raise Refused(0x6A83)
        return self.records[number - 1]

    def append(self, record: bytes) -> None:
        self.records = [record, *self.records][: self.rows]


@dataclass
class BinaryFile(ElementaryFile):
    """Transparent."""

    content: bytearray = field(default_factory=bytearray)

    def binary(self, offset: int, size: int) -> bytes:
        if offset >= len(self.content):
            raise Refused(0x6B00)
        return bytes(self.content[offset : offset + size])

    def update_binary(self, offset: int, data: bytes) -> None:
        if offset >= len(self.content):
            raise Refused(0x6B00)
        if offset + len(data) > len(self.content):
            raise Refused(0x6700)
        self.content[offset : offset + len(data)] = data


@dataclass
class Application:
    """A directory: the environment itself (`parent` None) or an application in it."""

    name: str
    aid: bytes
    fid: int
    files: Sequence[ElementaryFile]
    fci: bytes
    parent: "Application | None" = None
    blocked: bool = False  # for good


class FileSystem:
    """The tree, and where in it the terminal stands. Nothing is selected after a reset: a terminal
    that forgets to select is found out, whatever a card's default directory may be."""

    def __init__(self, applications: Sequence[Application]) -> None:
        self._applications = applications
        self.application: Application | None = None
        self.file: ElementaryFile | None = None

    def reset(self) -> None:
        self.application = None
        self.file = None

    def named(self, aid: bytes) -> Application:
        """The application of that name, nearest environment first."""
        found = [one for one in self._applications if one.aid == aid]
        for one in found:
            if one.parent is not None and one.parent is self._environment():
                return one
        if not found:
            raise Refused(0x6A82)
        return found[0]

    def directory(self, fid: int) -> Application:
        """An application by its file id within the current environment."""
        for one in self._applications:
            inside = one.parent is self._environment() or one is self._environment()
            if one.fid == fid and inside:
                return one
        raise Refused(0x6A82)

    def enter(self, application: Application) -> None:
        self.application = application
        self.file = None

    def select_file(self, fid: int) -> None:
        self.file = _first([one for one in self._files() if one.fid == fid])

    def select_sfi(self, sfi: int) -> ElementaryFile:
        self.file = _first([one for one in self._files() if one.sfi == sfi])
        return self.file

    def current_file(self) -> ElementaryFile:
        if self.file is None:
            raise Refused(0x6986)
        return self.file

    def _files(self) -> Sequence[ElementaryFile]:
        return self.application.files if self.application else ()

    def _environment(self) -> Application | None:
        if self.application is None:
            return None
        return self.application.parent or self.application


def _first(found: Sequence[ElementaryFile]) -> ElementaryFile:
    if not found:
        raise Refused(0x6A82)
    return found[0]
