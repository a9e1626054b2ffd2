"""What a phone's camera makes of the code on a terminal's screen: SVG in, its text out."""

import re

import numpy as np
import zxingcpp

SCALE = 8  # pixels per module
_VIEW = re.compile(r'viewBox="0 0 ([0-9]+) [0-9]+"')
_MODULE = re.compile(r"M([0-9]+),([0-9]+)h1v1h-1z")


def read(svg: str) -> str:
    """Raises `ValueError` where there is nothing to read."""
    view = _VIEW.search(svg)
    if view is None:
        raise ValueError("no picture")
    size = int(view.group(1))
    picture = np.full((size, size), 255, np.uint8)
    for x, y in _MODULE.findall(svg):
        picture[int(y), int(x)] = 0
    found = zxingcpp.read_barcode(np.kron(picture, np.ones((SCALE, SCALE), np.uint8)))
    if found is None:
        raise ValueError("no code in the picture")
    return found.text
