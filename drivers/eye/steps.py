"""The ways in which a region is made ready for another try, as a table.

Each is what unblurs, evens out or enlarges one kind of bad picture; which ones and in which order
was measured on 486 painted frames that bare zxing-cpp did not read: of 400 ways each next one is
what read most of the rest per millisecond. docs/frames.md has what comes of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

Gray = NDArray[np.uint8]  # height × width
Change = Callable[[cv2.typing.MatLike], cv2.typing.MatLike]

AVERAGE: Final = zxingcpp.Binarizer.LocalAverage
GLOBAL: Final = zxingcpp.Binarizer.GlobalHistogram


@dataclass(frozen=True)
class PictureStep:
    """One way: what is done to the region, one after another, and how it is made black and white.

    `weight` is its time by the fast pass's for as many pixels of the region.
    """

    scale: float
    changes: tuple[Change, ...]
    binarizer: zxingcpp.Binarizer
    weight: float


def mean(side: int) -> Change:
    """The average of `side` × `side` pixels: for the grain of dim pictures."""
    return lambda image: cv2.blur(image, (side, side))


def gauss(side: int) -> Change:
    """A Gaussian blur over `side` × `side` pixels (odd), sigma as OpenCV derives it."""
    return lambda image: cv2.GaussianBlur(image, (side, side), 0)


def middle(side: int) -> Change:
    """The median of `side` × `side` pixels (odd): specks go, edges stay."""
    return lambda image: cv2.medianBlur(image, side)


def stretched(image: cv2.typing.MatLike) -> cv2.typing.MatLike:
    """The whole range of gray: for dim and flat pictures."""
    return cv2.normalize(image, np.empty_like(image), 0, 255, cv2.NORM_MINMAX)


def sharper(side: int, by: float) -> Change:
    """What differs from its neighbourhood of `side` pixels, times `by`: for blur and motion."""
    return lambda image: cv2.addWeighted(image, 1 + by, cv2.blur(image, (side, side)), -by, 0)


def even(side: int) -> Change:
    """Divided by its neighbourhood: for shadows and glare."""
    return lambda image: cv2.divide(image, cv2.blur(image, (side, side)), scale=110)


def black_white(side: int) -> Change:
    """Darker than its neighbourhood or not: for moiré and uneven light."""
    kind = cv2.ADAPTIVE_THRESH_MEAN_C
    return lambda image: cv2.adaptiveThreshold(image, 255, kind, cv2.THRESH_BINARY, side, 2)


STEPS: Final = (
    PictureStep(1, (), AVERAGE, 1.0),  # the fast pass left zxing-cpp's own downscaling out
    PictureStep(1, (mean(3), stretched), GLOBAL, 1.0),
    PictureStep(0.5, (black_white(9),), AVERAGE, 0.9),
    PictureStep(1, (gauss(3), sharper(11, 3)), AVERAGE, 2.0),
    PictureStep(1, (mean(5),), GLOBAL, 0.8),
    PictureStep(1, (mean(3), even(31)), GLOBAL, 1.7),
    PictureStep(1, (black_white(9),), AVERAGE, 2.6),
    PictureStep(2, (), GLOBAL, 2.6),
    PictureStep(1, (mean(5), sharper(15, 4)), AVERAGE, 1.8),
    PictureStep(1, (sharper(7, 3),), AVERAGE, 2.6),
    PictureStep(1, (mean(5), even(61)), GLOBAL, 1.6),
    PictureStep(1, (mean(3), black_white(11)), AVERAGE, 2.2),
    PictureStep(2, (sharper(7, 3),), AVERAGE, 7.0),
    PictureStep(1, (middle(5), stretched), AVERAGE, 3.4),
)
