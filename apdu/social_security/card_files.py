"""The files of one application of a powered card: whole values in and out, whatever the structure.

Rights are not this module's: a file that is shut answers 6982. Source: spec
social-security-card.md, Files and Commands.
"""

from collections.abc import Iterator
from typing import Final

from apdu import status
from apdu.command import Command
from apdu.processors import ChainFault
from apdu.social_security.card import NOT_GIVEN, NOT_THERE, SocialSecurityCard
from apdu.social_security.data_items import DataItem, items_of, unknown
from apdu.social_security.file_address import FileAddress, FileData, FileItem
from apdu.social_security.files import (
    NAME_EXTENSION,
    ElementaryFile,
    Generation,
    Structure,
    place_of,
)
from apdu.social_security.records import RecordFault
from apdu.social_security.values import (
    EMPTY,
    Odd,
    ValueFault,
    ValueLength,
    decoded_row,
    encoded,
    readable,
)
from apdu.status import StatusFault

READ_CHUNK: Final = 0xF0  # bytes of one READ BINARY: fits every reader, 61xx and 6Cxx included
WRITE_CHUNK: Final = 0xF0
LARGEST_FILE: Final = 0x4000  # four times the photo (EF08, 0x1000)
# A card that gives a byte at a time would hold the reader for minutes (found by `prove fuzz`).
MOST_READS: Final = 2 * LARGEST_FILE // READ_CHUNK
MOST_ROWS: Final = 64  # twice the transactions that public tables give DF04 EF08
END_OF_FILE: Final = frozenset({0x6282, 0x6B00, 0x6A86})


class CardFiles:
    """Reads and writes in the application where the card stands."""

    def __init__(self, card: SocialSecurityCard, generation: Generation) -> None:
        self._card = card
        self._generation = generation

    def read(self, address: FileAddress, file: ElementaryFile) -> FileData:
        """Values in the address's order. Raises `StatusFault`, `RecordFault`, `ChainFault`."""
        match file.structure:
            case Structure.TRANSPARENT:
                return FileData(address, tuple(self._pieces(address, file)))
            case Structure.CYCLIC:
                return FileData(address, tuple(self._rows(address)))
            case Structure.VARIABLE:
                return FileData(address, tuple(self._records(address)))

    def plan(self, data: FileData, file: ElementaryFile) -> tuple[Command, ...]:
        """The commands that write `data`, all of it checked before the first is sent.

        Raises `ValueFault`.
        """
        match file.structure:
            case Structure.TRANSPARENT:
                return tuple(self._updates_of_bytes(data, file))
            case Structure.CYCLIC:
                raise ValueFault(file=data.address.name, tag="", reason="not-writable")
            case Structure.VARIABLE:
                return tuple(self._updates_of_records(data))

    def write(self, address: FileAddress, plan: tuple[Command, ...]) -> None:
        """Raises `StatusFault`; what was written before it stays."""
        self._card.select_file(address.fid)
        for command in plan:
            self._card.do(command)

    # record files

    def _records(self, address: FileAddress) -> Iterator[str]:
        for item in address.items:
            yield "" if item.number is None else self._record(address, item, item.number)

    def _record(self, address: FileAddress, item: FileItem, tag: int) -> str:
        known, number = self._found(address, item, tag)
        size = known.size + 2 if known.size else 0
        try:
            raw = self._card.read_record(address.sfi, tag, number, size)
        except StatusFault as fault:
            if fault.sw in (NOT_GIVEN if _is_name_extension(address, tag) else NOT_THERE):
                return ""  # as the basic read: a card without the record is like an empty one
            raise
        odd: Odd = set()
        text = readable(known, raw, address.fid, self._generation, odd)
        self._note(address, odd)
        return text

    def _found(self, address: FileAddress, item: FileItem, tag: int) -> tuple[DataItem, int]:
        """The item of the table, and its number where the tag does not do: it stands more than
        once, or the card counts its records."""
        for known in items_of(address.application, address.fid, self._generation):
            if known.tag == tag:
                ordinal = item.second or 1
                if ordinal > known.count:
                    raise ValueFault(file=address.name, tag=f"{tag:02X}", reason="unknown-item")
                by_number = known.count > 1 or self._card.counts_records
                return known, known.first + ordinal - 1 if by_number else 0
        if item.second is not None or tag > 0xFF:
            raise ValueFault(file=address.name, tag=f"{tag:02X}", reason="unknown-item")
        return unknown(tag), 0

    def _updates_of_records(self, data: FileData) -> Iterator[Command]:
        for item, value in zip(data.address.items, data.values, strict=True):
            if item.number is None:
                continue
            known, number = self._found(data.address, item, item.number)
            record = encoded(known, value, data.address.fid)
            p1, mode = (number, 0x04) if number else (known.tag, 0x00)
            yield Command(0x00, 0xDC, p1, mode, record)

    # cyclic files

    def _rows(self, address: FileAddress) -> Iterator[str]:
        wanted = [item.number for item in address.items]
        if not self._selected(address):
            yield from [""] * len(wanted)
            return
        (layout,) = items_of(address.application, address.fid, self._generation)
        for number in wanted or range(1, MOST_ROWS + 1):
            raw = self._row(number or 0, layout.size)
            if raw is not None:
                yield self._row_text(address, layout, raw)
            elif address.items:
                yield ""
            else:
                return

    def _row_text(self, address: FileAddress, layout: DataItem, raw: bytes) -> str:
        """Empty for one of another length: nobody knows where its columns are."""
        odd: Odd = set()
        try:
            text = decoded_row(layout, raw, address.fid, self._generation, odd)
        except RecordFault:
            odd.add(layout.tag)
            text = ""
        self._note(address, odd)
        return text

    def _row(self, number: int, size: int) -> bytes | None:
        """Number 1 is the newest; None behind the last, which may be one that was never written."""
        command = Command(0x00, 0xB2, number & 0xFF, 0x04, expected=size)
        answer = self._card.send(command)
        if answer.sw in NOT_THERE or not number:
            return None
        row = status.data_of(command, answer)
        return row if row.strip(EMPTY) else None

    # transparent files

    def _pieces(self, address: FileAddress, file: ElementaryFile) -> Iterator[str]:
        ranges = _ranges(address, file)
        if not self._selected(address):
            yield from [""] * len(ranges)
            return
        for offset, size in ranges:
            yield self.binary(offset, size).hex().upper()

    def _selected(self, address: FileAddress) -> bool:
        """False where the card has no such file: it is read like an empty one."""
        try:
            self._card.select_file(address.fid)
        except StatusFault as fault:
            if fault.sw in NOT_THERE:
                return False
            raise
        return True

    def _note(self, address: FileAddress, odd: Odd) -> None:
        self._card.illegible.update(place_of(address.application, address.fid, tag) for tag in odd)

    def binary(self, offset: int, size: int | None) -> bytes:
        """`size` bytes of the selected file, or what there is. Raises `StatusFault`, `ChainFault`
        for a file without an end, or one that comes in too many pieces."""
        limit = LARGEST_FILE if size is None else size
        found = bytearray()
        for _ in range(MOST_READS):
            asked = min(READ_CHUNK, limit - len(found))
            if asked <= 0:
                break
            answer = self._card.read_binary(offset + len(found), asked)
            never_written = answer.sw == 0x6B00 and not offset
            if answer.sw == 0x6282 or never_written or (answer.sw in END_OF_FILE and found):
                return bytes(found + answer.data)
            if not answer.ok:
                raise status.fault(_read_binary(offset + len(found)), answer.sw)
            if not answer.data:
                return bytes(found)
            found += answer.data
        if size is None or len(found) < limit:
            raise ChainFault(command="00B00000", follows=MOST_READS)
        return bytes(found[:limit])

    def _updates_of_bytes(self, data: FileData, file: ElementaryFile) -> Iterator[Command]:
        for (offset, size), text in zip(_ranges(data.address, file), data.values, strict=True):
            content = _bytes_of(text, data.address)
            if size is not None and len(content) > size:
                raise ValueLength(file=data.address.name, tag="", reason="length")
            for start in range(0, len(content), WRITE_CHUNK):
                at = offset + start
                chunk = content[start : start + WRITE_CHUNK]
                yield Command(0x00, 0xD6, at >> 8, at & 0xFF, chunk)


def _is_name_extension(address: FileAddress, tag: int) -> bool:
    """Of a name nothing is decided by, and not every card has one."""
    return (address.application, address.sfi, tag) == (
        "SSSE",
        NAME_EXTENSION.sfi,
        NAME_EXTENSION.tag,
    )


def _ranges(address: FileAddress, file: ElementaryFile) -> list[tuple[int, int | None]]:
    """Offset and size of each item; a file without items, or an item without a colon: all."""
    whole = (0, file.size)
    ranges = [
        whole if item.second is None else (item.number or 0, item.second) for item in address.items
    ]
    for offset, size in ranges:
        if offset + (size or 0) > (file.size or LARGEST_FILE):
            raise ValueLength(file=address.name, tag=f"{offset:04X}", reason="length")
    return ranges or [whole]


def _bytes_of(text: str, address: FileAddress) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueFault(file=address.name, tag="", reason="characters") from None


def _read_binary(offset: int) -> Command:
    return Command(0x00, 0xB0, offset >> 8 & 0x7F, offset & 0xFF, expected=READ_CHUNK)
