"""One message in several QR symbols (structured append, ISO/IEC 18004, 8): each reads like a code.

The library that paints the other codes knows no such header, so the bits are put together here and
handed to it as a symbol's codewords.
"""

from collections.abc import Sequence

import numpy as np
import qrcode
from numpy.typing import NDArray
from qrcode import base, util

MODE, MODE_BITS = 0b0011, 4
BYTES = 0b0100
QUIET = 4  # modules


def symbols(
    parts: Sequence[bytes], *, level: int, mask: int, version: int = 4
) -> list[NDArray[np.uint8]]:
    """Each part's symbol with its quiet zone, a pixel per module. `version` from 1 to 9; `level` is
    one of qrcode's. Raises `ValueError` where a part does not fit."""
    message = b"".join(parts)
    parity = 0
    for byte in message:
        parity ^= byte
    return [
        _painted(_bits(part, number, len(parts), parity), level, mask, version)
        for number, part in enumerate(parts)
    ]


def _bits(part: bytes, number: int, of: int, parity: int) -> Sequence[tuple[int, int]]:
    """Values, each with its number of bits."""
    header = [(MODE, MODE_BITS), (number, 4), (of - 1, 4), (parity, 8)]
    return [*header, (BYTES, MODE_BITS), (len(part), 8), *((byte, 8) for byte in part)]


def _painted(
    bits: Sequence[tuple[int, int]], level: int, mask: int, version: int
) -> NDArray[np.uint8]:
    blocks = base.rs_blocks(version, level)
    room = 8 * sum(block.data_count for block in blocks)
    buffer = util.BitBuffer()
    for value, size in bits:
        buffer.put(value, size)
    if len(buffer) > room:
        raise ValueError(f"{len(buffer)} bits, room for {room}")
    buffer.put(0, min(4, room - len(buffer)))
    buffer.put(0, -len(buffer) % 8)
    for number in range((room - len(buffer)) // 8):
        buffer.put(util.PAD1 if number % 2 else util.PAD0, 8)
    code = qrcode.QRCode(version=version, error_correction=level, mask_pattern=mask, border=QUIET)
    code.data_cache = util.create_bytes(buffer, blocks)
    code.makeImpl(False, mask)
    return np.where(np.array(code.get_matrix()), np.uint8(20), np.uint8(235))
