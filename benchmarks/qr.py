"""The eye against bare zxing-cpp, pyzbar and OpenCV: the same frames, turn by turn in one run.

Painted frames have exactly known contents; a directory of labelled photographs can be added. What
a decoder returns is compared byte by byte with what is in the code.
"""

import argparse
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import zxingcpp
from pyzbar import pyzbar

from benchmarks import view
from benchmarks.measure import median, percentile
from drivers.eye import Eye
from drivers.eye.eye import is_trusted
from simulators.devices.painter import Frame, Painted, corpus, empties

FRAMES: Final = 2250  # of painted codes: 125 of each of 18 kinds
EMPTIES: Final = 200
VIEWS: Final = 40  # codes held before a camera
TURNS: Final = 3  # looks at one empty frame
SEED: Final = 1
GOALS: Final = {
    "of_union_min": 0.99,
    "ours_wrong_max": 0,
    "ratio_ms_max": 1.5,
    "fast_ratio_max": 0.85,
    "empty_p50_max": 5.0,
    "empty_max_max": 15.0,
    "view_p95_max": 80.0,
}
PHOTO_GOALS: Final = {"photo_of_union_min": 0.99, "photo_ours_wrong_max": 0}
PICTURES: Final = (".png", ".webp", ".jpg")
# Labels that do not say what is in the picture, by the picture's SHA-256. zxing's qrcode-2/13 says
# "photograph", and no decoder had read it: encoded again (6-Q, mask 7), the text below agrees with
# 98.6 % of the picture's modules, the label with 67.6 %.
CORRECTED: Final = {
    "a8d498d6d2d6a3e27e24fd75ed023cd5b8b6b42cb4996674e88e555d68855ec1": (
        "The 2005 USGS aerial photography of the Washington Monument is censored."
    ),
}
# A `.txt` label is the text; which charset the code's bytes are in, it does not say.
CHARSETS: Final = ("utf-8", "gb18030", "cp932", "iso-8859-1")

Decoder = Callable[[Frame], Iterable[bytes]]


class NoMeasurement(Exception):
    """There is nothing to measure. The text says why."""


@dataclass(frozen=True)
class Picture:
    """A frame and what is in it: exact bytes, or a text of unknown charset.

    `whole`: all of its codes are labelled, so that whatever else is read is wrong. A photograph's
    label names one code; another one in the picture may be read too, beside it.
    """

    kind: str
    frame: Frame
    labels: tuple[bytes | str, ...]
    whole: bool = True


@dataclass
class Tally:
    """What one decoder made of all pictures."""

    correct: set[tuple[int, int]] = field(default_factory=set)  # (picture, label)
    wrong: int = 0
    ms: list[float] = field(default_factory=list)  # of the processor
    wall: list[float] = field(default_factory=list)  # ms by the clock


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """Reads are codes whose content came out byte by byte; `*_wrong` other contents, empty frames
    included; `*_ms` the median per frame with a code, read or not. `ours`: `Eye.look` with
    `thorough`, as it ships; `zxing`: `zxingcpp.read_barcodes` with its defaults but for the
    formats, which are ours (QR Code Model 2) and make it ten times as fast; `zxing_all`: all
    formats, as when nothing is said; `pyzbar`: QR Code; `cv2`: `detectAndDecodeBytes`,
    which reads more than its variant for several codes, and takes seconds less.

    `union`: what zxing, zxing_all or pyzbar read correctly, but for `reserve`: what zxing reads by
    the codewords that a symbol's level keeps back against misreading (`drivers.eye.eye.is_trusted`)
    and ours therefore leaves. `of_union`: the share of it that ours read too. `ratio_ms` = ours by
    zxing. `empty_p50`, `empty_max`: of ours on frames without a code, of three looks at each the
    middle one. All milliseconds, the eye's budget too, are the thread's processor time (all work on
    one thread), so that other work beside costs little; `ratio_wall` is `ratio_ms` by the clock.

    `fast_ratio`: as `ratio_ms`, on the `fast_frames` of which the fast pass alone reads a code; any
    other frame takes the eye's budget at most.

    `view_p95`: milliseconds from a code held before a camera at 30 fps to its bytes
    (`benchmarks.view`).

    `--images DIR`: labelled pictures besides (`NAME.png|webp|jpg` with `NAME.txt`, UTF-8, or
    `NAME.bin`), as `photo_*`; `skipped`: those without a usable label, and why; `corrected`: those
    whose label is known to be wrong (`CORRECTED`). `--frames N` or `--quick N` (a tenth as many
    empty ones), `--seed N`, `--second-opinion`.
    """
    options = _options(arguments)
    frames, empty = options.frames, max(EMPTIES * options.frames // FRAMES, 10)
    decoders = decoders_of(second_opinion=options.second_opinion)
    tallies = measure(decoders, painted(corpus(frames, options.seed)))
    nothing = look_at_empties(decoders["ours"], empties(empty, options.seed), tallies["ours"])
    figures: dict[str, object] = {"frames": frames, "empties": empty, **union_figures(tallies)}
    figures |= fast_figures(tallies)
    figures |= {"empty_p50": round(median(nothing), 2), "empty_max": round(max(nothing), 2)}
    figures["view_p95"] = round(percentile(view.measure(max(VIEWS * frames // FRAMES, 2)), 95), 1)
    goals: dict[str, float] = dict(GOALS)
    if options.images:
        photographs = labelled(options.images)
        told = union_figures(measure(decoders, photographs.pictures))
        figures |= {f"photo_{key}": value for key, value in told.items()}
        figures |= {
            "photos": len(photographs.pictures),
            "skipped": photographs.skipped,
            "corrected": photographs.corrected,
        }
        goals |= PHOTO_GOALS
    return {"name": "qr", **figures, "goals": goals, "holds": holds(figures, goals)}


def decoders_of(*, second_opinion: bool = False) -> dict[str, Decoder]:
    """The decoders that are compared, ours first."""
    eye = Eye(time.thread_time, second_opinion=second_opinion)
    ours = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)
    symbols = [pyzbar.ZBarSymbol.QRCODE]
    detector = cv2.QRCodeDetector()
    return {
        "ours": lambda frame: [s.content for s in eye.look(frame, thorough=True)],
        "fast": lambda frame: [s.content for s in eye.look(frame, thorough=False)],
        "zxing": lambda frame: [c.bytes for c in zxingcpp.read_barcodes(frame, formats=ours)],
        "zxing_all": lambda frame: [c.bytes for c in zxingcpp.read_barcodes(frame)],
        "reserve": lambda frame: [
            c.bytes for c in zxingcpp.read_barcodes(frame, formats=ours) if not is_trusted(c)
        ],
        "pyzbar": lambda frame: [c.data for c in pyzbar.decode(frame, symbols=symbols)],
        "cv2": lambda frame: _opencv(detector, frame),
    }


def _opencv(detector: cv2.QRCodeDetector, frame: Frame) -> list[bytes]:
    try:
        content, _, _ = detector.detectAndDecodeBytes(frame)
    except cv2.error:  # an assertion of its own on some frames: nothing read
        return []
    return [content] if content else []


def painted(frames: Iterable[Painted]) -> Iterator[Picture]:
    return (Picture(each.kind, each.frame, each.contents) for each in frames)


def measure(decoders: Mapping[str, Decoder], pictures: Iterable[Picture]) -> dict[str, Tally]:
    """Every decoder on every picture; on each next picture the next one begins."""
    tallies = {name: Tally() for name in decoders}
    order = itertools.cycle(range(len(decoders)))
    for number, picture in enumerate(pictures):
        first = next(order)
        names = list(decoders)
        for name in names[first:] + names[:first]:
            read, ms, wall = timed(decoders[name], picture.frame)
            tallies[name].ms.append(ms)
            tallies[name].wall.append(wall)
            right, wrong = judge(read, picture)
            tallies[name].correct |= {(number, label) for label in right}
            tallies[name].wrong += wrong
    return tallies


def judge(read: Iterable[bytes], picture: Picture) -> tuple[set[int], int]:
    """Which labels were read, and how many contents are wrong."""
    right: set[int] = set()
    wrong = 0
    for content in read:
        fits = {at for at, label in enumerate(picture.labels) if _is(content, label)}
        right |= fits
        wrong += not fits
    return right, 0 if right and not picture.whole else wrong


def timed(decoder: Decoder, frame: Frame) -> tuple[set[bytes], float, float]:
    """What it read, and the milliseconds that it took: of the processor, and by the clock."""
    began, started = time.perf_counter_ns(), time.thread_time_ns()
    read = set(decoder(frame))
    worked, passed = time.thread_time_ns() - started, time.perf_counter_ns() - began
    return read, worked / 1e6, passed / 1e6


def look_at_empties(ours: Decoder, frames: Iterable[Painted], tally: Tally) -> list[float]:
    """Milliseconds of each empty frame; what is read in one is wrong."""
    middles = []
    for each in frames:
        looks = [timed(ours, each.frame) for _ in range(TURNS)]
        middles.append(median([ms for _, ms, _ in looks]))
        tally.wrong += len(set().union(*(read for read, _, _ in looks)))
    return middles


@dataclass(frozen=True)
class Photographs:
    """What lies in a directory."""

    pictures: list[Picture] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # "name: why"
    corrected: list[str] = field(default_factory=list)  # names


def labelled(folder: Path) -> Photographs:
    """The pictures below `folder`. Raises `NoMeasurement` when none of them has a usable label."""
    found = Photographs()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES):
        raw, name = path.read_bytes(), str(path.relative_to(folder))
        digest = hashlib.sha256(raw).hexdigest()
        frame = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR) if raw else None
        label = CORRECTED.get(digest) or _label(path)
        if frame is None or isinstance(label, _Unusable):
            why = label.why if isinstance(label, _Unusable) else "no picture"
            found.skipped.append(f"{name}: {why}")
            continue
        found.pictures.append(
            Picture(path.parent.name, np.asarray(frame, np.uint8), (label,), whole=False)
        )
        if digest in CORRECTED:
            found.corrected.append(name)
    if not found.pictures:
        raise NoMeasurement(f"{folder}: no labelled picture; skipped: {found.skipped or 'none'}")
    return found


@dataclass(frozen=True)
class _Unusable:
    why: str


def _label(path: Path) -> bytes | str | _Unusable:
    exact, text = path.with_suffix(".bin"), path.with_suffix(".txt")
    if exact.is_file():
        return exact.read_bytes()
    if not text.is_file():
        return _Unusable("no label")
    try:
        return text.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return _Unusable(f"{text.name} is not UTF-8")


def _is(content: bytes, label: bytes | str) -> bool:
    if isinstance(label, bytes):
        return content == label
    return any(_decoded(content, charset) == label for charset in CHARSETS)


def _decoded(content: bytes, charset: str) -> str | None:
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        return None


def union_figures(tallies: Mapping[str, Tally]) -> dict[str, object]:
    union = set().union(*(tallies[name].correct for name in ("zxing", "zxing_all", "pyzbar")))
    union -= tallies["reserve"].correct
    if not union:
        raise NoMeasurement("no decoder read a single code")
    ours = tallies["ours"]
    figures: dict[str, object] = {"union": len(union)}
    figures["of_union"] = round(len(ours.correct & union) / len(union), 4)
    for name, tally in tallies.items():
        figures[f"{name}_correct"] = len(tally.correct)
        figures[f"{name}_wrong"] = tally.wrong
        figures[f"{name}_ms"] = round(median(tally.ms), 3)
    zxing = tallies["zxing"]
    figures["ratio_ms"] = round(median(ours.ms) / median(zxing.ms), 3)
    figures["ratio_wall"] = round(median(ours.wall) / median(zxing.wall), 3)
    return figures


def fast_figures(tallies: Mapping[str, Tally]) -> dict[str, object]:
    """Raises `NoMeasurement` when the fast pass read nothing."""
    pictures = {picture for picture, _ in tallies["fast"].correct}
    if not pictures:
        raise NoMeasurement("the fast pass read no code")
    ours, zxing = ([tallies[name].ms[at] for at in pictures] for name in ("ours", "zxing"))
    return {"fast_frames": len(pictures), "fast_ratio": round(median(ours) / median(zxing), 3)}


def holds(figures: Mapping[str, object], goals: Mapping[str, float]) -> bool:
    """Whether each figure keeps to its goal `NAME_min` or `NAME_max`."""
    for goal, bound in goals.items():
        name, _, way = goal.rpartition("_")
        figure = figures[name]
        assert isinstance(figure, int | float)
        if (figure < bound) if way == "min" else (figure > bound):
            return False
    return True


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="onecard bench qr")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--frames", "--quick", type=int, default=FRAMES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--second-opinion", action="store_true")
    options = parser.parse_args(arguments)
    if options.images and not options.images.is_dir():
        parser.error(f"--images: {options.images} is no folder")
    return options


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(sys.argv[1:])) + "\n")
