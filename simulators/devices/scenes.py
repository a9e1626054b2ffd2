"""What stands before a camera besides a code: a hall, and the scenes in which there is none."""

import string
from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.random import Generator

Image = MatLike  # float32, height × width, 0 … 255
Size = tuple[int, int]  # width, height


def hall(rng: Generator, size: Size) -> Image:
    """Out of focus: large soft areas, as behind somebody who holds up a phone."""
    coarse = rng.uniform(30, 210, (6, 8)).astype(np.float32)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(2, 7))):
        x, y = (int(rng.integers(edge)) for edge in size)
        half = (int(rng.integers(15, 160)), int(rng.integers(15, 160)))
        shade = float(rng.uniform(20, 230))
        cv2.rectangle(image, (x - half[0], y - half[1]), (x + half[0], y + half[1]), shade, -1)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 3), 0, 255)


def faces(rng: Generator, size: Size) -> Image:
    image = hall(rng, size)
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.uniform(0.15, 0.85) * size[0]), int(rng.uniform(0.3, 0.7) * size[1])
        tall = int(rng.uniform(0.1, 0.3) * size[1])
        wide, skin = int(tall * 0.75), float(rng.uniform(120, 220))
        cv2.ellipse(image, (x, y), (wide, tall), 0, 0, 360, skin, -1, cv2.LINE_AA)
        for side in (-1, 1):
            eye = (x + side * wide // 2, y - tall // 5)
            cv2.circle(image, eye, max(tall // 9, 2), 245.0, -1, cv2.LINE_AA)
            cv2.circle(image, eye, max(tall // 18, 1), 25.0, -1, cv2.LINE_AA)
        cv2.ellipse(image, (x, y + tall // 2), (wide // 2, tall // 12), 0, 0, 360, 70.0, -1)
    return image


def text(rng: Generator, size: Size) -> Image:
    image = np.full((size[1], size[0]), int(rng.integers(180, 240)), np.uint8)
    letters = list(string.ascii_letters + string.digits + " " * 12)
    scale = rng.uniform(0.4, 1.2)
    for y in range(20, size[1], int(34 * scale) + 4):
        line = "".join(rng.choice(letters, 90))
        cv2.putText(image, line, (10, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 30.0, 1, cv2.LINE_AA)
    return image.astype(np.float32)


def checkerboard(rng: Generator, size: Size) -> Image:
    square = rng.uniform(4, 60)
    turn = rng.uniform(0, np.pi / 2)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    across = np.floor((x * np.cos(turn) + y * np.sin(turn)) / square)
    down = np.floor((y * np.cos(turn) - x * np.sin(turn)) / square)
    return np.where((across + down) % 2, np.float32(220), np.float32(40))


def texture(rng: Generator, size: Size) -> Image:
    """Gravel, cloth: noise of several sizes over each other."""
    image = np.zeros((size[1], size[0]), np.float32)
    for cell in (2, 4, 9, 23):
        shape = (size[1] // cell + 1, size[0] // cell + 1)
        image += cv2.resize(rng.uniform(0, 64, shape).astype(np.float32), size)
    return image


def stripes(rng: Generator, size: Size) -> Image:
    """A shirt, a shutter; at some widths as a bar code."""
    turn, width = rng.uniform(0, np.pi), rng.uniform(3, 40)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * (np.pi / width))
    return np.asarray(128 + 90 * np.sign(wave), np.float32)


def targets(rng: Generator, size: Size) -> Image:
    """Squares in squares: what looks like a code's corner and is none."""
    image = hall(rng, size)
    for _ in range(int(rng.integers(2, 12))):
        x, y = (int(rng.integers(30, edge - 30)) for edge in size)
        unit = int(rng.integers(2, 12))
        for half, shade in ((9, 225.0), (7, 30.0), (5, 225.0), (3, 30.0)):
            reach = half * unit // 2
            cv2.rectangle(image, (x - reach, y - reach), (x + reach, y + reach), shade, -1)
    return image


def modules_alone(rng: Generator, size: Size) -> Image:
    """Black and white squares in no order: a code's texture without its corners."""
    image = hall(rng, size)
    unit, count = int(rng.integers(3, 9)), int(rng.integers(21, 60))
    side = min(unit * count, size[1] - 20)
    cells = rng.integers(0, 2, (count, count)).astype(np.float32) * 200 + 30
    x, y = (size[0] - side) // 2, (size[1] - side) // 2
    image[y : y + side, x : x + side] = cv2.resize(
        cells, (side, side), interpolation=cv2.INTER_NEAREST
    )
    return image


def night(rng: Generator, size: Size) -> Image:
    return hall(rng, size) * np.float32(rng.uniform(0.0, 0.06))


def static(rng: Generator, size: Size) -> Image:
    """A camera without a signal."""
    return rng.uniform(0, 255, (size[1], size[0])).astype(np.float32)


EMPTY: Final[Mapping[str, Callable[[Generator, Size], Image]]] = {
    "hall": hall,
    "faces": faces,
    "text": text,
    "checkerboard": checkerboard,
    "texture": texture,
    "stripes": stripes,
    "targets": targets,
    "modules": modules_alone,
    "night": night,
    "static": static,
}
