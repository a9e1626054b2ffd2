"""Makes docs/frames.md: what was read of each kind of frame, with pictures of hard ones.

`python -m benchmarks.frames docs` measures the corpus of `bench qr` and writes `frames.md` and
`frames/*.webp` there.
"""

import argparse
import datetime
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2

from benchmarks.measure import median
from benchmarks.qr import EMPTIES, FRAMES, SEED, TURNS, decoders_of, judge, painted, timed
from simulators.devices.painter import Frame, Painted, corpus, empties

LARGEST: Final = 30_000  # bytes of a picture
READ: Final = ("blur", "dim", "moire", "glare", "motion", "covered", "near", "far")
UNREAD: Final = ("blur", "dim", "glare", "covered", "motion", "bent")

PAGE: Final = """\
# Frames: what the eye reads, and what it does not

Made by `python -m benchmarks.frames docs` on {date}: {machine}. {frames} painted frames of
{kinds} kinds (`simulators/devices/painter.py`, seed {seed}), each kind in all degrees from easy to
what nobody reads. *Ours* is `drivers.eye.Eye` as it ships (`thorough`, no second opinion),
*second* with pyzbar as the second opinion, *zxing* is bare zxing-cpp, restricted to the same
format; *union* is what bare zxing-cpp or pyzbar read. Codes are counted, and right is only what
came out byte by byte: pyzbar turns binary and most Chinese contents into other bytes.

| Kind | Codes | Ours | Second | zxing | pyzbar | cv2 | Union | of it ours | Ours, ms |
|---|---|---|---|---|---|---|---|---|---|
{rows}

Wrong contents: {wrong}.

## Frames without a code

Milliseconds of a thorough look, of three the middle one; nothing was read in any of them.

| Scene | Frames | Median | Longest |
|---|---|---|---|
{scenes}

## Read, though bare zxing-cpp does not

{read}

## Not read

{unread}
"""


@dataclass
class Kind:
    """The figures of one kind of frame."""

    codes: int = 0
    right: Counter[str] = field(default_factory=Counter)
    union: int = 0
    of_union: int = 0
    ms: list[float] = field(default_factory=list)


@dataclass
class Page:
    """What is known when all frames were looked at."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    read: dict[str, Painted] = field(default_factory=dict)  # by ours, not by zxing
    unread: dict[str, Painted] = field(default_factory=dict)  # by nobody


def look(frames: Iterable[Painted]) -> Page:
    """Every decoder on every frame."""
    every = decoders_of()
    decoders = {name: every[name] for name in ("ours", "zxing", "pyzbar", "cv2")}
    decoders["second"] = decoders_of(second_opinion=True)["ours"]
    page = Page()
    for frame in frames:
        kind = page.kinds.setdefault(frame.kind, Kind())
        (picture,) = painted([frame])
        seen = {name: timed(decoder, frame.frame) for name, decoder in decoders.items()}
        right = {name: judge(read, picture)[0] for name, (read, *_) in seen.items()}
        union = right["zxing"] | right["pyzbar"]
        kind.codes += len(frame.contents)
        kind.right.update({name: len(labels) for name, labels in right.items()})
        kind.union += len(union)
        kind.of_union += len(right["ours"] & union)
        kind.ms.append(seen["ours"][1])
        page.wrong.update({name: judge(read, picture)[1] for name, (read, *_) in seen.items()})
        if right["ours"] and not right["zxing"]:
            page.read[frame.kind] = frame
        if not any(right.values()):
            page.unread.setdefault(frame.kind, frame)
    return page


def rows(kinds: Mapping[str, Kind]) -> str:
    lines = []
    for name, kind in sorted(kinds.items()):
        share = f"{100 * kind.of_union / kind.union:.1f} %" if kind.union else "–"
        right = [kind.right[decoder] for decoder in ("ours", "second", "zxing", "pyzbar", "cv2")]
        cells = [name, kind.codes, *right, kind.union, share, f"{median(kind.ms):.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def scenes(frames: Iterable[Painted]) -> str:
    ours = decoders_of()["ours"]
    times: dict[str, list[float]] = {}
    for frame in frames:
        looks = [timed(ours, frame.frame) for _ in range(TURNS)]
        if any(read for read, *_ in looks):
            raise AssertionError(f"something was read in the empty frame {frame.kind}")
        times.setdefault(frame.kind, []).append(median([ms for _, ms, _ in looks]))
    return "\n".join(
        f"| {name} | {len(ms)} | {median(ms):.1f} | {max(ms):.1f} |"
        for name, ms in sorted(times.items())
    )


def picture(frame: Frame) -> bytes:
    """As WebP of at most 30 KB; noise and moiré have to be made smaller for that."""
    for width in (640, 480, 320):
        height = frame.shape[0] * width // frame.shape[1]
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        for quality in (80, 50, 20):
            _, packed = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, quality])
            if len(packed) <= LARGEST:
                return packed.tobytes()
    raise ValueError("a frame does not fit into 30 KB")


def gallery(frames: Mapping[str, Painted], names: Sequence[str], folder: Path, what: str) -> str:
    lines = []
    for name in names:
        if name not in frames:
            continue
        file = f"{what}-{name}.webp"
        (folder / file).write_bytes(picture(frames[name].frame))
        height, width = frames[name].frame.shape
        told = f"{name} {frames[name].number}, {width} × {height}"
        lines.append(f"![{what}: {name}](frames/{file})\n\n*{told}*")
    return "\n\n".join(lines)


def write(folder: Path, frames: int, empty: int) -> None:
    """The page and its pictures."""
    pictures = folder / "frames"
    pictures.mkdir(parents=True, exist_ok=True)
    page = look(corpus(frames, SEED))
    names = {"ours": "ours", "second": "ours with a second opinion", "zxing": "zxing-cpp"}
    text = PAGE.format(
        date=datetime.date.today().isoformat(),
        machine=f"{os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}",
        frames=frames,
        kinds=len(page.kinds),
        seed=SEED,
        rows=rows(page.kinds),
        wrong=", ".join(f"{names.get(name, name)} {n}" for name, n in page.wrong.items()),
        scenes=scenes(empties(empty, SEED)),
        read=gallery(page.read, READ, pictures, "read"),
        unread=gallery(page.unread, UNREAD, pictures, "unread"),
    )
    (folder / "frames.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--empties", type=int, default=EMPTIES)
    options = parser.parse_args(sys.argv[1:])
    write(options.folder, options.frames, options.empties)
