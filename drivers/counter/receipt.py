"""A receipt as a thermal printer's bytes: layout in columns, ESC/POS commands, Chinese in GB 18030.

The commands' bytes are python-escpos's constants; its printer classes are not used in the product
(docs/decisions.md), but the tests compare with what they send.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from escpos import constants as escpos

from drivers.contract import DeviceFault, Line, Receipt

Encoding = Literal["gb18030", "gbk", "gb2312"]
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
        parts += [_text(row, form) for row in _wrapped(_plain(receipt.title), form.columns // 2)]
        parts += [SIZE["normal"], ALIGN["left"]]
    for line in receipt.lines:
        rows = [_text(row, form) for row in _rows(line, form.columns)]
        parts += [BOLD[True], *rows, BOLD[False]] if line.emphasis else rows
    if receipt.code:
        parts += [ALIGN["center"], _qr(receipt.code, form.module, device), b"\n", ALIGN["left"]]
    data = b"".join([*parts, FEED, CUTS[form.cut]])
    if len(data) > LARGEST:
        raise ReceiptTooLong(device=device, allowed=LARGEST)
    return data


def width(text: str) -> int:
    """Columns that the text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _rows(line: Line, columns: int) -> Iterator[str]:
    """Label left and value right on one row, or the value below where it does not fit."""
    text, value = _plain(line.text), _plain(line.value)
    gap = columns - width(text) - width(value)
    if value and gap >= 1:
        yield text + " " * gap + value
        return
    yield from _wrapped(text, columns)
    if value:
        for row in _wrapped(value, columns):
            yield " " * (columns - width(row)) + row


def _wrapped(text: str, columns: int) -> Iterator[str]:
    row = ""
    for sign in text:
        if width(row + sign) > columns:
            yield row
            row = ""
        row += sign
    yield row


def _plain(text: str) -> str:
    """Without signs that steer: nothing that is printed may give the printer commands."""
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)


def _text(row: str, form: Form) -> bytes:
    return row.encode(form.encoding, errors="replace") + b"\n"


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
