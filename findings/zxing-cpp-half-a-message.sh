#!/bin/sh
# A message that is spread over two QR symbols (structured append, ISO/IEC 18004, 8) before two
# readers of QR codes: zxing-cpp 3.1.1 gives each half as a valid text and nothing that tells it
# from a whole one (C++ has `sequenceSize`, the Python module has no such attribute); pyzbar 0.1.9
# (libzbar 0.23.92 of Debian 12) raises ValueError for the same picture, because its enumeration of
# orientations lacks the "unknown" that libzbar gives such a symbol.
# Seen on 2026-11-29: half 1: text 'LIB-0000', valid True, error None, told apart by: nothing
#                     pyzbar: ValueError: 4294967295 is not a valid ZBarOrientation
# Needs: python3 with venv, libzbar0, the package registry. Exit 0: still so. 1: it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    zxing-cpp==3.1.1 pyzbar==0.1.9 qrcode==8.2 numpy==2.4.6 pillow==13.0.0
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
import qrcode
import zxingcpp
from pyzbar import pyzbar
from qrcode import base, util

HALVES = (b"LIB-0000", b"11112222")
VERSION, LEVEL, MASK = 4, qrcode.constants.ERROR_CORRECT_M, 2


def symbol(number):
    parity = 0
    for byte in b"".join(HALVES):
        parity ^= byte
    buffer = util.BitBuffer()
    for value, bits in ((0b0011, 4), (number, 4), (1, 4), (parity, 8), (0b0100, 4), (8, 8)):
        buffer.put(value, bits)
    for byte in HALVES[number]:
        buffer.put(byte, 8)
    blocks = base.rs_blocks(VERSION, LEVEL)
    room = 8 * sum(block.data_count for block in blocks)
    buffer.put(0, 4)
    buffer.put(0, -len(buffer) % 8)
    pads = (0xEC, 0x11)
    for turn in range((room - len(buffer)) // 8):
        buffer.put(pads[turn % 2], 8)
    code = qrcode.QRCode(version=VERSION, error_correction=LEVEL, mask_pattern=MASK)
    code.data_cache = util.create_bytes(buffer, blocks)
    code.makeImpl(False, MASK)
    dark = np.array(code.get_matrix())
    return np.where(dark, np.uint8(0), np.uint8(255)).repeat(8, 0).repeat(8, 1)


print("Python", sys.version.split()[0])
same = True
for number, half in enumerate(HALVES):
    picture = np.ascontiguousarray(symbol(number))
    (found,) = zxingcpp.read_barcodes(picture)
    tells = [n for n in dir(found) if "sequence" in n.lower() or "append" in n.lower()]
    tells += [key for key in found.extra if "sequence" in key.lower()]
    print(f"half {number + 1}: text {found.text!r}, valid {found.valid}, error {found.error},",
          "told apart by:", ", ".join(tells) or "nothing")
    same &= found.bytes == half and found.valid and not tells
    try:
        print("pyzbar:", pyzbar.decode(picture))
        same = False
    except ValueError as error:
        print("pyzbar: ValueError:", error)
sys.exit(not same)
PYTHON
