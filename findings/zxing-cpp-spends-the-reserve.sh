#!/bin/sh
# Small QR symbols keep some error correction codewords back so that a damaged symbol is not taken
# for another one (ISO/IEC 18004, table 9, the p of versions 1 to 3): 1-L corrects two codewords,
# 1-M four. zxing-cpp 3.1.1 spends them on correction: three and five wrong codewords are read
# without a word. On blurred pictures of such symbols it so gives digits that nobody wrote.
# Seen on 2026-11-29: 1-L: read with 0 1 2 3 wrong codewords; by the standard up to 2
#                     1-M: read with 0 1 2 3 4 5 wrong codewords; by the standard up to 4
# Needs: python3 with venv, the package registry. Exit 0: still so. 1: it has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    zxing-cpp==3.1.1 qrcode==8.2 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
import qrcode
import zxingcpp
from qrcode.util import MODE_NUMBER, QRData

BY_STANDARD = {"L": 2, "M": 4}
LEVELS = {"L": qrcode.constants.ERROR_CORRECT_L, "M": qrcode.constants.ERROR_CORRECT_M}
# One module in each of the six codewords of the two rightmost pairs of columns, quiet zone of 4.
SPOTS = ((24, 24), (20, 24), (16, 24), (16, 22), (20, 22), (24, 22))

same = True
for level, corrects in BY_STANDARD.items():
    code = qrcode.QRCode(version=1, error_correction=LEVELS[level], mask_pattern=0)
    code.add_data(QRData(b"123", mode=MODE_NUMBER), optimize=0)
    code.make(fit=False)
    read = []
    for wrong in range(len(SPOTS) + 1):
        dark = np.array(code.get_matrix())
        for row, column in SPOTS[:wrong]:
            dark[row, column] = not dark[row, column]
        picture = np.where(dark, np.uint8(0), np.uint8(255)).repeat(8, 0).repeat(8, 1)
        found = zxingcpp.read_barcodes(np.ascontiguousarray(picture))
        if [each.text for each in found] == ["123"]:
            read.append(wrong)
    print(f"1-{level}: read with {' '.join(map(str, read))} wrong codewords;",
          f"by the standard up to {corrects}")
    same &= max(read) == corrects + 1
sys.exit(not same)
PYTHON
