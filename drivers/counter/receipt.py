"""A receipt as a thermal printer's bytes: layout in columns, ESC/POS commands, Chinese in GB 18030.

What a sign is to the printer, and how wide, is `drivers.counter.signs`'s.
The commands' bytes are python-escpos's constants; its printer classes are not used in the product
(docs/decisions.md), but the tests compare with what they send.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from escpos import constants as escpos

from drivers.contract import DeviceFault, Line, Receipt
from drivers.counter.signs import Encoding, cells

Cut = Literal["full", "partial", "none"]

CHINESE_ON: Final = b"\x1c&"  # FS &: two bytes ≥ 0x80 are one character of GB 18030
FEED: Final = b"\x1bd\x04"  # ESC d: lines, so that the last one is past the knife
CUTS: Final[dict[Cut, bytes]] = {
    "full": escpos.PAPER_FULL_CUT,
    "partial": escpos.PAPER_PART_CUT,
    "none": b"",
}
ALIGN: Final = escpos.TXT_STYLE["align"]
BOLD: Final = escpos.TXT_STYLE["bold"]
SIZE: Final = escpos.TXT_STYLE["size"]
LARGEST: Final = 16_000  # bytes; two metres of paper
LARGEST_CODE: Final = 1_000  # bytes; denser ones are not read from thermal paper


class ReceiptTooLong(DeviceFault):
    """More than a printer should be given. Facts: `device`, `allowed` (bytes)."""

    code = "printer.too-long"


@dataclass(frozen=True)
class Form:
    """How the printer at hand wants it."""

    columns: int  # of single width
    encoding: Encoding
    cut: Cut
    module: int  # dots of one module of a QR code


def rendered(receipt: Receipt, form: Form, *, device: str) -> bytes:
    """All bytes, from reset to cut. Raises `ReceiptTooLong`."""
    parts = [escpos.HW_INIT, CHINESE_ON]
    if receipt.title:
        parts += [ALIGN["center"], SIZE["2x"]]
        title = cells(receipt.title, form.encoding)
        parts += [row + b"\n" for row in _wrapped(title, form.columns // 2)]
        parts += [SIZE["normal"], ALIGN["left"]]
    for line in receipt.lines:
        rows = [row + b"\n" for row in _rows(line, form)]
        parts += [BOLD[True], *rows, BOLD[False]] if line.emphasis else rows
    if receipt.code:
        parts += [ALIGN["center"], _qr(receipt.code, form.module, device), b"\n", ALIGN["left"]]
    data = b"".join([*parts, FEED, CUTS[form.cut]])
    if len(data) > LARGEST:
        raise ReceiptTooLong(device=device, allowed=LARGEST)
    return data


def _rows(line: Line, form: Form) -> Iterator[bytes]:
    """Label left and value right on one row, or the value below where it does not fit."""
    text, value = cells(line.text, form.encoding), cells(line.value, form.encoding)
    gap = form.columns - sum(map(len, text)) - sum(map(len, value))
    if value and gap >= 1:
        yield b"".join([*text, b" " * gap, *value])
        return
    yield from _wrapped(text, form.columns)
    if value:
        for row in _wrapped(value, form.columns):
            yield row.rjust(form.columns)


def _wrapped(signs: Sequence[bytes], columns: int) -> Iterator[bytes]:
    row = b""
    for sign in signs:
        if len(row) + len(sign) > columns:
            yield row
            row = b""
        row += sign
    yield row


def _plain(text: str) -> str:
    """Without signs that steer."""
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)


def _qr(code: str, module: int, device: str) -> bytes:
    """GS ( k: model 2, module size, error correction M, store, print."""
    data = _plain(code).encode("utf-8", errors="replace")
    if len(data) > LARGEST_CODE:
        raise ReceiptTooLong(device=device, allowed=LARGEST_CODE)
    functions = (
        b"1A" + bytes([0x30 + escpos.QR_MODEL_2, 0]),
        b"1C" + bytes([module]),
        b"1E" + bytes([0x30 + escpos.QR_ECLEVEL_M]),
        b"1P0" + data,
        b"1Q0",
    )
    return b"".join(b"\x1d(k" + len(one).to_bytes(2, "little") + one for one in functions)
