"""The eye: fast pass, thorough pass, second opinion. Pure but for the clock that bounds it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Self

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from drivers.eye.locate import Region, busiest, halved
from drivers.eye.steps import AVERAGE, STEPS, Gray, PictureStep
from drivers.eye.symbol import is_part

Symbology = Literal["qr", "data-matrix", "aztec", "pdf417", "code128"]
Pass = Literal["fast", "thorough", "second-opinion"]
Place = tuple[tuple[int, int], ...]  # corners of the code in the frame, in pixels

# Micro QR and Model 1 are left out: M1 has no error correction at all, and on blurred frames
# zxing-cpp then "reads" digits that nobody wrote.
QR_ONLY: Final[tuple[Symbology, ...]] = ("qr",)
FORMATS: Final[Mapping[Symbology, zxingcpp.BarcodeFormat]] = {
    "qr": zxingcpp.BarcodeFormat.QRCodeModel2,
    "data-matrix": zxingcpp.BarcodeFormat.DataMatrix,
    "aztec": zxingcpp.BarcodeFormat.AztecCode,
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "code128": zxingcpp.BarcodeFormat.Code128,
}
# Seconds that a frame may take before another step is not begun: where something stands out from
# the scene, and where all of it is equally busy (gravel, a page of text), which is seldom a code.
BUDGET: Final = 0.011
BUSY_BUDGET: Final = 0.0035
REGION: Final = 320_000  # pixels; a larger region is halved first
OVERVIEW: Final = 80_000  # pixels of the whole frame made small
OVERVIEW_STEPS: Final = 5  # done with it,
FIRST: Final = 3  # after so many with the region
SMALLEST: Final = 21  # pixels a side; nothing with fewer is a code
LARGEST: Final = 65_535  # pixels a side; zxing-cpp takes no more
# Codewords that ISO/IEC 18004 (table 9) keeps back in small versions so that a code is not taken
# for another, as a share of all error correction codewords; zxing-cpp spends them on correction.
RESERVE: Final = {
    ("1", "L"): 3 / 7, ("1", "M"): 2 / 10, ("1", "Q"): 1 / 13, ("1", "H"): 1 / 17,
    ("2", "L"): 2 / 10, ("3", "L"): 1 / 15,
}  # fmt: skip


@dataclass(frozen=True)
class Sighting:
    """A code that was read: its bytes as they stand in it, without any guess at a charset."""

    content: bytes = field(repr=False)
    symbology: str  # AIM identifier, "]Q1"
    place: Place
    by: Pass


class Eye:
    """Reads frames, one thread at a time; `clock` is `World.monotonic`."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        symbologies: Collection[Symbology] = QR_ONLY,
        second_opinion: bool = False,
        budget: float = BUDGET,
        busy_budget: float = BUSY_BUDGET,
    ) -> None:
        """`budget`, `busy_budget`: seconds from the begin of `look`. The fast pass is always done,
        so a frame that is large for this machine takes longer. At least one symbology: for none
        at all zxing-cpp would read every kind."""
        if not symbologies:
            raise ValueError("an eye reads at least one symbology")
        # For the whole process: on pictures of this size OpenCV's threads cost more than they save,
        # and the other lanes want the other cores.
        cv2.setNumThreads(1)
        self._clock = clock
        self._formats = zxingcpp.BarcodeFormats([FORMATS[name] for name in symbologies])
        self._second = _pyzbar() if second_opinion and "qr" in symbologies else None
        self.parts = 0  # symbols that were dropped, each a part of a message of several
        self._budget = budget
        self._busy_budget = busy_budget

    def look(self, frame: NDArray[np.uint8], *, thorough: bool) -> Sequence[Sighting]:
        """The codes in `frame` (uint8, height × width gray or × 3 BGR), none for anything else.

        The fast pass alone, or with `thorough` all that the budget lets be done until a code is
        read: for a single picture always, for a camera now and then. Raises nothing.
        """
        started, parts = self._clock(), self.parts
        gray = _gray(frame)
        if gray is None:
            return ()
        found = self._fast(gray)
        # What is read and dropped, another step may read wrongly and not drop.
        if found or not thorough or self.parts > parts:
            return found
        spent = self._clock() - started
        if spent > self._budget:
            return ()
        region = busiest(gray)
        if region is None:
            return ()
        deadline = started + (self._budget if region.alone else self._busy_budget)
        return self._thorough(gray, region, spent / gray.size, deadline)

    def _fast(self, gray: Gray) -> tuple[Sighting, ...]:
        return tuple(
            Sighting(code.bytes, code.symbology_identifier, _corners(code), "fast")
            for code in self._whole(self._read(gray, AVERAGE, downscale=False))
        )

    def _thorough(
        self, gray: Gray, region: Region, pace: float, deadline: float
    ) -> tuple[Sighting, ...]:
        """`pace`: seconds per pixel and weight, at first the fast pass's, then as it turns out."""
        part = _Part.of(gray, region, REGION)
        begun, parts = self._clock(), self.parts
        for image, step in _tries(gray, part):
            work = image.pixels.size * step.weight
            if begun + work * pace > deadline:
                return ()
            found = tuple(self._step(image, step))
            if found or self.parts > parts:
                return found
            ended = self._clock()
            pace = max(pace, (ended - begun) / work)
            begun = ended
        return tuple(self._second(part)) if self._second else ()

    def _step(self, part: "_Part", step: PictureStep) -> Iterator[Sighting]:
        image: cv2.typing.MatLike = part.pixels
        if step.scale != 1:
            how = cv2.INTER_LINEAR if step.scale > 1 else cv2.INTER_AREA
            image = cv2.resize(image, None, fx=step.scale, fy=step.scale, interpolation=how)
        for change in step.changes:
            image = change(image)
        for code in self._whole(self._read(image, step.binarizer)):
            place = part.placed(_corners(code), step.scale)
            yield Sighting(code.bytes, code.symbology_identifier, place, "thorough")

    def _whole(self, codes: Iterable[zxingcpp.Barcode]) -> Iterator[zxingcpp.Barcode]:
        """Those that are what they seem: no other code that was damaged, no part of a message."""
        for code in codes:
            if is_part(code):
                self.parts += 1
            elif is_trusted(code):
                yield code

    def _read(
        self, image: cv2.typing.MatLike, binarizer: zxingcpp.Binarizer, *, downscale: bool = True
    ) -> Sequence[zxingcpp.Barcode]:
        return zxingcpp.read_barcodes(
            image,
            formats=self._formats,
            text_mode=zxingcpp.TextMode.Plain,
            binarizer=binarizer,
            try_downscale=downscale,
        )


def _gray(frame: NDArray[np.uint8]) -> Gray | None:
    """One brightness per pixel, contiguous; None when it is no picture or has no usable size."""
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3):
        return None
    if min(frame.shape[:2]) < SMALLEST or max(frame.shape[:2]) > LARGEST:
        return None
    if frame.ndim == 2:
        return np.ascontiguousarray(frame)
    if frame.shape[2] != 3:
        return None
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)


@dataclass(frozen=True)
class _Part:
    """Part of a frame, `shrunk` times smaller."""

    pixels: Gray
    left: int
    top: int
    shrunk: int

    @classmethod
    def of(cls, gray: Gray, region: Region, most: int) -> Self:
        """That region, halved until it has no more than `most` pixels."""
        part = gray[region.top : region.bottom, region.left : region.right]
        shrunk = 1
        while part.size > most and min(part.shape) > 1:
            part, shrunk = halved(part), shrunk * 2
        return cls(np.ascontiguousarray(part), region.left, region.top, shrunk)

    def placed(self, corners: Place, scale: float = 1) -> Place:
        """Corners in these pixels, or in them times `scale`, as corners in the frame."""
        by = self.shrunk / scale
        return tuple((self.left + round(x * by), self.top + round(y * by)) for x, y in corners)


def _tries(gray: Gray, part: _Part) -> Iterator[tuple[_Part, PictureStep]]:
    """The region, step by step, and early on the whole frame made small: of a code so near that
    its modules are areas of their own, the busiest region is only a part."""
    height, width = gray.shape
    overview = _Part.of(gray, Region(0, 0, width, height, alone=False), OVERVIEW)
    yield from ((part, step) for step in STEPS[:FIRST])
    yield from ((overview, step) for step in STEPS[:OVERVIEW_STEPS])
    yield from ((part, step) for step in STEPS[FIRST:])


def is_trusted(code: zxingcpp.Barcode) -> bool:
    """Whether the reserve of a small version is untouched, so that it is that code and no other."""
    extra = code.extra
    if not isinstance(extra, dict) or "UEC" not in extra:
        return True
    least = RESERVE.get((str(extra.get("Version")), code.ec_level), 0.0)
    return bool(extra["UEC"] >= least - 0.01)  # zxing-cpp rounds it to two digits


def _corners(code: zxingcpp.Barcode) -> Place:
    at = code.position
    four = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
    return tuple((point.x, point.y) for point in four)


def _pyzbar() -> Callable[[_Part], Iterator[Sighting]]:
    """What pyzbar reads, as far as it is printable ASCII: it turns all else into other bytes."""
    from pyzbar import pyzbar  # loads libzbar: only where it is wanted

    def read(part: _Part) -> Iterator[Sighting]:
        try:
            found = pyzbar.decode(part.pixels, symbols=[pyzbar.ZBarSymbol.QRCODE])
        except (ValueError, pyzbar.PyZbarError):  # the former: a part of a message of several
            return
        for code in found:
            if code.data and all(0x20 <= byte < 0x7F for byte in code.data):
                corners = tuple((point.x, point.y) for point in code.polygon)
                yield Sighting(code.data, "]Q1", part.placed(corners), "second-opinion")

    return read
