"""Where in a frame a code could be: the part whose brightness changes most both across and down.

A code is the busiest thing in most scenes, and busy both ways; a face, a wall, a shadow are not.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from drivers.eye.steps import Gray

LONGEST: Final = 320  # pixels of the longer side, at most, in which is looked
REACH: Final = 4  # pixels apart that are compared, so that a blurred edge is still one
BLOCK: Final = 5  # pixels of a block's side
SMOOTH: Final = (3, 3)  # blocks
MARGIN: Final = 2  # blocks around what was found
SHARE: Final = 0.4  # of the busiest block's change belongs to the same region
# Change of the busiest block by the scene's own contrast. Walls and soft shadows stay below it,
# and every code that a step read stood above it (0.086 at least, painted corpus, seed 21).
QUIET: Final = 0.08
ALONE: Final = 0.4  # of the frame at most is a busy region that stands out from the rest
DARK: Final = 0.5  # gray levels: less is the sensor's own noise


@dataclass(frozen=True)
class Region:
    """Part of a frame, in its pixels."""

    left: int
    top: int
    right: int
    bottom: int
    alone: bool  # stands out: most of the frame is less busy


def busiest(frame: Gray) -> Region | None:
    """The busiest region, None when nothing in the frame is busy enough for a code."""
    small, scale = frame, 1
    while max(small.shape) > LONGEST and min(small.shape) > 1:
        small, scale = halved(small), scale * 2
    if min(small.shape) < REACH + 2 * BLOCK:
        return Region(0, 0, frame.shape[1], frame.shape[0], alone=True)
    change = _change(cv2.blur(small, (3, 3)))
    _, most, _, (x, y) = cv2.minMaxLoc(change)
    if most < max(DARK, QUIET * _contrast(small)):
        return None
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(
        (change >= SHARE * most).astype(np.uint8)
    )
    left, top, across, down, _ = (int(edge) for edge in boxes[labels[y, x]])
    pixels, shift = BLOCK * scale, REACH * scale
    return Region(
        left=max(left - MARGIN, 0) * pixels,
        top=max(top - MARGIN, 0) * pixels,
        right=min((left + across + MARGIN) * pixels + shift, frame.shape[1]),
        bottom=min((top + down + MARGIN) * pixels + shift, frame.shape[0]),
        alone=across * down <= ALONE * change.size,
    )


def halved(image: Gray) -> Gray:
    """Half as wide and high: the one scaling that costs OpenCV next to nothing."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    even = image[: rows * 2, : columns * 2]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _change(small: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """Per block, the lesser of the mean changes across and down, smoothed."""
    middle = REACH // 2
    across = cv2.absdiff(small[middle:-middle, REACH:], small[middle:-middle, :-REACH])
    down = cv2.absdiff(small[REACH:, middle:-middle], small[:-REACH, middle:-middle])
    lesser = cv2.min(_means(across), _means(down))
    return cv2.blur(lesser, SMOOTH)


def _means(change: cv2.typing.MatLike) -> cv2.typing.MatLike:
    rows, columns = change.shape[0] // BLOCK, change.shape[1] // BLOCK
    whole = change[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)


def _contrast(small: cv2.typing.MatLike) -> float:
    low, high = np.percentile(small[::4, ::4], (2, 98))
    return float(high - low)
