"""Does the camera live, and does something move? Told from one grey picture after another."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from drivers.camera.capture import Frame, Picture

SMALL: Final = (80, 60)  # width, height of the copy that is compared
STEP: Final = 12  # grey levels; noise is averaged away in the small copy
MOVED_SHARE: Final = 0.005  # of the small copy; a phone held up covers much more
DARK_AFTER: Final = 2.0  # seconds; a hand that passes is no darkness


@dataclass(frozen=True)
class PictureLook:
    """What a picture says beside its codes."""

    moved: bool
    dark: bool
    frozen: bool


class CameraWatch:
    """Of one camera since it was opened. One thread."""

    def __init__(self, *, frozen_after: float, dark_below: int) -> None:
        """See `drivers.camera.options`; 0 switches either off."""
        self._frozen_after = frozen_after
        self._dark_below = dark_below
        self._small: Frame | None = None
        self._data: Frame | None = None
        self._changed = 0.0  # when the last picture came that was not the one before it
        self._light = 0.0  # when the last picture came that was not dark
        self.alive = False  # two pictures differed, or need not

    def look(self, picture: Picture, grey: Frame) -> PictureLook:
        """`grey`: the searched part of the picture."""
        at = picture.taken
        small = np.asarray(cv2.resize(grey, SMALL, interpolation=cv2.INTER_AREA), np.uint8)
        # Black pictures may well be identical: dark is what they are then.
        is_dark = int(small.max()) < self._dark_below
        is_first = self._data is None
        is_same = self._data is not None and np.array_equal(self._data, picture.data)
        if is_first or not is_dark:
            self._light = at
        if is_first or is_dark or not is_same:
            self._changed = at
        self.alive |= self._frozen_after == 0 or is_dark or not (is_first or is_same)
        moved = self._small is None or _differ(small, self._small)
        self._small, self._data = small, picture.data
        return PictureLook(
            moved=moved,
            dark=at - self._light >= DARK_AFTER,
            frozen=0 < self._frozen_after <= at - self._changed,
        )


def _differ(one: Frame, other: Frame) -> bool:
    strong = cv2.absdiff(one, other) > STEP
    return int(np.count_nonzero(strong)) >= MOVED_SHARE * strong.size
