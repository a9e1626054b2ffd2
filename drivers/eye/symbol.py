"""What a QR symbol says of itself that zxing-cpp does not hand on: whether it is a whole message.

A message in structured append mode is spread over up to sixteen symbols; each reads like a code,
and is a part of one. zxing-cpp's Python module tells neither that nor the symbol's bits, but paints
the modules as it has sampled them: the first four data bits are in the lower right corner
(ISO/IEC 18004, 7.7.3), under the mask.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import zxingcpp
from numpy.typing import NDArray

Modules = NDArray[np.bool_]  # row × column, True: dark

QR_CODES: Final = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.QRCodeModel2)
STRUCTURED_APPEND: Final = 0b0011  # ISO/IEC 18004, table 2
# The modes in which whole messages begin: digits, capitals, bytes, ECI, Kanji; and of those that do
# not take any sign, the signs.
_WHOLE: Final = (0b0001, 0b0010, 0b0100, 0b0111, 0b1000)
_SIGNS: Final[Mapping[int, frozenset[int]]] = {
    0b0001: frozenset(b"0123456789"),
    0b0010: frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"),
}
DARK_BELOW: Final = 128  # gray level of a painted module
# Row and column from the lower right corner; the most significant bit first.
_MODE_BITS: Final = ((1, 1), (1, 2), (2, 1), (2, 2))
# ISO/IEC 18004, table 10: where a mask inverts, by row and column from the upper left corner.
_MASKS: Final[Mapping[int, Callable[[int, int], int]]] = {
    0: lambda i, j: (i + j) % 2 == 0,
    1: lambda i, j: i % 2 == 0,
    2: lambda i, j: j % 3 == 0,
    3: lambda i, j: (i + j) % 3 == 0,
    4: lambda i, j: (i // 2 + j // 3) % 2 == 0,
    5: lambda i, j: i * j % 2 + i * j % 3 == 0,
    6: lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    7: lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
}
_LEVELS: Final = {"L": 0b01, "M": 0b00, "Q": 0b11, "H": 0b10}  # table 12
# Rows and columns of the format information beside the upper left finder, bit 0 first (figure 25).
_FORMAT_AT: Final = (
    *((row, 8) for row in (0, 1, 2, 3, 4, 5, 7, 8)),
    *((8, column) for column in (7, 5, 4, 3, 2, 1, 0)),
)
_FORMAT_GENERATOR: Final = 0b101_0011_0111  # 7.9.1, as is the mask
_FORMAT_MASK: Final = 0b101_0100_0001_0010


def is_part(code: zxingcpp.Barcode) -> bool:
    """Whether it is one symbol of several that make a message; False for what is no QR code. Of a
    symbol that is damaged just there, what needs the fewest errors is believed."""
    extra = code.extra
    if code.format not in QR_CODES or not isinstance(extra, dict):
        return False
    mask, level = extra.get("DataMask", -1), _LEVELS.get(code.ec_level)
    if mask not in _MASKS or level is None:
        return False
    painted = np.asarray(code.to_image(scale=1, add_quiet_zones=False))
    mode = _mode(_upright(painted < DARK_BELOW, level << 3 | mask), mask)
    fitting = [m for m in _WHOLE if m not in _SIGNS or _SIGNS[m].issuperset(code.bytes[:1])]
    return _errors(mode, STRUCTURED_APPEND) < min(_errors(mode, other) for other in fitting)


def _errors(mode: int, meant: int) -> int:
    return (mode ^ meant).bit_count()


def _mode(modules: Modules, mask: int) -> int:
    side, inverts, mode = len(modules), _MASKS[mask], 0
    for up, left in _MODE_BITS:
        row, column = side - up, side - left
        mode = mode << 1 | bool(modules[row, column]) ^ bool(inverts(row, column))
    return mode


def _upright(modules: Modules, information: int) -> Modules:
    """A symbol that was seen in a mirror is painted with rows for columns: its format information,
    which zxing-cpp has decoded, tells which way is better."""
    wanted = _format(information)
    bits = [bool(modules[at]) != bool(wanted >> number & 1) for number, at in enumerate(_FORMAT_AT)]
    swapped = [
        bool(modules[column, row]) != bool(wanted >> number & 1)
        for number, (row, column) in enumerate(_FORMAT_AT)
    ]
    return modules.T if sum(swapped) < sum(bits) else modules


def _format(information: int) -> int:
    """The 15 bits for five of level and mask."""
    rest = information << 10
    for shift in range(4, -1, -1):
        if rest >> (shift + 10) & 1:
            rest ^= _FORMAT_GENERATOR << shift
    return (information << 10 | rest) ^ _FORMAT_MASK
