"""What a QR symbol says of itself that zxing-cpp does not hand on: whether it is a whole message.

A message in structured append mode is spread over up to sixteen symbols; each reads like a code,
and is a part of one. zxing-cpp's Python module tells neither that nor the symbol's bits, but paints
the modules as it has sampled them: the first four data bits are the mode. Source: ISO/IEC 18004.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Final

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from qrcode import QRCode, base
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError
from qrcode.util import QRData

Modules = NDArray[np.bool_]  # row × column, True: dark
Place = tuple[int, int]  # row, column

QR_CODES: Final = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.QRCodeModel2)
STRUCTURED_APPEND: Final = 0b0011  # table 2
# The modes in which a whole message begins, and the signs that it then has.
_SIGNS: Final[Mapping[int, frozenset[int]]] = {
    0b0001: frozenset(b"0123456789"),
    0b0010: frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"),
    0b0100: frozenset(range(256)),
}
DARK_BELOW: Final = 128  # gray level of a painted module
# Table 10: where a mask inverts, by row and column from the upper left corner.
_MASKS: Final[Mapping[int, Callable[[int, int], bool]]] = {
    0: lambda i, j: (i + j) % 2 == 0,
    1: lambda i, j: i % 2 == 0,
    2: lambda i, j: j % 3 == 0,
    3: lambda i, j: (i + j) % 3 == 0,
    4: lambda i, j: (i // 2 + j // 3) % 2 == 0,
    5: lambda i, j: i * j % 2 + i * j % 3 == 0,
    6: lambda i, j: (i * j % 2 + i * j % 3) % 2 == 0,
    7: lambda i, j: ((i + j) % 2 + i * j % 3) % 2 == 0,
}
_LEVELS: Final = {  # table 12, and the library's names for them
    "L": (0b01, ERROR_CORRECT_L),
    "M": (0b00, ERROR_CORRECT_M),
    "Q": (0b11, ERROR_CORRECT_Q),
    "H": (0b10, ERROR_CORRECT_H),
}
# Rows and columns of the format information beside the upper left finder, bit 0 first (figure 25).
_FORMAT_AT: Final = (
    *((row, 8) for row in (0, 1, 2, 3, 4, 5, 7, 8)),
    *((8, column) for column in (7, 5, 4, 3, 2, 1, 0)),
)
_FORMAT_GENERATOR: Final = 0b101_0011_0111  # 7.9.1, as is the mask
_FORMAT_MASK: Final = 0b101_0100_0001_0010


def is_part(code: zxingcpp.Barcode) -> bool:
    """Whether it is one symbol of several that make a message; False for what is no QR code.

    The modules are as they were sampled, damage included. Where zxing-cpp has corrected something,
    a mode that is one module from structured append is that, unless a whole message of this content
    in one segment would have been corrected to the same.
    """
    extra = code.extra
    if code.format not in QR_CODES or not isinstance(extra, dict):
        return False
    mask, level = extra.get("DataMask", -1), _LEVELS.get(code.ec_level)
    if mask not in _MASKS or level is None:
        return False
    painted = np.asarray(code.to_image(scale=1, add_quiet_zones=False))
    modules = _upright(painted < DARK_BELOW, level[0] << 3 | mask)
    wrong = (_mode(modules, mask) ^ STRUCTURED_APPEND).bit_count()
    if extra.get("UEC") == 1.0:
        return wrong == 0
    return wrong <= 1 and not _is_whole(modules, code.bytes, level[1], mask)


def _mode(modules: Modules, mask: int) -> int:
    """The first four bits are in the lower right corner (7.7.3)."""
    last, inverts, mode = len(modules) - 1, _MASKS[mask], 0
    for row, column in ((last, last), (last, last - 1), (last - 1, last), (last - 1, last - 1)):
        mode = mode << 1 | bool(modules[row, column]) ^ inverts(row, column)
    return mode


def _is_whole(modules: Modules, content: bytes, level: int, mask: int) -> bool:
    """Whether a whole message would have been corrected to the same: its first block is within
    reach, and no block of another message is."""
    version = (len(modules) - 17) // 4
    reach, codewords = _first_block(version, level)
    for written in _written(content, version, level, mask):
        differs = modules != written
        if sum(any(differs[at] for at in codeword) for codeword in codewords) <= reach:
            return True
    return False


def _written(content: bytes, version: int, level: int, mask: int) -> Iterator[Modules]:
    """The symbols that a whole message of that content in one segment makes."""
    for mode, signs in _SIGNS.items():
        if signs.issuperset(content):
            code = QRCode(version=version, error_correction=level, mask_pattern=mask)
            code.add_data(QRData(content, mode=mode), optimize=0)
            with suppress(DataOverflowError):
                code.makeImpl(False, mask)
                yield np.array(code.modules, np.bool_)


@cache
def _first_block(version: int, level: int) -> tuple[int, tuple[tuple[Place, ...], ...]]:
    """How many codewords of the first block can be corrected, and the places of each one's modules.
    Codewords of several blocks take turns (7.6)."""
    blocks = base.rs_blocks(version, level)
    data = [block.data_count for block in blocks]
    ec = [block.total_count - block.data_count for block in blocks]
    owners = [
        number
        for sizes in (data, ec)
        for turn in range(max(sizes))
        for number, size in enumerate(sizes)
        if turn < size
    ]
    places = _zigzag(version, level)
    own = (at for at, number in enumerate(owners) if number == 0)
    return ec[0] // 2, tuple(tuple(places[8 * at : 8 * at + 8]) for at in own)


def _zigzag(version: int, level: int) -> list[Place]:
    """Where the bits stand, in order: in pairs of columns from the right, up and down (7.7.3)."""
    blank = QRCode(version=version, error_correction=level, mask_pattern=0)
    blank.map_data = lambda data, mask: None  # what is left blank is where data belong
    blank.makeImpl(True, 0)
    side = blank.modules_count
    columns = [right if right > 6 else right - 1 for right in range(side - 1, 0, -2)]
    return [
        (row, column)
        for number, right in enumerate(columns)
        for row in (range(side) if number % 2 else range(side - 1, -1, -1))
        for column in (right, right - 1)
        if blank.modules[row][column] is None
    ]


def _upright(modules: Modules, information: int) -> Modules:
    """A symbol that was seen in a mirror is painted with rows for columns: its format information,
    which zxing-cpp has decoded, tells which way is better."""
    wanted = _format(information)
    upright = sum(modules[at] != wanted >> bit & 1 for bit, at in enumerate(_FORMAT_AT))
    turned = sum(modules.T[at] != wanted >> bit & 1 for bit, at in enumerate(_FORMAT_AT))
    return modules.T if turned < upright else modules


def _format(information: int) -> int:
    """The 15 bits for five of level and mask."""
    rest = information << 10
    for shift in range(4, -1, -1):
        if rest >> (shift + 10) & 1:
            rest ^= _FORMAT_GENERATOR << shift
    return (information << 10 | rest) ^ _FORMAT_MASK
